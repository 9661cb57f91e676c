"""Columns that parameters name by position or name.

scikit-learn #28898: monotonic constraints are those of other columns once categories are moved to the front.
scikit-learn #28850, #24852, #21961 and XGBoost #6704: constraints by the names of columns, in all trees.
scikit-learn #22189: places of columns are off after a step that changes them.
XGBoost #9113: constraints by name are lost in a pipeline.
XGBoost #5027: constraints with NaN end in a message about something else.
XGBoost #10249: an estimator with constraints by name fits, and fails when it predicts.
LightGBM #4083: in a stack the constraints are for another number of columns, and the process ends.
LightGBM #6841: monotone_constraints_method without constraints ends the process.
CatBoost #2272: with categories the monotone constraint of a number does not hold.
CatBoost #1074: what a monotone constraint of a category may mean.
CatBoost #3078, #1804 and #2337: an estimator with lists, or in a pipeline, cannot be cloned.
scikit-learn #25597: which columns passthrough means.
"""

import json

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import BaggingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import InputError, MemberError, ParameterError
from byoe.fitted._passthrough import sources

SIGNS = {
    "xgboost": ("monotone_constraints", {"n_estimators": 15}),
    "lightgbm": ("monotone_constraints", {"n_estimators": 15}),
    "catboost": ("monotone_constraints", {"iterations": 15}),
    "hist_gradient_boosting": ("monotonic_cst", {"max_iter": 15}),
    "random_forest": ("monotonic_cst", {"n_estimators": 8}),
    "extra_trees": ("monotonic_cst", {"n_estimators": 8}),
}


def towns(n_rows=240, n_towns=4):
    """A target that is not monotone in x, so that a constraint that is lost shows; the category comes first."""
    rng = np.random.default_rng(0)
    names = [f"town {i:02}" for i in range(n_towns)]
    X = pd.DataFrame({"town": rng.choice(names, n_rows), "x": rng.normal(size=n_rows), "z": rng.normal(size=n_rows)})
    y = np.sin(2 * X["x"]) + X["z"] + (X["town"] == names[0]) * X["x"] + rng.normal(0, 0.2, n_rows)
    return X, np.asarray(y)


GRID = pd.DataFrame({"town": "town 01", "x": np.linspace(-2, 2, 100), "z": 0.0})


def falls(prediction):
    return float(-np.minimum(np.diff(prediction, axis=0), 0).sum())


def fitted(member, X, y, **params):
    return EnsembleRegressor([("m", member)], "mean", **{"cv": 3, "random_state": 0} | params).fit(X, y)


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("n_towns", [4, 30])  # columns of 0 and 1, and means of the target
def test_a_constraint_holds_for_the_column_that_it_names(name, n_towns):
    X, y = towns(n_towns=n_towns)
    parameter, rest = SIGNS[name]
    assert falls(fitted(learner(name, **rest), X, y).predict(GRID)) > 1e-2
    assert falls(fitted(learner(name, **{parameter: [0, 1, 0]}, **rest), X, y).predict(GRID)) < 1e-9


@pytest.mark.parametrize("name", SIGNS)
def test_all_forms_of_a_constraint_are_the_same(name):
    X, y = towns(120)
    parameter, rest = SIGNS[name]
    expected = fitted(learner(name, **{parameter: (0, 1, 0)}, **rest), X, y, cv=2).predict(GRID)
    for signs in [np.array([0, 1, 0]), {"x": 1}, {1: 1}, {-2: 1}, "(0,1,0)", "0, 1, 0", "x:1", "1:1"]:
        assert np.array_equal(fitted(learner(name, **{parameter: signs}, **rest), X, y, cv=2).predict(GRID), expected)


@pytest.mark.parametrize("name", SIGNS)
def test_a_constraint_holds_with_missing_cells_several_targets_and_after_loading(name, tmp_path):
    X, y = towns()
    rng = np.random.default_rng(1)
    X = X.where(rng.random(X.shape) > 0.05)
    parameter, rest = SIGNS[name]
    ensemble = fitted(learner(name, **{parameter: {"x": 1}}, **rest), X, np.c_[y, X["z"].fillna(0) - y])
    assert falls(ensemble.predict(GRID)) < 1e-9
    ensemble.save(tmp_path / "bundle")
    loaded = byoe.load(tmp_path / "bundle")
    assert np.array_equal(loaded.predict(GRID), ensemble.predict(GRID))
    assert falls(loaded.refit(X).predict(GRID)) < 1e-9


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost", "hist_gradient_boosting"])
def test_a_constraint_holds_under_early_stopping(name):
    X, y = towns(n_rows=240 if name == "catboost" else 900)  # enough for the others to take categories themselves
    ensemble = fitted(learner(name, **{SIGNS[name][0]: {"x": 1}}), X, y, early_stopping=True)
    assert falls(ensemble.predict(GRID)) < 1e-9


