"""Seeds, threads and terms of any estimator."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

_BY_LABEL = frozenset({"class_weight", "class_weights", "sampling_strategy"})
# Whose estimators are fitted on codes, or on one class against others.
_SHOW_CODES = frozenset({"BaggingClassifier", "StackingClassifier", "VotingClassifier"})
_SHOW_OTHER_LABELS = _SHOW_CODES | {
    "ClassifierChain",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
}
# Binary classifiers of scikit-learn whose prediction is not the most probable class.
THRESHOLDS = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV"})
# Of CatBoost, whose user wants files.
_ABOUT_FILES = frozenset({"allow_writing_files", "save_snapshot", "snapshot_file", "train_dir"})
_FEW = 1000  # candidates of a search
_UNSAID = (
    "{} does not say whether it is a regressor or a classifier: derive it, or what it holds, from RegressorMixin or "
    "ClassifierMixin, and last from BaseEstimator, of sklearn.base"
)
THREAD_PARAMETERS = frozenset({"n_jobs", "thread_count", "nthread", "num_threads"})


def tags_of(estimator: Any, who: str = "", *, loose: bool = True) -> Any:
    """Return scikit-learn's tags of an estimator; if ``loose``, also of one that has none but says what it does."""
    from sklearn.utils import get_tags

    # CatBoost's estimators note down what they find when they are asked, and the user's stay as they are.
    asked = copied(estimator) if is_catboost(estimator) or has_catboost(estimator) else estimator
    try:
        return get_tags(asked)
    except AttributeError as error:  # it, or one that it holds, is no BaseEstimator
        kind = _said_kind(estimator) if loose else None
        if kind is None:
            raise ParameterError(_UNSAID.format(who + type(estimator).__name__)) from error
    from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

    tags = Tags(estimator_type=kind, target_tags=TargetTags(required=True))
    tags.regressor_tags = RegressorTags() if kind == "regressor" else None
    tags.classifier_tags = ClassifierTags() if kind == "classifier" else None
    return tags


def check_meta_model(estimator: Any) -> None:
    """Raise for what is no estimator that scikit-learn's own tools tell what it does, as a meta-model is to be."""
    is_class = isinstance(estimator, type)
    if is_class or not all(hasattr(estimator, name) for name in ("fit", "get_params")):
        raise ParameterError(
            f"the meta-model is {estimator!r}, expected an instance of a scikit-learn estimator"
            + (f"; this is its class: give {estimator.__name__}()" if is_class else "")
        )
    tags_of(estimator, "the meta-model ", loose=False)


def _said_kind(estimator: Any) -> str | None:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    if isinstance(estimator, BaseEstimator):
        return None
    said = getattr(estimator, "_estimator_type", None)
    if isinstance(estimator, ClassifierMixin) or hasattr(estimator, "predict_proba") or said == "classifier":
        return "classifier"
    return "regressor" if isinstance(estimator, RegressorMixin) or said == "regressor" else None


def last_step(estimator: Any) -> Any:
    """Return the estimator that does the predicting: the end of a pipeline, or itself."""
    while is_pipeline(estimator):
        estimator = estimator.steps[-1][1]
    return estimator


def is_pipeline(value: Any) -> bool:
    """Say whether an estimator is a pipeline of scikit-learn; imports nothing, as models are served without it."""
    return any(kind.__name__ == "Pipeline" and kind.__module__.startswith("sklearn.") for kind in type(value).__mro__)


def copied(value: Any) -> Any:
    """Return an unfitted copy of an estimator, or of a value that may hold some; what is given stays as it is.

    As scikit-learn's ``clone``, which refuses estimators whose constructor, or whose ``get_params``, changes or
    copies its arguments, also deep inside of others. Copies of CatBoost's estimators are copied so where
    scikit-learn clones them itself, as a search and a bag do with what they hold.
    """
    from sklearn.base import clone

    try:
        return clone(value, safe=False)
    except RuntimeError:
        if isinstance(value, (list, tuple)):
            return type(value)([copied(item) for item in value])
        if isinstance(value, dict):
            return {key: copied(item) for key, item in value.items()}
        if not hasattr(value, "get_params"):
            raise
        return rebuilt(value)


