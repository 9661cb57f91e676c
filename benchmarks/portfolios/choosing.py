"""The greedy choice of a list of configurations that is best on average for its first k members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from portfolios import blending
from portfolios.candidates import BY_LABEL, CANDIDATES, Candidate
from portfolios.predictions import Array, Measured

# The lists that the chosen ones are compared with; what others cost is told in multiples of the first.
FAST_BEFORE = ("xgboost_quick", "ridge", "catboost_hasty", "lightgbm")
BEFORE = ("ridge", "xgboost", "catboost", "mlp", "lightgbm")
BEST_BEFORE = tuple(
    "xgboost_quick ridge catboost_hasty catboost mlp mlp_wide lightgbm_stumps lightgbm extra_trees catboost_sampled "
    "catboost_fixed ridge_strong xgboost_stumps catboost_deep random_forest_smooth hist_gradient_boosting "
    "xgboost_leafwise catboost_quick".split()
)
# A second of predicting 1,000 rows counts as a share of one of fitting, both in multiples of BEFORE.
_PREDICTING = 0.25
# Learners that keep their rows, and how many times slower they predict on tables ten times as long.
_KEEPING_ROWS = {"knn": 10.0, "svm": 10.0}
# What a member costs beside its fit: files, and a line of every table.
_OVERHEAD = 0.05
_WORST = 2.0
_LEAST_GAIN = 1e-3
# Of each list the most members, and of BEFORE's seconds to fit, seconds to predict and bytes how many times as much.
LIMITS = {"fast": (4, 0.4, 1.0, 1.0), "default": (6, 1.3, 1.5, 1.5), "best": (18, 5.0, 10.0, 8.0)}
# Test rows that make a set count half as much as one with any number of them.
_FEW_ROWS = 200


@dataclass
class Table:
    """Sets with what is needed to compare lists on them.

    Attributes
    ----------
    sets : sequence of Measured
    candidates : sequence of Candidate
    unit : sequence of str
        The list whose cost is the unit.
    """

    sets: Sequence[Measured]
    candidates: Sequence[Candidate] = CANDIDATES
    unit: Sequence[str] = BEFORE

    def __post_init__(self) -> None:
        singles = np.array([one.singles() for one in self.sets])
        self.best, self.usual = np.nanmin(singles, axis=1), np.nanmedian(singles, axis=1)
        rows = np.array([one.rows[1] for one in self.sets])
        self.counts = rows / (rows + _FEW_ROWS)
        self.place = {one.label: place for place, one in enumerate(self.candidates)}

    def places(self, labels: Sequence[str]) -> list[int]:
        """Return where configurations stand among the candidates."""
        return [self.place[label] for label in labels]

    def losses(self, lists: Sequence[Sequence[int]]) -> Array:
        """Return the test loss of the blend of every list on every set, (n_sets, n_lists).

        That of a list of which nothing was measured on a set is that of the median configuration there.
        """
        pools = np.zeros((len(lists), len(self.candidates)), dtype=bool)
        for pool, members in zip(pools, lists, strict=True):
            pool[list(members)] = True
        found = [one.losses(blending.weights(one, pools)) for one in self.sets]
        return np.where(np.isnan(found), self.usual[:, None], found)

    def relative(self, losses: Array) -> Array:
        """Return losses of shape (n_sets, n_lists) as shares of the way from the best configuration to the median."""
        width = np.maximum(self.usual - self.best, 1e-3 * self.usual)[:, None]
        return np.clip((losses - self.best[:, None]) / width, -_WORST, _WORST)

    def score(self, lists: Sequence[Sequence[int]]) -> Array:
        """Return the mean over the sets of the relative loss of every list."""
        return np.average(self.relative(self.losses(lists)), axis=0, weights=self.counts)

    def costs(self) -> tuple[Array, Array, Array]:
        """Return of every candidate seconds to fit and to predict and bytes, as multiples of the unit's, on average."""
        slower = np.array([_KEEPING_ROWS.get(one.learner, 1.0) for one in self.candidates])
        return (
            self._multiples([one.seconds for one in self.sets]),
            self._multiples([slower * one.predict_ms for one in self.sets]),
            self._multiples([one.size for one in self.sets]),
        )

    def cost(self) -> Array:
        """Return what a gain of every candidate is divided by."""
        fit, predict, _ = self.costs()
        return fit + _PREDICTING * predict + _OVERHEAD

    def _multiples(self, values: Sequence[Array]) -> Array:
        """Return means over the sets, which add up for lists."""
        found = []
        for row in values:
            # What was stopped cost more than anything that was measured.
            filled = np.where(np.isnan(row), np.nanmax(row), row)
            found.append(filled / filled[self.places(self.unit)].sum())
        return np.asarray(np.average(found, axis=0, weights=self.counts), dtype=np.float64)


Allowed = Callable[[Sequence[int], int], bool]


