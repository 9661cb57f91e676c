"""Explanations: they add up, they are the libraries' own values, and what cannot be explained is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner, load
from byoe.contracts._blender import Linear
from byoe.contracts._learner import Explains
from byoe.engine._tasks import task_seed
from byoe.errors import ParameterError, PluginError
from byoe.fitted._additive import to_inputs
from byoe.plugins import Blender, Learner

FAST = {
    "catboost": {"iterations": 15, "depth": 3, "learning_rate": 0.3},
    "xgboost": {"n_estimators": 15, "max_depth": 3},
    "lightgbm": {"n_estimators": 15, "num_leaves": 6, "min_child_samples": 5},
    "ridge": {},
    "elastic_net": {"alpha": 0.01},
}
EXPLAINED = sorted(FAST)
BOOSTERS = ["catboost", "lightgbm", "xgboost"]


def make(name, **params):
    return learner(name, **{**FAST.get(name, {}), **params})


def regressor(*learners, blend="mean", **options):
    named = [make(item) if isinstance(item, str) else item for item in learners]
    return EnsembleRegressor(named, blend, **{"cv": 3, "random_state": 0, "n_jobs": 1, **options})


def classifier(*learners, blend="mean", **options):
    named = [make(item) if isinstance(item, str) else item for item in learners]
    return EnsembleClassifier(named, blend, **{"cv": 3, "random_state": 0, "n_jobs": 1, **options})


def assert_sums(ensemble, X):
    contributions = ensemble.explain(X)
    prediction = ensemble.predict(X)
    assert contributions.shape == (*prediction.shape, ensemble.n_features_in_ + 1)
    assert contributions.dtype == np.float64
    size = np.abs(contributions).sum(axis=-1)
    np.testing.assert_array_less(np.abs(contributions.sum(axis=-1) - prediction), 1e-5 * size + 1e-12)
    return contributions


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    return X, 5 * X[:, 0] + 2 * np.abs(X[:, 1]) + 0.1 * rng.normal(size=120) + 20


@pytest.fixture(scope="module")
def mixed():
    """Numbers, a category to be one-hot encoded, one with too many values for it, dates and missing cells."""
    rng = np.random.default_rng(1)
    n = 150
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue"], size=n),
            "age": rng.normal(50, 10, size=n),
            "town": rng.choice([f"town {i}" for i in range(25)], size=n),
            "sold": rng.random(n) < 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
        }
    )
    y = 3 * frame["size"] + 4 * (frame["colour"] == "red") + frame["age"] / 10 + 2 * frame["sold"] + 50
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "colour"] = None
    frame.loc[::13, "town"] = None
    new = frame.iloc[:40].copy()
    new.loc[:3, "colour"] = "violet"
    new.loc[2:5, "town"] = "elsewhere"
    return frame, y.to_numpy() + 0.1 * rng.normal(size=n), new


@pytest.fixture(scope="module")
def linear(numbers):
    X, y = numbers
    return regressor("ridge", make("elastic_net", alpha=0.5), ("bare", LinearRegression())).fit(X, y)


# -- they add up ---------------------------------------------------------------------


@pytest.mark.parametrize("finalize", ["bag", "refit"])
@pytest.mark.parametrize("name", EXPLAINED)
def test_contributions_to_mixed_columns_add_up(name, finalize, mixed):
    X, y, new = mixed
    contributions = assert_sums(regressor(name, finalize=finalize).fit(X, y), new)
    assert contributions[:, :-1].std(axis=0).argmax() in (0, 1)


@pytest.mark.parametrize("name", EXPLAINED)
def test_contributions_of_sparse_rows_add_up(name):
    rng = np.random.default_rng(2)
    X = csr_matrix(rng.normal(size=(120, 6)) * (rng.random((120, 6)) < 0.4))
    y = X @ np.arange(6.0) + 10
    ensemble = regressor(name).fit(X, y)
    contributions = assert_sums(ensemble, X)
    assert np.array_equal(contributions, ensemble.explain(X.toarray()))
    margins = classifier(name, finalize="refit").fit(X, np.digitize(y, [8, 12]))
    assert margins.explain(X, output="margin")[make(name).label].shape == (120, 3, 7)


@pytest.mark.parametrize(
    "made",
    [
        make("xgboost", booster="gblinear"),
        make("xgboost", booster="dart"),
        make("xgboost", num_parallel_tree=3, subsample=0.5),
        make("xgboost", objective="reg:absoluteerror"),
        make("lightgbm", boosting="dart"),
        make("lightgbm", boosting="rf", bagging_freq=1, bagging_fraction=0.5),
        make("lightgbm", objective="quantile", alpha=0.3),
        make("catboost", loss_function="MAE"),
        make("catboost", boost_from_average=False),
    ],
    ids=repr,
)
def test_other_kinds_of_boosters_add_up(made, numbers):
    X, y = numbers
    assert_sums(regressor(made, finalize="refit").fit(X, y), X)


@pytest.mark.parametrize("name", BOOSTERS)
def test_contributions_add_up_after_early_stopping(name, numbers):
    X, y = numbers
    rounds = {"catboost": "iterations"}.get(name, "n_estimators")
    made = learner(name, **{rounds: 200, "learning_rate": 0.3})
    ensemble = regressor(made, early_stopping=True, finalize="bag").fit(X, y)
    assert all(model.rounds for model in ensemble.members_[name].models)
    assert_sums(ensemble, X)


@pytest.mark.parametrize(
    "blend",
    [
        "mean",
        "best",
        "greedy",
        "weighted",
        "meta-linear",
        "auto",
        blender("weighted", weights=[3, 1, 0]),
        blender("meta-linear", passthrough=True),
        LinearRegression(),
        Ridge(fit_intercept=False),
        TweedieRegressor(power=0, link="identity"),
        SVR(kernel="linear", C=0.1),
    ],
    ids=repr,
)
def test_every_linear_blend_adds_up(blend, linear, numbers):
    X, _ = numbers
    assert_sums(linear.reblend(blend, X), X)


def test_features_that_pass_through_mixed_columns_are_given_to_them(mixed):
    X, y, new = mixed
    X, new = (frame.assign(side=np.where(frame["age"] > 50, "left", "right")) for frame in (X, new))
    through = blender("meta-linear", passthrough=["side", "age"])
    ensemble = regressor("ridge", "xgboost", blend=through).fit(X, y)
    through = assert_sums(ensemble, new)
    coef = ensemble.blender_.coef_
    alone = {
        label: ensemble.reblend(blender("weighted", weights=[label == "ridge", label == "xgboost"])).explain(new)
        for label in ensemble.members_
    }
    members = coef[0] * alone["ridge"] + coef[1] * alone["xgboost"]
    age = (new["age"] - X["age"].mean()) / X["age"].std(ddof=0) * coef[2 + 2]
    np.testing.assert_allclose(through[:, 2] - members[:, 2], age, rtol=0, atol=1e-9)
    side = list(X.columns).index("side")
    assert np.ptp(through[:, side] - members[:, side]) > 0


def test_a_blend_is_the_blend_of_its_members_contributions(mixed):
    X, y, new = mixed
    ensemble = regressor("ridge", "xgboost", "lightgbm", blend=blender("weighted", weights=[1, 2, 5])).fit(X, y)
    alone = [ensemble.reblend(blender("weighted", weights=row)).explain(new) for row in np.eye(3)]
    np.testing.assert_allclose(ensemble.explain(new), np.tensordot([1 / 8, 2 / 8, 5 / 8], alone, 1), atol=1e-12)
    meta = ensemble.reblend(LinearRegression())
    expected = np.tensordot(meta.blender_.estimator_.coef_, alone, 1)
    expected[:, -1] += meta.blender_.estimator_.intercept_
    np.testing.assert_allclose(meta.explain(new), expected, atol=1e-12)


def test_a_bag_is_the_mean_of_its_fold_models(mixed):
    X, y, new = mixed
    ensemble = regressor("lightgbm", finalize="bag").fit(X, y)
    table = ensemble._read(new)
    models = ensemble.members_["lightgbm"].models
    assert len(models) == 3
    mean = to_inputs(np.mean([model.contributions(table.features) for model in models], axis=0), table.sources)
    np.testing.assert_allclose(ensemble.explain(new), mean, atol=1e-12)


@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_several_targets_are_explained_one_by_one(finalize, numbers):
    X, y = numbers
    Y = np.column_stack([y, -3 * y + 7 * X[:, 2], X[:, 3]])
    options = {"blend": blender("weighted", weights=[1, 3]), "finalize": finalize, "cv": 4}
    together = regressor("ridge", "xgboost", **options).fit(X, Y)
    contributions = assert_sums(together, X)
    assert contributions.shape == (120, 3, 5)
    for output in range(3):
        alone = regressor("ridge", "xgboost", **options).fit(X, Y[:, output])
        np.testing.assert_allclose(contributions[:, output], alone.explain(X), atol=1e-5)
    for blend in ("weighted", "meta-linear", LinearRegression()):
        assert_sums(together.reblend(blend), X)


def test_a_constant_target_is_all_base_value(numbers):
    X, _ = numbers
    contributions = assert_sums(regressor("catboost").fit(X, np.full(120, 7.0)), X)
    assert (contributions[:, :-1] == 0).all()
    assert (contributions[:, -1] == 7).all()


def test_the_number_of_threads_changes_nothing(mixed):
    X, y, new = mixed
    ensemble = regressor(*BOOSTERS, finalize="refit").fit(X, y)
    values = ensemble._read(new).features
    for member in ensemble.members_.values():
        (model,) = member.models
        one = model.contributions(values, threads=1)
        np.testing.assert_allclose(model.contributions(values, threads=2), one, atol=1e-12)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 1000))
def test_columns_go_back_to_their_inputs_and_nothing_is_lost(widths, seed):
    sources = np.repeat(np.arange(len(widths)), widths)
    values = np.random.default_rng(seed).normal(size=(3, 2, len(sources) + 1))
    summed = to_inputs(values, sources)
    assert summed.shape == (3, 2, len(widths) + 1)
    np.testing.assert_allclose(summed.sum(axis=-1), values.sum(axis=-1), atol=1e-12)
    for column in range(len(widths)):
        own = values[..., :-1][..., sources == column].sum(axis=-1)
        np.testing.assert_allclose(summed[..., column], own, atol=1e-12)
    assert np.array_equal(summed[..., -1], values[..., -1])


# -- they are what they should be ----------------------------------------------------


def native_values(name, X, y, seed):
    """SHAP values of a model that the library itself trained, with its column 3 as a category."""
    kinds = ["q", "q", "q", "c"]
    if name == "xgboost":
        import xgboost

        data = xgboost.DMatrix(X, label=y, feature_types=kinds, enable_categorical=True, nthread=1)
        booster = xgboost.train({"max_depth": 3, "nthread": 1, "seed": seed}, data, 15)
        return booster.predict(data, pred_contribs=True)
    if name == "lightgbm":
        import lightgbm

        params = {"num_leaves": 6, "min_child_samples": 5, "num_threads": 1, "verbosity": -1, "seed": seed}
        params |= {"deterministic": True, "force_col_wise": True}
        data = lightgbm.Dataset(X, label=y, categorical_feature=[3], params=params)
        return lightgbm.train(params, data, 15).predict(X, pred_contrib=True)
    from catboost import CatBoostRegressor, Pool

    cells = pd.DataFrame(X).astype({3: int})
    model = CatBoostRegressor(
        iterations=15, depth=3, learning_rate=0.3, thread_count=1, random_seed=seed, verbose=False, allow_writing_files=False
    )  # fmt: skip
    pool = Pool(cells, y, cat_features=[3])
    return model.fit(pool).get_feature_importance(pool, type="ShapValues")


@pytest.mark.parametrize("name", BOOSTERS)
def test_they_equal_the_librarys_own_values(name):
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=(400, 3)), np.arange(400) % 3])
    y = X[:, 0] + X[:, 1] * X[:, 2] + 3 * (X[:, 3] == 1)
    X[::9, 0] = np.nan
    ensemble = regressor(name, finalize="refit", categorical=[3]).fit(X, y)
    expected = native_values(name, X, y, task_seed(ensemble._record.seed, name, -1))
    np.testing.assert_allclose(ensemble.explain(X), expected, rtol=1e-6, atol=1e-6)


def test_a_linear_member_has_its_terms_on_standardised_columns(numbers):
    X, y = numbers
    X = X * [1, 100, 0.01, 1] + [0, 3, 0, 1000]
    holes = X.copy()
    holes[::5, 1] = np.nan
    filled = np.where(np.isnan(holes), np.nanmedian(holes, axis=0), holes)
    scaler = StandardScaler().fit(filled)
    fitted = Ridge().fit(scaler.transform(filled), y)
    contributions = regressor("ridge", finalize="refit").fit(holes, y).explain(holes)
    np.testing.assert_allclose(contributions[:, :-1], scaler.transform(filled) * fitted.coef_, atol=1e-9)
    np.testing.assert_allclose(contributions[:, -1], y.mean())
    np.testing.assert_allclose(contributions[:, :-1].mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        Lasso(0.1),
        SGDRegressor(random_state=0),
        LinearSVR(random_state=0),
        SVR(kernel="linear"),
        TweedieRegressor(power=0, link="identity"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_linear_estimator_has_its_terms(estimator, numbers):
    X, y = numbers
    ensemble = regressor(("own", estimator), finalize="refit").fit(X, y)
    fitted = ensemble.members_["own"].models[0].models[0].estimator
    expected = np.column_stack([X * np.ravel(fitted.coef_), np.full(120, np.ravel(fitted.intercept_)[0])])
    np.testing.assert_allclose(ensemble.explain(X), expected, atol=1e-9)


def test_an_estimator_of_a_frame_is_explained_by_its_columns(numbers):
    X, y = numbers
    frame = pd.DataFrame(X, columns=list("abcd"))
    own = regressor(("own", LinearRegression()), finalize="refit")
    np.testing.assert_allclose(own.fit(frame, y).explain(frame), own.fit(X, y).explain(X), atol=1e-9)


def test_encoded_columns_are_summed_back_to_their_inputs(mixed):
    X, y, new = mixed
    ensemble = regressor("ridge", finalize="refit").fit(X, y)
    (model,) = ensemble.members_["ridge"].models
    coef = model.models[0].coef[0]
    table = ensemble._read(new)
    encoded = model.encoder.transform(table.features)
    sources = table.sources[model.encoder.sources]
    # Of the date its days and days of the month as they are, and a column for each of ten months and each weekday.
    assert [int((sources == column).sum()) for column in range(6)] == [1, 4, 1, 1, 1, 2 + 10 + 7]
    contributions = ensemble.explain(new)
    blue, green, red, missing = coef[1:5]
    by_colour = {"blue": blue, "green": green, "red": red, "violet": 0.0}
    expected = [missing if pd.isna(colour) else by_colour[colour] for colour in new["colour"]]
    np.testing.assert_allclose(contributions[:, 1], expected, atol=1e-12)
    for column in (0, 2, 3, 4, 5):
        own = sources == column
        np.testing.assert_allclose(contributions[:, column], encoded[:, own] @ coef[own], atol=1e-12)


def test_an_ensemble_in_an_ensemble_is_explained(numbers):
    X, y = numbers
    inner = regressor("ridge", "xgboost")
    ensemble = regressor(("inner", inner), "ridge", finalize="refit").fit(X, y)
    assert_sums(ensemble, X)


# -- what cannot be explained --------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("xgboost", {"objective": "count:poisson"}, "count:poisson"),
        ("xgboost", {"objective": "reg:gamma"}, "reg:gamma"),
        ("xgboost", {"objective": "reg:tweedie"}, "reg:tweedie"),
        ("lightgbm", {"objective": "poisson"}, "poisson"),
        ("lightgbm", {"objective": "gamma"}, "gamma"),
        ("lightgbm", {"objective": "tweedie"}, "tweedie"),
        ("catboost", {"loss_function": "Poisson"}, "Poisson"),
        ("catboost", {"loss_function": "Tweedie:variance_power=1.5"}, "Tweedie:variance_power=1.5"),
    ],
)
def test_objectives_with_a_log_link_are_refused(name, params, told, numbers):
    X, y = numbers
    ensemble = regressor("ridge", make(name, **params)).fit(X, np.abs(y))
    message = rf"member '{name}' cannot be explained: .*do not add up .*objective '{told}' has a link function, such as the logarithm"
    with pytest.raises(ParameterError, match=message):
        ensemble.explain(X, method="exact")
    with pytest.raises(ParameterError, match="link function"):
        ensemble.explain(X[:1], method="exact")


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "knn", "mlp", "random_forest", "svm"])
def test_members_without_contributions_are_named(name, numbers):
    X, y = numbers
    params = {"mlp": {"hidden_layer_sizes": [2], "tol": 1.0}, "random_forest": {"n_estimators": 3}}.get(name, {})
    ensemble = regressor("ridge", learner(name, **params)).fit(X, y)
    with pytest.raises(ParameterError, match=rf"member '{name}' cannot be explained: .* has no additive contributions"):
        ensemble.explain(X, method="exact")
    with pytest.raises(ParameterError, match=r"Leave it out by drop_members\('\w+'\), or give it the weight zero"):
        ensemble.explain(X, method="exact")
    alone = ensemble.reblend(blender("weighted", weights=[1, 0]))
    assert_sums(alone, X)


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (make_pipeline(StandardScaler(), LinearRegression()), "pipeline has no contributions of its input columns"),
        (PoissonRegressor(), "PoissonRegressor has a link function"),
        (DecisionTreeRegressor(max_depth=2), "DecisionTreeRegressor has no additive contributions"),
        (
            XGBRegressor(n_estimators=2, n_jobs=1),
            "XGBRegressor has no additive contributions.*the learners catboost, xgboost",
        ),
        (PLSRegression(), "do not add up to the predictions"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimators_that_are_not_linear_in_their_columns_are_refused(estimator, reason, numbers):
    X, y = numbers
    ensemble = regressor("ridge", ("own", estimator)).fit(X, np.abs(y))
    with pytest.raises(ParameterError, match=f"member 'own' cannot be explained: .*{reason}"):
        ensemble.explain(X, method="exact")


@pytest.mark.parametrize(
    "made",
    [make("catboost", grow_policy="Lossguide", iterations=60, depth=5), make("lightgbm", linear_tree=True)],
    ids=repr,
)
def test_trees_that_their_library_explains_wrongly_or_not_at_all_are_refused(made, numbers, capfd):
    X, y = numbers
    ensemble = regressor(made, finalize="refit").fit(X, y + 1e6)  # whose rounding must not hide it
    with pytest.raises(ParameterError, match="not exact with these parameters|not implemented for linear trees"):
        ensemble.explain(X, method="exact")
    capfd.readouterr()  # LightGBM prints its error too


@pytest.mark.parametrize(
    ("blend", "reason"),
    [
        ("vote", "blender vote is not a linear blend"),
        (RandomForestRegressor(5, random_state=0), "blender RandomForestRegressor is not a linear blend"),
        (make_pipeline(StandardScaler(), Ridge()), "blender Pipeline is not a linear blend"),
        (PoissonRegressor(), "blender PoissonRegressor is not linear, or has a link function"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_blends_that_are_not_linear_are_refused(blend, reason, linear, numbers):
    X, y = numbers
    assert y.min() > 0
    with pytest.raises(ParameterError, match=reason):
        linear.reblend(blend).explain(X, method="exact")


def test_a_blender_that_is_wrong_about_itself_is_found_out(linear, numbers):
    class Largest(Blender):
        """Not linear, whatever it says."""

        def fit(self, oof):
            return self

        def predict(self, predictions, X=None):
            return predictions.max(axis=1)

        def linear(self, X=None):
            return Linear(np.full(3, 1 / 3))

    X, y = numbers
    with pytest.raises(ParameterError, match="do not add up"):
        linear.reblend(Largest()).explain(X, method="exact")
    far = regressor("ridge", "xgboost", "lightgbm", blend=Largest()).fit(X, y + 1e6)
    with pytest.raises(ParameterError, match="do not add up"):
        far.explain(X, method="exact")
    assert_sums(far.reblend("mean"), X)


class Slope(Learner):
    """A plugin's learner, with contributions if it is told so."""

    tasks = frozenset({"regression"})

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        return SlopeModel() if self.own_params().get("plain") else ExplainedSlope(self.own_params().get("columns", 1))