def rebuilt(estimator: Any) -> Any:
    """Return a new estimator of the same kind, made with copies of the same parameters."""
    twin = type(estimator)(**{name: copied(item) for name, item in estimator.get_params(deep=False).items()})
    for name in ("_metadata_request", "_sklearn_output_config"):  # which scikit-learn's clone copies, too
        if name in vars(estimator):
            setattr(twin, name, copy.deepcopy(vars(estimator)[name]))
    if is_catboost(twin):
        twin.__sklearn_clone__ = partial(rebuilt, twin)
    return twin


def set_seed(estimator: Any, seed: int) -> None:
    """Set every ``random_state`` that was left open, at any depth."""
    params = estimator.get_params(deep=True)
    for part in (estimator, *params.values()):
        # Some have one that is no parameter, and draw from NumPy's own generator without need.
        if type(part).__module__ == "sklearn.svm._classes" and getattr(part, "random_state", seed) is None:
            part.random_state = seed
    open_seeds = [key for key, value in params.items() if key.rpartition("__")[2] == "random_state" and value is None]
    if open_seeds:
        estimator.set_params(**dict.fromkeys(open_seeds, seed))


def set_threads(estimator: Any, threads: int, names: Collection[str] = THREAD_PARAMETERS) -> None:
    """Set every thread parameter, at any depth."""
    params = estimator.get_params(deep=True)
    found = {}
    for key, value in params.items():
        prefix, _, name = key.rpartition("__")
        owner = params[prefix] if prefix else estimator
        # scikit-learn's linear models run on one thread when left alone, and some of them warn otherwise.
        alone = value is None and type(owner).__module__.startswith("sklearn.linear_model")
        if name in names and not alone:
            found[key] = threads
    for key, value in {"": estimator, **params}.items():
        if any(map(_of_xgboost, type(value).__mro__)) and hasattr(value, "_Booster"):
            # Once fitted, it would read all its parameters again, and some forms of constraints it cannot.
            found.pop(f"{key}__n_jobs" if key else "n_jobs", None)
            value.n_jobs = threads
            value.get_booster().set_param({"nthread": threads})
        if is_catboost(value):  # it lists only the parameters that were given
            found[f"{key}__thread_count" if key else "thread_count"] = threads
    if found:
        estimator.set_params(**found)


def is_ensemble(value: Any) -> bool:
    """Say whether an estimator is one of byoe's ensembles."""
    return hasattr(value, "_classifies")


def is_catboost(value: Any) -> bool:
    """Say whether an estimator is one of CatBoost's; imports nothing."""
    return type(value).__module__.startswith("catboost") and hasattr(value, "get_params")


def write_nothing(part: Any) -> None:
    """Keep an unfitted estimator of CatBoost from leaving a folder where the process runs, unless told where."""
    if is_catboost(part) and not part.is_fitted() and not _ABOUT_FILES & part.get_params().keys():
        part.set_params(allow_writing_files=False)


def has_catboost(estimator: Any) -> bool:
    """Say whether an estimator is one of CatBoost's, or holds one at any depth."""
    return any(is_catboost(value) for value in estimator.get_params(deep=True).values())


def gives_probabilities(estimator: Any) -> bool:
    """Say whether a classifier has ``predict_proba`` once it is fitted, also where it cannot tell before."""
    if hasattr(estimator, "predict_proba"):
        return True
    last = last_step(estimator)
    if is_kind(last, {"StackingClassifier"}):
        return last.final_estimator is None or gives_probabilities(last.final_estimator)
    if is_kind(last, {"BaseSearchCV"}):
        from sklearn.model_selection import ParameterGrid

        tried = getattr(last, "param_grid", None) or {}
        grid = ParameterGrid(tried)
        if not tried or len(grid) > _FEW or not last.refit:
            return False
        return all(gives_probabilities(copied(last.estimator).set_params(**params)) for params in grid)
    return False


