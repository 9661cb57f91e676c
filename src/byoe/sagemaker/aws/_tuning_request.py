"""The request for a tuning job: a plain dictionary in the service's own words, made and checked without a call."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import ParameterError
from ..shared._limits import CHOICES, check_choices, check_hyperparameters, check_name
from ..shared._ranges import scaling_of
from ..shared._search import WARM_STARTS, Search
from ._machine import MANIFEST, Channel, Machine
from ._requests import as_texts, common, reachable, resources_of, tags_of

_LEAST_SECONDS, _MOST_SECONDS = 120, 15_768_000
# A trial that has had its time is told so, and may take so many seconds more.
_TO_STOP = 120
_HOUR = 3600


def tuning_request(
    name: str,
    machine: Machine,
    search: Search,
    *,
    source: str,
    hyperparameters: Mapping[str, Any],
    channels: Mapping[str, Channel],
    output: str,
    metrics: Sequence[Mapping[str, str]],
    checkpoints: str | None = None,
) -> dict[str, Any]:
    """Return a request for ``CreateHyperParameterTuningJob``; what is not said here is as in `training_request`.

    Parameters
    ----------
    search : Search
    hyperparameters : mapping
        Those that are the same for all trials.
    """
    check_hyperparameters({**hyperparameters, **dict.fromkeys(search.space, 0)})
    source, channels = reachable(machine, source, channels)
    definition = {
        "StaticHyperParameters": as_texts(hyperparameters, source),
        **common(machine, channels, output, metrics, checkpoints),
        "ResourceConfig": resources_of(machine),
    }
    return {
        "HyperParameterTuningJobName": check_name("tuning job", name),
        "HyperParameterTuningJobConfig": _config(search, machine),
        "TrainingJobDefinition": definition,
        **({"Autotune": {"Mode": "Enabled"}} if search.autotune else {}),
        **_warm_start(search),
        **tags_of(machine),
    }


def _config(search: Search, machine: Machine) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Strategy": search.strategy,
        "HyperParameterTuningJobObjective": {
            "Type": "Maximize" if search.greater_is_better else "Minimize",
            "MetricName": search.objective,
        },
        "ResourceLimits": _limits(search, machine),
        "ParameterRanges": parameter_ranges(search.space, search.strategy),
    }
    if search.early_stopping or not search.autotune:  # which decides on what is not said
        config["TrainingJobEarlyStoppingType"] = "Auto" if search.early_stopping else "Off"
    if search.strategy == "Hyperband":
        assert search.n_folds is not None
        # The service stops a trial that has printed as many values. One with all its folds has its model, and ends.
        most = search.n_folds + 1
        config["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": most}}
    if criteria := dict(_criteria(search)):
        config["TuningJobCompletionCriteria"] = criteria
    if search.seed is not None:
        config["RandomSeed"] = search.seed
    return config


def _limits(search: Search, machine: Machine) -> dict[str, int]:
    limits = {"MaxParallelTrainingJobs": search.max_parallel_jobs}
    jobs = jobs_within_cost(search, machine.instance_type, machine.instance_count, machine.max_seconds)
    if search.strategy != "Grid":  # which tries everything, so that a number may not be given
        limits["MaxNumberOfTrainingJobs"] = jobs
    if search.time_limit is not None:
        limits["MaxRuntimeInSeconds"] = check_seconds(search.time_limit)
    return limits


def check_seconds(time_limit: float) -> int:
    """Return the most whole seconds within a time limit of a tuning job, if the service takes it."""
    if not _LEAST_SECONDS <= time_limit <= _MOST_SECONDS:
        raise ParameterError(
            f"time_limit is {time_limit:g} s, and a tuning job on AWS may take {_LEAST_SECONDS} to {_MOST_SECONDS} s"
        )
    return int(time_limit)


def jobs_within_cost(search: Search, instance_type: str, instance_count: int, max_seconds: int) -> int:
    """Return how many trials there may be, each of the longest that one may take, so that ``max_cost`` holds.

    Raises
    ------
    ParameterError
        When not even one trial fits, or not all of a grid.
    """
    if search.max_cost is None or search.price_per_hour is None:
        return search.n_trials
    seconds = search.max_cost / search.price_per_hour * _HOUR / instance_count
    jobs = math.floor(seconds / (max_seconds + _TO_STOP) + 1e-9)
    least = search.n_trials if search.strategy == "Grid" else 1
    if jobs < least:
        instances = instance_type if instance_count == 1 else f"{instance_count} x {instance_type}"
        trials = "one trial" if least == 1 else f"each of the grid's {least} trials"
        raise ParameterError(
            f"max_cost is {search.max_cost:g}, which pays for {seconds:.0f} s of {instances} at "
            f"{search.price_per_hour:g} an hour, and {trials} may take max_seconds={max_seconds} and {_TO_STOP} s to "
            "stop; set max_seconds to what a trial needs at most, or raise max_cost"
        )
    return min(search.n_trials, jobs)


def _criteria(search: Search) -> Iterator[tuple[str, Any]]:
    """Yield what completes a tuning job before all its trials."""
    if search.stop_at is not None:
        yield "TargetObjectiveMetricValue", float(search.stop_at)
    if search.patience == "auto":
        yield "ConvergenceDetected", {"CompleteOnConvergence": "Enabled"}
    elif search.patience is not None:
        yield "BestObjectiveNotImproving", {"MaxNumberOfTrainingJobsNotImproving": search.patience}


def _warm_start(search: Search) -> dict[str, Any]:
    if not search.parents:
        return {}
    parents = [{"HyperParameterTuningJobName": parent} for parent in search.parents]
    kind = WARM_STARTS[search.warm_start_type]
    return {"WarmStartConfig": {"ParentHyperParameterTuningJobs": parents, "WarmStartType": kind}}


def check_parent(search: Search, parent: Mapping[str, Any]) -> None:
    """Raise a ParameterError for an earlier tuning job, as the service describes it, that nobody can start from."""
    name, status = parent["HyperParameterTuningJobName"], parent["HyperParameterTuningJobStatus"]
    if status in ("InProgress", "Stopping"):
        raise ParameterError(f"warm_start names {name!r}, which has not ended (status {status}); wait for it first")
    objective = parent["HyperParameterTuningJobConfig"].get("HyperParameterTuningJobObjective")
    if objective is None or "TrainingJobDefinition" not in parent:  # but several definitions, each with its objective
        raise ParameterError(f"warm_start names {name!r}, and byoe has not made it; name one that byoe has made")
    wanted = "Maximize" if search.greater_is_better else "Minimize"
    if (objective["MetricName"], objective["Type"]) != (search.objective, wanted):
        raise ParameterError(
            f"warm_start names {name!r}, whose objective is {objective['MetricName']}, and here it is "
            f"{search.objective}; the service wants the same"
        )


def check_kinship(request: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    """Raise a ParameterError for a request that differs from an earlier tuning job in what must be the same."""
    name = parent["HyperParameterTuningJobName"]
    here, there = _hyperparameters(request), _hyperparameters(parent)
    if len(here) != len(there):
        other = ", ".join(sorted(here ^ there))
        raise ParameterError(
            f"warm_start names {name!r}, which has {len(there)} hyperparameters, fixed and tuned ones, and here there "
            f"are {len(here)}; the service wants as many. One of them alone has {other}"
        )
    if request["WarmStartConfig"]["WarmStartType"] != WARM_STARTS["identical"]:
        return
    for what, of in {"data": _data, "image": _image}.items():
        if of(request) != of(parent):
            raise ParameterError(
                f"warm_start_type is 'identical', and the {what} of {name!r} is another one ({of(parent)}, here "
                f"{of(request)}); use warm_start_type='transfer'"
            )


def _hyperparameters(tuning: Mapping[str, Any]) -> set[str]:
    ranges = tuning["HyperParameterTuningJobConfig"].get("ParameterRanges", {})
    tuned = {one["Name"] for kind in ranges.values() for one in kind or ()}
    return tuned | set(tuning["TrainingJobDefinition"].get("StaticHyperParameters", {})) - {"_tuning_objective_metric"}


def _data(tuning: Mapping[str, Any]) -> str:
    channels = tuning["TrainingJobDefinition"].get("InputDataConfig", ())
    data = {one["ChannelName"]: one["DataSource"].get("S3DataSource", {}) for one in channels}
    listed = {name: " as a manifest" if one.get("S3DataType") == MANIFEST else "" for name, one in data.items()}
    return ", ".join(f"{name} {data[name].get('S3Uri')}{listed[name]}" for name in sorted(data) if name != "code")


def _image(tuning: Mapping[str, Any]) -> str:
    return str(tuning["TrainingJobDefinition"]["AlgorithmSpecification"].get("TrainingImage"))


def parameter_ranges(space: Mapping[str, Any], strategy: str = "Bayesian") -> dict[str, list[dict[str, Any]]]:
    """Return a space in the service's words.

    Examples
    --------
    >>> parameter_ranges({"eta": (0.01, 0.3, "log")})["ContinuousParameterRanges"]
    [{'Name': 'eta', 'MinValue': '0.01', 'MaxValue': '0.3', 'ScalingType': 'Logarithmic'}]
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, domain in space.items():
        if isinstance(domain, list):
            check_choices(name, domain)
            kind, entry = "Categorical", {"Name": name, "Values": [json.dumps(value) for value in domain]}
        elif strategy == "Grid":
            raise ParameterError(
                f"space[{name!r}] is the range {domain!r}, and a grid takes lists of at most {CHOICES} values; give one"
            )
        else:
            whole = all(isinstance(bound, int) for bound in domain[:2])
            kind = "Integer" if whole else "Continuous"
            low, high = (bound if whole else float(bound) for bound in domain[:2])
            entry = {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scaling_of(domain)}
        found.setdefault(f"{kind}ParameterRanges", []).append(entry)
    return found
