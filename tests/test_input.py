"""What may come in as data and parameters, and how the rest is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.errors import InputError, ParameterError, UnknownNameError


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_give_the_same_as_arrays(container, diabetes, diabetes_frame):
    X, y = diabetes
    frame = container({name: diabetes_frame[name].to_numpy() for name in diabetes_frame.columns[:-1]})
    names = ("ridge", ("tree", DecisionTreeRegressor(max_depth=3, random_state=0)))
    first = EnsembleRegressor(names, random_state=0).fit(X, y)
    second = EnsembleRegressor(names, random_state=0).fit(frame, y)
    assert np.array_equal(first.predict(X), second.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        second.predict(frame[list(frame.columns)[::-1]])


def test_an_estimator_that_wants_a_frame_gets_one(diabetes_frame):
    from sklearn.compose import make_column_transformer

    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    by_name = make_pipeline(make_column_transformer((StandardScaler(), ["bmi", "s5"])), LinearRegression())
    ensemble = EnsembleRegressor([("by_name", by_name)], "mean").fit(X, y)
    assert ensemble.score(X, y) > 0.4


def test_booleans_and_missing_cells(diabetes_frame):
    frame = diabetes_frame.assign(old=diabetes_frame["age"] > 0)
    frame.loc[::9, "bmi"] = np.nan
    X, y = frame.drop(columns="target"), frame["target"]
    ensemble = EnsembleRegressor((learner("xgboost", n_estimators=10), "ridge")).fit(X, y)
    assert np.isfinite(ensemble.predict(X)).all()


CALLS = {
    "unknown learner": (lambda X, y: EnsembleRegressor(("xgbost",)).fit(X, y), UnknownNameError, "Did you mean 'xgboost'"),
    "unknown blender": (lambda X, y: EnsembleRegressor(("ridge",), "wieghted").fit(X, y), UnknownNameError, "Did you mean 'weighted'"),
    "duplicate labels": (lambda X, y: EnsembleRegressor(("ridge", "ridge")).fit(X, y), ParameterError, "two members have the label 'ridge'"),
    "duplicate by dash": (lambda X, y: EnsembleRegressor([("a-b", "ridge"), ("a_b", "knn")]).fit(X, y), ParameterError, "two members"),
    "label of a parameter": (lambda X, y: EnsembleRegressor([("cv", "ridge")]).fit(X, y), ParameterError, "label 'cv' is the name of a parameter"),
    "label with dunder": (lambda X, y: EnsembleRegressor([("a__b", "ridge")]).fit(X, y), ParameterError, "may hold letters"),
    "label with colon": (lambda X, y: EnsembleRegressor([("a:b", "ridge")]).fit(X, y), ParameterError, "may hold letters"),
    "one name": (lambda X, y: EnsembleRegressor("ridge").fit(X, y), ParameterError, r"write \['ridge'\]"),
    "nothing": (lambda X, y: EnsembleRegressor(()).fit(X, y), ParameterError, "learners is empty"),
    "all dropped": (lambda X, y: EnsembleRegressor([("a", "drop")]).fit(X, y), ParameterError, "all members are dropped"),
    "a class": (lambda X, y: EnsembleRegressor([Lasso]).fit(X, y), ParameterError, "this is its class; call it"),
    "a number": (lambda X, y: EnsembleRegressor([3]).fit(X, y), ParameterError, "3 is not a learner"),
    "not iterable": (lambda X, y: EnsembleRegressor(3).fit(X, y), ParameterError, "expected a sequence of learners"),
    "wrong pair": (lambda X, y: EnsembleRegressor([("a", "ridge", 1)]).fit(X, y), ParameterError, r"expected a \(label, learner\) pair"),
    "wrong finalize": (lambda X, y: EnsembleRegressor(("ridge",), finalize="mean").fit(X, y), ParameterError, "finalize is 'mean', expected one of 'auto'"),
    "wrong on_error": (lambda X, y: EnsembleRegressor(("ridge",), on_error="panic").fit(X, y), ParameterError, "on_error is 'panic'"),
    "wrong blender": (lambda X, y: EnsembleRegressor(("ridge",), 3).fit(X, y), UnknownNameError, "3 is not a blender"),
    "unknown metric": (lambda X, y: EnsembleRegressor(("ridge",), metric="rmsee").fit(X, y), UnknownNameError, "No metric is called 'rmsee'"),
    "metric of classes": (lambda X, y: EnsembleRegressor(("ridge",), metric="accuracy").fit(X, y), UnknownNameError, "does not fit a regression"),
    "classifier as member": (lambda X, y: EnsembleRegressor([LogisticRegression()]).fit(X, y), ParameterError, "member 'logisticregression': LogisticRegression is not a regressor"),
    "fewer rows than folds": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X[:3], y[:3]), InputError, "5 folds need at least 5 rows, got 3"),
    "NaN in the target": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, np.where(np.arange(442) == 7, np.nan, y)), InputError, r"the target is missing in 1 of 442 rows \(rows 7\)"),
    "infinite target": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, np.where(np.arange(442) == 7, np.inf, y)), InputError, "must be finite"),
    "text as the target": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, np.full(442, "a")), InputError, "use EnsembleClassifier"),
    "one class": (lambda X, y: EnsembleClassifier(("ridge",)).fit(X, np.zeros(442)), InputError, "holds one class only"),
    "no target": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, None), InputError, "the target y is None"),
    "rows that do not match": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, y[:5]), InputError, "X has 442 rows and y has 5"),
    "negative weights": (lambda X, y: EnsembleRegressor(("ridge",)).fit(X, y, sample_weight=-y), ValueError, "[Nn]egative"),
    "weights for knn": (lambda X, y: EnsembleRegressor(("ridge", "knn")).fit(X, y, sample_weight=y), ParameterError, "member 'knn' takes no sample_weight"),
    "log-loss of votes": (lambda X, y: EnsembleClassifier(("ridge",), "vote", metric="log_loss").fit(X, y > 100), ParameterError, "needs probabilities"),
    "no probabilities": (lambda X, y: EnsembleClassifier([__import__("sklearn.svm").svm.LinearSVC()]).fit(X, y > 100), ParameterError, "member 'linearsvc' has no predict_proba, and blender 'auto' blends probabilities"),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_bad_input_is_refused_clearly(case, diabetes):
    call, error, message = CALLS[case]
    with pytest.raises(error, match=message):
        call(*diabetes)


def test_a_column_that_turned_to_text(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    ensemble = EnsembleRegressor(("ridge",)).fit(X, y)
    with pytest.raises(
        InputError,
        match=r"hold something else than when the ensemble was fitted: 'bmi' \(numbers, now String: 'high' in row 0\)",
    ):
        ensemble.predict(X.assign(bmi="high"))
    assert np.array_equal(ensemble.predict(X.astype(object)), ensemble.predict(X))


def test_a_wrong_number_of_columns(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge",)).fit(X, y)
    with pytest.raises(ValueError, match="X has 4 features, but EnsembleRegressor is expecting 10 features"):
        ensemble.predict(X[:, :4])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (EnsembleClassifier(("ridge",), "vote", metric="log_loss"), "needs probabilities"),
        (EnsembleClassifier(("ridge",), LinearRegression()), "blender LinearRegression is not a classifier"),
        (EnsembleClassifier(("ridge",), blender("weighted", weights=[1, 2])), "for 1 members"),
        (EnsembleClassifier(("ridge",), blender("greedy", steps=0)), "steps is 0"),
        (EnsembleClassifier(("ridge",), random_state=-1), "random_state is -1"),
        (EnsembleClassifier(("ridge",), n_jobs="two"), "n_jobs is 'two'"),
    ],
)
def test_what_can_be_known_before_the_fit_is_told_before_it(made, message, diabetes):
    X, y = diabetes
    heard = []
    with pytest.raises(ParameterError, match=message):
        made.set_params(callbacks=heard.append).fit(X, y > 100)
    assert heard == []


def test_a_meta_model_with_weights(diabetes, rng):
    X, y = diabetes
    weight = rng.uniform(0.1, 2, len(y))
    piped = EnsembleRegressor(("ridge", "svm"), make_pipeline(StandardScaler(), LinearRegression()), random_state=0)
    plain = EnsembleRegressor(("ridge", "svm"), LinearRegression(), random_state=0)
    np.testing.assert_allclose(
        piped.fit(X, y, sample_weight=weight).predict(X), plain.fit(X, y, sample_weight=weight).predict(X), rtol=1e-9
    )
    with pytest.raises(ParameterError, match="blender 'KNeighborsRegressor' takes no sample_weight"):
        EnsembleRegressor(("ridge",), KNeighborsRegressor()).fit(X, y, sample_weight=weight)


def test_odd_frames_are_refused_clearly(diabetes_frame):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    twice = X.set_axis([*X.columns[:-1], "age"], axis=1)
    with pytest.raises(InputError, match="several columns have the same name: age"):
        EnsembleRegressor(("ridge",)).fit(twice, y)
    with pytest.raises(InputError, match="MultiIndex"):
        EnsembleRegressor(("ridge",)).fit(X.set_axis(pd.MultiIndex.from_product([["a"], X.columns]), axis=1), y)
    with pytest.raises(InputError, match="groups has missing entries"):
        EnsembleRegressor(("ridge",)).fit(X, y, groups=[None, *range(441)])
    with pytest.raises(InputError, match="sample_weight: .*non-zero"):
        EnsembleRegressor(("ridge",)).fit(X, y, sample_weight=np.zeros(442))


def test_a_replaced_estimator_gets_its_parameters_afterwards():
    ensemble = EnsembleRegressor([("bag", BaggingRegressor())])
    ensemble.set_params(bag__estimator__max_depth=3, bag__estimator=DecisionTreeRegressor())
    assert ensemble.get_params()["bag__estimator__max_depth"] == 3


def test_fit_transform_gives_out_of_fold_predictions(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0)
    assert np.array_equal(ensemble.fit_transform(X, y), ensemble.oof_predictions_)
    assert not np.array_equal(ensemble.fit_transform(X, y), ensemble.transform(X))
    framed = ensemble.set_output(transform="pandas").fit_transform(X, y)
    assert list(framed.columns) == ["ridge", "knn"]


def test_infinity_is_refused(diabetes):
    X, y = diabetes
    with pytest.raises(InputError, match="contains infinity"):
        EnsembleRegressor(("ridge",)).fit(np.where(np.arange(442)[:, None] == 3, np.inf, X), y)


def test_members_and_blend_are_compared_on_the_same_rows(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor(("ridge", "knn"), cv=TimeSeriesSplit(4)).fit(X, y)
    rows = ensemble._oof.scored
    assert 0 < rows.sum() < ensemble.coverage_.sum()
    expected = np.sqrt(np.mean((ensemble.oof_predictions_[rows, 0] - y[rows]) ** 2))
    assert {row["member"]: row["rmse"] for row in ensemble.leaderboard_}["ridge"] == pytest.approx(expected)


def test_predicting_before_fitting():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        EnsembleRegressor(("ridge",)).predict([[1.0]])
