"""LightGBM (Ke et al., 2017) through its native API."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
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
    class_weights,
    enough_rows,
    log_odds_of,
    of_function,
    of_ordinary_size,
    take_rounds,
    watched_loss,
    worth_codes,
)
from ._by_tables import contributions as by_tables
from ._lightgbm_parts import link_of, rounds_of_part, scores_in_parts
from ._lightgbm_trees import tables_of
from ._units import converted

_NOT_OURS = frozenset("self kwargs importance_type n_jobs".split())
_NATIVE_ONLY = frozenset(
    "alpha bin_construct_sample_cnt boost_from_average data_sample_strategy drop_rate extra_trees fair_c cat_l2 "
    "cat_smooth cegb_penalty_feature_coupled cegb_penalty_feature_lazy cegb_penalty_split cegb_tradeoff "
    "device_type feature_contri feature_fraction_bynode force_col_wise force_row_wise interaction_constraints "
    "is_unbalance linear_lambda linear_tree max_bin max_cat_threshold max_cat_to_onehot max_delta_step max_drop "
    "metric min_data_in_bin min_data_per_group monotone_constraints monotone_constraints_method monotone_penalty "
    "neg_bagging_fraction other_rate path_smooth pos_bagging_fraction scale_pos_weight skip_drop top_rate "
    "tweedie_variance_power use_quantized_grad num_grad_quant_bins verbosity zero_as_missing".split()
)
# By which no rounds can be counted.
_NO_METRIC = ("", "None", "na", "null", "custom")
# Of losses that mean the same in any unit: what the parameters that are in units of the target are powers of.
_SQUARED: Mapping[str, int] = {"min_split_gain": 2, "reg_alpha": 1, "max_delta_step": 1}
_ABSOLUTE: Mapping[str, int] = {}
_POWERS: Mapping[str, Mapping[str, int]] = {
    **dict.fromkeys("regression regression_l2 l2 mean_squared_error mse l2_root rmse".split(), _SQUARED),
    **dict.fromkeys("regression_l1 l1 mean_absolute_error mae quantile".split(), _ABSOLUTE),
    "huber": {**_SQUARED, "alpha": 1},
    "fair": {**_SQUARED, "fair_c": 1},
}

_METRICS = frozenset({"metric", "metrics", "metric_types"})
_MOST_ON_GPU = 256


@cache
def _names() -> frozenset[str]:
    import lightgbm

    return frozenset(inspect.signature(lightgbm.LGBMModel.__init__).parameters) - _NOT_OURS | _NATIVE_ONLY


class LightGBMModel:
    """A native booster."""

    def __init__(self, booster: Any, task: Task) -> None:
        self.booster = booster
        self.task = task
        self.rounds = int(booster.best_iteration) if booster.best_iteration > 0 else int(booster.current_iteration())

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        step = rounds_of_part(self.booster, self.rounds, *X.shape)
        link = self._link if step < self.rounds else None
        if link is None:
            values = np.asarray(self.booster.predict(X, num_threads=threads), dtype=np.float64)
        else:
            values = link(scores_in_parts(self.booster, self.rounds, step, X, threads))
        return np.column_stack([1.0 - values, values]) if self.task.n_classes == 2 and values.ndim == 1 else values

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        library = partial(self._contributions, threads=threads)
        tables = tables_of(self.booster, self.rounds, threads)
        values = by_tables(library, tables, X, tolerance=1e-8)
        if self._dump["average_output"]:  # a forest of LightGBM predicts the mean of its trees, and explains their sum
            values = values / self.rounds
        return log_odds_of(values, self.task)

    def _contributions(self, X: Any, threads: int) -> FloatArray:
        import lightgbm

        try:
            found = self.booster.predict(X, pred_contrib=True, num_threads=threads)
        except lightgbm.basic.LightGBMError as error:
            raise ParameterError(f"LightGBM gives no contributions: {error}") from error
        if isinstance(found, list):  # of sparse rows, a matrix for each class
            values = np.stack([part.toarray() for part in found], axis=1)
        else:
            values = found.toarray() if hasattr(found, "toarray") else np.asarray(found, dtype=np.float64)
            if self.objective.startswith("multiclass"):  # classes side by side
                values = values.reshape(len(values), self.task.n_classes, -1)
        return np.asarray(values, dtype=np.float64)

    def importances(self) -> FloatArray:
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)

    @cached_property
    def _dump(self) -> dict[str, Any]:
        return dict(self.booster.dump_model(num_iteration=1))

    @cached_property
    def _link(self) -> Callable[[FloatArray], FloatArray] | None:
        return None if self._dump["average_output"] else link_of(self.objective)

    @property
    def objective(self) -> str:
        """The objective, as the model's file has it."""
        return str(self._dump.get("objective"))

    def save(self, folder: Path) -> None:
        self.booster.save_model(folder / "model.txt")


