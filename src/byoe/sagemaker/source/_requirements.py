"""What a job installs: everything that it imports, by version, and nothing that its container brings.

pip is told to look for no dependencies (``PIP_NO_DEPS=1``), since byoe depends on ``xgboost``,
and a job without a GPU gets ``xgboost-cpu``, which is the same library without hundreds of
megabytes of GPU code. So the list is complete in itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ..._version import DISTRIBUTION
from ...errors import JobError, ParameterError
from ...tools._versions import WITHOUT_GPU, distributions_of
from ...tools._wheels import direct_url

Find = Callable[[str], Distribution]
_Needed = tuple[str, frozenset[str], str]  # a name, its extras, and who needs it

# What byoe itself imports in a job.
ALWAYS = ("joblib", "narwhals", "scikit-learn", "skops", "threadpoolctl")
# Imported for plots or by tools beside alone, if at all.
_UNUSED = {
    "catboost": frozenset({"graphviz", "matplotlib", "plotly"}),
    "onnxruntime": frozenset({"flatbuffers", "packaging", "protobuf"}),
}
_GPU_ONLY = frozenset({"nvidia-nccl-cu12", "nvidia-nccl-cu13"})
# These let a job train, and then keep its endpoint from starting.
_BREAKS_SERVING = {"protobuf": SpecifierSet(">=5"), "setuptools": SpecifierSet(">=82")}


@dataclass(frozen=True)
class Container:
    """A container image, as far as requirements depend on it.

    Attributes
    ----------
    python : str
        Version of Python.
    brings : mapping of str to str or None
        Distributions that are there, with the version, or None where any version serves:
        what its toolkits were built with is never installed again.
    """

    python: str
    brings: Mapping[str, str | None] = field(default_factory=dict)

    def environment(self, extra: str = "") -> dict[str, str]:
        """Return what the markers of requirements are compared with."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": "x86_64",
            "platform_release": "",
            "platform_version": "",
            "extra": extra,
        }


NEWEST = Container(
    "3.12", {"numpy": None, "pandas": None, "pyarrow": None, "scipy": None, "scikit-learn": "1.9.0", "pip": None}
)


def requirements(
    names: Iterable[str],
    shipped: Iterable[str] = (),
    *,
    container: Container = NEWEST,
    gpu: bool = False,
    serves: bool = True,
    always: Iterable[str] = ALWAYS,
    find: Find = distribution,
) -> tuple[list[str], list[str]]:
    """Return the pinned requirements of a job, and further distributions that it needs as wheels.

    These were installed from a folder or a file, so that no index need have them.

    Parameters
    ----------
    names : iterable of str
        Distributions that the job imports.
    shipped : iterable of str
        Distributions that it gets as wheels; what they depend on is installed.
    container : Container
    gpu : bool, default=False
        Whether the job runs on a GPU.
    serves : bool, default=True
        Whether an endpoint installs them.
    always : iterable of str
        What is needed whatever the names.
    find : callable
        Returns an installed distribution.

    Raises
    ------
    JobError
        Names what is needed and not installed here, or would break the serving stack.
    """
    shipped = {canonicalize_name(name) for name in shipped}
    versions: dict[str, str] = {}
    wheels: set[str] = set()
    waiting: list[_Needed] = [(canonicalize_name(name), frozenset(), "the ensemble") for name in (*always, *names)]
    for name in shipped - {DISTRIBUTION}:
        here = _found(name, "the ensemble", find)
        _check_python(here, "the ensemble", container)
        waiting += _needs(here, frozenset(), container, find)
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras, owner = waiting.pop()
        if (name, extras) in seen or name in shipped or (not gpu and name in _GPU_ONLY):
            continue
        seen.add((name, extras))
        if name in _GPU_ONLY and not _installed(name, find):  # there are none but for Linux
            continue
        brought = container.brings.get(name, "")
        if brought is None:
            continue
        here = _found(name, owner, find)
        if brought == here.version:
            continue
        if serves:
            _check_serving(name, here.version, owner)
        _check_python(here, owner, container)
        waiting += _needs(here, extras, container, find)
        if direct_url(here):
            wheels.add(name)
        else:
            versions[name] = _published(name, here.version, owner)
    if not gpu:
        versions = {WITHOUT_GPU.get(name, name): version for name, version in versions.items()}
    return [f"{name}=={version}" for name, version in sorted(versions.items())], sorted(wheels)


