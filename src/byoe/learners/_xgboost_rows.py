"""Rows as matrices of XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..contracts._learner import MOST_ONE_HOT
from ..contracts._task import FloatArray, IntArray
from ._stand_ins import StandIns

_CHUNK = 1 << 16
# Fewer categories than these are split on one at a time: to be so always, and as XGBoost has it.
_ONE_AT_A_TIME, _USUALLY_ONE_AT_A_TIME = (1 << 31) - 1, 4


def columns_of(X: Any, categorical: Mapping[int, int] | None) -> dict[str, Any]:
    """Say which columns hold codes of categories, as a matrix of XGBoost wants it."""
    if not categorical:
        return {}
    return {"feature_types": ["c" if i in categorical else "q" for i in range(X.shape[1])], "enable_categorical": True}


def splitting(given: Mapping[str, Any], categorical: Mapping[int, int] | None) -> dict[str, Any]:
    """Return parameters by which trees split on one category at a time where there are many: sets of rare ones overfit.

    Who gives ``max_cat_to_onehot``, or ``max_cat_threshold`` for the size of the sets, decides by it.
    """
    many = categorical and max(categorical.values()) > MOST_ONE_HOT
    usual = many and "max_cat_threshold" not in given
    return {**({"max_cat_to_onehot": _ONE_AT_A_TIME} if usual else {}), **given}


def split_on_sets(given: Mapping[str, Any], categorical: Mapping[int, int] | None) -> list[int]:
    """Return the columns of categories that trees split on sets of."""
    least = given.get("max_cat_to_onehot", _USUALLY_ONE_AT_A_TIME)
    return [column for column, levels in sorted((categorical or {}).items()) if levels >= least]


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