class LightGBM(Booster):
    """Gradient-boosted trees of LightGBM.

    Takes the parameters of ``lightgbm.LGBMModel`` and LightGBM's native names for them. The
    number of threads and the seed belong to the ensemble.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("lightgbm", num_leaves=15)
    LightGBM(num_leaves=15)
    """

    needs = ("lightgbm",)
    by_label = ("class_weight",)
    two_classes = ("binary", "cross_entropy", "xentropy")
    any_classes = ("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr")
    not_by_row = ("lambdarank", "rank_xendcg", "xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart")
    kind_name, other_kinds = "boosting_type", ("dart", "rf", "random_forest")
    cell_seconds, cell_bytes = 5e-9, 3.0
    usual_rate = 0.1  # no less accurate than smaller steps, in less time
    space = {
        "learning_rate": (0.02, 0.2, "log"),
        "num_leaves": (7, 255, "log"),
        "min_child_samples": (3, 100, "log"),
        "colsample_bytree": (0.4, 1.0),
        "reg_lambda": (0.01, 30.0, "log"),
    }
    shared = {
        "learning_rate": "learning_rate",
        "max_depth": "max_depth",
        "n_rounds": "n_estimators",
        "subsample": "subsample",
        "colsample": "colsample_bytree",
        "l2": "reg_lambda",
    }
    by_column = {
        "monotone_constraints": "sign",
        "interaction_constraints": "groups",
        "feature_contri": "factor",
        "cegb_penalty_feature_coupled": "penalty",
        "cegb_penalty_feature_lazy": "penalty",
    }
    elsewhere = {
        **dict.fromkeys("categorical_feature categorical_features cat_feature categorical_column".split(), CATEGORIES),
        **dict.fromkeys("ignore_column ignore_feature".split(), "is not taken; leave the column out of X"),
        "forcedsplits_filename": "is not taken: a file names columns by places that encoding would move",
    }
    functions = ("metric",)
    of_the_target = tuple(
        "fair_c linear_lambda linear_tree metric monotone_constraints monotone_constraints_method monotone_penalty "
        "reg_sqrt tweedie_variance_power".split()
    )
    aliases = {
        **dict.fromkeys(("app", "application", "loss", "objective_type"), "objective"),
        **dict.fromkeys(("eval_metric", "metrics", "metric_types"), "metric"),
        **dict.fromkeys(("mc", "monotone_constraint", "monotonic_cst"), "monotone_constraints"),
        **dict.fromkeys(("fc", "fp", "feature_contrib", "feature_penalty"), "feature_contri"),
        "device": "device_type",
        "bagging_freq": "subsample_freq",
        "boosting": "boosting_type",
        "lambda_l1": "reg_alpha",
        "min_data_in_leaf": "min_child_samples",
        "min_gain_to_split": "min_split_gain",
        "min_sum_hessian_in_leaf": "min_child_weight",
        "seed": "random_state",
    }

    def check(self, task: Task) -> None:
        super().check(task)
        given = self._chosen()
        weights = given.get("class_weight")
        if isinstance(weights, str) and weights != "balanced":
            raise ParameterError(f"{self.name}: class_weight is {weights!r}, expected 'balanced' or weights by label")
        if "monotone_constraints_method" in given and "monotone_constraints" not in given:
            raise ParameterError(  # LightGBM ends the process where there are categories
                "lightgbm: monotone_constraints_method is given without monotone_constraints; give both or neither"
            )

    def takes_category(self, levels: int, n_rows: int) -> bool:
        on_gpu = self.own_params().get("device_type") not in (None, "cpu")  # where no column has more than 256 bins
        return worth_codes(levels, n_rows) and not (on_gpu and levels >= _MOST_ON_GPU)

    def takes_means(self, levels: int, n_rows: int) -> bool:
        return not enough_rows(levels, n_rows)  # LightGBM passes over smaller groups

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
        import lightgbm

        params, number = self._params(task, seed, threads, stop, rounds)
        sample_weight, stop = self._weighed(y, task, of_ordinary_size(sample_weight), stop)
        columns = sorted(categorical or ())
        data = lightgbm.Dataset(X, label=y, weight=sample_weight, params=_of_data(params), categorical_feature=columns)
        watched = None
        if stop is not None:
            watched = data.create_valid(stop.X, label=stop.y, weight=stop.sample_weight)
        return _train(params, number, data, watched, task, stop)

    def _in_unit(self, given: dict[str, Any], unit: Unit) -> dict[str, Any] | None:
        objective = given.get("objective", "regression")
        powers = _POWERS.get(objective) if isinstance(objective, str) else None
        from_zero = not given.get("boost_from_average", True) and unit.center != 0
        if powers is None or from_zero or given.get("reg_sqrt") or "metric" in given:
            return None
        return converted(given, powers, unit)

    def _quantile(self, share: float) -> dict[str, Any] | None:
        return {"objective": "quantile", "alpha": share}

    def can_prepare(self, X: Any) -> bool:
        given = self.own_params()  # linear trees need the numbers, too
        return not given.get("linear_tree") and given.get("device_type") in (None, "cpu")

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
        import lightgbm

        params, _ = self._params(task, seed, threads, None, None)
        return lightgbm.Dataset(X, params=_of_data(params), categorical_feature=sorted(categorical or ())).construct()

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
        params, number = self._params(task, seed, threads, stop, rounds)
        sample_weight, stop = self._weighed(y, task, of_ordinary_size(sample_weight), stop)
        data = _subset(prepared, rows, y, sample_weight, params)
        watched = None if stop is None else _subset(prepared, stop.X, stop.y, stop.sample_weight, params)
        return _train(params, number, data, watched, task, stop)

    def _params(
        self, task: Task, seed: int, threads: int, stop: StopRows | None, rounds: int | None
    ) -> tuple[dict[str, Any], int]:
        given = self._chosen()
        if callable(given.get("objective")):
            given = {"metric": "l2", **given, "objective": of_function(given["objective"])}
        if stop is not None and given.get("metric") in _NO_METRIC:
            del given["metric"]
        given.pop("class_weight", None)
        number = take_rounds(given, "n_estimators", "learning_rate", stop, rounds, usual=100, rate=self.usual_rate)
        # Without a fixed histogram direction LightGBM picks one by timing, and results vary.
        wise = {} if {"force_row_wise", "force_col_wise"} & given.keys() else {"force_col_wise": True}
        params = {
            "seed": given.pop("random_state", seed),
            "verbosity": -1,
            "deterministic": True,
            **wise,
            **given,
            **_objective(task, given.get("objective")),
            "num_threads": threads,
        }
        return params, number

    def _weighed(
        self, y: NDArray[Any], task: Task, weight: FloatArray | None, stop: StopRows | None
    ) -> tuple[FloatArray | None, StopRows | None]:
        """Return the weights of rows with those of their classes, as LightGBM's wrapper for scikit-learn makes them."""
        given = self._chosen().get("class_weight")
        if given is None or not task.is_classification:
            return weight, stop
        each = class_weights(given, y, task.n_classes)
        if stop is not None:
            stop = replace(
                stop, sample_weight=each[stop.y] * (1.0 if stop.sample_weight is None else stop.sample_weight)
            )
        return each[y] * (1.0 if weight is None else weight), stop

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        import lightgbm

        return LightGBMModel(lightgbm.Booster(model_file=folder / "model.txt"), task)


