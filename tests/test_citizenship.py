"""Where the ensembles meet the rest of scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.errors import LeakageWarning, MemberError, ParameterError, SpecError

STRATA = StratifiedKFold(4, shuffle=True, random_state=1)
SCORES = [
    ("svc", LinearSVC(random_state=0, max_iter=20_000, C=0.01)),
    ("ridge", RidgeClassifier()),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
]


@pytest.fixture(scope="module", params=[load_breast_cancer, load_wine], ids=["two classes", "three"])
def labelled(request):
    X, y = request.param(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


# -- members without probabilities -------------------------------------------------------


def test_decision_values_are_stacked_as_scikit_learn_does(labelled, rng):
    X, y = labelled
    weight = rng.uniform(0.2, 2, len(y))
    for given in ({}, {"sample_weight": weight}):
        ours = EnsembleClassifier(SCORES, LogisticRegression(max_iter=5000), cv=STRATA, finalize="refit").fit(
            X, y, **given
        )
        theirs = StackingClassifier(SCORES, LogisticRegression(max_iter=5000), cv=STRATA).fit(X, y, **given)
        np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-6)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_decision_values_can_be_voted_on(labelled):
    X, y = labelled
    ours = EnsembleClassifier(SCORES, "vote", cv=STRATA, finalize="refit").fit(X, y)
    assert np.array_equal(ours.predict(X), VotingClassifier(SCORES, voting="hard").fit(X, y).predict(X))


def test_decision_values_are_not_blended_as_probabilities(labelled):
    with pytest.raises(ParameterError, match="member 'svc' has no predict_proba, and blender 'mean' blends prob"):
        EnsembleClassifier(SCORES, "mean").fit(*labelled)


def test_a_classifier_that_only_predicts_votes(labelled):
    class OnlyPredicts(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.inner_ = KNeighborsClassifier().fit(X, y)
            self.classes_ = self.inner_.classes_
            return self

        def predict(self, X):
            return self.inner_.predict(X)

    X, y = labelled
    ensemble = EnsembleClassifier([("only", OnlyPredicts()), *SCORES[1:]], "vote", cv=STRATA).fit(X, y)
    assert ensemble.score(X, y) > 0.9


def test_members_without_probabilities_have_no_log_loss(labelled, tmp_path):
    X, y = labelled
    ensemble = EnsembleClassifier(SCORES, LogisticRegression(max_iter=5000), cv=STRATA, finalize="refit").fit(X, y)
    losses = {row["member"]: row["log_loss"] for row in ensemble.leaderboard_}
    assert losses["svc"] is None
    assert losses["tree"] > 0
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))


# -- frozen members ----------------------------------------------------------------------


def test_a_frozen_member_is_used_as_it_is(diabetes, tmp_path):
    X, y = diabetes
    first, second = slice(0, 200), slice(200, None)
    fitted = Ridge(0.1).fit(X[first], y[first])
    coefficients = fitted.coef_.copy()
    ensemble = EnsembleRegressor([FrozenEstimator(fitted), "knn"], "weighted", cv=3, random_state=0)
    ensemble.fit(X[second], y[second], sample_weight=None)
    assert list(ensemble.members_) == ["ridge", "knn"]
    np.testing.assert_allclose(ensemble.oof_predictions_[:, 0], fitted.predict(X[second]))
    assert ensemble.members_["ridge"].finalize == "refit"
    assert np.array_equal(fitted.coef_, coefficients)
    loaded = byoe.load(ensemble.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X), ensemble.predict(X))
    with pytest.raises(SpecError, match="a FrozenEstimator holds a model that was fitted here"):
        byoe.sagemaker.fit(ensemble, pd.DataFrame(X).assign(y=y), target="y", output=tmp_path)


def test_a_frozen_classifier_knows_the_labels_of_the_target(tmp_path):
    X, y = load_wine(return_X_y=True)
    labels = np.array(["a", "b", "c"])[y]
    fitted = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X[::2], labels[::2])
    ensemble = EnsembleClassifier([FrozenEstimator(fitted), "ridge"], "mean", random_state=0).fit(X[1::2], labels[1::2])
    np.testing.assert_array_equal(ensemble.oof_predictions_[:, 0], fitted.predict_proba(X[1::2]))
    with pytest.raises(
        ParameterError, match=r"fitted on the classes \['a', 'b', 'c'\], and the target has \[False, True\]"
    ):
        ensemble.fit(X, y == 1)


def test_a_frozen_ensemble_is_a_member(diabetes, tmp_path):
    X, y = diabetes
    inner = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X[:200], y[:200])
    outer = EnsembleRegressor([("inner", FrozenEstimator(inner)), "elastic_net"], "mean", random_state=0)
    outer.fit(X[200:], y[200:])
    np.testing.assert_allclose(outer.oof_predictions_[:, 0], inner.predict(X[200:]))
    assert np.array_equal(byoe.load(outer.save(tmp_path / "m")).predict(X), outer.predict(X))


# -- metadata ----------------------------------------------------------------------------


def test_metadata_are_routed(diabetes, rng):
    X, y = diabetes
    groups, weight = np.arange(len(y)) // 6, rng.uniform(0.5, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        made = EnsembleRegressor([("ridge", learner("ridge"))], "mean", cv=3, random_state=0)
        made.set_fit_request(sample_weight=True, groups=True).set_score_request(sample_weight=True)
        found = cross_validate(
            made, X, y, cv=GroupKFold(3), params={"sample_weight": weight, "groups": groups}, return_estimator=True
        )
        for fitted in found["estimator"]:
            assert fitted._oof.plan.groups is not None
            assert fitted._oof.weight is not None
        search = GridSearchCV(made, {"ridge__alpha": [0.1, 100.0]}, cv=GroupKFold(3))
        search.fit(X, y, sample_weight=weight, groups=groups)
    assert search.best_estimator_._oof.plan.groups is not None


def test_an_ensemble_inside_an_ensemble_gets_the_groups(diabetes):
    X, y = diabetes
    groups = np.arange(len(y)) // 6
    inner = EnsembleRegressor(("ridge", "knn"), cv=3, random_state=0)
    outer = EnsembleRegressor([("inner", inner), "elastic_net"], "mean", random_state=0, finalize="bag")
    outer.fit(X, y, groups=groups)
    for model, (train, _) in zip(outer.members_["inner"].models, outer._oof.plan.folds, strict=True):
        assert np.array_equal(model.models[0].estimator._oof.plan.groups, groups[train])


def test_an_inner_ensemble_in_a_time_series_is_told_to_keep_the_order(diabetes):
    from sklearn.model_selection import TimeSeriesSplit

    X, y = diabetes
    inner = EnsembleRegressor(("ridge", "knn"), random_state=0)
    with pytest.warns(LeakageWarning, match="member 'inner' is an ensemble whose own cv is 5"):
        EnsembleRegressor([("inner", inner), "ridge"], "mean", cv=TimeSeriesSplit(3)).fit(X, y)
    inner.set_params(cv=TimeSeriesSplit(3))
    EnsembleRegressor([("inner", inner), "ridge"], "mean", cv=TimeSeriesSplit(3)).fit(X, y)


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_second_layer_that_does_not_pay_is_told(metric, diabetes):
    X, y = diabetes
    inner = EnsembleRegressor(("ridge", "knn"), "weighted", cv=3, random_state=0)
    useless = [("inner", inner), ("weak", learner("knn", n_neighbors=1))]
    with pytest.warns(UserWarning, match="the second layer does worse than its member 'inner' alone"):
        EnsembleRegressor(useless, "mean", metric=metric, random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EnsembleRegressor([("inner", inner.set_params(knn="drop")), "svm"], "mean", random_state=0).fit(X, y)


# -- leaks that a plan lets through ------------------------------------------------------


def test_copies_of_rows_on_both_sides_of_a_fold_are_told(diabetes):
    X, y = diabetes
    twice, target = np.vstack([X, X[:20]]), np.r_[y, y[:20]]
    made = EnsembleRegressor(["ridge"], "mean", cv=KFold(2))
    with pytest.warns(LeakageWarning, match="40 of 462 rows have a copy"):
        made.fit(twice, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.fit(np.vstack([X, X[:2]]), np.r_[y, y[:2]])  # less than 1 % of the rows
        EnsembleRegressor(["ridge"], "mean").fit(twice, target, groups=np.r_[np.arange(442), np.arange(20)])
        made.fit(twice, np.r_[y, y[:20] + 1])  # another target: another observation


def test_copies_with_missing_cells_and_zeros_of_either_sign():
    X = np.array([[np.nan, 0.0], [1.0, 2.0], [3.0, 4.0]] * 2 + [[np.nan, -0.0], [5.0, 6.0], [7.0, 1.0]])
    with pytest.warns(LeakageWarning, match="7 of 9 rows have a copy"):
        EnsembleRegressor(["ridge"], "mean", cv=KFold(3)).fit(X, [1.0, 2, 3, 1, 2, 3, 1, 5, 6])


def test_groups_on_both_sides_of_a_fold_are_told(diabetes):
    X, y = diabetes
    groups = np.arange(len(y)) % 100
    with pytest.warns(LeakageWarning, match="100 of 100 groups stand on both sides of a fold"):
        EnsembleRegressor(["ridge"], "mean", cv=KFold(3)).fit(X, y, groups=groups)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EnsembleRegressor(["ridge"], "mean", cv=GroupKFold(3)).fit(X, y, groups=groups)


# -- display and output ------------------------------------------------------------------


def test_the_diagram_shows_members_and_blender():
    inner = EnsembleRegressor(("knn",), "greedy")
    html = EnsembleRegressor(
        ["ridge", ("tree", DecisionTreeClassifier()), ("inner", inner)], LinearRegression()
    )._repr_html_()
    for text in (
        "ridge",
        "tree",
        "DecisionTreeClassifier",
        "inner",
        "greedy",
        "blender",
        "LinearRegression",
    ):
        assert text in html
    assert "xgbost" in EnsembleRegressor(["xgbost"])._repr_html_()


def test_the_diagram_of_a_fitted_ensemble_shows_what_is_in_use(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    made = EnsembleRegressor(["ridge", ("tree", DecisionTreeRegressor(max_depth=2)), ("out", "drop")], random_state=0)
    assert ">auto<" in made._repr_html_()
    made.fit(X, y)
    html = made._repr_html_()
    board = made.leaderboard_
    assert f"blender: rmse {board['blend']['rmse']:.4g}" in html
    assert made.blender_.name in html
    assert ">auto<" not in html
    weighted = made.reblend("weighted")
    assert f"tree: {weighted.leaderboard_['tree']['weight']:.2f}" in weighted._repr_html_()
    assert "tree: " not in made.reblend("vote")._repr_html_()


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_transform_gives_named_columns(container, diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    made = EnsembleRegressor(["ridge", ("drop_me", "drop"), "knn"], "mean").set_output(transform=container)
    frame = made.fit(X, y).transform(X)
    assert list(frame.columns) == ["ridge", "knn"] == list(made.get_feature_names_out())


def test_stacking_regressor_with_missing_cells_equals_members_that_take_them(diabetes):
    from sklearn.ensemble import HistGradientBoostingRegressor

    X, y = diabetes
    holes = np.where(np.arange(X.size).reshape(X.shape) % 11 == 0, np.nan, X)
    pair = [
        ("a", HistGradientBoostingRegressor(max_iter=20, random_state=0)),
        ("b", HistGradientBoostingRegressor(max_iter=5, random_state=0)),
    ]
    folds = KFold(3)
    ours = EnsembleRegressor(pair, LinearRegression(), cv=folds, finalize="refit").fit(holes, y)
    theirs = StackingRegressor(pair, LinearRegression(), cv=folds).fit(holes, y)
    np.testing.assert_allclose(ours.predict(holes), theirs.predict(holes), rtol=1e-9)


def test_a_class_without_a_decision_value_is_told():
    X = np.arange(40.0)[:, None]
    y = np.r_[np.zeros(20), np.ones(18), [2, 2]].astype(int)
    folds = [(np.arange(38), np.arange(38, 40)), (np.arange(2, 40), np.arange(2))]
    with pytest.raises(MemberError, match="a class is absent from the training part"):
        EnsembleClassifier([("svc", LinearSVC())], "vote", cv=folds).fit(X, y)
