"""What a fit knows: out-of-fold data, the form of its table, its record, and the recipe that it was made by."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.neighbors import KNeighborsRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, load
from byoe.contracts._task import Task
from byoe.data._form import TableForm
from byoe.data._input import learn_table, read_table
from byoe.ensemble._recipe import Recipe
from byoe.errors import InputError, MemberError, ParameterError
from byoe.fitted._out_of_fold import OutOfFold
from byoe.fitted._record import FitRecord
from byoe.folds._plan import SplitPlan

TABLES = {
    "array": np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]]),
    "frame": pd.DataFrame({"size": [1.0, 2.0, 3.0], "town": ["Oslo", None, "Bonn"]}),
    "sparse": csr_matrix(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])),
    "names that are numbers": pd.DataFrame({0: [1.0, 2.0], 1: [3.0, 4.0]}),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_form_is_the_same_after_json_and_reads_the_same_table(case):
    X = TABLES[case]
    form, table = learn_table(X)
    back = TableForm.of_json(json.loads(json.dumps(form.as_json())))
    assert back == form
    assert len(form) == X.shape[1]
    assert (form.names is not None) == (case == "frame")
    assert form.sparse == (case == "sparse")
    assert read_table(X, back).digest() == table.digest()


def test_messages_about_a_table_name_its_owner():
    form, _ = learn_table(TABLES["array"], owner="EnsembleRegressor")
    with pytest.raises(InputError, match="X has 1 features, but EnsembleRegressor is expecting 2 features as input"):
        read_table(np.ones((2, 1)), form, "EnsembleRegressor")
    form, _ = learn_table(TABLES["frame"])
    with pytest.raises(InputError, match="The feature names should match those that were passed during fit"):
        read_table(TABLES["frame"].rename(columns={"size": "length"}), form)


def test_out_of_fold_data_of_fewer_and_of_more_members():
    rows = np.arange(4)
    plan = SplitPlan(((rows[2:], rows[:2]),), 4)
    oof = OutOfFold.unblended(np.arange(8.0).reshape(4, 2), np.zeros(4), None, plan)
    assert not oof.scored.any()
    assert oof.blend.shape == (4,)
    assert oof.coverage.tolist() == [True, True, False, False]
    assert oof.weights.tolist() == [1.0] * 4
    assert oof.of_members([1]).predictions.tolist() == [[1.0], [3.0], [5.0], [7.0]]
    assert oof.with_members(np.ones((4, 1))).predictions.shape == (4, 3)
    learned = oof.to_blend(Task("regression"), 3, None, None)
    assert (learned.seed, learned.predictions.shape) == (3, (4, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        oof.y = rows


def test_a_record_of_fewer_and_of_more_members():
    record = FitRecord(1, "digest", {"names": None}, "rmse", {"a": 1.0, "b": 2.0}, {"a": 0.1, "b": 0.2})
    assert record.of_members(["b"]).fit_seconds == {"b": 2.0}
    assert record.with_members({"c": 3.0}, {"c": 0.3}).predict_seconds == {"a": 0.1, "b": 0.2, "c": 0.3}
    assert FitRecord.of_json({**dataclasses.asdict(record), "further": 1}) == record


def test_a_recipe_shares_nothing_with_the_parameters_and_leaves_out_what_is_dropped():
    ensemble = EnsembleRegressor(["ridge", ("near", "knn"), ("gone", "drop")], "weighted")
    recipe = ensemble._recipe()
    assert list(recipe.learners) == ["ridge", "near"]
    recipe.learners["ridge"].set_params(alpha=9.0)
    assert ensemble._recipe().learners["ridge"].get_params() == {}
    assert recipe.metric_for(Task("regression")).name == "rmse"
    votes = Recipe.of(["ridge"], "vote", "log_loss")
    with pytest.raises(ParameterError, match="metric 'log_loss' needs probabilities, and blender 'vote' gives none"):
        votes.metric_for(Task("classification", 2))


def test_what_a_fit_knows_can_be_asked_for_where_it_is_there(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(["ridge", "knn"], "mean", cv=3, random_state=0)
    for name in ("oof_predictions_", "coverage_"):
        with pytest.raises(AttributeError, match=rf"has no attribute '{name}': it is not fitted yet"):
            getattr(ensemble, name)
    ensemble.fit(X, y)
    assert ensemble.oof_predictions_ is ensemble._oof.predictions
    assert ensemble.coverage_.all()
    lean = load(ensemble.save(tmp_path / "model", oof=False))
    for name in ("oof_predictions_", "coverage_"):
        assert not hasattr(lean, name)
        with pytest.raises(AttributeError, match=f"{name} is not there, since the ensemble was saved without"):
            getattr(lean, name)


def test_a_second_fit_forgets_the_names_of_the_first(diabetes):
    X, y = diabetes
    frame = pd.DataFrame(X).rename(columns=str)
    ensemble = EnsembleClassifier(["ridge"], "mean", cv=3, random_state=0).fit(frame, y > 100)
    assert list(ensemble.feature_names_in_) == list(frame.columns)
    ensemble.fit(X, y > 100)
    assert not hasattr(ensemble, "feature_names_in_")
    assert ensemble.predict(X).shape == y.shape


def test_a_second_fit_that_fails_leaves_the_first_as_it_was(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(["ridge", ("far", KNeighborsRegressor(n_neighbors=200))], "mean", cv=3, random_state=0)
    before = ensemble.fit(X, y).predict(X)
    with pytest.raises(MemberError, match="member 'far' failed"):
        ensemble.fit(X[:100, :4], y[:100])
    assert ensemble.n_features_in_ == X.shape[1]
    assert np.array_equal(ensemble.predict(X), before)
    assert ensemble.leaderboard_[0]["member"] == "blend"
