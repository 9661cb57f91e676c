import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble as forests
from sklearn import linear_model
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model._base import LinearModel
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner, load
from byoe.errors import LeakageWarning, MissingExtraError, ParameterError, PluginError
from byoe.plugins import Blender, Learner

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

BUNDLES = Path(__file__).parent / "bundles" / "format-2"
TIGHT = 1e-12  # of the largest value
SINGLE = 2e-6  # XGBoost adds up in float32
MEMBERS = {
    "catboost": learner("catboost", iterations=8),
    "catboost, unbalanced": learner("catboost", iterations=8, grow_policy="Lossguide"),
    "xgboost": learner("xgboost", n_estimators=8),
    "lightgbm": learner("lightgbm", n_estimators=8),
    "ridge": learner("ridge"),
    "elastic_net": learner("elastic_net"),
    "mlp": learner("mlp", hidden_layer_sizes=[6, 4], max_iter=200, tol=1e-2),
    "random_forest": learner("random_forest", n_estimators=4),
    "extra_trees": learner("extra_trees", n_estimators=4),
    "hist_gradient_boosting": learner("hist_gradient_boosting", max_iter=8),
    "knn": learner("knn"),
    "knn, by distance": learner("knn", weights="distance", algorithm="kd_tree"),
    "svm": learner("svm"),
}
FEW = ("ridge", "knn", MEMBERS["lightgbm"])


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def values_of(ensemble, X):
    return ensemble._read(X).values


def check(ensemble, X, folder, tolerance=TIGHT):
    """Compare a graph with its ensemble over all rows, a row alone with all of them, and ask for none."""
    graph = session(ensemble.to_onnx(folder / "model.onnx"))
    inputs = values_of(ensemble, X)
    names = [output.name for output in graph.get_outputs()]
    found = dict(zip(names, graph.run(None, {"X": inputs}), strict=True))
    alone = dict(zip(names, graph.run(None, {"X": inputs[:1]}), strict=True))
    nothing = graph.run(None, {"X": inputs[:0]})
    assert [(0, *each.shape[1:]) for each in found.values()] == [each.shape for each in nothing]
    if "prediction" in found:
        expected = ensemble.predict(X)
        size = np.abs(expected).max()
    else:
        expected, size = ensemble._blended(ensemble._read(X)), 1.0
        # A label may differ only where two classes are equally probable up to rounding.
        best = np.sort(expected, axis=1)[:, -2:]
        clear = best[:, 1] - best[:, 0] > 2 * tolerance
        told = ensemble.predict(X)
        wanted = told if told.dtype.kind in "iufb" else told.astype(str)
        assert (found["label"] == wanted)[clear].all()
        if not ensemble.blender_.gives_probabilities:
            assert (found["label"] == wanted).all()
            assert "probabilities" not in found
            return found
    name = "prediction" if "prediction" in found else "probabilities"
    assert found[name].shape == expected.shape
    assert found[name].dtype == np.float64
    assert np.abs(found[name] - expected).max() <= tolerance * size
    assert np.abs(alone[name] - expected[:1]).max() <= tolerance * size
    return found


def tolerance_of(name):
    return SINGLE if "xgboost" in name else TIGHT


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def mixed():
    """A table with categories, dates and missing cells, and a target that depends on all of them."""
    rng = np.random.default_rng(0)
    n = 900
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": pd.Series(rng.choice(list("abc"), size=n), dtype=object),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, size=n), unit="D"),
            "place": pd.Series([f"p{i}" for i in rng.integers(0, 25, size=n)], dtype=object),
            "age": rng.integers(0, 90, size=n).astype(float),
        }
    )
    y = X["size"] + (X["kind"] == "b") * 2.0 + X["place"].str[1:].astype(int) / 5 + X["age"] / 30 + rng.normal(size=n)
    for name in ("size", "kind", "place", "age"):
        X.loc[rng.random(n) < 0.1, name] = None if X[name].dtype == object else np.nan
    return X, y.to_numpy()


