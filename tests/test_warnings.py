"""Warnings show the line of the user; filters belong to the process, and are put back."""

import threading
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import TimeSeriesSplit

from byoe import EnsembleRegressor, load
from byoe.errors import LeakageWarning
from byoe.tools import _warnings
from byoe.tools._warnings import hearing, warn, warnings_filtered


def test_rules_hold_inside_and_not_after():
    before = list(warnings.filters)
    with warnings_filtered(("ignore", "quiet please"), ("error", "", DeprecationWarning)):
        warnings.warn("quiet please", stacklevel=1)
        assert warnings.filters[0][0] == "error"
    assert warnings.filters == before


def test_other_threads_change_nothing():
    before, inside = list(warnings.filters), []

    def look():
        with warnings_filtered(("ignore",)):
            inside.append(list(warnings.filters))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert inside == [before]


def test_ensembles_that_are_fitted_in_threads_leave_the_filters_alone():
    X, y = load_diabetes(return_X_y=True)
    before = list(warnings.filters)
    inner = EnsembleRegressor(["ridge", "knn"], "mean", cv=3, random_state=0)
    EnsembleRegressor([("a", inner), ("b", inner), "svm"], "weighted", random_state=0, n_jobs=2).fit(X, y)
    assert warnings.filters == before


def test_a_warning_shows_the_line_outside_byoe_however_deep_it_is_given():
    X, y = load_diabetes(return_X_y=True)
    outer = EnsembleRegressor(
        [("a", EnsembleRegressor(["ridge"], "mean", cv=3)), "ridge"], "mean", cv=TimeSeriesSplit(3)
    )
    with pytest.warns(LeakageWarning, match="member 'a' is an ensemble") as caught:
        outer.fit(X, y)
    with pytest.warns(LeakageWarning, match="have a copy") as copies:
        EnsembleRegressor(["ridge"], "mean", cv=3).fit(np.repeat(X[:40], 2, axis=0), np.repeat(y[:40], 2))
    assert {warning.filename for warning in [*caught, *copies]} == {__file__}


def test_a_warning_without_a_caller_outside_byoe_is_given_all_the_same():
    with pytest.warns(UserWarning, match="look"):
        exec(compile("warn('look')", f"{_warnings._BYOE}module.py", "exec"), {"warn": warn})


def test_what_a_fit_warned_of_is_kept_with_it(tmp_path):
    X, y = np.repeat(np.random.default_rng(0).normal(size=(20, 2)), 2, axis=0), np.repeat(np.arange(20.0), 2)
    ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0)
    with pytest.warns(LeakageWarning) as told:
        ensemble.fit(X, y)
    texts = [str(one.message) for one in told]
    assert ensemble._record.warnings == texts
    assert load(ensemble.save(tmp_path / "bundle"))._record.warnings == texts
    assert ensemble.fit(X[::2], y[::2])._record.warnings == []


def test_what_is_warned_of_is_heard_once_and_outside_not_at_all():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with hearing() as outer:
            warn("first")
            with hearing() as inner:
                warn("second")
            warn("first")
        warn("third")
    assert outer == ["first"]
    assert inner == ["second"]
