"""`byoe.load` with a runtime: the graph in place of the members."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.bundle import _manifest
from byoe.errors import BundleError, ByoeError, ParameterError
from byoe.serving import model_fn
from byoe.serving._graph_ensemble import GraphEnsemble

SOURCE = Path(byoe.__file__).parents[1]
WIDTHS = ("auto", "constant", "prediction", "disagreement", "both")


def close(one, other):
    assert one.shape == other.shape
    assert np.abs(one - other).max() <= 1e-6 * np.abs(other).max()


def graph_of(ensemble, X, folder):
    return byoe.load(ensemble.save(folder / "model", graph=X), runtime="onnx")


def test_it_predicts_as_the_ensemble_does(bag, diabetes, saved):
    X = diabetes[0]
    graph = byoe.load(saved, runtime="onnx")
    assert isinstance(graph, GraphEnsemble)
    close(graph.predict(X), bag.predict(X))
    close(graph.predict(X[:1]), bag.predict(X[:1]))
    assert graph.n_features_in_ == 10
    assert repr(graph) == f"GraphEnsemble({str(saved)!r})"


def test_what_overflows_is_refused_as_by_the_members(diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(["ridge"], "mean", cv=3, target_transform="log1p", random_state=0).fit(X, y)
    graph, far = graph_of(ensemble, X, tmp_path), np.array(X[:2])
    far[1] = 1e7 * np.sign(LinearRegression().fit(X, np.log1p(y)).coef_)
    for predict in (graph.predict, ensemble.predict):
        with pytest.raises(ByoeError, match="not finite"):
            predict(far)
    assert np.isfinite(graph.predict(X[:2])).all()


def test_many_rows_are_predicted_in_parts_by_several_threads(bag, diabetes, saved):
    X = np.tile(diabetes[0], (6, 1))
    graph = byoe.load(saved, runtime="onnx")
    by_two = graph._runtime._graph(X, 2)
    assert np.array_equal(by_two, graph._runtime._graph(X, 1))
    close(by_two, bag.predict(X))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("finalize", ["bag", "refit"])
def test_intervals(finalize, width, diabetes, tmp_path):
    """By CV+, whose models are all in the graph, and by residuals around the blend."""
    X, y = diabetes
    members = ["ridge", learner("xgboost", n_estimators=5), learner("lightgbm", n_estimators=5)]
    ensemble = EnsembleRegressor(members, cv=3, random_state=0, finalize=finalize).fit(X[::2], y[::2])
    graph = graph_of(ensemble, X[::2], tmp_path)
    assert graph.interval_method_ == ensemble.interval_method_ == {"bag": "cv+", "refit": "residual"}[finalize]
    assert graph.interval_width_ == ensemble.interval_width_
    for level in (0.5, 0.9):
        close(graph.predict_interval(X, level, width), ensemble.predict_interval(X, level, width))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("members", [["ridge", "lightgbm"], ["lightgbm"]], ids=["residual", "cv+"])
def test_intervals_where_a_model_of_all_rows_is_beside_a_bag(members, width, diabetes, tmp_path):
    X, y = diabetes
    ensemble = EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(X[::2], y[::2])
    assert ensemble.members_["lightgbm"].finalize == "both"
    graph = graph_of(ensemble, X[::2], tmp_path)
    assert graph.interval_method_ == ensemble.interval_method_ == ("cv+" if members == ["lightgbm"] else "residual")
    close(graph.predict_interval(X, 0.9, width), ensemble.predict_interval(X, 0.9, width))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("members", [["ridge", "knn"], ["ridge", learner("extra_trees", n_estimators=5)]])
@pytest.mark.parametrize("finalize", ["auto", "bag"])
def test_intervals_where_folds_were_repeated(finalize, members, width, diabetes, tmp_path):
    """The graph holds the models of all repeats, and intervals are those of the first folds."""
    X, y = diabetes
    of_seed = [
        EnsembleRegressor(members, "weighted", cv=3, finalize=finalize, random_state=seed).fit(X[::2], y[::2])
        for seed in (0, 1)
    ]
    ensemble = of_seed[0]
    ensemble.members_ = {label: one.repeated(of_seed[1].members_[label]) for label, one in ensemble.members_.items()}
    graph = graph_of(ensemble, X[::2], tmp_path)
    close(graph.predict(X), ensemble.predict(X))
    close(graph.predict_interval(X, 0.9, width), ensemble.predict_interval(X, 0.9, width))


def test_several_targets(diabetes, tmp_path):
    X, y = diabetes
    Y = np.column_stack([y, 1000 + X[:, 2]])
    ensemble = EnsembleRegressor(["ridge", learner("lightgbm", n_estimators=5)], "mean", cv=3, finalize="bag").fit(X, Y)
    graph = graph_of(ensemble, X, tmp_path)
    close(graph.predict(X), ensemble.predict(X))
    for width in WIDTHS:
        close(graph.predict_interval(X, width=width), ensemble.predict_interval(X, width=width))


def test_classes(three_classes, iris, tmp_path):
    X = iris[0]
    graph = graph_of(three_classes, X, tmp_path)
    assert graph.predict(X).tolist() == three_classes.predict(X).tolist()
    assert graph.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    close(graph.predict_proba(X), three_classes.predict_proba(X))
    with pytest.raises(ParameterError, match="a classification has no intervals"):
        graph.predict_interval(X)


def test_a_threshold_votes_and_several_labels(iris, tmp_path):
    X, y = iris
    at_once = EnsembleClassifier(["ridge", "knn"], threshold=0.2, cv=3).fit(X, y == "setosa")
    votes = EnsembleClassifier(["ridge", "knn", "svm"], blender("vote", voting="hard"), cv=3).fit(X, y)
    labels = EnsembleClassifier(["ridge", "knn"], cv=3).fit(X, np.column_stack([y == "setosa", y != "virginica"]))
    for ensemble in (at_once, votes, labels):
        graph = graph_of(ensemble, X, tmp_path)
        assert np.array_equal(graph.predict(X), ensemble.predict(X))
    assert graph.predict_proba(X).shape == (150, 2)
    with pytest.raises(ParameterError, match="gives no probabilities"):
        graph_of(votes, X, tmp_path).predict_proba(X)


def test_texts_dates_and_missing_cells(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300)),
            "kind": rng.choice(["a", "b", None], size=300),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, size=300), unit="D"),
        }
    )
    y = X["size"].fillna(0) + (X["kind"] == "b") + rng.normal(size=300)
    members = ["ridge", learner("lightgbm", n_estimators=5), learner("xgboost", n_estimators=5)]
    ensemble = EnsembleRegressor(members, "mean", cv=3, random_state=0).fit(X, y)
    graph = graph_of(ensemble, X, tmp_path)
    new = pd.DataFrame({"day": ["2026-02-01", None], "kind": ["c", None], "size": [np.nan, 1.0]})[list(X.columns)]
    for rows in (X, new.assign(day=pd.to_datetime(new["day"]))):
        close(graph.predict(rows), ensemble.predict(rows))
    assert graph.feature_names_in_.tolist() == list(X.columns)
    with pytest.raises(ValueError, match="size"):
        graph.predict(X.drop(columns="size"))


def test_rows_at_the_thresholds_of_trees(tmp_path):
    """Of a grid that float32 rounds, so that a tree that compares otherwise would show."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, size=(400, 3)) / 10
    y = X[:, 0] + X[:, 1] ** 2 + rng.normal(size=400) / 10
    ensemble = EnsembleRegressor([learner("catboost", iterations=5), learner("xgboost", n_estimators=5)], "mean", cv=3)
    graph = graph_of(ensemble.fit(X, y), X, tmp_path)
    edges = [
        float(t)
        for m in ensemble.members_["xgboost"].models
        for t in m.models[0].booster.trees_to_dataframe()["Split"].dropna()
    ]
    rows = np.array([[edge, edge, edge] for edge in edges])
    for near in (rows, np.nextafter(rows, -9), np.nextafter(rows, 9), rows.astype(np.float32)):
        close(graph.predict(near), ensemble.predict(near))