class SlopeModel:
    def predict(self, X, *, threads=1):
        return 2.0 * X[:, 0] + 1.0

    def save(self, folder):
        pass


class ExplainedSlope(SlopeModel):
    def __init__(self, columns):
        self.columns = columns

    def contributions(self, X, *, threads=1):
        return np.column_stack([2.0 * X[:, 0], *[np.zeros(len(X))] * (X.shape[1] - self.columns), np.ones(len(X))])


def test_a_plugins_model_is_explained_if_it_can_be(numbers):
    X, y = numbers
    ensemble = regressor(("slope", Slope()), "ridge").fit(X, y)
    assert isinstance(ensemble.members_["slope"].models[0].models[0], Explains)
    assert_sums(ensemble, X)
    assert ensemble.reblend(blender("weighted", weights=[1, 0])).explain(X)[0].tolist() == [2 * X[0, 0], 0, 0, 0, 1]
    with pytest.raises(ParameterError, match="member 'slope' .*SlopeModel has no additive contributions"):
        regressor(("slope", Slope(plain=True))).fit(X, y).explain(X, method="exact")
    with pytest.raises(
        PluginError, match=r"ExplainedSlope returned contributions of shape \(120, 4\), expected \(120, 5\)"
    ):
        regressor(("slope", Slope(columns=2))).fit(X, y).explain(X)


