"""What can be done with an ensemble that has quantiles: saved, served, blended anew, refitted."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

import byoe
from byoe.bundle._reader import BundleReader
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError
from byoe.registry._parts import parts_of
from byoe.sagemaker.in_job._serving_needs import libraries_in_use
from byoe.serving import input_fn, model_fn, output_fn, predict_fn
from byoe.serving._runtime import Runtime

from .conftest import LINES, TREES, inside, made, noisy

# -- what can be done with it --------------------------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit"])
@pytest.mark.parametrize("quantiles", [TREES, LINES])
def test_loaded_and_served_it_gives_the_same_to_the_bit(finalize, quantiles, tmp_path):
    X, y, X_new, _ = noisy(50, fresh=20)
    first = made(finalize, quantiles=quantiles).fit(X, y)
    path = first.save(tmp_path / "model")
    second, runtime = byoe.load(path), Runtime(path)
    assert repr(second.quantiles) == repr(quantiles)
    assert runtime.interval_width_ == second.interval_width_ == first.interval_width_ == "quantiles"
    expected = first.predict_interval(X_new)
    assert np.array_equal(second.predict_interval(X_new), expected)
    assert np.array_equal(runtime.interval(first._read(X_new), 0.9), expected)
    again = byoe.load(second.save(tmp_path / "again"))
    assert np.array_equal(again.predict_interval(X_new), expected)


def test_the_endpoints_answer(tmp_path):
    X, y, X_new, _ = noisy(51, fresh=4)
    ensemble = made(quantiles=TREES).fit(X, y)
    model = model_fn(str(ensemble.save(tmp_path / "model")))
    body = "\n".join(",".join(map(repr, row)) for row in X_new.tolist())
    request = input_fn(body, "text/csv; outputs=interval; level=0.8")
    found = json.loads(output_fn(predict_fn(request, model), "application/json")[0])
    assert found["interval"] == ensemble.predict_interval(X_new, 0.8, width="quantiles").tolist()


def test_without_out_of_fold_data_no_quantiles_are_saved(tmp_path):
    X, y, X_new, _ = noisy(52, fresh=4)
    path = made(quantiles=TREES).fit(X, y).save(tmp_path / "model", oof=False)
    assert not list(path.rglob("quantile*"))
    assert "quantiles" not in json.loads((path / "manifest.json").read_text())
    with pytest.raises(AttributeError, match="save it with oof=True"):
        byoe.load(path).predict_interval(X_new)


def test_a_changed_model_of_a_quantile_is_noticed(tmp_path):
    X, y, X_new, _ = noisy(53, fresh=4)
    path = made(quantiles=TREES).fit(X, y).save(tmp_path / "model")
    loaded = byoe.load(path)
    (file,) = (path / "members" / "quantile.05").rglob("model.txt")
    file.write_text(file.read_text().replace("tree", "eert"))
    for read in (lambda: loaded.predict_interval(X_new, width="quantiles"), lambda: byoe.load(path)):
        with pytest.raises(byoe.errors.BundleError, match="is not the one that was saved"):
            read()


def test_an_endpoint_is_lean_where_the_quantiles_are(tmp_path):
    X, y, _, _ = noisy(54)
    for quantiles, lean in ((TREES, True), ("hist_gradient_boosting", False), (LINES, False)):
        path = made(learners=["ridge"], quantiles=quantiles, cv=3).fit(X, y).save(tmp_path / "model")
        assert BundleReader(path).lean is lean


def test_an_endpoint_installs_what_the_quantiles_need(tmp_path):
    X, y, _, _ = noisy(59)
    for quantiles, needed in ((TREES, {"lightgbm"}), (False, set())):
        ensemble = made(learners=["ridge"], quantiles=quantiles, cv=3).fit(X, y)
        path = ensemble.save(tmp_path / "model")
        assert needed <= libraries_in_use(ensemble, path) <= needed | {"scikit-learn"}
    assert [one.name for one in parts_of(made(quantiles="xgboost")).learners] == ["ridge", "knn", "xgboost"]


def test_a_new_blend_has_scores_of_its_own_and_keeps_the_models():
    X, y, X_new, _ = noisy(55, fresh=20)
    first = made().fit(X, y)
    before = first.predict_interval(X_new, width="quantiles")
    for other in (first.reblend(LinearRegression()), first.drop_members("knn"), first.add_members(["svm"], X)):
        assert other._quantiles is first._quantiles
        interval = other.predict_interval(X_new, width="quantiles")
        assert not np.array_equal(interval, before)
        assert other.interval_width_ == "quantiles"
    assert np.array_equal(first.predict_interval(X_new, width="quantiles"), before)
    assert np.array_equal(first.prune().predict_interval(X_new, width="quantiles"), before)


@pytest.mark.parametrize("given", [True, "trees"])
def test_the_member_whose_learner_they_are_may_leave(given, tmp_path):
    X, y, X_new, _ = noisy(60, fresh=20)
    first = made(learners=["ridge", ("trees", TREES)], quantiles=given).fit(X, y)
    other = first.drop_members("trees")
    assert first.quantiles is given
    assert repr(other.quantiles) == repr(TREES)
    again = byoe.load(byoe.load(other.save(tmp_path / "model")).save(tmp_path / "again"))
    expected = other.predict_interval(X_new, width="quantiles")
    assert np.array_equal(again.predict_interval(X_new, width="quantiles"), expected)
    fresh = clone(again).fit(X, y)
    assert repr(fresh._quantiles[0].learner) == repr(first._quantiles[0].learner)
    assert first.drop_members("ridge").quantiles is given


def test_refitted_it_has_one_model_of_each_quantile():
    X, y, X_new, y_new = noisy(56)
    bag = made("bag", quantiles=TREES).fit(X, y)
    lean = bag.refit(X)
    assert [len(one.models) for one in (*bag._quantiles, *lean._quantiles)] == [4, 4, 1, 1]
    assert lean.interval_method_ == "residual"
    assert abs(inside(lean.predict_interval(X_new, width="quantiles"), y_new).mean() - 0.9) < 0.06
    expected = made("refit", quantiles=TREES).fit(X, y).predict_interval(X_new, width="quantiles")
    np.testing.assert_allclose(lean.predict_interval(X_new, width="quantiles"), expected, rtol=1e-9)


@pytest.mark.parametrize("quantiles", [False, True, "xgboost", TREES, LINES])
def test_the_spec_holds_them(quantiles):
    ensemble = made(learners=["lightgbm"], cv=5, quantiles=quantiles)
    assert repr(from_spec(json.loads(json.dumps(to_spec(ensemble)))).quantiles) == repr(quantiles)
    assert repr(clone(ensemble).quantiles) == repr(quantiles)


def test_their_parameters_are_the_ensembles():
    ensemble = made(quantiles=clone(TREES))
    assert ensemble.get_params()["quantiles__num_leaves"] == 4
    assert clone(ensemble.set_params(quantiles__num_leaves=7)).quantiles.own_params()["num_leaves"] == 7
    assert TREES.own_params()["num_leaves"] == 4


def test_a_member_of_that_name_is_refused():
    X, y, _, _ = noisy(57)
    with pytest.raises(ParameterError, match="label 'quantiles' is the name of a parameter"):
        made(learners=[("quantiles", "ridge")]).fit(X, y)


def test_a_store_has_them(tmp_path):
    X, y, X_new, _ = noisy(58, fresh=20)
    told = []
    first = made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, y)
    assert [progress.label for progress in told if not progress.reused].count("quantile.05") == 5
    told.clear()
    second = made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, y)
    assert all(progress.reused for progress in told)
    assert np.array_equal(first.predict_interval(X_new), second.predict_interval(X_new))
    told.clear()
    made(store=tmp_path / "store", callbacks=told.append, quantiles=TREES).fit(X, np.r_[y[:-1], y[-1] + 1])
    assert not any(progress.reused for progress in told)