@pytest.mark.parametrize("name", SIGNS)
def test_with_numbers_alone_a_constraint_by_name_is_that_by_position(name):
    X, y = towns()
    X = X[["z", "x"]]  # also where a learner prepares the table once for all folds
    parameter, rest = SIGNS[name]
    by_name, by_position, of_array = (
        fitted(learner(name, **{parameter: signs}, **rest), table, y).predict(
            X if hasattr(table, "iloc") else X.to_numpy()
        )
        for signs, table in [({"x": 1}, X), ((0, 1), X), ([0, 1], X.to_numpy())]
    )
    assert np.array_equal(by_name, by_position)
    assert np.array_equal(by_name, of_array)


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize(
    ("signs", "message"),
    [
        ([0, 1], "member 'm': .* has 2 values, and the table has 3 columns"),
        ([1, 0, 0], "has 1 for column 'town', which holds categories"),
        ({"town": -1}, "has -1 for column 'town', which holds categories"),
        ({"y": 1}, r"holds 'y'\. .*Known: town, x, z"),
        ({3: 1}, "holds column 3, and there are 3 columns"),
        ({"x": 1, 1: 1}, "names a column twice"),
        ([0, 2, 0], "holds 2, expected -1"),
        ([0, "rising", 0], "holds 'rising', expected numbers"),
        ("rising", "is 'rising', expected a list"),
    ],
)
def test_what_has_no_meaning_is_refused_before_anything_is_fitted(name, signs, message):
    X, y = towns()
    heard = []
    ensemble = EnsembleRegressor(["ridge", ("m", learner(name, **{SIGNS[name][0]: signs}))], callbacks=heard.append)
    with pytest.raises(ParameterError, match=message):
        ensemble.fit(X, y)
    assert not heard


@pytest.mark.parametrize("name", SIGNS)
def test_a_constraint_on_more_than_two_classes_is_refused(name):
    X, y = towns()
    member = learner(name, **{SIGNS[name][0]: {"x": 1}}, **SIGNS[name][1])
    probabilities = EnsembleClassifier([("m", member)], "mean", cv=3, random_state=0).fit(X, y > 0).predict_proba(GRID)
    assert falls(probabilities[:, 1]) < 1e-9
    with pytest.raises(ParameterError, match="the target has 3 classes"):
        EnsembleClassifier([("m", member)], cv=3).fit(X, np.digitize(y, [-0.5, 0.5]))


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("xgboost", {"interaction_constraints": "[[0], [1], [2]]"}),
        ("xgboost", {"interaction_constraints": [["town"], ["x"], ["z"]]}),
        ("lightgbm", {"interaction_constraints": "[0],[1],[2]"}),
        ("lightgbm", {"interaction_constraints": [["town"], [1], ["z"]]}),
        ("hist_gradient_boosting", {"interaction_cst": "no_interactions"}),
        ("hist_gradient_boosting", {"interaction_cst": [{0}, {1}, {2}]}),
    ],
)
def test_columns_that_may_not_interact_do_not(name, groups):
    X, y = towns()
    y = y + 2 * np.where(X["town"] == "town 00", X["x"], -X["x"])

    def gap(**params):
        ensemble = fitted(learner(name, **params), X, y)
        return np.ptp(ensemble.predict(GRID) - ensemble.predict(GRID.assign(town="town 00")))

    assert gap() > 0.5
    assert gap(**groups) < 1e-4


def test_interactions_with_an_encoded_category_are_those_with_all_its_columns():
    X, y = towns()
    hand = pd.get_dummies(X, columns=["town"], dtype=float)
    hand = hand[[*[name for name in hand if name.startswith("town")], "x", "z"]].to_numpy()
    groups = {"interaction_constraints": [["town", "x"], ["z"]]}
    ensemble = fitted(learner("xgboost", **groups, n_estimators=20), X, y, finalize="refit", cv=2)
    bare = XGBRegressor(interaction_constraints="[[0,1,2,3,4],[5]]", n_estimators=20, random_state=0).fit(hand, y)
    assert np.allclose(ensemble.predict(X), bare.predict(hand), atol=1e-5)


