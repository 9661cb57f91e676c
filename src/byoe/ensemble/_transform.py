"""The ensemble as a transformer: its members' predictions as columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..blenders._meta_model import meta_features
from ..contracts._task import FloatArray
from ._saving import SavedEnsemble


class TransformingEnsemble(TransformerMixin, SavedEnsemble):  # type: ignore[misc]  # scikit-learn is not typed
    """What an ensemble does as a step of a pipeline."""

    def transform(self, X: Any) -> FloatArray:
        """Return the members' predictions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_members)
            In units of the target; for two classes the probability of the second one; for
            more, (n_samples, n_members * n_classes) probabilities, member by member; for
            several targets (n_samples, n_members * n_outputs).
        """
        return meta_features(self._member_predictions(self._read(X)), self._task)

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit, and return the out-of-fold predictions of the training rows.

        They are not ``fit(X, y).transform(X)``, whose models have seen the rows: what is
        trained on the result, such as the next step of a pipeline, must not be misled.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        **fit_params
            ``sample_weight`` and ``groups``.

        Returns
        -------
        array
            With the columns of ``transform``; NaN in rows that no fold predicts.
        """
        self.fit(X, y, **fit_params)
        return meta_features(self.oof_predictions_, self._task)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns of ``transform``."""
        check_is_fitted(self, "members_")
        if self._task.n_classes > 2:
            names = [f"{label}_{name}" for label in self.members_ for name in self.classes_]
        elif self._task.n_outputs > 1:
            names = [f"{label}_{output}" for label in self.members_ for output in range(self._task.n_outputs)]
        else:
            names = list(self.members_)
        return np.asarray(names, dtype=object)
