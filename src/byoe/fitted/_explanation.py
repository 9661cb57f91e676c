"""Contributions with names: an array that knows its columns, its unit, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

import numpy as np

from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import ParameterError, UnknownNameError, did_you_mean, need
from ..tools._listing import LabelledListing

BASE = "base value"


@dataclass(frozen=True)
class About:
    """What the numbers of an explanation are.

    Attributes
    ----------
    columns : tuple of str
    unit : str
        Of what, such as "the target" or "the probability of yes".
    methods : mapping
        How the contributions to each member, or to the blend as a whole, were found: "exact" or "permutation".
    table : Table
        The rows that are explained.
    index : object
        The index of the user's frame, if it has one.
    outputs : tuple
        Targets or classes, where there are several.
    """

    columns: tuple[str, ...]
    unit: str
    methods: Mapping[str, str]
    table: Table
    index: Any = None
    outputs: tuple[Any, ...] = ()


class Importances(LabelledListing):
    """How much each column matters, from the one that matters most; printed as a table."""


class Explanation(np.ndarray):
    """What each column adds to each prediction: an array whose last column is the base value, and its names.

    Rows can be taken from it; what else is computed of it is a plain array.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> ensemble = EnsembleRegressor(("ridge", "elastic_net"), random_state=0).fit(X, y)
    >>> explanation = ensemble.explain(X)
    >>> explanation.shape, explanation.columns[:2], explanation.unit
    ((442, 11), ('age', 'sex'), 'target')
    >>> explanation.importances()[0]["column"]
    's5'
    """

    _about: About | None

    def __new__(cls, values: FloatArray, about: About) -> Self:
        made = np.asarray(values, dtype=np.float64).view(cls)
        made._about = about
        return made

    def __array_finalize__(self, made_of: Any) -> None:
        same = isinstance(made_of, Explanation) and made_of.shape == self.shape
        self._about = made_of._about if same else None

    def __array_wrap__(self, made: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(made)
        return plain[()] if return_scalar else plain

    def __getitem__(self, key: Any) -> Any:
        part = np.asarray(self)[key]
        if self._about is None or isinstance(key, tuple) or np.ndim(part) != self.ndim:
            return part
        rows = np.arange(len(self))[key]
        index = self._about.index
        about = replace(
            self._about, table=self._about.table.some(rows), index=index[rows] if index is not None else rows
        )
        return Explanation(part, about)

    def __reduce__(self) -> Any:
        return _restored, (np.asarray(self), self._about)

    def __repr__(self) -> str:
        if self._about is None:
            return repr(np.asarray(self))
        several = f", by {len(self.outputs)} outputs" if self.outputs else ""
        head = (
            f"contributions to {self.unit}: {len(self)} rows by {len(self.columns)} columns and the base value{several}"
        )
        if self.outputs or not len(self):
            return head
        return f"{head}\n{self.importances()!r}"

    def _repr_html_(self) -> str | None:
        if self._about is None or self.outputs or not len(self):
            return None
        return self.importances()._repr_html_()

    @property
    def about(self) -> About:
        """What the numbers are; an error for what was computed from an explanation."""
        # An array that was transposed or reshaped has the names of what it was made of.
        if self._about is None or self.shape[-1:] != (len(self._about.columns) + 1,):
            raise AttributeError("this array is a part of an explanation, or was computed from one, and has no names")
        return self._about

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns are called, without the base value."""
        return self.about.columns

    @property
    def unit(self) -> str:
        """Of what the contributions are."""
        return self.about.unit

    @property
    def methods(self) -> dict[str, str]:
        """By member, or for the blend as a whole: ``"exact"`` or ``"permutation"``."""
        return dict(self.about.methods)

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The targets or classes along the axis in the middle; empty where there is one."""
        return self.about.outputs

    @property
    def values(self) -> FloatArray:
        """The contributions alone, of shape (n_rows, [n_outputs,] n_features)."""
        return np.asarray(self)[..., :-1]

    @property
    def base_values(self) -> FloatArray:
        """What they start from, of shape (n_rows,) or (n_rows, n_outputs)."""
        return np.asarray(self)[..., -1]

    @property
    def prediction(self) -> FloatArray:
        """What they add up to."""
        total: FloatArray = np.asarray(self).sum(axis=-1)
        return total

    def of(self, output: Any) -> Explanation:
        """Return the contributions to one of several targets or classes.

        Raises
        ------
        ParameterError
            When there is one only.
        UnknownNameError
            When there is no such output.
        """
        if not self.outputs:
            raise ParameterError("the explanation is of one output; there is nothing to choose")
        if output not in self.outputs:
            raise UnknownNameError(f"no output is {output!r}. {did_you_mean(str(output), map(str, self.outputs))}")
        unit = f"{self.unit} {output}".strip()
        place = self.outputs.index(output)
        return Explanation(np.asarray(self)[:, place], replace(self.about, unit=unit, outputs=()))

    def to_frame(self) -> Any:
        """Return a pandas frame with the columns by name, and ``base value``; of several outputs a row for each."""
        pandas = need("pandas", "data", "a frame of the explanation")
        index = range(len(self)) if self.about.index is None else self.about.index
        if self.outputs:
            index = pandas.MultiIndex.from_product([index, self.outputs], names=["row", "output"])
        rows = np.asarray(self).reshape(-1, self.shape[-1])
        return pandas.DataFrame(rows, index=index, columns=[*self.columns, BASE])

    def importances(self) -> Importances:
        """Return how much the predictions of these rows owe to each column.

        Returns
        -------
        Importances
            By column the mean absolute contribution with its standard error, which says how far it may be from
            that of all such rows; its share of the sum; and the mean contribution with its sign.

        Raises
        ------
        ParameterError
            Of several outputs; ``of`` takes one.
        """
        if self.outputs:
            raise ParameterError(f"take one of the outputs first: explanation.of({self.outputs[0]!r}).importances()")
        sizes = np.abs(self.values)
        means, signed = sizes.mean(axis=0), self.values.mean(axis=0)
        errors = sizes.std(axis=0, ddof=1) / np.sqrt(len(self)) if len(self) > 1 else [None] * len(means)
        total = float(means.sum())
        rows = [
            {
                "column": self.columns[i],
                "mean_absolute": float(means[i]),
                "std_error": None if errors[i] is None else float(errors[i]),
                "share": float(means[i] / total) if total else 0.0,
                "mean": float(signed[i]),
            }
            for i in np.argsort(-means, kind="stable")
        ]
        return Importances(rows, [f"mean_absolute, mean: contributions to {self.unit}", f"method: {self._told()}"])

    def to_shap(self) -> Any:
        """Return the same as an ``Explanation`` of the shap library, for its pictures; outputs come last."""
        from ._sampled import library

        values = self.values if not self.outputs else np.moveaxis(self.values, 1, 2)
        cells = self.about.table.values
        return library().Explanation(
            values=values,
            base_values=self.base_values,
            data=cells.toarray() if self.about.table.sparse else cells,
            feature_names=list(self.columns),
            output_names=list(map(str, self.outputs)) or None,
        )

    def _told(self) -> str:
        methods = self.methods
        return ", ".join(f"{method} for {label}" for label, method in methods.items())


def _restored(values: FloatArray, about: About | None) -> Any:
    return values if about is None else Explanation(values, about)


def names_of(columns: Sequence[str] | None, n_columns: int) -> tuple[str, ...]:
    """Return what the columns of a table are called, by number where they have no names."""
    return tuple(f"column {place}" for place in range(n_columns)) if columns is None else tuple(columns)


def index_of(X: Any) -> Any:
    """Return the index of a pandas frame; None of what has none."""
    return cast(Any, X).index if hasattr(X, "iloc") else None
