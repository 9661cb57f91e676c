"""An ensemble as a model of MLflow: it comes back the same, without pickle, and as an endpoint answers."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import BundleError, InputError, ParameterError
from byoe.mlflow._requirements import requirements_of

ROWS = 150


@pytest.fixture
def saved(regression, tmp_path):
    byoe.mlflow.save_model(regression, tmp_path / "model")
    return tmp_path / "model"


def test_a_logged_model_predicts_the_same_bits(mlflow, regression, table):
    with mlflow.start_run() as run:
        info = byoe.mlflow.log_model(regression, "price", input_example=table[:3])
    served = mlflow.pyfunc.load_model(info.model_uri)
    assert (served.predict(table[ROWS:]) == regression.predict(table[ROWS:])).all()
    loaded = byoe.mlflow.load_model(info.model_uri)
    assert (loaded.predict(table) == regression.predict(table)).all()
    assert loaded.leaderboard_ == regression.leaderboard_
    digest = mlflow.get_run(run.info.run_id).data.tags["byoe.sha256"]
    assert digest == info.flavors["byoe"]["sha256"]


def test_a_registered_model_is_found_by_its_version_and_alias(mlflow, classes, table):
    with mlflow.start_run():
        byoe.mlflow.log_model(classes, registered_model_name="Häuser")
    mlflow.MlflowClient().set_registered_model_alias("Häuser", "champion", "1")
    for uri in ("models:/Häuser/1", "models:/Häuser@champion"):
        assert (byoe.mlflow.load_model(uri).predict(table) == classes.predict(table)).all()
    assert (
        mlflow.pyfunc.load_model("models:/Häuser/1").predict(table[:9]).tolist() == classes.predict(table[:9]).tolist()
    )


def test_further_outputs_are_those_of_an_endpoint(regression, classes, table, saved, tmp_path):
    import mlflow

    rows = table[ROWS:]
    served = mlflow.pyfunc.load_model(str(saved))
    answer = served.predict(rows, params={"outputs": "interval,members", "level": 0.8})
    assert list(answer) == ["prediction", "lower", "upper", "members_ridge", "members_knn"]
    assert (answer.index == rows.index).all()
    bounds = regression.predict_interval(rows, level=0.8)
    assert np.array_equal(answer[["lower", "upper"]].to_numpy(), bounds)
    byoe.mlflow.save_model(classes, tmp_path / "classes")
    answer = mlflow.pyfunc.load_model(str(tmp_path / "classes")).predict(rows, params={"outputs": "probabilities"})
    assert list(answer) == ["prediction", "probabilities_dear", "probabilities_günstig"]
    assert np.array_equal(answer.iloc[:, 1:].to_numpy(), classes.predict_proba(rows))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"outputs": "shap"}, "params: there is no output 'shap'"),
        ({"outputs": "interval", "level": 2.0}, "params: level is 2.0"),
        ({"outputs": "probabilities"}, "a regression has no probabilities"),
    ],
)
def test_an_output_that_there_is_not_is_refused(saved, table, params, message):
    import mlflow

    with pytest.raises(ParameterError, match=message):
        mlflow.pyfunc.load_model(str(saved)).predict(table[:2], params=params)


def test_the_signature_is_that_of_the_columns_of_the_fit(saved):
    import mlflow

    made = mlflow.models.get_model_info(str(saved)).signature
    kinds = {column["name"]: column["type"] for column in made.inputs.to_dict()}
    assert kinds == {
        "size": "double", "rooms": "long", "Straße": "string", "grade": "any", "sunny": "boolean", "sold": "datetime",
    }  # fmt: skip
    assert made.outputs.to_dict() == [{"type": "double", "required": True}]
    assert [one.name for one in made.params.params] == ["outputs", "level"]


def test_an_array_has_a_signature_of_its_width(diabetes, tmp_path):
    import mlflow

    X, y = diabetes
    made = EnsembleRegressor(["ridge", "knn"], "mean", random_state=0).fit(X, np.column_stack([y, -y]))
    byoe.mlflow.save_model(made, tmp_path / "model", input_example=X[:2])
    served = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert served.metadata.signature.inputs.to_dict()[0]["tensor-spec"]["shape"] == (-1, 10)
    assert np.array_equal(served.predict(X), made.predict(X))


def test_rows_of_another_form_are_refused(saved, table):
    import mlflow

    with pytest.raises(mlflow.exceptions.MlflowException, match="rooms"):
        mlflow.pyfunc.load_model(str(saved)).predict(table.drop(columns="rooms"))
    with pytest.raises(mlflow.exceptions.MlflowException, match="rooms"):
        mlflow.pyfunc.load_model(str(saved)).predict(table.assign(rooms="many"))


def test_without_a_signature_byoe_alone_looks_at_the_rows(regression, table, tmp_path):
    import mlflow

    byoe.mlflow.save_model(regression, tmp_path / "model", signature=False)
    served = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    holes = table[ROWS:].assign(rooms=np.nan)
    assert (served.predict(holes) == regression.predict(holes)).all()
    with pytest.raises(InputError, match="rooms"):
        served.predict(table.drop(columns="rooms"))


def test_nothing_is_pickled_and_what_was_changed_is_not_loaded(saved):
    names = [file.name for file in saved.rglob("*") if file.is_file()]
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".cloudpickle"))]
    (changed,) = saved.rglob("linear.json")
    changed.write_text(changed.read_text().replace("1", "2"))
    with pytest.raises(BundleError, match="is not the one that was saved"):
        byoe.mlflow.load_model(str(saved))


def test_a_model_of_another_flavour_is_refused(tmp_path):
    import mlflow

    model = mlflow.models.Model()
    model.add_flavor("sklearn", pickled_model="model.pkl")
    (tmp_path / "model").mkdir()
    model.save(str(tmp_path / "model" / "MLmodel"))
    with pytest.raises(BundleError, match="is a model of sklearn, and none that byoe.mlflow has logged"):
        byoe.mlflow.load_model(str(tmp_path / "model"))


def test_what_is_no_ensemble_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="ensemble is dict, expected a fitted"):
        byoe.mlflow.save_model({}, tmp_path / "model")
    with pytest.raises(BundleError, match="there is no folder"):
        byoe.mlflow.save_model(tmp_path / "nothing", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_classes_of_the_users_own_come_with_their_code_and_are_trusted_by_name(diabetes_frame, tmp_path, monkeypatch):
    import mlflow

    code = tmp_path / "own_features.py"
    code.write_text(
        "from sklearn.linear_model import Ridge\n\n\nclass Half(Ridge):\n"
        "    def predict(self, X):\n        return super().predict(X) / 2\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    half = importlib.import_module("own_features").Half()
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    made = EnsembleRegressor([("half", half)], "mean", cv=3, random_state=0).fit(X, y)
    with pytest.raises(BundleError, match="own_features"):
        byoe.mlflow.save_model(made, tmp_path / "model")
    byoe.mlflow.save_model(made, tmp_path / "model", trusted=["own_features.*"], code_paths=[str(code)])
    wanted = made.predict(X)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(tmp_path)])
    monkeypatch.delitem(sys.modules, "own_features")
    with pytest.raises(BundleError, match="own_features"):
        byoe.mlflow.load_model(str(tmp_path / "model"))
    assert (byoe.mlflow.load_model(str(tmp_path / "model"), trusted=["own_features.*"]).predict(X) == wanted).all()
    # MLflow lays the cells out anew, and sums of them are rounded otherwise.
    assert mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(X) == pytest.approx(wanted)
    sys.modules.pop("own_features", None)


def test_modules_that_come_along_are_not_run_unless_a_class_of_theirs_is_trusted(
    regression, table, tmp_path, monkeypatch
):
    """A module can bear the name of one that byoe imports when it loads."""
    code = tmp_path / "numpy.py"
    code.write_text("raise SystemExit('this ran')\n")
    byoe.mlflow.save_model(regression, tmp_path / "model", code_paths=[str(code)])
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", [*before])
    loaded = byoe.mlflow.load_model(str(tmp_path / "model"))
    assert sys.path == before
    byoe.mlflow.load_model(str(tmp_path / "model"), trusted=["own.*"])
    assert sys.path[: len(before)] == before
    assert (loaded.predict(table) == regression.predict(table)).all()


def test_a_bundle_is_logged_as_it_is_and_without_what_lies_beside_it(regression, table, tmp_path):
    bundle = regression.save(tmp_path / "bundle")
    (bundle / "notes.txt").write_text("of the user's own")
    byoe.mlflow.save_model(bundle, tmp_path / "model")
    copied = tmp_path / "model" / "data" / "bundle"
    assert (copied / "manifest.sha256").read_bytes() == (bundle / "manifest.sha256").read_bytes()
    assert not (copied / "notes.txt").exists()
    assert (byoe.mlflow.load_model(str(tmp_path / "model")).predict(table) == regression.predict(table)).all()


def test_requirements_are_what_the_bundle_was_written_with(saved, tmp_path):
    lines = (saved / "requirements.txt").read_text().splitlines()
    names = [line.partition("==")[0] for line in lines]
    assert {"mlflow-skinny", "pandas", "scikit-learn", "numpy"} <= set(names)
    (own,) = [line for line in lines if "byoe" in line]
    assert own == f"byoe-ensemble=={byoe.__version__}" or (saved / own).is_file()
    written = requirements_of({"byoe": "0.1.0", "xgboost": "3.1.0"}, tmp_path)
    assert written[-2:] == ["xgboost-cpu==3.1.0; sys_platform == 'linux'", "xgboost==3.1.0; sys_platform != 'linux'"]


def test_further_requirements_and_none_of_byoes_own(regression, tmp_path):
    byoe.mlflow.save_model(
        regression, tmp_path / "model", pip_requirements=["byoe-ensemble"], extra_pip_requirements=["polars"]
    )
    lines = (tmp_path / "model" / "requirements.txt").read_text().splitlines()
    assert {"byoe-ensemble", "polars"} <= set(lines)
    assert not (tmp_path / "model" / "wheels").exists()


def test_wheels_that_a_job_was_sent_come_along(regression, tmp_path):
    bundle = regression.save(tmp_path / "bundle")
    sent = bundle / "code" / "wheels"
    sent.mkdir(parents=True)
    (sent / "byoe_ensemble-0.1.0-py3-none-any.whl").write_bytes(b"")
    byoe.mlflow.save_model(bundle, tmp_path / "model")
    line = "wheels/byoe_ensemble-0.1.0-py3-none-any.whl"
    assert [one for one in (tmp_path / "model" / "requirements.txt").read_text().splitlines() if "byoe" in one] == [
        line
    ]
    assert (tmp_path / "model" / line).is_file()


def test_columns_that_no_type_tells_take_anything(target, tmp_path):
    import mlflow

    zone = pd.date_range("2020-01-01", periods=ROWS, tz="Europe/Berlin")
    X = pd.DataFrame({"when": zone, "count": pd.array(range(ROWS), dtype="UInt64"), "size": target[:ROWS]})
    made = EnsembleRegressor(["ridge"], "mean", cv=3, random_state=0).fit(X, target[:ROWS])
    byoe.mlflow.save_model(made, tmp_path / "model", input_example=X[:2])
    served = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert [one["type"] for one in served.metadata.signature.inputs.to_dict()] == ["any", "any", "double"]
    assert (served.predict(X) == made.predict(X)).all()
