"""A linear meta-model."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import OOF, Blender, Linear
from ..contracts._row_loss import RowLoss
from ..contracts._task import FloatArray, Task
from ..errors import ParameterError

SMALLEST_PROBABILITY = 1e-6
_NEVER = -50.0


class MetaLinear(Blender):
    """A linear model on the members' predictions (Wolpert, 1992).

    Regression: ridge, its strength chosen on the split plan's own folds unless given, so that
    groups and the order of time hold there too. Where the ensemble's metric is a pinball loss, or
    the absolute or percentage error, it is a linear quantile regression (Koenker & Bassett, 1978) with a
    ridge penalty, solved by majorisation (Hunter & Lange, 2000); all other metrics leave it at the
    squared error. Classes: a logarithmic opinion pool (Genest &
    Zidek, 1986), in which every member's probabilities are raised to a power of its own, every
    class has an offset, and a penalty pulls towards the geometric mean of the members.

    Parameters
    ----------
    alpha : float, default=None
        Strength of the penalty, with predictions and features in units of the target's and
        their own standard deviation. None chooses it for the squared error, and is 1 otherwise.
    positive : bool, default=False
        Whether the members' coefficients must not be negative (Breiman, 1996).
    passthrough : bool or list of column names or positions, default=False
        Whether the features, or some of them, are inputs too. Missing cells count as the mean; a
        category becomes a column of 0 and 1 for each of its values.
    estimator : scikit-learn estimator, default=None
        Another linear model: any whose prediction is that of its ``coef_`` and ``intercept_`` once it
        is fitted; others are refused before anything is fitted. It gets the same inputs, in the same units.

    Attributes
    ----------
    coef_ : array of shape (n_inputs,) or (n_classes, n_inputs)
        For classes the inputs are the members' log-probabilities of all classes.
    intercept_ : float or array of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np
    >>> from byoe import blender
    >>> from byoe.plugins import OOF, Task
    >>> p = np.arange(10.0)
    >>> oof = OOF(np.column_stack([p, -p]), 2 * p + 1, Task("regression"))
    >>> blender("meta-linear").fit(oof).predict(np.array([[20.0, -20.0]])).round(2)
    array([41.])
    """

    weights = "exact"
    lean = True
    needs = ("scipy",)
    defaults = {"alpha": None, "positive": False, "passthrough": False, "estimator": None}

    @property
    def passthrough(self) -> Any:
        return self.get_params()["passthrough"]

    def check(self, task: Task, n_members: int) -> None:
        super().check(task, n_members)
        params = self.get_params()
        estimator, passthrough = params["estimator"], params["passthrough"]
        if estimator is not None:
            from sklearn.base import is_classifier, is_regressor

            from . import _linear

            _linear.check_is_estimator(estimator)
            fits = is_classifier(estimator) if task.is_classification else is_regressor(estimator)
            if not fits:
                raise ParameterError(f"meta-linear: {type(estimator).__name__} does not do {task.kind}")
            _linear.check(estimator, task)
            if params["alpha"] is not None or params["positive"]:
                raise ParameterError("meta-linear: alpha and positive belong to the estimator when one is given")
        if not isinstance(passthrough, (bool, list, tuple)):
            raise ParameterError(
                f"meta-linear: passthrough is {passthrough!r}, expected True, False or a list of columns"
            )

    def goes_by(self, loss: RowLoss) -> bool:
        return loss.of_mean or (loss.level is not None and self.get_params()["estimator"] is None)

    def fit(self, oof: OOF) -> Self:
        self.check(oof.task, oof.predictions.shape[1])
        members = _inputs(oof.predictions)
        if self.passthrough is not False:
            if oof.X is None:
                raise ValueError("meta-linear with passthrough needs the features")
            features = np.asarray(oof.X, dtype=np.float64)
            filled = np.isfinite(features)
            weight = np.where(filled, oof.weights[:, None], 0.0)
            total = weight.sum(axis=0)
            weight /= np.where(total > 0, total, 1.0)
            values = np.where(filled, features, 0.0)
            self._center = (weight * values).sum(axis=0)
            deviation = np.sqrt((weight * (values - self._center) ** 2).sum(axis=0))
            self._scale = np.where(deviation > 0, deviation, 1.0)
        inputs = self._with_features(members, oof.X)
        if oof.task.is_classification:
            self._fit_classes(inputs, oof)
        else:
            self._fit_ridge(inputs, oof, members.shape[1])
        return self

    def _fit_ridge(self, inputs: FloatArray, oof: OOF, n_members: int) -> None:
        from . import _linear, _quantile, _ridge

        params = self.get_params()
        weight = oof.weights
        scale = float(np.sqrt(np.average((oof.y - np.average(oof.y, weights=weight)) ** 2, weights=weight))) or 1.0
        unit = np.ones(inputs.shape[1])
        unit[:n_members] = scale
        X, y = inputs / unit, oof.y / scale
        if params["estimator"] is not None:
            model = _linear.fit(params["estimator"], X, y, oof)
            coef, intercept = np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])
        else:
            lower = np.full(X.shape[1], -np.inf)
            lower[:n_members] = 0.0 if params["positive"] else -np.inf
            alpha, loss = params["alpha"], oof.row_loss
            if loss is not None and loss.level is not None:
                alpha = 1.0 if alpha is None else alpha
                coef, intercept = _quantile.fit(X, y, weight / loss.unit(y), alpha, lower, loss.level)
            else:
                if alpha is None:
                    alpha = _ridge.choose(X, y, weight, oof.folds, lower)
                coef, intercept = _ridge.fit(X, y, weight, alpha, lower)
        self.coef_ = np.asarray(coef * scale / unit, dtype=np.float64)
        self.intercept_ = np.asarray(intercept * scale, dtype=np.float64)

    def _fit_classes(self, inputs: FloatArray, oof: OOF) -> None:
        from . import _linear, _pool

        params = self.get_params()
        n_classes, n_members = oof.task.n_classes, oof.predictions.shape[1]
        present = np.unique(oof.y)
        coef = np.zeros((n_classes, inputs.shape[1]))
        intercept = np.full(n_classes, _NEVER)
        intercept[present] = 0.0
        if len(present) > 1 and params["estimator"] is not None:
            model = _linear.fit(params["estimator"], inputs, oof.y, oof)
            if len(present) == 2:  # scikit-learn keeps one row for two classes
                coef[present[1]], intercept[present[1]] = model.coef_[0], model.intercept_[0]
            else:
                coef[present], intercept[present] = model.coef_, model.intercept_
        elif len(present) > 1:
            logs = inputs[:, : n_members * n_classes].reshape(len(inputs), n_members, n_classes)[:, :, present]
            features = inputs[:, n_members * n_classes :]
            weight = oof.weights
            alpha = 1.0 if params["alpha"] is None else params["alpha"]
            codes = np.searchsorted(present, oof.y)
            powers, offsets, slopes = _pool.fit(logs, codes, weight, features, alpha, params["positive"])
            for member, power in enumerate(powers):
                coef[present, member * n_classes + present] = power
            coef[present, n_members * n_classes :] = slopes
            intercept[present] = offsets
        self.coef_, self.intercept_ = coef, intercept

    def _with_features(self, inputs: FloatArray, X: Any) -> FloatArray:
        if self.passthrough is False:
            return inputs
        scaled = (np.asarray(X, dtype=np.float64) - self._center) / self._scale
        return np.hstack([inputs, np.where(np.isfinite(scaled), scaled, 0.0)])

    def linear(self, X: Any = None) -> Linear | None:
        if self.coef_.ndim > 1:  # of log-probabilities
            return None
        members = len(self.coef_) - (0 if self.passthrough is False else len(self._center))
        features = None
        if X is not None and self.passthrough is not False:
            features = self._with_features(np.empty((len(X), 0)), X) * self.coef_[members:]
        return Linear(self.coef_[:members], float(self.intercept_), features)

    def predict(self, predictions: FloatArray, X: Any = None) -> FloatArray:
        # Member by member, so that a prediction does not depend on members without weight.
        n_members = predictions.shape[1]
        inputs = _inputs(predictions).reshape(len(predictions), n_members, -1)
        blocks = self._blocks(n_members)
        values = np.broadcast_to(self.intercept_, (len(predictions), len(blocks))).astype(np.float64)
        for member in np.flatnonzero(self.used(n_members)):
            values += inputs[:, member] @ blocks[:, member].T
        if self.passthrough is not False:
            features = self._with_features(np.empty((len(predictions), 0)), X)
            values += features @ np.atleast_2d(self.coef_)[:, n_members * len(blocks) :].T
        if self.coef_.ndim == 1:
            return np.asarray(values[:, 0])
        from scipy.special import softmax

        return np.asarray(softmax(values, axis=1), dtype=np.float64)

    def used(self, n_members: int) -> NDArray[np.bool_]:
        return np.asarray(self._blocks(n_members).any(axis=(0, 2)))

    def restricted(self, kept: NDArray[np.bool_]) -> Self:
        twin = copy.copy(self)
        blocks = self._blocks(len(kept))
        passed = np.atleast_2d(self.coef_)[:, blocks.shape[1] * blocks.shape[2] :]
        coef = np.hstack([blocks[:, kept].reshape(len(blocks), -1), passed])
        twin.coef_ = coef if self.coef_.ndim > 1 else coef[0]
        return twin

    def _blocks(self, n_members: int) -> FloatArray:
        """Return the members' coefficients, of shape (n_classes or 1, n_members, n_classes or 1)."""
        coef = np.atleast_2d(self.coef_)
        return coef[:, : n_members * len(coef)].reshape(len(coef), n_members, len(coef))

    def state(self) -> dict[str, Any]:
        fitted = {"coef": self.coef_.tolist(), "intercept": self.intercept_.tolist()}
        if self.passthrough is not False:
            fitted |= {"center": self._center.tolist(), "scale": self._scale.tolist()}
        return fitted

    def restore(self, state: dict[str, Any], *, trusted: Sequence[str] = ()) -> Self:
        self.coef_ = np.asarray(state["coef"], dtype=np.float64)
        self.intercept_ = np.asarray(state["intercept"], dtype=np.float64)
        if self.passthrough is not False:
            self._center = np.asarray(state["center"], dtype=np.float64)
            self._scale = np.asarray(state["scale"], dtype=np.float64)
        return self


def _inputs(predictions: FloatArray) -> FloatArray:
    """Return one row of meta-features per row: values, or log-probabilities of all classes."""
    if predictions.ndim == 2:
        return predictions
    logs = np.log(np.clip(predictions, SMALLEST_PROBABILITY, 1.0))
    return np.asarray(logs.reshape(len(predictions), -1), dtype=np.float64)
