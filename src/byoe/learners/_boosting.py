"""What the boosters have in common: what they take, how many rounds, and how fast."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..contracts._learner import MOST_ONE_HOT, Learner, StopRows
from ..contracts._task import FloatArray, Task
from ..contracts._unit import Unit
from ..contracts._unit import of_ordinary_size as of_ordinary_size
from ..errors import ParameterError
from ..tools._forks import open_after_fork
from ._units import changed

# What to do instead of naming columns of categories to a library.
CATEGORIES = (
    "is the ensemble's to say: columns of texts and categories are told to the library, others by categorical=[…]"
)
LEARNING_RATE = 0.05
MOST_ROUNDS = 10_000
_LARGEST_RATE = 0.3 - 1e-9  # from which trees correct each other
_FEWEST_ROWS_EACH = 100
_SOME_ROWS_EACH = 2
_USUALLY_ENOUGH = 25  # rounds, divided by the learning rate


def shared_lock() -> threading.Lock:
    """Return a lock of a library's, which is open in a fork whoever held it."""
    return open_after_fork(threading.Lock())


L = TypeVar("L", bound=Learner)


def with_larger_steps(learner: L, times: float) -> L | None:
    """Return a copy of a booster with a learning rate so many times as large; None where it would be 0.3 or more.

    Its most rounds are as many times fewer.
    """
    name, rounds = learner.shared["learning_rate"], learner.shared["n_rounds"]
    rate = learner.own_params().get(name)
    rate = getattr(learner, "usual_rate", LEARNING_RATE) if rate is None else rate
    if not isinstance(rate, Real) or times * float(rate) > _LARGEST_RATE:  # the libraries take texts, too
        return None
    most = learner.own_params().get(rounds) or MOST_ROUNDS
    return changed(learner, {name: times * float(rate), rounds: math.ceil(most / times)})


def enough_rows(levels: int, n_rows: int) -> bool:
    """Return whether there are 100 rows for each category, so that trees can split on sets of categories."""
    return n_rows >= _FEWEST_ROWS_EACH * levels


def worth_codes(levels: int, n_rows: int) -> bool:
    """Return whether a column is taken as codes: of many rows each, or of some where the columns would be many."""
    return enough_rows(levels, n_rows) or (levels > MOST_ONE_HOT and n_rows >= _SOME_ROWS_EACH * levels)


def take_rounds(
    given: dict[str, Any],
    rounds_name: str,
    rate_name: str,
    stop: StopRows | None,
    rounds: int | None,
    *,
    usual: int,
    rate: float = LEARNING_RATE,
) -> int:
    """Take the number of rounds out of the given parameters.

    Where early stopping finds that number, the cap is high and the learning rate as given here, unless
    the user gave them.
    """
    wanted = given.pop(rounds_name, None)
    if stop is None and rounds is None:
        return int(usual if wanted is None else wanted)
    given.setdefault(rate_name, rate)
    if rounds is not None:
        return min(rounds, max(MOST_ROUNDS, int(wanted or 0)))
    return int(MOST_ROUNDS if wanted is None else wanted)


def constraint_texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of XGBoost in which constraints are texts, which all its interfaces read alike."""
    return {name: _text(name.rpartition("__")[2], value) for name, value in given.items()}


def _text(name: str, value: Any) -> Any:
    if name == "monotone_constraints":
        return f"({','.join(map(str, value))})"
    return json.dumps(value) if name == "interaction_constraints" else value


def of_function(objective: Callable[..., Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return the objective that a library's core takes, of a function as its interface for scikit-learn takes it.

    That function gets targets and predictions, and returns gradients and second derivatives.
    """

    def gradients(predictions: Any, data: Any) -> tuple[Any, Any]:
        weight = data.get_weight()
        weight = 1.0 if weight is None or not len(weight) else np.asarray(weight)
        gradient, hessian = objective(data.get_label(), predictions)
        return np.asarray(gradient) * weight, np.asarray(hessian) * weight

    return gradients


def check_few_classes(learner: Learner, task: Task, name: str) -> None:
    """Raise where a monotone constraint is given for more classes than two.

    The libraries refuse it or constrain the scores of all classes alike, which says nothing of probabilities.
    """
    if task.n_classes > 2 and learner.own_params().get(name) is not None:
        raise ParameterError(
            f"{learner.name}: {name} is for regression and two classes, and the target has {task.n_classes} classes: "
            "with more it is not said whose probability is to rise"
        )


def watched_loss(stop: StopRows, task: Task, y: Any, weight: Any, prediction: Any) -> float:
    """Return the mean of what is watched, of a library's predictions of its own copy of the rows."""
    assert stop.loss is not None
    if not task.is_classification:
        return stop.loss.mean(np.asarray(y, dtype=np.float64), np.asarray(prediction, dtype=np.float64), weight)
    p = np.asarray(prediction, dtype=np.float64)
    return stop.loss.mean(np.asarray(y, dtype=np.int64), p if p.ndim > 1 else np.column_stack([1.0 - p, p]), weight)


def guess_seconds(
    cell: float,
    rounds: Any,
    n_rows: int,
    n_columns: int,
    task: Task,
    *,
    stopping: bool,
    rate: float = LEARNING_RATE,
) -> float:
    """Guess the seconds of a fit with one thread, from those that a round takes for a cell of the table."""
    number = _USUALLY_ENOUGH / rate if stopping or not isinstance(rounds, int) else rounds
    trees = number * (task.n_classes if task.n_classes > 2 else 1)
    return trees * (5e-4 + cell * n_rows * n_columns)


