"""The time that is left, as it is shown: it falls, whatever the tasks turn out to take."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoe.engine import _clock
from byoe.engine._clock import Clock
from byoe.engine._countdown import Countdown

SECONDS = st.floats(0.01, 1e4)


@given(st.lists(st.tuples(SECONDS, st.floats(0.0, 100.0)), min_size=1, max_size=30))
def test_what_is_shown_falls_unless_it_is_less_than_half_of_what_is_expected(steps):
    left, now, before = Countdown(), 0.0, None
    for expected, passed in steps:
        now += passed
        shown = left(expected, now)
        assert (expected - 1) / 2 <= shown * (1 + 1e-12)
        assert shown <= expected * 1.5 * (1 + 1e-12)
        if before is not None and shown > before * (1 + 1e-12):
            assert shown == expected > before
        before = shown


@given(SECONDS, SECONDS, st.integers(2, 50))
def test_it_reaches_zero_with_an_expectation_that_holds(first, true, ticks):
    left = Countdown()
    left(first, 0.0)
    shown = [left(true * (1 - tick / ticks), true * tick / ticks) for tick in range(ticks + 1)]
    assert shown[-1] == 0.0
    rises = [tick for tick, (one, other) in enumerate(itertools.pairwise(shown)) if other > one]
    assert len(rises) <= 1  # to be set right once


def test_nothing_is_shown_while_nothing_is_known():
    assert Countdown()(None, 0.0) is None


def simulated(monkeypatch, true, guesses, folds, at_once, wobble):
    """Return what is shown at every quarter of a second of a fit on a made-up clock, and what was left in truth."""
    now = [0.0]
    monkeypatch.setattr(_clock.time, "monotonic", lambda: now[0])
    clock = Clock(guesses, {label: [1.0] * folds for label in true}, at_once, None)
    rng = np.random.default_rng(0)
    waiting = [
        (label, true[label] * rng.uniform(1 - wobble, 1 + wobble))
        for label in sorted(true, key=lambda label: -guesses[label])
        for _ in range(folds)
    ]
    running, shown = [], []
    while waiting or running:
        while waiting and len(running) < at_once:
            label, seconds = waiting.pop(0)
            clock.start(label)
            running.append((now[0] + seconds, label, seconds))
        now[0] += 0.25
        for end, label, seconds in sorted(one for one in running if one[0] <= now[0]):
            running.remove((end, label, seconds))
            clock.finish(label, seconds)
        shown.append((now[0], clock.remaining))
    return [(left, now[0] - at) for at, left in shown if left is not None]


FITS = {
    "guesses that are right": ({"a": 20.0, "b": 5.0, "c": 1.0}, {"a": 20.0, "b": 5.0, "c": 1.0}),
    "guesses that are far off": ({"a": 20.0, "b": 5.0, "c": 1.0}, {"a": 1.0, "b": 4.0, "c": 3.0}),
    "a member that takes much longer than guessed": ({"a": 3.0, "b": 40.0, "c": 1.0}, {"a": 3.0, "b": 2.0, "c": 1.0}),
}


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("name", FITS)
def test_the_time_that_is_left_falls_nearly_always(monkeypatch, name, at_once):
    true, guesses = FITS[name]
    shown = simulated(monkeypatch, true, guesses, 5, at_once, 0.2)
    assert len(shown) > 20
    assert shown[-1][0] == 0.0
    values = [left for left, _ in shown]
    rises = [later - earlier for earlier, later in itertools.pairwise(values) if later > earlier + 1e-9]
    if name == "guesses that are right":
        assert len(rises) <= 2
        assert sum(rises) <= 4
        assert max(abs(left - truth) for left, truth in shown) <= 0.35 * shown[0][1]
    assert len(rises) <= 7
    # When three quarters are over all members have been measured.
    late = shown[3 * len(shown) // 4 :]
    assert sum(later > earlier + 1e-9 for (earlier, _), (later, _) in itertools.pairwise(late)) <= 2
    assert max(left - truth for left, truth in late) <= 2 * late[0][1] + 1
