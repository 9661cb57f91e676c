"""The bundle: a fitted ensemble as a folder of native files and one manifest, without pickle."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.fixes import parse_version

from . import __version__
from ._blending import Blender
from ._calibration import Calibrated
from ._column import Column
from ._contracts import Task
from ._fold_model import FittedMember, FoldModel
from ._leaderboard import Leaderboard
from ._members import as_blender, members
from ._outputs import PerOutput
from ._registry import origin
from ._spec import blender_from_spec, blender_to_spec, from_spec, to_spec
from ._split_plan import SplitPlan
from ._versions import distributions, installed_version
from .errors import BundleError, PluginError

FORMAT = 1
MANIFEST = "manifest.json"
_OOF = "oof.npz"
# Its arrays have the same format in every version, and a job's container brings its own.
_ANY_VERSION = frozenset({"numpy"})


def save(ensemble: Any, path: str | Path) -> Path:
    """Write a fitted ensemble; a bundle that stands there is replaced only once all is written."""
    target = check_free(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _write(ensemble, temporary)
        temporary.chmod(0o755)  # mkdtemp makes it private
        _move(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
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
    for new in sorted(temporary.iterdir(), key=lambda file: file.name == MANIFEST):
        old = target / new.name
        if old.is_dir():
            shutil.rmtree(old)
        new.replace(old)


def _write(ensemble: Any, folder: Path) -> None:
    spec = to_spec(ensemble, lenient=True)
    described = []
    libraries = {"byoe", "numpy", "scikit-learn"}
    for label, member in ensemble.members_.items():
        libraries |= _libraries(member.learner)
        models = []
        for number, model in enumerate(member.models):
            place = Path("members", label, str(number))
            (folder / place).mkdir(parents=True)
            models.append({"folder": place.as_posix(), **model.save(folder / place)})
        described.append({"label": label, "finalize": member.finalize, "models": models})
    _write_oof(ensemble, folder / _OOF)
    task = ensemble._task
    manifest = {
        "format": FORMAT,
        "byoe": __version__,
        "libraries": {name: installed_version(name) for name in sorted(libraries)},
        "spec": spec,
        "task": asdict(task),
        "classes": _classes(ensemble) if task.is_classification else None,
        "names": _names(ensemble),
        "columns": [asdict(column) for column in ensemble._columns],
        "sparse": ensemble._sparse,
        "members": described,
        "blender": _describe(ensemble.blender_),
        "held_out_blenders": [_describe(blender) for blender in _needed_for_intervals(ensemble)],
        "seed": ensemble._seed,
        "table": ensemble._digest,
        "metric": ensemble._metric_name,
        "score_estimate": _json_float(ensemble.score_estimate_),
        "fit_seconds": ensemble._seconds,
        "predict_seconds": ensemble._predicting,
        "leaderboard": [{key: _json_float(v) for key, v in row.items()} for row in ensemble.leaderboard_],
        "files": {
            file.relative_to(folder).as_posix(): _digest(file) for file in sorted(folder.rglob("*")) if file.is_file()
        },
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False), encoding="utf-8")


def load(path: str | Path, *, trusted: Sequence[str] = ()) -> Any:
    """Read a saved ensemble.

    Parameters
    ----------
    path : str or Path
        A folder that ``save`` wrote.
    trusted : sequence of str, default=()
        Types, as ``module.Class``, that an estimator's file may hold beyond those that byoe
        and the learners' own packages bring. Name them only for files whose origin you know.

    Returns
    -------
    EnsembleRegressor or EnsembleClassifier
        Fitted; its predictions are those of the ensemble that was saved.

    Raises
    ------
    BundleError
        When the folder is not a bundle, a file is missing or changed, or was written by a
        newer library than is installed here.

    Examples
    --------
    >>> import tempfile, byoe
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = byoe.EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = ensemble.save(f"{folder}/model")
    ...     bool((byoe.load(saved).predict(X) == ensemble.predict(X)).all())
    True
    """
    folder = Path(path)
    manifest = _read_manifest(folder)
    ensemble = from_spec(manifest["spec"])
    task = Task(**manifest["task"])
    learners = members(ensemble.learners)
    ensemble.members_ = {}
    for entry in manifest["members"]:
        learner = clone(learners[entry["label"]])
        models = [FoldModel.load(learner, folder / saved["folder"], saved, task, trusted) for saved in entry["models"]]
        ensemble.members_[entry["label"]] = FittedMember(entry["label"], learner, entry["finalize"], models)
    ensemble.blender_ = _restore(manifest["blender"], trusted)
    ensemble._held_out = tuple(_restore(entry, trusted) for entry in manifest["held_out_blenders"])
    ensemble._task = task
    ensemble._seed, ensemble._digest = manifest["seed"], manifest["table"]
    ensemble._seconds, ensemble._predicting = manifest["fit_seconds"], manifest["predict_seconds"]
    ensemble._metric_name = manifest["metric"]
    ensemble._columns = tuple(Column(saved["kind"], tuple(saved["categories"])) for saved in manifest["columns"])
    ensemble._sparse = manifest["sparse"]
    ensemble.n_features_in_ = len(ensemble._columns)
    if manifest["names"] is not None:
        ensemble.feature_names_in_ = np.asarray(manifest["names"], dtype=object)
    if task.is_classification:
        ensemble.classes_ = np.asarray(manifest["classes"]["values"], dtype=manifest["classes"]["dtype"])
    estimate = manifest["score_estimate"]
    ensemble.score_estimate_ = float("nan") if estimate is None else estimate
    ensemble.leaderboard_ = Leaderboard(manifest["leaderboard"])
    ensemble.failures_ = []
    _read_oof(ensemble, folder / _OOF)
    return ensemble


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"{folder} is not a bundle: it holds no {MANIFEST}") from error
    except ValueError as error:
        raise BundleError(f"{folder / MANIFEST} is damaged: {error}") from error
    if manifest.get("format") != FORMAT:
        raise BundleError(
            f"{folder} is a bundle of format {manifest.get('format')!r}, written by byoe {manifest.get('byoe')}; "
            f"byoe {__version__} reads format {FORMAT}"
        )
    for name, digest in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            raise BundleError(f"{folder}: the file {name} is missing")
        if _digest(file) != digest:
            raise BundleError(f"{folder}: the file {name} is not the one that was saved (its SHA-256 differs)")
    for name, written in manifest["libraries"].items():
        here = installed_version(name)
        if here is None:
            raise BundleError(f"{folder} needs {name} {written}, which is not installed")
        if name not in _ANY_VERSION and parse_version(here).release[:2] < parse_version(written).release[:2]:
            raise BundleError(
                f"{folder} was written with {name} {written}, and {here} is installed; upgrade {name}, since an "
                "older library may read a newer model wrongly"
            )
    return manifest


def _describe(blender: Blender) -> Any:
    """Return a fitted blender, or those of several targets, as JSON values."""
    if isinstance(blender, PerOutput):
        return [_describe(one) for one in blender.blenders_]
    if isinstance(blender, Calibrated):
        return {"calibration": blender.calibration(), "blender": _describe(blender.inner_)}
    state = blender.state()
    try:
        json.dumps(state, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"blender {blender.name}{origin(blender)}: state() is not JSON ({error}); return numbers, texts, lists and "
            "mappings, such as array.tolist()"
        ) from error
    return {"spec": blender_to_spec(blender), "state": state}


def _restore(entry: Any, trusted: Sequence[str]) -> Blender:
    if isinstance(entry, list):
        return PerOutput.of([_restore(one, trusted) for one in entry])
    if "calibration" in entry:
        return Calibrated.of(_restore(entry["blender"], trusted), entry["calibration"])
    blender: Blender = clone(as_blender(blender_from_spec(entry["spec"])))
    return blender.restore(entry["state"], trusted=trusted)


def _needed_for_intervals(ensemble: Any) -> tuple[Blender, ...]:
    """Return the folds' blenders where `predict_interval` uses them; a meta-model may be large."""
    used: bool = getattr(ensemble, "interval_method_", None) == "cv+"
    return ensemble._held_out if used else ()


