"""What an endpoint is asked for beside predictions, and its answers as a frame: the same here and on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from ...errors import ParameterError, need
from ...serving._answers import Answer, columns_of
from ...serving._media import Options
from ...serving._refusal import Refusal
from ._names import check_model
from ._payload import ACCEPT, Payload, payloads, read_answer

_NAMED = "application/json; header=present"
_BOUNDS = ("lower", "upper")
_LONGER = 8  # times that an answer with further outputs may be as long as its rows


@dataclass(frozen=True)
class Question:
    """What is asked of each row.

    Attributes
    ----------
    options : Options or None
        None asks for predictions alone.
    model : str or None
        Which of several is asked.
    """

    options: Options | None = None
    model: str | None = None

    @classmethod
    def of(cls, outputs: str | Iterable[str] | None, level: float | None, model: str | None = None) -> Question:
        """Return the question of ``predict``'s arguments.

        Raises
        ------
        ParameterError
            For an output that there is not, for a level without an interval, and for a name that no model can have.
        """
        if model is not None:
            check_model(model)
        if outputs is None:
            if level is not None:
                raise ParameterError(f"level is {level!r}, and is that of intervals; give outputs='interval' too")
            return cls(model=model)
        given = outputs if isinstance(outputs, str) else list(outputs)
        try:
            options = Options().changed({"outputs": given, **({} if level is None else {"level": level})})
        except Refusal as refusal:
            raise ParameterError(refusal.message) from None
        if level is not None and "interval" not in options.outputs:
            raise ParameterError(f"level is {level!r}, and is that of intervals; ask for outputs='interval' too")
        return cls(options, model)

    @property
    def accept(self) -> str:
        """The type of the answers."""
        return ACCEPT if self.options is None else _NAMED

    def payloads(self, data: Any, limit: int, **reading: Any) -> list[Payload]:
        """Return rows as bodies with their content types; ``reading`` is as for `payloads`."""
        named = "" if self.model is None else f"; model={self.model}"
        if self.options is None:
            return [(body, f"{kind}{named}") for body, kind in payloads(data, limit, **reading)]
        asked = f"; outputs={','.join(self.options.outputs)}" if self.options.outputs else ""
        if "interval" in self.options.outputs:
            asked += f"; level={self.options.level!r}"
        return [(body, f"{kind}{asked}{named}") for body, kind in payloads(data, max(limit // _LONGER, 1), **reading)]

    def read(self, answers: Sequence[bytes], data: Any) -> Any:
        """Return the answers, in the order of the rows: an array, or a frame of the kind that the rows are."""
        if self.options is None:
            return np.concatenate([read_answer(answer) for answer in answers])
        tables = [_columns(json.loads(answer)) for answer in answers]
        columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        return _frame(columns, data)


def _columns(told: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return an answer in JSON as the columns that it has in CSV."""
    further = {name: value for name, value in told.items() if name not in ("predictions", "names")}
    # An endpoint of an earlier version tells no names.
    names = {name: list(_BOUNDS) if name == "interval" else [] for name in further} | dict(told.get("names", {}))
    values = {name: _bounds(value) if name == "interval" else _numbers(value) for name, value in further.items()}
    labels, columns = columns_of(Answer(np.asarray(told["predictions"]), values, names))
    return dict(zip(labels, columns, strict=True))


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {label: _numbers(one) for label, one in value.items()}
    return np.asarray(value, dtype=np.float64)  # null is NaN


def _bounds(value: Any) -> NDArray[np.float64]:
    """Return bounds, of which JSON cannot tell that they are infinite."""
    bounds = np.asarray(value, dtype=np.float64)
    return np.where(np.isnan(bounds), (-np.inf, np.inf), bounds)


def _frame(columns: Mapping[str, NDArray[Any]], data: Any) -> Any:
    rows = nw.from_native(data, eager_only=True, pass_through=True)
    if isinstance(rows, nw.DataFrame):
        made = nw.from_dict(dict(columns), backend=rows.implementation).to_native()
        if (index := nw.maybe_get_index(rows)) is not None:
            made.index = index
        return made
    return need("pandas", "data", "predictions as a frame").DataFrame(dict(columns))
