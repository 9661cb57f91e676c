"""CatBoost (Prokhorenkova et al., 2018)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._constant import ConstantModel
from ..contracts._learner import Model, StopRows
from ..contracts._task import FloatArray, IntArray, Task
from ..contracts._unit import Unit
from ..errors import ParameterError
from ._boosting import CATEGORIES, Booster, class_weights, log_odds_of, take_rounds
from ._by_tables import contributions as by_tables
from ._catboost_metric import watched_metric
from ._catboost_steps import in_time, take_bits, take_steps
from ._catboost_training import trained
from ._catboost_trees import tables_of

_NOT_OURS = frozenset(
    "self kwargs allow_writing_files callback cat_features classes_count custom_metric "
    "devices early_stopping_rounds embedding_features logging_level metadata name od_pval od_type od_wait "
    "save_snapshot silent snapshot_file snapshot_interval target_border text_features thread_count train_dir "
    "use_best_model verbose verbose_eval".split()
)
# CatBoost's own second names, as its parameter reference lists them.
_ALIASES = {
    "max_bin": "border_count",
    "num_leaves": "max_leaves",
    "min_child_samples": "min_data_in_leaf",
    "objective": "loss_function",
    "random_state": "random_seed",
    "seed": "random_seed",
}

# What tells how columns become bins.
_BINS = frozenset("border_count feature_border_type nan_mode per_float_feature_quantization".split())
# Losses that mean the same in any unit, a delta of theirs converted, and parameters that do not.
_LOSSES = frozenset({"RMSE", "MAE", "Quantile", "Expectile", "Huber", "Lq"})
_DELTA = re.compile(r"(?<=delta=)[^;]+")
_IN_UNITS = frozenset(
    "diffusion_temperature first_feature_use_penalties langevin mvs_reg per_object_feature_penalties "
    "posterior_sampling".split()
)
_LEAST_SINGLE, _MOST_SINGLE = 2.0**-100, 2.0**100
_FEW = 64


@cache
def _names() -> frozenset[str]:
    import catboost

    names = frozenset(inspect.signature(catboost.CatBoostRegressor.__init__).parameters)
    names |= frozenset(inspect.signature(catboost.CatBoostClassifier.__init__).parameters)
    seconds = {"eta", "max_depth", "n_estimators", "num_boost_round", "num_trees", "reg_lambda", "colsample_bylevel"}
    return names - _NOT_OURS - seconds - _ALIASES.keys()


class CatBoostModel:
    """A native CatBoost model."""

    def __init__(self, model: Any, task: Task) -> None:
        self.model = model
        self.task = task
        self.rounds = int(model.tree_count_)
        self._columns = tuple(model.get_cat_feature_indices())

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        method = self.model.predict_proba if self.task.is_classification else self.model.predict
        return np.asarray(method(_objects(X, self._columns), thread_count=threads), dtype=np.float64)

    def contributions(self, X: Any, *, threads: int = 1) -> FloatArray:
        library = partial(self._contributions, threads=threads)
        return log_odds_of(by_tables(library, tables_of(self.model, threads), X, tolerance=1e-8), self.task)

    def _contributions(self, X: Any, threads: int) -> FloatArray:
        import catboost

        data = catboost.Pool(_objects(X, self._columns), cat_features=list(self._columns) or None, thread_count=threads)
        values = self.model.get_feature_importance(data, type="ShapValues", thread_count=threads)
        return np.asarray(values, dtype=np.float64)

    def importances(self) -> FloatArray:
        return np.asarray(self.model.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)

    @property
    def objective(self) -> str:
        """The loss function."""
        return str(self.model.get_all_params().get("loss_function"))

    def save(self, folder: Path) -> None:
        self.model.save_model(str(folder / "model.cbm"))


class CatBoost(Booster):
    """Gradient-boosted oblivious trees of CatBoost.

    Takes the parameters of ``catboost.CatBoostRegressor`` and ``CatBoostClassifier``. The
    number of threads and the seed belong to the ensemble.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("catboost", depth=4, iterations=300)
    CatBoost(depth=4, iterations=300)
    """

    needs = ("catboost",)
    by_label = ("class_weights", "class_names")
    objective_name = "loss_function"
    two_classes = ("Logloss", "CrossEntropy", "Focal")
    any_classes = ("MultiClass", "MultiClassOneVsAll")
    not_by_row = tuple(
        "MultiQuantile RMSEWithUncertainty MultiRMSE MultiRMSEWithMissingValues SurvivalAft Cox PairLogit "
        "PairLogitPairwise YetiRank YetiRankPairwise LambdaMart StochasticFilter StochasticRank QueryRMSE QuerySoftMax "
        "QueryCrossEntropy GroupQuantile".split()
    )
    usual_rounds = 1000
    cell_seconds, cell_bytes, row_bytes = 8e-9, 6.0, 80.0
    space = {
        "learning_rate": (0.02, 0.2, "log"),
        "depth": (4, 9),
        "l2_leaf_reg": (1.0, 30.0, "log"),
        "random_strength": (0.5, 5.0),
    }
    shared = {
        "learning_rate": "learning_rate",
        "max_depth": "depth",
        "n_rounds": "iterations",
        "subsample": "subsample",
        "colsample": "rsm",
        "l2": "l2_leaf_reg",
    }
    by_column = {
        "monotone_constraints": "sign",
        "feature_weights": "factor",
        "first_feature_use_penalties": "penalty",
        "per_object_feature_penalties": "penalty",
        "ignored_features": "columns",
    }
    elsewhere = {
        "cat_features": CATEGORIES,
        "text_features": "is not taken; make numbers of the texts first, in a pipeline",
        "embedding_features": "is not taken; give each number a column of its own",
    }
    of_the_target = ("eval_metric", "leaf_estimation_method", "monotone_constraints")
    aliases = {**_ALIASES, "num_trees": "iterations", "colsample_bylevel": "rsm"}

    def parameter_names(self) -> frozenset[str]:
        return _names()

    def values_by_label(self) -> dict[str, Any]:
        """Return the given parameters that hold a value for each class, as the user gave them."""
        found = super().values_by_label()
        names, weights = found.get("class_names"), found.get("class_weights")
        if names is None:
            return found
        if not isinstance(weights, (Mapping, type(None))):  # a list in the order of the names
            if len(weights) != len(names):
                raise ParameterError(f"{self.name}: {len(weights)} class_weights for {len(names)} class_names")
            found["class_weights"] = dict(zip(names, weights, strict=True))
        return {**found, "class_names": dict.fromkeys(names)}

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
        import catboost

        if _is_constant(X):
            return ConstantModel.of(y, task, sample_weight)
        columns = tuple(sorted(categorical or ()))
        pool = partial(catboost.Pool, thread_count=threads, cat_features=list(columns) or None)
        data = pool(_cells(X, columns), label=y, weight=sample_weight)
        watched = None
        if stop is not None:
            watched = pool(_cells(stop.X, columns), label=stop.y, weight=stop.sample_weight)
        return self._train(
            data, watched, y, task, sample_weight=sample_weight, seed=seed, threads=threads, stop=stop, rounds=rounds
        )

    def _in_unit(self, given: dict[str, Any], unit: Unit) -> dict[str, Any] | None:
        loss, metric = given.get("loss_function", "RMSE"), given.get("eval_metric", "RMSE")
        if not (_is_equivariant(loss) and _is_equivariant(metric)) or _IN_UNITS & given.keys():
            return None
        if unit.center != 0 and not given.get("boost_from_average", True):  # it starts from the target's own zero
            return None
        # Of squared errors nothing depends on the scale, but for the range of single precision.
        scaled = loss != "RMSE" or not _LEAST_SINGLE < unit.scale < _MOST_SINGLE
        if not scaled and unit.center == 0:
            return None
        texts = {name: value for name in ("loss_function", "eval_metric") if isinstance(value := given.get(name), str)}
        return {
            name: _DELTA.sub(lambda delta: repr(float(delta.group()) / float(unit.scale)), text)
            for name, text in texts.items()
            if _DELTA.search(text)
        }

    def _quantile(self, share: float) -> dict[str, Any] | None:
        return {"loss_function": f"Quantile:alpha={share!r}"}

    @property
    def gpu(self) -> Mapping[str, Any]:
        given = {name for name, value in self.own_params().items() if value is not None}
        # What samples columns has no GPU code, and what samples rows not with the usual bootstrap.
        refused = "rsm" in given or ("subsample" in given and "bootstrap_type" not in given)
        return {} if refused else {"task_type": "GPU"}

    @property
    def ends_in_time(self) -> bool:
        return self.own_params().get("task_type") != "GPU"  # where it has no callbacks

    def can_prepare(self, X: Any) -> bool:
        on_gpu = self.own_params().get("task_type") == "GPU"
        return isinstance(X, np.ndarray) and not on_gpu and not _is_constant(X)

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
        import catboost

        columns = tuple(sorted(categorical or ()))
        cells = _cells(X, columns) if columns else X.astype(np.float32, copy=False)
        pool = catboost.Pool(
            cells, label=y, weight=sample_weight, thread_count=threads, cat_features=list(columns) or None
        )
        bins = {name: value for name, value in self.own_params().items() if name in _BINS and value is not None}
        pool.quantize(task_type="CPU", random_seed=seed, **bins)
        return pool, X, y

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
        pool, X, labels = prepared
        if _is_constant(X, rows):
            return ConstantModel.of(y, task, sample_weight)
        if not np.array_equal(labels[rows], y):  # in another unit, and a pool keeps the labels that it was made with
            if stop is not None:
                stop = replace(stop, X=X[stop.X])
            own: dict[str, Any] = {"sample_weight": sample_weight, "seed": seed, "threads": threads}
            columns = dict.fromkeys(pool.get_cat_feature_indices(), 0)
            return self.fit(X[rows], y, task=task, categorical=columns, stop=stop, rounds=rounds, **own)
        watched = None if stop is None else pool.slice(stop.X)
        return self._train(
            pool.slice(rows),
            watched,
            y,
            task,
            sample_weight=sample_weight,
            seed=seed,
            threads=threads,
            stop=stop,
            rounds=rounds,
        )

    def _train(
        self,
        data: Any,
        watched: Any,
        y: NDArray[Any],
        task: Task,
        *,
        sample_weight: FloatArray | None,
        seed: int,
        threads: int,
        stop: StopRows | None,
        rounds: int | None,
    ) -> Model:
        import catboost

        if not task.is_classification and (y == y[0]).all():  # CatBoost refuses a constant target
            return ConstantModel.of(y, task, sample_weight)
        given = self._chosen()
        if any(given.get("monotone_constraints", ())):
            # Combined with a category, as CatBoost does by itself, the column would be used without its constraint.
            given.setdefault("max_ctr_complexity", 1)
        given.pop("class_names", None)  # the classes are those of the target
        if "class_weights" in given:
            given["class_weights"] = class_weights(given["class_weights"], y, task.n_classes).tolist()
        own = given.get("iterations")
        if stop or rounds:
            take_steps(given, task)
            take_bits(given, task)
        params = {
            "random_seed": seed,
            "iterations": take_rounds(given, "iterations", "learning_rate", stop, rounds, usual=1000),
            **({} if stop is None else watched_metric(stop.loss, given, task)),
            **given,
            "thread_count": threads,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if stop is not None:
            params["iterations"] = in_time(params["iterations"], own, params["learning_rate"], task)
        kind = catboost.CatBoostClassifier if task.is_classification else catboost.CatBoostRegressor
        patience = None if stop is None else stop.patience
        return CatBoostModel(trained(kind, data, watched, patience, params), task)

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> Model:
        import catboost

        kind = catboost.CatBoostClassifier if task.is_classification else catboost.CatBoostRegressor
        model = kind()
        model.load_model(str(folder / "model.cbm"))
        return CatBoostModel(model, task)


def _is_equivariant(loss: Any) -> bool:
    if not isinstance(loss, str) or loss.partition(":")[0] not in _LOSSES:
        return False
    delta = _DELTA.search(loss)
    return ("delta" not in loss) if delta is None else _is_number(delta.group())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_constant(X: Any, rows: Any = slice(None)) -> bool:
    """Return whether all of some rows are alike; most tables show in their first rows that they are not."""
    if not isinstance(X, np.ndarray):
        return bool((X.max(axis=0) - X.min(axis=0)).nnz == 0)
    few = X[rows[:_FEW]] if isinstance(rows, np.ndarray) else X[:_FEW]
    return _alike(few) and (len(few) < _FEW or _alike(X[rows]))


def _alike(X: FloatArray) -> bool:
    return bool(((X[0] == X) | (np.isnan(X[0]) & np.isnan(X))).all())


def _cells(X: Any, columns: tuple[int, ...]) -> Any:
    """Return rows in a form in which CatBoost takes categories: whole numbers, -1 for a missing one."""
    if not columns:
        return X
    import pandas as pd  # CatBoost itself needs it

    codes = {i: _whole(X[:, i]) for i in columns}
    return pd.DataFrame({i: codes.get(i, column) for i, column in enumerate(X.T)}, copy=False)


def _objects(X: Any, columns: tuple[int, ...]) -> Any:
    """Return rows as `_cells` does, for predictions: without pandas, which a serving process may not have."""
    if not columns:
        return X
    cells = X.astype(object)
    for i in columns:
        cells[:, i] = _whole(X[:, i])
    return cells


def _whole(column: FloatArray) -> IntArray:
    return np.where(np.isnan(column), -1, column).astype(np.int32)
