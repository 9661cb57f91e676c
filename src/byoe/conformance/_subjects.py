"""What is checked, and the small tables that it is checked on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from ..contracts._blender import OOF, Blender, fit_clone
from ..contracts._learner import Learner, StopRows
from ..contracts._optional import Prepares
from ..contracts._task import FloatArray, Task
from ..data._column import Column
from ..data._table import Table
from ..engine._fold_fit import fit_fold
from ..engine._rows import Rows
from ..errors import ByoeError, ParameterError, PluginError
from ..fitted._models import FoldModel
from ..folds._plan import SplitPlan
from ..learners._from_estimator import FromFactory
from ..registry._members import as_blender, as_learner
from ..registry._plugin import plain
from ..registry._registry import find, installed
from ._rules import NotSupportedError

Fit = Callable[..., Any]

N_ROWS = 120
REGRESSION = Task("regression")
TWO_CLASSES = Task("classification", 2)
THREE_CLASSES = Task("classification", 3)


@dataclass(frozen=True)
class Sample:
    """A small table with targets.

    Attributes
    ----------
    X : array of shape (n_rows, n_columns)
    y : array of shape (n_rows,) or (n_rows, n_outputs)
    task : Task
    weight : array of shape (n_rows,) or None
    columns : tuple of Column
    """

    X: Any
    y: NDArray[Any]
    task: Task
    weight: FloatArray | None = None
    columns: tuple[Column, ...] = ()

    def take(self, rows: Any) -> Sample:
        """Return some of the rows."""
        return replace(self, X=self.X[rows], y=self.y[rows], weight=None if self.weight is None else self.weight[rows])

    @property
    def rows(self) -> Rows:
        """The sample as the engine holds it, with a plan of two folds for what is split inside."""
        n_rows = self.X.shape[0]
        number = np.arange(n_rows)
        folds = tuple((number[number % 2 != part], number[number % 2 == part]) for part in range(2))
        columns = self.columns or (Column("number"),) * self.X.shape[1]
        return Rows(Table(self.X, self.X, columns), self.y, self.weight, self.task, SplitPlan(folds, n_rows))


def sample(task: Task, n_rows: int) -> Sample:
    """Return a table of four columns of few values, with a target that follows the first two.

    The edges of bins are the same for most of its rows as for all of them.
    """
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, size=(n_rows, 4)).astype(np.float64)
    signal = 2.0 * X[:, 0] + np.sin(X[:, 1]) + 0.3 * rng.normal(size=n_rows)
    if task.is_classification:
        edges = np.quantile(signal, np.linspace(0, 1, task.n_classes + 1)[1:-1])
        return Sample(X, np.digitize(signal, edges), task)
    y = 10.0 + signal
    return Sample(X, np.column_stack([y, 60.0 - 2.0 * y]) if task.n_outputs > 1 else y, task)


@dataclass
class LearnerSubject:
    """A learner under examination.

    Attributes
    ----------
    learner : Learner
    origin : str
        What it is and where it comes from.
    n_rows : int
        Of the tables that it is checked on, at least.
    """

    learner: Learner
    origin: str
    n_rows: int = N_ROWS

    def __str__(self) -> str:
        return self.origin

    def make(self) -> Learner:
        """Return a learner that nothing has been done with."""
        made: Learner = clone(self.learner)
        return made

    def sample(self, task: Task = REGRESSION, at_least: int = 0) -> Sample:
        """Return the table that the learner is checked on."""
        return sample(task, max(self.n_rows, at_least))

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks that the learner does."""
        if "regression" in self.learner.tasks:
            yield REGRESSION
        if "classification" in self.learner.tasks:
            yield from (TWO_CLASSES, THREE_CLASSES)

    @property
    def task(self) -> Task:
        """A task that the learner does."""
        return next(self.tasks())

    def fit(self, given: Sample, *, seed: int = 0, threads: int = 1, **options: Any) -> FoldModel:
        """Fit as the engine does: what the learner does not take is encoded."""
        return fit_fold(self.make(), given.rows, np.arange(given.X.shape[0]), seed=seed, threads=threads, **options)

    def ways(self, given: Sample) -> list[Fit]:
        """Return the learner's own ways to fit an array of numbers: ``fit``, and where it prepares ``fit_rows``."""
        prepares = isinstance(self.learner, Prepares) and self.learner.can_prepare(given.X)
        return [self.fit_bare, self.fit_prepared] if prepares else [self.fit_bare]

    def fit_bare(self, given: Sample, *, seed: int = 0, threads: int = 1, **options: Any) -> Any:
        """Call the learner's own ``fit``."""
        return self.make().fit(
            given.X,
            given.y,
            task=given.task,
            sample_weight=given.weight,
            seed=seed,
            threads=threads,
            **self._categories(given),
            **options,
        )

    def fit_prepared(
        self, given: Sample, *, seed: int = 0, threads: int = 1, stop: StopRows | None = None, **options: Any
    ) -> Any:
        """Prepare the rows, and those for early stopping with them, and fit on the first."""
        made: Any = self.make()
        n_rows = len(given.y)
        X, y, weight = given.X, given.y, given.weight
        if stop is not None:
            X, y = np.concatenate([X, stop.X]), np.concatenate([y, stop.y])
            options["stop"] = replace(stop, X=np.arange(n_rows, len(y)))
        same = {"task": given.task, "seed": seed, "threads": threads}
        prepared = made.prepare(X, y, sample_weight=weight if stop is None else None, **same, **self._categories(given))
        return made.fit_rows(prepared, np.arange(n_rows), given.y, sample_weight=weight, **same, **options)

    def _categories(self, given: Sample) -> dict[str, Any]:
        levels = {i: len(column.categories) for i, column in enumerate(given.columns) if column.kind == "category"}
        return {"categorical": levels} if self.learner.categorical else {}


