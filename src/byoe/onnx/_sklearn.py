"""Estimators of scikit-learn, and wrappers of the boosters, as nodes of ONNX.

Every function returns the name of a matrix: predictions of shape (n_rows, n_outputs), or
probabilities of shape (n_rows, n_classes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import GammaRegressor, LogisticRegression, LogisticRegressionCV, PoissonRegressor
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..contracts._task import Task
from ..tools._estimators import is_ensemble, linear_terms
from . import _boosters as boosters
from . import _trees as trees
from ._graph import Graph, NotExportableError
from ._skl2onnx import by_skl2onnx

_DECISION_TREES = (DecisionTreeRegressor, DecisionTreeClassifier)
_FORESTS = (RandomForestRegressor, RandomForestClassifier, ExtraTreesRegressor, ExtraTreesClassifier)
_BOOSTED = (GradientBoostingRegressor, GradientBoostingClassifier)
_HISTOGRAM = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)


def estimator(graph: Graph, model: Any, x: str, task: Task) -> str:
    """Return the predictions of a fitted estimator of scikit-learn, or of a booster's wrapper."""
    if is_ensemble(model):
        raise NotExportableError("it is an ensemble itself")
    for kinds, convert in _CONVERTERS:
        if type(model) in kinds:  # a subclass may predict in another way
            return convert(graph, model, x, task)
    package = type(model).__module__.partition(".")[0]
    if package in _WRAPPERS:
        return _WRAPPERS[package](graph, model, x, task)
    own = type(model).__module__.startswith("sklearn.")
    if own and isinstance(model, LinearModel) and not task.is_classification:
        return graph.linear(x, *_terms(model))
    if own and task.is_classification and not hasattr(model, "predict_proba"):
        return _scores(graph, model, x)
    return by_skl2onnx(graph, model, x, task)


def _terms(model: Any) -> tuple[Any, Any]:
    found = linear_terms(model)
    if found is None:
        raise NotExportableError(f"{type(model).__name__} has no coefficients")
    return found


def _logistic(graph: Graph, model: Any, x: str, _task: Task) -> str:
    coef, intercept = _terms(model)
    return of_classes(graph, graph.linear(x, coef, intercept), len(coef))


def _log_linear(graph: Graph, model: Any, x: str, _task: Task) -> str:
    return graph.link(graph.linear(x, *_terms(model)), "exp")


def of_classes(graph: Graph, scores: str, n_scores: int) -> str:
    """Return the probabilities of a linear model's scores."""
    return graph.probabilities(scores, "logistic" if n_scores == 1 else "softmax")


def _scores(graph: Graph, model: Any, x: str) -> str:
    """Return decision values, one for each class."""
    if getattr(type(model), "decision_function", None) is not LinearClassifierMixin.decision_function:
        raise NotExportableError(f"{type(model).__name__} gives no probabilities")
    scores = graph.linear(x, *_terms(model))
    return scores if len(model.classes_) > 2 else graph.join([graph.op("Neg", scores), scores])


def _perceptron(graph: Graph, model: Any, x: str, _task: Task) -> str:
    return graph.layers(x, model.coefs_, model.intercepts_, model.activation, model.out_activation_)


def _target_scaled(graph: Graph, model: Any, x: str, task: Task) -> str:
    scaler = model.transformer_
    if type(scaler) is not StandardScaler:
        raise NotExportableError(
            f"its target is transformed by {type(scaler).__name__}; StandardScaler can be exported"
        )
    found = estimator(graph, model.regressor_, x, task)
    found = found if scaler.scale_ is None else graph.scale(found, scaler.scale_)
    return found if scaler.mean_ is None or not scaler.with_mean else graph.add(found, scaler.mean_)


def _pipeline(graph: Graph, model: Any, x: str, task: Task) -> str:
    for _, step in model.steps[:-1]:
        if step in (None, "passthrough"):
            continue
        if type(step) is StandardScaler:
            x = x if step.mean_ is None or not step.with_mean else graph.add(x, -step.mean_)
            x = x if step.scale_ is None else graph.divide(x, step.scale_)
        elif type(step) is SimpleImputer:
            x = _imputed(graph, step, x)
        else:
            x = by_skl2onnx(graph, step, x, None)
    return estimator(graph, model.steps[-1][1], x, task)


def _imputed(graph: Graph, step: Any, x: str) -> str:
    fill = np.asarray(step.statistics_)
    if step.add_indicator or fill.dtype.kind != "f" or np.isnan(fill).any() or not np.isnan(step.missing_values):
        raise NotExportableError("its SimpleImputer adds or drops columns, or fills other cells than NaN")
    return graph.filled(x, fill)


# -- trees ---------------------------------------------------------------------------


