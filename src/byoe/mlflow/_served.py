"""A bundle behind ``mlflow.pyfunc``: what an endpoint answers, for frames and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data._input import read_table
from ..errors import ParameterError, need
from ..serving._answers import answer, columns_of
from ..serving._media import Options
from ..serving._refusal import Refusal
from ..serving._runtime import Runtime
from ..serving._runtimes import door


class Served:
    """What ``mlflow.pyfunc.load_model`` wraps.

    Parameters
    ----------
    model : Runtime
    """

    def __init__(self, model: Runtime) -> None:
        self._model = model

    def get_raw_model(self) -> Runtime:
        """Return what predicts, as ``unwrap_python_model`` of MLflow gives it."""
        return self._model

    def predict(self, X: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return predictions, or with further outputs a frame.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        params : mapping, default=None
            ``outputs``, of which several stand with commas between them: ``probabilities``, ``interval``, ``members``
            and ``contributions``; and ``level``, that of intervals.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs), or frame
            The frame has the columns that an endpoint's answer has in CSV.

        Raises
        ------
        InputError
            When the rows are not like those of the fit.
        ParameterError
            For an output that there is not.
        """
        try:
            options = Options().changed(params or {})
        except Refusal as refusal:
            raise ParameterError(f"params: {refusal.message}") from None
        made = answer(self._model, read_table(X, self._model.form, "the model"), options)
        if not made.further:
            return made.predictions
        names, columns = columns_of(made)
        frame = need("pandas", "mlflow", "predictions as a frame").DataFrame(dict(zip(names, columns, strict=True)))
        if hasattr(X, "index"):
            frame.index = X.index
        return frame


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Served:
    """Load the bundle of a model; MLflow calls this, with what the model was saved with."""
    config = model_config or {}
    kind, reader = door(Path(path), tuple(config.get("trusted", ())), runtime=config.get("runtime", "libraries"))
    return Served(kind(reader))