def wants_codes(estimator: Any) -> bool:
    """Say whether an estimator takes classes as 0 … n_classes - 1 only, as XGBoost's classifiers do.

    Those inside of others are made to take labels; of classes that derive from them this cannot be done.
    """
    own = type(estimator), type(last_step(estimator))
    inside = [type(value) for value in estimator.get_params(deep=True).values() if hasattr(value, "predict_proba")]
    return any(map(_of_xgboost, own)) or any(
        any(map(_of_xgboost, kind.__mro__)) and not _of_xgboost(kind) for kind in inside
    )


def let_take_labels(estimator: Any, classes: NDArray[Any] | None) -> None:
    """Let what is inside an unfitted estimator take the labels of the classes.

    XGBoost's classifiers take no others than codes elsewhere. Weights of classes inside of what shows codes are by
    code: those by label, where no label is a code too, are made so.
    """
    if "xgboost" in sys.modules:
        from ._xgboost_labels import take_labels

        take_labels(estimator)
    params = estimator.get_params(deep=True)
    codes = {} if classes is None else {label: code for code, label in enumerate(classes.tolist())}
    for key, value in params.items():
        inside = any(is_kind(holder, _SHOW_CODES) for holder in holders(estimator, params, key)[:-1])
        own = inside and key.rpartition("__")[2] in _BY_LABEL and isinstance(value, Mapping)
        if own and codes.keys() >= value.keys() and not codes.keys() & set(codes.values()):
            estimator.set_params(**{key: {codes[label]: given for label, given in value.items()}})


def _of_xgboost(kind: type) -> bool:
    return kind.__module__.startswith("xgboost.")


def holders(estimator: Any, params: Mapping[str, Any], name: str) -> list[Any]:
    """Return what holds a parameter of an estimator, given by its name at any depth, from the outermost on."""
    parts = name.split("__")
    prefixes = ["__".join(parts[:depth]) for depth in range(1, len(parts))]
    return [estimator, *(params[prefix] for prefix in prefixes if prefix in params)]


def is_kind(value: Any, names: Collection[str]) -> bool:
    """Say whether a value is of a class, or of a subclass of one, of such a name; imports nothing."""
    return any(kind.__name__ in names for kind in type(value).__mro__)


def by_label(params: Mapping[str, Any], estimator: Any = None) -> dict[str, Any]:
    """Return those parameters of an estimator, at any depth, that hold a value for each class under its label.

    Those of what is shown other labels, as inside one classifier against the rest, mean these, and stay as they are.
    """
    found = {}
    for key, value in params.items():
        if any(is_kind(holder, _SHOW_OTHER_LABELS) for holder in holders(estimator, params, key)[:-1]):
            continue
        name = key.rpartition("__")[2]
        weights = name == "class_weights" and isinstance(value, (list, tuple, np.ndarray))  # of CatBoost
        if weights or (name in _BY_LABEL and isinstance(value, Mapping)):
            found[key] = value
    return found


def as_numbers(prediction: Any) -> NDArray[Any]:
    """Return what an estimator predicts as float64; of its own type where that would make up or drop something."""
    if np.ma.isMaskedArray(prediction) and prediction.dtype.kind in "biuf":
        prediction = np.ma.filled(prediction.astype(np.float64), np.nan)
    values = np.asarray(prediction.toarray() if hasattr(prediction, "toarray") else prediction)
    return values if values.dtype.kind in "USTcmM" else values.astype(np.float64, copy=False)


def linear_terms(estimator: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return a linear estimator's coefficients (n_terms, n_columns) and intercepts (n_terms,), else None.

    A link function in front of them is not seen here.
    """
    coef, intercept = getattr(estimator, "coef_", None), getattr(estimator, "intercept_", None)
    if coef is None or intercept is None:
        return None
    dense = coef.toarray() if hasattr(coef, "toarray") else coef
    coef = np.atleast_2d(np.asarray(dense, dtype=np.float64))
    return coef, np.broadcast_to(np.ravel(intercept).astype(np.float64), len(coef))
