"""Tuning jobs: trials are training jobs, and the best one is that with the best objective."""

import itertools
import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.containers.standin.jobs import ENDED
from tests.containers.standin.stopping import Completion, rule_of

_COUNTED = {"InProgress": "InProgress", "Stopping": "InProgress", "Failed": "NonRetryableError"}
_LOOKS = 0.05  # seconds


class TuningJob:
    """A tuning job. But for a grid, values are drawn at random: how they are found is the platform's own.

    Parameters
    ----------
    request : dict
        A checked ``CreateHyperParameterTuningJob``.
    arn : str
    launch : callable
        Starts a training job from its request.
    parents : list of TuningJob
        That it starts warm from.
    """

    def __init__(self, request, arn, launch, parents):
        self.request, self.name = request, request["HyperParameterTuningJobName"]
        self._arn, self._launch, self._parents = arn, launch, parents
        self._config = request["HyperParameterTuningJobConfig"]
        self._sign = -1 if self._config["HyperParameterTuningJobObjective"]["Type"] == "Maximize" else 1
        self._rule = rule_of(self._config)
        self._completion = Completion(self._config.get("TuningJobCompletionCriteria", {}), self._sign)
        self.status, self.more = "InProgress", {}
        self.created = time.time()
        self._trials = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        if self.status not in ENDED:
            self.status = "Stopping"

    def _run(self):
        try:
            self._try_all()
        except Exception as error:  # the stand-in's own faults are to be seen
            self.more["FailureReason"] = f"InternalServerError: {type(error).__name__}: {error}"
            self.status = "Failed"

    def _try_all(self):
        limits = self._config["ResourceLimits"]
        values = self._grid() if self._config["Strategy"] == "Grid" else self._draws(limits["MaxNumberOfTrainingJobs"])
        with ThreadPoolExecutor(limits["MaxParallelTrainingJobs"]) as pool:
            list(pool.map(self._trial, range(1, len(values) + 1), values))
        if self.status == "Stopping":
            self.status = "Stopped"
        elif all(trial.status == "Failed" for trial, _ in self._trials):
            self.more["FailureReason"] = "All training jobs failed."
            self.status = "Failed"
        else:
            self.status = "Completed"

    @property
    def _over(self):
        """Whether no trial starts any more, and those that run end."""
        return self.status == "Stopping" or self._completion.reached

    def _trial(self, number, values):
        if self._over:
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
        with self._lock:
            self._trials.append((trial, values))
        self._watch(trial)
        with self._lock:
            if trial.status == "Completed" and self._metric in trial.metrics:
                self._completion.take(self._sign * trial.metrics[self._metric])

    def _watch(self, trial):
        """Read the log of a trial until it ends, and end it where the rule says so."""
        looked = 0
        while not trial.join(_LOOKS):
            printed = [self._sign * value for value in trial.printed(self._metric)]
            for number in range(looked + 1, len(printed) + 1):
                with self._lock:
                    stops = self._rule.stops(trial.name, printed[:number])
                if stops:
                    trial.stop()
            looked = len(printed)
            if self._over:
                trial.stop()

    @property
    def _metric(self):
        return self._config["HyperParameterTuningJobObjective"]["MetricName"]

    def _grid(self):
        (ranges,) = self._config["ParameterRanges"].values()  # of lists alone
        names = [one["Name"] for one in ranges]
        return [dict(zip(names, row, strict=True)) for row in itertools.product(*(one["Values"] for one in ranges))]

    def _draws(self, number):
        draw = random.Random(self._config.get("RandomSeed", 0))
        return [self._drawn(draw) for _ in range(number)]

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
        summary |= {
            name: found[name] for name in ("TrainingStartTime", "TrainingEndTime", "FailureReason") if name in found
        }
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
            "TuningJobCompletionDetails": {"NumberOfTrainingJobsObjectiveNotImproving": self._completion.since},
            **self.more,
        }
        if own := self._best([self]):
            found["BestTrainingJob"] = own
        identical = self.request.get("WarmStartConfig", {}).get("WarmStartType") == "IdenticalDataAndAlgorithm"
        if identical and (best := self._best([*self._parents, self])):
            found["OverallBestTrainingJob"] = best
        return found

    def _best(self, tunings):
        """Return the summary of the best trial that has completed."""
        done = [
            (self._sign * trial.metrics[self._metric], tuning._summary(trial, values))
            for tuning in tunings
            for trial, values in list(tuning._trials)
            if trial.status == "Completed" and self._metric in trial.metrics
        ]
        return min(done, key=lambda one: one[0], default=(None, None))[1]
