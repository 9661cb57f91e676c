"""Members of every kind, with missing cells and categories."""

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble as forests
from sklearn import linear_model
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model._base import LinearModel
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators
from tests.onnx.graphs import MEMBERS, SINGLE, check, onnx, tolerance_of

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.data._calendar import PARTS
from byoe.errors import ColumnWarning, LeakageWarning


@pytest.mark.parametrize("finalize", ["bag", "refit"])
@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_a_regression(name, finalize, diabetes, tmp_path):
    X, y = diabetes
    fitted = EnsembleRegressor([("m", MEMBERS[name])], "mean", cv=3, finalize=finalize, random_state=0)
    check(fitted.fit(X[::2], y[::2]), X, tmp_path, tolerance_of(name))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_two_classes(name, cancer, tmp_path):
    X, y = cancer
    X = X[:, :12]  # so that neighbours are found by exact distances here too
    fitted = EnsembleClassifier([("m", MEMBERS[name])], "mean", cv=2, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, tolerance_of(name))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_three_classes(name, iris, tmp_path):
    X, y = iris
    fitted = EnsembleClassifier([("m", MEMBERS[name])], "mean", cv=2, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, tolerance_of(name))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_several_outputs(name, diabetes, tmp_path):
    X, y = diabetes
    fitted = EnsembleRegressor([("m", MEMBERS[name])], "mean", cv=2, random_state=0)
    found = check(fitted.fit(X[::2], np.column_stack([y, -(y**1.5)])[::2]), X, tmp_path, tolerance_of(name))
    assert found["prediction"].shape == (442, 2)


def test_byoes_own_learners_need_no_other_converter(diabetes, iris, tmp_path, monkeypatch):
    """Were they to fall through to another library, its precision would be theirs."""
    from byoe.onnx import _sklearn

    def fail(_graph, model, *_):
        raise AssertionError(type(model).__name__)

    monkeypatch.setattr(_sklearn, "by_skl2onnx", fail)
    members = [(f"m{i}", member) for i, member in enumerate(MEMBERS.values())]
    EnsembleRegressor(members, "mean", cv=2).fit(*diabetes).to_onnx(tmp_path / "a.onnx")
    EnsembleClassifier(members, "mean", cv=2).fit(*iris).to_onnx(tmp_path / "b.onnx")


CHECKED_ON_BOTH = {
    "gradient boosting": forests.GradientBoostingClassifier(n_estimators=4, random_state=0),
    "tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "discriminant": LinearDiscriminantAnalysis(),
    "quadratic": make_pipeline(PCA(2), QuadraticDiscriminantAnalysis()),
    "naive Bayes": GaussianNB(),
    "SGD": make_pipeline(StandardScaler(), linear_model.SGDClassifier(loss="log_loss", random_state=0)),
    "Huber": make_pipeline(RobustScaler(), linear_model.SGDClassifier(loss="modified_huber", random_state=0)),
    "pipeline": make_pipeline(StandardScaler(), SimpleImputer(), MinMaxScaler(), linear_model.LogisticRegression()),
    "whitened": make_pipeline(PCA(2, whiten=True), linear_model.LogisticRegression()),
    "singular": make_pipeline(TruncatedSVD(2, random_state=0), linear_model.LogisticRegression(max_iter=1000)),
    "selected": make_pipeline(VarianceThreshold(), SelectKBest(k=3), linear_model.LogisticRegression(max_iter=5000)),
    "lengths": make_pipeline(MaxAbsScaler(), Normalizer(), linear_model.LogisticRegression()),
}


@pytest.mark.parametrize("name", CHECKED_ON_BOTH)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_estimators_of_classes(name, n_classes, iris, cancer, tmp_path):
    """Two-class discriminant analysis is what another converter gets wrong in silence."""
    X, y = iris if n_classes == 3 else cancer
    X = X[:, :4]
    fitted = EnsembleClassifier([("m", CHECKED_ON_BOTH[name])], "mean", cv=2, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, 1e-10)


LINEAR = [
    kind
    for name, kind in all_estimators(type_filter="regressor")
    if issubclass(kind, LinearModel) and not name.startswith("MultiTask")
]


@pytest.mark.parametrize("kind", LINEAR, ids=lambda kind: kind.__name__)
def test_every_linear_regressor_is_its_coefficients(kind, diabetes):
    """The direct conversion takes all estimators of this kind to be so."""
    from byoe.tools._estimators import linear_terms

    X, y = diabetes
    options = {"max_iter": 100_000} if kind in (LinearSVR, linear_model.HuberRegressor) else {}
    model = kind(**options).fit(X, y)
    coef, intercept = linear_terms(model)
    assert np.allclose(X @ coef[0] + intercept, np.ravel(model.predict(X)), rtol=1e-10)


