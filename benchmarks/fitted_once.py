"""Members that are fitted once: what they lose on rows kept apart, alone and blended in lists of some of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.plugins import OOF, Task


@dataclasses.dataclass(frozen=True)
class Fitted:
    """Predictions of members, out of fold and for rows kept apart.

    Attributes
    ----------
    labels : list of str
    oof, fresh : OOF
    costs : dict of label to a line of the leaderboard
        Its ``fit_seconds`` and ``predict_ms``.
    """

    labels: list[str]
    oof: OOF
    fresh: OOF
    costs: dict[str, Any]

    @classmethod
    def of(cls, data: Dataset, members: Sequence[Any], most: int, tested: int, seed: int) -> Fitted:
        """Fit members on three fifths of the rows, at most so many, and predict so many others."""
        X, X_test, y, y_test = data.split(most, seed)
        X_test, y_test = X_test[:tested], y_test[:tested]
        classes = data.task == "classification"
        kind = EnsembleClassifier if classes else EnsembleRegressor
        made = kind(members, "mean", random_state=seed, n_jobs=1).fit(X, y)
        task = Task("classification", len(made.classes_)) if classes else Task("regression")
        y_test = np.searchsorted(made.classes_, y_test) if classes else y_test.to_numpy(dtype=np.float64)
        oof = OOF(made.oof_predictions_, made._oof.y, task, folds=made._oof.plan.folds)
        fresh = OOF(made._member_predictions(made._read(X_test)), y_test, task)
        labels = list(made.members_)
        return cls(labels, oof, fresh, {label: made.leaderboard_[label] for label in labels})

    @property
    def rows(self) -> int:
        """How many rows the members learned from."""
        return len(self.oof.y)

    def alone(self, label: str) -> float:
        """Return what a member loses: a root mean squared error or a log-loss."""
        return self._loss(self.fresh.predictions[:, self.labels.index(label)])

    def blended(self, labels: Sequence[str]) -> float:
        """Return what the blend of some members loses, by the rule of ``"auto"``."""
        places = [self.labels.index(label) for label in labels]
        oof = dataclasses.replace(self.oof, predictions=self.oof.predictions[:, places])
        return self._loss(blender("auto").fit(oof).predict(self.fresh.predictions[:, places]))

    def _loss(self, predicted: Any) -> float:
        loss = self.fresh.loss(predicted)
        return loss if self.oof.task.is_classification else float(np.sqrt(loss))
