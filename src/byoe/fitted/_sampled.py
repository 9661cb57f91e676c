"""Contributions to what any model predicts, by the shap library: estimated from rows whose cells are mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..data._mixed_rows import codes_of_cells, mixed, one_below_the_other
from ..data._table import Table
from ..errors import ParameterError, need
from ..tools._warnings import warnings_filtered

FEWEST, MOST = 20, 50  # rows of a background that is taken from the rows to explain
N_PERMUTATIONS = 5
PERMUTATION = "permutation"

Predict = Callable[[Table], FloatArray]


@dataclass(frozen=True)
class Sampler:
    """Shapley values by permutations of the columns, each walked in both directions (Štrumbelj & Kononenko, 2014).

    What a column adds is how much the mean prediction changes when the cell of the row takes the place of that of
    the background rows, averaged over the orders in which the columns are replaced.

    Attributes
    ----------
    table : Table
        The rows to explain, and below them those of the background.
    n_rows : int
        How many are to be explained.
    frames : bool
        Whether a model wants rows in the user's container.
    n_permutations : int
    seed : int
    verbose : bool
        Whether to show a bar.
    """

    table: Table
    n_rows: int
    frames: bool
    n_permutations: int
    seed: int
    verbose: bool = False

    def contributions(self, predict: Predict) -> FloatArray:
        """Return what each column adds to a function of a table, the base value last.

        Parameters
        ----------
        predict : function
            Of a table, to an array of shape (n_rows,) or (n_rows, n_outputs).

        Returns
        -------
        array of shape (n_rows, n_features + 1) or (n_rows, n_outputs, n_features + 1)
            The base value is the mean prediction of the background.
        """
        shap = library()
        codes = codes_of_cells(self.table, frames=self.frames)
        rows, background = codes[: self.n_rows], codes[self.n_rows :]
        n_columns = codes.shape[1]
        masker = shap.maskers.Independent(background, max_samples=len(background))
        a_walk = 2 * n_columns + 1
        before = np.random.get_state()  # the library draws from the global generator
        try:
            with warnings_filtered(("ignore",)):
                explainer = shap.explainers.Permutation(
                    partial(self._of_cells, predict), masker, seed=self.seed % 2**32
                )
                found = explainer(
                    rows, max_evals=self.n_permutations * a_walk, batch_size=a_walk, silent=not self.verbose
                )
        finally:
            np.random.set_state(before)
        values, base = np.asarray(found.values), np.asarray(found.base_values)
        if values.ndim == 3:  # outputs last
            values = np.moveaxis(values, 2, 1)
        base = np.broadcast_to(base, values.shape[:-1])
        return np.concatenate([values, base[..., None]], axis=-1)

    def _of_cells(self, predict: Predict, cells: Any) -> FloatArray:
        return predict(mixed(self.table, np.asarray(cells, dtype=np.int64), frames=self.frames))


def sampler(
    table: Table, background: Table | None, *, frames: bool, n_permutations: Any, seed: int, verbose: bool
) -> Sampler:
    """Return a sampler for the rows of a table; of these at most 50 are the background where none is given.

    Raises
    ------
    ParameterError
        When there is no background, or too few rows to take it from.
    MissingExtraError
        When the shap library is not installed.
    """
    if isinstance(n_permutations, bool) or not isinstance(n_permutations, (int, np.integer)) or n_permutations < 1:
        raise ParameterError(f"n_permutations is {n_permutations!r}, expected a positive whole number")
    library()
    if background is None:
        if len(table) < FEWEST:
            raise ParameterError(
                f"X has {len(table)} rows, and what has no exact contributions is explained beside other rows: pass "
                f"some as background, such as {MOST} of the training rows, or {FEWEST} rows of X or more"
            )
        chosen = np.random.default_rng(seed).permutation(len(table))[:MOST]
        background = table.some(np.sort(chosen))
    both = one_below_the_other(table, background, frames=frames)
    return Sampler(both, len(table), frames, int(n_permutations), seed, verbose)


def library() -> Any:
    """Return the shap library; an error that names the extra where it is not there."""
    with warnings_filtered(("ignore",)):  # its pictures' colours warn of matplotlib's plans
        return need("shap", "shap", "to explain what has no exact contributions")
