"""A process that serves a bundle of native models loads neither scikit-learn nor pandas, and no other process is touched."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner

NATIVE = [
    learner("catboost", iterations=4),
    learner("xgboost", n_estimators=4),
    learner("lightgbm", n_estimators=4),
    "ridge",
    "elastic_net",
    learner("mlp", hidden_layer_sizes=[2], tol=0.1),
]
HEAVY = {"sklearn", "pandas", "joblib", "skops", "pyarrow", "matplotlib", "polars", "packaging"}
SERVE = """
import sys, json
from byoe import serving
model = serving.model_fn(sys.argv[1], lean=True)
request = json.loads(sys.stdin.read())
answers = []
for body, content_type in request:
    body, media = serving.output_fn(serving.predict_fn(serving.input_fn(body, content_type), model), "application/json")
    answers.append(json.loads(body))
print(json.dumps([answers, sorted({name.partition(".")[0] for name in sys.modules}), sys.argv[1]]))
import pandas, sklearn  # nothing is kept out any more
assert pandas.DataFrame({"a": [1]}).shape == (1, 1)
"""


WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sklearn", "skops", "joblib", "pandas"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
"""


def in_a_new_process(bundle, requests, code=SERVE):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(bundle)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answers, loaded, _ = json.loads(done.stdout.splitlines()[-1])
    assert "[byoe]" not in done.stdout  # it was warmed up
    return answers, set(loaded)


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(0)
    towns = rng.choice(["Oslo", "Bonn", "Rome"], 600)
    frame = pd.DataFrame({"size": rng.normal(size=600), "town": towns, "age": rng.normal(size=600)})
    frame.loc[::7, "town"] = None
    frame.loc[::9, "size"] = np.nan
    return frame, frame["size"].fillna(0) + 2 * (frame["town"] == "Oslo")


ENSEMBLES = {
    "mean": lambda: EnsembleRegressor(NATIVE, "mean", cv=3, random_state=0),
    "meta-linear with features": lambda: EnsembleRegressor(
        NATIVE, blender("meta-linear", passthrough=["size"]), cv=3, random_state=0
    ),
    "auto": lambda: EnsembleRegressor(NATIVE, cv=3, random_state=0),
    "classes": lambda: EnsembleClassifier(NATIVE, "meta-linear", cv=3, random_state=0, calibrate=True),
}


@pytest.mark.parametrize("case", ENSEMBLES)
def test_native_models_are_served_without_them(case, mixed, tmp_path):
    X, y = mixed
    ensemble = ENSEMBLES[case]()
    ensemble.fit(X, (y > 1).map({True: "high", False: "low"}) if case == "classes" else y)
    if case == "mean":
        assert ensemble.members_["catboost"].models[0].models[0]._columns == (1,)  # it takes the categories itself
    bundle = ensemble.save(tmp_path / "model")
    rows = X.head(20)
    body = rows.to_csv(index=False)
    further = "probabilities" if case == "classes" else "interval"
    (plain, more), loaded = in_a_new_process(
        bundle, [(body, "text/csv"), (body, f"text/csv; outputs={further},members")]
    )
    assert loaded & HEAVY == set()
    assert plain["predictions"] == ensemble.predict(rows).tolist()
    if case == "classes":
        assert more["probabilities"] == ensemble.predict_proba(rows).tolist()
    else:
        assert more["interval"] == ensemble.predict_interval(rows).tolist()


def test_members_without_weight_do_not_load_their_libraries(diabetes, tmp_path):
    X, y = diabetes
    weights = [0, 0, 1, 1]
    members = [NATIVE[0], "svm", NATIVE[2], "ridge"]
    ensemble = EnsembleRegressor(members, blender("weighted", weights=weights), cv=3, random_state=0).fit(X, y)
    body = json.dumps(X[:3].tolist())
    (answer,), loaded = in_a_new_process(ensemble.save(tmp_path / "model"), [(body, "application/json")])
    assert loaded & (HEAVY | {"catboost", "xgboost"}) == set()
    assert answer["predictions"] == ensemble.predict(X[:3]).tolist()


