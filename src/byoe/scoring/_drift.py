"""How rows differ from those of the training: a row of a table for each column, the worst one first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..contracts._task import FloatArray, IntArray
from ..data._form import TableForm
from ..data._profile import Outside, Profile, timely
from ..data._spread import Spread
from ..data._table import Table
from ..tools._listing import LabelledListing

SHIFTED = 0.1  # a stability index below it is customarily no change (Siddiqi, 2006)
FAR = 1.0  # widths of the training range
_ADDED = 5.0  # rows; with them by_chance holds for 30 rows, too
_ROUNDING = 1e-9
_CRIES_WOLF = 0.01  # how often a table that has not changed may have a column that is said to have
VERDICTS = ("outside", "shifted", "later", "same")  # the worst one first

_TOOLTIPS = {
    "column": "the predictions, then the columns from the worst one on",
    "verdict": "outside: cells beyond what training held; shifted: other shares; later: dates after the last one",
    "psi": "population stability index: how far the shares of the bins are from those of training",
    "by_chance": "what the index may reach with so few rows although nothing has changed",
    "below": "share of rows below the least number of training",
    "above": "share of rows above the greatest number of training, or after its last date",
    "unseen": "share of rows with a category that training did not hold",
    "beyond": "how far the farthest number is out of the range of training, in widths of it",
    "missing_then": "share of missing cells in training",
    "missing": "share of missing cells now",
    "median_then": "of the known cells of training",
    "median": "of the known cells now",
}


class Drift(LabelledListing):
    """How rows differ from those of the training, as dictionaries; printed as a table.

    ``drift["carat"]`` is the row of a column.

    Attributes
    ----------
    notes : list of str
        What the numbers stand on, in sentences.
    """

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str]:
        empty = {key for key in row if all(one[key] is None for one in self)}
        cells = super()._cells({key: value for key, value in row.items() if key not in empty})
        return {key: f"{cells[key]:.40}" if key in ("column", "median", "median_then") else cells[key] for key in cells}

    def _no_row(self, key: str) -> str:
        return f"there is no column {key!r}"

    def _tooltip(self, key: str) -> str:
        return _TOOLTIPS.get(key, "")


class Sample(NamedTuple):
    """What is compared with training: the cells of one column.

    Attributes
    ----------
    name : str or int
    kind : str
    spread : Spread
        Of training.
    counts : array of shape (n_bins + 1,)
        As ``Spread.count`` gives them.
    below, above : int
    ends : tuple of float
        The least and greatest known cell; NaN where none is known.
    median : float
    dates : bool
        Whether time goes on in it.
    """

    name: str | int
    kind: str
    spread: Spread
    counts: IntArray
    below: int
    above: int
    ends: tuple[float, float]
    median: float
    dates: bool = False


def drift(profile: Profile, form: TableForm, table: Table, predictions: Mapping[str, FloatArray]) -> Drift:
    """Return how a table, and what is predicted for it, differ from what training held.

    Parameters
    ----------
    profile : Profile
    form : TableForm
    table : Table
    predictions : mapping of str to array of shape (n_rows,)
        Those of which the profile knows the distribution; may be empty.
    """
    found = [_of_prediction(name, spread, predictions) for name, spread in profile.predictions.items()]
    predicted = [one for one in found if one is not None]
    columns = list(_of_columns(profile, form, table))
    level = _CRIES_WOLF / (len(columns) + len(predicted))
    rows = [_row(one, profile.rows, level) for one in columns]
    rows.sort(key=lambda row: (VERDICTS.index(row["verdict"]), -row["psi"]))
    worst = [_row(one, int(one.spread.counts.sum()), level) for one in predicted]
    return Drift([*worst, *rows], _notes(profile, len(table)))


def _of_prediction(name: str, spread: Spread, predictions: Mapping[str, FloatArray]) -> Sample | None:
    cells = predictions.get(name)
    if cells is None or not spread.counts.sum():  # of a single split no row may have been unseen by the blender
        return None
    rounding = _ROUNDING * max(abs(spread.low), abs(spread.high))
    below, above = int(np.sum(cells < spread.low - rounding)), int(np.sum(cells > spread.high + rounding))
    return _sample(name, "prediction", spread, cells, (below, above))


def _of_columns(profile: Profile, form: TableForm, table: Table) -> Iterable[Sample]:
    outside = profile.outside(table.values, form)
    names: Sequence[str | int] = form.labels or form.names or range(len(form))
    dates = set(timely(form))
    for i, column in enumerate(form.columns):
        cells = _cells(table, i)
        kind = "duration" if column.kind == "date" and i not in dates else column.kind
        found = _sample(names[i], kind, profile.spreads[i], cells, _counts(outside, i))
        yield found._replace(dates=i in dates)


def _sample(name: str | int, kind: str, spread: Spread, cells: FloatArray, outside: tuple[int, int]) -> Sample:
    known = cells[~np.isnan(cells)]
    ends = (float(known.min()), float(known.max())) if len(known) else (float("nan"), float("nan"))
    median = float(np.partition(known, (len(known) - 1) // 2)[(len(known) - 1) // 2]) if len(known) else float("nan")
    return Sample(name, kind, spread, spread.count(cells), *outside, ends, median)


def _cells(table: Table, i: int) -> FloatArray:
    column = table.values[:, i]
    return column if isinstance(column, np.ndarray) else column.toarray().ravel()


def _counts(outside: Outside, i: int) -> tuple[int, int]:
    return int(outside.below[i]), int(outside.above[i])


def _row(sample: Sample, n_then: int, level: float) -> dict[str, Any]:
    spread, counts = sample.spread, sample.counts
    n, category = int(counts.sum()), sample.spread.codes is not None
    then, now = spread.counts[:-1], counts[:-1]
    beyond = None if category else _beyond(sample)
    medians: list[Any] = [None if category or np.isnan(one) else one for one in (spread.median, sample.median)]
    if sample.kind == "date":
        medians = [None if days is None else _date(days) for days in medians]
    return {
        "column": sample.name,
        "kind": sample.kind,
        "verdict": _verdict(sample, n_then, level, beyond or 0.0),
        "psi": stability_index(then, now),
        "by_chance": by_chance(then, now, level),
        "below": None if category else sample.below / n,
        "above": None if category else sample.above / n,
        "unseen": sample.above / n if category else None,
        "beyond": beyond,
        "missing_then": spread.missing / n_then,
        "missing": int(counts[-1]) / n,
        "median_then": medians[0],
        "median": medians[1],
    }


def _verdict(sample: Sample, n_then: int, level: float, beyond: float) -> str:
    spread, counts = sample.spread, sample.counts
    known, known_then = int(counts[:-1].sum()), n_then - spread.missing
    if sample.dates:  # time goes on: neither the shares of days nor later ones say anything
        out, gaps, beyond = sample.below, 1, 0.0
    else:
        out, gaps = sample.below + sample.above, 2 if spread.codes is None else spread.once
    if out and (beyond > FAR or so_many(out, known, gaps, known_then) < level):
        return "outside"
    missing = int(counts[-1])
    if _other_gaps(spread.missing, n_then, missing, known + missing, level):
        return "shifted"
    then, now = spread.counts[:-1], counts[:-1]
    if not sample.dates and stability_index(then, now) >= max(SHIFTED, by_chance(then, now, level)):
        return "shifted"
    return "later" if sample.dates and sample.above else "same"


def _other_gaps(then: int, n_then: int, now: int, n: int, level: float) -> bool:
    """Say whether more or fewer cells are missing than by chance, and the index of the two shares is not small."""
    index = stability_index(np.array([n_then - then, then]), np.array([n - now, now]))
    rare = min(so_many(now, n, then + 1, n_then + 1), so_many(n - now, n, n_then - then + 1, n_then + 1))
    return index >= SHIFTED and rare < level


def stability_index(then: IntArray, now: IntArray) -> float:
    """Return the population stability index of two counts of the same bins (Lewis, 1994; Siddiqi, 2006).

    The sum over bins of ``(q - p) log(q / p)`` for the shares p of training and q of now. Five rows that are spread as
    both together are added to each of the two: so an empty bin has a share, and few rows say little.
    """
    there = then + now > 0
    if not (then.sum() and now.sum()):
        return 0.0
    together = (then + now)[there] / (then.sum() + now.sum())
    p = (then[there] + _ADDED * together) / (then.sum() + _ADDED)
    q = (now[there] + _ADDED * together) / (now.sum() + _ADDED)
    return float(np.sum((q - p) * np.log(q / p)))


def by_chance(then: IntArray, now: IntArray, level: float) -> float:
    """Return what the index exceeds with a probability of ``level`` although the rows are of the same distribution.

    For B bins, N rows of training and n of now it is close to ``(1 / N + 1 / n)`` times a chi-square variable of
    B - 1 degrees of freedom (Yurdakul & Naranjo, 2020).
    """
    from scipy.special import chdtri

    freedom = int(np.sum(then + now > 0)) - 1
    if freedom < 1 or not (then.sum() and now.sum()):
        return 0.0
    return float((1.0 / then.sum() + 1.0 / now.sum()) * chdtri(freedom, level))


def so_many(out: int, n_rows: int, gaps: int, n_then: int) -> float:
    """Return how probable at least so many cells outside are, if the rows are further ones of the same distribution.

    N numbers leave N + 1 gaps, into each of which the next one falls with the same probability; two of the gaps are
    outside. How many of n numbers fall there is beta-binomial (Gumbel & von Schelling, 1950). Of categories the chance
    of a new one is the share of those that were there once (Good, 1953), in the place of the two gaps.
    """
    from scipy.special import betaln, gammaln

    if out == 0:
        return 1.0
    if gaps == 0:
        return 0.0
    others = max(n_then + 1 - gaps, 1)
    fewer = np.arange(out)
    ways = gammaln(n_rows + 1) - gammaln(fewer + 1) - gammaln(n_rows - fewer + 1)
    likely = np.exp(ways + betaln(fewer + gaps, n_rows - fewer + others) - betaln(gaps, others))
    return float(max(0.0, 1.0 - likely.sum()))


def _beyond(sample: Sample) -> float | None:
    """Return how far the farthest cell is out of the range, in widths of the range."""
    low, high = sample.spread.low, sample.spread.high
    if not sample.below + sample.above:
        return None
    distance = max(low - sample.ends[0], sample.ends[1] - high)
    return distance / (high - low) if high > low else float("inf")


def _date(days: float) -> str:
    return str(np.datetime64(round(days * 86_400), "s"))[:16].replace("T00:00", "")


def _notes(profile: Profile, n_rows: int) -> list[str]:
    return [
        f"{n_rows} rows are compared with the {profile.rows} of the training",
        f"shifted: a psi of {SHIFTED:g} or more that is not by chance, or other shares of missing cells",
        "outside: more cells beyond the range, or of unseen categories, than further rows of the training would have, "
        f"or one that is more than {FAR:g} width of the range away",
    ]
