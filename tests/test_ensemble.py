import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, UnknownNameError

CROSS_FITTED = "fit_transform returns out-of-fold predictions, so that what is trained on them is not misled"
EXPECTED = {"check_transformer_general": CROSS_FITTED, "check_transformer_data_not_an_array": CROSS_FITTED}


@parametrize_with_checks(
    [
        EnsembleRegressor(["ridge", ("tree", DecisionTreeRegressor(max_depth=3))], cv=2, random_state=0),
        # The check of class weights sets such a leaf where an estimator has the parameter itself.
        EnsembleClassifier(
            ["ridge", ("tree", DecisionTreeClassifier(max_depth=3, min_weight_fraction_leaf=0.01))],
            "mean",
            cv=2,
            random_state=0,
        ),
    ],
    expected_failed_checks=lambda _: EXPECTED,
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


REGRESSORS = [
    ("lasso", Lasso(0.1)),
    ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ("knn", KNeighborsRegressor()),
]
CLASSIFIERS = [
    ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ("knn", KNeighborsClassifier()),
]
FOLDS = KFold(4, shuffle=True, random_state=1)
STRATA = StratifiedKFold(4, shuffle=True, random_state=1)


@pytest.fixture(scope="module", params=["two", "three"])
def labelled(request):
    if request.param == "two":
        return load_breast_cancer(return_X_y=True)
    from sklearn.datasets import load_wine

    return load_wine(return_X_y=True)


@pytest.mark.parametrize("final", [LinearRegression(), RidgeCV()])
def test_it_equals_stacking_regressor(diabetes, final):
    X, y = diabetes
    ours = EnsembleRegressor(REGRESSORS, final, cv=FOLDS, finalize="refit").fit(X, y)
    theirs = StackingRegressor(REGRESSORS, final, cv=FOLDS).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), rtol=1e-9)


def test_it_equals_stacking_classifier(labelled):
    X, y = labelled
    final = LogisticRegression()
    ours = EnsembleClassifier(CLASSIFIERS, final, cv=STRATA, finalize="refit").fit(X, y)
    theirs = StackingClassifier(CLASSIFIERS, final, cv=STRATA, stack_method="predict_proba").fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-9)
    assert np.array_equal(ours.predict(X), theirs.predict(X))


def test_it_equals_stacking_with_weights(diabetes, rng):
    X, y = diabetes
    weight = rng.uniform(0.1, 3, size=len(y))
    ours = EnsembleRegressor(REGRESSORS[:2], LinearRegression(), cv=FOLDS, finalize="refit")
    theirs = StackingRegressor(REGRESSORS[:2], LinearRegression(), cv=FOLDS)
    np.testing.assert_allclose(
        ours.fit(X, y, sample_weight=weight).predict(X), theirs.fit(X, y, sample_weight=weight).predict(X), rtol=1e-9
    )


def test_mean_equals_voting_regressor(diabetes):
    X, y = diabetes
    ours = EnsembleRegressor(REGRESSORS, "mean", finalize="refit").fit(X, y)
    np.testing.assert_allclose(ours.predict(X), VotingRegressor(REGRESSORS).fit(X, y).predict(X), rtol=1e-9)