def no_probabilities(objective: Any, task: Task, two: Collection[str], more: Collection[str]) -> str | None:
    """Say why an objective gives no probabilities of the classes; None where it does, or is the user's own.

    ``two`` are those for two classes, ``more`` those for any number of them.
    """
    if not task.is_classification or not isinstance(objective, str):
        return None
    name = objective.partition(":")[0] if ":" in objective and objective not in {*two, *more} else objective
    fitting = [*more] if task.n_classes > 2 else [*two, *more]
    if name in fitting:
        return None
    what = "is for two classes" if name in two else "gives no probabilities of classes"
    return f"{objective!r} {what}; for {task.n_classes} classes give one of {', '.join(fitting)}, or leave it out"


def log_odds_of(contributions: FloatArray, task: Task) -> FloatArray:
    """Return contributions of two classes that have trees of their own as those to the log-odds of the second."""
    return (
        contributions[:, 1] - contributions[:, 0] if task.n_classes == 2 and contributions.ndim == 3 else contributions
    )


def class_weights(given: Any, y: NDArray[Any], n_classes: int) -> FloatArray:
    """Return the weight of every class, of shape (n_classes,), from weights by code or ``"balanced"``."""
    if given == "balanced":  # as scikit-learn balances them
        counts = np.bincount(y, minlength=n_classes)
        return np.asarray(len(y) / (n_classes * counts), dtype=np.float64)
    return np.array([float(given.get(code, 1.0)) for code in range(n_classes)])


class Booster(Learner):
    """Gradient-boosted trees by a library's native interface.

    Attributes
    ----------
    objective_name : str
        Its parameter for the loss.
    two_classes, any_classes : tuple of str
        The losses that give probabilities of two classes; and of any number of them.
    usual_rounds : int
        The library's default.
    usual_rate : float
        The learning rate where the number of rounds is found.
    cell_seconds : float
        What a round takes for a cell of the table, with one thread.
    cell_bytes, row_bytes : float
        Memory for a cell of the table; and for a row and class.
    kind_name : str
        Its parameter for the kind of model.
    other_kinds : tuple of str
        Kinds whose rounds do not go by the learning rate.
    not_by_row : tuple of str
        Objectives that predict something else than one value for each row.
    functions : tuple of str
        Parameters for which the library takes functions elsewhere, and not here.
    of_the_target : tuple of str
        Parameters that belong to the target or to its loss, and not to a quantile of residuals.
    """

    finalize = "bag"
    weights = "approximate"  # bins count rows
    missing = categorical = sparse = stops = leaves_rows_alone = takes_float32 = lean = True
    objective_name: ClassVar[str] = "objective"
    two_classes: ClassVar[tuple[str, ...]]
    any_classes: ClassVar[tuple[str, ...]]
    usual_rounds: ClassVar[int] = 100
    usual_rate: ClassVar[float] = LEARNING_RATE
    cell_seconds: ClassVar[float]
    cell_bytes: ClassVar[float]
    row_bytes: ClassVar[float] = 40.0
    kind_name: ClassVar[str] = ""
    other_kinds: ClassVar[tuple[str, ...]] = ()
    not_by_row: ClassVar[tuple[str, ...]] = ()
    functions: ClassVar[tuple[str, ...]] = ()
    of_the_target: ClassVar[tuple[str, ...]] = ()

    def check(self, task: Task) -> None:
        super().check(task)
        given = self._chosen()
        check_few_classes(self, task, "monotone_constraints")
        for name in self.functions:
            if callable(given.get(name)):
                raise ParameterError(
                    f"{self.name}: {name} is a function, and only a metric of the library's own can be watched; give "
                    "its name. The ensemble's metric= takes functions"
                )
        if task.is_classification and callable(given.get("objective")) and self.functions:
            raise ParameterError(
                f"{self.name}: objective is a function, whose predictions are no probabilities; for classes give the "
                "name of an objective"
            )
        objective = given.get(self.objective_name)
        words = {objective, objective.partition(":")[0]} if isinstance(objective, str) else set()
        if words & set(self.not_by_row) and not task.is_classification:
            raise ParameterError(
                f"{self.name}: {self.objective_name}={objective!r} ranks rows, or predicts several values for each, "
                "and a member predicts one value for each row; give another"
            )
        if reason := no_probabilities(given.get(self.objective_name), task, self.two_classes, self.any_classes):
            raise ParameterError(f"{self.name}: {self.objective_name} {reason}")

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        rounds = self.own_params().get(self.shared["n_rounds"], self.usual_rounds)
        size, rate = (n_rows, n_columns), self.usual_rate
        return guess_seconds(self.cell_seconds, rounds, *size, task, stopping=stopping, rate=rate)

    @property
    def ends_in_time(self) -> bool:
        return True

    def memory(self, n_rows: int, n_columns: int, *, task: Task) -> float:
        return n_rows * (self.cell_bytes * n_columns + self.row_bytes * max(1, task.n_classes))

    def in_haste(self, times: float) -> Self | None:
        kind = str(self._chosen().get(self.kind_name))
        return None if kind in self.other_kinds else with_larger_steps(self, times)

    def in_unit(self, unit: Unit, task: Task) -> Self | None:
        params = self._in_unit(self._chosen(), unit)
        return None if params is None else changed(self, params)

    def of_quantile(self, share: float) -> Self | None:
        params = self._quantile(share)
        others = {name: None for name in self.of_the_target if name in self.own_params()}
        return None if params is None else changed(self, {**others, **params})

    def _quantile(self, share: float) -> dict[str, Any] | None:
        """Return the parameters of the loss of a quantile; None where the others do not go with it."""
        return None

    def _in_unit(self, given: dict[str, Any], unit: Unit) -> dict[str, Any] | None:
        """Return what becomes of parameters in another unit; None where the loss has no meaning there."""
        return None

    def _chosen(self) -> dict[str, Any]:
        """Return the parameters that are set to something."""
        return {key: value for key, value in self.own_params().items() if value is not None}
