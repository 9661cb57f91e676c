"""Weights and groups reach what predicts, through pipelines and meta-estimators, with metadata routing on and off.

scikit-learn #29454: a pipeline in a stack lost its weights, or refused them, by whether routing was on.
scikit-learn #21134: one had to name the step of a pipeline inside a stack, which one cannot.
scikit-learn #28701: a stack with routing wants a request from each of its members.
Beside these: searches, calibration and multi-output estimators around pipelines.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_selection import RFE, RFECV
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifierCV
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, GroupKFold, KFold, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR
from sklearn.utils.validation import has_fit_parameter

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts._task import Task
from byoe.errors import InputError, LeakageWarning, ParameterError
from byoe.tools._routing import takes

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
y = X @ [1.0, 2.0, 3.0] + rng.normal(size=120)
both = np.column_stack([y, X[:, 0] ** 2])
kind = np.where(y + rng.normal(size=120) > 0, "yes", "no")
numbered = (kind == "yes").astype(int)  # SelfTrainingClassifier takes no texts
weight = rng.uniform(0.1, 5, 120)
groups = np.arange(120) // 10
line = LinearRegression().fit(X, y, sample_weight=weight)


def scaled(estimator):
    return make_pipeline(StandardScaler(), estimator)


REGRESSORS = {
    "bare": LinearRegression(),
    "pipeline": scaled(LinearRegression()),
    "pipeline in a pipeline": scaled(scaled(LinearRegression())),
    "search": GridSearchCV(LinearRegression(), {"fit_intercept": [True]}, cv=3),
    "search of a metric": GridSearchCV(scaled(LinearRegression()), {}, cv=3, scoring="r2"),
    "random search": RandomizedSearchCV(scaled(LinearRegression()), {}, n_iter=1, cv=3),
    "search in a pipeline": scaled(GridSearchCV(scaled(LinearRegression()), {}, cv=3)),
    "elimination": RFE(LinearRegression(), n_features_to_select=3),
    "elimination by folds": RFECV(LinearRegression(), min_features_to_select=3, cv=3),
    "elimination by a metric": RFECV(LinearRegression(), min_features_to_select=3, cv=3, scoring="r2"),
    "target": TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
    "target's default": TransformedTargetRegressor(transformer=StandardScaler()),
    "target of a pipeline": TransformedTargetRegressor(scaled(LinearRegression()), transformer=StandardScaler()),
    "vote": VotingRegressor([("a", LinearRegression()), ("b", LinearRegression())]),
    "vote of pipelines": VotingRegressor([("a", scaled(LinearRegression())), ("b", LinearRegression())]),
    "ensemble": EnsembleRegressor([("a", scaled(LinearRegression()))], "mean", cv=3, finalize="refit", random_state=0),
}


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("name", REGRESSORS)
def test_weighted_line_is_found_through_whatever_is_around_it(name, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = EnsembleRegressor([("m", REGRESSORS[name])], "mean", cv=KFold(3), finalize="refit").fit(
            X, y, sample_weight=weight
        )
    assert_allclose(fitted.predict(X), line.predict(X), rtol=1e-8)


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_both_levels_of_a_stack_inside(routing):
    inner = StackingRegressor([("a", LinearRegression()), ("b", Ridge(10))], LinearRegression(), cv=KFold(3))
    right = sklearn.clone(inner).fit(X, y, sample_weight=weight).predict(X)
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = EnsembleRegressor([("m", inner)], "mean", cv=KFold(3), finalize="refit")
        assert_allclose(fitted.fit(X, y, sample_weight=weight).predict(X), right)
        piped = StackingRegressor(
            [("a", scaled(LinearRegression())), ("b", Ridge(10))], LinearRegression(), cv=KFold(3)
        )
        fitted = EnsembleRegressor([("m", piped)], "mean", cv=KFold(3), finalize="refit")
        assert_allclose(fitted.fit(X, y, sample_weight=weight).predict(X), right)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("name", ["bare", "pipeline", "search", "target of a pipeline", "elimination by folds"])
def test_weighted_blend_is_found_by_any_meta_model(name, routing):
    members = [("a", Ridge(1)), ("b", KNeighborsRegressor()), ("c", Ridge(100))][::2]
    right = StackingRegressor(members, LinearRegression(), cv=KFold(3)).fit(X, y, sample_weight=weight)
    meta = REGRESSORS[name]
    if name.startswith("elimination"):
        meta = sklearn.clone(meta).set_params(min_features_to_select=2)
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = EnsembleRegressor(members, meta, cv=KFold(3), finalize="refit").fit(X, y, sample_weight=weight)
    assert_allclose(fitted.predict(X), right.predict(X), rtol=1e-7)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("around", [MultiOutputRegressor, RegressorChain])
@pytest.mark.parametrize("inner", [LinearRegression(), scaled(LinearRegression())], ids=["bare", "pipeline"])
def test_weights_reach_each_of_several_targets(around, inner, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = EnsembleRegressor([("m", around(inner))], "mean", cv=KFold(3), finalize="refit", random_state=0)
        fitted.fit(X, both, sample_weight=weight)
    right = LinearRegression().fit(X, both, sample_weight=weight)
    assert_allclose(fitted.predict(X), right.predict(X), rtol=1e-8)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "around", [OneVsRestClassifier, FixedThresholdClassifier, SelfTrainingClassifier], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("piped", [False, True], ids=["bare", "pipeline"])
def test_weights_reach_a_classifier_inside(around, piped, routing):
    bare = LogisticRegression(tol=1e-10)
    inner = make_pipeline(StandardScaler(with_std=False), bare) if piped else bare
    with sklearn.config_context(enable_metadata_routing=routing), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y contains no unlabeled samples")
        fitted = EnsembleClassifier([("m", around(inner))], "mean", cv=KFold(3), finalize="refit")
        fitted.fit(X, numbered, sample_weight=weight)
    right = LogisticRegression(tol=1e-10).fit(X, numbered, sample_weight=weight)
    assert_allclose(fitted.predict_proba(X), right.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("piped", [False, True], ids=["bare", "pipeline"])
def test_weights_reach_what_is_calibrated(piped, routing):
    bare = LogisticRegression(tol=1e-10)
    right = CalibratedClassifierCV(bare, cv=3).fit(X, kind, sample_weight=weight)
    inner = make_pipeline(StandardScaler(with_std=False), bare) if piped else bare
    with sklearn.config_context(enable_metadata_routing=routing):
        fitted = EnsembleClassifier([("m", CalibratedClassifierCV(inner, cv=3))], "mean", cv=3, finalize="refit")
        fitted.fit(X, kind, sample_weight=weight)
    assert_allclose(fitted.predict_proba(X), right.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "member",
    [
        CalibratedClassifierCV(KNeighborsClassifier(), cv=3),
        GridSearchCV(KNeighborsClassifier(), {}, cv=3),
        OneVsRestClassifier(KNeighborsClassifier()),
        scaled(KNeighborsClassifier()),
    ],
    ids=lambda member: type(member).__name__,
)
def test_what_takes_no_weights_inside_is_refused_before_the_fit(member, routing):
    with sklearn.config_context(enable_metadata_routing=routing), pytest.raises(ParameterError, match="'m' takes no"):
        EnsembleClassifier([("m", member)], "mean", cv=3).fit(X, kind, sample_weight=weight)
    with sklearn.config_context(enable_metadata_routing=routing), pytest.raises(ParameterError, match="takes no"):
        EnsembleClassifier(["ridge"], member, cv=3).fit(X, kind, sample_weight=weight)


def test_requests_are_kept_where_routing_is_on():
    def fit(member):
        made = EnsembleRegressor([("m", member)], "mean", cv=KFold(3), finalize="refit")
        return made.fit(X, y, sample_weight=weight).predict(X)

    plain = LinearRegression().fit(X, y).predict(X)
    with sklearn.config_context(enable_metadata_routing=True):
        yes, no = (LinearRegression().set_fit_request(sample_weight=asked) for asked in (True, False))
        other = LinearRegression().set_fit_request(sample_weight="importance")
        assert_allclose(fit(yes), line.predict(X))
        assert_allclose(fit(no), plain)
        assert_allclose(fit(make_pipeline(StandardScaler(), no)), plain)
        weighing = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), Ridge(100))
        values = StandardScaler().fit(X, sample_weight=weight).transform(X)
        assert_allclose(fit(weighing), Ridge(100).fit(values, y, sample_weight=weight).predict(values))
        with pytest.raises(ParameterError, match="under another name"):
            fit(other)
        with pytest.raises(ParameterError, match="under another name"):
            fit(make_pipeline(StandardScaler(), other))
        made = EnsembleRegressor([("m", other)], "mean", cv=KFold(3), finalize="refit")
        assert_allclose(made.fit(X, y).predict(X), plain)
    assert_allclose(fit(no), line.predict(X))  # where routing is off requests mean nothing


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("piped", [False, True], ids=["bare", "pipeline"])
def test_groups_reach_a_search_that_splits_by_them(piped, routing):
    seen = []

    class Watching(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(groups)
            return super().split(X, y, groups)

    inner = GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=Watching(3))
    with sklearn.config_context(enable_metadata_routing=routing):
        made = EnsembleRegressor([("m", scaled(inner) if piped else inner)], "mean", cv=3, random_state=0)
        made.fit(X, y, groups=groups)
        made.fit(X, y, groups=groups, sample_weight=weight)
    assert len(seen) == 8
    assert all(each is not None for each in seen)


@pytest.mark.parametrize("routing", [False, True])
def test_groups_are_kept_from_a_search_that_does_not_split_by_them(routing):
    inner = GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=KFold(3))
    with sklearn.config_context(enable_metadata_routing=routing):
        EnsembleRegressor([("m", inner)], "mean", cv=3, random_state=0).fit(X, y, groups=groups)


def test_store_tells_requests_apart(tmp_path):
    def fit(member):
        made = EnsembleRegressor([("m", member)], "mean", cv=KFold(3), finalize="refit", store=tmp_path)
        return made.set_params(random_state=0).fit(X, y, sample_weight=weight).predict(X)

    with sklearn.config_context(enable_metadata_routing=True):
        assert_allclose(fit(LinearRegression().set_fit_request(sample_weight=True)), line.predict(X))
        no = fit(LinearRegression().set_fit_request(sample_weight=False))
        assert_allclose(no, LinearRegression().fit(X, y).predict(X))


class Watched(LinearRegression):
    """It writes itself down in a list of its own."""

    def __init__(self, seen=None):
        super().__init__()
        self.seen = seen

    def fit(self, X, y, sample_weight=None):
        self.seen.append(self)
        return super().fit(X, y, sample_weight)


class Shared(list):
    """A list that a copy shares."""

    def __deepcopy__(self, memo):
        return self

    __copy__ = __deepcopy__


def test_member_that_holds_itself_is_weighed():
    with sklearn.config_context(enable_metadata_routing=True):
        made = EnsembleRegressor([("m", Watched(Shared()))], "mean", cv=KFold(3), finalize="refit")
        assert_allclose(made.fit(X, y, sample_weight=weight).predict(X), line.predict(X))


@pytest.mark.parametrize("routing", [False, True])
def test_member_with_requests_is_saved(routing, tmp_path):
    with sklearn.config_context(enable_metadata_routing=True):
        inner = make_pipeline(StandardScaler(), LinearRegression().set_fit_request(sample_weight=True))
    with sklearn.config_context(enable_metadata_routing=routing):
        members = [("m", GridSearchCV(inner, {}, cv=3)), ("k", LinearRegression())]
        fitted = EnsembleRegressor(members, inner, cv=KFold(3), finalize="refit").fit(X, y, sample_weight=weight)
        fitted.save(tmp_path / "bundle", trusted=["sklearn.*", "numpy.*"])
        again = byoe.load(tmp_path / "bundle", trusted=["sklearn.*", "numpy.*"])
    assert_allclose(again.predict(X), fitted.predict(X), rtol=1e-13)


def test_bagging_draws_rows_where_a_member_takes_no_weights():
    inner = EnsembleRegressor(["ridge", "knn"], cv=3, random_state=0)
    assert not has_fit_parameter(inner, "sample_weight")
    assert has_fit_parameter(EnsembleRegressor(["ridge"]), "sample_weight")
    with pytest.warns(LeakageWarning):  # rows that are drawn twice
        fitted = BaggingRegressor(inner, n_estimators=2, random_state=0).fit(X, y, sample_weight=weight)
    assert fitted.score(X, y) > 0.5


@pytest.mark.parametrize(
    "form",
    [
        lambda values: values[:, None],
        lambda values: pd.DataFrame({"w": values}),
        lambda values: pd.Series(values, index=rng.permutation(len(values)) + 7),
        lambda values: list(values),
        lambda values: np.ma.array(values),
    ],
    ids=["column", "frame", "series", "list", "masked"],
)
def test_weights_are_read_from_any_column_of_numbers(form):
    made = EnsembleRegressor([("m", LinearRegression())], "mean", cv=KFold(3), finalize="refit")
    assert_allclose(made.fit(X, y, sample_weight=form(weight)).predict(X), line.predict(X))


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.array(2.0)])
def test_one_number_weighs_every_row(number):
    made = EnsembleRegressor([("m", LinearRegression())], "mean", cv=KFold(3), finalize="refit")
    assert_allclose(made.fit(X, y, sample_weight=number).predict(X), LinearRegression().fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (True, "number for each row"),
        ("weight", "number for each row"),
        ({"a": 1.0}, "is a dict"),
        (pd.Series(pd.date_range("2020", periods=120)), "datetime64"),
        (np.ma.array(weight, mask=weight > 4.9), "NaN"),
        (np.column_stack([weight, weight]), "1D"),
        (np.where(weight > 4.9, np.nan, weight), "NaN"),
        (np.where(weight > 4.9, -1, weight), "Negative"),
        (np.zeros(120), "non-zero"),
    ],
)
def test_what_is_no_weight_is_refused(given, word):
    with pytest.raises(InputError, match=word):
        EnsembleRegressor(["ridge"], cv=3).fit(X, y, sample_weight=given)


@pytest.mark.parametrize("routing", [False, True])
def test_an_estimator_whose_own_routing_goes_round_for_ever(routing):
    """RidgeClassifierCV of scikit-learn 1.9."""
    with sklearn.config_context(enable_metadata_routing=routing):
        assert takes(RidgeClassifierCV(), "sample_weight")
        assert not takes(RidgeClassifierCV(), "groups")
        X, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
        weights = np.linspace(0.5, 2.0, 40)
        made = EnsembleClassifier([RidgeClassifierCV()], "vote", cv=2, finalize="refit", random_state=0)
        made.fit(X, y, sample_weight=weights)
    right = RidgeClassifierCV().fit(X, y, sample_weight=weights)
    assert_allclose(made.members_["ridgeclassifiercv"].models[0].models[0].estimator.coef_, right.coef_)


# -- how large weights are -----------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-9, 1.0 / 120, 1e9])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_the_size_of_weights_does_not_matter_to_leaves(name, scale):
    """XGBoost #4204, LightGBM #1299: weights that sum to one lie below the least sum of a leaf."""
    made = EnsembleRegressor([byoe.learner(name, n_rounds=20)], "mean", cv=3, random_state=0)
    right = made.fit(X, y, sample_weight=weight).predict(X)
    found = made.fit(X, y, sample_weight=weight * scale).predict(X)
    assert np.abs(found - right).mean() < 0.1 * right.std()


