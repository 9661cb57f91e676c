"""What ``byoe predict`` tells of rows that are not like those of the training."""

from __future__ import annotations

import sys
from typing import Any

from ..data._profile import timely

_MOST_COLUMNS = 5


def tell_outside(ensemble: Any, X: Any) -> None:
    """Print on stderr, in one line, how many rows have values outside of what training held, and in which columns."""
    if ensemble._profile is None:
        print("note: the model does not tell what training held, so no row is compared with it", file=sys.stderr)
        return
    outside, form = ensemble._outside(X), ensemble._form
    if not outside.rows:
        return
    later = set(timely(form))
    names = form.labels or form.names or [f"number {i}" for i in range(len(form))]
    found = []
    for i, column in enumerate(form.columns):
        below, above = int(outside.below[i]), 0 if i in later else int(outside.above[i])
        if column.kind == "category":
            words = [f"{above} unseen"] if above else []
        else:
            words = [f"{n} {word}" for n, word in ((below, "below"), (above, "above")) if n]
        if words:
            found.append((below + above, f"{' '.join(names[i].split())} ({', '.join(words)})"))
    found.sort(key=lambda one: -one[0])
    told = ", ".join(text for _, text in found[:_MOST_COLUMNS])
    more = f", and {len(found) - _MOST_COLUMNS} more columns" if len(found) > _MOST_COLUMNS else ""
    rows = "1 row has" if outside.rows == 1 else f"{outside.rows} rows have"
    print(f"note: {rows} values outside of what training held: {told}{more}", file=sys.stderr)