REGRESSORS = {
    "least squares": linear_model.LinearRegression(),
    "Bayesian": linear_model.BayesianRidge(),
    "Poisson": linear_model.PoissonRegressor(max_iter=1000),
    "gamma": linear_model.GammaRegressor(max_iter=1000),
    "gradient boosting": forests.GradientBoostingRegressor(n_estimators=4, random_state=0),
    "tree": DecisionTreeRegressor(max_depth=4, random_state=0),
    "LightGBM, Poisson": learner("lightgbm", objective="poisson", n_estimators=4),
    "LightGBM, a forest": learner("lightgbm", boosting="rf", bagging_freq=1, subsample=0.5, n_estimators=4),
    "CatBoost, Poisson": learner("catboost", loss_function="Poisson", iterations=4),
    "CatBoost, by depth": learner("catboost", grow_policy="Depthwise", iterations=4),
    "histograms, Poisson": learner("hist_gradient_boosting", loss="poisson", max_iter=4),
    "xgboost, Poisson": learner("xgboost", objective="count:poisson", n_estimators=4),
    "xgboost, gamma": learner("xgboost", objective="reg:gamma", n_estimators=4),
    "xgboost, dart": learner("xgboost", booster="dart", n_estimators=4),
    "xgboost, forests": learner("xgboost", num_parallel_tree=3, subsample=0.5, n_estimators=4),
    "SVR, polynomial": learner("svm", kernel="poly", coef0=1.0),
    "SVR, linear": learner("svm", kernel="linear"),
    "MLP of bins": learner("mlp", hidden_units=[6], n_bins=5, n_epochs=5),
    "MLP of scikit-learn": learner("mlp", hidden_layer_sizes=[6, 4], tol=1e-2),
    "MLP, tanh": learner("mlp", hidden_layer_sizes=[5], activation="tanh", max_iter=100, tol=1e-2),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_kinds_of_regressors(name, diabetes, tmp_path):
    X, y = diabetes
    fitted = EnsembleRegressor([("m", REGRESSORS[name])], "mean", cv=2, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, tolerance_of(name))


def test_wrappers_of_the_boosters(diabetes, tmp_path):
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    X, y = diabetes
    members = [
        CatBoostRegressor(iterations=4, verbose=False, allow_writing_files=False),
        LGBMRegressor(n_estimators=4, verbosity=-1),
        XGBRegressor(n_estimators=4, booster="dart", rate_drop=0.5),
    ]
    check(EnsembleRegressor(members, "mean", cv=2, random_state=0).fit(X[::2], y[::2]), X, tmp_path, SINGLE)


def test_a_class_that_a_fold_lacks(iris, tmp_path):
    """The few rows of a class are in the test part of one fold."""
    X, y = iris
    keep = np.r_[:100, 100:105]
    X, y = X[keep], y[keep]
    parts = [np.r_[0:15, 50:65, 100:105], np.r_[15:33, 65:82], np.r_[33:50, 82:100]]
    pairs = [(np.setdiff1d(np.arange(105), part), part) for part in parts]
    members = ["ridge", MEMBERS["catboost"], MEMBERS["lightgbm"], "knn"]
    fitted = EnsembleClassifier(members, "mean", cv=pairs, finalize="bag", random_state=0).fit(X, y)
    assert fitted.members_["ridge"].models[0].present.tolist() == [0, 1]
    check(fitted, X, tmp_path)


def test_constant_models(diabetes, tmp_path):
    """CatBoost refuses rows or targets that are all alike."""
    X, y = diabetes
    fitted = EnsembleRegressor([MEMBERS["catboost"]], "mean", cv=2).fit(X, np.full_like(y, 3.0))
    check(fitted, X, tmp_path)
    alike = np.zeros((60, 2))
    with pytest.warns(LeakageWarning):  # they have copies in all folds
        fitted = EnsembleClassifier([MEMBERS["catboost"]], "mean", cv=2).fit(alike, np.arange(60) % 3)
    check(fitted, alike, tmp_path)


def test_trees_without_a_split(diabetes, tmp_path):
    X, y = diabetes
    members = [
        learner("lightgbm", min_child_samples=400, n_estimators=2),
        learner("xgboost", gamma=1e12, n_estimators=2),
    ]
    check(EnsembleRegressor(members, "mean", cv=2, random_state=0).fit(X, y), X, tmp_path, SINGLE)


MISSING = {
    "xgboost": MEMBERS["xgboost"],
    "lightgbm": MEMBERS["lightgbm"],
    "lightgbm, zeros": learner("lightgbm", n_estimators=8, zero_as_missing=True),
    "catboost, Min": learner("catboost", iterations=8, nan_mode="Min"),
    "catboost, Max": learner("catboost", iterations=8, nan_mode="Max"),
    "hist_gradient_boosting": MEMBERS["hist_gradient_boosting"],
    "random_forest": MEMBERS["random_forest"],
    "ridge": learner("ridge"),
}


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("when", ["in training", "later"])
def test_missing_cells(name, when, diabetes, rng, tmp_path):
    """They tell something here, so that the side that they take matters; and some columns hold zeros."""
    X, y = diabetes
    X = np.where(np.abs(X) < 0.01, 0.0, X)
    holes = X.copy()
    holes[:, 2][(y > 150) & (rng.random(442) < 0.7)] = np.nan
    holes[rng.random(X.shape) < 0.1] = np.nan
    fitted = EnsembleRegressor([("m", MISSING[name])], "mean", cv=2, random_state=0)
    fitted.fit(holes if when == "in training" else X, y)
    check(fitted, holes, tmp_path, tolerance_of(name))


def test_cells_between_two_floats_take_the_branch_of_the_library(diabetes, tmp_path):
    """LightGBM compares in float64, XGBoost, CatBoost and forests in float32: a cell may lie between both."""
    X, y = diabetes
    for name in ("lightgbm", "xgboost", "catboost", "random_forest", "hist_gradient_boosting"):
        fitted = EnsembleRegressor([("m", MEMBERS[name])], "mean", cv=2, random_state=0).fit(X, y)
        graph = onnx.load(fitted.to_onnx(tmp_path / "model.onnx"))
        trees = [node for node in graph.graph.node if node.op_type == "TreeEnsemble"]
        attributes = {one.name: one for node in trees for one in node.attribute}
        thresholds = onnx.numpy_helper.to_array(attributes["nodes_splits"].t)
        columns = np.array(attributes["nodes_featureids"].ints)
        rows = []
        for column, threshold in zip(columns, thresholds, strict=True):
            for cell in (threshold, np.nextafter(threshold, -9), np.nextafter(threshold, 9), threshold * (1 + 3e-8)):
                rows.append(X[0].copy())
                rows[-1][column] = cell
        check(fitted, np.array(rows), tmp_path, tolerance_of(name))


def test_no_root_looks_like_a_leaf(rng, tmp_path):
    """Runtimes before 1.24 take one for a leaf where its two children, a node and a leaf, have the same number."""
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] > 1) * 100.0 + X[:, 1]  # so that the first split gives a leaf and a node
    member = learner("random_forest", n_estimators=6, max_leaf_nodes=3)
    fitted = EnsembleRegressor([("m", member)], "mean", cv=2, random_state=0).fit(X, y)
    check(fitted, X, tmp_path)
    padded = 0
    for node in onnx.load(tmp_path / "model.onnx").graph.node:
        if node.op_type == "TreeEnsemble":
            told = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            children = [
                (told["nodes_truenodeids"][root], told["nodes_falsenodeids"][root]) for root in told["tree_roots"]
            ]
            assert all(true != false for true, false in children)
            leads = sum(told["nodes_trueleafs"]) + sum(told["nodes_falseleafs"])
            padded += len(told["leaf_targetids"]) - leads
    assert padded > 0