def test_it_wants_a_fitted_ensemble_and_the_same_columns(linear, numbers):
    X, _ = numbers
    with pytest.raises(NotFittedError):
        regressor("ridge").explain(X, method="exact")
    with pytest.raises(ValueError, match="X has 3 features"):
        linear.explain(X[:, :3], method="exact")


# -- classes -------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", EXPLAINED)
def test_margins_add_up_to_the_log_odds(name, classes, mixed):
    X, y, new = mixed
    labels = np.array(["low", "middle", "top"])[np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))]
    ensemble = classifier(name, finalize="refit").fit(X, labels)
    margins = ensemble.explain(new, output="margin")[make(name).label]
    probabilities = ensemble.predict_proba(new)
    if classes == 2:
        assert margins.shape == (40, 7)
        np.testing.assert_allclose(expit(margins.sum(axis=-1)), probabilities[:, 1], atol=1e-6)
    else:
        assert margins.shape == (40, 3, 7)
        np.testing.assert_allclose(softmax(margins.sum(axis=-1), axis=1), probabilities, atol=1e-6)


def test_margins_of_a_bag_are_the_means_over_its_fold_models(numbers):
    X, y = numbers
    ensemble = classifier("xgboost", "ridge", finalize="bag").fit(X, y > 20)
    margins = ensemble.explain(X, output="margin")
    assert list(margins) == ["xgboost", "ridge"]
    for label, member in ensemble.members_.items():
        odds = [np.diff(np.log(model.predict(X)))[:, 0] for model in member.models]
        np.testing.assert_allclose(margins[label].sum(axis=-1), np.mean(odds, axis=0), atol=1e-4)


