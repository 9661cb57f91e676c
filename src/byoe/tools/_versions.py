"""Which versions of libraries are installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version

# Distributions that jobs get the user's own modules in; elsewhere these are files.
OWN_CODE = "byoe_own_"


# The same library without GPU code, under the same import name, and hundreds of megabytes smaller.
WITHOUT_GPU = {"xgboost": "xgboost-cpu"}


def distributions_of(name: str) -> tuple[str, ...]:
    """Return the distributions that are this library, itself first."""
    return (name, WITHOUT_GPU[name]) if name in WITHOUT_GPU else (name,)


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, None where it is not installed."""
    for candidate in distributions_of(name):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None


@cache
def _by_package() -> Mapping[str, list[str]]:
    return packages_distributions()


def distributions(package: str) -> frozenset[str]:
    """Return the distributions that bring a top-level package; none for a module of the user's own."""
    return frozenset(name for name in _by_package().get(package, ()) if not name.startswith(OWN_CODE))
