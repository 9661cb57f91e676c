"""A bundle is what was saved, or it is refused: bytes, files, classes and versions."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import BundleError, PluginError, SpecError
from byoe.plugins import Learner, register_learner
from byoe.serving._runtime import Runtime
from byoe.tools._skops import load_skops
from byoe.tools._trust import untrusted

DOORS = {"estimator": byoe.load, "runtime": Runtime}


@pytest.fixture(scope="module")
def whole(diabetes, tmp_path_factory):
    members = [learner("lightgbm", n_estimators=2), "ridge", "knn", learner("catboost", iterations=2)]
    ensemble = EnsembleRegressor(members, "mean", cv=2, random_state=0).fit(*diabetes)
    return ensemble.save(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def model(whole, tmp_path):
    target = tmp_path / "model"
    subprocess.run(["cp", "-r", str(whole), str(target)], check=True)
    return target


@pytest.fixture(params=DOORS)
def door(request):
    return DOORS[request.param]


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_byte_that_is_changed_is_found(whole, data):
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    file = data.draw(st.sampled_from(files))
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    try:
        file.write_bytes(
            content[:place] + bytes([content[place] ^ data.draw(st.integers(1, 255))]) + content[place + 1 :]
        )
        for door in DOORS.values():
            with pytest.raises(BundleError):
                door(whole)
    finally:
        file.write_bytes(content)


def test_a_file_that_is_cut_or_longer_is_found(model, door):
    for file in [path for path in model.rglob("*") if path.is_file()]:
        content = file.read_bytes()
        for changed in (content[:-1], content + b"\n", b""):
            file.write_bytes(changed)
            with pytest.raises(BundleError):
                door(model)
        file.write_bytes(content)
    door(model)


def test_a_file_that_is_added_to_a_member_is_found(model, door):
    """CatBoost's learner, for one, would take it for the model."""
    (model / "members" / "catboost" / "0" / "constant.json").write_text("1.0")
    with pytest.raises(BundleError, match=r"catboost/0/constant.json did not belong to the bundle"):
        door(model)


def test_a_missing_digest_is_found(model, door):
    (model / "manifest.sha256").unlink()
    with pytest.raises(BundleError, match=r"manifest.sha256 is missing"):
        door(model)


@pytest.mark.parametrize("other", [b"1", b"4", b"true", b"1.0", b"null"])
def test_another_format_does_not_turn_the_digest_off(other, model, door):
    content = (model / "manifest.json").read_bytes()
    (model / "manifest.json").write_bytes(content.replace(b'"format": 3', b'"format": ' + other, 1))
    with pytest.raises(BundleError, match=r"is not the one that was saved"):
        door(model)
    digest = hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest()
    (model / "manifest.sha256").write_text(f"{digest}  manifest.json\n")
    with pytest.raises(BundleError, match=r"is a bundle of format"):
        door(model)


def resealed(model, change):
    """Change a manifest as somebody would who can write all files."""
    manifest = json.loads((model / "manifest.json").read_text())
    change(manifest)
    data = json.dumps(manifest).encode()
    (model / "manifest.json").write_bytes(data)
    (model / "manifest.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  manifest.json\n")


def test_the_digest_pins_a_bundle(model, door):
    (digest, name) = (model / "manifest.sha256").read_text().split()
    assert (digest, name) == (hashlib.sha256((model / "manifest.json").read_bytes()).hexdigest(), "manifest.json")
    checked = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=model, capture_output=True, text=True)
    assert checked.stdout == "manifest.json: OK\n"
    byoe.load(model, sha256=digest)
    byoe.load(model, sha256=f" {digest.upper()}\n")
    resealed(model, lambda manifest: manifest.update(metric="mae"))
    door(model)  # whole in itself: that it is another one, the digest alone tells
    with pytest.raises(BundleError, match=f"has the digest .*, and sha256 is {digest}; it is another bundle"):
        byoe.load(model, sha256=digest)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "members/../../outside.txt"])
def test_files_outside_are_not_touched(name, model, door):
    resealed(model, lambda manifest: manifest["files"].update({name: "0" * 64}))
    with pytest.raises(BundleError, match=r"which is outside of the bundle"):
        door(model)


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "{}", "[" * 100_000, "{", "\x00"])
def test_what_is_no_manifest_is_refused(text, model, door):
    (model / "manifest.json").write_text(text)
    with pytest.raises(BundleError):
        door(model)


# -- classes -----------------------------------------------------------------------------------


def with_estimator(path):
    def change(manifest):
        entry = next(entry for entry in manifest["spec"]["learners"] if entry["label"] == "ridge")
        entry.clear()
        entry.update(label="ridge", estimator={"$object": path, "params": {}})

    return change


