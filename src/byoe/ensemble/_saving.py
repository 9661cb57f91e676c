"""A fitted ensemble as files, and back from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..bundle._reader import BundleReader
from ..bundle._writer import BundleContents, check_free, write
from ..data._table import Table
from ..engine._crossfit import Failure
from ..errors import BundleError, InputError
from ..fitted._graph import CheckedGraph
from ..registry._json_form import arguments
from ..scoring._leaderboard import Leaderboard
from ._base import BaseEnsemble
from ._spec import to_spec


class SavedEnsemble(BaseEnsemble):
    """Bundles, and graphs of ONNX."""

    def save(
        self,
        path: str | Path,
        *,
        oof: bool = True,
        profile: bool = True,
        graph: Any = None,
        trusted: Sequence[str] = (),
    ) -> Path:
        """Write the fitted ensemble as a bundle: a folder with a manifest and native files.

        Parameters
        ----------
        path : str or Path
            A folder that does not exist yet, is empty, or holds an older bundle.
        oof : bool, default=True
            Whether to keep the out-of-fold predictions, the folds and the target. Without them the
            bundle predicts and explains, and can neither be blended again nor give intervals.
        profile : bool, default=True
            Whether to keep what training held, column by column: range, missing cells, and how many cells are in each
            of a few bins. Without it `drift` and endpoints cannot tell rows that are not like those of the training.
        graph : array-like or frame of shape (n_samples, n_features), default=None
            The table that the ensemble was fitted on: then the bundle holds the graph of `to_onnx`, too, whose
            predictions of these rows (of more than 10,000 as many of them) are those of the ensemble within one part
            in a million. ``byoe.load(path, runtime="onnx")`` and ``byoe serve --runtime onnx`` predict by it. Needs
            ``byoe-ensemble[onnx]``.
        trusted : sequence of str, default=()
            Classes, as ``module.Class`` or ``package.*``, that the bundle may hold beyond those that
            byoe and installed plugins bring. `byoe.load` wants the same names.

        Returns
        -------
        Path
            The digest of all that was written is the first word of its file ``manifest.sha256``.

        Raises
        ------
        BundleError
            When the folder holds something else, the classes cannot be written as JSON, or a type is
            not trusted.
        SpecError
            When JSON cannot express a member or the blender.
        InputError
            When ``graph`` is another table than that of the fit.
        ParameterError
            When the ensemble has no form in ONNX, with what stands in the way, or its graph predicts a row otherwise.
        """
        check_is_fitted(self, "members_")
        return self._write(path, oof=oof, profile=profile, graph=graph, trusted=trusted)

    def _write(
        self, path: str | Path, *, oof: bool, profile: bool, graph: Any = None, trusted: Sequence[str] | None
    ) -> Path:
        if oof and self._out_of_fold is None:
            raise BundleError("the ensemble was loaded from a bundle without out-of-fold data; save it with oof=False")
        spec, known = to_spec(self, lenient=True), self._out_of_fold if oof else None
        board, held = self.leaderboard_, self._profile if profile else None
        columns, score = self.columns_.as_json(), self.score_estimate_
        check_free(path)
        checked = None if graph is None else self._checked_graph(graph, models=known is not None)
        failures = [{"label": one.label, "fold": one.fold, "error": one.error} for one in self.failures_]
        record = replace(self._record, failures=failures)
        contents = BundleContents(self, spec, record, score, board, board.notes, columns, known, held, checked)
        return write(contents, path, trusted=trusted)

    def _training_table(self, X: Any) -> Table:
        table, known = self._read(X), self._out_of_fold
        if table.digest() != self._record.table:
            size = "" if known is None else f" of {len(known.y)} rows"
            raise InputError(
                f"X, with {len(table)} rows, is not the table{size} that the ensemble was fitted on; pass the same "
                "rows in the same order"
            )
        return table

    def _checked_graph(self, X: Any, *, models: bool) -> CheckedGraph:
        from ..onnx._checked import checked_graph

        return checked_graph(self, self._training_table(X), models=models)

    def _filled(self, reader: BundleReader) -> Self:
        """Take what a bundle holds of a fitted ensemble."""
        self.members_, self.blender_ = reader.members(), reader.blender()
        self._task, self._form, self._record = reader.task, reader.form, reader.record
        self._held_out, self.columns_ = reader.held_out(), reader.columns
        self._learn_names(self._form)
        if (classes := reader.classes) is not None:
            self._learn_classes(classes)
        estimate = reader.manifest["score_estimate"]
        self.score_estimate_ = float("nan") if estimate is None else estimate
        board = reader.manifest["leaderboard"]
        self.leaderboard_ = Leaderboard(board, reader.manifest.get("leaderboard_notes", ()))
        self.failures_ = [Failure(**failure, traceback="") for failure in self._record.failures]
        self._out_of_fold = reader.read_oof() if reader.has_oof else None
        self._quantiles = reader.quantiles()
        self._profile = reader.profile
        return self

    # An ensemble in an ensemble is a bundle in a bundle: of what predicts, which is all of it that is used.

    def _save_inside(self, folder: Path) -> None:
        self._write(folder, oof=False, profile=False, trusted=None)  # whoever saves the outer one names what is trusted

    def _read_inside(self, folder: Path, trusted: Sequence[str]) -> Self:
        """Return the fitted ensemble that was saved inside another one; this one is not fitted, and of its class."""
        reader = BundleReader(folder, trusted)
        names = self._get_param_names()
        params = arguments(reader.manifest["spec"], reader.trusted)
        made: Self = clone(self).set_params(**{name: value for name, value in params.items() if name in names})
        return made._filled(reader)

    def to_onnx(self, path: str | Path) -> Path:
        """Write the fitted ensemble as one graph of ONNX, which predicts without byoe and without Python.

        The input ``X`` is a float64 matrix of shape (N, n_features) in the order of the ensemble's
        columns: NaN for a missing cell, for a category its code, for a date the days since 1970.
        The output of a regression is ``prediction``, of shape (N,) or (N, n_outputs); of classes
        ``label``, of shape (N,), and ``probabilities``, of shape (N, n_classes), where the blender
        gives them. The graph's metadata ``byoe`` holds, as JSON, the columns with their categories,
        whose positions are the codes, and the classes.

        All is computed in float64, and trees compare as their libraries do, so that predictions
        differ by rounding: about 1e-15, and with XGBoost, which adds up in float32, 1e-6 of the
        largest prediction. Needs ``byoe-ensemble[onnx]``; the operators are those of ONNX 1.16.

        Parameters
        ----------
        path : str or Path
            A file, which is replaced.

        Returns
        -------
        Path

        Raises
        ------
        ParameterError
            Names all members and the blender that have no form in ONNX, each with the reason.
            Members that the blend gives no weight are left out, as by ``prune``, and need none.
        MissingExtraError
            When ``byoe-ensemble[onnx]`` is not installed.
        """
        from ..onnx._export import to_onnx

        check_is_fitted(self, "members_")
        return to_onnx(self, path)
