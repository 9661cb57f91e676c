"""Blenders within a time limit: those for which there is time are compared, and the rest is told."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import byoe
from byoe.blenders import _comparing
from byoe.blenders._per_output import PerOutput
from byoe.blenders.mean import Mean
from byoe.contracts import _deadline
from byoe.contracts._blender import OOF
from byoe.contracts._deadline import Deadline, seconds_left, skip, until
from byoe.contracts._task import Task
from byoe.engine._blend import BlendingInTime
from byoe.engine._resources import Resources
from byoe.errors import BudgetWarning
from byoe.scoring._metrics import find_metric

REGRESSION = Task("regression")


def of_two_halves(rng, bias=0.0):
    y = rng.normal(size=120)
    predictions = y[:, None] + rng.normal(size=(120, 4)) * (0.3, 0.5, 1.0, 2.0) + bias
    odd = np.arange(120) % 2 == 1
    halves = tuple((np.flatnonzero(odd == i), np.flatnonzero(odd != i)) for i in (False, True))
    return OOF(predictions, y, REGRESSION, folds=halves)


def test_auto_without_time_keeps_to_weights_and_tells_what_it_has_not_tried(rng):
    biased = of_two_halves(rng, bias=10.0)
    gone, far = Deadline(-1.0), Deadline(1e6)
    with until(gone):
        made = byoe.blender("auto").fit(biased)
    assert made.in_use.name == "adjusted"
    assert np.isinf(list(made.losses_.values())).all()
    assert gone.skipped == {"best", "mean", "vote", "weighted", "greedy", "meta-linear"}
    with until(far):
        assert byoe.blender("auto").fit(biased).in_use.name == "meta-linear"
    assert far.skipped == set()
    slow = replace(biased, metric=find_metric("neg_median_absolute_error", REGRESSION))
    with until(Deadline(-1.0)):
        assert byoe.blender("auto").fit(slow).in_use.name == "weighted"


def test_a_candidate_that_takes_too_long_is_left_after_its_first_fold(rng, monkeypatch):
    """A clock by which every fit takes twenty seconds leaves no time for a second fold of them all."""
    now = iter(range(0, 100_000, 10))
    for module in (_comparing, _deadline):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    deadline = Deadline(300.0)
    with until(deadline):
        made = byoe.blender("auto").fit(of_two_halves(rng))
    assert np.isfinite(made.losses_["adjusted"])
    assert deadline.skipped


def test_targets_share_the_time_in_which_their_blenders_are_compared(rng):
    """Of three targets each has a third of what is left."""
    shares = []

    class Looking(Mean):
        def fit(self, oof):
            shares.append(seconds_left())
            return super().fit(oof)

    oof = OOF(rng.normal(size=(30, 2, 3)), rng.normal(size=(30, 3)), Task("regression", n_outputs=3))
    with until(Deadline(3_000.0)):
        PerOutput(Looking()).fit(oof)
    np.testing.assert_allclose(shares, [1_000, 1_500, 3_000], atol=20)


def test_the_limit_that_is_told_is_the_one_that_was_set():
    """Where something else has its share of the time, the blend has the rest."""
    blending = BlendingInTime(Resources(time_limit=50.0, share=0.6, started=time.monotonic()))
    blending.__enter__()
    assert 20 < seconds_left() <= 30
    skip("mean")
    skip("greedy")
    with pytest.warns(BudgetWarning, match="the time_limit of 50 s left no time .*: greedy, mean were not tried"):
        blending.__exit__(None, None, None)
