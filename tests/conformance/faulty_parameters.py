"""Learners that do not with their parameters, the target's unit or the time what they declare."""

import numpy as np
from tests.conformance.faulty_learners import Model, Regressor, Sound, model_with

from byoe.plugins import cut_short


class IgnoresSigns(Regressor):
    by_column = {"signs": "sign"}

    def parameter_names(self):
        return frozenset({"signs"})


class CrossesGroups(Regressor):
    by_column = {"apart": "groups"}

    def parameter_names(self):
        return frozenset({"apart"})

    def fit(self, X, y, **given):
        return super().fit(_with_product(X), y, **given)

    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, _with_product(X)))


def _with_product(X):
    return np.column_stack([X, X[:, 0] * np.cos(X[:, 1])])


class WantsPositions(Regressor):
    """Where a number for each column comes."""

    by_column = {"costs": "penalty"}

    def parameter_names(self):
        return frozenset({"costs"})

    def fit(self, X, y, **given):
        for position in self.own_params().get("costs", ()):
            X[:, position].sum()
        return super().fit(X, y, **given)


class WantsLabels(Sound):
    """Though it declares no ``labelled``: it finds codes."""

    by_label = ("costs",)

    def parameter_names(self):
        return frozenset({"costs"})

    def fit(self, X, y, **given):
        if any(not isinstance(label, str) for label in self.own_params().get("costs", ())):
            raise TypeError("labels are texts")
        return super().fit(X, y, **given)


class TakesCostsForAnother(Sound):
    """Weighs so much against the class that no other is left."""

    by_label = ("costs",)

    def parameter_names(self):
        return frozenset({"costs"})

    def fit(self, X, y, *, sample_weight, **given):
        if costs := self.own_params().get("costs"):
            sample_weight = np.array([1e-12 if code in costs else 1.0 for code in y])
        return super().fit(X, y, sample_weight=sample_weight, **given)


class AnswersAsTheyCome(Sound):
    labelled = True

    def fit(self, X, y, *, task, **given):
        if task.is_classification:
            y = np.argsort(np.argsort(task.classes)[::-1])[np.searchsorted(task.classes, y)]
        return super().fit(X, y, task=task, **given)


class KeepsItsMargin(Regressor):
    """Of the size of the target, and not converted."""

    def fit(self, X, y, **given):
        made = super().fit(X, y, **given)
        made.coef[1:] = np.sign(made.coef[1:]) * np.maximum(np.abs(made.coef[1:]) - 0.5, 0.0)
        return made

    def in_unit(self, unit, task):
        return self


class KeepsItsLoss(Regressor):
    """Fits the mean, whatever share is asked for."""

    def of_quantile(self, share):
        return self


class NeverEnds(Sound):
    ends_in_time = True


class EndsAlways(Sound):
    ends_in_time = True

    def fit(self, X, y, **given):
        cut_short(1)
        return super().fit(X, y, **given)


BREACHES = {
    "values by column": [IgnoresSigns, CrossesGroups, WantsPositions],
    "values by label": [WantsLabels, TakesCostsForAnother],
    "labels": [AnswersAsTheyCome],
    "unit of the target": [KeepsItsMargin],
    "quantiles": [KeepsItsLoss],
    "ends in time": [NeverEnds, EndsAlways],
}