def _libraries(learner: Any) -> set[str]:
    """Return the distributions whose code a member's files need."""
    if not learner.packages():
        return set(learner.needs)
    return {name for package in learner.packages() for name in distributions(package)}


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json_float(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _names(ensemble: Any) -> list[str] | None:
    names = getattr(ensemble, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _classes(ensemble: Any) -> dict[str, Any]:
    classes = ensemble.classes_
    values = classes.tolist()
    if not all(isinstance(value, (bool, int, float, str)) for value in values):
        raise BundleError(
            f"classes of type {type(values[0]).__name__} cannot be saved; use numbers, texts or booleans as labels"
        )
    return {"dtype": classes.dtype.str if classes.dtype != object else "object", "values": values}


def _write_oof(ensemble: Any, file: Path) -> None:
    plan = ensemble._plan
    arrays: dict[str, Any] = {"oof": ensemble.oof_predictions_, "y": ensemble._y}
    arrays |= {"blend": ensemble._blend_oof, "scored": ensemble._blend_scored}
    if ensemble._weight is not None:
        arrays["weight"] = ensemble._weight
    if plan.groups is not None:
        arrays["groups"] = np.unique(plan.groups, return_inverse=True)[1]
    for number, (train, test) in enumerate(plan.folds):
        arrays[f"test_{number}"] = test
        if not np.array_equal(train, np.setdiff1d(np.arange(plan.n_rows), test)):
            arrays[f"train_{number}"] = train
    np.savez(file, allow_pickle=False, **arrays)


def _read_oof(ensemble: Any, file: Path) -> None:
    with np.load(file, allow_pickle=False) as arrays:
        rows = np.arange(len(arrays["y"]))
        folds: list[Any] = []
        while f"test_{len(folds)}" in arrays:
            test = arrays[f"test_{len(folds)}"]
            train = f"train_{len(folds)}"
            folds.append((arrays[train] if train in arrays else np.setdiff1d(rows, test), test))
        ensemble._plan = SplitPlan(tuple(folds), len(rows), arrays.get("groups"))
        ensemble.oof_predictions_ = arrays["oof"]
        ensemble._y = arrays["y"]
        ensemble._weight = arrays.get("weight")
        ensemble._blend_oof = arrays["blend"]
        ensemble._blend_scored = arrays["scored"]
    ensemble.coverage_ = ensemble._plan.coverage