@pytest.mark.parametrize("scale", [1e-3, 16.0])
def test_an_estimator_of_the_user_gets_the_weights_as_they_are(scale):
    fitted = EnsembleRegressor([("m", Ridge(50.0))], "mean", cv=3, finalize="refit", random_state=0)
    right = Ridge(50.0).fit(X, y, sample_weight=weight * scale)
    assert_allclose(fitted.fit(X, y, sample_weight=weight * scale).predict(X), right.predict(X))


def test_a_metric_that_takes_no_weights_is_told_from_a_target_that_does_not_suit():
    def near(estimator, rows, target):
        return float(np.mean(np.abs(estimator.predict(rows) - target) < 1))

    with pytest.raises(ParameterError, match="metric 'near' takes no sample_weight, and this fit has one"):
        EnsembleRegressor(["ridge"], metric=near).fit(X, y, sample_weight=weight)


counts = np.random.default_rng(1).integers(0, 4, len(X))
repeated = np.repeat(np.arange(len(X)), counts)


def _by_counts(own, target, kind="regression", rows=X):
    task = Task(kind, n_classes=2 * (kind == "classification"), n_outputs=target.shape[1] if target.ndim > 1 else 1)
    wild = np.where(counts == 0, 1e3, target.T).T if kind == "regression" else target  # of rows that do not count
    return own.fit(rows, wild, task=task, sample_weight=counts.astype(float), seed=0, threads=1)