@pytest.mark.parametrize(
    "path",
    ["antigravity:Flight", "subprocess:Popen", "sklearn.datasets:load_iris", "os:system", "byoe.store._store:Store"],
)
def test_a_spec_names_no_class_that_is_not_known(path, model, door):
    resealed(model, with_estimator(path))
    before = set(sys.modules)
    with pytest.raises((BundleError, SpecError)):
        door(model)
    assert "antigravity" not in set(sys.modules) - before


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "sklearn.datasets._openml.fetch_openml",
        "sklearn.utils.validation.os",
        "sklearn.datasets.load_files",
        "numpy.testing._private.utils.runstring",
        "scipy.sparse.load_npz",
        "catboost.core.CatBoostRanker.fit",
        "features.Clip",
        "sklearn",
        "",
    ],
)
def test_functions_and_strangers_are_not_trusted(name):
    assert untrusted([name]) == [name]


def test_what_byoe_knows_and_what_is_named_is_trusted():
    known = [
        "sklearn.tree._tree.Tree",
        "scipy.sparse._csr.csr_matrix",
        "xgboost.core.Booster",
        "sklearn.linear_model.Ridge",
    ]
    assert untrusted(known) == []
    assert untrusted(["features.Clip", "features.deep.Clip"], ["features.Clip"]) == ["features.deep.Clip"]
    assert untrusted(["features.Clip", "features.deep.Clip", "featuresque.X"], ["features.*"]) == ["featuresque.X"]
    own = ["byoe_example.least_squares.LeastSquares", "byoe_example.least_squares.np"]
    assert untrusted(own, packages=["byoe_example"]) == own[1:]


def halved(X):
    return X / 2


def test_a_function_inside_a_pipeline_cannot_be_saved_by_mistake(diabetes, tmp_path):
    own = make_pipeline(FunctionTransformer(halved), LinearRegression())
    with pytest.raises(SpecError, match="a function"):
        EnsembleRegressor([own], "mean").fit(*diabetes).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


class Pickles(Learner):
    """A learner that saves what runs code when it is loaded."""

    pickles = True

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        mean = float(np.mean(y))

        class Model:
            def predict(self, X, *, threads=1):
                return np.full(len(X), mean)

            def save(self, folder):
                (folder / "model.pickle").write_bytes(b"boom")

        return Model()

    def load(self, folder, *, task, trusted=()):
        raise AssertionError("it must not be asked")


def test_pickles_load_only_where_they_are_trusted_by_name(diabetes, tmp_path, door):
    with register_learner("pickles", Pickles):
        saved = EnsembleRegressor(["pickles"], "mean").fit(*diabetes).save(tmp_path / "model")
        with pytest.raises(BundleError, match=r"is a pickle of learner 'pickles'"):
            door(saved)


