"""What a learner is. The engine knows nothing else about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from numpy.typing import NDArray

from ..errors import ParameterError
from ._parameters import SHARED_OF, Parameters
from ._row_loss import RowLoss
from ._task import FloatArray, Level, Task
from ._unit import Unit


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
    loss : RowLoss or None
        What to watch: the mean of what the ensemble's metric costs by row. None for the learner's own loss, as where
        the metric is the usual one, or no mean over rows. A learner that cannot watch it watches its own.
    """

    X: Any
    y: NDArray[Any]
    sample_weight: FloatArray | None
    patience: int
    loss: RowLoss | None = None


@runtime_checkable
class Model(Protocol):
    """A fitted model of one member on one fold.

    Three more methods are optional, and found by their presence: ``contributions``, of
    `Explains`; ``to_onnx``, of `ModelToOnnx`; and ``importances()``, which returns a
    non-negative number for every column, of shape (n_columns,), or None where this model has none.
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


# Categories up to which a column that is not taken as it is becomes one of 0 and 1 for each.
MOST_ONE_HOT = 16


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
    leaves_rows_alone : bool
        Whether neither the learner nor its models ever change the arrays and frames that they get.
        Such a one is lent the rows that others use too; any other gets copies of them. A subclass in
        another package declares it anew.
    takes_float32 : bool
        Whether ``prepare`` makes the same of numbers in float32 as of the same numbers in float64, so that a table in
        float32 need not be widened for it.
    lean : bool
        Whether a saved model is read, predicts and explains without scikit-learn and pandas, whose
        import takes seconds of an endpoint's cold start. Its module imports neither, nor a library
        that does, at the top. While such an endpoint loads, these and other libraries of frames and
        of plots cannot be imported.
    frames : bool
        Whether the learner wants the rows in the container that the user passed (a frame
        stays a frame) instead of a float64 array.
    encoded : bool
        With ``frames``, whether categories and missing cells that it does not take may be
        encoded, so that it gets an array.
    by_column : mapping of str to str
        Own parameters that are about columns, and of which form: ``"sign"`` (-1, 0 or 1 for each column, as of
        monotone constraints), ``"factor"`` and ``"penalty"`` (a number for each, usually 1 and 0), ``"groups"``
        (lists of columns, as of interaction constraints) and ``"columns"`` (a list). The user names columns by
        name or position, in lists, mappings or the texts of the libraries; what cannot hold is refused before
        anything is fitted. What ``fit`` finds there is about the columns of its ``X``, encoded ones included:
        a list with a number for each, a list of lists of positions, or a list of positions.
    elsewhere : mapping of str to str
        Parameters of the library that the ensemble decides, and what to do instead, as messages say it.
    labelled : bool
        Whether ``fit`` gets the classes as the user calls them, those of ``task.classes``, instead of codes. Its models
        answer in columns of the order of the classes all the same.
    by_label : tuple of str
        Own parameters that hold a value for each class: a mapping from labels, or a list in the order of the classes.
        Labels that the target does not have are refused before anything is fitted. What ``fit`` finds there is always
        a mapping from codes, or where it is ``labelled`` what the user gave; in both without the classes that are
        absent from its rows.
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
    quiet_in_time : tuple of warning classes
        What it warns of, too, where a time limit may end a fit before it has all its rounds.
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
    leaves_rows_alone: bool = False
    takes_float32: bool = False
    lean: bool = False
    frames: bool = False
    encoded: bool = True
    pickles: bool = False
    by_column: ClassVar[Mapping[str, str]] = {}
    labelled: bool = False
    by_label: ClassVar[tuple[str, ...]] = ()
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
    def quiet_in_time(self) -> tuple[type[Warning], ...]:
        return self.quiet

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
            float64 for regression; int64 codes 0 … n_classes - 1, all present, for classes, or their labels where
            ``labelled``.
        task : Task
        sample_weight : array of shape (n_rows,) or None
        seed : int
            The only source of randomness that may be used.
        threads : int
            How many threads the fit may use; never more.
        """
        raise TypeError(f"{type(self).__name__} does not define fit")

    def values_by_column(self) -> dict[str, tuple[str, Any]]:
        """Return the given parameters among ``by_column``: the form of each, and its value."""
        given = self.own_params() if self.by_column else {}
        return {name: (form, given[name]) for name, form in self.by_column.items() if given.get(name) is not None}

    def set_by_column(self, values: Mapping[str, Any]) -> Self:
        """Set parameters among ``by_column`` to what ``fit`` is to find there."""
        return self.set_params(**values)

    @property
    def rows_each(self) -> int:
        """How many rows of each class a fit needs, where it splits them itself."""
        return 1

    def values_by_label(self) -> dict[str, Any]:
        """Return the given parameters among ``by_label``, as the user gave them."""
        given = self.own_params()
        return {name: given[name] for name in self.by_label if given.get(name) is not None}

    def check(self, task: Task) -> None:
        """Raise a ParameterError, before anything is fitted, for what cannot work."""
        if task.kind not in self.tasks:
            raise ParameterError(f"{self.name} does not do {task.kind}")
        self.check_names(self._given)
        if not task.is_classification and (names := ", ".join(self.values_by_label())):
            raise ParameterError(f"{self.name}: {names} is about classes, and this is a regression ensemble")

    def in_unit(self, unit: Unit, task: Task) -> Self | None:
        """Return a learner that does with targets in another unit what this one does with them as they are.

        It is asked where a regression target is very small, very large or far from zero, and where several
        are fitted together. Then the returned one is fitted on ``unit.into(y)``, and what its models
        predict and explain is brought back. For learners that mean the same fit in any unit, but whose
        tolerances or single precision do not allow it; what their parameters have in units of the
        target is to be converted. None, as by default, where the target is to stay as it is.
        """
        return None

    def of_quantile(self, share: float) -> Self | None:
        """Return a learner that fits a quantile of residuals, for the intervals of a regression.

        ``share`` of the targets are to lie below what its models predict (the pinball loss: Koenker & Bassett, 1978),
        and where it stops early, its own loss is that one. What its parameters say of the target itself does not hold
        for residuals and is to be left out: another loss, a start value, monotone constraints. None, as by default,
        where it has no such loss.
        """
        return None

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        """Guess how long a fit takes with one thread, where nothing is known but this.

        The schedule starts long tasks first, and under a time limit the short ones.
        """
        return 1e-3 + 1e-7 * n_rows * n_columns * max(1, task.n_classes)

    def memory(self, n_rows: int, n_columns: int, *, task: Task) -> float:
        """Guess how many bytes a fit takes at its peak beside the table, so that not too many run at once."""
        return 3.0 * 8.0 * n_rows * n_columns

    @property
    def ends_in_time(self) -> bool:
        """Whether ``fit`` asks `byoe.plugins.out_of_time` between two rounds, and ends with those it has.

        Such a member gets its share of a time limit and is never left out for being slow. Another one is fitted on a
        few rows of a large table first, and left out where these say that it would take far too long.
        """
        return False

    def in_haste(self, times: float) -> Self | None:
        """Return a copy whose learning rate is so many times as large; None where it has none.

        The number of rounds is found with it in as many times fewer rounds.
        """
        return None

    @property
    def finds_rounds(self) -> bool:
        """Whether ``fit`` looks at ``stop``; with some parameters a learner that ``stops`` may not."""
        return self.stops

    @property
    def rounds_given(self) -> bool:
        """Whether the user set the number of rounds."""
        return self.shared_name("n_rounds") in self.own_params()

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether a column with so many categories, in a table of so many rows, is taken as codes."""
        return self.categorical

    def takes_means(self, levels: int, n_rows: int) -> bool:
        """Return whether a column whose codes are taken becomes its mean targets and then the code."""
        return False

    def packages(self) -> frozenset[str]:
        """Return the top-level packages, beyond ``needs``, whose types a saved model holds."""
        return frozenset()

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        """Read back what ``Model.save`` wrote into the folder.

        ``trusted`` names further types that the user allows a file to hold.
        """
        raise TypeError(f"{type(self).__name__} does not define load")