def _of_data(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a fit that its data may have: all but a function."""
    return {name: value for name, value in params.items() if not callable(value)}


def _subset(prepared: Any, rows: IntArray, y: NDArray[Any], weight: FloatArray | None, params: dict[str, Any]) -> Any:
    order = np.argsort(rows, kind="stable")  # LightGBM wants them so
    subset = prepared.subset([], params=_of_data(params))
    subset.used_indices = rows[order].astype(np.int32)  # as a list they would take a while
    subset.construct()  # it takes no labels before
    return subset.set_label(y[order]).set_weight(None if weight is None else weight[order])


def _train(
    params: dict[str, Any], number: int, data: Any, watched: Any, task: Task, stop: StopRows | None
) -> LightGBMModel:
    import lightgbm

    options: dict[str, Any] = {"callbacks": [_Ending()] if seconds_left() < math.inf else []}
    if stop is not None:
        options["valid_sets"] = [watched]
        options["callbacks"].append(lightgbm.early_stopping(stop.patience, verbose=False))
        if stop.loss is not None and not _METRICS & params.keys() and isinstance(params["objective"], str):
            params = {**params, "metric": "None"}
            options["feval"] = partial(_watched, stop, task)
    return LightGBMModel(lightgbm.train(params, data, num_boost_round=number, **options), task)


class _Ending:
    """Ends a fit that is out of time with the best of its rounds, or all where no loss is watched."""

    order = 40  # after early stopping

    def __init__(self) -> None:
        self._best: tuple[float, int] | None = None

    def __call__(self, env: Any) -> None:
        import lightgbm

        if env.evaluation_result_list:
            value, greater = env.evaluation_result_list[0][2:4]
            loss = -value if greater else value
            if self._best is None or loss < self._best[0]:
                self._best = loss, env.iteration
        done = env.iteration + 1
        if done < env.end_iteration and out_of_time(done):
            best = env.iteration if self._best is None else self._best[1]
            raise lightgbm.callback.EarlyStopException(best, env.evaluation_result_list)


def _watched(stop: StopRows, task: Task, prediction: Any, rows: Any) -> tuple[str, float, bool]:
    """Return what is watched, in the form of LightGBM: a name, the value, and that greater is not better."""
    return "metric", watched_loss(stop, task, rows.get_label(), rows.get_weight(), prediction), False


def _objective(task: Task, given: Any) -> dict[str, Any]:
    if given is None:
        given = {0: "regression", 2: "binary"}.get(task.n_classes, "multiclass")
    several = task.n_classes > 2 or (isinstance(given, str) and given in LightGBM.any_classes)
    return {"objective": given, **({"num_class": task.n_classes} if several else {})}
