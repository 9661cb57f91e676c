"""Members that are not worth the time they take to predict leave a fitted ensemble, and the rest is blended again."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..engine._blend import Blend
from ..errors import ParameterError
from ..fitted._failing import blended_by
from ..fitted._out_of_fold import OutOfFold
from ..fitted._stacked import needed
from ..registry._members import as_blender
from ..tools._listing import digits
from ._beginning import blended
from ._variants import pruned, without_members

if TYPE_CHECKING:
    from ._after_fit import ChangeableEnsemble

E = TypeVar("E", bound="ChangeableEnsemble")

# A smaller loss, as a share of the error, counts as so much: in noise the least saving would look best.
_NOISE = 0.0005


def read_tolerance(tolerance: Any) -> float:
    """Return the share of the error that may be lost, or raise a ParameterError."""
    if not _is_number(tolerance) or not 0 <= tolerance < 1:
        raise ParameterError(
            f"tolerance is {tolerance!r}, expected a share of the error, at least 0 and below 1, such as 0.005 for "
            "half a percent"
        )
    return float(tolerance)


def tolerance_of_a_fit(tolerance: Any, blender: Blender) -> float | None:
    """Return the tolerance with which what is to be fitted is pruned, or raise a ParameterError; None for not at all.

    Parameters
    ----------
    tolerance : float or None
    blender : Blender
        Of the ensemble, not fitted.
    """
    if tolerance is None:
        return None
    if read_tolerance(tolerance):
        _check_weights(blender)
    return float(tolerance)


def read_predict_ms(predict_ms: Any) -> float:
    """Return the milliseconds that 1,000 rows may take, or raise a ParameterError."""
    if not _is_number(predict_ms) or not 0 < predict_ms < math.inf:
        raise ParameterError(f"predict_ms is {predict_ms!r}, expected milliseconds for 1,000 rows, above 0")
    return float(predict_ms)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


@dataclass(frozen=True)
class Trial:
    """Some of the members, blended.

    Attributes
    ----------
    labels : sequence of str
        The members among which the blender chose.
    asked : sequence of str
        Those that are asked for predictions: with a weight, or feeding one with a weight.
    blend : Blend
    oof : OutOfFold
        Of these members, with the blend.
    value : float
        The cross-validated metric of the blend, as tables show it; NaN where it is not defined.
    error, error_in_sample : float
        How far the metric is from that of perfect predictions, cross-validated and on the rows that the blender has
        learned from; infinite where it is not defined.
    predict_ms : float
        What those that are asked take for 1,000 rows.
    """

    labels: Sequence[str]
    asked: Sequence[str]
    blend: Blend
    oof: OutOfFold
    value: float
    error: float
    error_in_sample: float
    predict_ms: float

    def lost(self, before: Trial) -> float:
        """Return by how much the error is above another one: cross-validated or in sample, where it is more.

        Of few rows the one alone is noise, and whoever picks the least of many such numbers picks luck; the other one,
        of blenders that know all rows, hardly shrinks where members leave.
        """
        more = [self.error - before.error]
        if math.isfinite(before.error_in_sample):
            more.append(self.error_in_sample - before.error_in_sample)
        return max(more)


class Search:
    """Leaves members out one after the other, each time the one that saves most time for what its leaving loses.

    What a leaving loses hardly shrinks while others leave. So it is looked up lazily (Minoux, 1978): a member is tried
    again only once it comes first by what was found before, and one without which too much is lost stays for good.
    Instead of ``auto``, which would be chosen anew each time, ``weighted`` goes before; the blend that is returned is
    ``auto``'s.

    Parameters
    ----------
    ensemble : ChangeableEnsemble
        Fitted, with its out-of-fold data.
    X : table or None
        The training features, for a blender with ``passthrough``.
    """

    def __init__(self, ensemble: ChangeableEnsemble, X: Any) -> None:
        self.ensemble, self.oof, self.task = ensemble, ensemble._oof, ensemble._task
        recipe = ensemble._recipe()
        self.metric = recipe.metric_for(self.task)
        self.metric.check(self.oof.y, self.task, self.oof.weight)
        _check_weights(recipe.blender)
        self.blender, self.features = ensemble._unfitted(recipe, X)
        self.scoring = ensemble._scoring(self.metric)
        self.milliseconds = {
            label: 1e6 * ensemble._record.predict_seconds[label] * len(member.models)
            for label, member in ensemble.members_.items()
        }
        self.perfect = self._perfect()
        blend = Blend(ensemble.blender_, self.oof.blend, self.oof.scored, ensemble._held_out)
        self.whole = self._judged(list(ensemble.members_), blend, self.oof, self.blender)
        if not self.oof.scored.any() or not math.isfinite(self.whole.value):
            raise ParameterError(
                f"the blend has no cross-validated {self.metric.name}, by which members could be judged; leave them "
                "out by name, with drop_members"
            )
        self.going_before, self.start = self.blender, self.whole
        if recipe.blender.name == "auto":
            self.going_before = ensemble._wrapped(as_blender("weighted"), self.task)
            self.start = self._blended(self.whole.labels, self.going_before)
        self._rates: dict[str, float] = {}
        self._staying: set[str] = set()

    def within_tolerance(self, tolerance: float) -> Trial:
        """Return the best blend on the way, all of the time being worth so much of the error of all members.

        Its error is larger by at most that share, since all members with all their time are on the way, too.
        """
        whole = self.whole
        if not math.isfinite(self.perfect) or whole.error < 0:
            raise ParameterError(
                f"tolerance is a share of how far the blend is from perfect predictions, and {self.metric.name} does "
                f"not tell: it is {whole.value:.6g} here, and {self.perfect:.6g} of those; give predict_ms"
            )
        price = tolerance * whole.error / (whole.predict_ms or 1.0)

        def _cost(trial: Trial, before: Trial) -> float:
            return trial.lost(before) + price * trial.predict_ms

        here, passed = self.start, []
        while (after := self._step(here, tolerance * whole.error, whole.labels)) is not None:
            passed.append(here := after)
        for trial in sorted(passed, key=lambda trial: (_cost(trial, self.start), trial.predict_ms)):
            if _cost(trial, self.start) > _cost(self.start, self.start):
                break
            served = self._alone(trial)
            if _cost(served, whole) <= _cost(whole, whole):
                return served
        return whole

    def within_time(self, predict_ms: float) -> Trial:
        """Return the first blend on the way that takes at most so many milliseconds for 1,000 rows."""
        alone = {label: self._sum({label, *self.ensemble.members_[label].feeders}) for label in self.whole.labels}
        quick = [label for label, time in alone.items() if time <= predict_ms]
        if not quick:
            fastest = min(alone, key=lambda label: alone[label])
            raise ParameterError(
                f"predict_ms is {predict_ms:g}, and the fastest member alone, {fastest!r}, takes "
                f"{digits(alone[fastest], 3)} ms for 1,000 rows"
                + ("; refit(X) serves one model instead of its bag" * (len(self.ensemble.members_[fastest].models) > 1))
            )
        if self.whole.predict_ms <= predict_ms:
            return self.whole
        here = self.start
        while here.predict_ms > predict_ms:
            after = self._step(here, math.inf, quick)
            assert after is not None  # at the latest a quick member is alone
            here = after
        return self._alone(here)

    def _step(self, here: Trial, most: float, one_of: Collection[str]) -> Trial | None:
        """Return the blend without the member whose leaving is most worth it; None where each has to stay.

        At most so much may be lost since the start, and one of certain members always stays.
        """
        tried: dict[str, Trial] = {}
        floor = _NOISE * abs(self.whole.error)
        while True:
            rest = {label: self._without(label, here.labels) for label in here.asked if label not in self._staying}
            worth = {
                label: (self._rates.get(label, math.inf), self._sum(set(here.asked) - set(left)))
                for label, left in rest.items()
                if not set(left).isdisjoint(one_of)
            }
            if not worth:
                return None
            label = max(worth, key=lambda one: worth[one])
            if label in tried:
                return tried[label]
            trial = self._blended(rest[label], self.going_before)
            if trial.lost(self.start) > most:
                self._staying.add(label)
                continue
            tried[label] = trial
            self._rates[label] = worth[label][1] / (max(trial.lost(here), floor) or 1e-12)

    def _without(self, label: str, labels: Sequence[str]) -> list[str]:
        """Return who stays without a member: nobody of the second layer who learns from it."""
        members = self.ensemble.members_
        return [one for one in labels if one != label and label not in members[one].feeders]

    def _sum(self, labels: Collection[str]) -> float:
        return math.fsum(self.milliseconds[label] for label in labels)

    def _alone(self, trial: Trial) -> Trial:
        """Return the blend of those that are asked: without the others, whom blenders of folds may have used."""
        if self.going_before is not self.blender:
            trial = self._blended(trial.asked, self.blender)
        while trial.asked and len(trial.asked) < len(trial.labels):
            trial = self._blended(trial.asked, self.blender)
        return trial

    def _blended(self, labels: Sequence[str], blender: Blender) -> Trial:
        columns = [column for column, label in enumerate(self.ensemble.members_) if label in labels]
        oof, seed = self.oof.of_members(columns), self.ensemble._record.seed
        return self._judged(labels, *blended(oof, blender, self.features, self.metric, self.task, seed), blender)

    def _judged(self, labels: Sequence[str], blend: Blend, oof: OutOfFold, blender: Blender) -> Trial:
        members = {label: self.ensemble.members_[label] for label in labels}
        used = needed(members, blend.blender.used(len(members)))
        asked = [label for label, wanted in zip(members, used, strict=True) if wanted]
        value = self._value(oof, blender)
        in_sample = self._value(replace(oof, blend=self._in_sample(blend, oof)), blender)
        return Trial(labels, asked, blend, oof, value, self._error(value), self._error(in_sample), self._sum(asked))

    def _in_sample(self, blend: Blend, oof: OutOfFold) -> FloatArray:
        """Return what the blender makes of rows that it has learned from."""
        rows = self.scoring.rows
        passed = None if self.features is None else self.features[rows]
        prediction = np.zeros_like(oof.blend)
        prediction[rows] = blended_by(blend.blender, oof.predictions[rows], passed, self.task)
        return prediction

    def _value(self, oof: OutOfFold, blender: Blender) -> float:
        decided = self.ensemble._decided(oof, self.metric, self.ensemble._record.seed, self.task, blender)
        value = self.scoring.value_if_defined(decided)
        return math.nan if value is None else value

    def _error(self, value: float) -> float:
        """Return how far the metric is from that of perfect predictions, or from 0 where these have none."""
        perfect = self.metric.score(self.perfect) if math.isfinite(self.perfect) else 0.0
        return math.inf if math.isnan(value) else perfect - self.metric.score(value)

    def _perfect(self) -> float:
        """Return the metric of predictions that are all right: 0 for a loss that does not take them."""
        y = self.oof.y
        of_classes = self.task.is_classification and not self.task.is_multilabel
        prediction: FloatArray = np.eye(self.task.n_classes)[y] if of_classes else np.asarray(y, dtype=np.float64)
        value = self.scoring.value_if_defined(prediction)
        if value is not None:
            return value
        return math.inf if self.metric.greater_is_better else 0.0

    def told(self, found: Trial) -> str:
        """Return in words who is left out, what that costs and what it saves."""
        gone = [label for label in self.whole.labels if label not in found.asked]
        if not gone:
            return "all members stay"
        before, after = self.whole, found
        more = 100 * (after.error / before.error - 1) if math.isfinite(self.perfect) and before.error > 0 else 0.0
        return (
            f"{', '.join(gone)} left out; {self.metric.name} {digits(after.value, 4)} instead of "
            f"{digits(before.value, 4)}"
            + (f" (an error {abs(more):.2g} % {'larger' if more > 0 else 'smaller'})" if abs(more) >= 0.005 else "")
            + f", {digits(after.predict_ms, 3)} ms instead of {digits(before.predict_ms, 3)} for 1,000 rows"
        )


def _check_weights(blender: Blender) -> None:
    if blender.get_params(deep=False).get("weights") is not None:
        raise ParameterError(
            f"the weights given to blender {blender.name!r} are those of all members, and others cannot take over what "
            f"one leaves; let them be learned: reblend({blender.name!r}), then prune"
        )


def worth_their_time(ensemble: E, tolerance: float, predict_ms: float | None, X: Any) -> E:
    """Return the ensemble without the members that are not worth their time, blended again.

    Parameters
    ----------
    ensemble : ChangeableEnsemble
    tolerance : float
        By which share the error may grow.
    predict_ms : float or None
        The milliseconds that 1,000 rows may take, however much the error grows.
    X : table or None
    """
    search = Search(ensemble, X)
    if predict_ms is None:
        found, asked = search.within_tolerance(tolerance), f"with a tolerance of {tolerance:g}"
    else:
        found, asked = search.within_time(predict_ms), f"to {predict_ms:g} ms"
    gone = [label for label in ensemble.members_ if label not in found.labels]
    other = without_members(ensemble, tuple(gone)) if gone else copy.copy(ensemble)
    other._record = replace(other._record, pruned=(*other._record.pruned, f"{asked}, {search.told(found)}"))
    other._take(found.blend, found.oof, search.blender, search.features, search.metric)
    return pruned(other)
