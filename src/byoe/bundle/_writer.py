"""The bundle: a fitted ensemble as a folder of native files and one manifest, without pickle."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import DISTRIBUTION, __version__
from ..blenders._wrapping import WrappingBlender
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..data._profile import Profile
from ..errors import BundleError, ByoeError, PluginError
from ..fitted._graph import CheckedGraph
from ..fitted._intervals import needed_blenders
from ..fitted._models import FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..fitted._stacked import StackedMember, needed
from ..learners._estimator import INNER
from ..registry._json_form import blender_to_spec, learner_to_spec, public_path
from ..registry._parts import parts_of
from ..registry._registry import distribution_of
from ..tools._skops import SKOPS, unknown_types
from ..tools._trust import advice, untrusted
from ..tools._versions import OWN_CODE, distributions, installed_version
from ..tools._whole import whole_folder
from ._manifest import GRAPH, MANIFEST, MEMBERS, OOF, PROFILE, write_manifest


@dataclass(frozen=True)
class BundleContents:
    """What a bundle holds of a fitted ensemble.

    Attributes
    ----------
    ensemble : Predicting
        Its members, its blender and the form of its table.
    spec : dict
        The JSON form of the unfitted ensemble.
    record : FitRecord
    score_estimate : float
    leaderboard : list of dict
    notes : list of str
        What the leaderboard says below its rows.
    columns : list of lists
        What is known of the columns beyond the form of the table.
    oof : OutOfFold or None
    profile : Profile or None
        What training held.
    graph : CheckedGraph or None
    """

    ensemble: Predicting
    spec: Mapping[str, Any]
    record: FitRecord
    score_estimate: float
    leaderboard: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    columns: Sequence[Sequence[Any]]
    oof: OutOfFold | None
    profile: Profile | None
    graph: CheckedGraph | None = None


def write(contents: BundleContents, path: str | Path, *, trusted: Sequence[str] | None) -> Path:
    """Write a fitted ensemble; a bundle that stands there is replaced only once all is written.

    With ``trusted=None`` any type is written.
    """
    target = check_free(path)
    with whole_folder(target, _move) as folder:
        _write(contents, folder, trusted)
    return target


def check_free(path: str | Path) -> Path:
    """Return the path if a bundle can be written there."""
    target = Path(path)
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file()):
        raise BundleError(f"{target} exists and is not a bundle; choose a new or an empty folder")
    return target


def _move(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.replace(target)
        return
    # The folder may be a mount point, which cannot be replaced: the manifest goes first and
    # comes back last, so that a folder with a manifest is always whole.
    (target / MANIFEST).unlink(missing_ok=True)
    for name in (OOF, PROFILE, GRAPH):  # which the new one may lack
        (target / name).unlink(missing_ok=True)
    for new in sorted(temporary.iterdir(), key=lambda file: file.name == MANIFEST):
        old = target / new.name
        if old.is_dir():
            shutil.rmtree(old)
        new.replace(old)


def _write(contents: BundleContents, folder: Path, trusted: Sequence[str] | None) -> None:
    ensemble, oof = contents.ensemble, contents.oof
    used = needed(ensemble.members_, ensemble.blender_.used(len(ensemble.members_)))
    known = {entry["label"] for entry in contents.spec["learners"]}
    described = [
        {**_write_member(member, folder), **_own_spec(member, known), "used": bool(used[i])}
        for i, member in enumerate(ensemble.members_.values())
    ]
    held_out = needed_blenders(ensemble) if oof is not None else ()
    quantiles = [] if oof is None else [_write_quantile(model, folder) for model in ensemble._quantiles]
    if trusted is not None and (refused := _refused(ensemble, folder, held_out, trusted)):
        tail = advice(sorted(refused), "save it, and later load it,")
        raise BundleError(f"the ensemble holds types that byoe does not know: {tail}")
    if oof is not None:
        _write_oof(oof, folder / OOF)
    if contents.profile is not None:
        text = json.dumps(contents.profile.as_json(), allow_nan=False)
        (folder / PROFILE).write_text(text + "\n", encoding="utf-8", newline="\n")
    graph = contents.graph
    if graph is not None:
        (folder / GRAPH).write_bytes(graph.data)
    task = ensemble._task
    for_blender = _blender_libraries(ensemble.blender_)
    libraries = {"byoe", "numpy", "scikit-learn", *for_blender}.union(
        *(entry["libraries"] for entry in (*described, *quantiles))
    )
    manifest = {
        "byoe": __version__,
        "libraries": {name: installed_version(name) for name in sorted(libraries)},
        "spec": contents.spec,
        "task": task.as_json(),
        "classes": _classes(ensemble.class_labels) if task.is_classification else None,
        **ensemble._form.as_json(),
        "members": described,
        "blender": _describe(ensemble.blender_),
        "blender_libraries": sorted(for_blender),
        "held_out_blenders": [_describe(blender) for blender in held_out],
        **({"quantiles": quantiles} if quantiles else {}),
        **asdict(contents.record),
        "score_estimate": _json_float(contents.score_estimate),
        "leaderboard": [{key: _json_float(v) for key, v in row.items()} for row in contents.leaderboard],
        "leaderboard_notes": list(contents.notes),
        **({} if ensemble._form.sparse else {"inferred": contents.columns}),
        **({} if graph is None else {"graph": {"rows": graph.rows, "difference": graph.difference}}),
    }
    write_manifest(folder, manifest)


def _write_member(member: FittedMember, folder: Path) -> dict[str, Any]:
    models = []
    for number, model in enumerate(member.models):
        place = Path(MEMBERS, member.label, str(number))
        (folder / place).mkdir(parents=True)
        try:
            models.append({"folder": place.as_posix(), **model.save(folder / place)})
        except (ByoeError, OSError):
            raise
        except Exception as error:
            raise BundleError(
                f"member {member.label!r} cannot be saved: {type(error).__name__}: {error}. Keep what no file can hold "
                f"(a lock, a connection, a function) out of what it fits, or leave it out by "
                f"drop_members({member.label!r})"
            ) from error
    return {
        "label": member.label,
        "finalize": member.finalize,
        **({"repeats": member.repeats} if member.repeats > 1 else {}),
        "distribution": distribution_of(member.learner),
        "libraries": sorted(_libraries(member.learner, folder / MEMBERS / member.label)),
        "models": models,
        **({"below": list(member.feeders)} if isinstance(member, StackedMember) else {}),
    }


def _own_spec(member: FittedMember, known: Collection[str]) -> dict[str, Any]:
    """Return the learner of a member that the constructor's list does not hold: of a second layer, or of spare time."""
    return {} if member.label in known else {"spec": learner_to_spec(member.label, member.learner)}