def test_a_linear_classifier_has_its_terms(numbers):
    X, y = numbers
    ensemble = classifier(("own", LogisticRegression()), finalize="refit").fit(X, y > 20)
    fitted = LogisticRegression().fit(X, y > 20)
    margins = ensemble.explain(X, output="margin")["own"]
    np.testing.assert_allclose(margins[:, :-1], X * fitted.coef_, atol=1e-9)
    np.testing.assert_allclose(margins[:, -1], fitted.intercept_[0])


@pytest.mark.filterwarnings("ignore:60 of 60 rows have a copy")
def test_constant_columns_leave_the_log_odds_of_the_shares():
    X, y = np.ones((60, 2)), np.repeat([0, 1, 2], [30, 20, 10])
    margins = classifier("catboost", finalize="refit").fit(X, y).explain(X, output="margin")["catboost"]
    np.testing.assert_allclose(softmax(margins.sum(axis=-1), axis=1)[0], [3 / 6, 2 / 6, 1 / 6])
    margins = classifier("catboost", finalize="refit").fit(X, y > 1).explain(X, output="margin")["catboost"]
    np.testing.assert_allclose(margins[0], [0, 0, np.log(1 / 5)])


def test_probabilities_have_no_exact_contributions(numbers):
    X, y = numbers
    ensemble = classifier("ridge", "knn").fit(X, y > 20)
    with pytest.raises(ParameterError, match=r"no additive contributions; explain\(X, output='margin'\)"):
        ensemble.explain(X, method="exact")
    with pytest.raises(ParameterError, match="margins are explained exactly or not at all"):
        ensemble.explain(X, output="margin", method="permutation")
    with pytest.raises(ParameterError, match="output is 'log_odds', expected 'probability' or 'margin'"):
        ensemble.explain(X, output="log_odds")
    with pytest.raises(ParameterError, match="member 'knn' cannot be explained: KNeighborsClassifier"):
        ensemble.explain(X, output="margin")
    alone = ensemble.reblend(blender("weighted", weights=[1, 0]))
    assert list(alone.explain(X, output="margin")) == ["ridge"]


