"""A target of two values given to the regressor: it is said at once, and nobody else hears of it.

scikit-learn #4404: a regressor fits 0 and 1 without a word, and its predictions are taken for probabilities
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.contracts._task import Task
from byoe.ensemble._layers import warn_of_classes

X = np.random.default_rng(0).normal(size=(60, 2))
HALF = (X[:, 0] > 0).astype(int)
FEW = {"blender": "mean", "cv": 3, "random_state": 0, "n_jobs": 1}


@pytest.mark.parametrize("y", [HALF, HALF.astype(bool), 2 * HALF - 1.0, HALF + 1, HALF.tolist()], ids=str)
def test_two_values_are_named_before_anything_is_fitted(y):
    fitted = []

    def listen(progress):
        fitted.append(progress)

    with pytest.warns(UserWarning, match="the target holds two values, .* EnsembleClassifier"):
        EnsembleRegressor(["ridge"], callbacks=listen, **FEW).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.clear()
        with pytest.raises(UserWarning, match="two values"):
            EnsembleRegressor(["ridge"], callbacks=listen, **FEW).fit(X, y)
        assert not fitted
        EnsembleClassifier(["ridge"], **FEW).fit(X, y)


def test_a_few_whole_numbers_have_a_note_on_the_board():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 2))
    stars = np.clip(np.round(rows[:, 0] + 3), 1, 5)
    fitted = EnsembleRegressor(["ridge"], **FEW).fit(rows, stars)
    assert (
        "target: 1, 2, 3, 4, 5 are numbers here; EnsembleClassifier would take them as classes"
        in fitted.leaderboard_.notes
    )
    fitted = EnsembleRegressor(["ridge"], **FEW).fit(rows, stars + 0.5)
    assert not any(note.startswith("target: ") for note in fitted.leaderboard_.notes)


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=100))
def test_no_false_alarm(values):
    y = np.array(values)
    kinds = np.unique(y)
    alarm = len(y) >= 30 and len(kinds) == 2 and all(float(kind).is_integer() for kind in kinds)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        warn_of_classes(y, Task("regression"))
    assert bool(heard) == alarm


@pytest.mark.parametrize(
    "y", [np.repeat([0, 1], 14), np.repeat([0.2, 0.8], 30), np.arange(60) % 3, np.ones(60)], ids=str
)
def test_few_rows_and_other_numbers_may_be_anything(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_classes(y.astype(float), Task("regression"))
        warn_of_classes(y.astype(int), Task("classification", 2))
        warn_of_classes(np.column_stack([y, y]).astype(float), Task("regression", n_outputs=2))
