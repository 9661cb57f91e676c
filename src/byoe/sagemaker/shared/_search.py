"""What a tuning job tries, how its trials are compared, and what ends it or one of them before its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

from ...ensemble._base import BaseEnsemble
from ...errors import ParameterError
from ...registry._plugin import plain
from ._limits import check_count, is_number

STRATEGIES = ("Bayesian", "Random", "Grid", "Hyperband")
WARM_STARTS = {"transfer": "TransferLearning", "identical": "IdenticalDataAndAlgorithm"}
_MOST_PARENTS = 5
_LEAST_PATIENCE = 3
_MOST_SEED = 2**32 - 1
# What the score of the first folds is of changes with them.
_OF_FOLDS = ("cv", "random_state", "time_limit")


@dataclass(frozen=True)
class Search:
    """What a tuning job tries, and how its trials are compared; the arguments are those of `tune`.

    Attributes
    ----------
    n_folds : int or None
        Of a trial, where that is known beforehand.
    """

    space: Mapping[str, Any]
    objective: str
    greater_is_better: bool
    max_jobs: int
    max_parallel_jobs: int = 1
    strategy: str = "Bayesian"
    seed: int | None = None
    warm_start: Iterable[Any] = ()
    warm_start_type: str = "transfer"
    early_stopping: bool = False
    stop_at: float | None = None
    patience: int | str | None = None
    time_limit: float | None = None
    autotune: bool = False
    max_cost: float | None = None
    price_per_hour: float | None = None
    n_folds: int | None = None
    on_trial: Callable[[dict[str, Any]], None] | None = field(default=None, compare=False)
    verbose: bool = False

    def __post_init__(self) -> None:
        check_count("max_jobs", self.max_jobs)
        check_count("max_parallel_jobs", self.max_parallel_jobs)
        object.__setattr__(self, "strategy", _named("strategy", self.strategy, STRATEGIES))
        object.__setattr__(self, "warm_start_type", _named("warm_start_type", self.warm_start_type, WARM_STARTS))
        object.__setattr__(self, "warm_start", _tuning_jobs(self.warm_start))
        object.__setattr__(self, "seed", _seed(self.seed))
        self._check_ends()
        self._check_company()
        self._check_grid()

    @property
    def parents(self) -> list[str]:
        """The names of earlier tuning jobs, of which names or handles were given."""
        return [parent if isinstance(parent, str) else parent.name for parent in self.warm_start]

    @property
    def n_trials(self) -> int:
        """How many trials there are at most: of a grid all."""
        return math.prod(map(len, self.space.values())) if self.strategy == "Grid" else self.max_jobs

    @property
    def compares_folds(self) -> bool:
        """Whether unfinished trials are compared, which print their score fold by fold."""
        return self.early_stopping or self.strategy == "Hyperband"

    def _check_ends(self) -> None:
        for name in ("early_stopping", "autotune"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name} is {getattr(self, name)!r}, expected True or False")
        if self.stop_at is not None and not is_number(self.stop_at):
            raise ParameterError(f"stop_at is {self.stop_at!r}, expected a value of {self.objective}, such as 0.5")
        for name in ("time_limit", "max_cost", "price_per_hour"):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and value > 0):
                unit = "seconds" if name == "time_limit" else "money"
                raise ParameterError(f"{name} is {value!r}, expected a positive amount of {unit}, or None")
        patience = self.patience
        if patience in (None, "auto"):
            return
        if not isinstance(patience, int) or isinstance(patience, bool) or patience < _LEAST_PATIENCE:
            raise ParameterError(
                f"patience is {patience!r}, expected a number of trials from {_LEAST_PATIENCE} on, 'auto' or None"
            )

    def _check_company(self) -> None:
        """Raise a ParameterError for arguments that exclude each other."""
        if self.strategy == "Hyperband" and self.early_stopping:
            raise ParameterError("Hyperband stops trials by a rule of its own; leave early_stopping out")
        if self.autotune and self.strategy != Search.strategy:
            raise ParameterError(
                f"autotune leaves the strategy to the service, and strategy is {self.strategy!r}; leave one of them out"
            )
        if (self.max_cost is None) != (self.price_per_hour is None):
            raise ParameterError("max_cost and price_per_hour belong together: give both, or neither")
        if self.autotune and self.max_cost is not None:
            raise ParameterError(
                "autotune may change how many trials there are, so that no max_cost holds; leave one out"
            )
        if len(self.parents) > _MOST_PARENTS:
            raise ParameterError(f"warm_start names {len(self.parents)} tuning jobs, at most {_MOST_PARENTS} are taken")
        if self.warm_start_type != Search.warm_start_type and not self.parents:
            raise ParameterError("warm_start_type is for a warm_start; name the earlier tuning jobs, or leave it out")

    def _check_grid(self) -> None:
        """Raise a ParameterError for a grid of more trials than there may be; what is no list has its own error."""
        lists = all(isinstance(domain, list) for domain in self.space.values())
        if self.strategy == "Grid" and lists and self.n_trials > self.max_jobs:
            raise ParameterError(
                f"the grid has {self.n_trials} trials, which are all tried, and max_jobs is {self.max_jobs}; set "
                f"max_jobs={self.n_trials}, or leave some values out"
            )


def by_fold(search: Search, ensemble: BaseEnsemble, channels: Iterable[str]) -> Search | None:
    """Return a search that knows how many folds its trials have, if they are to print their scores fold by fold.

    Parameters
    ----------
    search : Search
    ensemble : EnsembleRegressor or EnsembleClassifier
        With the fixed hyperparameters.
    channels : iterable of str

    Raises
    ------
    ParameterError
        Where unfinished trials are to be compared, and their scores could not be.
    """
    n_folds = _n_folds(ensemble.cv)
    reason = _why_not(search, ensemble, channels, n_folds)
    if search.compares_folds and reason:
        raise ParameterError(f"{'Hyperband' if search.strategy == 'Hyperband' else 'early_stopping'} {reason}")
    return None if reason or not (search.compares_folds or search.autotune) else replace(search, n_folds=n_folds)


def _why_not(search: Search, ensemble: BaseEnsemble, channels: Iterable[str], n_folds: int | None) -> str:
    """Return why scores of the first folds could not be compared; empty where they can."""
    if "validation" in channels:
        return (
            "compares trials by the out-of-fold score of their first folds, and with validation data finished ones "
            "would have a score of other rows; leave the validation data out"
        )
    for name in map(plain, search.space):
        if name in _OF_FOLDS:
            return f"compares trials after the same folds, and the space holds {name!r}; set it on the ensemble"
    if _draws_anew(ensemble.cv):
        return (
            f"compares trials after the same folds, and cv is {ensemble.cv!r}, which draws others for each; give it a "
            "random_state, such as 0"
        )
    if ensemble.time_limit is not None:
        return (
            "compares trials fold by fold, and with a time_limit they are fitted member by member; set the ensemble's "
            "time_limit to None"
        )
    if n_folds is None and search.strategy == "Hyperband":
        return (
            f"must know the number of folds beforehand, and cv is {ensemble.cv!r}; give a number, or a splitter whose "
            "get_n_splits() needs no data"
        )
    return (
        "" if n_folds is None or n_folds > 1 else "compares trials after some of their folds, and cv has one; give more"
    )


def _draws_anew(cv: Any) -> bool:
    """Return whether a splitter shuffles without a seed: those of scikit-learn that always do have no ``shuffle``."""
    return hasattr(cv, "random_state") and cv.random_state is None and bool(getattr(cv, "shuffle", True))


def _n_folds(cv: Any) -> int | None:
    if hasattr(cv, "get_n_splits"):
        try:
            return int(cv.get_n_splits())
        except Exception:  # some count groups or rows
            return None
    return int(cv) if isinstance(cv, int) else len(cv) if hasattr(cv, "__len__") else None


def _named(name: str, value: Any, known: Collection[str]) -> str:
    """Return a word as it is known, whatever its case, or in the service's own spelling."""
    words = {word.lower(): word for word in known} | {long.lower(): short for short, long in WARM_STARTS.items()}
    found = words.get(value.lower()) if isinstance(value, str) else None
    if found is None or found not in known:
        raise ParameterError(f"{name} is {value!r}, expected one of {', '.join(map(repr, known))}")
    return found


def _tuning_jobs(value: Any) -> tuple[Any, ...]:
    """Return names and handles of tuning jobs, of which one or several were given."""
    several = isinstance(value, Iterable) and not isinstance(value, str)
    jobs = tuple(value) if several else (value,)
    for job in jobs:
        if not isinstance(job, str) and getattr(job, "kind", None) != "tuning job":
            raise ParameterError(f"warm_start holds {job!r}, expected the handle or name of a tuning job, or several")
    return jobs


def _seed(value: Any) -> int | None:
    """Return a seed as the platform and Optuna take it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) <= _MOST_SEED:
        raise ParameterError(f"seed is {value!r}, expected an integer from 0 to {_MOST_SEED}, or None")
    return int(value)
