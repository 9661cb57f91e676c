"""A saved ensemble that predicts by its graph, in the words of scikit-learn."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..bundle._reader import BundleReader
from ..contracts._task import FloatArray
from ..data._table import Table, too_large
from ..fitted._intervals import check_level
from ._graph_runtime import GraphRuntime


class GraphEnsemble:
    """What `byoe.load` gives with ``runtime="onnx"``: it predicts, and changes nothing.

    Arrays of numbers are predicted with NumPy and ONNX Runtime alone; to read frames and texts byoe needs the
    libraries that it does for a fit.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,)
        Where the columns of the fit had names.
    classes_ : array of shape (n_classes,)
        Of a classification.
    interval_method_, interval_width_ : str
        Of a regression, as those of `EnsembleRegressor`.
    """

    def __init__(self, reader: BundleReader) -> None:
        self._runtime = GraphRuntime(reader)
        self.n_features_in_ = len(self._runtime.form)
        if (names := self._runtime.form.names) is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        if reader.task.is_classification:
            self.classes_ = self._runtime.classes_

    def __repr__(self) -> str:
        return f"GraphEnsemble({str(self._runtime._reader.folder)!r})"

    def __getattr__(self, name: str) -> NoReturn:
        known = "predictions, probabilities and intervals"
        raise AttributeError(f"a graph has no {name!r}: it gives {known}; byoe.load(path) has all that an ensemble has")

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict values in units of the target, or classes, as the ensemble does.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,), or (n_samples, n_outputs)
        """
        return self._runtime.predict(self._table(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of every class, of shape (n_samples, n_classes), or of every label.

        Raises
        ------
        ParameterError
            Of a regression, and where the blender votes.
        """
        return self._runtime.probabilities(self._runtime.blend(self._table(X)))

    def predict_interval(self, X: Any, level: float = 0.9, width: str = "auto") -> FloatArray:
        """Predict the bounds of intervals, of shape (n_samples, [n_outputs,] 2), as `EnsembleRegressor` does.

        Raises
        ------
        ParameterError
            Of a classification, and where they need what the graph does not hold: models of quantiles, members that
            the blend does not use, a second layer, or a blender of scikit-learn's.
        """
        return self._runtime.interval(self._table(X), check_level(level), width=width)

    @property
    def interval_method_(self) -> str:
        """As that of `EnsembleRegressor`."""
        return self._runtime.interval_method_

    @property
    def interval_width_(self) -> str | list[str]:
        """As that of `EnsembleRegressor`."""
        return self._runtime.interval_width_

    def _table(self, X: Any) -> Table:
        form = self._runtime.form
        plain = isinstance(X, np.ndarray) and X.dtype.kind in "fiu" and X.ndim == 2 and X.shape[1] == len(form)
        if plain and len(X) and form.names is None and all(one.kind == "number" for one in form.columns):
            values = np.ascontiguousarray(X, dtype=np.float64)
            if too_large(values) is None:
                return Table(values, values, form.columns, form.labels)
        from ..data._input import read_table

        return read_table(X, form, type(self).__name__)
