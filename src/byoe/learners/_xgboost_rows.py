"""Rows as matrices of XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..contracts._learner import MOST_ONE_HOT
from ..contracts._task import FloatArray, IntArray
from ._stand_ins import StandIns

_CHUNK = 1 << 16
_ONE_AT_A_TIME = (1 << 31) - 1  # categories, up to which a split is on one


def columns_of(X: Any, categorical: Mapping[int, int] | None) -> dict[str, Any]:
    """Say which columns hold codes of categories, as a matrix of XGBoost wants it."""
    if not categorical:
        return {}
    return {"feature_types": ["c" if i in categorical else "q" for i in range(X.shape[1])], "enable_categorical": True}


def splits(categorical: Mapping[int, int] | None) -> dict[str, Any]:
    """Say how trees split on categories: where there are many on one at a time, since sets of rare ones overfit."""
    many = categorical and max(categorical.values()) > MOST_ONE_HOT
    return {"max_cat_to_onehot": _ONE_AT_A_TIME} if many else {}


def binned(
    cuts: Any,
    X: Any,
    rows: IntArray,
    y: NDArray[Any],
    *,
    stand_ins: StandIns | None = None,
    weight: FloatArray | None,
    threads: int,
    columns: Mapping[str, Any],
    bins: int,
) -> Any:
    """Return rows in the bins of another matrix, without a copy of them all."""
    import xgboost

    class Chunks(xgboost.DataIter):  # type: ignore[misc]  # xgboost has no types
        place = 0

        def reset(self) -> None:
            self.place = 0

        def next(self, input_data: Any) -> bool:
            part = slice(self.place, self.place + _CHUNK)
            self.place += _CHUNK
            if part.start >= len(rows):
                return False
            own = None if weight is None else weight[part]
            kinds = columns.get("feature_types")
            taken = X[rows[part]] if stand_ins is None else stand_ins.applied(X[rows[part]])
            input_data(data=taken, label=y[part], weight=own, feature_types=kinds)
            return True

    categories = columns.get("enable_categorical", False)
    return xgboost.QuantileDMatrix(Chunks(), ref=cuts, nthread=threads, max_bin=bins, enable_categorical=categories)