def forward(
    table: Table, most: int, *, allowed: Allowed, per_cost: Array | None = None, start: Sequence[int] = ()
) -> list[int]:
    """Return a list that is made longer by the configuration that helps most, or most for what it costs.

    Parameters
    ----------
    most : int
        The longest list.
    allowed : callable
        Whether a configuration may follow a list.
    per_cost : array of shape (n_candidates,), default=None
        The gain is divided by it.
    start : sequence of int
        What the list begins with.
    """
    chosen = list(start)
    before = table.score([chosen])[0] if chosen else _WORST
    while len(chosen) < most:
        tried = [i for i in range(len(table.candidates)) if i not in chosen and allowed(chosen, i)]
        if not tried:
            break
        scores = table.score([[*chosen, i] for i in tried])
        gains = before - scores
        # A loss is no less of one for being cheap.
        worth = gains if per_cost is None else np.where(gains > 0, gains / per_cost[tried], gains)
        step = int(np.argmax(worth))
        chosen.append(tried[step])
        before = scores[step]
    return chosen


def improved(table: Table, chosen: Sequence[int], most: int, *, allowed: Allowed) -> list[int]:
    """Return the list after further members, and exchanges of one for another, as long as one helps."""
    chosen, before = list(chosen), table.score([chosen])[0]
    while True:
        shorter = [[*chosen[:at], *chosen[at + 1 :]] for at in range(len(chosen))]
        kept = [chosen, *shorter] if len(chosen) < most else shorter
        tried = [
            [*others, new]
            for others in kept
            for new in range(len(table.candidates))
            if new not in chosen and allowed(others, new)
        ]
        if not tried:
            return chosen
        scores = table.score(tried)
        step = int(np.argmin(scores))
        if scores[step] >= before - _LEAST_GAIN:
            return chosen
        chosen, before = tried[step], scores[step]


def best_within(table: Table, most: int, *, allowed: Allowed, per_cost: Array) -> list[int]:
    """Return the better of two improved lists: one began with what is best, one with what is cheap."""
    begun = [forward(table, most, allowed=allowed, per_cost=cost) for cost in (None, per_cost)]
    found = [improved(table, chosen, most, allowed=allowed) for chosen in begun]
    return found[int(np.argmin(table.score(found)))]


def within(table: Table, *limits: float, alone: bool = True) -> Allowed:
    """Return the rule of what may follow: it suits both tasks, and the list costs no more than so many times the unit.

    Parameters
    ----------
    *limits : float
        Of the seconds to fit, those to predict, and the bytes.
    alone : bool, default=True
        Whether a list may have one configuration of a learner only, so that its name will do as a label.
    """
    costs = np.array(table.costs())
    learners = [one.learner for one in table.candidates]

    def allowed(chosen: Sequence[int], new: int) -> bool:
        members = [*chosen, new]
        cheap = (costs[:, members].sum(axis=1) <= limits).all()
        again = alone and learners[new] in {learners[i] for i in chosen}
        return bool(cheap and not again and not table.candidates[new].task)

    return allowed


def portfolios(table: Table, **kept: Sequence[str]) -> dict[str, list[str]]:
    """Return the lists by name: few cheap members; those of BEFORE and what helps them most; and what follows these.

    So the longest list begins with the default one, for a fit that has no time for all. A list that is given by its
    name is put in order alone.
    """
    total = table.cost()
    found: dict[str, list[int]] = {}
    for name, (most, *limits) in LIMITS.items():
        allowed = within(table, *limits, alone=name == "fast")
        if name in kept:
            found[name] = in_order(table, table.places(kept[name]))
        elif name == "fast":
            found[name] = in_order(table, best_within(table, most, allowed=allowed, per_cost=total))
        elif name == "default":
            found[name] = in_order(table, forward(table, most, allowed=allowed, start=table.places(BEFORE)))
        else:
            longest = forward(table, most, allowed=allowed, start=found["default"], per_cost=total)
            found[name] = worth_it(table, longest)
    return {name: [table.candidates[i].label for i in members] for name, members in found.items()}


def worth_it(table: Table, members: Sequence[int]) -> list[int]:
    """Return the shortest beginning of a list that is about as good as any longer one."""
    scores = table.score([members[: k + 1] for k in range(len(members))])
    return list(members[: 1 + int(np.argmax(scores <= scores.min() + _LEAST_GAIN))])


def in_order(table: Table, members: Sequence[int]) -> list[int]:
    """Return members in the order in which they help most for what they cost."""
    return forward(table, len(members), allowed=lambda _, new: new in members, per_cost=table.cost())


def configurations(labels: Sequence[str]) -> dict[str, tuple[str, dict[str, object]]]:
    """Return label -> (learner, parameters); the only one of a learner has its name as the label."""
    chosen = [BY_LABEL[label] for label in labels]
    alone = {one.learner for one in chosen if sum(other.learner == one.learner for other in chosen) == 1}
    return {one.learner if one.learner in alone else one.label: (one.learner, one.params) for one in chosen}
