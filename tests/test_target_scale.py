"""``target_transform="auto"``: each member has the scale that is better on rows held out inside its training part."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import byoe
from byoe import EnsembleRegressor, learner
from byoe.contracts._deadline import Deadline, until
from byoe.data._input import learn_table
from byoe.engine import _fold_fit
from byoe.engine._fold_fit import fit_fold
from byoe.engine._rows import Rows
from byoe.engine._scale import _clearly_lower
from byoe.folds._splits import make_plan
from byoe.plugins import Task


@pytest.fixture(scope="module")
def line():
    """Return a target that is skewed, and a sum of the columns."""
    rng = np.random.default_rng(4)
    X = np.exp(2 * rng.normal(size=(160, 2)))
    return X, X.sum(axis=1) + 0.1 * rng.random(160)


def made(transform, learners=("ridge",), **params):
    given = {"random_state": 0, "cv": 4, "finalize": "refit", "target_transform": transform, **params}
    return EnsembleRegressor(learners, "mean", **given)


def scales(ensemble):
    return {label: [bool(model.transforms) for model in one.models] for label, one in ensemble.members_.items()}


def test_a_member_stays_on_the_scale_where_rows_held_out_say_it_is_better(line):
    X, y = line
    auto, plain, logged = (made(one).fit(X, y) for one in ("auto", None, "log1p"))
    assert auto.target_transform_ == "log1p"  # what was tried
    assert scales(auto) == {"ridge": [False]}
    assert "target: log1p was tried on rows inside the folds, and is in use by no member" in auto.leaderboard_.notes
    np.testing.assert_allclose(auto.predict(X), plain.predict(X), rtol=1e-9)
    assert auto.score_estimate_ > logged.score_estimate_


def test_each_member_has_a_scale_of_its_own(tmp_path):
    X = np.exp(np.random.default_rng(4).normal(size=(160, 2)))
    y = X.prod(axis=1)
    logs = make_pipeline(FunctionTransformer(np.log), Ridge())  # in which the logarithm of a product is a line
    ensemble = made("auto", learners={"line": "ridge", "logs": logs}).fit(X, y)
    assert scales(ensemble) == {"line": [False], "logs": [True]}
    assert "target: log1p was tried on rows inside the folds, and is in use by logs" in ensemble.leaderboard_.notes
    loaded = byoe.load(ensemble.save(tmp_path / "m"), trusted=["numpy.log"])
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))


def test_what_the_scale_is_chosen_by_is_in_the_key_of_a_store(line, tmp_path):
    X, y = line

    def done(groups=None, **params):
        heard = []
        made("auto", store=tmp_path, callbacks=heard.append, cv=list(KFold(4).split(X)), **params).fit(
            X, y, groups=groups
        )
        return sum(not progress.reused for progress in heard)

    absolute = {"metric": "neg_mean_absolute_error"}
    assert done() == 5
    assert done() == 0
    assert done(**absolute) == 5
    assert done(**absolute) == 0
    assert done(np.arange(160) // 40) == 5  # which the splits inside keep together


def test_a_refit_chooses_the_scale_by_the_metric_as_the_fit_does(line, monkeypatch):
    X, y = line
    seen = []
    settled = _fold_fit.settled

    def watched(fit, own, data, *args, **given):
        seen.append(repr(data.stop_loss))
        return settled(fit, own, data, *args, **given)

    monkeypatch.setattr(_fold_fit, "settled", watched)
    ensemble = made("auto", metric="neg_mean_absolute_error", finalize="bag", n_jobs=1).fit(X, y)
    lean = ensemble.refit(X)
    assert seen == ["AbsoluteError()"] * 5
    whole = made("auto", metric="neg_mean_absolute_error", n_jobs=1).fit(X, y)
    assert np.array_equal(lean.predict(X), whole.predict(X))


def test_what_a_fold_predicts_takes_no_part(line):
    """The targets of a fold's rows change neither the scale nor the predictions of its model."""
    X, y = line
    wild = y.copy()
    wild[:40] = y[:40][::-1] ** 1.5
    plain, odd = (made("auto", cv=KFold(4), finalize="bag").fit(X, own) for own in (y, wild))
    assert np.array_equal(plain.oof_predictions_[:40], odd.oof_predictions_[:40])
    assert not np.array_equal(plain.oof_predictions_[40:], odd.oof_predictions_[40:])


@pytest.mark.parametrize("stopping", ["auto", "hold-out", False])
def test_boosters_decide_in_haste_where_they_stop_early(line, stopping, monkeypatch):
    X, y = line
    seen = []
    settled = _fold_fit.settled

    def watched(fit, own, *args, **given):
        seen.append((own.own_params().get("learning_rate"), given["stops"]))
        return settled(fit, own, *args, **given)

    monkeypatch.setattr(_fold_fit, "settled", watched)
    rounds = {} if stopping else {"n_rounds": 20}
    own = learner("lightgbm", learning_rate=0.09, **rounds)
    ensemble = made("auto", learners=[own], cv=3, early_stopping=stopping, finalize="bag").fit(X, y)
    assert np.isfinite(ensemble.score_estimate_)
    assert seen == [(pytest.approx(0.27), True) if stopping else (0.09, False)] * 3


def test_too_few_rows_to_hold_some_out_go_by_the_skewness():
    y = np.exp(np.linspace(0, 6, 36))
    X = np.exp(np.linspace(0, 6, 36))[:, None]  # a line, and yet
    assert scales(made("auto", cv=3).fit(X, y)) == {"ridge": [True]}


def test_with_no_time_left_there_is_a_model_all_the_same(line):
    X, y = line
    plan = make_plan(2, X, y, None, Task("regression"), 0)
    data = Rows(learn_table(X)[1], y, None, Task("regression"), plan, None, ("auto",))
    with until(Deadline(0.0)):
        model = fit_fold(learner("lightgbm"), data, plan.folds[0][0], seed=0, threads=1, stopping="all rows")
    assert model.models[0].rounds >= 1


@pytest.mark.parametrize(
    ("losses", "others", "weight", "better"),
    [
        ([1, 2, 1, 2], [3, 3, 3, 3], None, True),
        ([3, 3, 3, 3], [1, 2, 1, 2], None, False),
        ([1, 1, 1, 9], [2, 2, 2, 5], None, False),  # a row alone outweighs the others
        ([1, 1, 1, 9], [2, 2, 2, 5], [1, 1, 1, 0], True),
        ([2, 2, 2, 1], [1, 1, 1, 9], None, False),  # and one is no reason either
        ([1, 1, 1, np.inf], [2, 2, 2, 2], None, False),
        ([1, 1, 1, 1], [1, 1, 1, 1], None, False),
    ],
)
def test_a_scale_is_changed_for_a_clear_gain(losses, others, weight, better):
    columns = [np.array(one, dtype=float)[:, None] for one in (losses, others)]
    found = _clearly_lower(*columns, None if weight is None else np.array(weight, dtype=float))
    assert found.tolist() == [better]