def _forest(graph: Graph, model: Any, x: str, task: Task) -> str:
    grown = [model] if isinstance(model, _DECISION_TREES) else model.estimators_
    # Of two classes the second one is enough.
    places = range(1, 2) if task.n_classes == 2 else range(max(task.n_classes, task.n_outputs))
    found = trees.Trees(len(places))
    for tree in (one.tree_ for one in grown):
        for target, place in enumerate(places):
            values = tree.value[:, 0, place] if task.is_classification else tree.value[:, place, 0]
            trees.sklearn_tree(found, target, tree, values)
    mean = graph.divide(found.sums(graph, graph.single(x)), float(len(grown)))
    return graph.both(mean) if task.n_classes == 2 else mean


def _boosted(graph: Graph, model: Any, x: str, task: Task) -> str:
    if not (isinstance(model.init_, str) or type(model.init_).__name__.startswith("Dummy")):
        raise NotExportableError("it starts from another estimator (init=)")
    rounds = model.estimators_
    found = trees.Trees(rounds.shape[1])
    found.bias += model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0]
    for row in rounds:
        for target, one in enumerate(row):
            trees.sklearn_tree(found, target, one.tree_, model.learning_rate * one.tree_.value[:, 0, 0])
    sums = found.sums(graph, graph.single(x))
    if not task.is_classification:
        return sums
    sums = graph.scale(sums, 2.0 if model.loss == "exponential" else 1.0)
    return of_classes(graph, sums, rounds.shape[1])


def _histogram(graph: Graph, model: Any, x: str, task: Task) -> str:
    if model.is_categorical_ is not None:
        raise NotExportableError("it splits on sets of categories, which scikit-learn numbers anew")
    found = trees.Trees(model.n_trees_per_iteration_)
    found.bias += np.ravel(model._baseline_prediction)
    for row in model._predictors:
        for target, one in enumerate(row):
            trees.histogram_tree(found, target, one.nodes)
    sums = found.sums(graph, x)
    if task.is_classification:
        return of_classes(graph, sums, len(found.bias))
    return graph.link(sums, "exp" if type(model._loss.link).__name__ == "LogLink" else "identity")


def _xgboost(graph: Graph, model: Any, x: str, task: Task) -> str:
    if not np.isnan(model.missing):
        raise NotExportableError(f"it takes {model.missing} for missing; NaN can be exported")
    booster = model.get_booster()
    best = getattr(model, "best_iteration", None) if model.early_stopping_rounds else None
    return boosters.xgboost(graph, booster if best is None else booster[: best + 1], x, task)


def _lightgbm(graph: Graph, model: Any, x: str, task: Task) -> str:
    return boosters.lightgbm(graph, model.booster_, x, task)


_WRAPPERS: dict[str, Callable[[Graph, Any, str, Task], str]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": boosters.catboost,
}


# -- distances -----------------------------------------------------------------------


def _neighbours(graph: Graph, model: Any, x: str, task: Task) -> str:
    if model.effective_metric_ != "euclidean":
        raise NotExportableError(f"its metric is {model.effective_metric_!r}; the Euclidean one can be exported")
    if model.weights not in ("uniform", "distance", None):
        raise NotExportableError("its weights are a function")
    rows = np.asarray(model._fit_X, dtype=np.float64)
    near = _nearest(graph, x, rows, model.n_neighbors)
    values = model._y
    if task.is_classification:
        values = np.asarray(values[:, None] == np.arange(len(model.classes_)), dtype=np.float64)
    table = graph.constant(np.reshape(values, (len(rows), -1)))
    told = graph.op("Gather", table, near, axis=0)  # of shape (n_rows, n_neighbours, n_values)
    if model.weights != "distance":
        return graph.divide(graph.total(told, keep=False), float(model.n_neighbors))
    away = graph.op("Sub", graph.op("Unsqueeze", x, graph.integers(1)), graph.op("Gather", graph.constant(rows), near))
    distance = graph.op("Sqrt", graph.total(graph.op("Mul", away, away), 2))
    zero = graph.op("Equal", distance, graph.constant(0.0))
    same = graph.cast(zero)
    # Where a neighbour is the row itself, only such neighbours count.
    some = graph.op("Greater", graph.total(same), graph.constant(0.0))
    safe = graph.op("Where", zero, graph.constant(1.0), distance)
    weights = graph.op("Where", some, same, graph.op("Div", graph.constant(1.0), safe))
    summed = graph.total(graph.op("Mul", told, weights), keep=False)
    return str(graph.op("Div", summed, graph.total(weights, keep=False)))


