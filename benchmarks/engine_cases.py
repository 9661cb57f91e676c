"""What the benchmark of the engine runs: the data, the members, and which runs each case needs.

``python engine_cases.py SET ROWS FILE`` writes a set, so that no run has what reading and joining leave in memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

FOLDS = 5
# The same rounds, depth or leaves, learning rate and bins on all sides, so that all do the same work.
MEMBERS: dict[str, dict[str, Any]] = {
    "catboost": {"iterations": 100, "depth": 6, "learning_rate": 0.1, "border_count": 254},
    "xgboost": {"n_estimators": 100, "max_depth": 6, "learning_rate": 0.1, "max_bin": 256},
    "lightgbm": {"n_estimators": 100, "num_leaves": 31, "learning_rate": 0.1, "max_bin": 255},
}
SETS = ("diamonds", "flights", "simulated")
SIMULATED_SHAPE = (1_000_000, 30)
# scikit-learn's three settings: all cores for one member after the other, a core for each of several
# members at once, or several members at once that each take all cores.
SETTINGS = ("sklearn-threads", "sklearn-processes", "sklearn-both")
# A fourth one that has to be asked for: several members at once as threads of one process.
UNUSUAL = "sklearn-threading"
GROWING_ROWS = (10_000, 100_000, 1_000_000)
GROWING_MEMBERS = (5, 10, 20)
QUICK_ROWS = 3_000
# A setting of scikit-learn this close to its best is measured as often as that.
CLOSE = 1.1


@dataclass(frozen=True)
class Run:
    """One measurement, in a process of its own.

    Attributes
    ----------
    set : str
        One of ``SETS``.
    rows : int
        At most so many rows; 0 means all.
    method : str
        A key of ``engine_run.METHODS``.
    repetition : int
    busy : bool
        Whether another process keeps one core busy.
    members : int
        0 for the three boosters, else so many LightGBMs.
    """

    set: str
    rows: int
    method: str
    repetition: int = 0
    busy: bool = False
    members: int = 0

    def __str__(self) -> str:
        what = f"{self.members} members " if self.members else ""
        rows = f" {self.rows:,} rows" if self.rows else ""
        return f"{self.set}{rows} {what}{self.method}{', busy' if self.busy else ''}, repetition {self.repetition}"


Results = dict[Run, dict[str, Any]]


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes
    ----------
    rows : int
        At most so many rows of every set; 0 means all.
    repetitions : int
        At most so many of each run; ``CASES`` says how many.
    sets : tuple of str
    """

    rows: int
    repetitions: int
    sets: tuple[str, ...]

    @property
    def growing(self) -> list[int]:
        """Numbers of rows of the growing table: a hundredth, where there are few; 0 where the set has no more."""
        if self.rows:
            return [number // 100 for number in GROWING_ROWS]
        return [0 if number == SIMULATED_SHAPE[0] else number for number in GROWING_ROWS]


def wanted(cases: list[str], scale: Scale, results: Results) -> list[Run]:
    """Return the runs that the cases need, as far as that is known from the results so far.

    The first repetition of all sets comes first, so that a run cut short can be reported; it has all
    settings of scikit-learn, and tells which is worth repeating. Every other repetition has the runs in
    the opposite order.
    """
    runs: dict[Run, None] = {}
    for repetition in range(scale.repetitions):
        for name in scale.sets:
            own: dict[Run, None] = {}
            for case in cases:
                make, times = CASES[case]
                if repetition < times.get(name, 0):
                    own |= dict.fromkeys(make(Asked(name, scale.rows, repetition, results, scale.growing)))
            runs |= dict.fromkeys(own if repetition % 2 == 0 else reversed(own))
    return list(runs)


def settings_of(name: str, rows: int, busy: bool, results: Results) -> list[tuple[float, str]]:
    """Return the median seconds of those of scikit-learn's three settings that have results, the fastest first."""
    found = [(seconds(results, Run(name, rows, method, busy=busy)), method) for method in SETTINGS]
    return sorted((median(values), method) for values, method in found if values)


def seconds(results: Results, run: Run) -> list[float]:
    """Return the seconds of all repetitions of a run."""
    return [result["seconds"] for result in repetitions(results, run).values()]


def repetitions(results: Results, run: Run) -> dict[int, dict[str, Any]]:
    """Return the results of all repetitions of a run, by repetition."""
    return {
        other.repetition: result
        for other, result in results.items()
        if replace(other, repetition=run.repetition) == run
    }


@dataclass(frozen=True)
class Asked:
    """What a case is asked for: its runs on a set in one repetition, with the results so far."""

    set: str
    rows: int
    repetition: int
    results: Results
    growing: list[int]

    def runs(self, *methods: str, busy: bool = False) -> list[Run]:
        """Return a run of each method."""
        return [Run(self.set, self.rows, method, self.repetition, busy) for method in methods]

    def settings(self, *, busy: bool) -> list[tuple[float, str]]:
        """Return `settings_of` this set."""
        return settings_of(self.set, self.rows, busy, self.results)


def _stacks(asked: Asked, *, busy: bool) -> list[Run]:
    """Return scikit-learn's runs: all settings first, and then those that are or may be the best."""
    if asked.repetition == 0:
        return asked.runs(*SETTINGS, *([] if busy else [UNUSUAL]), busy=busy)
    # Before the first repetition any one will do: this is asked again.
    times = asked.settings(busy=busy) or [(1.0, SETTINGS[1])]
    methods = [method for value, method in times if value <= CLOSE * times[0][0]]
    if busy:  # what is best on an idle machine is what one has when the machine gets busy
        methods += [method for _, method in asked.settings(busy=False)[:1]]
    unusual = seconds(asked.results, Run(asked.set, asked.rows, UNUSUAL, busy=busy))
    if unusual and median(unusual) < CLOSE * times[0][0]:
        methods.append(UNUSUAL)
    return asked.runs(*methods, busy=busy)


def _fit(asked: Asked) -> list[Run]:
    return _stacks(asked, busy=False) + asked.runs("byoe-refit")


def _bag(asked: Asked) -> list[Run]:
    return asked.runs("byoe-bag")


def _overhead(asked: Asked) -> list[Run]:
    once = [] if asked.repetition else ["bare-packed"]
    return asked.runs("byoe-bag", "bare", *once)


def _busy(asked: Asked) -> list[Run]:
    return _stacks(asked, busy=True) + asked.runs("byoe-refit", busy=True)


def _growth(asked: Asked) -> list[Run]:
    by_rows = [Run(asked.set, number, "byoe-refit", asked.repetition) for number in asked.growing]
    more = {"repetition": asked.repetition, "rows": asked.growing[1]}
    return by_rows + [Run(asked.set, method="byoe-refit", members=number, **more) for number in GROWING_MEMBERS]


# What makes the runs of a case, and how often: less often where a run is long.
CASES: dict[str, tuple[Callable[[Asked], list[Run]], dict[str, int]]] = {
    "fit": (_fit, {"diamonds": 5, "flights": 5, "simulated": 5}),
    "bag": (_bag, {"diamonds": 5, "flights": 5, "simulated": 3}),
    "overhead": (_overhead, {"diamonds": 5, "flights": 3, "simulated": 2}),
    "busy": (_busy, {"diamonds": 5, "flights": 3}),
    "growth": (_growth, {"simulated": 3}),
}


def load(name: str, rows: int) -> tuple[Any, Any]:
    """Return the features and target of a set: a frame with categories, or an array for the simulated one.

    A column of categories with fewer than 100 rows for each is given as numbers, since byoe would not
    give it to XGBoost and LightGBM as categories; missing is a category of its own, since CatBoost's
    wrapper takes no missing one. So all sides get the same table.
    """
    if name == "simulated":
        return _simulate(rows or SIMULATED_SHAPE[0])
    import datasets

    data = datasets.load(name, rows or 10**9)
    X = data.X
    for column in X.select_dtypes("category"):
        values = X[column]
        if values.isna().any():
            values = values.cat.add_categories("(missing)").fillna("(missing)")
        values = values.cat.remove_unused_categories()
        X[column] = values.cat.codes.astype(float) if 100 * len(values.cat.categories) > len(X) else values
    return X, data.y.to_numpy(dtype=float)


def _simulate(rows: int) -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, SIMULATED_SHAPE[1]))
    signal = X[:, 0] * X[:, 1] + 2 * np.sin(X[:, 2]) + np.abs(X[:, 3]) + X[:, 4:10].sum(axis=1) / 2
    return X, signal + rng.normal(size=rows)


if __name__ == "__main__":
    import joblib

    joblib.dump(load(sys.argv[1], int(sys.argv[2])), sys.argv[3])
