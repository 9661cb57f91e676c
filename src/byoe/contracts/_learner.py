"""What a learner is. The engine knows nothing else about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from ._parameters import SHARED_OF, Parameters

Level = Literal["exact", "approximate", "none"]
LEVELS: tuple[Level, ...] = ("exact", "approximate", "none")

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What is to be predicted.

    Attributes
    ----------
    kind : {"regression", "classification"}
    n_classes : int
        Number of classes; 0 for regression.
    n_outputs : int
        Number of targets; 1 for classification.
    """

    kind: Literal["regression", "classification"]
    n_classes: int = 0
    n_outputs: int = 1

    @property
    def is_classification(self) -> bool:
        return self.kind == "classification"

    @property
    def width(self) -> tuple[int, ...]:
        """The shape of one row's prediction: ``()``, ``(n_outputs,)`` or ``(n_classes,)``."""
        if self.is_classification:
            return (self.n_classes,)
        return () if self.n_outputs == 1 else (self.n_outputs,)

    def check(self, prediction: Any, n_rows: int, who: str) -> FloatArray:
        """Return a learner's or blender's prediction as float64, or say what is wrong with it."""
        found = np.asarray(prediction)
        if found.dtype.kind not in "fiub":
            raise ValueError(f"{who} returned values of type {found.dtype}, expected numbers")
        values = found.astype(np.float64, copy=False)
        expected = (n_rows, *self.width)
        if values.shape != expected:
            raise ValueError(f"{who} returned shape {values.shape}, expected {expected}")
        if not np.isfinite(values).all():
            raise ValueError(f"{who} returned {np.sum(~np.isfinite(values))} values that are not finite")
        return values


@dataclass(frozen=True)
class StopRows:
    """Rows inside a training part on which a learner may watch its loss and stop early.

    Attributes
    ----------
    X : array of shape (n_rows, n_features)
    y : array of shape (n_rows,)
    sample_weight : array of shape (n_rows,) or None
    patience : int
        Rounds without a better loss after which to stop.
    """

    X: Any
    y: NDArray[Any]
    sample_weight: FloatArray | None
    patience: int


@runtime_checkable
class Model(Protocol):
    """A fitted model of one member on one fold.

    Two more methods are optional, and found by their presence: ``contributions``, of
    `Explains`; and ``importances()``, which returns a non-negative number for every column,
    of shape (n_columns,), or None where this model has none.
    """

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Predict shape (n_rows,) for regression, probabilities (n_rows, n_classes) for classes.

        Where the learner declares ``multi_output``, (n_rows, n_outputs) for several targets.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write native files into an existing, empty folder."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A model that can tell what each column adds to a prediction."""

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        """Return one contribution for every column, and last the base value.

        Their sum is the prediction: shape (n_rows, n_columns + 1), or
        (n_rows, n_outputs, n_columns + 1) where the learner declares ``multi_output``. For two
        classes it is the log-odds of the second one; for more the shape is
        (n_rows, n_classes, n_columns + 1), and the softmax of the sums are the probabilities.
        A ParameterError gives the reason why a model has no such contributions. The sums are
        checked; a model that computes in float32 has a true attribute ``single_precision``.
        """
        ...