@pytest.mark.parametrize("gamma", ["scale", 0.3])
@pytest.mark.parametrize("form", [np.asarray, csr_matrix])
def test_rows_that_count_twice_do_so_in_the_units_of_a_support_vector_machine(gamma, form):
    mean, scale = y[repeated].mean(), y[repeated].std()
    oracle = SVR(gamma=gamma, tol=1e-9).fit(X[repeated], (y[repeated] - mean) / scale)
    model = _by_counts(learner("svm", gamma=gamma, tol=1e-9), y, rows=form(X))
    assert_allclose(model.predict(X), oracle.predict(X) * scale + mean, atol=1e-5)


def test_nor_does_the_width_of_a_kernel_of_classes_know_rows_without_weight():
    model = _by_counts(learner("svm"), numbered, "classification")
    assert_allclose(model.estimator.estimator.gamma, SVC().fit(X[repeated], numbered[repeated])._gamma)


@pytest.mark.parametrize("target", [y, both], ids=["one", "two"])
def test_a_network_has_the_unit_of_the_rows_that_count(target):
    model = _by_counts(learner("mlp", hidden_layer_sizes=[3], max_iter=300, tol=1e-1), target)
    assert_allclose(model.center, np.atleast_1d(target[repeated].mean(axis=0)))
    assert_allclose(model.scale, np.atleast_1d(target[repeated].std(axis=0)))
