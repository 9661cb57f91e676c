"""XGBoost (Chen & Guestrin, 2016) through its native API."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._deadline import out_of_time, seconds_left
from ..contracts._learner import Model, StopRows
from ..contracts._task import FloatArray, IntArray, Task
from ..contracts._unit import Unit
from ..errors import ParameterError
from ._boosting import (
    CATEGORIES,
    Booster,
    constraint_texts,
    log_odds_of,
    of_function,
    of_ordinary_size,
    shared_lock,
    take_rounds,
    watched_loss,
    worth_codes,
)
from ._by_tables import contributions as by_tables
from ._stand_ins import StandIns
from ._units import converted
from ._xgboost_rows import binned, columns_of, split_on_sets, splitting
from ._xgboost_trees import tables_of

# Parameters of the wrapper that say how to fit rather than what; byoe decides those.
_NOT_OURS = frozenset(
    "self kwargs callbacks early_stopping_rounds enable_categorical feature_types "
    "importance_type missing n_jobs validate_parameters".split()
)
_NATIVE_ONLY = frozenset(
    "feature_weights huber_slope max_cached_hist_node process_type quantile_alpha refresh_leaf "
    "tweedie_variance_power updater".split()
)

# Of losses that mean the same in any unit: what the parameters that are in units of the target are powers of.
_SQUARED = {"gamma": 2, "reg_alpha": 1, "max_delta_step": 1}
_POWERS: dict[str, dict[str, int]] = {
    "reg:squarederror": _SQUARED,
    "reg:pseudohubererror": {**_SQUARED, "huber_slope": 1},
    "reg:absoluteerror": {},
    "reg:quantileerror": {},
}
_METRICS = frozenset({"rmse", "mae", "mphe", "quantile"})
_CONFIGURING = shared_lock()
STAND_INS = "byoe_stand_ins"  # an attribute of the native model


@cache
def _names() -> frozenset[str]:
    import xgboost

    return frozenset(inspect.signature(xgboost.XGBModel.__init__).parameters) - _NOT_OURS | _NATIVE_ONLY


class XGBoostModel:
    """A native booster."""

    single_precision = True

    def __init__(self, booster: Any, task: Task) -> None:
        self.booster = booster
        self.task = task
        self._threads = 0
        config = json.loads(booster.save_config())["learner"]
        self.objective = config["objective"]["name"]
        self.rounds = int(booster.num_boosted_rounds())
        # XGBoost predicts linear models from its own matrix only.
        self._in_place = config["gradient_booster"]["name"] != "gblinear"
        told = booster.attr(STAND_INS)
        self._stand_ins = None if told is None else StandIns.restore(told)

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        values = np.asarray(self._values(self._met(X), threads), dtype=np.float64)
        if self.task.n_classes == 2 and values.ndim == 1:
            return np.column_stack([1.0 - values, values])
        if self.task.is_classification:
            # float32 softmax rows sum to one only to seven digits.
            values = values / values.sum(axis=1, keepdims=True)
        return values

    def _met(self, X: Any) -> Any:
        """Return rows with categories that the training rows had."""
        return X if self._stand_ins is None else self._stand_ins.applied(X)

    def _values(self, X: Any, threads: int) -> Any:
        if not self._in_place:
            import xgboost

            return self.booster.predict(xgboost.DMatrix(X, nthread=threads))
        # The first prediction after a new parameter configures the booster, which two threads
        # of a server must not do at once; every other prediction is thread-safe.
        if threads != self._threads:
            with _CONFIGURING:
                if threads != self._threads:
                    self.booster.set_param("nthread", threads)
                    values = self.booster.inplace_predict(X, validate_features=False)
                    self._threads = threads
                    return values
        return self.booster.inplace_predict(X, validate_features=False)

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        library = partial(self._contributions, threads=threads)
        values = by_tables(library, tables_of(self.booster, threads), self._met(X), tolerance=1e-4)
        return log_odds_of(values, self.task)

    def _contributions(self, X: Any, threads: int) -> FloatArray:
        import xgboost

        self._values(X[:1], threads)  # configures the booster
        kinds = self.booster.feature_types
        data = xgboost.DMatrix(X, nthread=threads, feature_types=kinds, enable_categorical=kinds is not None)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)

    def importances(self) -> FloatArray | None:
        if not self._in_place:  # coefficients of columns in different units do not compare
            return None
        gains = np.zeros(self.booster.num_features())
        for name, gain in self.booster.get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return gains

    def save(self, folder: Path) -> None:
        self.booster.save_model(folder / "model.ubj")


class XGBoost(Booster):
    """Gradient-boosted trees of XGBoost.

    Takes the parameters of ``xgboost.XGBModel`` and XGBoost's native names for them. The
    number of threads and the seed belong to the ensemble.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("xgboost", eta=0.1, num_round=200)
    XGBoost(eta=0.1, num_round=200)
    """

    needs = ("xgboost",)
    two_classes = ("binary:logistic", "binary:logitraw", "reg:logistic")
    any_classes = ("multi:softprob", "multi:softmax")
    not_by_row = ("rank", "survival:aft", "survival:cox")
    kind_name, other_kinds = "booster", ("dart", "gblinear")
    cell_seconds, cell_bytes = 7e-9, 6.0
    usual_rate = 0.15  # no less accurate than smaller steps, in less time
    space = {
        "learning_rate": (0.02, 0.2, "log"),
        "max_depth": (3, 10),
        "min_child_weight": (1.0, 30.0, "log"),
        "subsample": (0.5, 1.0),
        "colsample_bytree": (0.4, 1.0),
        "reg_lambda": (0.1, 30.0, "log"),
    }
    shared = {
        "learning_rate": "learning_rate",
        "max_depth": "max_depth",
        "n_rounds": "n_estimators",
        "subsample": "subsample",
        "colsample": "colsample_bytree",
        "l2": "reg_lambda",
    }
    by_column = {"monotone_constraints": "sign", "interaction_constraints": "groups", "feature_weights": "factor"}
    elsewhere = {"enable_categorical": CATEGORIES, "feature_types": CATEGORIES}
    functions = ("eval_metric",)
    of_the_target = ("base_score", "eval_metric", "huber_slope", "monotone_constraints", "tweedie_variance_power")
    aliases = {"alpha": "reg_alpha", "min_split_loss": "gamma", "seed": "random_state"}

    def check(self, task: Task) -> None:
        super().check(task)
        levels = self.own_params().get("quantile_alpha")
        if isinstance(levels, (list, tuple, np.ndarray)) and len(levels) > 1:
            raise ParameterError(
                f"{self.name}: quantile_alpha has {len(levels)} values, and a member predicts one for each row; give a "
                "member for each quantile"
            )

    def takes_category(self, levels: int, n_rows: int) -> bool:
        given = self._chosen()
        exact = given.get("tree_method") == "exact" or "grow_colmaker" in str(given.get("updater"))
        vectors = given.get("multi_strategy") == "multi_output_tree"
        return given.get("booster") != "gblinear" and not exact and not vectors and worth_codes(levels, n_rows)

    def parameter_names(self) -> frozenset[str]:
        return _names()

    def fit(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        task: Task,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        categorical: Mapping[int, int] | None = None,
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> Model:
        import xgboost

        given = splitting(self._chosen(), categorical)
        matrix = partial(xgboost.DMatrix, **columns_of(X, categorical), nthread=threads)
        data = matrix(X, label=y, weight=of_ordinary_size(sample_weight))
        sets = split_on_sets(given, categorical)
        stand_ins = StandIns.of(X, y, sets, task, sample_weight) if sets else None
        watched = None
        if stop is not None:
            watching = stop.X if stand_ins is None else stand_ins.applied(stop.X)
            watched = matrix(watching, label=stop.y, weight=stop.sample_weight)
        return self._train(given, data, watched, task, stand_ins, seed=seed, threads=threads, stop=stop, rounds=rounds)

    @property
    def finds_rounds(self) -> bool:
        return self._chosen().get("booster") != "gblinear"  # of which no best round can be cut out

    def _in_unit(self, given: dict[str, Any], unit: Unit) -> dict[str, Any] | None:
        objective, metric = given.get("objective", "reg:squarederror"), given.get("eval_metric", "rmse")
        powers = _POWERS.get(objective) if isinstance(objective, str) else None
        if powers is None or not _METRICS.issuperset([metric] if isinstance(metric, str) else metric):
            return None
        params = converted(given, powers, unit)
        if "base_score" in given:
            params["base_score"] = float(unit.into(np.asarray(given["base_score"], dtype=np.float64)))
        return params

    def _quantile(self, share: float) -> dict[str, Any] | None:
        if self._chosen().get("booster") == "gblinear":  # only trees have leaves to set to a quantile
            return None
        return {"objective": "reg:quantileerror", "quantile_alpha": share}

    @property
    def gpu(self) -> Mapping[str, Any]:
        return {} if self._chosen().get("tree_method") == "exact" else {"device": "cuda"}

    def can_prepare(self, X: Any) -> bool:
        given = self._chosen()
        trees = given.get("booster", "gbtree") != "gblinear" and given.get("tree_method", "hist") in ("auto", "hist")
        return trees and given.get("device", "cpu") == "cpu"

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
        import xgboost

        bins = self._chosen().get("max_bin", 256)
        columns = columns_of(X, categorical)
        cuts = xgboost.QuantileDMatrix(X, nthread=threads, max_bin=bins, **columns)
        return cuts, X, columns, bins, categorical

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
        cuts, X, columns, bins, categorical = prepared
        given = splitting(self._chosen(), categorical)
        data = binned(
            cuts, X, rows, y, weight=of_ordinary_size(sample_weight), threads=threads, columns=columns, bins=bins
        )
        sets = split_on_sets(given, categorical)
        stand_ins = StandIns.of_rows(X, rows, y, sets, task, sample_weight) if sets else None
        watched = None
        if stop is not None:
            like = {"weight": stop.sample_weight, "threads": threads, "columns": columns, "bins": bins}
            watched = binned(data, X, stop.X, stop.y, **like, stand_ins=stand_ins)
        return self._train(given, data, watched, task, stand_ins, seed=seed, threads=threads, stop=stop, rounds=rounds)

    def _train(
        self,
        given: dict[str, Any],
        data: Any,
        watched: Any,
        task: Task,
        stand_ins: StandIns | None,
        *,
        seed: int,
        threads: int,
        stop: StopRows | None,
        rounds: int | None,
    ) -> XGBoostModel:
        import xgboost

        if (weights := given.pop("feature_weights", None)) is not None:
            data.set_info(feature_weights=weights)
        own = of_function(given.pop("objective")) if callable(given.get("objective")) else None
        if given.get("booster") == "gblinear":  # XGBoost cannot cut a linear model back to its best round
            stop = None
        number = take_rounds(given, "n_estimators", "learning_rate", stop, rounds, usual=100, rate=self.usual_rate)
        params = {
            "seed": given.pop("random_state", seed),
            "verbosity": 0,
            **constraint_texts(given),
            **_objective(task, given.get("objective")),
            "nthread": threads,
        }
        callbacks = [] if stop is None else [xgboost.callback.EarlyStopping(rounds=stop.patience)]
        if seconds_left() < math.inf:
            callbacks.append(_ending(number))  # last, since the first that ends a fit is the last to be called
        watching: dict[str, Any] = {}
        if stop is not None:
            watching = {"evals": [(watched, "stop")], "verbose_eval": False}
            if stop.loss is not None and own is None and "eval_metric" not in given:
                params["disable_default_eval_metric"] = True
                watching["custom_metric"] = partial(_watched, stop, task)
        booster = xgboost.train(params, data, num_boost_round=number, obj=own, callbacks=callbacks, **watching)
        booster = booster if stop is None else booster[: booster.best_iteration + 1]
        if stand_ins is not None:
            booster.set_attr(**{STAND_INS: stand_ins.state()})
        return XGBoostModel(booster, task)

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        import xgboost

        return XGBoostModel(xgboost.Booster(model_file=folder / "model.ubj"), task)


def _ending(rounds: int) -> Any:
    """Return what ends a fit of so many rounds when it is out of time."""
    import xgboost

    class Ending(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # xgboost has no types
        """Ends a fit between two rounds."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return epoch + 1 < rounds and out_of_time(epoch + 1)

    return Ending()


def _watched(stop: StopRows, task: Task, prediction: Any, rows: Any) -> tuple[str, float]:
    weight = rows.get_weight()
    return "metric", watched_loss(stop, task, rows.get_label(), weight if weight.size else None, prediction)


# Of two objectives with the same trees the one whose predictions are probabilities.
WITH_PROBABILITIES = {"multi:softmax": "multi:softprob", "binary:logitraw": "binary:logistic"}


def _objective(task: Task, given: Any) -> dict[str, Any]:
    if given is None:
        if not task.is_classification:
            given = "reg:squarederror"
        else:
            given = "binary:logistic" if task.n_classes == 2 else "multi:softprob"
    elif task.is_classification and isinstance(given, str):
        given = WITH_PROBABILITIES.get(given, given)
    several = task.n_classes > 2 or (isinstance(given, str) and given.startswith("multi:"))
    return {"objective": given, **({"num_class": task.n_classes} if several else {})}
