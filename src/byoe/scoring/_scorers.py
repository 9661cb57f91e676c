"""What is known of scikit-learn's metrics: which way is better, what they look at, and their losses by row."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sklearn.metrics import make_scorer

from ..contracts._row_loss import (
    AbsoluteError,
    BrierScore,
    GammaDeviance,
    LogLoss,
    PercentageError,
    Pinball,
    PoissonDeviance,
    RowLoss,
    SquaredError,
    SquaredLogError,
    TweedieDeviance,
    WrongClass,
)
from ..errors import ParameterError


def _pinball(alpha: float = 0.5) -> RowLoss:
    return Pinball(alpha)


def _deviance(power: float = 0) -> RowLoss:
    named: dict[float, RowLoss] = {0: SquaredError(), 1: PoissonDeviance(), 2: GammaDeviance()}
    return named.get(power) or TweedieDeviance(power)


# Functions of scikit-learn -> the loss of a row, of their parameters that it depends on. A score of explained
# variance, deviance or such orders predictions of the same rows as the loss in it does.
_OF_VALUES: dict[str, Callable[..., RowLoss]] = {
    "mean_squared_error": SquaredError,
    "root_mean_squared_error": SquaredError,
    "r2_score": SquaredError,
    "mean_absolute_error": AbsoluteError,
    "d2_absolute_error_score": AbsoluteError,
    "mean_absolute_percentage_error": PercentageError,
    "mean_squared_log_error": SquaredLogError,
    "root_mean_squared_log_error": SquaredLogError,
    "mean_pinball_loss": _pinball,
    "d2_pinball_score": _pinball,
    "mean_tweedie_deviance": _deviance,
    "d2_tweedie_score": _deviance,
    "mean_poisson_deviance": PoissonDeviance,
    "mean_gamma_deviance": GammaDeviance,
}
_OF_CLASSES: dict[str, Callable[..., RowLoss]] = {
    "accuracy_score": WrongClass,
    "zero_one_loss": WrongClass,
    "hamming_loss": WrongClass,
}
_OF_PROBABILITIES: dict[str, Callable[..., RowLoss]] = {
    "log_loss": LogLoss,
    "d2_log_loss_score": LogLoss,
    "brier_score_loss": BrierScore,
    "d2_brier_score": BrierScore,
}
_OF_RANKS = frozenset({"roc_auc_score", "average_precision_score", "top_k_accuracy_score"})
# Parameters that change neither the order of predictions nor which rows count.
_NO_MATTER = frozenset({"multioutput", "force_finite", "normalize", "labels", "pos_label", "scale_by_half"})
_LOSS_ENDS = ("_error", "_loss", "_deviance")


def row_loss_of(scorer: Any, *, classification: bool) -> RowLoss | None:
    """Return the loss of which a scorer is the mean over rows, up to a map that keeps the order; None if not known."""
    function: Any = getattr(scorer, "_score_func", None)
    if not _is_known(function):
        return None
    known = _OF_VALUES
    if classification:
        known = _OF_PROBABILITIES if scorer._response_method == "predict_proba" else _OF_CLASSES
    make = known.get(function.__name__)
    if make is None:
        return None
    kwargs: Mapping[str, Any] = scorer._kwargs
    own = {name: value for name, value in kwargs.items() if name not in _NO_MATTER}
    try:
        return make(**own)
    except TypeError:  # such as weights that are fixed in the scorer
        return None


def as_scorer(metric: Any) -> Any:
    """Return a scorer: the one given, or one made of a function of scikit-learn.

    Raises
    ------
    ParameterError
        When it is no metric, a function of which it cannot be known whether greater is better, or a scorer that
        says so of a loss.
    """
    function, kwargs = metric, {}
    if isinstance(metric, functools.partial):
        function, kwargs = metric.func, metric.keywords
    if _is_known(function):
        return _scorer_of(function, kwargs)
    if not callable(metric):
        raise ParameterError(
            f"metric is {metric!r}, expected 'auto', a scorer's name, a scorer or a callable (estimator, X, y)"
        )
    if hasattr(metric, "_score_func"):
        _check_direction(metric)
    elif _takes_two(metric):
        raise ParameterError(
            f"metric {_name(metric)!r} is a function of two arguments, which does not say whether greater is better; "
            "use sklearn.metrics.make_scorer(function, greater_is_better=...)"
        )
    return metric


def _scorer_of(function: Any, kwargs: Mapping[str, Any]) -> Any:
    name = function.__name__
    if not name.endswith((*_LOSS_ENDS, "_score", "_corrcoef")):
        raise ParameterError(f"sklearn.metrics.{name} is no metric of predictions; use a scorer's name")
    response: Any = "predict"
    if name in _OF_PROBABILITIES:
        response = "predict_proba"
    elif name in _OF_RANKS:
        response = ("decision_function", "predict_proba")
    return make_scorer(function, response_method=response, greater_is_better=not _is_loss(name), **kwargs)


def _check_direction(scorer: Any) -> None:
    name = getattr(scorer._score_func, "__name__", "")
    if _is_known(scorer._score_func) and _is_loss(name) and scorer._sign > 0:
        raise ParameterError(
            f"metric {name!r} is a loss, and the scorer says that greater is better, so that the worst blend would "
            f"win; use make_scorer({name}, greater_is_better=False)"
        )


def _is_known(function: Any) -> bool:
    ours = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    return ours and hasattr(function, "__name__")


def _is_loss(name: str) -> bool:
    return name.endswith(_LOSS_ENDS)


def _takes_two(function: Any) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [one for one in parameters if one.kind in kinds and one.default is one.empty]
    return len(needed) == 2


def _name(metric: Any) -> str:
    return str(getattr(metric, "__name__", type(metric).__name__))
