"""The metric decides: blends, choices and early stopping go by what the ensemble is scored by.

autogluon #643, #1005: members predict quantiles, and what weighs them has to know of quantiles, too.
scikit-learn #18997: a stack of quantile regressors is no quantile, since its last model fits the mean.
LightAutoML #94: under RMSLE the whole pipeline fails for the negative predictions of a linear model.
evalml #191: linear regression ends in an error under the squared logarithmic error.
scikit-learn #9963, #29678: one negative prediction among thousands; and the logarithm is there from -1 on.
scikit-learn #14300: a Poisson deviance cannot be had of a linear model's negative predictions.
auto-sklearn #522, #581: models were dropped from the ensemble by a threshold that fits other metrics.
auto-sklearn #1549: an F-score of blended probabilities is another one than that of the members.
photon-ml #96, scikit-learn #2439, #5023: the greatest value of a loss was taken for the best.
LightGBM #1371, #4549, #6223: boosters stop by the objective although another metric is asked for.
"""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.metrics import make_scorer
from sklearn.naive_bayes import GaussianNB

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts._blender import OOF
from byoe.contracts._task import Task
from byoe.errors import ParameterError
from byoe.scoring._metrics import find_metric

N = 700


def loss_scorer(function, **kwargs):
    return make_scorer(function, greater_is_better=False, **kwargs)


def eta_of(X):
    return 0.8 * X[:, 0] + 0.5 * np.sin(2 * X[:, 1]) + 0.3 * X[:, 2] * X[:, 0]


def counts(rng, X):
    return rng.poisson(np.exp(eta_of(X))).astype(float)


def amounts(rng, X):
    return np.exp(eta_of(X)) * rng.gamma(2.0, 0.5, len(X)) + 1e-3


def claims(rng, X):
    return np.array([rng.gamma(2.0 * k, 0.5) if k else 0.0 for k in rng.poisson(np.exp(eta_of(X) - 0.3))])


def skewed(rng, X):
    return eta_of(X) + rng.exponential(1 + 0.5 * (X[:, 2] > 0))


def heavy(rng, X):
    return eta_of(X) + 0.5 * rng.standard_t(3, len(X))


def rare(rng, X):
    return (eta_of(X) + 0.7 * rng.logistic(size=len(X)) > 1.2).astype(int)


def grades(rng, X):
    return np.digitize(eta_of(X) + 0.4 * rng.logistic(size=len(X)), [-0.4, 0.4, 1.2])


def forest(kind=RandomForestRegressor, **params):
    return kind(40, min_samples_leaf=5, random_state=0, **params)


def of_quantile(level):
    return [
        ("lgb", learner("lightgbm", objective="quantile", alpha=level, n_estimators=50, learning_rate=0.1)),
        ("hgb", learner("hist_gradient_boosting", loss="quantile", quantile=level, max_iter=50)),
        ("xgb", learner("xgboost", objective="reg:quantileerror", quantile_alpha=level, n_estimators=50)),
    ]


def of_positive(linear, objective):
    return [linear, forest(), ("lgb", learner("lightgbm", objective=objective, n_estimators=50)), "ridge"]


USUAL = [
    "ridge",
    ("lgb", learner("lightgbm", n_estimators=50)),
    forest(),
    ("extra", forest(ExtraTreesRegressor)),
]
CLASSES = ["ridge", ("lgb", learner("lightgbm", n_estimators=50)), forest(RandomForestClassifier), GaussianNB()]
CASES = {
    "quantile 0.9": (skewed, of_quantile(0.9), loss_scorer(metrics.mean_pinball_loss, alpha=0.9)),
    "quantile 0.1": (skewed, of_quantile(0.1), loss_scorer(metrics.mean_pinball_loss, alpha=0.1)),
    "tweedie": (
        claims,
        of_positive(TweedieRegressor(power=1.5, link="log"), "tweedie"),
        loss_scorer(metrics.mean_tweedie_deviance, power=1.5),
    ),
    "poisson": (counts, of_positive(PoissonRegressor(), "poisson"), "neg_mean_poisson_deviance"),
    "gamma": (amounts, of_positive(GammaRegressor(), "gamma"), "neg_mean_gamma_deviance"),
    "mae": (heavy, USUAL, "neg_mean_absolute_error"),
    "mape": (amounts, USUAL, "neg_mean_absolute_percentage_error"),
    "rmsle": (amounts, of_positive(GammaRegressor(), "gamma"), "neg_root_mean_squared_log_error"),
    "median error": (heavy, USUAL, "neg_median_absolute_error"),
    "r2": (heavy, USUAL, "r2"),
    "auc": (rare, CLASSES, "roc_auc"),
    "average precision": (rare, CLASSES, "average_precision"),
    "log-loss": (rare, CLASSES, "neg_log_loss"),
    "brier": (rare, CLASSES, "neg_brier_score"),
    "f1": (rare, CLASSES, "f1"),
    "f2": (rare, CLASSES, make_scorer(metrics.fbeta_score, beta=2)),
    "balanced accuracy": (rare, CLASSES, "balanced_accuracy"),
    "kappa": (grades, CLASSES, make_scorer(metrics.cohen_kappa_score, weights="quadratic")),
}


