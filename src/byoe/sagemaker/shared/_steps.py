"""What a pipeline does with what it has trained: checked, and the same here and on AWS."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ...errors import ParameterError, did_you_mean
from ._checks import Variant

TRAIN, TUNE, CHECK, REGISTER, REJECT = "Train", "Tune", "Check", "Register", "Reject"
# The parameters of an execution; those of data are by the channels of the step that reads them.
TRAIN_DATA, VALIDATION_DATA, TEST_DATA = "TrainData", "ValidationData", "TestData"
INSTANCE_TYPE, INSTANCE_COUNT, THRESHOLD, APPROVAL = "InstanceType", "InstanceCount", "Threshold", "ApprovalStatus"
DATA = {"train": TRAIN_DATA, "validation": VALIDATION_DATA, "test": TEST_DATA}
# What an execution does, by the platform's word.
EXECUTION_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})
_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], bool]] = {  # and whether greater values hold
    "<": (operator.lt, False),
    "<=": (operator.le, False),
    ">": (operator.gt, True),
    ">=": (operator.ge, True),
}
_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+S)?)?", re.IGNORECASE)
_UNITS = {"m": "PT{}M", "h": "PT{}H", "d": "P{}D", "w": "P{}W"}


@dataclass(frozen=True)
class Condition:
    """What has to hold for the next steps.

    Attributes
    ----------
    metric : str
        Its name in the log of the job.
    comparison : {"<", "<=", ">", ">="}
    threshold : float
    """

    metric: str
    comparison: str
    threshold: float

    def holds(self, value: float, threshold: float | None = None) -> bool:
        """Return whether a value of the metric is good enough; NaN is not."""
        compare, _ = _COMPARISONS[self.comparison]
        return compare(value, self.threshold if threshold is None else threshold)

    def unmet(self, bound: object = f"the parameter {THRESHOLD}") -> str:
        """Return what is said where it does not hold."""
        return f"{self.metric} is not {self.comparison} {bound}"


@dataclass(frozen=True)
class Registration:
    """How what was trained becomes a version in the model registry; the attributes are those of a job's `register`."""

    group: str
    approve: bool | None
    description: str | None
    metadata: Mapping[str, str] | None


@dataclass(frozen=True)
class Steps:
    """What a pipeline does beside its training.

    Attributes
    ----------
    name : str
        Of the pipeline.
    condition : Condition or None
    registration : Registration or None
    expiry : str or None
        How long results of jobs are taken again, as ISO 8601 has it; None trains anew in each execution.
    """

    name: str
    condition: Condition | None
    registration: Registration | None
    expiry: str | None


def read_condition(given: Any, variants: Iterable[Variant], objective: str | None) -> Condition | None:
    """Return a condition on a metric that the job prints.

    Parameters
    ----------
    given : (str, str, float) or None
    variants : iterable of Variant
        What the job may train.
    objective : str or None
        The only metric that there is of the best job of a tuning job, where no other one follows it.

    Raises
    ------
    ParameterError
        For a metric that is not printed, or a comparison by which worse models would pass.
    """
    if given is None:
        return None
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 3:
        raise ParameterError(f"condition is {given!r}, expected one such as ('validation:rmse', '<=', 60.0), or None")
    metric, comparison, threshold = given
    greater = {name: better for variant in variants for name, better in _directions(variant)}
    if metric not in greater:
        raise ParameterError(f"condition: the job prints no {metric!r}. {_near(metric, greater)}")
    if objective is not None and metric != objective:
        raise ParameterError(
            f"condition reads {metric!r}, and of the best job of a tuning job a pipeline knows its objective alone, "
            f"{objective!r}; take that one, or give test data, on which the best ensemble is scored once more"
        )
    if comparison not in _COMPARISONS:
        raise ParameterError(
            f"condition compares by {comparison!r}, expected one of {', '.join(map(repr, _COMPARISONS))}"
        )
    if _COMPARISONS[comparison][1] != greater[metric]:
        raise ParameterError(
            f"condition is {metric} {comparison} {threshold}, which worse models pass: {metric} is better when it is "
            f"{'greater' if greater[metric] else 'less'}; compare by {'>=' if greater[metric] else '<='}"
        )
    return Condition(metric, comparison, check_threshold(threshold))


def check_threshold(given: Any) -> float:
    """Return what a metric is compared with, if that is a number."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise ParameterError(f"{THRESHOLD} of the condition is {given!r}, expected a number, such as 60.0")
    return float(given)


def read_expiry(given: Any) -> str | None:
    """Return how long results are taken again, as ISO 8601 has it.

    Examples
    --------
    >>> read_expiry("30d"), read_expiry("p4dt12h"), read_expiry(timedelta(hours=36))
    ('P30D', 'P4DT12H', 'PT2160M')
    """
    if given is None:
        return None
    if isinstance(given, timedelta) and given >= timedelta(minutes=1):
        return f"PT{int(given.total_seconds()) // 60}M"
    if isinstance(given, str):
        if short := re.fullmatch(r"([1-9]\d*)([mhdw])", given):
            return _UNITS[short[2]].format(short[1])
        if _DURATION.fullmatch(given):
            return given.upper()
    raise ParameterError(
        f"cache is {given!r}, expected how long results are taken again, such as '12h', '30d', 'P30D' or a timedelta "
        "of a minute or more, or None"
    )


def check_parameters(given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an execution is given, if the pipeline has such parameters; ``known`` has their defaults.

    Raises
    ------
    ParameterError
        For a name that there is not, and for a value of another kind than the default.
    """
    for name, value in given.items():
        if name not in known:
            raise ParameterError(f"the pipeline has no parameter {name!r}. {did_you_mean(name, known)}")
        if name == THRESHOLD:
            check_threshold(value)
        elif isinstance(known[name], str) and (not isinstance(value, str) or not value):
            raise ParameterError(f"{name} is {value!r}, expected a text such as {known[name]!r}")
        elif isinstance(known[name], int) and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ParameterError(f"{name} is {value!r}, expected a positive integer")
    return dict(given)


def _directions(variant: Variant) -> Iterable[tuple[str, bool]]:
    """Yield the metrics that a job prints, and whether greater values are better."""
    better = {metric.name: metric.greater_is_better for metric in variant.metrics}
    return ((name, better[name.rpartition(":")[2]]) for name in variant.metric_names)


def _near(metric: Any, known: Mapping[str, Any]) -> str:
    """Return what may have been meant: in a long list those of the blend, beside the closest one."""
    of_blend = [name for name in known if name.startswith("validation:")]
    close = difflib.get_close_matches(str(metric), known, n=1, cutoff=0.6)
    return did_you_mean(str(metric), {*of_blend, *close})
