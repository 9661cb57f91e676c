"""What both doors to a bundle read of it: `byoe.load`, which gives the estimator, and `_runtime`, which predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..blenders._calibrated import Calibrated
from ..blenders._per_output import PerOutput
from ..blenders._wrapping import WrappingBlender
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..data._column import Column
from ..errors import BundleError
from ..fitted._models import FittedMember, FoldModel
from ..folds._plan import SplitPlan
from ..registry._json_form import decode
from ..registry._registry import as_saved
from ._manifest import MEMBERS, OOF, check_files, check_libraries, read_manifest

_WRAPPING: tuple[type[WrappingBlender], ...] = (PerOutput, Calibrated)
_NATIVE = frozenset({"catboost", "lightgbm", "scipy", "xgboost"})


class LaterModels(Sequence[FoldModel]):
    """Models that are read when they are asked for, with their libraries.

    Parameters
    ----------
    count : int
    read : callable
        Returns them.
    """

    def __init__(self, count: int, read: Callable[[], list[FoldModel]]) -> None:
        self._count, self._read = count, read
        self._found: list[FoldModel] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> FoldModel: ...
    @overload
    def __getitem__(self, index: slice) -> list[FoldModel]: ...
    def __getitem__(self, index: int | slice) -> FoldModel | list[FoldModel]:
        if self._found is None:
            self._found = self._read()
        return self._found[index]

    def __iter__(self) -> Iterator[FoldModel]:
        return iter(self[:])

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self[:],)


class BundleReader:
    """A bundle whose files are all what they were when it was saved.

    Parameters
    ----------
    path : str or Path
    trusted : sequence of str
        As for `byoe.load`.
    sha256 : str or None
        The digest that it must have.
    """

    def __init__(self, path: str | Path, trusted: Sequence[str] = (), sha256: str | None = None) -> None:
        self.folder = Path(path)
        self.manifest = read_manifest(self.folder, sha256)
        self.trusted = tuple(trusted)
        self.task = Task(**self.manifest["task"])
        self._learners = {entry["label"]: entry for entry in self.manifest["spec"]["learners"]}
        used = [entry["libraries"] for entry in self.manifest["members"] if entry["used"]]
        self.check(sorted({"byoe", "numpy", *self.manifest["blender_libraries"]}.union(*used)))

    @property
    def native(self) -> bool:
        """Whether what the blend uses is predicted by numpy and the boosters' own libraries alone."""
        entries = [entry for entry in self.manifest["members"] if entry["used"]]
        needed = {name for entry in entries for name in entry["libraries"]}
        frames = any(model["frames"] for entry in entries for model in entry["models"])
        return not frames and needed.union(self.manifest["blender_libraries"]) <= _NATIVE

    def _still(self, beginning: str) -> None:
        """Raise a BundleError where files that are read late are no more what they were."""
        files = self.manifest["files"]
        check_files(self.folder, {name: files[name] for name in files if name.startswith(beginning)})

    def check(self, libraries: Sequence[str]) -> None:
        """Raise a BundleError for a library that is not installed, or is too old."""
        check_libraries(self.folder, self.manifest["libraries"], libraries)

    def fill(self, target: Any) -> None:
        """Give an ensemble its fitted members and blender, and what it knows of the table."""
        manifest = self.manifest
        target.members_ = {entry["label"]: self._member(entry) for entry in manifest["members"]}
        target.blender_ = self.blender(manifest["blender"])
        target._task = self.task
        target._columns = tuple(Column(saved["kind"], tuple(saved["categories"])) for saved in manifest["columns"])
        target._dtypes = tuple(saved["dtype"] for saved in manifest["columns"])
        target._sparse = manifest["sparse"]
        target.n_features_in_ = len(target._columns)
        if manifest["names"] is not None:
            target.feature_names_in_ = np.asarray(manifest["names"], dtype=object)
        if self.task.is_classification:
            target.classes_ = np.asarray(manifest["classes"]["values"], dtype=manifest["classes"]["dtype"])

    def held_out(self) -> tuple[Blender, ...]:
        """Return the blenders that did not see a fold, where intervals need them."""
        return tuple(self.blender(entry) for entry in self.manifest["held_out_blenders"])

    def _member(self, entry: Mapping[str, Any]) -> FittedMember:
        learner = self._learner(entry)

        def read(*, late: bool = True) -> list[FoldModel]:
            if late:
                self._still(f"{MEMBERS}/{entry['label']}/")
            self.check(entry["libraries"])
            return [
                FoldModel.load(learner, self.folder / saved["folder"], saved, self.task, self.trusted)
                for saved in entry["models"]
            ]

        models: Any = read(late=False) if entry["used"] else LaterModels(len(entry["models"]), read)
        return FittedMember(entry["label"], learner, entry["finalize"], models)

    def _learner(self, entry: Mapping[str, Any]) -> Learner:
        saved = self._learners[entry["label"]]
        if "learner" in saved:
            params = decode(saved["params"], self.trusted)
            registered: Learner = as_saved("learner", saved["learner"], params, entry["distribution"])
            return registered
        from ..learners._from_estimator import FromEstimator

        return FromEstimator(decode(saved["estimator"], self.trusted))

    def blender(self, entry: Any) -> Blender:
        """Return a fitted blender, or that of several targets, of its description."""
        for kind in _WRAPPING:
            parts = kind.described_parts(entry)
            if parts is not None:
                return kind.restored(entry, [self.blender(part) for part in parts])
        spec, made = entry["spec"], None
        if "blender" in spec:
            params = decode(spec["params"], self.trusted)
            made = as_saved("blender", spec["blender"], params, entry["distribution"])
        else:
            from ..blenders._meta_model import MetaModel

            made = MetaModel(decode(spec["estimator"], self.trusted))
        return made.restore(entry["state"], trusted=self.trusted)

    def read_oof(self, target: Any) -> None:
        """Give an ensemble its out-of-fold predictions, the folds, and the target that they are of."""
        if OOF not in self.manifest["files"]:
            raise BundleError(
                f"{self.folder} was saved without its out-of-fold data, which intervals need; save it with oof=True"
            )
        self._still(OOF)
        with np.load(self.folder / OOF, allow_pickle=False) as arrays:
            rows = np.arange(len(arrays["y"]))
            folds: list[Any] = []
            while f"test_{len(folds)}" in arrays:
                test = arrays[f"test_{len(folds)}"]
                train = f"train_{len(folds)}"
                folds.append((arrays[train] if train in arrays else np.setdiff1d(rows, test), test))
            target._plan = SplitPlan(tuple(folds), len(rows), arrays.get("groups"))
            target.oof_predictions_ = arrays["oof"]
            target._y = arrays["y"]
            target._weight = arrays.get("weight")
            target._blend_oof = arrays["blend"]
            target._blend_scored = arrays["scored"]