def test_mean_and_vote_equal_voting_classifier(labelled):
    X, y = labelled
    soft = EnsembleClassifier(CLASSIFIERS, "mean", finalize="refit").fit(X, y)
    theirs = VotingClassifier(CLASSIFIERS, voting="soft").fit(X, y)
    np.testing.assert_allclose(soft.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    hard = soft.reblend("vote")
    assert np.array_equal(hard.predict(X), VotingClassifier(CLASSIFIERS, voting="hard").fit(X, y).predict(X))
    assert not hasattr(hard, "predict_proba")
    assert not hasattr(EnsembleClassifier(blender="vote"), "predict_proba")
    assert hasattr(EnsembleClassifier(blender=blender("vote", voting="soft")), "predict_proba")


def test_catboost_and_xgboost_on_diabetes_beat_each_alone(diabetes):
    X, y = diabetes
    pair = [
        learner("catboost", iterations=150, learning_rate=0.05, depth=6),
        learner("xgboost", n_estimators=300, learning_rate=0.1, max_depth=1),  # stumps, unlike the other
    ]
    rows = []
    for seed in range(4):
        board = EnsembleRegressor(pair, "mean", random_state=seed).fit(X, y).leaderboard_
        rows.append({row["member"]: row["rmse"] for row in board})
    mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    assert mean["blend"] < min(mean["catboost"], mean["xgboost"])


def test_fitted_attributes(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    ensemble = EnsembleRegressor(("ridge", "knn", learner("xgboost", n_estimators=5)), random_state=0).fit(X, y)
    assert list(ensemble.members_) == ["ridge", "knn", "xgboost"]
    assert ensemble.oof_predictions_.shape == (442, 3)
    assert ensemble.coverage_.all()
    assert ensemble.failures_ == []
    assert ensemble.n_features_in_ == 10
    assert list(ensemble.feature_names_in_) == list(X.columns)
    assert ensemble.reblend("weighted").blender_.weights_.shape == (3,)
    assert ensemble.blender == "auto"
    board = ensemble.leaderboard_
    assert board[0]["member"] == "blend"
    assert -ensemble.score_estimate_ == board[0]["rmse"]
    errors = [row["rmse"] for row in board[1:]]
    assert errors == sorted(errors)
    assert "ridge" in repr(board)
    assert "<table>" in board._repr_html_()
    oof = ensemble.oof_predictions_[:, 0]
    assert {r["member"]: r["rmse"] for r in board}["ridge"] == pytest.approx(np.sqrt(np.mean((oof - y) ** 2)))
    assert list(ensemble.get_feature_names_out()) == ["ridge", "knn", "xgboost"]
    assert list(ensemble.set_output(transform="pandas").transform(X).columns) == ["ridge", "knn", "xgboost"]


def test_classifier_attributes(iris):
    X, y = iris
    ensemble = EnsembleClassifier(("ridge", "knn"), random_state=0).fit(X, y)
    assert ensemble.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert ensemble.oof_predictions_.shape == (150, 2, 3)
    assert ensemble.transform(X).shape == (150, 6)
    assert ensemble.get_feature_names_out()[3] == "knn_setosa"
    np.testing.assert_allclose(ensemble.predict_proba(X).sum(axis=1), 1)
    assert ensemble.score(X, y) > 0.9


@pytest.mark.parametrize("labels", [[0, 1], [True, False], ["no", "yes"], [1.0, 2.0], [10, 7]])
def test_labels_of_any_type(labels, iris):
    X = iris[0][:100]
    y = np.array(labels)[np.repeat([0, 1], 50)]
    ensemble = EnsembleClassifier(("ridge",), "mean", random_state=0).fit(X, y)
    assert ensemble.predict(X).dtype == y.dtype
    assert (ensemble.predict(X) == y).mean() == 1


def test_the_honest_score_is_not_the_in_sample_one(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(
        ("ridge", DecisionTreeRegressor(random_state=0)), finalize="refit", random_state=0
    ).fit(X, y)
    fresh = EnsembleRegressor(("ridge", DecisionTreeRegressor(random_state=0)), finalize="refit", random_state=0)
    outer = cross_val_score(
        fresh, X, y, scoring="neg_root_mean_squared_error", cv=KFold(5, shuffle=True, random_state=0)
    )
    assert ensemble.score_estimate_ == pytest.approx(outer.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("task", "blender", "simulations"),
    [("regression", "weighted", 50), ("regression", "meta-linear", 50), ("classes", "auto", 25)],  # auto takes its time
)
def test_the_score_estimate_is_unbiased(task, blender, simulations):
    """Over many simulations its mean is the loss on fresh rows, within two standard errors."""
    gaps = []
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1200, 4))
        y = X[:, 0] + np.abs(X[:, 1]) + rng.normal(size=1200)
        kind, metric = (EnsembleRegressor, "mse") if task == "regression" else (EnsembleClassifier, "log_loss")
        if task == "classes":
            y = (y > 1).astype(int)
        names = (
            "ridge",
            "knn",
            ("tree", (DecisionTreeRegressor if task == "regression" else DecisionTreeClassifier)(max_depth=3)),
        )
        made = kind(names, blender, metric=metric, cv=10, finalize="refit", random_state=seed, n_jobs=1)
        ensemble = made.fit(X[:200], y[:200])
        if task == "regression":
            fresh = np.mean((ensemble.predict(X[200:]) - y[200:]) ** 2)
        else:
            fresh = log_loss(y[200:], ensemble.predict_proba(X[200:]))
        gaps.append(-ensemble.score_estimate_ - fresh)
    assert abs(np.mean(gaps)) < 2 * np.std(gaps, ddof=1) / np.sqrt(len(gaps))


def test_reblend_refits_no_learner(diabetes):
    X, y = diabetes
    first = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0).fit(X, y)
    second = first.reblend("weighted")
    assert second.members_ is first.members_
    assert first.blender == "mean"
    assert not np.array_equal(first.predict(X), second.predict(X))
    fresh = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0).fit(X, y)
    assert np.array_equal(second.predict(X), fresh.predict(X))
    assert second.score_estimate_ == fresh.score_estimate_
    through = blender("meta-linear", passthrough=True)
    with pytest.raises(InputError, match="needs the training features"):
        first.reblend(through)
    assert first.reblend(through, X).predict(X).shape == y.shape
    with pytest.raises(
        InputError, match="X, with 3 rows, is not the table of 442 rows that the ensemble was fitted on"
    ):
        first.reblend(through, X[:3])