def excess(metric, y, blend, member, classes):
    """Return how much worse a blend is than a member on fresh rows, and its standard error.

    It is that of a jackknife over 25 parts of the fresh rows, and that of the choice on the rows that were known.
    """

    def loss(rows, prediction):
        return -metric.score(metric.value(y[rows], prediction[rows], classes=classes))

    def difference(rows):
        return loss(rows, blend) - loss(rows, member)

    parts = np.arange(len(y)) % 25
    differences = [difference(parts != part) for part in range(25)]
    return difference(parts >= 0), np.sqrt(24 * np.var(differences) * (1 + len(y) / N))


# Scores of classes take long to search for: of four that are searched for alike, one is tried both ways.
ONE_WAY = {("f2", False), ("balanced accuracy", True), ("kappa", True)}


@pytest.mark.parametrize(
    ("case", "weighted"),
    [(case, weighted) for case in CASES for weighted in (False, True) if (case, weighted) not in ONE_WAY],
    ids=lambda part: part if isinstance(part, str) else "weighted" * part,
)
def test_the_blend_is_not_worse_than_the_best_member_by_its_own_metric(case, weighted):
    make, members, scorer = CASES[case]
    rng = np.random.default_rng(5)
    X = rng.normal(size=(N + 6000, 4))
    y = make(rng, X)
    fresh, known = y[N:], y[:N]
    # Weights that stand for how often a row was drawn: the population stays the same.
    weight = rng.uniform(0.5, 1.5, N) if weighted else None
    kind = EnsembleClassifier if make in (rare, grades) else EnsembleRegressor
    ensemble = kind(members, metric=scorer, cv=3, random_state=1, n_jobs=1).fit(X[:N], known, sample_weight=weight)
    metric = find_metric(scorer, ensemble._task)
    assert np.isfinite(ensemble.score_estimate_)
    table = ensemble._read(X[N:])
    by_member = ensemble._member_predictions(table)
    blend = ensemble._blended(table)
    classes = getattr(ensemble, "classes_", None)
    for row in ensemble.leaderboard_.members:
        if row[metric.name] is None:  # a member that leaves where the metric is defined
            continue
        column = list(ensemble.members_).index(row["member"])
        try:
            worse, error = excess(metric, fresh, blend, by_member[:, column], classes)
        except ParameterError:  # which one may do on fresh rows only
            continue
        assert worse <= 2.5 * error, f"{row['member']}: {worse} +- {error}"
    if case.startswith("quantile"):
        level = float(case.split()[1])
        assert abs(np.mean(fresh <= blend) - level) < 0.03


def test_members_of_a_quantile_stay_one_in_every_blender_that_goes_by_the_metric():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000 + 4000, 3))
    y = skewed(rng, X)
    scorer = loss_scorer(metrics.mean_pinball_loss, alpha=0.9)
    ensemble = EnsembleRegressor(of_quantile(0.9), "mean", metric=scorer, cv=4, random_state=0).fit(X[:1000], y[:1000])
    table, fresh = ensemble._read(X[1000:]), y[1000:, None]
    by_member = np.mean(
        fresh <= ensemble._member_predictions(table), axis=0
    )  # a mean over folds is below it too seldom
    for name in ("weighted", "greedy", "best"):
        assert by_member.min() - 0.01 < np.mean(fresh[:, 0] <= ensemble.reblend(name).predict(X[1000:])) < 0.93
    for name in ("auto", "meta-linear"):
        assert abs(np.mean(fresh[:, 0] <= ensemble.reblend(name).predict(X[1000:])) - 0.9) < 0.03