def test_quantiles_of_a_library_that_no_member_has(diabetes, tmp_path):
    X, y = diabetes
    for quantiles, heavy in ((NATIVE[2], set()), ("hist_gradient_boosting", {"sklearn"})):
        ensemble = EnsembleRegressor(["ridge"], "mean", cv=3, random_state=0, quantiles=quantiles).fit(X, y)
        body = json.dumps(X[:3].tolist())
        bundle = ensemble.save(tmp_path / "model")
        (answer,), loaded = in_a_new_process(bundle, [(body, "application/json; outputs=interval")])
        assert loaded & {"sklearn"} == heavy
        assert answer["interval"] == ensemble.predict_interval(X[:3]).tolist()


def test_what_needs_scikit_learn_gets_it(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor([NATIVE[1], "knn"], "mean", cv=3, random_state=0).fit(X, y)
    body = json.dumps(X[:3].tolist())
    (answer,), loaded = in_a_new_process(ensemble.save(tmp_path / "model"), [(body, "application/json")])
    assert "sklearn" in loaded
    assert answer["predictions"] == ensemble.predict(X[:3]).tolist()


def test_a_process_that_does_other_things_is_left_alone():
    code = (
        "import sklearn, sys\n"
        "from byoe.tools._keep_out import kept_out\n"
        "with kept_out():\n"
        "    import pandas, xgboost\n"
        "assert pandas.__file__ and issubclass(xgboost.XGBRegressor, sklearn.base.BaseEstimator)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_error_inside_leaves_nothing_behind():
    code = (
        "import sys\n"
        "from byoe.tools._keep_out import kept_out\n"
        "before = list(sys.meta_path)\n"
        "try:\n"
        "    with kept_out():\n"
        "        import sklearn\n"
        "except ModuleNotFoundError: pass\n"
        "assert sys.meta_path == before and 'pandas' not in sys.modules\n"
        "import sklearn, pandas\n"
        "assert pandas.DataFrame\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_plugins_that_declare_it_are_served_without_them(diabetes, tmp_path):
    X, y = diabetes
    members = ["least-squares", learner("additive-bins", n_rounds=5), "ridge"]
    ensemble = EnsembleRegressor(members, "trimmed-mean", cv=3, random_state=0).fit(X, y)
    body = json.dumps(X[:3].tolist())
    (answer,), loaded = in_a_new_process(ensemble.save(tmp_path / "model"), [(body, "application/json")])
    assert loaded & HEAVY == set()
    assert "byoe_example" in loaded
    assert answer["predictions"] == ensemble.predict(X[:3]).tolist()


@pytest.mark.parametrize("blend", ["mean", "trimmed-mean"])
def test_plugins_are_served_where_neither_can_be_imported(blend, diabetes, tmp_path):
    X, y = diabetes
    holes = X.copy()
    holes[::5, 2] = np.nan
    members = ["least-squares", learner("additive-bins", n_rounds=5), learner("xgboost", n_estimators=4)]
    ensemble = EnsembleRegressor(members, blend, cv=3, random_state=0).fit(holes, y)
    rows = json.dumps([[None if np.isnan(cell) else cell for cell in row] for row in holes[:6].tolist()])
    further = "members,contributions" if blend == "mean" else "members"
    code = WITHOUT + SERVE.partition("import pandas, sklearn")[0]
    bundle = ensemble.save(tmp_path / "model")
    (answer,), loaded = in_a_new_process(bundle, [(rows, f"application/json; outputs={further}")], code)
    assert loaded & HEAVY == set()
    assert answer["predictions"] == ensemble.predict(holes[:6]).tolist()
    if blend == "mean":
        assert answer["contributions"] == ensemble.explain(holes[:6]).tolist()


def test_a_parameter_that_is_an_estimator_brings_scikit_learn(diabetes, tmp_path):
    X, y = diabetes
    meta = blender("meta-linear", estimator=Lasso(alpha=0.1))
    ensemble = EnsembleRegressor([NATIVE[1], "ridge"], meta, cv=3, random_state=0).fit(X, y)
    body = json.dumps(X[:3].tolist())
    (answer,), loaded = in_a_new_process(ensemble.save(tmp_path / "model"), [(body, "application/json")])
    assert "sklearn" in loaded
    assert answer["predictions"] == ensemble.predict(X[:3]).tolist()