@pytest.mark.parametrize("blend", ["vote", "meta-linear", LogisticRegression()], ids=repr)
def test_margins_are_those_of_the_members_whatever_the_blend(blend, numbers):
    X, y = numbers
    ensemble = classifier("ridge", "lightgbm").fit(X, y > 20)
    margins = ensemble.reblend(blend).explain(X, output="margin")
    for label, expected in ensemble.explain(X, output="margin").items():
        assert np.array_equal(margins[label], expected)


@pytest.mark.parametrize(
    ("name", "params"), [("lightgbm", {"objective": "multiclassova"}), ("catboost", {"loss_function": "MultiClassOneVsAll"})]
)  # fmt: skip
def test_probabilities_that_are_not_those_of_a_margin_are_refused(name, params, numbers):
    X, y = numbers
    ensemble = classifier(make(name, **params), metric="accuracy").fit(X, np.digitize(y, [18, 22]))
    with pytest.raises(ParameterError, match=f"member '{name}' .*not the logistic function of a margin"):
        ensemble.explain(X, output="margin")


def test_a_fold_without_one_of_the_classes_has_no_margin_for_it(numbers):
    X, _ = numbers
    y = np.repeat([0, 1, 2], 40)
    y[y == 2] = 0
    y[:3] = 2
    folds = [(np.arange(3, 120), np.arange(3)), (np.arange(0, 117), np.arange(117, 120))]
    with pytest.warns(UserWarning, match="bag"):
        ensemble = classifier("ridge", cv=folds, finalize="bag").fit(X, y)
    with pytest.raises(ParameterError, match="lacked a class.*finalize='refit'"):
        ensemble.explain(X, output="margin")