def _write_quantile(member: FittedMember, folder: Path) -> dict[str, Any]:
    """Write a model of a quantile beside the members, under a label that none of them can have; with its learner."""
    return {**_write_member(member, folder), "spec": learner_to_spec(member.label, member.learner), "used": False}


def _libraries(learner: Learner, folder: Path) -> set[str]:
    """Return the distributions whose code a member's files need."""
    found = set(learner.needs) if not learner.packages() else set()
    found |= {name for package in learner.packages() for name in distributions(package)}
    for file in folder.rglob(SKOPS):
        found |= _skops_libraries(file.read_bytes())
    for manifest in folder.rglob(MANIFEST):  # of ensembles inside
        found |= json.loads(manifest.read_text(encoding="utf-8"))["libraries"].keys() - {"byoe", "numpy"}
    return found | _own_library(learner)


def _skops_libraries(data: bytes) -> set[str]:
    """Return the distributions that read a skops file: also of what is inside a pipeline."""
    packages = {name.partition(".")[0] for name in unknown_types(data, frozenset(), None)}
    return {"scikit-learn", "skops"}.union(*map(distributions, packages))


def _blender_libraries(blender: Blender) -> set[str]:
    inside = [*map(_blender_libraries, blender.parts()), *map(_skops_libraries, blender.skops_files())]
    return _own_library(blender).union(blender.needs, *inside)


def _own_library(thing: Learner | Blender) -> set[str]:
    """Return the distribution of a plugin; what a job makes of the user's modules is none, elsewhere they are files."""
    own = distribution_of(thing)
    return set() if own in (None, DISTRIBUTION) or own.startswith(OWN_CODE) else {own}


def _refused(ensemble: Predicting, folder: Path, held_out: Sequence[Blender], trusted: Sequence[str]) -> set[str]:
    """Return the types of what was written that could not be loaded again, unless the user named them."""
    named = [public_path(kind).replace(":", ".") for kind in parts_of(ensemble).classes]
    refused = set(untrusted(named, trusted))
    for label, member in [*ensemble.members_.items(), *((member.label, member) for member in ensemble._quantiles)]:
        trusts = member.learner.trusts() if hasattr(member.learner, "trusts") else frozenset()
        own = folder / MEMBERS / label
        for file in own.rglob(SKOPS):
            if INNER not in file.relative_to(own).parts:
                refused.update(unknown_types(file.read_bytes(), trusts, trusted))
        for number, fold_model in enumerate(member.models):
            for model, place in zip(fold_model.models, fold_model.folders(own / str(number)), strict=True):
                if isinstance(inner := getattr(model, "estimator", None), Predicting):
                    refused.update(_refused(inner, place / INNER, (), trusted))  # saved without its out-of-fold data
    for blender in (ensemble.blender_, *held_out):
        for data in _skops_files(blender):
            refused.update(unknown_types(data, frozenset(), trusted))
    return refused


def _skops_files(blender: Blender) -> Iterator[bytes]:
    yield from blender.skops_files()
    for part in blender.parts():
        yield from _skops_files(part)


def _describe(blender: Blender) -> Any:
    """Return a fitted blender, or those of several targets, as JSON values."""
    if isinstance(blender, WrappingBlender):
        return blender.described([_describe(part) for part in blender.parts()])
    state = blender.state()
    try:
        json.dumps(state, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"blender {blender.name}{blender.origin}: state() is not JSON ({error}); return numbers, texts, lists and "
            "mappings, such as array.tolist()"
        ) from error
    return {"spec": blender_to_spec(blender), "distribution": distribution_of(blender), "state": state}


def _json_float(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _classes(classes: NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    if not all(isinstance(value, (bool, int, float, str)) for value in values):
        raise BundleError(
            f"classes of type {type(values[0]).__name__} cannot be saved; use numbers, texts or booleans as labels"
        )
    return {"dtype": classes.dtype.str if classes.dtype != object else "object", "values": values}


def _write_oof(oof: OutOfFold, file: Path) -> None:
    arrays: dict[str, Any] = {"oof": oof.predictions, "y": oof.y, "blend": oof.blend, "scored": oof.scored}
    if oof.quantiles is not None:
        arrays["quantiles"] = oof.quantiles
    if oof.weight is not None:
        arrays["weight"] = oof.weight
    plan = oof.plan
    if plan.groups is not None:
        arrays["groups"] = np.unique(plan.groups, return_inverse=True)[1]
    for number, (train, test) in enumerate(plan.folds):
        arrays[f"test_{number}"] = test
        if not np.array_equal(train, np.setdiff1d(np.arange(plan.n_rows), test)):
            arrays[f"train_{number}"] = train
    np.savez(file, allow_pickle=False, **arrays)