def test_rows_that_do_not_fit_are_refused_as_by_an_ensemble(bag, diabetes, saved):
    X, graph = diabetes[0], byoe.load(saved, runtime="onnx")
    for rows in (X[:, :3], X[0], X[:0], np.where(X > 0, np.inf, X), [["a"] * 10]):
        with pytest.raises(ValueError) as expected:
            bag.predict(rows)
        with pytest.raises(ValueError) as told:
            graph.predict(rows)
        assert str(told.value).replace("GraphEnsemble", "EnsembleRegressor") == str(expected.value)
    close(graph.predict(X[:2].tolist()), bag.predict(X[:2]))


def test_what_a_graph_has_not(saved):
    graph = byoe.load(saved, runtime="onnx")
    for name in ("explain", "leaderboard_", "reblend"):
        with pytest.raises(AttributeError, match=rf"a graph has no '{name}'.*byoe\.load\(path\) has all"):
            getattr(graph, name)


FEW = ["ridge", learner("lightgbm", n_estimators=5)]


@pytest.mark.parametrize(
    ("options", "width", "message"),
    [
        ({"quantiles": True}, "quantiles", "no intervals of the width 'quantiles'; ask the libraries for them"),
        ({"layers": 2, "finalize": "bag"}, "constant", "intervals that ask the members of two layers one by one"),
        ({"blender": LinearRegression()}, "constant", r"no intervals here \(.*needs skops"),
    ],
)
def test_intervals_that_need_more(options, width, message, diabetes, tmp_path, monkeypatch):
    X, y = diabetes
    ensemble = EnsembleRegressor(FEW, **{"blender": "mean", "cv": 3, "random_state": 0, **options}).fit(X, y)
    graph = graph_of(ensemble, X, tmp_path)
    close(graph.predict(X), ensemble.predict(X))
    monkeypatch.setattr("byoe.bundle._manifest.installed_version", lambda name: None if name == "skops" else "99.0")
    with pytest.raises(ParameterError, match=message):
        graph.predict_interval(X, width=width)


