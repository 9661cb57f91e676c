import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostRegressor
from lightgbm import LGBMRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBRegressor

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.data._input import describe_target
from byoe.errors import BundleError
from byoe.plugins import EstimatorLearner, register_learner
from byoe.registry._members import as_blender

SMALL = [learner("catboost", iterations=5), learner("xgboost", n_estimators=5), learner("lightgbm", n_estimators=5)]
CASES = {
    "boosters": EnsembleRegressor(SMALL, random_state=0),
    "scikit-learn": EnsembleRegressor(("ridge", "elastic_net", "knn", "svm"), "meta-linear", random_state=0),
    "instances": EnsembleRegressor(
        [GradientBoostingRegressor(n_estimators=5), make_pipeline(StandardScaler(), LinearRegression())], "vote"
    ),
    "wrappers": EnsembleRegressor([XGBRegressor(n_estimators=3), LGBMRegressor(n_estimators=3, verbosity=-1)], "mean"),
    "catboost's wrapper": EnsembleRegressor(
        [CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False)], "mean"
    ),
    "meta-model": EnsembleRegressor(("ridge", "knn"), GradientBoostingRegressor(n_estimators=5), random_state=0),
    "passthrough": EnsembleRegressor(("ridge", "knn"), blender("meta-linear", passthrough=True), random_state=0),
    "plugin": EnsembleRegressor(("log-ridge", "ridge", "knn"), "trimmed-mean", random_state=0),
    "time": EnsembleRegressor(("ridge", "knn"), cv=TimeSeriesSplit(3)),
    "pairs": EnsembleRegressor(
        ("ridge",), cv=[(np.arange(200), np.arange(200, 442)), (np.arange(200, 442), np.arange(200))]
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_loaded_it_is_the_same_to_the_bit(case, diabetes, tmp_path):
    X, y = diabetes
    first = CASES[case].fit(X, y)
    second = byoe.load(first.save(tmp_path / "model"))
    assert np.array_equal(second.predict(X), first.predict(X))
    assert np.array_equal(second.oof_predictions_, first.oof_predictions_, equal_nan=True)
    assert second.score_estimate_ == first.score_estimate_
    assert repr(second.leaderboard_) == repr(first.leaderboard_)
    assert second.reblend("mean").score_estimate_ == first.reblend("mean").score_estimate_


@pytest.mark.parametrize("how", [None, "weights", "groups"])
def test_weights_and_groups_come_along(how, diabetes, rng, tmp_path):
    X, y = diabetes
    extra = {
        "weights": {"sample_weight": rng.uniform(1, 2, 442)},
        "groups": {"groups": rng.integers(20, size=442)},
    }.get(how, {})
    first = EnsembleRegressor(("ridge", "svm"), random_state=0).fit(X, y, **extra)
    second = byoe.load(first.save(tmp_path / "model"))
    assert second.reblend("meta-linear").score_estimate_ == first.reblend("meta-linear").score_estimate_


@pytest.mark.parametrize(
    ("labels", "kind"),
    [("abc", object), ("abc", None), ([3, 5, 7], None), ([1.0, 2.0, 3.0], None), ([1, 2, 3], np.uint8)],
)
def test_classes_of_any_type(labels, kind, iris, tmp_path):
    X = iris[0]
    y = np.array(list(labels), dtype=kind)[np.repeat([0, 1, 2], 50)]
    first = EnsembleClassifier(["ridge", DecisionTreeClassifier(max_depth=2)], "mean", random_state=0).fit(X, y)
    second = byoe.load(first.save(tmp_path / "model"))
    assert np.array_equal(second.predict_proba(X), first.predict_proba(X))
    assert np.array_equal(second.predict(X), first.predict(X))
    assert second.classes_.dtype == first.classes_.dtype


def test_column_names_come_along(diabetes_frame, tmp_path):
    X, y = diabetes_frame.drop(columns="target"), diabetes_frame["target"]
    first = EnsembleRegressor(("ridge",)).fit(X, y)
    second = byoe.load(first.save(tmp_path / "model"))
    assert list(second.feature_names_in_) == list(X.columns)
    assert np.array_equal(second.predict(X), first.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        second.predict(X.rename(columns={"bmi": "BMI"}))


def test_there_is_no_pickle_in_it(diabetes, tmp_path):
    model = EnsembleRegressor([*SMALL, "ridge", "svm"]).fit(*diabetes).save(tmp_path / "model")
    names = {file.suffix for file in model.rglob("*") if file.is_file()}
    assert names == {".json", ".sha256", ".npz", ".cbm", ".ubj", ".txt", ".skops"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory, diabetes):
    return EnsembleRegressor(("ridge", learner("xgboost", n_estimators=2)), "mean", random_state=0).fit(
        *diabetes
    ), tmp_path_factory


@pytest.fixture
def model(saved, tmp_path):
    return saved[0].save(tmp_path / "model")


def edit(model, **changes):
    manifest = json.loads((model / "manifest.json").read_text())
    for key, value in changes.items():
        manifest[key] = {**manifest[key], **value} if isinstance(value, dict) else value
    data = json.dumps(manifest).encode()
    (model / "manifest.json").write_bytes(data)
    (model / "manifest.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  manifest.json\n")


def test_a_changed_or_missing_file_is_found(model):
    for file in [file for file in model.rglob("*") if file.is_file() and file.name != "manifest.json"]:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(BundleError, match=f"{file.name} is not the one that was saved"):
            byoe.load(model)
        file.unlink()
        with pytest.raises(BundleError, match=f"{file.name} is missing"):
            byoe.load(model)
        file.write_bytes(data)
    byoe.load(model)


def test_what_is_no_bundle_is_refused(tmp_path, model):
    with pytest.raises(BundleError, match=r"there is no folder .*nowhere; give the one that save\(\) returned"):
        byoe.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="is not a bundle: it holds no manifest.json"):
        byoe.load(tmp_path)
    edit(model, format=99)
    with pytest.raises(BundleError, match="bundle of format 99"):
        byoe.load(model)
    (model / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match="is damaged"):
        byoe.load(model)


def test_a_model_of_a_newer_library_is_refused(model):
    edit(model, libraries={"xgboost": "99.1.0"})
    with pytest.raises(BundleError, match=r"written with xgboost 99.1.0, and .* is installed; upgrade xgboost"):
        byoe.load(model)
    edit(model, libraries={"xgboost": "1.0.0", "no-such-library": "1.0"}, blender_libraries=["no-such-library"])
    with pytest.raises(BundleError, match=r"needs no-such-library 1.0, which is not installed"):
        byoe.load(model)


def test_a_model_of_a_newer_numpy_loads(model):
    """Jobs use the numpy of their container."""
    edit(model, libraries={"numpy": "99.1.0"})
    byoe.load(model)


def test_the_libraries_of_every_member_are_recorded(diabetes, tmp_path):
    members = ["log-ridge", learner("xgboost", n_estimators=2), LGBMRegressor(n_estimators=2, verbosity=-1)]
    model = EnsembleRegressor(members, "meta-linear").fit(*diabetes).save(tmp_path / "model")
    libraries = json.loads((model / "manifest.json").read_text())["libraries"]
    assert set(libraries) == {"byoe", "byoe-example", "lightgbm", "numpy", "scikit-learn", "scipy", "skops", "xgboost"}


def test_what_a_blender_needs_is_recorded(diabetes, tmp_path, monkeypatch):
    monkeypatch.setattr(type(as_blender("mean")), "needs", ("packaging",))
    model = EnsembleRegressor(["ridge"], "mean", cv=3).fit(*diabetes).save(tmp_path / "model")
    assert json.loads((model / "manifest.json").read_text())["blender_libraries"] == ["packaging"]


def test_unknown_types_must_be_trusted_by_name(diabetes, tmp_path):
    import sys
    import types

    from sklearn.linear_model import Ridge

    module = types.ModuleType("stranger")
    module.Odd = type("Odd", (), {"__module__": "stranger"})
    sys.modules["stranger"] = module
    try:
        inner = Ridge()
        first = EnsembleRegressor([("r", inner)], "mean").fit(*diabetes)
        first.members_["r"].models[0].models[0].estimator.odd_ = module.Odd()
        with pytest.raises(BundleError, match=r"stranger.Odd.*save it, and later load it, with trusted="):
            first.save(tmp_path / "model")
        assert not (tmp_path / "model").exists()
        model = first.save(tmp_path / "model", trusted=["stranger.Odd"])
        with pytest.raises(
            BundleError, match=r"types that byoe does not know: stranger.Odd.*load it with trusted=\['stranger.Odd'\]"
        ):
            byoe.load(model)
        assert byoe.load(model, trusted=["stranger.Odd"]).predict(diabetes[0]).shape == (442,)
    finally:
        del sys.modules["stranger"]


def test_saving_again_replaces_the_bundle_and_nothing_else(model, saved, diabetes, tmp_path):
    (model / "code").mkdir()
    (model / "code" / "note.txt").write_text("mine")
    other = EnsembleRegressor(("knn",), random_state=0).fit(*diabetes)
    other.save(model)
    assert np.array_equal(byoe.load(model).predict(diabetes[0]), other.predict(diabetes[0]))
    assert (model / "code" / "note.txt").read_text() == "mine"
    assert not (model / "members" / "ridge").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_folder_with_something_else_is_left_alone(saved, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        saved[0].save(tmp_path)
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        saved[0].save(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_failing_save_leaves_nothing(saved, diabetes, tmp_path):
    class Unsaveable:
        def __init__(self, model):
            self.predict = model.predict

        def save(self, folder):
            (folder / "half.bin").write_bytes(b"half")
            raise OSError("disk full")

    ensemble = EnsembleRegressor(("ridge",)).fit(*diabetes)
    ensemble.members_["ridge"].models[0] = Unsaveable(ensemble.members_["ridge"].models[0])
    with pytest.raises(OSError, match="disk full"):
        ensemble.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_libraries_inside_a_pipeline_or_a_frozen_model_are_recorded(diabetes, tmp_path):
    X, y = diabetes
    members = [
        ("piped", make_pipeline(StandardScaler(), XGBRegressor(n_estimators=2))),
        ("frozen", FrozenEstimator(LGBMRegressor(n_estimators=2, verbosity=-1).fit(X, y))),
    ]
    ensemble = EnsembleRegressor(members, LGBMRegressor(n_estimators=2, verbosity=-1), cv=2, random_state=0).fit(X, y)
    manifest = json.loads((ensemble.save(tmp_path / "model") / "manifest.json").read_text())
    told = {entry["label"]: entry["libraries"] for entry in manifest["members"]}
    assert told == {
        "piped": ["scikit-learn", "skops", "xgboost"],
        "frozen": ["lightgbm", "scikit-learn", "skops"],
    }
    assert manifest["blender_libraries"] == ["lightgbm", "scikit-learn", "skops"]


def test_the_manifest_tells_what_the_ensemble_was_made_of(diabetes_frame, tmp_path):
    frame = diabetes_frame.assign(sex=np.where(diabetes_frame["sex"] > 0, "f", "m"), age=np.arange(442) % 90)
    members = ["log-ridge", learner("lightgbm", n_estimators=2), "svm"]
    ensemble = EnsembleRegressor(members, blender("weighted", weights=[1, 1, 0]), cv=2, random_state=0)
    ensemble.fit(frame.drop(columns="target"), frame["target"])
    manifest = json.loads((ensemble.save(tmp_path / "model") / "manifest.json").read_text())
    assert manifest["format"] == 3
    assert manifest["target"] == {"names": ["target"], "dtype": "Float64"}
    columns = dict(zip(manifest["names"], manifest["columns"], strict=True))
    assert columns["age"] == {"kind": "number", "categories": [], "dtype": "Int64"}
    assert columns["sex"] == {"kind": "category", "categories": ["f", "m"], "dtype": "String"}
    assert columns["bmi"]["dtype"] == "Float64"
    told = {entry["label"]: (entry["distribution"], entry["libraries"], entry["used"]) for entry in manifest["members"]}
    assert told == {
        "log_ridge": ("byoe-example", ["byoe-example", "numpy", "scikit-learn", "skops"], True),
        "lightgbm": ("byoe-ensemble", ["lightgbm"], True),
        "svm": ("byoe-ensemble", ["scikit-learn", "skops"], False),
    }
    assert manifest["blender"]["distribution"] == "byoe-ensemble"
    assert manifest["metric"] == "rmse"
    assert manifest["libraries"]["lightgbm"].startswith("4.")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.arange(4), {"names": None, "dtype": "int64"}),
        ([1.0, 2.0], {"names": None, "dtype": "float64"}),
        (pd.Series([1, 2]), {"names": None, "dtype": "Int64"}),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), {"names": ["a", "b"], "dtype": "Float64"}),
    ],
)
def test_a_target_is_described(y, expected):
    assert describe_target(y) == expected


class Layered(EstimatorLearner):
    """A plugin whose models are ensembles."""

    def estimator(self, task, y):
        return EnsembleRegressor(["ridge", "knn"], "mean", cv=3)


def test_a_learner_that_makes_ensembles_is_saved_and_read(diabetes, tmp_path):
    X, y = diabetes
    with register_learner("layered", Layered):
        ensemble = EnsembleRegressor(["layered", "ridge"], "mean", cv=3, random_state=0).fit(X, y)
        loaded = byoe.load(ensemble.save(tmp_path / "model"))
        assert np.array_equal(loaded.predict(X), ensemble.predict(X))
        inner = [member.members_["layered"].models[0].models[0].estimator for member in (ensemble, loaded)]
        assert inner[0].random_state is not None
        assert inner[0].random_state == inner[1].random_state
