"""A tolerance in an ensemble of two layers: who feeds another member stays as long as that one does."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import byoe
from byoe.ensemble._second_layer import _Layer
from byoe.errors import ParameterError
from byoe.learners.linear import Ridge


def timed(ensemble, **times):
    """Return the ensemble as if its members had taken other times to predict: milliseconds for 1,000 rows."""
    other = copy.copy(ensemble)
    members = ensemble.members_.items()
    seconds = {label: times.get(label, 1.0) / 1e6 / len(member.models) for label, member in members}
    other._record = replace(ensemble._record, predict_seconds=seconds)
    return other


def served(ensemble):
    return all(feeder in ensemble.members_ for member in ensemble.members_.values() for feeder in member.feeders)


@pytest.mark.parametrize("tolerance", [0.001, 0.05, 0.5, 0.95])
def test_who_feeds_a_member_stays_with_it(grown, bent, tolerance):
    whole = timed(grown, random_forest=500.0, ridge=5.0)
    pruned = whole.prune(tolerance)
    assert served(pruned)
    assert pruned.score_estimate_ >= (1 + tolerance) * whole.score_estimate_
    assert np.isfinite(pruned.predict(bent[0])).all()


def test_with_a_feeder_all_leave_that_learn_from_it(grown, bent, tmp_path):
    assert grown.layers_ == 2
    quick = timed(grown, random_forest=500.0).prune(predict_ms=2.0)
    assert list(quick.members_) == ["ridge"]
    assert quick.layers_ == 1
    loaded = byoe.load(quick.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(bent[0]), quick.predict(bent[0]))


def test_a_member_of_the_second_layer_takes_the_time_of_its_feeders_too(grown):
    whole = timed(grown, random_forest=500.0, ridge=400.0)
    with pytest.raises(ParameterError, match="the fastest member alone, 'ridge', takes 400 ms"):
        whole.prune(predict_ms=100)


def test_the_folds_of_a_layer_each_tell_what_a_row_takes():
    folds = [SimpleNamespace(seconds={"ridge": 2.0}, predicting={"ridge": seconds}) for seconds in (1e-4, 3e-4)]
    layer = _Layer({"ridge": Ridge()}, folds, np.zeros((4, 1)))
    assert layer.seconds == {"ridge": 4.0}
    assert layer.predicting == {"ridge": pytest.approx(2e-4)}