# -- members -------------------------------------------------------------------------


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
    "SVR, polynomial": learner("svm", kernel="poly", coef0=1.0),
    "SVR, linear": learner("svm", kernel="linear"),
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


# -- missing cells and categories ----------------------------------------------------

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


# -- blenders ------------------------------------------------------------------------

BLENDERS = {
    "mean": "mean",
    "weighted": "weighted",
    "given weights": blender("weighted", weights=[0.5, 0.3, 0.2]),
    "greedy": "greedy",
    "best": "best",
    "auto": "auto",
    "vote": "vote",
    "meta-linear": "meta-linear",
    "positive": blender("meta-linear", positive=True),
}
PASSING = {
    "passthrough": blender("meta-linear", passthrough=True),
    "some columns": blender("meta-linear", passthrough=[0, 2], positive=True),
}


@pytest.mark.parametrize("name", [*BLENDERS, *PASSING, "least squares", "trees", "four"])
def test_blenders_of_a_regression(name, diabetes, tmp_path):
    X, y = diabetes
    extra = {
        "least squares": linear_model.LinearRegression(),
        "trees": forests.RandomForestRegressor(3),
        "four": "vote",
    }
    chosen = {**BLENDERS, **PASSING, **extra}[name]
    members = (*FEW, "elastic_net") if name == "four" else FEW
    check(EnsembleRegressor(members, chosen, cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("name", BLENDERS)
def test_blenders_of_several_outputs(name, diabetes, tmp_path):
    X, y = diabetes
    y = np.column_stack([y, -(y**1.5), np.cos(y)])
    check(EnsembleRegressor(FEW, BLENDERS[name], cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("name", [*BLENDERS, *PASSING, "soft", "logistic", "ridge", "trees"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_blenders_of_classes(name, n_classes, iris, cancer, tmp_path):
    X, y = iris if n_classes == 3 else cancer
    X = X[:, :4]
    extra = {
        "soft": blender("vote", voting="soft"),
        "logistic": linear_model.LogisticRegression(),
        "ridge": linear_model.RidgeClassifier(),
        "trees": forests.RandomForestClassifier(3),
    }
    chosen = {**BLENDERS, **PASSING, **extra}[name]
    members = ["knn", MEMBERS["lightgbm"], "svm"] if n_classes == 2 else FEW
    check(EnsembleClassifier(members, chosen, cv=3, random_state=0).fit(X[::2], y[::2]), X, tmp_path)


@pytest.mark.parametrize("how", ["temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration(how, n_classes, iris, cancer, tmp_path):
    X, y = iris if n_classes == 3 else cancer
    X = X[:, :3]
    fitted = EnsembleClassifier(("ridge", "knn"), "weighted", calibrate=how, cv=3, random_state=0).fit(X[::2], y[::2])
    check(fitted, X, tmp_path, 1e-9)  # a step of the isotonic map may be steep


def test_passthrough_of_categories(mixed, tmp_path):
    X, y = mixed
    chosen = blender("meta-linear", passthrough=["kind", "size"])
    check(EnsembleRegressor(("ridge", "knn"), chosen, cv=2, random_state=0).fit(X, y), X, tmp_path)


def test_a_vote_of_decision_values_gives_labels_only(iris, tmp_path):
    X, y = iris
    found = check(EnsembleClassifier([LinearSVC(), "ridge", "knn"], "vote", cv=2).fit(X, y), X, tmp_path)
    assert set(found) == {"label"}


@pytest.mark.parametrize(
    "classes", [["a", "b", "ü"], [3, 5, 7], [1.0, 2.0, 3.0], np.array([1, 2, 3], np.uint8)], ids=repr
)
def test_labels_of_any_type(classes, iris, tmp_path):
    X, y = iris
    y = np.asarray(classes)[np.unique(y, return_inverse=True)[1]]
    check(EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y), X, tmp_path)


def test_truth_values_as_labels(cancer, tmp_path):
    X, y = cancer[0][:, :4], cancer[1] == 1
    assert check(EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y), X, tmp_path)["label"].dtype == bool


# -- the file ------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [False, True])
def test_a_loaded_ensemble_gives_the_same_graph(classes, diabetes, iris, tmp_path):
    members = [(f"m{i}", member) for i, member in enumerate(MEMBERS.values())]
    if classes:
        first = EnsembleClassifier(members, "mean", calibrate="isotonic", cv=2, random_state=0).fit(*iris)
    else:
        chosen = blender("meta-linear", passthrough=True)
        first = EnsembleRegressor(members, chosen, cv=2, random_state=0).fit(*diabetes)
    second = load(first.save(tmp_path / "bundle"))
    one, two = (each.to_onnx(tmp_path / "model.onnx").read_bytes() for each in (first, second))
    assert one == two


def test_bundles_of_the_first_format_give_graphs(tmp_path):
    """Their linear models and perceptrons are estimators of scikit-learn."""
    told = json.loads((BUNDLES / "expected.json").read_text())
    rows = pd.DataFrame(told["rows"]).assign(sold=lambda frame: pd.to_datetime(frame["sold"]))
    for kind in ("regression", "classification"):
        every = load(BUNDLES / kind).reblend("mean")
        check(every.drop_members("catboost"), rows, tmp_path, SINGLE)  # it splits on categories


def test_members_that_do_not_count_are_not_read(diabetes, tmp_path):
    X, y = diabetes
    fitted = EnsembleRegressor(FEW, blender("weighted", weights=[1, 0, 2]), cv=2).fit(X[::2], y[::2])
    loaded = load(fitted.save(tmp_path / "bundle"))
    shutil.rmtree(tmp_path / "bundle" / "members" / "knn")
    check(loaded, X, tmp_path)
    graph = (tmp_path / "model.onnx").read_bytes()
    assert fitted.to_onnx(tmp_path / "model.onnx").read_bytes() == graph
    assert fitted.prune().to_onnx(tmp_path / "model.onnx").read_bytes() == graph


def test_nodes_have_names_of_their_own(diabetes, tmp_path):
    """Those that a runtime merges keep them: 1.21 gives two the same name where there are none, and then fails."""
    X, y = diabetes
    members = [*FEW, make_pipeline(MinMaxScaler(), linear_model.LinearRegression())]
    fitted = EnsembleRegressor(members, "vote", cv=2).fit(X[::2], np.column_stack([y, -y])[::2])
    check(fitted, X, tmp_path)
    names = [node.name for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def test_members_without_weight_are_left_out(diabetes, tmp_path):
    """So they need no form in ONNX."""
    X, y = diabetes
    members = ["ridge", ("odd", forests.AdaBoostRegressor(n_estimators=2, random_state=0))]
    fitted = EnsembleRegressor(members, blender("weighted", weights=[1, 0]), cv=2).fit(X, y)
    check(fitted, X, tmp_path)
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert "TreeEnsemble" not in {node.op_type for node in nodes}


def test_the_metadata_encode_a_row(mixed, tmp_path):
    X, y = mixed
    fitted = EnsembleClassifier(("ridge",), "mean", cv=2).fit(X, y > np.median(y))
    graph = session(fitted.to_onnx(tmp_path / "model.onnx"))
    told = json.loads(graph.get_modelmeta().custom_metadata_map["byoe"])
    assert [column["name"] for column in told["columns"]] == list(X.columns)
    assert [column["kind"] for column in told["columns"]] == ["number", "category", "date", "category", "number"]
    assert told["classes"] == [False, True]
    row, cells = X.iloc[:1], []
    for column in told["columns"]:
        cell = row[column["name"]].iloc[0]
        if column["kind"] == "category":
            cell = np.nan if cell is None else column["categories"].index(cell)
        elif column["kind"] == "date":
            cell = (cell - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        cells.append(cell)
    found = graph.run(["probabilities"], {"X": np.array([cells], dtype=np.float64)})[0]
    assert np.allclose(found, fitted.predict_proba(row))


def test_it_is_written_whole_or_not_at_all(diabetes, tmp_path, monkeypatch):
    fitted = EnsembleRegressor(("ridge",), cv=2).fit(*diabetes)
    path = fitted.to_onnx(tmp_path / "new" / "model.onnx")
    before = path.read_bytes()

    def fail(*_, **__):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr(onnx.checker, "check_model", fail)
    with pytest.raises(onnx.checker.ValidationError, match="broken"):
        fitted.to_onnx(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]


# -- what is refused -----------------------------------------------------------------


class Odd(Blender):
    name = "odd"

    def fit(self, oof):
        return self

    def predict(self, predictions, X=None):
        return predictions.mean(axis=1)


def test_learners_and_a_blender_of_a_plugin(diabetes, tmp_path):
    X, y = diabetes
    members = ["least-squares", learner("additive-bins", n_rounds=5), "ridge"]
    fitted = EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(X, y)
    check(fitted, X, tmp_path, TIGHT)
    holes = X.copy()
    holes[::7, 2] = np.nan
    check(EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(holes, y), holes, tmp_path, TIGHT)
    two = EnsembleRegressor(members, "trimmed-mean", cv=2, random_state=0).fit(X, np.column_stack([y, -y]))
    check(two, X, tmp_path, TIGHT)


class LinearClasses:
    def __init__(self, coef, fill):
        self.coef, self.fill = coef, fill

    def predict(self, X, *, threads=1):
        scores = np.where(np.isnan(X), self.fill, X) @ self.coef.T
        if len(self.coef) == 1:
            second = 1 / (1 + np.exp(-scores))
            return np.hstack([1 - second, second])
        exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def to_onnx(self, graph, x):
        scores = graph.divide(graph.linear(graph.filled(x, self.fill), 2.0 * self.coef, np.zeros(len(self.coef))), 2.0)
        if len(self.coef) > 1:
            return graph.link(scores, "softmax")
        nothing = graph.repeated([0.0], x)
        return graph.both(graph.link(graph.op("Add", scores, nothing), "logistic"))

    def save(self, folder):
        raise NotImplementedError


class Centroids(Learner):
    tasks = frozenset({"classification"})
    missing = True

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        fill = np.nanmean(X, axis=0)
        filled = np.where(np.isnan(X), fill, X)
        centers = np.array([filled[y == code].mean(axis=0) for code in range(task.n_classes)]) / filled.std(axis=0) ** 2
        return LinearClasses(centers[1:] - centers[:1] if task.n_classes == 2 else centers - centers.mean(axis=0), fill)

    def load(self, folder, *, task, trusted=()):
        raise NotImplementedError


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_of_a_plugin(n_classes, iris, tmp_path):
    X, y = iris
    some = np.isin(y, np.unique(y)[:n_classes])
    X, y = X[some].copy(), y[some]
    X[::7, 1] = np.nan
    check(EnsembleClassifier([("own", Centroids()), "ridge"], "mean", cv=2, random_state=0).fit(X, y), X, tmp_path)


def test_a_blender_that_inherits_and_blends_in_another_way(diabetes, tmp_path):
    class Squared(type(blender("mean"))):
        def predict(self, predictions, X=None):
            return (predictions**2).mean(axis=1)

    fitted = EnsembleRegressor(["ridge", "knn"], Squared(), cv=2).fit(*diabetes)
    with pytest.raises(ParameterError, match="Squared is not one of byoe's own blenders, and has no method to_onnx"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_a_plugin_gives_the_reason_why_it_cannot_be_exported(diabetes, tmp_path):
    class Refuses(Odd):
        def to_onnx(self, graph, predictions, features):
            raise ParameterError("it is in a bad mood")

    fitted = EnsembleRegressor(["ridge"], Refuses(), cv=2).fit(*diabetes)
    with pytest.raises(ParameterError, match="blender 'odd': it is in a bad mood. To export it, choose another"):
        fitted.to_onnx(tmp_path / "model.onnx")


class FirstColumn:
    def predict(self, X, *, threads=1):
        return X[:, 0]

    def save(self, folder):
        raise NotImplementedError


class TakesTheFirstColumn(Learner):
    tasks = frozenset({"regression"})
    missing = True

    def fit(self, X, y, **_):
        return self.model()

    def load(self, folder, *, task, trusted=()):
        raise NotImplementedError


def first_column(to_onnx=None):
    methods = {} if to_onnx is None else {"to_onnx": to_onnx}
    model = type("Column", (FirstColumn,), methods)
    return type("Takes", (TakesTheFirstColumn,), {"model": model})()


ILL_WRITTEN = {
    "single precision": (
        lambda self, graph, x: graph.cast(graph.columns(x, [0]), 1),
        "returned values of type float32",
    ),
    "whole numbers": (lambda self, graph, x: graph.cast(graph.columns(x, [0]), 7), "returned values of type int64"),
    "too wide": (lambda self, graph, x: graph.columns(x, [0, 1]), r"a shape of \(n_rows, 2\), expected \(n_rows, 1\)"),
    "all columns": (lambda self, graph, x: x, r"a shape of \(n_rows, 10\), expected \(n_rows, 1\)"),
    "no matrix": (
        lambda self, graph, x: graph.op("Reshape", graph.columns(x, [0]), graph.integers(-1)),
        r"a shape of \(n_rows\), expected \(n_rows, 1\)",
    ),
    "one number": (lambda self, graph, x: graph.op("ReduceSum", x), r"a shape of \(1, 1\), expected \(n_rows, 1\)"),
    "no operator": (lambda self, graph, x: graph.op("Guess", x), "not valid: No Op registered for Guess"),
    "nowhere from": (lambda self, graph, x: graph.op("Neg", "nowhere"), "input 'nowhere' of node"),
    "mixed types": (
        lambda self, graph, x: graph.op("Mul", x, graph.constant(1, np.int64)),
        "not valid: .*inconsistent type",
    ),
    "no name": (lambda self, graph, x: None, "returned None, expected the name"),
    "several names": (lambda self, graph, x: [x], r"returned \['X'\], expected the name"),
    "an error": (lambda self, graph, x: {}[x], "failed: KeyError: 'X'"),
    "other arguments": (lambda self, path: None, r"to_onnx is called as to_onnx\(graph, x\), and"),
}


@pytest.mark.parametrize("case", ILL_WRITTEN)
def test_what_a_plugin_writes_is_looked_at(case, diabetes, tmp_path):
    """A column too many would be spread over the other members without a word."""
    to_onnx, message = ILL_WRITTEN[case]
    fitted = EnsembleRegressor([("ill", first_column(to_onnx)), "ridge"], "mean", cv=2).fit(*diabetes)
    with pytest.raises(PluginError, match=f"^member 'ill': .*{message}"):
        fitted.to_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_a_plugins_blender_writes_is_looked_at(diabetes, tmp_path):
    class Wide(Odd):
        def to_onnx(self, graph, predictions, features):
            return graph.join(list(predictions.values()))

    fitted = EnsembleRegressor(["ridge", "knn"], Wide(), cv=2).fit(*diabetes)
    with pytest.raises(PluginError, match=r"^blender 'odd': Wide.to_onnx returned a shape of \(n_rows, 2\), expected"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_what_comes_in_may_go_out(diabetes, tmp_path):
    X, y = diabetes
    same = first_column(lambda self, graph, x: x)
    fitted = EnsembleRegressor([("same", same)], "trimmed-mean", cv=2).fit(X[:, :1], y)
    check(fitted, X[:, :1], tmp_path)


def test_a_blender_of_a_plugin_does_not_hide_why_a_member_cannot_be_exported(diabetes, tmp_path):
    fitted = EnsembleRegressor([("mute", first_column())], "trimmed-mean", cv=2).fit(*diabetes)
    with pytest.raises(ParameterError, match=r"member 'mute': Column is not one .* no method to_onnx\(graph, x\)"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_all_that_cannot_be_exported_is_named_at_once(diabetes, tmp_path):
    members = [
        ("ridge", "ridge"),
        ("ada", forests.AdaBoostRegressor(n_estimators=2, random_state=0)),
        ("leaves", learner("lightgbm", linear_tree=True, n_estimators=2)),
    ]
    fitted = EnsembleRegressor(members, Odd(), cv=2).fit(*diabetes)
    with pytest.raises(ParameterError) as error:
        fitted.to_onnx(tmp_path / "model.onnx")
    text = str(error.value)
    assert "member 'ada': the conversion of AdaBoostRegressor has not been measured" in text
    assert "member 'leaves': its leaves are linear models; use linear_tree=False" in text
    assert "blender 'odd': Odd is not one of byoe's own blenders" in text
    assert "drop_members('ada', 'leaves')" in text
    assert "reblend('weighted')" in text
    assert "member 'ridge'" not in text
    assert list(tmp_path.iterdir()) == []


REFUSED = {
    "a subclass": (
        type("Own", (GaussianNB,), {})(),
        "the conversion of Own has not been measured",
    ),
    "a threshold in float32": (
        make_pipeline(Binarizer(threshold=0.1), linear_model.LogisticRegression()),
        "the conversion of Binarizer has not been measured",
    ),
    "other distances": (learner("knn", metric="manhattan"), "its metric is 'manhattan'"),
    "a linear booster": (learner("xgboost", booster="gblinear", n_estimators=2), "'gblinear' is not one of trees"),
    "added columns": (
        make_pipeline(SimpleImputer(add_indicator=True), linear_model.LogisticRegression()),
        "its SimpleImputer adds or drops columns",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name, cancer, tmp_path):
    member, reason = REFUSED[name]
    X, y = cancer[0][:, :4], cancer[1]
    member = member if hasattr(member, "own_params") else clone(make_pipeline(StandardScaler(), member))
    fitted = EnsembleClassifier([("m", member)], "mean", cv=2).fit(X, y)
    with pytest.raises(ParameterError, match=reason):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_a_part_of_a_booster_that_is_not_known(diabetes, tmp_path, monkeypatch):
    """A release that keeps more in its files must not be read as one that does not."""
    from byoe.onnx import _boosters

    monkeypatch.setattr(_boosters, "_XGBOOST_PARTS", _boosters._XGBOOST_PARTS - {"cats"})
    fitted = EnsembleRegressor([MEMBERS["xgboost"]], "mean", cv=2).fit(*diabetes)
    with pytest.raises(ParameterError, match="this release of XGBoost keeps cats in a model, too"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_categories_that_only_the_library_understands(mixed, tmp_path):
    X, y = mixed
    X = X[["kind", "age"]]
    fitted = EnsembleRegressor(
        [("cat", MEMBERS["catboost"]), ("hist", MEMBERS["hist_gradient_boosting"]), ("own", linear_model.Ridge())],
        "mean",
        cv=2,
        categorical=["kind"],
    ).fit(X, y)
    with pytest.raises(ParameterError, match=r"'cat': its trees split on categories.*'hist': it splits on sets"):
        fitted.to_onnx(tmp_path / "model.onnx")


def test_a_sparse_ensemble_an_unfitted_one_and_a_folder(diabetes, tmp_path):
    from scipy.sparse import csr_matrix
    from sklearn.exceptions import NotFittedError

    X, y = diabetes
    with pytest.raises(NotFittedError):
        EnsembleRegressor(("ridge",)).to_onnx(tmp_path / "model.onnx")
    with pytest.raises(ParameterError, match="was fitted on a sparse matrix"):
        EnsembleRegressor(("ridge",), cv=2).fit(csr_matrix(X), y).to_onnx(tmp_path / "model.onnx")
    with pytest.raises(ParameterError, match="is a folder; give a file"):
        EnsembleRegressor(("ridge",), cv=2).fit(X, y).to_onnx(tmp_path)


def test_without_the_extra_it_is_named(diabetes, tmp_path, monkeypatch):
    fitted = EnsembleRegressor(("ridge",), cv=2).fit(*diabetes)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"byoe\[onnx\]"):
        fitted.to_onnx(tmp_path / "model.onnx")