# -- importances ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [*EXPLAINED, "random_forest", "extra_trees"])
@pytest.mark.parametrize("kind", [regressor, classifier])
def test_importances_sum_to_one_and_find_the_informative_column(kind, name, numbers):
    X, y = numbers
    params = {"n_estimators": 10} if name not in FAST else {}
    ensemble = kind(make(name, **params)).fit(X, y if kind is regressor else np.digitize(y, [18, 24]))
    importances = ensemble.feature_importances_
    assert importances.shape == (4,)
    assert (importances >= 0).all()
    assert importances.sum() == pytest.approx(1)
    assert importances.argmax() == 0


@pytest.mark.parametrize("name", BOOSTERS)
def test_importances_are_the_librarys_own(name, numbers):
    X, y = numbers
    ensemble = regressor(name, finalize="refit").fit(X, y)
    model = ensemble.members_[name].models[0].models[0]
    if name == "catboost":
        own = np.asarray(model.model.feature_importances_)
    elif name == "lightgbm":
        own = model.booster.feature_importance("gain")
    else:
        scores = model.booster.get_score(importance_type="total_gain")
        own = np.array([scores.get(f"f{column}", 0.0) for column in range(4)])
    np.testing.assert_allclose(ensemble.feature_importances_, own / own.sum(), rtol=1e-6)


