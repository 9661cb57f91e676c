"""What both doors to a bundle read of it: `byoe.load`, which gives the estimator, and `_runtime`, which predicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..blenders._calibrated import Calibrated
from ..blenders._per_output import PerLabel, PerOutput
from ..blenders._wrapping import WrappingBlender
from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..data._form import TableForm
from ..data._listed import Columns
from ..data._profile import Profile
from ..errors import BundleError
from ..fitted._graph import BlendGraph
from ..fitted._models import FittedMember, FoldModel
from ..fitted._out_of_fold import OutOfFold
from ..fitted._record import FitRecord
from ..fitted._stacked import StackedMember
from ..folds._plan import SplitPlan
from ..registry._json_form import decode
from ..registry._registry import as_saved
from ._manifest import GRAPH, MEMBERS, OOF, PROFILE, check_files, check_libraries, read_manifest

_WRAPPING: tuple[type[WrappingBlender], ...] = (PerOutput, PerLabel, Calibrated)


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
    members : bool, default=True
        Whether members will be read, so that their libraries must be there; else `check_members` asks for them later.
    """

    def __init__(
        self, path: str | Path, trusted: Sequence[str] = (), sha256: str | None = None, *, members: bool = True
    ) -> None:
        self.folder = Path(path)
        self.manifest = read_manifest(self.folder, sha256)
        self.trusted = tuple(trusted)
        self.task = Task(**self.manifest["task"], classes=self.classes)
        self._learners = {entry["label"]: entry for entry in self.manifest["spec"]["learners"]}
        self.check(["byoe", "numpy"])
        if members:
            self.check_members()

    @property
    def lean(self) -> bool:
        """Whether what the blend uses is read, and predicts, without scikit-learn and pandas.

        Learners and blenders say so themselves. Nothing is loaded to ask them but their own modules.
        """
        entries = [entry for entry in self.manifest["members"] if entry["used"]]
        models = [model for entry in (*entries, *self._quantiles) for model in entry["models"]]
        if any(model["frames"] for model in models):
            return False
        if any(one and one["skops"] for model in models for one in model.get("transforms", ())):
            return False
        specs = [entry.get("spec") or self._learners[entry["label"]] for entry in (*entries, *self._quantiles)]
        members = all(map(_registered, specs)) and all(self._learner(one).lean for one in (*entries, *self._quantiles))
        return members and self._lean_blender(self.manifest["blender"])

    def _lean_blender(self, entry: Any) -> bool:
        for kind in _WRAPPING:
            parts = kind.described_parts(entry)
            if parts is not None:
                return all(map(self._lean_blender, parts))
        return _registered(entry["spec"]) and self._unfitted_blender(entry).lean

    def _still(self, beginning: str) -> None:
        """Raise a BundleError where files that are read late are no more what they were."""
        files = self.manifest["files"]
        check_files(self.folder, {name: files[name] for name in files if name.startswith(beginning)})

    def check(self, libraries: Sequence[str]) -> None:
        """Raise a BundleError for a library that is not installed, or is too old."""
        check_libraries(self.folder, self.manifest["libraries"], libraries)

    def check_members(self) -> None:
        """Raise a BundleError where a library lacks that a member in use, or the blender, needs."""
        used = [entry["libraries"] for entry in self.manifest["members"] if entry["used"]]
        self.check(sorted(set(self.manifest["blender_libraries"]).union(*used)))

    @property
    def form(self) -> TableForm:
        """What the table of the fit was like."""
        return TableForm.of_json(self.manifest)

    @property
    def columns(self) -> Columns:
        """What was inferred of the columns; of an old bundle what the form of its table tells."""
        return Columns.of(self.form, self.manifest.get("inferred"))

    @property
    def classes(self) -> NDArray[Any] | None:
        """The classes of a classification, of shape (n_classes,)."""
        said = self.manifest["classes"]
        return None if said is None else np.asarray(said["values"], dtype=said["dtype"])

    @property
    def record(self) -> FitRecord:
        """What the fit was."""
        return FitRecord.of_json(self.manifest)

    def members(self) -> dict[str, FittedMember]:
        """Return the fitted members, by label."""
        found: dict[str, FittedMember] = {}
        for entry in self.manifest["members"]:  # those of the second layer come last
            member = self._member(entry)
            if labels := entry.get("below"):
                below = tuple(found[label] for label in labels)
                own = member.label, member.learner, member.finalize, member.models, member.repeats
                member = StackedMember(*own, below, self.task)
            found[entry["label"]] = member
        return found

    def blender(self) -> Blender:
        """Return the fitted blender."""
        return self._blender(self.manifest["blender"])

    def held_out(self) -> tuple[Blender, ...]:
        """Return the blenders that did not see a fold, where intervals need them."""
        return tuple(self._blender(entry) for entry in self.manifest["held_out_blenders"])

    def quantiles(self) -> tuple[FittedMember, ...]:
        """Return the models of the quantiles of the blend's residual, where there are any; read when first asked."""
        return tuple(map(self._member, self._quantiles))

    @property
    def _quantiles(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.manifest.get("quantiles", ())
        return found

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
        return FittedMember(entry["label"], learner, entry["finalize"], models, entry.get("repeats", 1))

    def _learner(self, entry: Mapping[str, Any]) -> Learner:
        saved = entry.get("spec") or self._learners[entry["label"]]
        if "learner" in saved:
            params = decode(saved["params"], self.trusted)
            registered: Learner = as_saved("learner", saved["learner"], params, entry["distribution"])
            return registered
        from ..learners._from_estimator import FromEstimator

        return FromEstimator(decode(saved["estimator"], self.trusted))

    def _blender(self, entry: Any) -> Blender:
        """Return a fitted blender of its description."""
        for kind in _WRAPPING:
            parts = kind.described_parts(entry)
            if parts is not None:
                return kind.restored(entry, [self._blender(part) for part in parts])
        return self._unfitted_blender(entry).restore(entry["state"], trusted=self.trusted)

    def _unfitted_blender(self, entry: Mapping[str, Any]) -> Blender:
        spec = entry["spec"]
        if "blender" in spec:
            params = decode(spec["params"], self.trusted)
            registered: Blender = as_saved("blender", spec["blender"], params, entry["distribution"])
            return registered
        from ..blenders._meta_model import MetaModel

        return MetaModel(decode(spec["estimator"], self.trusted))

    @property
    def profile(self) -> Profile | None:
        """What training held; None where the bundle does not tell, as older ones."""
        if PROFILE not in self.manifest["files"]:
            return None
        try:
            return Profile.of_json(json.loads((self.folder / PROFILE).read_bytes()))
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{self.folder / PROFILE} is no profile of a training table: {error!r}") from error

    @property
    def has_graph(self) -> bool:
        """Whether it was saved with a graph."""
        return GRAPH in self.manifest["files"]

    def graph(self) -> BlendGraph:
        """Return the graph, as ONNX Runtime computes it."""
        if not self.has_graph:
            raise BundleError(
                f"{self.folder} holds no graph; save it with save(path, graph=X), X being the training table, or use "
                "runtime='libraries'"
            )
        return BlendGraph((self.folder / GRAPH).read_bytes(), self.task)

    @property
    def has_oof(self) -> bool:
        """Whether the out-of-fold data were saved."""
        return OOF in self.manifest["files"]

    def read_oof(self) -> OutOfFold:
        """Return the out-of-fold data, the folds, and the target that they are of."""
        if not self.has_oof:
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
            plan = SplitPlan(tuple(folds), len(rows), arrays.get("groups"))
            scores = arrays["blend"], arrays["scored"]
            quantiles = arrays.get("quantiles") if self._quantiles else None
            return OutOfFold(arrays["oof"], arrays["y"], arrays.get("weight"), plan, *scores, quantiles)


def _registered(spec: Mapping[str, Any]) -> bool:
    """Say whether a learner or blender is registered, and none of its parameters an estimator of the user's."""
    return "estimator" not in spec and '"$object"' not in json.dumps(spec["params"])