def test_no_factor_is_merged_with_a_matrix_product(diabetes, iris, tmp_path):
    """A runtime may keep the factor in float32: 1.28 does so beside MatMul, and none does beside Gemm."""
    X, y = diabetes
    members = [MEMBERS[name] for name in ("ridge", "elastic_net", "mlp", "knn", "svm")]
    members.append(("poly", learner("svm", kernel="poly", coef0=1.0, gamma=0.1)))
    check(EnsembleRegressor(members, blender("meta-linear", passthrough=True), cv=2).fit(X[::4], y[::4]), X, tmp_path)
    assert "MatMul" not in {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    whitened = make_pipeline(PCA(1, whiten=True), linear_model.LogisticRegression())
    check(EnsembleClassifier([*members[:5], whitened], "meta-linear", cv=2).fit(*iris), iris[0], tmp_path)
    assert "MatMul" not in {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}


MIXED = {name: MEMBERS[name] for name in ("ridge", "knn", "random_forest", "xgboost", "lightgbm", "mlp")}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_categories_dates_and_missing_cells(name, n_classes, mixed, tmp_path):
    X, y = mixed
    kind = EnsembleRegressor
    if n_classes:
        kind, y = (
            EnsembleClassifier,
            np.array(["low", "mid", "top"])[np.digitize(y, np.quantile(y, [0.5, 0.8][: n_classes - 1]))],
        )
    fitted = kind([("m", MIXED[name])], "mean", cv=2, random_state=0).fit(X[::2], y[::2])
    unseen = X.copy()
    unseen.loc[:5, "kind"] = "never seen"
    unseen.loc[3:9, "place"] = "nowhere"
    check(fitted, unseen, tmp_path, tolerance_of(name))


@pytest.mark.parametrize("name", ["ridge", "xgboost", "random_forest", "catboost"])
def test_the_calendar_of_dates_in_texts_is_in_the_graph(name, rng, tmp_path):
    when = pd.Timestamp("2023-06-01") + pd.to_timedelta(rng.integers(0, 900 * 24, 300), "h")
    numbers = [str(number) for number in rng.normal(size=300).round(3)]
    X = pd.DataFrame(
        {"odd": ["-", *numbers[1:]], "when": when.strftime("%Y-%m-%d %H:%M"), "size": rng.normal(size=300)}
    )
    y = np.sin(when.hour / 24 * 6.28) + (when.day_of_week >= 5) + X["size"]
    with pytest.warns(ColumnWarning, match="'odd'"):
        fitted = EnsembleRegressor([("m", MEMBERS[name])], "mean", cv=2, random_state=0).fit(X, y)
    assert fitted._form.sources.tolist() == [0, *[1] * (1 + len(PARTS)), 2]
    late = X.assign(when=["9999-12-31 13:00", "0001-01-01 01:00", None, *X["when"][3:]])
    check(fitted, late, tmp_path, tolerance_of(name))


def test_boosters_that_split_on_sets_of_categories(mixed, tmp_path):
    X, y = mixed
    X = X[["size", "kind", "age"]]
    members = [MEMBERS["xgboost"], MEMBERS["lightgbm"]]
    fitted = EnsembleRegressor(members, "mean", cv=2, random_state=0).fit(X, y)
    path = fitted.to_onnx(tmp_path / "model.onnx")
    trees = [node for node in onnx.load(path).graph.node if node.op_type == "TreeEnsemble"]
    assert all("membership_values" in {one.name for one in node.attribute} for node in trees)
    unseen = X.copy()
    unseen.loc[:5, "kind"] = "never seen"
    check(fitted, unseen, tmp_path, SINGLE)


CLASSIFIERS = {
    "LightGBM, one against the rest": (learner("lightgbm", objective="multiclassova", n_estimators=4), 3),
    "LightGBM, cross-entropy": (learner("lightgbm", objective="cross_entropy", n_estimators=4), 2),
    "LightGBM, two classes by softmax": (learner("lightgbm", objective="multiclass", n_estimators=4), 2),
    "CatBoost, one against the rest": (learner("catboost", loss_function="MultiClassOneVsAll", iterations=4), 3),
    "CatBoost, two classes by softmax": (learner("catboost", loss_function="MultiClass", iterations=4), 2),
    "xgboost, two classes by softmax": (learner("xgboost", objective="multi:softprob", n_estimators=4), 2),
    "xgboost, forests": (learner("xgboost", num_parallel_tree=3, subsample=0.5, n_estimators=4), 3),
    "weights by label": (linear_model.LogisticRegression(class_weight={"a": 5}, max_iter=1000), 3),
    "a tree": (DecisionTreeClassifier(max_depth=3, class_weight={"a": 5}, random_state=0), 3),
    "neighbours": (KNeighborsClassifier(), 3),
    "decision values": (linear_model.RidgeClassifier(class_weight={"a": 5}), 3),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_kinds_of_classifiers_with_labels_as_the_user_calls_them(name, iris, tmp_path):
    X, names = iris
    codes = np.unique(names, return_inverse=True)[1]
    member, number = CLASSIFIERS[name]
    y = np.array(["c", "a", "b"][:number])[codes % number]
    X = X + np.random.default_rng(0).normal(scale=0.3, size=X.shape)
    blend = "vote" if name == "decision values" else "mean"
    check(EnsembleClassifier([("m", member)], blend, cv=2, random_state=0).fit(X, y), X, tmp_path, tolerance_of(name))


@pytest.mark.parametrize("order", [["no", "yes"], ["yes", "no"]], ids=str)
def test_classes_in_an_order_of_the_members_own(order, cancer, tmp_path):
    from catboost import CatBoostClassifier

    X, codes = cancer
    y = np.array(["no", "yes"])[codes]
    member = CatBoostClassifier(iterations=4, verbose=False, allow_writing_files=False, class_names=order).fit(X, y)
    assert member.classes_.tolist() == order
    fitted = EnsembleClassifier([("m", FrozenEstimator(member))], "mean", cv=2, random_state=0).fit(X, y)
    assert np.mean(fitted.predict(X) == y) > 0.9
    check(fitted, X, tmp_path)


def test_a_meta_model_on_labels(iris, tmp_path):
    X, names = iris
    y = np.array(["c", "a", "b"])[np.unique(names, return_inverse=True)[1]]
    for blend in (
        linear_model.LogisticRegression(class_weight={"b": 3}, max_iter=1000),
        linear_model.RidgeClassifier(),
    ):
        check(EnsembleClassifier(["ridge", "knn"], blend, cv=3, random_state=0).fit(X, y), X, tmp_path)