def test_importances_of_linear_members_do_not_depend_on_units(numbers):
    X, y = numbers
    Y = np.column_stack([y, X[:, 2]])
    plain = regressor("ridge").fit(X, Y).feature_importances_
    scaled = regressor("ridge").fit(X * [1, 1e3, 1e-3, 7], Y * [1, 1e4]).feature_importances_
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)
    np.testing.assert_allclose(plain[[0, 2]], 0.5, atol=0.1)


def test_importances_of_encoded_columns_are_added_up(mixed):
    X, y, _ = mixed
    ensemble = regressor("ridge", finalize="refit").fit(X, y)
    sizes = np.abs(ensemble.members_["ridge"].models[0].models[0].coef[0])
    sources = ensemble._form.sources[ensemble.members_["ridge"].models[0].encoder.sources]
    added = np.bincount(sources, weights=sizes)
    np.testing.assert_allclose(ensemble.feature_importances_, added / added.sum())


def test_importances_are_averaged_over_fold_models_and_members_by_weight(numbers):
    X, y = numbers
    ensemble = regressor("ridge", "lightgbm", "knn", blend=blender("weighted", weights=[1, 3, 6]), finalize="bag").fit(
        X, y
    )
    folds = [model.models[0].booster.feature_importance("gain") for model in ensemble.members_["lightgbm"].models]
    trees = np.mean([own / own.sum() for own in folds], axis=0)
    linear = ensemble.reblend(blender("weighted", weights=[1, 0, 0])).feature_importances_
    np.testing.assert_allclose(ensemble.feature_importances_, 0.25 * linear + 0.75 * trees)
    voted = ensemble.reblend("vote")
    np.testing.assert_allclose(voted.feature_importances_, 0.5 * linear + 0.5 * trees)
    meta = ensemble.reblend("meta-linear")
    a, b = np.abs(meta.blender_.coef_[:2]) / np.abs(meta.blender_.coef_[:2]).sum()
    np.testing.assert_allclose(meta.feature_importances_, a * linear + b * trees)


