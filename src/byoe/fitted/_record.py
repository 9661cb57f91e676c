"""What a fit was: what is known of it beside its models and predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class FitRecord:
    """What a fit was made with, and what it took.

    Attributes
    ----------
    seed : int
        Of the folds and of every task.
    table : str
        The digest of the table.
    target : dict
        The names and the type of the target, as its container calls them.
    metric : str
        The name of the metric that the ensemble is scored by.
    fit_seconds : dict of label to float
    predict_seconds : dict of label to float
        What a fold's model takes for a row.
    transforms : list of str or None
        By target what members were fitted on: ``"log1p"``, the class of a transformer, or None for the target as it
        is. Empty where no target was transformed.
    threshold : float or None
        From which probability on the second of two classes is predicted; None for the most probable class.
    fold_thresholds : sequence of float
        The same as it was found without the rows of each fold of the blend; empty where it was given.
    warnings : sequence of str
        What the fit warned of, and which members it left out.
    failures : sequence of dict
        ``label``, ``fold`` and ``error`` of each task that failed.
    second_layer : str
        Whether a second layer is kept, and why; empty where none was asked for.
    budget : str
        What became of the time limit; empty where there was none.
    pruned : sequence of str
        Of every pruning with a tolerance or a bound who was left out, what it cost and what it saved.
    """

    seed: int
    table: str
    target: Mapping[str, Any]
    metric: str
    fit_seconds: Mapping[str, float]
    predict_seconds: Mapping[str, float]
    transforms: Sequence[str | None] = ()
    threshold: float | None = None
    fold_thresholds: Sequence[float] = ()
    warnings: Sequence[str] = ()
    failures: Sequence[Mapping[str, Any]] = ()
    second_layer: str = ""
    budget: str = ""
    pruned: Sequence[str] = ()

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> FitRecord:
        """Return the record among what a manifest holds."""
        return cls(**{field.name: said[field.name] for field in fields(cls) if field.name in said})

    def of_members(self, labels: Collection[str]) -> FitRecord:
        """Return the record of some of the members."""
        return replace(
            self,
            fit_seconds={label: self.fit_seconds[label] for label in labels},
            predict_seconds={label: self.predict_seconds[label] for label in labels},
        )

    def with_members(self, fit_seconds: Mapping[str, float], predict_seconds: Mapping[str, float]) -> FitRecord:
        """Return the record with further members."""
        return replace(
            self,
            fit_seconds={**self.fit_seconds, **fit_seconds},
            predict_seconds={**self.predict_seconds, **predict_seconds},
        )