def _nearest(graph: Graph, x: str, rows: Any, number: int) -> str:
    """Return the numbers of the nearest rows, the nearest first."""
    products = graph.product(graph.with_row(x, rows.shape[1]), -2.0 * rows.T)
    # The length of the row itself is the same for all.
    squares = graph.add(products, (rows**2).sum(axis=1))
    found = graph.op("TopK", squares, graph.integers(number), outputs=2, axis=1, largest=0, sorted=1)
    return graph.without_row(found[1])


def _support_vectors(graph: Graph, model: Any, x: str, _task: Task) -> str:
    return graph.linear(_kernel(graph, model, x), model.dual_coef_, model.intercept_)


def _kernel(graph: Graph, model: Any, x: str) -> str:
    vectors, gamma = np.asarray(model.support_vectors_, dtype=np.float64), float(model._gamma)
    if model.kernel == "rbf":
        # As libsvm does it; differences of all pairs would take n_columns times the memory.
        products = graph.product(x, -2.0 * vectors.T)
        squares = graph.op("Add", graph.total(graph.op("Mul", x, x)), graph.add(products, (vectors**2).sum(axis=1)))
        return graph.link(graph.scale(graph.link(squares, "relu"), -gamma), "exp")
    product = graph.product(x, vectors.T)
    if model.kernel == "linear":
        return product
    shifted = graph.add(graph.scale(product, gamma), float(model.coef0))
    if model.kernel == "poly":
        return str(graph.op("Pow", shifted, graph.constant(float(model.degree))))
    if model.kernel == "sigmoid":
        return graph.link(shifted, "tanh")
    raise NotExportableError(f"its kernel is {model.kernel!r}")


def _decision(graph: Graph, model: Any, x: str) -> str:
    """Return the decision values of a support vector classifier, of shape (n_rows, 1 or n_classes)."""
    kernel, n_classes = _kernel(graph, model, x), len(model.classes_)
    if n_classes == 2:
        return graph.linear(kernel, model.dual_coef_, model.intercept_)
    if model.decision_function_shape != "ovr":
        raise NotExportableError("its decision_function_shape is 'ovo'")
    ends = np.cumsum([0, *model.n_support_])
    pairs = [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]
    coef = np.zeros((len(pairs), ends[-1]))
    first, second = np.zeros((2, len(pairs), n_classes))
    for number, (i, j) in enumerate(pairs):
        for own, row in ((i, j - 1), (j, i)):
            part = slice(ends[own], ends[own + 1])
            coef[number, part] = model.dual_coef_[row, part]
        first[number, i] = second[number, j] = 1.0
    values = graph.linear(kernel, coef, model.intercept_)
    against = graph.cast(graph.op("Less", values, graph.constant(0.0)))
    votes = graph.add(graph.product(against, second - first), first.sum(axis=0))
    confidence = graph.product(values, first - second)
    bound = graph.scale(graph.add(graph.op("Abs", confidence), 1.0), 3.0)
    return str(graph.op("Add", votes, graph.op("Div", confidence, bound)))


def _calibrated(graph: Graph, model: Any, x: str, task: Task) -> str:
    return graph.mean([_one_calibrated(graph, one, x, task) for one in model.calibrated_classifiers_])


def _one_calibrated(graph: Graph, model: Any, x: str, task: Task) -> str:
    if type(model.estimator) is not SVC or model.method != "sigmoid":
        raise NotExportableError(
            f"calibration of {type(model.estimator).__name__} by {model.method!r} has no form here"
        )
    values = _decision(graph, model.estimator, x)
    slopes = np.array([-one.a_ for one in model.calibrators])
    mapped = graph.link(graph.add(graph.scale(values, slopes), [-one.b_ for one in model.calibrators]), "logistic")
    if task.n_classes == 2:
        return graph.both(mapped)
    total = graph.total(mapped)
    some = graph.op("Greater", total, graph.constant(0.0))
    scaled = graph.op("Div", mapped, graph.op("Where", some, total, graph.constant(1.0)))
    return str(graph.op("Where", some, scaled, graph.constant(1.0 / task.n_classes)))


_CONVERTERS: tuple[tuple[Any, Callable[[Graph, Any, str, Task], str]], ...] = (
    ((Pipeline,), _pipeline),
    ((TransformedTargetRegressor,), _target_scaled),
    ((LogisticRegression, LogisticRegressionCV, LinearDiscriminantAnalysis), _logistic),
    ((PoissonRegressor, GammaRegressor), _log_linear),
    ((MLPRegressor, MLPClassifier), _perceptron),
    ((*_FORESTS, *_DECISION_TREES), _forest),
    (_BOOSTED, _boosted),
    (_HISTOGRAM, _histogram),
    ((KNeighborsRegressor, KNeighborsClassifier), _neighbours),
    ((SVR,), _support_vectors),
    ((CalibratedClassifierCV,), _calibrated),
)