def test_importances_of_an_estimator_are_its_own(numbers):
    X, y = numbers
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    ensemble = regressor(("tree", tree), finalize="refit").fit(X, y)
    np.testing.assert_allclose(ensemble.feature_importances_, tree.fit(X, y).feature_importances_)


def test_members_that_tell_nothing_leave_no_importances(numbers):
    X, y = numbers
    assert not hasattr(regressor("ridge"), "feature_importances_")
    silent = ["knn", make("xgboost", booster="gblinear"), ("bare", LinearRegression())]
    ensemble = regressor(*silent).fit(X, y)
    with pytest.raises(AttributeError, match="none of the members 'knn', 'xgboost', 'bare' .* tells"):
        _ = ensemble.feature_importances_
    zero = regressor("ridge", "knn", blend=blender("weighted", weights=[0, 1])).fit(X, y)
    assert not hasattr(zero, "feature_importances_")


# -- saved ---------------------------------------------------------------------------


def test_a_loaded_ensemble_explains_the_same(mixed, tmp_path):
    X, y, new = mixed
    ensemble = regressor(*EXPLAINED).fit(X, y)
    ensemble.save(tmp_path / "regressor")
    loaded = load(tmp_path / "regressor")
    assert np.array_equal(loaded.explain(new), ensemble.explain(new))
    np.testing.assert_allclose(loaded.feature_importances_, ensemble.feature_importances_, rtol=1e-9)
    votes = classifier(*EXPLAINED).fit(X, np.digitize(y, [54, 58]))
    votes.save(tmp_path / "classifier")
    loaded = load(tmp_path / "classifier")
    for label, margins in votes.explain(new, output="margin").items():
        assert np.array_equal(loaded.explain(new, output="margin")[label], margins)
    np.testing.assert_allclose(loaded.feature_importances_, votes.feature_importances_, rtol=1e-9)


def test_a_loaded_objective_with_a_link_is_still_named(numbers, tmp_path):
    X, y = numbers
    made = [make("xgboost", objective="count:poisson"), make("lightgbm", objective="poisson")]
    made.append(make("catboost", loss_function="Poisson"))
    ensemble = regressor(*made).fit(X, y)
    ensemble.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    for row in np.eye(3):
        with pytest.raises(ParameterError, match="(?i)objective '(count:)?poisson' has a link function"):
            loaded.reblend(blender("weighted", weights=row)).explain(X, method="exact")