def test_intervals_without_out_of_fold_data(bag, diabetes, tmp_path):
    graph = byoe.load(bag.save(tmp_path / "model", oof=False, graph=diabetes[0]), runtime="onnx")
    with pytest.raises(ValueError, match="without its out-of-fold data"):
        graph.predict_interval(diabetes[0])


def test_intervals_where_a_fold_uses_a_member_more(diabetes, tmp_path):
    X, y = diabetes
    one, both = (
        EnsembleRegressor(FEW, blender("weighted", weights=weights), cv=3, finalize="bag", random_state=0).fit(X, y)
        for weights in ([0, 1], [1, 1])
    )
    one._held_out = both._held_out
    graph = graph_of(one, X, tmp_path)
    with pytest.raises(ParameterError, match="intervals that ask member 'ridge', which the blend of all rows does not"):
        graph.predict_interval(X)


def test_auto_takes_the_graph_where_it_can(bag, saved, diabetes, tmp_path, monkeypatch):
    assert isinstance(byoe.load(saved, runtime="auto"), GraphEnsemble)
    plain = byoe.load(bag.save(tmp_path / "plain"), runtime="auto")
    assert np.array_equal(plain.predict(diabetes[0]), bag.predict(diabetes[0]))
    monkeypatch.setattr("byoe.fitted._graph.find_spec", lambda name: None)
    assert isinstance(byoe.load(saved, runtime="auto"), EnsembleRegressor)


@pytest.mark.parametrize("runtime", ["libraries", "onnx", "auto"])
@pytest.mark.parametrize("serves", [False, True])
def test_every_file_is_digested_once(serves, runtime, saved, monkeypatch):
    digested = []
    digest = _manifest.file_digest
    monkeypatch.setattr(_manifest, "file_digest", lambda file: digested.append(file.name) or digest(file))
    model_fn(str(saved), runtime=runtime) if serves else byoe.load(saved, runtime=runtime)
    assert digested.count("graph.onnx") == 1
    assert digested.count("model.cbm") == 3  # of three folds


def test_libraries_of_members_are_needed_by_members_alone(saved, monkeypatch):
    installed = _manifest.installed_version
    monkeypatch.setattr(_manifest, "installed_version", lambda name: None if name == "catboost" else installed(name))
    for read in (byoe.load, lambda path, runtime: model_fn(str(path), runtime=runtime)):
        read(saved, runtime="onnx")
        with pytest.raises(BundleError, match=r"needs catboost .*, which is not installed"):
            read(saved, runtime="libraries")
    assert isinstance(byoe.load(saved, runtime="auto"), GraphEnsemble)


@pytest.mark.parametrize("runtime", ["onx", None, 3])
def test_a_word_that_is_not_known(runtime, saved):
    with pytest.raises(ParameterError, match=r"runtime is .*Known: auto, libraries, onnx\."):
        byoe.load(saved, runtime=runtime)


def test_a_process_without_the_libraries_of_members_predicts(saved, bag, diabetes):
    """With NumPy and ONNX Runtime alone: what an endpoint installs."""
    code = (
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'catboost', 'joblib', 'lightgbm', 'narwhals', 'pandas', 'psutil', 'scipy',\n"
        "                                      'skops', 'sklearn', 'threadpoolctl', 'xgboost'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "import numpy as np, byoe\n"
        "from byoe import serving\n"
        "model = byoe.load(sys.argv[1], runtime='onnx')\n"
        "rows = np.full((1200, 10), 0.01)\n"
        "print(*model.predict(rows)[:2], *model.predict_interval(rows)[0])\n"
        "model = serving.model_fn(sys.argv[1], runtime='onnx')\n"
        "print(serving.output_fn(serving.predict_fn(serving.input_fn('0.01' + ',0.01' * 9, 'text/csv'), model), 'text/csv')[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = [float(word) for word in done.stdout.replace("prediction", "").split()]
    rows = np.full((1, 10), 0.01)
    expected = [*bag.predict(rows)] * 2 + [*bag.predict_interval(rows)[0], *bag.predict(rows)]
    assert told == pytest.approx(expected, rel=1e-6)
