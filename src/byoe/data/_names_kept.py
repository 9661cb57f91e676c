"""Columns keep their names: what scikit-learn is to compare with the names of the fit, also where they are numbers."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from ._form import TableForm


def labels_of(raw: Any) -> tuple[str, ...] | None:
    """Return what the columns are called, as texts, where they are a frame's."""
    if raw is None or not all(isinstance(cells, nw.Series) for _, cells in raw):
        return None
    return tuple(str(cells.name) for _, cells in raw)


def names_to_compare(X: Any, raw: Any, form: TableForm) -> tuple[Any, tuple[str, ...] | None]:
    """Return rows whose names scikit-learn reads, as it passes over names that are no texts, and those of the fit.

    Names count as texts, so that 7 and "7" are one. A frame whose columns are numbered from 0 on has no names, as an
    array has none, unless these are names of the fit.
    """
    given = labels_of(raw)
    if given is None or form.labels is None:
        return X, form.names
    known = set(given) == set(form.labels)
    if all(isinstance(cells.name, str) for _, cells in raw):
        unnamed = not known and form.names is None and _numbered(form.labels)
        return X, None if unnamed else form.labels
    if _numbered(given) and not known:
        return X, form.names
    return X.iloc[:0].set_axis(list(given), axis=1), form.labels


def _numbered(labels: tuple[str, ...]) -> bool:
    return labels == tuple(map(str, range(len(labels))))