def test_weights_of_columns_go_with_their_columns():
    X, y = towns()
    params = {"n_estimators": 20, "colsample_bynode": 0.3}
    only_x = fitted(learner("xgboost", feature_weights={"town": 0, "z": 0}, **params), X, y)
    assert np.ptp(only_x.predict(GRID.assign(z=2.0)) - only_x.predict(GRID)) == 0
    assert np.ptp(only_x.predict(GRID)) > 0.1
    only_x = fitted(learner("lightgbm", feature_contri=[0, 1, 0], n_estimators=20), X, y)
    assert np.ptp(only_x.predict(GRID.assign(z=2.0)) - only_x.predict(GRID)) == 0
    only_x = fitted(learner("catboost", ignored_features=["town", "z"], iterations=20), X, y)
    assert np.ptp(only_x.predict(GRID.assign(z=2.0)) - only_x.predict(GRID)) == 0


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(8, monotonic_cst=[0, 1, 0]),
        RandomForestRegressor(8, monotonic_cst={"x": 1}),
        BaggingRegressor(HistGradientBoostingRegressor(monotonic_cst={"x": 1}, max_iter=10), 3),
        BaggingRegressor(XGBRegressor(monotone_constraints=(0, 1, 0), n_estimators=10), 3),
        BaggingRegressor(
            XGBRegressor(interaction_constraints=[["x"]], monotone_constraints={"x": 1}, n_estimators=9), 3
        ),
        HistGradientBoostingRegressor(monotonic_cst={"x": 1}, categorical_features=["town"], max_iter=10),
        CatBoostRegressor(monotone_constraints={"x": 1}, cat_features=["town"], iterations=10, verbose=0),
        GridSearchCV(
            CatBoostRegressor(monotone_constraints=[0, 1, 0], cat_features=[0], iterations=9, verbose=0),
            {"depth": [2, 3]},
            cv=2,
        ),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_constraints_of_an_estimator_of_the_users(estimator):
    X, y = towns()
    before = repr(estimator.get_params())
    assert falls(fitted(estimator, X, y).predict(GRID)) < 1e-9
    assert repr(estimator.get_params()) == before


def test_constraints_by_position_of_an_estimator_are_checked_where_its_columns_are_encoded():
    X, y = towns()
    with pytest.raises(ParameterError, match="member 'm': estimator__monotone_constraints has 2 values"):
        fitted(BaggingRegressor(XGBRegressor(monotone_constraints=(1, 0))), X, y)


def test_a_search_over_constraints_gets_the_columns_as_they_are():
    X, y = towns()
    search = GridSearchCV(RandomForestRegressor(5), {"monotonic_cst": [[0, 1, 0]]}, cv=2)
    with pytest.raises(MemberError, match="could not convert string to float"):
        fitted(search, X, y)
    search = GridSearchCV(RandomForestRegressor(5), {"monotonic_cst": [[1, 0]]}, cv=2)
    assert falls(fitted(search, X[["x", "z"]], y).predict(GRID[["x", "z"]])) < 1e-9


def test_a_method_of_constraints_without_constraints_is_refused():
    X, y = towns()
    with pytest.raises(ParameterError, match="monotone_constraints_method is given without monotone_constraints"):
        fitted(learner("lightgbm", monotone_constraints_method="advanced"), X, y)


def test_xgboosts_estimator_with_constraints_by_name_predicts():
    X, y = towns()
    member = XGBRegressor(monotone_constraints={"x": 1}, interaction_constraints=[["x"], ["z"]], n_estimators=10)
    assert falls(fitted(member, X[["x", "z"]], y).predict(GRID[["x", "z"]])) < 1e-9


def test_names_of_columns_are_of_one_kind():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["7", 7])
    with pytest.raises(InputError, match="the columns are called by int and texts"):
        EnsembleRegressor(["ridge"], cv=3).fit(X, X[7])


def test_a_store_tells_constraints_by_name_apart(tmp_path):
    X, y = towns()
    member = learner("xgboost", monotone_constraints={"x": 1}, n_estimators=10)
    fitted(member, X, y, store=tmp_path)
    other = X[["town", "z", "x"]].set_axis(["town", "x", "z"], axis=1)
    same_values = X.set_axis(["town", "z", "x"], axis=1)
    for table in (other, same_values):
        without = fitted(member, table, y).predict(table)
        assert np.array_equal(fitted(member, table, y, store=tmp_path).predict(table), without)


def test_constraints_go_through_a_spec():
    X, y = towns()
    ensemble = EnsembleRegressor(
        [("m", learner("lightgbm", monotone_constraints={"x": 1}, n_estimators=10))], "mean", cv=3, random_state=0
    )
    again = from_spec(json.loads(json.dumps(to_spec(ensemble))))
    assert np.array_equal(again.fit(X, y).predict(GRID), ensemble.fit(X, y).predict(GRID))


# -- what a number or a name means ---------------------------------------------------------