def test_an_ensemble_inside_is_trusted_where_it_is_saved_and_loaded(diabetes, tmp_path, monkeypatch):
    (tmp_path / "features_inside.py").write_text(
        "from sklearn.linear_model import Ridge\nclass Own(Ridge):\n    pass\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from features_inside import Own

    X, y = diabetes
    inner = EnsembleRegressor(["log-ridge", Own(), learner("xgboost", n_estimators=2)], "mean", cv=2, random_state=0)
    outer = EnsembleRegressor([("ensemble", inner), "ridge"], "mean", cv=2, random_state=0).fit(X, y)
    with pytest.raises(BundleError, match=r"save it, and later load it, with trusted=\['features_inside.Own'\]"):
        outer.save(tmp_path / "model")
    saved = outer.save(tmp_path / "model", trusted=["features_inside.Own"])
    libraries = {
        entry["label"]: entry["libraries"]
        for entry in json.loads((saved / "manifest.json").read_text(encoding="utf-8"))["members"]
    }
    assert {"xgboost", "byoe-example", "scikit-learn", "skops"} <= set(libraries["ensemble"])
    assert libraries["ridge"] == []
    for door in DOORS:
        with pytest.raises(BundleError, match=r"features_inside.Own"):
            DOORS[door](saved)
    loaded = byoe.load(saved, trusted=["features_inside.*"])
    assert np.array_equal(loaded.predict(X), outer.predict(X))
    del sys.modules["features_inside"]


# -- a save that is killed ---------------------------------------------------------------------

SLOW_SAVE = """
import sys, time
from sklearn.datasets import load_diabetes
from byoe import EnsembleRegressor
from byoe.learners.linear import LinearModel
X, y = load_diabetes(return_X_y=True)
ensemble = EnsembleRegressor(("ridge", "elastic_net"), "mean", random_state=0).fit(X, y)
before = LinearModel.save
def slow(self, folder):
    before(self, folder)
    print("saving", flush=True)
    time.sleep(30)
LinearModel.save = slow
ensemble.save(sys.argv[1])
"""


@pytest.mark.parametrize("there", [False, True])
def test_a_save_that_is_killed_leaves_no_half_bundle(there, model, tmp_path):
    target = model if there else tmp_path / "new"
    expected = byoe.load(model)
    process = subprocess.Popen([sys.executable, "-c", SLOW_SAVE, str(target)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "saving\n"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if there:
        X = np.zeros((2, 10))
        assert np.array_equal(byoe.load(target).predict(X), expected.predict(X))
    else:
        assert not target.exists()


# -- libraries ---------------------------------------------------------------------------------


def test_members_without_weight_are_read_when_they_are_asked_for(diabetes, tmp_path):
    X, y = diabetes
    members = [learner("lightgbm", n_estimators=2), "ridge", learner("xgboost", n_estimators=2)]
    ensemble = EnsembleRegressor(members, "best", cv=2, random_state=0).fit(X, y)
    assert ensemble.blender_.weights_.tolist() == [0, 1, 0]
    saved = ensemble.save(tmp_path / "model")
    code = (
        "import sys, byoe, numpy as np\n"
        "loaded = byoe.load(sys.argv[1])\n"
        "loaded.predict(np.zeros((1, 10)))\n"
        "assert not {'xgboost', 'lightgbm'} & set(sys.modules)\n"
        "assert loaded.transform(np.zeros((1, 10))).shape == (1, 3)\n"
        "assert {'xgboost', 'lightgbm'} <= set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(saved)], check=True)
    loaded = byoe.load(saved)
    assert np.array_equal(loaded.transform(X), ensemble.transform(X))
    assert np.array_equal(loaded.reblend("mean").predict(X), ensemble.reblend("mean").predict(X))

    def newer(manifest):
        manifest["libraries"]["xgboost"] = "99.0"

    resealed(saved, newer)
    assert byoe.load(saved).predict(X).shape == y.shape
    with pytest.raises(BundleError, match=r"was written with xgboost 99.0"):
        byoe.load(saved).transform(X)


def test_what_is_read_late_must_be_of_the_same_bundle(diabetes, tmp_path):
    X, y = diabetes
    members = [learner("lightgbm", n_estimators=2), "ridge"]
    first = EnsembleRegressor(members, "best", cv=2, random_state=0).fit(X, y)
    saved = first.save(tmp_path / "model")
    loaded, runtime = byoe.load(saved), Runtime(saved)
    EnsembleRegressor(members, "best", cv=2, random_state=0).fit(X, 1000 * y).save(saved)
    assert np.array_equal(loaded.predict(X), first.predict(X))
    with pytest.raises(BundleError, match=r"lightgbm.* is not the one that was saved"):
        loaded.transform(X)
    with pytest.raises(BundleError, match=r"oof.npz is not the one that was saved"):
        runtime.interval(loaded._read(X), 0.9)


def test_an_ensemble_inside_keeps_no_target(diabetes, tmp_path):
    X, y = diabetes
    inner = EnsembleRegressor(["ridge", "knn"], "mean", cv=2, random_state=0)
    outer = EnsembleRegressor([("inner", inner), "ridge"], "mean", cv=2, random_state=0).fit(X, y)
    saved = outer.save(tmp_path / "model", oof=False)
    assert list(saved.rglob("oof.npz")) == []
    assert np.array_equal(byoe.load(saved).predict(X), outer.predict(X))


def test_a_plugin_that_is_gone_is_not_replaced_by_another(diabetes, tmp_path, door):
    saved = (
        EnsembleRegressor(["log-ridge", "ridge"], "mean", cv=2, random_state=0).fit(*diabetes).save(tmp_path / "model")
    )

    def renamed(manifest):
        manifest["members"][0]["distribution"] = "byoe"

    resealed(saved, renamed)
    with pytest.raises(
        PluginError, match=r"'log-ridge' was registered by byoe when the bundle was saved, and is not now"
    ):
        door(saved)


def test_both_doors_give_the_same_bits(diabetes, whole):
    X, _ = diabetes
    loaded, runtime = byoe.load(whole), Runtime(whole)
    assert np.array_equal(runtime.predict(loaded._read(X)), loaded.predict(X))


def test_an_estimator_whose_class_is_not_here_any_more_is_told_of(diabetes, tmp_path, monkeypatch):
    module = types.ModuleType("gone_tomorrow")
    exec("from sklearn.linear_model import Ridge\nclass Own(Ridge): pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "gone_tomorrow", module)
    ensemble = EnsembleRegressor([("own", make_pipeline(StandardScaler(), module.Own()))], "mean", cv=3).fit(*diabetes)
    trusted = ["gone_tomorrow.Own"]
    data = next(ensemble.save(tmp_path / "model", trusted=trusted).rglob("*.skops")).read_bytes()
    monkeypatch.delitem(sys.modules, "gone_tomorrow")
    with pytest.raises(
        BundleError, match="cannot be read here: No module named 'gone_tomorrow'. Install what brings it"
    ):
        load_skops(data, frozenset(), trusted)
