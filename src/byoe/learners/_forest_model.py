"""A fitted forest that asks its trees without what scikit-learn does for every one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._task import FloatArray
from ._estimator import EstimatorModel

# Fewer rows are not worth a thread.
_ROWS = 200


class ForestModel(EstimatorModel):
    """A fitted forest of scikit-learn.

    Its own ``predict`` starts a task for each tree, which takes longer than a tree does with a few rows, and adds up in
    the order in which they end. The sum here is that of one thread, to the bit.
    """

    def predict(self, X: Any, *, threads: int = 1) -> FloatArray:
        if not self._plain(X):
            return super().predict(X, threads=threads)
        rows = np.ascontiguousarray(X, dtype=np.float32)
        parts = min(threads, len(rows) // _ROWS)
        if parts < 2:
            return self._mean(rows)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(self._mean, np.array_split(rows, parts))))

    def _plain(self, X: Any) -> bool:
        """Return whether all trees answer as the forest would: in order of the classes, and to rows that they take."""
        forest = self.estimator
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.shape[1] != forest.n_features_in_:
            return False
        task = self.task
        if task.is_multilabel or (
            task.is_classification and not np.array_equal(forest.classes_, np.arange(task.n_classes))
        ):
            return False
        if not np.isnan(X).any():
            return True
        from sklearn.utils import get_tags

        return bool(get_tags(forest.estimators_[0]).input_tags.allow_nan)

    def _mean(self, rows: NDArray[np.float32]) -> FloatArray:
        trees = [one.tree_ for one in self.estimator.estimators_]
        total = np.zeros_like(trees[0].predict(rows))
        for tree in trees:
            total += tree.predict(rows)
        total /= len(trees)
        return total if self.task.is_classification else self._one_column(total.reshape(len(rows), -1))
