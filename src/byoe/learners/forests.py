"""Forests of scikit-learn (Breiman, 2001; Geurts et al., 2006)."""

from __future__ import annotations

import math
import time
from numbers import Real
from typing import Any, Self, cast

from numpy.typing import NDArray

from ..contracts._deadline import out_of_time, seconds_left
from ..contracts._learner import Model
from ..contracts._task import FloatArray, Task
from ..contracts._unit import Unit
from ..errors import ParameterError
from ._boosting import check_few_classes
from ._estimator import EstimatorLearner, EstimatorModel
from ._forest_model import ForestModel
from ._units import changed, converted

# Of criteria that mean the same in any unit: what they are powers of.
_POWERS = {"squared_error": 2, "friedman_mse": 2, "absolute_error": 1}

_SMOOTHING, _USUAL = "smoothing", 0.3

# Seconds; a step that adds trees should not take less, since each has an overhead.
_QUICK = 0.1


class _Forest(EstimatorLearner):
    finalize = "bag"
    leaves_rows_alone = True
    by_column = {"monotonic_cst": "sign"}
    shared = {"max_depth": "max_depth"}
    by_label = ("class_weight",)
    space = {"max_features": (0.2, 1.0), "min_samples_leaf": (1, 20, "log")}

    @property
    def _free(self) -> bool:
        """Whether no constraint is given: under one scikit-learn takes neither missing cells nor several targets."""
        return self._given.get("monotonic_cst") is None

    @property
    def missing(self) -> bool:  # type: ignore[override]  # it depends on the parameters
        return self._free

    @property
    def multi_output(self) -> bool:  # type: ignore[override]  # it depends on the parameters
        return self._free

    def check(self, task: Task) -> None:
        super().check(task)
        check_few_classes(self, task, "monotonic_cst")
        given = self.own_params().get(_SMOOTHING, 0.0)
        if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= float(given) < math.inf:
            raise ParameterError(
                f"{self.name}: smoothing is {given!r}, expected how many trees it counts as, 0 or more"
            )

    def _kinds(self) -> tuple[Any, Any]:
        raise TypeError(f"{type(self).__name__} does not define _kinds")

    def parameter_names(self) -> frozenset[str]:
        names = {name for kind in self._kinds() for name in kind().get_params()}
        return frozenset({*names, _SMOOTHING} - {"n_jobs", "warm_start", "verbose"})

    def seconds(self, n_rows: int, n_columns: int, *, task: Task, stopping: bool) -> float:
        trees: int = self.own_params().get("n_estimators", 100)
        return 2e-3 * trees + 2e-8 * trees * n_rows * n_columns * math.log2(max(2, n_rows)) / 3

    def in_unit(self, unit: Unit, task: Task) -> Self | None:
        given = self.own_params()
        power = _POWERS.get(given.get("criterion", "squared_error"))
        of_impurity = [name for name in ("min_impurity_decrease", "ccp_alpha") if given.get(name)]
        if power is None or (of_impurity and task.n_outputs > 1):
            return None
        return changed(self, converted(given, dict.fromkeys(of_impurity, power), unit))

    @property
    def ends_in_time(self) -> bool:
        given = self.own_params()
        # scikit-learn adds trees with neither: the one it warns of, the other has gone on since the first trees.
        return not isinstance(given.get("class_weight"), str) and isinstance(given.get("random_state", 0), int)

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
        if math.isinf(seconds_left()) or not self.ends_in_time:
            model = super().fit(X, y, task=task, sample_weight=sample_weight, seed=seed, threads=threads)
            self._smooth(cast(EstimatorModel, model).estimator, task)
            return model
        forest = self._seeded(task, y, seed, threads)
        # Trees that are added are those that would have been grown at once.
        trees, done, step = forest.n_estimators, 0, threads
        while done < trees and not (done and out_of_time(done)):
            started = time.monotonic()
            forest.set_params(warm_start=done > 0, n_estimators=min(trees, done + step))
            forest.fit(X, y, sample_weight=sample_weight)
            done += step
            step *= 2 if time.monotonic() - started < _QUICK else 1
        self._smooth(forest, task)
        return self._model(forest.set_params(warm_start=False), task)

    def estimator(self, task: Task, y: NDArray[Any]) -> Any:
        regressor, classifier = self._kinds()
        params = {name: value for name, value in self.own_params().items() if name != _SMOOTHING}
        return (classifier if task.is_classification else regressor)(**params)

    def _model(self, estimator: Any, task: Task) -> Model:
        return ForestModel(estimator, task, thread_parameters=self.thread_parameters)

    def _smooth(self, forest: Any, task: Task) -> None:
        """Draw the probabilities of a fitted forest towards the shares of the classes, which its roots hold."""
        trees = self.own_params().get(_SMOOTHING, _USUAL)
        if not task.is_classification or not trees:
            return
        count = len(forest.estimators_)
        for one in forest.estimators_:
            value = one.tree_.value  # the tree's own memory
            value[:] = (count * value + trees * value[:1]) / (count + trees)


class RandomForest(_Forest):
    """Random forest; takes the parameters of scikit-learn's.

    Leaves of a class of their own make probabilities of 0 and 1, which a log-loss punishes without end: those of the
    forest are drawn towards the shares of the classes.

    Parameters
    ----------
    smoothing : float, default=0.3
        As how many further trees the shares of the classes count; 0 leaves the probabilities as they are.
    **params
        Those of scikit-learn's.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("random_forest", min_samples_leaf=3)
    RandomForest(min_samples_leaf=3)
    """

    def _kinds(self) -> tuple[Any, Any]:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        return RandomForestRegressor, RandomForestClassifier


class ExtraTrees(_Forest):
    """Extremely randomised trees; takes the parameters of scikit-learn's.

    Leaves of a class of their own make probabilities of 0 and 1, which a log-loss punishes without end: those of the
    forest are drawn towards the shares of the classes.

    Parameters
    ----------
    smoothing : float, default=0.3
        As how many further trees the shares of the classes count; 0 leaves the probabilities as they are.
    **params
        Those of scikit-learn's.

    Examples
    --------
    >>> from byoe import learner
    >>> learner("extra_trees", n_estimators=300)
    ExtraTrees(n_estimators=300)
    """

    def _kinds(self) -> tuple[Any, Any]:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        return ExtraTreesRegressor, ExtraTreesClassifier
