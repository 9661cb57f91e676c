"""What is checked, and the small tables that it is checked on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .._blending import OOF, Blender
from .._columns import Column
from .._contracts import FloatArray, Learner, Task
from .._estimators import FromFactory
from .._fold_model import FoldModel, fit_fold
from .._members import as_blender, as_learner
from .._registry import find, installed, plain
from .._rows import Rows
from .._splits import SplitPlan
from .._table import Table
from ..errors import ByoeError, ParameterError, PluginError

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


def sample(task: Task = REGRESSION, n_rows: int = 120) -> Sample:
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
    found : dict
        What one rule leaves for another.
    """

    learner: Learner
    origin: str
    found: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.origin

    def make(self) -> Learner:
        """Return a learner that nothing has been done with."""
        made: Learner = clone(self.learner)
        return made

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

    def fit_bare(self, given: Sample, *, seed: int = 0, threads: int = 1, **options: Any) -> Any:
        """Call the learner's own ``fit``, with an array of numbers."""
        extra: dict[str, Any] = {"categorical": {}} if self.learner.categorical else {}
        return self.make().fit(
            given.X,
            given.y,
            task=given.task,
            sample_weight=given.weight,
            seed=seed,
            threads=threads,
            **extra,
            **options,
        )


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

    def tasks(self) -> Iterator[Task]:
        """Yield the tasks that the blender does, as an ensemble would ask it."""
        for task in (REGRESSION, TWO_CLASSES, THREE_CLASSES):
            if task.kind in self.blender.tasks:
                try:
                    clone(self.blender).check(task, 4)
                except ParameterError:  # a meta-model does one of them
                    continue
                yield task

    def fit(self, oof: OOF) -> Blender:
        """Return a blender of its own, fitted."""
        made: Blender = clone(self.blender)
        return made.fit(oof)

    def oof(self, task: Task, n_rows: int = 240) -> OOF:
        """Return the predictions of four members of different worth, with a plan of four folds."""
        rng = np.random.default_rng(1)
        number = np.arange(n_rows)
        folds = tuple((number[number % 4 != part], number[number % 4 == part]) for part in range(4))
        truth = rng.normal(size=n_rows)
        views = truth[:, None] + rng.normal(size=(n_rows, 4)) * [0.4, 0.6, 0.8, 1.5] + [0.0, 0.1, -0.1, 0.0]
        if not task.is_classification:
            y = 5.0 + truth + 0.3 * rng.normal(size=n_rows)
            return OOF(5.0 + views, y, task, folds=folds)
        centers = np.linspace(-1.0, 1.0, task.n_classes)
        margins = -2.0 * (views[:, :, None] - centers) ** 2
        probabilities = np.exp(margins) / np.exp(margins).sum(axis=2, keepdims=True)
        y = np.abs(truth[:, None] + 0.3 * rng.normal(size=(n_rows, 1)) - centers).argmin(axis=1)
        return OOF(probabilities, y, task, folds=folds)


def is_blender(given: Any) -> bool:
    """Say whether something is, or names, a blender."""
    if isinstance(given, str):
        return plain(given) in installed("blender") and plain(given) not in installed("learner")
    return isinstance(given, Blender) or (isinstance(given, type) and issubclass(given, Blender))


def learner_subject(given: Any) -> LearnerSubject:
    """Return a learner, given in any way, for examination."""
    made = as_learner(_instance(given))
    if made is None:
        raise ParameterError(f"{given!r} is not a learner")
    return LearnerSubject(made, _origin("learner", given, made))


def blender_subject(given: Any) -> BlenderSubject:
    """Return a blender, given in any way, for examination."""
    made = as_blender(_instance(given))
    return BlenderSubject(made, _origin("blender", given, made))


def _instance(given: Any) -> Any:
    if not isinstance(given, type):
        return FromFactory(given) if callable(given) and not hasattr(given, "fit") else given
    try:
        return given()
    except Exception as error:
        raise PluginError(
            f"{given.__qualname__} cannot be made without arguments ({type(error).__name__}: {error}); all "
            "parameters of a learner or a blender may be left out"
        ) from error


def _origin(kind: Any, given: Any, made: Learner | Blender) -> str:
    if isinstance(given, str) or made.name:
        try:
            return str(find(kind, made.name))
        except ByoeError:
            pass
    target = given if hasattr(given, "__qualname__") else type(getattr(made, "template", made))
    return f"{kind} {target.__module__}.{target.__qualname__}"


def plain_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts, which compare also where they are arrays or estimators."""
    return {name: repr(value) for name, value in params.items()}
