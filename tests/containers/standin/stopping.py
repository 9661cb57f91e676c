"""Which trials of a tuning job go on, and when all of it is complete: by what the pages of the service say."""

import itertools
import math
from statistics import fmean, median

_AT_LEAST = 2  # trials to compare with
_THIRD = 3
_IMPROVES = 0.01


class Never:
    """All trials go on."""

    def stops(self, trial, values):
        """Return whether a trial ends with the values that it has printed; the less, the better."""
        return False


class Median(Never):
    """A trial ends whose value is worse than the median of the running averages of those before it."""

    def __init__(self):
        self._values = {}

    def stops(self, trial, values):
        before = list(itertools.takewhile(lambda one: one != trial, self._values))
        self._values[trial] = values
        averages = [fmean(self._values[one][: len(values)]) for one in before]
        return len(averages) >= _AT_LEAST and values[-1] > median(averages)


class Halving(Never):
    """Of the trials that have come to a rung, one in three goes on; one that has printed all that it may ends, too.

    The last rung is before the value of all folds, with which a trial of byoe's ends anyway.
    """

    def __init__(self, least, most):
        self._most = most
        self._at = {least * _THIRD**number: [] for number in range(most) if least * _THIRD**number < most - 1}

    def stops(self, trial, values):
        if len(values) >= self._most:
            return True
        if len(values) not in self._at:
            return False
        rung = self._at[len(values)]
        rung.append(values[-1])
        return sum(value < values[-1] for value in rung) >= math.ceil(len(rung) / _THIRD)


def rule_of(config):
    """Return the rule that a tuning job's configuration asks for."""
    if config["Strategy"] == "Hyperband":
        assert config["TrainingJobEarlyStoppingType"] == "Off", "Hyperband has a rule of its own"
        asked = config["StrategyConfig"]["HyperbandStrategyConfig"]
        return Halving(asked["MinResource"], asked["MaxResource"])
    return Median() if config.get("TrainingJobEarlyStoppingType") == "Auto" else Never()


class Completion:
    """Whether a tuning job is complete by the objectives of the trials that are; the less, the better.

    Parameters
    ----------
    criteria : dict
        ``TuningJobCompletionCriteria``. When it has converged is the service's own to see.
    sign : {-1, 1}
    """

    def __init__(self, criteria, sign):
        self._target = sign * criteria.get("TargetObjectiveMetricValue", -sign * math.inf)
        self._patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        self._best, self.since = math.inf, 0
        self.reached = False

    def take(self, value):
        """Take the objective of one more trial."""
        if math.isinf(self._best) or value < self._best - _IMPROVES * abs(self._best):
            self.since = 0
        else:
            self.since += 1
        self._best = min(self._best, value)
        self.reached |= self._best <= self._target or (self._patience is not None and self.since >= self._patience)