# -- parameters ----------------------------------------------------------------------


def test_parameters_of_members_that_were_given_as_bare_names(diabetes):
    ensemble = EnsembleRegressor(("xgboost", "ridge"))
    ensemble.set_params(xgboost__max_depth=4, cv=3, blender="meta-linear", blender__alpha=2.0)
    assert ensemble.get_params()["xgboost__max_depth"] == 4
    assert ensemble.get_params()["blender__alpha"] == 2.0
    assert ensemble.get_params()["cv"] == 3
    ensemble.set_params(xgboost="drop")
    assert list(ensemble.fit(*diabetes).members_) == ["ridge"]
    with pytest.raises(UnknownNameError, match="ridge has no parameter 'alfa'. Did you mean 'alpha'"):
        ensemble.set_params(ridge__alfa=1)
    with pytest.raises(UnknownNameError, match="Invalid parameter 'rigde__alpha'.*Did you mean 'ridge'"):
        ensemble.set_params(rigde__alpha=1)


def test_a_label_with_an_underscore_and_a_plugin(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("random_forest", "log-ridge"), "trimmed-mean", cv=3, random_state=0)
    ensemble.set_params(random_forest__max_depth=2, random_forest__n_estimators=5)
    assert list(ensemble.fit(X, y).members_) == ["random_forest", "log_ridge"]
    assert ensemble.score(X, y) > 0.3


def test_clone_keeps_everything_and_shares_nothing(diabetes):
    original = EnsembleRegressor([("l", Lasso()), learner("xgboost", eta=0.1), "ridge"], blender("vote"), cv=3)
    twin = clone(original)
    twin.set_params(l__alpha=9.0, xgboost__eta=0.5)
    assert original.get_params()["l__alpha"] == 1.0
    assert original.get_params()["xgboost__eta"] == 0.1
    assert repr(clone(original)) == repr(original)


def test_fit_leaves_the_users_objects_alone(diabetes):
    lasso, made = Lasso(), learner("ridge", alpha=3.0)
    learners = [("l", lasso), made]
    final = LinearRegression()
    EnsembleRegressor(learners, final).fit(*diabetes)
    assert not hasattr(lasso, "coef_")
    assert not hasattr(final, "coef_")
    assert learners == [("l", lasso), made]
    assert made.get_params() == {"alpha": 3.0}


@pytest.mark.parametrize(
    "learners",
    [
        ("ridge", "knn"),
        {"ridge": {"alpha": 2.0}, "knn": {}},
        [("ridge", "ridge"), learner("knn")],
        ["ridge", ("gone", "drop"), "knn"],
    ],
)
def test_all_forms_of_learners(learners, diabetes):
    ensemble = EnsembleRegressor(learners).fit(*diabetes)
    assert list(ensemble.members_) == ["ridge", "knn"]
    ensemble.set_params(ridge__alpha=5.0)
    assert ensemble.get_params()["ridge__alpha"] == 5.0


def test_grid_search_and_pipeline(diabetes):
    X, y = diabetes
    pipeline = make_pipeline(StandardScaler(), EnsembleRegressor(("ridge", "knn"), cv=3, random_state=0))
    search = GridSearchCV(
        pipeline,
        {"ensembleregressor__knn__n_neighbors": [1, 20], "ensembleregressor__blender": ["mean", "weighted"]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_["ensembleregressor__knn__n_neighbors"] == 20


def test_the_html_diagram():
    assert "EnsembleRegressor" in EnsembleRegressor(("ridge",))._repr_html_()