@pytest.mark.parametrize("wanted", [7, 3, 11, 5, "7", "5"])
def test_columns_called_by_numbers_are_called_so_everywhere(wanted, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 4)).round(), columns=[7, 3, 11, 5])
    y = rng.normal(size=120)
    place = [7, 3, 11, 5].index(int(wanted))
    ensemble = EnsembleRegressor(
        ["ridge"], blender("meta-linear", passthrough=[wanted]), categorical=[wanted], cv=3, random_state=0
    ).fit(X, y)
    assert [i for i, column in enumerate(ensemble._form.columns) if column.kind == "category"] == [place]
    assert set(sources(ensemble.blender_, ensemble._read(X))) == {place}
    ensemble.save(tmp_path / "bundle")
    loaded = byoe.load(tmp_path / "bundle")
    assert set(sources(loaded.blender_, loaded._read(X.to_numpy()))) == {place}
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    constrained = fitted(learner("xgboost", monotone_constraints={wanted: 1}, n_estimators=10), X, y)
    grid = pd.DataFrame(0.0, index=range(30), columns=X.columns)
    grid[int(wanted)] = np.linspace(-3, 3, 30)
    assert falls(constrained.predict(grid)) < 1e-9
    # As a job reads it from a header.
    texts = X.set_axis(list(map(str, X.columns)), axis=1)
    read = EnsembleRegressor(["ridge"], blender("meta-linear", passthrough=[wanted]), cv=3, random_state=0).fit(
        texts, y
    )
    assert sources(read.blender_, read._read(texts)) == [place]


def test_a_number_that_no_column_is_called_by_is_a_position():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    ensemble = EnsembleRegressor(["ridge"], blender("meta-linear", passthrough=[-1]), cv=3).fit(X, X["a"])
    assert sources(ensemble.blender_, ensemble._read(X)) == [1]
    with pytest.raises(ParameterError, match="passthrough holds column 2, and there are 2 columns"):
        EnsembleRegressor(["ridge"], blender("meta-linear", passthrough=[2]), cv=3).fit(X, X["a"])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (RandomForestRegressor(5), "RandomForestRegressor is no linear model"),
        (make_pipeline(StandardScaler(), Ridge()), "Pipeline is no linear model"),
        (PoissonRegressor(), "PoissonRegressor predicts something else than its coef_"),
    ],
)
def test_a_meta_model_that_is_not_linear_is_refused_before_the_fit(estimator, message):
    X, y = towns()
    heard = []
    ensemble = EnsembleRegressor(
        ["ridge"], blender("meta-linear", passthrough=True, estimator=estimator), cv=3, callbacks=heard.append
    )
    with pytest.raises(ParameterError, match=message):
        ensemble.fit(X, y)
    assert not heard


# -- estimators that scikit-learn does not clone -------------------------------------------


class Copying(RegressorMixin, BaseEstimator):
    """A constructor that copies its argument."""

    def __init__(self, shifts=()):
        self.shifts = list(shifts)

    def fit(self, X, y):
        self.mean_ = float(np.mean(y)) + sum(self.shifts)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(
    "member",
    [
        CatBoostRegressor(cat_features=["town"], iterations=15, verbose=0),
        CatBoostRegressor(cat_features=[0], monotone_constraints={"x": 1}, iterations=15, verbose=0),
        GridSearchCV(CatBoostRegressor(cat_features=[0], iterations=9, verbose=0), {"depth": [2, 3]}, cv=2),
        Copying([0.0, 0.0]),
        make_pipeline(Copying([0.0])),
    ],
    ids=["names", "dict", "search", "copying", "pipeline"],
)
def test_members_that_scikit_learn_does_not_clone(member):
    X, y = towns()
    with pytest.raises(RuntimeError):
        clone(member) if not isinstance(member, GridSearchCV) else clone(member.estimator)
    before = repr(member.get_params())
    ensemble = EnsembleRegressor([("m", member), ("mean", Copying())], "mean", cv=3, random_state=0)
    expected = clone(ensemble).fit(X, y).predict(X)
    assert np.array_equal(ensemble.fit(X, y).predict(X), expected)
    assert len(cross_val_score(clone(ensemble), X, y, cv=2, error_score="raise")) == 2
    search = GridSearchCV(ensemble, {"mean__shifts": [[0.0], [50.0]]}, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_ == {"mean__shifts": [0.0]}
    assert repr(member.get_params()) == before
    assert not hasattr(member, "__sklearn_clone__") or isinstance(member, BaseEstimator)


def test_catboost_in_a_bag_is_cloned_by_the_bag():
    X, y = towns()
    bag = BaggingRegressor(CatBoostRegressor(monotone_constraints={"x": 1}, iterations=10, verbose=0), 3)
    assert falls(fitted(bag, X, y).predict(GRID)) < 1e-9


def test_a_classifier_of_catboosts_with_categories():
    X, y = towns()
    member = CatBoostClassifier(cat_features=["town"], iterations=15, verbose=0, random_seed=0)
    ensemble = EnsembleClassifier([("m", member)], "mean", cv=3, finalize="refit", random_state=0).fit(X, y > 0)
    bare = CatBoostClassifier(cat_features=["town"], iterations=15, verbose=0, random_seed=0).fit(X, y > 0)
    assert np.allclose(ensemble.predict_proba(X), bare.predict_proba(X))
