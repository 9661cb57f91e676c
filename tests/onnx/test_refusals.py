"""What cannot be exported is refused, and named."""

import sys

import pytest
from sklearn import ensemble as forests
from sklearn import linear_model
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, StandardScaler
from tests.onnx.graphs import MEMBERS, Odd

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.errors import MissingExtraError, ParameterError


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

    monkeypatch.setattr(_boosters, "_XGBOOST_PARTS", _boosters._XGBOOST_PARTS - {"tree_info"})
    fitted = EnsembleRegressor([MEMBERS["xgboost"]], "mean", cv=2).fit(*diabetes)
    with pytest.raises(ParameterError, match="this release of XGBoost keeps tree_info in a model, too"):
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
    with pytest.raises(MissingExtraError, match=r"byoe-ensemble\[onnx\]"):
        fitted.to_onnx(tmp_path / "model.onnx")