def test_a_negative_member_under_a_metric_of_positive_values_gets_no_weight():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 4))
    y = counts(rng, X)
    for name in ("auto", "weighted", "greedy", "best"):
        members = ["ridge", PoissonRegressor(), forest()]
        ensemble = EnsembleRegressor(members, name, metric="neg_mean_poisson_deviance", cv=4, random_state=0).fit(X, y)
        assert {row["member"]: row["mean_poisson_deviance"] for row in ensemble.leaderboard_}["ridge"] is None
        assert ensemble.predict(rng.normal(size=(2000, 4))).min() > 0
        if hasattr(ensemble.blender_, "weights_"):
            assert ensemble.blender_.weights_[0] == 0


def test_a_blend_that_leaves_where_the_metric_is_defined_says_so_and_predicts():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 4))
    y = counts(rng, X)
    with pytest.warns(
        UserWarning, match=r"cannot score these predictions.*cross-validated predictions are not above 0"
    ):
        ensemble = EnsembleRegressor(["ridge"], metric="neg_mean_poisson_deviance", random_state=0).fit(X, y)
    assert np.isnan(ensemble.score_estimate_)
    assert ensemble.leaderboard_[0]["mean_poisson_deviance"] is None
    assert np.isfinite(ensemble.predict(X)).all()


@pytest.mark.parametrize(
    ("metric", "y", "message"),
    [
        ("neg_mean_gamma_deviance", [0.0, 1.0, 2.0], "cannot score this target: .*strictly positive"),
        ("neg_mean_squared_log_error", [-5.0, 1.0, 2.0], "cannot score this target"),
        (make_scorer(metrics.mean_absolute_error), [0.0, 1.0, 2.0], "is a loss, and the scorer says that greater"),
        (lambda y, p: 0.0, [0.0, 1.0, 2.0], "does not say whether greater is better"),
        (lambda estimator, X, y: X[:, 0].mean(), [0.0, 1.0, 2.0], "cannot score this target: IndexError"),
        (["mae", "rmse"], [0.0, 1.0, 2.0], r"metric is \['mae', 'rmse'\], expected 'auto', a scorer's name"),
    ],
)
def test_a_metric_that_cannot_do_is_refused_before_anything_is_fitted(metric, y, message, monkeypatch):
    monkeypatch.setattr("byoe.ensemble._base.cross_fit", None)
    with pytest.raises(ParameterError, match=message):
        EnsembleRegressor(["ridge"], metric=metric).fit(np.arange(60.0).reshape(-1, 1), np.tile(y, 20))


def test_a_metric_of_two_classes_is_refused_for_three(iris, monkeypatch):
    monkeypatch.setattr("byoe.ensemble._base.cross_fit", None)
    with pytest.raises(ParameterError, match="metric 'f1' cannot score this target: .*average"):
        EnsembleClassifier(["ridge"], metric="f1").fit(*iris)


@pytest.mark.parametrize("labels", [("no", "yes"), (2, 1)])
def test_scorers_in_blenders_see_the_labels_of_the_user(labels):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 4))
    y = np.array(labels)[rare(rng, X)]
    scorer = make_scorer(metrics.f1_score, pos_label=labels[1])
    first = EnsembleClassifier(["ridge", GaussianNB(), forest(RandomForestClassifier)], "greedy", metric=scorer, cv=4)
    ensemble = first.set_params(random_state=0, n_jobs=1).fit(X, y)
    plain = EnsembleClassifier(first.learners, "greedy", metric="f1", cv=4, random_state=0, n_jobs=1)
    plain.fit(X, (y == labels[1]).astype(int))
    assert ensemble.blender_.weights_ == pytest.approx(plain.blender_.weights_)
    assert ensemble.score_estimate_ == pytest.approx(plain.score_estimate_)
    expected = metrics.f1_score(y, ensemble.classes_[ensemble.oof_blend_.argmax(axis=1)], pos_label=labels[1])
    assert ensemble.score_estimate_ == pytest.approx(expected)


