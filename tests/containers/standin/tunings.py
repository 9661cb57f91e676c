"""Tuning jobs: trials are training jobs, and the best one is that with the best objective."""

import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.containers.standin.jobs import ENDED

_COUNTED = {"InProgress": "InProgress", "Stopping": "InProgress", "Failed": "NonRetryableError"}


class TuningJob:
    """A tuning job. Whatever the strategy, values are drawn at random: how they are found is the platform's own.

    Parameters
    ----------
    request : dict
        A checked ``CreateHyperParameterTuningJob``.
    arn : str
    launch : callable
        Starts a training job from its request.
    """

    def __init__(self, request, arn, launch):
        self.request, self.name = request, request["HyperParameterTuningJobName"]
        self._arn, self._launch = arn, launch
        self._config = request["HyperParameterTuningJobConfig"]
        self.status, self.more = "InProgress", {}
        self.created = time.time()
        self._trials = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        if self.status not in ENDED:
            self.status = "Stopping"
            for trial, _ in self._trials:
                trial.stop()

    def _run(self):
        draw = random.Random(self._config.get("RandomSeed", 0))
        limits = self._config["ResourceLimits"]
        drawn = [self._drawn(draw) for _ in range(limits.get("MaxNumberOfTrainingJobs", 1))]
        with ThreadPoolExecutor(limits["MaxParallelTrainingJobs"]) as pool:
            list(pool.map(self._trial, range(1, len(drawn) + 1), drawn))
        if self.status == "Stopping":
            self.status = "Stopped"
        elif all(trial.status == "Failed" for trial, _ in self._trials):
            self.more["FailureReason"] = "All training jobs failed."
            self.status = "Failed"
        else:
            self.status = "Completed"

    def _trial(self, number, values):
        if self.status == "Stopping":
            return
        definition = dict(self.request["TrainingJobDefinition"])
        fixed = definition.pop("StaticHyperParameters")
        objective = {"_tuning_objective_metric": self._metric}
        trial = self._launch(
            {
                **definition,
                "TrainingJobName": f"{self.name}-{number:03}-{random.Random(number).randrange(16**8):08x}",
                "HyperParameters": {**fixed, **values, **objective},
            }
        )
        self._trials.append((trial, values))
        trial.join()

    @property
    def _metric(self):
        return self._config["HyperParameterTuningJobObjective"]["MetricName"]

    def _drawn(self, draw):
        values = {}
        for kind, ranges in self._config["ParameterRanges"].items():
            for one in ranges:
                if kind.startswith("Categorical"):
                    values[one["Name"]] = draw.choice(one["Values"])
                    continue
                low, high = float(one["MinValue"]), float(one["MaxValue"])
                assert low < high, one
                if one.get("ScalingType") == "Logarithmic":
                    value = math.exp(draw.uniform(math.log(low), math.log(high)))
                else:
                    value = draw.uniform(low, high)
                values[one["Name"]] = str(round(value) if kind.startswith("Integer") else value)
        return values

    def summaries(self):
        return [self._summary(trial, values) for trial, values in self._trials]

    def _summary(self, trial, values):
        found = trial.describe()
        summary = {
            "TrainingJobName": trial.name,
            "TrainingJobArn": found["TrainingJobArn"],
            "CreationTime": found["CreationTime"],
            "TrainingJobStatus": trial.status,
            "TunedHyperParameters": values,
        }
        summary |= {name: found[name] for name in ("TrainingStartTime", "TrainingEndTime") if name in found}
        if self._metric in trial.metrics:
            value = {"MetricName": self._metric, "Value": trial.metrics[self._metric]}
            summary["FinalHyperParameterTuningJobObjectiveMetric"] = value
        return summary

    def describe(self):
        kept = ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "WarmStartConfig")
        counts = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
        for trial, _ in self._trials:
            counts[_COUNTED.get(trial.status, trial.status)] += 1
        found = {
            **{name: self.request[name] for name in kept if name in self.request},
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self._arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": self.created,
            "TrainingJobStatusCounters": counts,
            "ObjectiveStatusCounters": {},
            **self.more,
        }
        sign = -1 if self._config["HyperParameterTuningJobObjective"]["Type"] == "Maximize" else 1
        scored = [
            (sign * trial.metrics[self._metric], trial.name) for trial, _ in self._trials if trial.status == "Completed"
        ]
        if scored:
            best = min(scored)[1]
            found["BestTrainingJob"] = next(one for one in self.summaries() if one["TrainingJobName"] == best)
        return found
