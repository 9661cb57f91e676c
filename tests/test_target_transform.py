"""Members on another scale of the target: scikit-learn's TransformedTargetRegressor as the oracle."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, QuantileTransformer, StandardScaler

import byoe
from byoe import EnsembleRegressor
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import InputError, MemberError, ParameterError, SpecError
from byoe.serving._runtime import Runtime

FOLDS = list(KFold(4, shuffle=True, random_state=1).split(np.zeros((160, 1))))
TRANSFORMS = {
    "log1p": ("log1p", FunctionTransformer(np.log1p, np.expm1)),
    "power": (PowerTransformer(), PowerTransformer()),
    "quantile": (QuantileTransformer(n_quantiles=50, random_state=0), QuantileTransformer(n_quantiles=50)),
    "function": (FunctionTransformer(np.sqrt, np.square), FunctionTransformer(np.sqrt, np.square)),
}


def skewed(seed=0, n=160, fresh=40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + fresh, 3))
    y = np.exp(2 + X[:, 0] + 0.3 * np.sin(3 * X[:, 1]) + 0.2 * rng.normal(size=n + fresh))
    return X[:n], y[:n], X[n:], y[n:]


def made(transform, learners=("ridge",), blend="mean", **params):
    given = {"random_state": 0, "cv": FOLDS, "finalize": "refit", "target_transform": transform, **params}
    return EnsembleRegressor(learners, blend, **given)


def oracle(transformer, model):
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), model), transformer=transformer)


# -- predictions ---------------------------------------------------------------------


@pytest.mark.parametrize("case", TRANSFORMS)
def test_one_member_is_a_transformed_target_regressor(case):
    X, y, X_new, _ = skewed()
    given, transformer = TRANSFORMS[case]
    ensemble = made(given).fit(X, y)
    expected = oracle(transformer, Ridge()).fit(X, y).predict(X_new)
    np.testing.assert_allclose(ensemble.predict(X_new), expected, rtol=1e-8)
    # The transformer of a fold learns from the training rows alone.
    for train, test in FOLDS:
        fold = oracle(transformer, Ridge()).fit(X[train], y[train])
        np.testing.assert_allclose(ensemble.oof_predictions_[test, 0], fold.predict(X[test]), rtol=1e-8)
    assert -ensemble.score_estimate_ == pytest.approx(root_mean_squared_error(y, ensemble.oof_predictions_[:, 0]))


def test_a_bag_is_a_mean_in_units_of_the_target():
    X, y, X_new, _ = skewed(1)
    ensemble = made("log1p", ("ridge", "knn"), finalize="bag").fit(X, y)
    folds = [
        oracle(TRANSFORMS["log1p"][1], model).fit(X[train], y[train]).predict(X_new)
        for train, _ in FOLDS
        for model in (Ridge(), KNeighborsRegressor())
    ]
    np.testing.assert_allclose(ensemble.predict(X_new), np.mean(folds, axis=0), rtol=1e-8)


def test_it_pays_where_the_target_is_exponential():
    X, y, X_new, y_new = skewed(2)
    plain, logged = (root_mean_squared_error(y_new, made(one).fit(X, y).predict(X_new)) for one in (None, "log1p"))
    assert logged < 0.7 * plain


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost", "hist_gradient_boosting", "mlp", "extra_trees"])
def test_members_of_every_kind_get_what_they_would_get_of_a_logarithm(name):
    # The same seeds, the same rows: a fit of the logarithm is the same fit. Of prepared tables, too.
    X, y, X_new, _ = skewed(3)
    given = {} if name == "mlp" else {"n_rounds": 20}
    member = [byoe.learner(name, **({"n_estimators": 20} if name == "extra_trees" else given))]
    first = made("log1p", member).fit(X, y)
    second = made(None, member).fit(X, np.log1p(y))
    np.testing.assert_allclose(first.predict(X_new), np.expm1(second.predict(X_new)), rtol=1e-6)
    np.testing.assert_allclose(first.oof_predictions_, np.expm1(second.oof_predictions_), rtol=1e-6)


def test_early_stopping_goes_by_the_loss_on_the_scale_of_the_members():
    X, y, X_new, _ = skewed(4)
    first = made("log1p", ["lightgbm"], metric="neg_mean_absolute_error").fit(X, y)
    second = made(None, ["lightgbm"]).fit(X, np.log1p(y))
    np.testing.assert_allclose(first.predict(X_new), np.expm1(second.predict(X_new)), rtol=1e-6)


def test_categories_are_encoded_by_the_transformed_target():
    pd = pytest.importorskip("pandas")
    X, y, _, _ = skewed(5)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": X[:, 0], "level": [f"l{i}" for i in rng.integers(40, size=160)]})
    first = made("log1p", ["knn"]).fit(frame, y)
    second = made(None, ["knn"]).fit(frame, np.log1p(y))
    np.testing.assert_allclose(first.predict(frame), np.expm1(second.predict(frame)), rtol=1e-8)


def test_weights_of_zero_teach_no_transformer():
    X, y, X_new, _ = skewed(6)
    weight = np.ones(160)
    weight[::4] = 0
    y[::4] = 1e6
    kept = np.flatnonzero(weight)
    first = made(PowerTransformer(), cv=4).fit(X, y, sample_weight=weight)
    expected = oracle(PowerTransformer(), Ridge()).fit(X[kept], y[kept]).predict(X_new)
    np.testing.assert_allclose(first.predict(X_new), expected, rtol=1e-6)


def test_rows_without_weight_may_have_no_logarithm():
    X, y, X_new, _ = skewed(6)
    weight = np.ones(160)
    weight[::4] = 0
    learners, other = ("ridge", byoe.learner("lightgbm", n_rounds=10)), y.copy()
    other[::4] = -5.0
    first, second = (made("log1p", learners).fit(X, one, sample_weight=weight).predict(X_new) for one in (y, other))
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_several_targets_are_transformed_one_by_one():
    X, y, X_new, _ = skewed(7)
    both = made(PowerTransformer(), ("ridge", "xgboost")).fit(X, np.column_stack([y, np.sqrt(y) + 3]))
    assert both.target_transform_ == ["PowerTransformer"] * 2
    assert both.predict(X_new).shape == (40, 2)
    ridge = both.members_["ridge"].models[0].predict(X_new)
    for number, target in enumerate((y, np.sqrt(y) + 3)):
        expected = oracle(PowerTransformer(), Ridge()).fit(X, target).predict(X_new)
        np.testing.assert_allclose(ridge[:, number], expected, rtol=1e-6)


def test_a_frozen_member_predicts_the_target_as_it_did():
    from sklearn.frozen import FrozenEstimator

    X, y, X_new, _ = skewed(8)
    fitted = Ridge().fit(X, y)
    ensemble = made("log1p", [("frozen", FrozenEstimator(fitted))]).fit(X, y)
    np.testing.assert_allclose(ensemble.predict(X_new), fitted.predict(X_new), rtol=1e-12)


# -- what goes on with it ------------------------------------------------------------


@pytest.mark.parametrize("case", TRANSFORMS)
@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_loaded_and_served_it_predicts_the_same(case, finalize, tmp_path):
    X, y, X_new, _ = skewed(9)
    first = made(TRANSFORMS[case][0], ("ridge", "knn"), "weighted", finalize=finalize).fit(X, y)
    saved = first.save(tmp_path / "model")
    assert not [file for file in saved.rglob("*") if file.suffix in (".pkl", ".pickle", ".joblib")]
    second, runtime = byoe.load(saved), Runtime(saved)
    for other in (second, first.prune()):
        assert np.array_equal(other.predict(X_new), first.predict(X_new))
        assert np.array_equal(other.predict_interval(X_new), first.predict_interval(X_new))
        assert other.target_transform_ == first.target_transform_
    assert repr(second.target_transform) == repr(first.target_transform)
    table = first._read(X_new)
    assert np.array_equal(runtime.predict(table), first.predict(X_new))
    assert np.array_equal(runtime.interval(table, 0.9), first.predict_interval(X_new))
    assert second.leaderboard_.notes == first.leaderboard_.notes
    again = byoe.load(second.save(tmp_path / "again"))
    assert np.array_equal(again.reblend("mean").predict(X_new), first.reblend("mean").predict(X_new))


def test_a_logarithm_is_served_lean_and_a_transformer_is_not(tmp_path):
    X, y, _, _ = skewed(10)
    for transform, lean in (("log1p", True), (PowerTransformer(), False)):
        saved = made(transform).fit(X, y).save(tmp_path / str(lean))
        assert Runtime(saved)._reader.lean is lean


def test_intervals_hold_and_are_in_units_of_the_target():
    X, y, X_new, y_new = skewed(11, n=160, fresh=2000)
    for finalize in ("bag", "refit"):
        lower, upper = made("log1p", finalize=finalize).fit(X, y).predict_interval(X_new).T
        assert abs(np.mean((lower <= y_new) & (y_new <= upper)) - 0.9) < 3 * np.sqrt(0.09 * (1 / 160 + 1 / 2000))
        assert lower.min() >= 0


def test_members_that_join_and_refits_are_on_the_same_scale():
    X, y, X_new, _ = skewed(12)
    whole = made("log1p", ("ridge", "knn"), finalize="bag").fit(X, y)
    joined = made("log1p", ("ridge",), finalize="bag").fit(X, y).add_members(["knn"], X)
    assert np.array_equal(joined.predict(X_new), whole.predict(X_new))
    lean = whole.refit(X)
    expected = made("log1p", ("ridge", "knn")).fit(X, y).predict(X_new)
    np.testing.assert_allclose(lean.predict(X_new), expected, rtol=1e-9)


def test_a_store_knows_the_scale(tmp_path):
    X, y, X_new, _ = skewed(13)
    outcomes = {}
    for name, transform in (("none", None), ("log", "log1p"), ("power", PowerTransformer())):
        told = []
        for _ in range(2):
            ensemble = made(transform, store=str(tmp_path), callbacks=told.append)
            outcomes.setdefault(name, []).append(ensemble.fit(X, y).predict(X_new))
        assert [one.reused for one in told] == [False] * 5 + [True] * 5
    for first, second in outcomes.values():
        assert np.array_equal(first, second)
    assert not np.allclose(outcomes["none"][0], outcomes["log"][0])


def test_a_transformed_target_has_no_exact_contributions_and_columns_still_matter():
    X, y, X_new, _ = skewed(14)
    ensemble = made("log1p").fit(X, y)
    with pytest.raises(ParameterError, match=r"predict a transformed target \(log1p\), .* target_transform=None"):
        ensemble.explain(X_new, method="exact")
    assert ensemble.feature_importances_.argmax() == 0


def test_a_graph_has_the_logarithm_and_no_transformer(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X, y, X_new, _ = skewed(15)
    ensemble = made("log1p", ("ridge", "lightgbm")).fit(X, np.column_stack([y, y**0.5]))
    session = runtime.InferenceSession(ensemble.to_onnx(tmp_path / "model.onnx").read_bytes())
    np.testing.assert_allclose(session.run(None, {"X": X_new})[0], ensemble.predict(X_new), rtol=1e-9)
    with pytest.raises(ParameterError, match="its target is transformed by PowerTransformer"):
        made(PowerTransformer()).fit(X, y).to_onnx(tmp_path / "other.onnx")


# -- the parameter -------------------------------------------------------------------


@pytest.mark.parametrize("case", TRANSFORMS)
def test_it_is_a_parameter_like_others(case):
    given = TRANSFORMS[case][0]
    ensemble = made(given)
    assert repr(clone(ensemble).target_transform) == repr(given)
    spec = json.loads(json.dumps(to_spec(made(given, cv=4))))
    assert repr(from_spec(spec).target_transform) == repr(given)
    X, y, X_new, _ = skewed(16)
    first, second = (one.fit(X, y).predict(X_new) for one in (made(given, cv=4), from_spec(spec)))
    assert np.array_equal(first, second)


def test_its_parameters_can_be_set():
    scaled = made(QuantileTransformer(n_quantiles=20))
    assert scaled.get_params()["target_transform__n_quantiles"] == 20
    other = clone(scaled).set_params(target_transform__n_quantiles=30)
    assert (scaled.target_transform.n_quantiles, other.target_transform.n_quantiles) == (20, 30)
    assert other.set_params(target_transform="log1p").target_transform == "log1p"
    X, y, _, _ = skewed(17)
    search = GridSearchCV(made(None, cv=3), {"target_transform": [None, "log1p"]}, cv=2).fit(X, y)
    assert search.best_params_ == {"target_transform": "log1p"}


def test_a_function_of_ones_own_has_no_spec():
    with pytest.raises(SpecError, match="target_transform, func: a function"):
        to_spec(made(FunctionTransformer(lambda y: y, lambda y: y), cv=3))


@pytest.mark.parametrize("name", ["load", "ndarray", "frompyfunc", "nothing"])
def test_a_spec_names_functions_of_numbers_only(name):
    spec = to_spec(made(FunctionTransformer(np.log, np.exp), cv=3))
    text = json.dumps(spec).replace('{"$ufunc": "log"}', json.dumps({"$ufunc": name}))
    assert name in text
    with pytest.raises(SpecError, match="not one of NumPy's functions of single numbers"):
        from_spec(json.loads(text))


# -- auto ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "taken"),
    [
        (np.exp(np.linspace(0, 6, 160)), "log1p"),
        (np.append(np.exp(np.linspace(0, 6, 159)), 0.0), "log1p"),
        (np.append(np.exp(np.linspace(0, 6, 159)), -0.5), None),  # negative
        (np.linspace(1, 6, 160), None),  # not skewed
        (np.exp(np.linspace(0, 6, 160)) * 1e-6, None),  # of so small ones the logarithm is the same line
        (np.ones(160), None),
    ],
)
def test_auto_takes_the_logarithm_of_what_is_skewed_and_never_negative(y, taken):
    X = np.random.default_rng(0).normal(size=(160, 2))
    X[:, 0] = np.log1p(np.abs(y))  # on the logarithm a line is right
    ensemble = made("auto").fit(X, y)
    assert ensemble.target_transform_ == taken
    assert any("log1p" in note for note in ensemble.leaderboard_.notes) == (taken == "log1p")
    expected = made(taken).fit(X, y).predict(X)
    assert np.array_equal(ensemble.predict(X), expected)


def test_auto_is_decided_by_the_training_rows_of_each_fold_alone():
    """The targets of rows, however odd, change no prediction of a model that did not see them."""
    X = np.random.default_rng(3).normal(size=(90, 2))
    y = np.linspace(20, 60, 90)
    wild = y.copy()
    wild[:30] = np.exp(np.linspace(0, 6, 30))  # which alone make the target skewed
    X[:, 0] = np.log1p(wild)
    plain, odd = (made("auto", learners=("ridge",), cv=KFold(3), finalize="bag").fit(X, own) for own in (y, wild))
    unseen = np.arange(30)  # of the fold that holds these rows
    np.testing.assert_allclose(odd.oof_predictions_[unseen], plain.oof_predictions_[unseen], rtol=1e-9)
    assert plain.target_transform_ is None
    assert odd.target_transform_ == "log1p"
    assert not odd.members_["ridge"].models[0].transforms
    assert any(model.transforms for model in odd.members_["ridge"].models)


def test_auto_decides_for_each_target():
    X, y, X_new, _ = skewed(18)
    ensemble = made("auto").fit(X, np.column_stack([y, np.log(y)]))
    assert ensemble.target_transform_ == ["log1p", None]
    assert any("0: log1p, 1: as it is" in note for note in ensemble.leaderboard_.notes)
    expected = np.column_stack([made("log1p").fit(X, y).predict(X_new), made(None).fit(X, np.log(y)).predict(X_new)])
    np.testing.assert_allclose(ensemble.predict(X_new), expected, rtol=1e-6)


def test_without_one_nothing_is_said_of_it():
    X, y, _, _ = skewed(19)
    ensemble = made(None)
    with pytest.raises(NotFittedError):
        _ = ensemble.target_transform_
    assert ensemble.fit(X, y).target_transform_ is None
    assert not any("transformed" in note for note in ensemble.leaderboard_.notes)


# -- errors --------------------------------------------------------------------------


class Counting(RegressorMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y):
        Counting.fits += 1
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Wide(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.hstack([X, X])

    def inverse_transform(self, X):
        return X[:, :1]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ("log", ParameterError, "target_transform is 'log', expected None, 'auto', 'log1p' or a transformer"),
        (np.log1p, ParameterError, "expected None, 'auto', 'log1p' or a transformer"),
        (PowerTransformer, ParameterError, "an instance with fit, transform and inverse_transform"),
        (Ridge(), ParameterError, "an instance with fit, transform and inverse_transform"),
        ("log1p", InputError, "1 of 160 targets are -1 or less .the least is -2"),
        (PowerTransformer("box-cox"), ParameterError, "PowerTransformer cannot transform the target: ValueError"),
        (FunctionTransformer(np.exp), ParameterError, "FunctionTransformer does not bring the target back"),
        (Wide(), ParameterError, r"Wide.transform returned shape \(160, 2\), expected \(160, 1\)"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_fitted(given, kind, message, monkeypatch):
    monkeypatch.setattr(Counting, "fits", 0)
    X = np.random.default_rng(0).normal(size=(160, 2))
    y = np.append(np.linspace(1, 4, 159), -2.0)
    with pytest.raises(kind, match=message):
        made(given, [("counting", Counting())]).fit(X, y)
    assert Counting.fits == 0


def test_values_that_are_not_finite_are_refused():
    X, y, _, _ = skewed(20)
    y[0] = 0.0
    quiet = FunctionTransformer(np.reciprocal, np.reciprocal)
    with np.errstate(divide="ignore"), pytest.raises(ParameterError, match=r"not finite \(1 of 160\)"):
        made(quiet).fit(X, y)


def test_a_prediction_without_end_names_the_member():
    X, y, _, _ = skewed(21)
    with pytest.raises(MemberError, match="member 'far' .* not finite"):
        made("log1p", [("far", Far())]).fit(X, y)


class Far(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), 1e4)


def test_a_classifier_has_no_such_parameter():
    with pytest.raises(TypeError, match="target_transform"):
        byoe.EnsembleClassifier(target_transform="log1p")