def test_functions_of_scikit_learn_are_metrics_as_their_scorers_are(diabetes, iris):
    X, y = diabetes
    by_function = EnsembleRegressor(["ridge", "knn"], metric=metrics.mean_absolute_error, random_state=0).fit(X, y)
    by_name = EnsembleRegressor(["ridge", "knn"], metric="mae", random_state=0).fit(X, y)
    assert by_function.score_estimate_ == pytest.approx(by_name.score_estimate_)
    assert np.array_equal(by_function.predict(X), by_name.predict(X))
    scored = EnsembleClassifier(["ridge", "knn"], metric=metrics.log_loss, random_state=0).fit(*iris)
    assert scored.score_estimate_ < 0


def test_several_targets_are_blended_by_the_metric_of_each():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 4))
    Y = np.column_stack([heavy(rng, X), -3 * heavy(rng, X)])
    together = EnsembleRegressor(["ridge", "knn", forest()], "weighted", metric="mae", cv=4, random_state=0).fit(X, Y)
    for target, fitted in enumerate(together.blender_.blenders_):
        oof = byoe.plugins.OOF(
            together.oof_predictions_[:, :, target],
            Y[:, target],
            Task("regression"),
            metric=find_metric("mae", Task("regression")),
        )
        assert fitted.weights_ == pytest.approx(byoe.blender("weighted").fit(oof).weights_)
    expected = np.abs(together.oof_blend_ - Y).mean()
    assert -together.score_estimate_ == pytest.approx(expected)


def test_meta_models_that_go_by_another_loss_say_so(diabetes):
    X, y = diabetes
    scorer = loss_scorer(metrics.mean_squared_log_error)
    with pytest.warns(UserWarning, match="'meta-linear' minimises another loss than metric='mean_squared_log_error'"):
        EnsembleRegressor(["ridge", "knn"], "meta-linear", metric=scorer, random_state=0).fit(X[:200], y[:200] + 500)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "hist_gradient_boosting", "catboost"])
def test_boosters_stop_by_the_metric(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 4))
    y = heavy(rng, X) + 20 * (rng.uniform(size=900) < 0.02)
    rounds = {}
    for metric in ("auto", "rmse", "mae", loss_scorer(metrics.mean_pinball_loss, alpha=0.8)):
        params = {"cv": 3, "random_state": 0, "n_jobs": 1}
        (member,) = EnsembleRegressor([name], metric=metric, **params).fit(X, y).members_.values()
        rounds[str(metric)] = [model.rounds for model in member.models]
    usual, same, *others = rounds.values()
    assert usual == same
    assert all(one != usual for one in others)


def test_rows_in_which_no_member_predicts_what_the_metric_has_a_value_for(rng):
    """A count of zero that every member predicts as zero: no weights make a Poisson deviance of that."""
    y = rng.poisson(1.0, 120).astype(float)
    P = np.column_stack([y, np.maximum(y + rng.normal(size=120), 0.0), y * 2])
    metric = find_metric("neg_mean_poisson_deviance", Task("regression"))
    weights = byoe.blender("weighted").fit(OOF(P, y, Task("regression"), metric=metric)).weights_
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] > 0.5


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("catboost", {"loss_function": "MultiQuantile:alpha=0.1,0.9"}),
        ("catboost", {"loss_function": "RMSEWithUncertainty"}),
        ("lightgbm", {"objective": "lambdarank"}),
        ("xgboost", {"objective": "rank:pairwise"}),
    ],
)
def test_losses_that_do_not_predict_one_value_for_a_row_are_refused_before_the_fit(name, params):
    with pytest.raises(ParameterError, match="a member predicts one value for each row"):
        EnsembleRegressor([learner(name, **params)]).fit(np.zeros((20, 1)), np.arange(20.0))


def test_several_quantiles_of_xgboost_are_refused_before_the_fit():
    several = learner("xgboost", objective="reg:quantileerror", quantile_alpha=[0.1, 0.9])
    with pytest.raises(ParameterError, match="quantile_alpha has 2 values"):
        EnsembleRegressor([several]).fit(np.zeros((20, 1)), np.arange(20.0))
