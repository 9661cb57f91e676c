"""The Python that makes an ensemble makes that ensemble."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Lasso, RidgeCV
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner, load
from byoe.ensemble._code import as_code
from byoe.ensemble._spec import to_spec

CASES = {
    "defaults": EnsembleRegressor(),
    "classes": EnsembleClassifier(("ridge", "knn"), threshold="f1", class_weight={"a": 2.0, "b": 1.0}, n_jobs=2),
    "labels": EnsembleRegressor([("a", "ridge"), ("b", "ridge"), ("c", learner("knn", n_neighbors=3))]),
    "parameters": EnsembleRegressor({"xgboost": {"eta": 0.1, "max_depth": 4}, "random_forest": {}}, cv=3),
    "estimators": EnsembleRegressor([("las", Lasso(alpha=3)), make_pipeline(StandardScaler(), PCA(2), Lasso())]),
    "meta-model": EnsembleRegressor(("ridge",), RidgeCV(alphas=(0.1, 1.0))),
    "blender": EnsembleRegressor(("ridge", "knn"), blender("weighted", weights=[0.25, 0.75])),
    "passthrough": EnsembleRegressor(("ridge",), blender("meta-linear", passthrough=["x", "y"])),
    "splitters": EnsembleRegressor(("ridge",), cv=KFold(3, shuffle=True, random_state=0), random_state=7),
    "groups": EnsembleRegressor(("ridge",), cv=GroupKFold(4), categorical=["it's"], time_limit=3.5),
    "transform": EnsembleRegressor(("ridge",), target_transform=FunctionTransformer(np.sqrt, np.square)),
    "inside": EnsembleRegressor(["ridge", ("inner", EnsembleRegressor(["ridge", learner("knn", n_neighbors=2)]))]),
    "best": EnsembleRegressor("best"),
    "quantiles": EnsembleRegressor(("ridge",), quantiles=learner("lightgbm", n_rounds=20)),
    "plugins": EnsembleRegressor(["log-ridge", "least-squares"], "trimmed-mean"),
    "plugin's parameters": EnsembleRegressor([("b", learner("log-ridge", regressor__alpha=3.0))]),
}


@pytest.mark.parametrize("name", CASES)
def test_it_makes_the_same_ensemble(name):
    made = {}
    exec(as_code(CASES[name]), made)
    assert to_spec(made["ensemble"]) == to_spec(CASES[name])


def test_it_is_what_one_would_write():
    code = as_code(EnsembleRegressor((learner("knn", n_neighbors=3), ("las", Lasso())), "mean", random_state=0))
    assert code == (
        "from byoe import EnsembleRegressor, learner\n"
        "from sklearn.linear_model import Lasso\n\n"
        "ensemble = EnsembleRegressor(\n"
        "    [learner('knn', n_neighbors=3), ('las', Lasso())],\n"
        "    'mean',\n"
        "    random_state=0,\n"
        ")"
    )


def test_of_a_loaded_ensemble_it_is_the_same(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 2))
    fitted = EnsembleRegressor(("ridge", learner("knn", n_neighbors=3)), "weighted", cv=3).fit(X, X[:, 0])
    assert as_code(load(fitted.save(tmp_path / "bundle"))) == as_code(fitted)
