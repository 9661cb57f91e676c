"""Learners made of what byoe did not make: an estimator instance, a class or a factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ..contracts._learner import Model
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError
from ..tools._estimators import (
    by_label,
    copied,
    gives_probabilities,
    holders,
    is_kind,
    last_step,
    let_take_labels,
    set_seed,
    set_threads,
    tags_of,
    wants_codes,
)
from ..tools._routing import fit_with, takes
from ._boosting import constraint_texts
from ._estimator import EstimatorLearner, EstimatorModel
from ._units import changed
from .lightgbm import LightGBM
from .xgboost import WITH_PROBABILITIES, XGBoost

_ANY_TASK = Task("regression")
_GIVE_PROBABILITIES = {name for kind in (XGBoost, LightGBM) for name in (*kind.two_classes, *kind.any_classes)}
# Whose estimators, and whose functions, change no data of their caller's unless a parameter says so.
_CAREFUL = frozenset({"catboost", "lightgbm", "scipy", "sklearn", "xgboost"})


# What estimators call parameters that are about columns, and their forms; see `Learner.by_column`.
_BY_COLUMN = {
    "categorical_features": "columns",
    "feature_weights": "factor",
    "ignored_features": "columns",
    "interaction_constraints": "groups",
    "interaction_cst": "groups",
    "monotone_constraints": "sign",
    "monotonic_cst": "sign",
}
_MOST_CATEGORIES = 255
_BAGS = frozenset({"BaggingClassifier", "BaggingRegressor"})
# Of scikit-learn, which take neither missing cells nor several targets under a monotone constraint.
_TREES = ("sklearn.tree", "sklearn.ensemble._forest")


def default_name(estimator: Any) -> str:
    """Return the label of a member made of an estimator."""
    inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
    return type(inner).__name__.lower()


def _declare(learner: EstimatorLearner, estimator: Any) -> None:
    """Set what a learner declares to what an estimator can do."""
    tags = tags_of(estimator)
    kinds = {"regression": "regressor", "classification": "classifier"}
    learner.tasks = frozenset(  # type: ignore[misc]  # of this instance
        kind for kind, name in kinds.items() if tags.estimator_type == name
    )
    learner.weights = "approximate" if takes(estimator, "sample_weight") else "none"
    free = not _has_constrained_trees(estimator)
    learner.missing = bool(tags.input_tags.allow_nan) and free
    learner.sparse = bool(tags.input_tags.sparse)
    learner.multi_output = bool(tags.target_tags.multi_output) and free
    learner.categorical = _goes_by_dtype(estimator)
    learner.frames = not learner.categorical  # it takes codes, which texts become, too
    learner.grouped = takes(estimator, "groups")
    learner.frozen = isinstance(estimator, FrozenEstimator)
    learner.encoded = not learner.frozen and _is_bare(estimator)
    learner.gives_probabilities = gives_probabilities(estimator)
    # A model that is fitted already answers in what it was fitted on.
    learner.labelled = learner.frozen or not wants_codes(estimator)
    learner.leaves_rows_alone = _leaves_rows_alone(estimator)
    trees = ("sklearn.ensemble", "sklearn.tree", "xgboost", "lightgbm", "catboost")
    learner.finalize = "bag" if type(last_step(estimator)).__module__.startswith(trees) else "refit"


def _has_constrained_trees(estimator: Any) -> bool:
    """Say whether an estimator is a tree or forest of scikit-learn with a monotone constraint, or holds one."""
    parts = (estimator, *estimator.get_params(deep=True).values())
    return any(
        type(part).__module__.startswith(_TREES) and getattr(part, "monotonic_cst", None) is not None for part in parts
    )


def _by_column(estimator: Any) -> dict[str, tuple[str, Any]]:
    """Return the parameters about columns that an estimator and its parts have: the form of each, and its value."""
    found = {}
    params = estimator.get_params(deep=True)
    for name, value in params.items():
        form = _BY_COLUMN.get(name.rpartition("__")[2])
        by_kind = form == "columns" and isinstance(value, str)  # "from_dtype"
        if form is None or value is None or by_kind or "final_estimator" in name.split("__"):  # its columns are others
            continue
        if not any(map(_chooses_columns, holders(estimator, params, name)[:-1])):
            found[name] = form, value
    return found


def _chooses_columns(estimator: Any) -> bool:
    """Say whether an estimator fits what it holds on some of the columns."""
    return is_kind(estimator, _BAGS) and estimator.max_features != 1.0


def _tries_columns(grid: Any) -> bool:
    """Say whether a value is a grid of a search, one of whose parameters is about columns."""
    grids = grid if isinstance(grid, (list, tuple)) else [grid]
    return any(str(name).rpartition("__")[2] in _BY_COLUMN for one in grids if isinstance(one, Mapping) for name in one)


def _leaves_rows_alone(value: Any, holders: frozenset[int] = frozenset()) -> bool:
    """Say whether an estimator, or a parameter of one, is known to change no data of its caller's."""
    if id(value) in holders:  # a list that holds an estimator that holds the list
        return True
    inside = partial(_leaves_rows_alone, holders=holders | {id(value)})
    if isinstance(value, Mapping):
        return not any(map(_works_in_place, value.items())) and all(map(inside, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(inside, value))
    if isinstance(value, type):
        return _package(value) in _CAREFUL | {"builtins", "numpy"}
    if hasattr(value, "get_params"):
        return _package(type(value)) in _CAREFUL and inside(value.get_params(deep=False))
    return not callable(value) or isinstance(value, np.ufunc) or _package(value) in _CAREFUL


def _works_in_place(parameter: tuple[Any, Any]) -> bool:
    """Say whether a parameter is one like ``copy=False``, ``copy_X=False`` or ``out=array``."""
    name, value = str(parameter[0]).rpartition("__")[2], parameter[1]
    return value is not None and (name == "out" or (name.startswith("copy") and not value))


def _package(kind: Any) -> str:
    return (getattr(kind, "__module__", None) or "").partition(".")[0]


def _is_histogram(estimator: Any) -> bool:
    return type(estimator).__module__.startswith("sklearn.ensemble._hist")


def _goes_by_dtype(estimator: Any) -> bool:
    """Say whether an estimator of scikit-learn takes categories, and tells them by the type of a frame's columns."""
    return _is_histogram(estimator) and isinstance(estimator.categorical_features, str)


def _is_bare(estimator: Any) -> bool:
    """Say whether an estimator of scikit-learn has nothing of its own that could prepare the data."""
    kind = type(estimator)
    if not kind.__module__.startswith("sklearn.") or (_is_histogram(estimator) and not _goes_by_dtype(estimator)):
        return False
    params = estimator.get_params(deep=True)
    # CatBoost inside takes the categories itself, and what a search tries is about the columns as they are.
    told = any(name.endswith(("cat_features", "text_features")) and value is not None for name, value in params.items())
    return (
        not told
        and not any(map(_tries_columns, params.values()))
        and not any(hasattr(value, "transform") for value in params.values())
    )


def _objectives(estimator: Any) -> dict[str, str]:
    """Return the objectives that are given to classifiers of XGBoost and LightGBM, at any depth."""
    params = estimator.get_params(deep=True)
    found = {}
    for name, value in params.items():
        owner, _, own = name.rpartition("__")
        kind = type(params[owner] if owner else estimator)
        if own == "objective" and isinstance(value, str) and _package(kind) in ("xgboost", "lightgbm"):
            found[name] = value
    return found


def _check_answers(estimator: Any, task: Task, *, probabilities: bool) -> None:
    """Raise for parameters with which a classifier's answers are not of classes."""
    who = type(estimator).__name__
    for name, value in _objectives(estimator).items():
        if value not in _GIVE_PROBABILITIES:
            raise ParameterError(f"{who}: {name}={value!r} gives no probabilities of classes; leave it out")
    if task.n_classes <= 2 or probabilities:
        return
    for name, value in estimator.get_params(deep=True).items():
        if name.rpartition("__")[2] == "decision_function_shape" and value == "ovo":
            raise ParameterError(
                f"{who} has {name}='ovo', and its decision values are of pairs of classes; leave it 'ovr', which gives "
                "one for each class"
            )


def _check_fitted(frozen: FrozenEstimator) -> None:
    try:
        check_is_fitted(frozen)
    except NotFittedError as error:
        raise ParameterError(
            f"{type(frozen.estimator).__name__} in a FrozenEstimator is not fitted; fit it, or give it unfrozen"
        ) from error


def _of_quantile(given: Mapping[str, Any], share: float) -> dict[str, Any] | None:
    """Return the parameters with which an estimator of scikit-learn fits a quantile of residuals."""
    if "quantile" in given:  # HistGradientBoostingRegressor, QuantileRegressor
        found = {"quantile": share, **({"loss": "quantile"} if "loss" in given else {})}
    elif {"loss", "alpha", "n_estimators"} <= given.keys():  # GradientBoostingRegressor
        found = {"loss": "quantile", "alpha": share}
    else:
        return None
    others = {"monotonic_cst": None, "scoring": "loss"}
    return {**{name: value for name, value in others.items() if given.get(name) is not None}, **found}


class _Foreign(EstimatorLearner):
    """What byoe did not make: it says by its tags and its signature what it takes."""

    frames = True

    def takes_category(self, levels: int, n_rows: int) -> bool:
        """Return whether the categories fit into scikit-learn's bins."""
        return self.categorical and levels <= _MOST_CATEGORIES

    def values_by_label(self) -> dict[str, Any]:
        """Return the given parameters that hold a value for each class, as the user gave them."""
        return by_label(self.get_params(deep=True), self.user_estimator)

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        groups: NDArray[Any] | None = None,
        categorical: Mapping[int, int] | None = None,
    ) -> Model:
        estimator = self.estimator(task, y)
        if categorical:
            estimator.set_params(categorical_features=sorted(categorical))
        if isinstance(estimator, FrozenEstimator):
            return EstimatorModel(estimator.estimator, task, frozen=True, labelled=True)
        set_seed(estimator, seed)
        set_threads(estimator, threads, self.thread_parameters)
        if task.is_classification:
            twins = {name: WITH_PROBABILITIES.get(value, value) for name, value in _objectives(estimator).items()}
            estimator.set_params(**twins)
            if self.labelled:
                let_take_labels(estimator, task.classes)
        fit_with(estimator, X, y, sample_weight=sample_weight, groups=groups)
        return self._model(estimator, task)

    def of_quantile(self, share: float) -> Self | None:
        """Return the learner for a quantile, if the estimator names it as scikit-learn's do."""
        params = _of_quantile(self.estimator(_ANY_TASK, np.empty(0)).get_params(deep=False), share)
        return None if params is None else changed(self, params)

    def _ensemble(self, task: Task) -> Any:
        estimator = super()._ensemble(task)
        return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _of_xgboost(estimator: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters about columns, those of XGBoost's estimators as texts."""
    owners = {"": estimator, **estimator.get_params(deep=True)}
    theirs = {name for name in values if _package(type(owners[name.rpartition("__")[0]])) == "xgboost"}
    return {**values, **constraint_texts({name: values[name] for name in theirs})}


class FromEstimator(_Foreign):
    """A scikit-learn estimator that the user made, used as it is."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.user_estimator = estimator
        self.name = default_name(estimator)
        _declare(self, estimator)

    def check(self, task: Task) -> None:
        if task.kind not in self.tasks:
            wanted = "classifier" if task.is_classification else "regressor"
            raise ParameterError(
                f"{type(self.user_estimator).__name__} is not a {wanted}, and this is a {task.kind} ensemble"
            )
        if isinstance(self.user_estimator, FrozenEstimator):
            _check_fitted(self.user_estimator)
        if task.is_classification:
            _check_answers(self.user_estimator, task, probabilities=self.gives_probabilities)

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        return copied(self.user_estimator)

    def packages(self) -> frozenset[str]:
        return frozenset({type(self.user_estimator).__module__.partition(".")[0]})

    def trusts(self) -> frozenset[str]:
        """Return no package: nobody has installed these classes for byoe, so that the user names what is not known."""
        return frozenset()

    def values_by_column(self) -> dict[str, tuple[str, Any]]:
        return _by_column(self.user_estimator) if self.encoded else {}  # others get the user's own columns

    def set_by_column(self, values: Mapping[str, Any]) -> Self:
        return self.set_params(**_of_xgboost(self.user_estimator, values))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return cast(dict[str, Any], self.user_estimator.get_params(deep=deep))

    def set_params(self, **params: Any) -> Self:
        self.user_estimator.set_params(**params)
        _declare(self, self.user_estimator)
        return self

    def own_params(self) -> dict[str, Any]:
        return self.get_params(deep=False)

    def parameter_names(self) -> frozenset[str] | None:
        return frozenset(self.user_estimator.get_params(deep=True))

    def __sklearn_clone__(self) -> FromEstimator:
        twin = FromEstimator(copied(self.user_estimator))
        twin.name = self.name
        return twin

    def __repr__(self) -> str:
        return repr(self.user_estimator)


class FromFactory(_Foreign):
    """A registered estimator class, or a function that makes an estimator."""

    def __init__(self, factory: Callable[..., Any], **params: Any) -> None:
        super().__init__(**params)
        self.factory = factory
        made = factory()
        if not (hasattr(made, "fit") and hasattr(made, "get_params")):
            raise TypeError(f"it makes {made!r}, which is no scikit-learn estimator")
        _declare(self, made)
        self._names = frozenset(made.get_params(deep=True))
        parts = [factory, *map(type, (made, *made.get_params(deep=True).values()))]
        self.leaves_rows_alone = self.leaves_rows_alone and _leaves_rows_alone(params)
        self._packages = frozenset(part.__module__.partition(".")[0] for part in parts) - {"builtins"}

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        return cast(BaseEstimator, self.factory()).set_params(**self.own_params())

    def set_params(self, **params: Any) -> Self:
        super().set_params(**params)
        self.leaves_rows_alone = self.leaves_rows_alone and _leaves_rows_alone(params)
        return self

    def values_by_column(self) -> dict[str, tuple[str, Any]]:
        return _by_column(self.estimator(_ANY_TASK, np.empty(0))) if self.encoded else {}

    def set_by_column(self, values: Mapping[str, Any]) -> Self:
        return self.set_params(**_of_xgboost(self.estimator(_ANY_TASK, np.empty(0)), values))

    def packages(self) -> frozenset[str]:
        return self._packages

    def __repr__(self) -> str:
        return f"{self.name}{super().__repr__().removeprefix(type(self).__name__)}"

    def parameter_names(self) -> frozenset[str]:
        return self._names
