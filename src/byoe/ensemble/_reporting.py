"""A fitted ensemble as one page for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..data._containers import as_column, as_table, rows_of
from ..data._input import read_known_target
from ..errors import ByoeError, InputError, ParameterError, SpecError
from ..fitted._explanation import Explanation
from ..report._report import Recipe, report
from ..report._rows import Rows
from ..tools._whole import whole_file
from ._code import as_code
from ._explaining import ExplainableEnsemble, Request
from ._spec import to_spec

_SHOWN = 2_000  # rows in pictures
_EXPLAINED = 300
_VARIED = 200  # along one column
_SHUFFLED, _SHUFFLES = 1_000, 3
_MOST_SHUFFLED = 100  # columns
_CELLS = 20_000  # of many columns fewer rows are shuffled


class ReportingEnsemble(ExplainableEnsemble):
    """The report."""

    def report(self, path: str | Path, X: Any = None, y: Any = None) -> Path:
        """Write what is known of the ensemble into one page of HTML.

        It tells what was fitted on what, what was inferred of each column, what the fit warned of, the leaderboard,
        pictures, and how to do it again. The page needs nothing but itself, neither a network nor scripts, and
        can be sent, printed and read on a phone.

        Parameters
        ----------
        path : str or Path
            A file that ends in .html, which is replaced.
        X : array-like or frame of shape (n_samples, n_features), default=None
            Rows that were not in the fit. The page then compares them with those of the training, and shows what the
            ensemble looks at. Of the rows of the fit it shows the latter alone.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            The target of these rows, by which they are scored and drawn.

        Returns
        -------
        Path

        Raises
        ------
        ParameterError
            When ``path`` is a folder or no page.
        InputError
            When the rows are not like those of the fit, or y is given without X.

        Notes
        -----
        Pictures need ``byoe-ensemble[plots]`` and are left out without it. They show at most 2,000 rows, drawn by
        a fixed seed; contributions are there where they are exact.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X[:300], y[:300])
        >>> page = ensemble.report(f"{tempfile.mkdtemp()}/report.html", X[300:], y[300:])
        >>> page.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
        """
        check_is_fitted(self, "members_")
        target = Path(path)
        if target.is_dir() or target.suffix.lower() not in (".html", ".htm"):
            raise ParameterError(f"path is {str(target)!r}, expected a file that ends in .html")
        if X is None and y is not None:
            raise InputError("y is given without X; pass both, X alone, or neither")
        return self._report(target, None if X is None else self._told_of(X, y))

    def _report(
        self,
        target: Path,
        rows: Rows | None,
        *,
        metrics: Mapping[str, float] | None = None,
        pictures: bool = True,
    ) -> Path:
        made = report(self, self._how_made(), rows, metrics=metrics, pictures=pictures)
        with whole_file(target) as file:
            file.write_text(made, encoding="utf-8", newline="\n")
        return target

    def _how_made(self) -> Recipe:
        try:
            spec = to_spec(self, lenient=True)
        except SpecError:  # a member of the user's that is registered nowhere
            return Recipe(repr(self))
        left_out = spec.pop("left_out", [])
        return Recipe(as_code(self, left_out), spec, left_out)

    def _told_of(self, X: Any, y: Any, sample_weight: Any = None, *, looks: bool = True) -> Rows:
        """Return what the ensemble says of rows; also what it looks at, which predicts them many times."""
        X = as_table(X)
        table = self._read(X)
        of_fit = table.digest() == self._record.table
        index = _drawn(len(table), _SHOWN)
        known = None if y is None else np.asarray(as_column(y, "y"))
        if known is not None:
            read_known_target(known, len(table), self._task)
        scored = known is not None and not of_fit
        board = self.leaderboard(X, known, sample_weight=sample_weight) if scored else None
        defined = board is None or board[0][self._record.metric] is not None
        importances = None
        if looks and defined and known is not None and table.values.shape[1] <= _MOST_SHUFFLED:
            few = _drawn(len(table), max(100, min(_SHUFFLED, _CELLS // table.values.shape[1])))
            importances = self.importances(rows_of(X, few), known[few], n_repeats=_SHUFFLES)
        return Rows(
            len(table),
            of_fit,
            some=rows_of(X, index),
            few=rows_of(X, _drawn(len(table), _VARIED)),
            y=None if known is None else known[index],
            board=board,
            drift=None if of_fit or self._profile is None else self.drift(X, predictions=looks),
            importances=importances,
            explanation=self._exactly_explained(rows_of(X, _drawn(len(table), _EXPLAINED))) if looks else None,
        )

    def _exactly_explained(self, X: Any) -> Explanation | None:
        """Return what columns add to predictions, where that is known without an estimate that takes long."""
        try:
            return None if self._classifies else Request(self, X, "exact").of_regression()
        except ByoeError:
            return None


def _drawn(n_rows: int, most: int) -> Any:
    """Return the positions of at most so many rows, in their order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, most, replace=False))