@dataclass
class BlenderSubject:
    """A blender under examination.

    Attributes
    ----------
    blender : Blender
    origin : str
    """

    blender: Blender
    origin: str

    def __str__(self) -> str:
        return self.origin

    def tasks(self, n_members: int = 4) -> Iterator[Task]:
        """Yield the tasks that the blender does, as an ensemble would ask it.

        Raises
        ------
        NotSupportedError
            When it refuses so many members.
        """
        refusal = None
        refused = True
        for task in (REGRESSION, TWO_CLASSES, THREE_CLASSES):
            if task.kind in self.blender.tasks:
                try:
                    clone(self.blender).check(task, n_members)
                except ParameterError as error:  # a meta-model does one of them
                    refusal = error
                    continue
                refused = False
                yield task
        if refused:
            raise NotSupportedError(f"it refuses {n_members} members ({refusal})")

    def fit(self, oof: OOF) -> Blender:
        """Return a blender of its own, fitted."""
        return fit_clone(self.blender, oof)

    def oof(self, task: Task, n_rows: int = 240) -> OOF:
        """Return the predictions of four members of different worth, with a plan of four folds."""
        rng = np.random.default_rng(1)
        number = np.arange(n_rows)
        folds = tuple((number[number % 4 != part], number[number % 4 == part]) for part in range(4))
        truth = rng.normal(size=n_rows)
        X = None
        if self.blender.passthrough is not False:
            X = np.column_stack([truth + rng.normal(size=n_rows), rng.normal(size=n_rows)])
        views = truth[:, None] + rng.normal(size=(n_rows, 4)) * [0.4, 0.6, 0.8, 1.5] + [0.0, 0.1, -0.1, 0.0]
        if not task.is_classification:
            y = 5.0 + truth + 0.3 * rng.normal(size=n_rows)
            return OOF(5.0 + views, y, task, X=X, folds=folds)
        centers = np.linspace(-1.0, 1.0, task.n_classes)
        margins = -2.0 * (views[:, :, None] - centers) ** 2
        probabilities = np.exp(margins) / np.exp(margins).sum(axis=2, keepdims=True)
        y = np.abs(truth[:, None] + 0.3 * rng.normal(size=(n_rows, 1)) - centers).argmin(axis=1)
        return OOF(probabilities, y, task, X=X, folds=folds)


def is_blender(given: Any) -> bool:
    """Say whether something is, or names, a blender."""
    if isinstance(given, str):
        return plain(given) in installed("blender") and plain(given) not in installed("learner")
    return isinstance(given, Blender) or (isinstance(given, type) and issubclass(given, Blender))


def learner_subject(given: Any, n_rows: int = N_ROWS) -> LearnerSubject:
    """Return a learner, given in any way, for examination."""
    if not isinstance(n_rows, int) or n_rows < N_ROWS:
        raise ParameterError(f"n_rows is {n_rows!r}, expected a whole number of at least {N_ROWS}")
    if isinstance(given, str) or not callable(given) or (isinstance(given, type) and issubclass(given, Learner)):
        made = as_learner(_made(given) if callable(given) else given)
    else:  # what registration would make of a class or a function
        try:
            made = FromFactory(given)
        except Exception as error:
            raise _no_plugin("learner", given, error) from error
    if made is None:
        raise ParameterError(f"{given!r} is not a learner")
    return LearnerSubject(made, _origin("learner", given, made), n_rows)


def blender_subject(given: Any) -> BlenderSubject:
    """Return a blender, given in any way, for examination."""
    made = as_blender(_made(given) if callable(given) else given)
    return BlenderSubject(made, _origin("blender", given, made))


def _made(given: Any) -> Any:
    try:
        return given()
    except Exception as error:
        raise _no_plugin("plugin", given, error) from error


def _no_plugin(kind: str, given: Any, error: Exception) -> PluginError:
    return PluginError(
        f"{getattr(given, '__qualname__', given)} cannot be made a {kind} without arguments ({type(error).__name__}: "
        f"{error}); all parameters of a learner or a blender may be left out"
    )


def _origin(kind: Any, given: Any, made: Learner | Blender) -> str:
    if isinstance(given, str) or made.name:
        try:
            return str(find(kind, made.name))
        except ByoeError:
            pass
    target = (
        given if hasattr(given, "__qualname__") else type(made if made.user_estimator is None else made.user_estimator)
    )
    return f"{kind} {target.__module__}.{target.__qualname__}"


def plain_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts, which compare also where they are arrays or estimators."""
    return {name: re.sub(r" at 0x[0-9a-f]+", "", repr(value)) for name, value in params.items()}
