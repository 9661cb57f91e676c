"""Which versions of libraries are installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, version
from importlib.metadata import distributions as all_distributions

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


def by_package() -> Mapping[str, list[Distribution]]:
    """Return who brings each top-level package, without their metadata: to read those of all takes half a second."""
    brought = defaultdict(list)
    for one in all_distributions():
        for package in (one.read_text("top_level.txt") or "").split() or _listed(one.read_text("RECORD") or ""):
            brought[package].append(one)
    return brought


def _listed(record: str) -> set[str]:
    """Return the packages and modules whose files a record lists."""
    paths = (line.partition(",")[0] for line in record.splitlines())
    code = (path.partition("/") for path in paths if path.endswith((".py", ".so", ".pyd")))
    return {first if rest else first.partition(".")[0] for first, _, rest in code}


_known = cache(by_package)


def distributions(package: str) -> frozenset[str]:
    """Return the distributions that bring a top-level package, by their usual names; none for the user's own module."""
    usual = {without: name for name, without in WITHOUT_GPU.items()}
    names = [one.metadata["Name"] for one in _known().get(package, ())]
    return frozenset(usual.get(name, name) for name in names if not name.startswith(OWN_CODE))
