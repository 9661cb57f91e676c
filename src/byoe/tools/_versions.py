"""Which versions of libraries are installed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from .._version import __version__

# Distributions that jobs get the user's own modules in; elsewhere these are files.
OWN_CODE = "byoe_own_"


# The same library without GPU code, under the same import name, and hundreds of megabytes smaller.
WITHOUT_GPU = {"xgboost": "xgboost-cpu"}


def distributions_of(name: str) -> tuple[str, ...]:
    """Return the distributions that are this library, itself first."""
    return (name, WITHOUT_GPU[name]) if name in WITHOUT_GPU else (name,)


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, None where it is not installed; under "byoe" that of this library."""
    if name == "byoe":
        return __version__
    for candidate in distributions_of(name):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return None


def other_project() -> str | None:
    """Return the version of the other project whose import name is byoe, None where it is not installed beside ours."""
    try:
        return version("byoe")
    except PackageNotFoundError:
        return None


@cache
def _by_package() -> Mapping[str, list[str]]:
    return packages_distributions()


def distributions(package: str) -> frozenset[str]:
    """Return the distributions that bring a top-level package, by their usual names; none for the user's own module."""
    usual = {without: name for name, without in WITHOUT_GPU.items()}
    return frozenset(usual.get(name, name) for name in _by_package().get(package, ()) if not name.startswith(OWN_CODE))