@runtime_checkable
class Prepares(Protocol):
    """A learner that brings the table into a form of its own once, and trains on rows of that.

    What is shared by the folds may be structure only: edges of bins and codes of categories,
    nothing that is computed from targets, and no statistic of the columns.
    """

    def prepare(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        categorical: Mapping[int, int] | None = None,
    ) -> Any:
        """Return the table in the form that ``fit_rows`` wants; the arguments are those of ``fit``.

        Of a fit whose rows have weights of zero it gets the other rows only.
        """
        ...

    def can_prepare(self, X: Any) -> bool:
        """Return whether that is possible and worth while, with these parameters and this kind of table."""
        ...

    def fit_rows(
        self,
        prepared: Any,
        rows: IntArray,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> Model:
        """Fit one model on some rows of what was prepared; it predicts as one of ``fit`` does.

        Targets and weights are those of the rows. The ``X`` of ``stop`` holds numbers of rows, too.
        """
        ...


@dataclass(frozen=True)
class Moments:
    """What least squares need to know of their rows.

    Attributes
    ----------
    weight : float
        Sum of the weights; the number of rows where there are none.
    mean : array of shape (n_columns,)
        Weighted means of the columns.
    target_mean : array of shape (n_outputs,)
    gram : array of shape (n_columns, n_columns)
        Weighted sums of the products of two columns, each less its mean.
    products : array of shape (n_columns, n_outputs)
        Weighted sums of the products of a column and a target, each less its mean.
    squares : array of shape (n_outputs,)
        Weighted sums of the squared targets, each less its mean.
    """

    weight: float
    mean: FloatArray
    target_mean: FloatArray
    gram: FloatArray
    products: FloatArray
    squares: FloatArray


@runtime_checkable
class SolvesMoments(Protocol):
    """A learner whose models follow from sums over the rows, so that it needs no rows.

    For regression. The sums of all rows are made once, and those of each fold's training part
    follow from them; statistics of other rows than these never reach the learner.
    """

    def can_fit_moments(self, task: Task) -> bool:
        """Return whether that is possible with these parameters."""
        ...

    def fit_moments(self, moments: Moments, *, task: Task, seed: int, threads: int) -> Model | None:
        """Fit one model; it predicts as one of ``fit`` does, up to rounding.

        The columns are those that ``fit`` would get: encoded, and where the learner declares
        ``scaled`` standardised. None where rounding could show, for instance where columns depend
        on each other: then ``fit`` is called with the rows.
        """
        ...


class Learner(Parameters):
    """A recipe for one kind of base model.

    A subclass sets the class attributes and writes ``fit`` and ``load``; what it does not
    declare is taken as not supported, and done for it where that is possible: categories are
    encoded, missing cells filled and columns scaled by statistics of the training rows.

    Attributes
    ----------
    name : str
        The registered name; set by the registry.
    tasks : frozenset of {"regression", "classification"}
    finalize : {"bag", "refit"}
        How ``finalize="auto"`` makes the served model: bagging pays for trees, a refit for
        linear and distance models.
    weights : {"exact", "approximate", "none"}
        How ``sample_weight`` is used. With ``"exact"`` a row of weight two is the same as that
        row twice, up to rounding; with ``"approximate"`` nearly so, as where bins or bootstrap
        samples count rows.
    missing : bool
        Whether NaN is handled; otherwise missing cells get the column's median.
    categorical : bool
        Whether ``fit`` takes ``categorical=``, a mapping from the columns that hold codes of
        categories to their number of categories. Otherwise categories are one-hot or target
        encoded.
    scaled : bool
        Whether columns are to be standardised.
    sparse : bool
        Whether a SciPy CSR matrix is taken.
    multi_output : bool
        Whether a target of shape (n_rows, n_outputs) is taken; otherwise one model is fitted
        for each output.
    grouped : bool
        Whether ``fit`` takes ``groups=``, an array of shape (n_rows,), for splits of its own.
    frozen : bool
        Whether the model is fitted already and stays as it is.
    gives_probabilities : bool
        False for a classifier whose models give decision values of shape (n_rows, n_classes):
        greater is more likely, and nothing else is known.
    stops : bool
        Whether ``fit`` takes ``stop=``, a `StopRows` or None, and ``rounds=``, the number of
        rounds to train or None; its models then tell their ``rounds``.
    frames : bool
        Whether the learner wants the rows in the container that the user passed (a frame
        stays a frame) instead of a float64 array.
    encoded : bool
        With ``frames``, whether categories and missing cells that it does not take may be
        encoded, so that it gets an array.
    shared : mapping of str to str
        Shared name -> own parameter, for the names of ``SHARED_NAMES`` (or further ones) that
        reach this learner from outside: ``learning_rate``, ``max_depth``, ``n_rounds``, … and
        all their synonyms.
    aliases : mapping of str to str
        Other names that a member's own parameters go by, mapped to the library's own.
    needs : tuple of str
        Distributions that a job must install to use the learner.
    gpu : mapping of str to object
        Own parameters with which it trains on a GPU, where a job has one; empty when its other
        parameters do not allow that.
    space : mapping of str to tuple or list
        What a search may try of the learner's parameters: ``(low, high)``, ``(low, high,
        "log")``, or a list of values.
    pickles : bool
        Whether saved models hold a pickle, which runs code when it is loaded: they load only
        where the user trusts the learner by name.
    quiet : tuple of warning classes
        What the library warns of because of byoe's own defaults.
    """

    tasks: ClassVar[frozenset[str]] = frozenset({"regression", "classification"})
    finalize: Literal["bag", "refit"] = "refit"
    weights: Level = "none"
    missing: bool = False
    categorical: bool = False
    scaled: bool = False
    sparse: bool = False
    multi_output: bool = False
    grouped: bool = False
    frozen: bool = False
    gives_probabilities: bool = True
    stops: bool = False
    frames: bool = False
    encoded: bool = True
    pickles: bool = False
    shared: ClassVar[Mapping[str, str]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[tuple[str, ...]] = ()
    space: ClassVar[Mapping[str, Any]] = {}

    @property
    def gpu(self) -> Mapping[str, Any]:
        return {}

    @property
    def quiet(self) -> tuple[type[Warning], ...]:
        return ()

    @property
    def label(self) -> str:
        """The default label of a member made of this learner."""
        return (self.name or type(self).__name__.lower()).replace("-", "_")

    def shared_name(self, name: str) -> str | None:
        """Return the own parameter that a shared name stands for, or None."""
        return self.shared.get(SHARED_OF.get(name, name))

    def own_name(self, name: str) -> str:
        if name in self.aliases:
            return self.aliases[name]
        known = self.parameter_names()
        if known is not None and name in known:
            return name
        return self.shared_name(name) or name

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
    ) -> Model:
        """Fit one model.

        Parameters
        ----------
        X : array of shape (n_rows, n_features), float64
            NaN marks a missing value; a column of categories holds codes, and the number of
            categories stands for one that is not known. A frame where ``frames`` is true and
            the user gave one.
        y : array of shape (n_rows,)
            float64 for regression; int64 codes 0 … n_classes - 1, all present, for classes.
        task : Task
        sample_weight : array of shape (n_rows,) or None
        seed : int
            The only source of randomness that may be used.
        threads : int
            How many threads the fit may use; never more.
        """
        raise TypeError(f"{type(self).__name__} does not define fit")

    def check(self, task: Task) -> None:
        """Raise a ParameterError, before anything is fitted, for what cannot work."""
        if task.kind not in self.tasks:
            raise ParameterError(f"{self.name} does not do {task.kind}")
        self.check_names(self._given)

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        """Guess how long a fit takes with one thread, where nothing is known but this.

        The schedule starts long tasks first, and under a time limit the short ones.
        """
        return 1e-3 + 1e-7 * n_rows * n_columns * max(1, task.n_classes)

    def memory(self, n_rows: int, n_columns: int, *, task: Task) -> float:
        """Guess how many bytes a fit takes at its peak beside the table, so that not too many run at once."""
        return 3.0 * 8.0 * n_rows * n_columns

    @property
    def rounds_given(self) -> bool:
        """Whether the user set the number of rounds."""
        return self.shared_name("n_rounds") in self.own_params()

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether a column with so many categories, in a table of so many rows, is taken as codes."""
        return self.categorical

    def packages(self) -> frozenset[str]:
        """Return the top-level packages, beyond ``needs``, whose types a saved model holds."""
        return frozenset()

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        """Read back what ``Model.save`` wrote into the folder.

        ``trusted`` names further types that the user allows a file to hold.
        """
        raise TypeError(f"{type(self).__name__} does not define load")