def named(text: str) -> str:
    """Return the distribution that a requirement names, if what is installed here satisfies it.

    Raises
    ------
    ParameterError
        When the text is no requirement, or another version is installed.
    JobError
        When it is not installed.
    """
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        raise ParameterError(f"requirements holds {text!r}, which is no requirement: {error}") from error
    here = _found(canonicalize_name(wanted.name), "requirements", distribution).version
    if not wanted.specifier.contains(here, prereleases=True):
        raise ParameterError(
            f"requirements holds {text!r}, and {here} is installed here; a job gets what is installed here, so that "
            "both compute the same"
        )
    return canonicalize_name(wanted.name)


def _found(name: str, owner: str, find: Find) -> Distribution:
    for candidate in distributions_of(name):
        try:
            return find(candidate)
        except PackageNotFoundError:
            continue
    raise JobError(f"{owner} needs {name!r}, which is not installed here, so that its version is not known; install it")


def _installed(name: str, find: Find) -> bool:
    try:
        find(name)
    except PackageNotFoundError:
        return False
    return True


def _needs(dist: Distribution, extras: frozenset[str], container: Container, find: Find) -> list[_Needed]:
    """Return the requirements of a distribution, with their extras, in the container's environment.

    Raises
    ------
    JobError
        When it asks for another version there than here, where that is installed.
    """
    owner = canonicalize_name(dist.name)
    found: list[_Needed] = []
    for text in dist.requires or ():
        needed = Requirement(text)
        environments = [container.environment(extra) for extra in ("", *sorted(extras))]
        name = canonicalize_name(needed.name)
        if name in _UNUSED.get(owner, ()) or name == DISTRIBUTION:
            continue
        if name == "byoe":
            raise JobError(
                f"{owner} requires {text!r}, which on an index is another project with the same import name: it would "
                f"replace this library in the job. Let {owner} require {DISTRIBUTION!r}"
            )
        if needed.marker is None or any(map(needed.marker.evaluate, environments)):
            found.append((name, frozenset(needed.extras), owner))
            asked_here = needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *sorted(extras))
            )
            if not asked_here and name not in container.brings and name not in _GPU_ONLY:
                _check_version(needed, _found(name, owner, find).version, owner, container)
    return found


def _check_version(needed: Requirement, here: str, owner: str, container: Container) -> None:
    if not needed.specifier.contains(here, prereleases=True):
        raise JobError(
            f"{owner} needs {needed.name}{needed.specifier} under Python {container.python}, which the job's container "
            f"has, and {here} is installed here; a job gets what is installed here. Install such a version, or train "
            f"from Python {container.python}"
        )


def _check_python(here: Distribution, owner: str, container: Container) -> None:
    (wanted,) = here.metadata.get_all("Requires-Python") or [None]
    # The container's last digit is not known.
    if wanted and not any(SpecifierSet(wanted).contains(f"{container.python}.{last}") for last in range(30)):
        raise JobError(
            f"{owner} needs {here.name}, and the installed {here.version} is for Python {wanted}; the job's container "
            f"has {container.python}. Install a version that runs there"
        )


def _published(name: str, version: str, owner: str) -> str:
    if "+" in version:
        raise JobError(
            f"{owner} needs {name}, and {version} is installed here, a build of its own that no index has; install a "
            "published version"
        )
    return version


def _check_serving(name: str, version: str, owner: str) -> None:
    if name in _BREAKS_SERVING and version in _BREAKS_SERVING[name]:
        raise JobError(
            f"{owner} needs {name}, and {version} is installed here; an endpoint does not start with "
            f"{name}{_BREAKS_SERVING[name]}. Install an older {name}"
        )
