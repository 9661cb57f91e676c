"""Rows in the container that an ensemble was fitted on, for members that see that: a frame, or an array of objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..data._cells import DAY, category_key
from ..data._column import Column
from ..data._date_texts import NO_DATE
from ..data._form import TableForm
from ._refusal import Refusal

_ZONE = re.compile(r"time_zone='([^']+)'")


def native_form(values: FloatArray, cells: Sequence[Any], form: TableForm) -> Any:
    """Return the rows with the types of training, as members that want them see them.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        Numbers, codes of categories, days.
    cells : sequence of sequences
        The cells of each column as they came.
    form : TableForm
        Of the table that the model was fitted on.
    """
    columns = form.columns
    if form.names is not None:
        import pandas as pd

        return pd.DataFrame(
            {name: _series(values[:, i], cells[i], columns[i], form.dtypes[i]) for i, name in enumerate(form.names)}
        )
    if not any(column.kind == "category" or column.was_text for column in columns):
        return values
    native = values.astype(object)
    for i, column in enumerate(columns):
        if column.was_text:
            native[:, i] = _as_came(values[:, i], cells[i], column)
        elif column.kind == "category":
            native[:, i] = _texts(values[:, i], cells[i], column)
    return native


def _series(values: FloatArray, cells: Sequence[Any], column: Column, dtype: str) -> Any:
    import pandas as pd

    missing = np.isnan(values)
    if column.was_text:
        return pd.Series(_as_came(values, cells, column), dtype=object).infer_objects()
    if column.kind == "date":
        if "Duration" in dtype:
            unit, ticks = ("ns", 1000) if "'ns'" in dtype else ("us", 1)
            counted = np.where(missing, 0, np.round(values * DAY * ticks)).astype(np.int64)
            return pd.Series(counted.astype(f"timedelta64[{unit}]")).mask(missing)
        microseconds = np.where(missing, 0, np.round(values * DAY)).astype(np.int64)
        dates = pd.Series(microseconds.astype("datetime64[us]")).mask(missing)
        zone = _ZONE.search(dtype)
        return dates.dt.tz_localize("UTC").dt.tz_convert(zone[1]) if zone else dates
    if column.kind == "category":
        if dtype.startswith("Categorical"):
            known = _of_type(list(column.categories), dtype)
            codes = np.where(missing | (values >= len(known)), -1, values).astype(np.int64)
            return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(known)))
        return pd.Series(_of_type(_texts(values, cells, column), dtype), dtype=object).infer_objects()
    if missing.any():
        return values
    if dtype == "Boolean":
        return values.astype(bool)
    return values.astype(np.int64) if "Int" in dtype and (values == np.round(values)).all() else values


def _texts(values: FloatArray, cells: Sequence[Any], column: Column) -> list[str | None]:
    """Return categories as the training table had them, an unknown one as it came."""
    known = column.categories
    return [
        None if np.isnan(code) else known[int(code)] if code < len(known) else str(cell)
        for code, cell in zip(values, cells, strict=True)
    ]


def _as_came(values: FloatArray, cells: Sequence[Any], column: Column) -> list[str | None]:
    """Return the texts that are dates or numbers to others, odd ones included; what came as a number as such a text."""
    texts: list[str | None] = []
    for value, cell in zip(values, cells, strict=True):
        if isinstance(cell, str):
            texts.append(None if np.isnan(value) and cell.strip() in NO_DATE else cell)
        elif np.isnan(value):
            texts.append(None)
        else:
            day = np.datetime64(round(value * DAY), "us") if column.order else None
            texts.append(category_key(cell) if day is None else str(day))
    return texts


def _of_type(texts: list[str | None], dtype: str) -> list[Any]:
    """Return texts as the numbers or booleans that they were in training."""
    kind = dtype.lower()
    if "bool" in kind:
        names: dict[str | None, Any] = {"True": True, "False": False}
        return [names.get(text, text) for text in texts]
    if "int" not in kind and "float" not in kind:
        return list(texts)
    try:
        read = float if "float" in kind else int
        return [None if text is None else read(text) for text in texts]
    except ValueError as error:
        raise Refusal(400, f"a category is no number, and all were in training: {str(error)[:100]}") from error
