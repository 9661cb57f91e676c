"""The scale on which members have their target: what a fold's model was fitted on, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts._task import FloatArray

_FOLDER = "target_transform"
_SKEWED = 1.0


class TargetTransform(ABC):
    """A fitted map of one target, and its inverse."""

    name: str

    @abstractmethod
    def into(self, y: FloatArray) -> FloatArray:
        """Return targets of shape (n_rows,) on the scale of the models."""

    @abstractmethod
    def back(self, values: FloatArray) -> FloatArray:
        """Return predictions of shape (n_rows,) in units of the target."""


class Log1p(TargetTransform):
    """The logarithm of one more than the target; there is nothing to fit."""

    name = "log1p"

    def into(self, y: FloatArray) -> FloatArray:
        return np.asarray(np.log1p(y))

    def back(self, values: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):  # whoever asks says which member is not finite
            return np.asarray(np.expm1(values))


class Transformer(TargetTransform):
    """A fitted transformer of scikit-learn.

    Parameters
    ----------
    estimator : transformer
        Of a column of shape (n_rows, 1), with ``inverse_transform``.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.name = type(estimator).__name__

    @classmethod
    def fit(cls, estimator: Any, y: FloatArray, seed: int) -> Transformer:
        """Return a copy fitted on some targets."""
        from ..tools._estimators import copied, set_seed

        own = copied(estimator)
        set_seed(own, seed)
        return cls(own.fit(y[:, None]))

    def into(self, y: FloatArray) -> FloatArray:
        return self._column(self.estimator.transform(y[:, None]), len(y), "transform")

    def back(self, values: FloatArray) -> FloatArray:
        return self._column(self.estimator.inverse_transform(values[:, None]), len(values), "inverse_transform")

    def _column(self, made: Any, n_rows: int, method: str) -> FloatArray:
        values = np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)
        if values.shape not in ((n_rows,), (n_rows, 1)):
            raise ValueError(
                f"target_transform: {self.name}.{method} returned shape {values.shape}, expected ({n_rows}, 1)"
            )
        return values.reshape(-1)


def fitted_transform(wanted: Any, y: FloatArray, seed: int, weight: FloatArray | None = None) -> TargetTransform | None:
    """Return what is wanted of one target, fitted on training rows.

    ``"auto"`` is the logarithm, which is to be tried, where no target is negative, their skewness is above 1, and that
    of the logarithms is less than half as large.
    """
    if wanted is None or (isinstance(wanted, str) and wanted == "auto" and not _is_skewed(y, weight)):
        return None
    return Log1p() if isinstance(wanted, str) else Transformer.fit(wanted, y, seed)


def _is_skewed(y: FloatArray, weight: FloatArray | None) -> bool:
    if weight is not None:
        y, weight = y[weight > 0], weight[weight > 0]
    if not len(y) or y.min() < 0:
        return False
    skewness = _skewness(y, weight)
    return skewness > _SKEWED and abs(_skewness(np.log1p(y), weight)) < skewness / 2


def _skewness(y: FloatArray, weight: FloatArray | None) -> float:
    """Return the third standardised moment; zero of a constant."""
    y = y / max(float(np.abs(y).max()), np.finfo(np.float64).tiny)  # cubes must not overflow
    apart = y - np.average(y, weights=weight)
    variance = float(np.average(apart**2, weights=weight))
    return float(np.average(apart**3, weights=weight)) / variance**1.5 if variance > 0 else 0.0


def by_columns(transforms: Sequence[TargetTransform | None], values: FloatArray, *, back: bool) -> FloatArray:
    """Return targets, of shape (n_rows,) or (n_rows, n_outputs), on the scale of the models, or back."""
    columns = [values] if values.ndim == 1 else list(values.T)
    made = [
        column if one is None else one.back(column) if back else one.into(column)
        for one, column in zip(transforms, columns, strict=True)
    ]
    return made[0] if values.ndim == 1 else np.column_stack(made)


def save_transforms(transforms: Sequence[TargetTransform | None], folder: Path) -> list[Any]:
    """Write what JSON cannot hold into files of skops; return the rest."""
    described: list[Any] = []
    for number, one in enumerate(transforms):
        if isinstance(one, Transformer):
            from ..tools._skops import SKOPS, dump_skops

            place = folder / _FOLDER / str(number)
            place.mkdir(parents=True)
            (place / SKOPS).write_bytes(dump_skops(one.estimator))
        described.append(None if one is None else {"name": one.name, "skops": isinstance(one, Transformer)})
    return described


def load_transforms(
    described: Sequence[Mapping[str, Any] | None], folder: Path, trusted: Sequence[str]
) -> list[TargetTransform | None]:
    """Read what `save_transforms` wrote."""
    found: list[TargetTransform | None] = []
    for number, entry in enumerate(described):
        if entry is None or not entry["skops"]:
            found.append(None if entry is None else Log1p())
            continue
        from ..tools._skops import SKOPS, load_skops

        data = (folder / _FOLDER / str(number) / SKOPS).read_bytes()
        found.append(Transformer(load_skops(data, frozenset(), trusted)))
    return found
