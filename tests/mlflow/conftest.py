"""A real tracking server, and ensembles that are fitted once."""

import numpy as np
import pandas as pd
import pytest
from tests.mlflow.tracking_server import tracking_server

from byoe import EnsembleClassifier, EnsembleRegressor, learner

ROWS, NEW = 150, 30


@pytest.fixture(scope="session")
def table():
    """Numbers, whole ones, texts, a pandas category, booleans and dates."""
    rng = np.random.default_rng(0)
    rows = ROWS + NEW
    return pd.DataFrame({
        "size": rng.normal(size=rows),
        "rooms": rng.integers(1, 9, rows),
        "Straße": rng.choice(["Am Hügel", "Hof"], rows),
        "grade": pd.Categorical(rng.choice(["a", "b"], rows)),
        "sunny": rng.random(rows) < 0.5,
        "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 400, rows), unit="D"),
    })  # fmt: skip


@pytest.fixture(scope="session")
def target(table):
    noise = np.random.default_rng(1).normal(size=len(table))
    return pd.Series(3 * table["size"] + table["rooms"] + noise, name="price")


@pytest.fixture(scope="session")
def labels(target):
    return np.where(target > target.median(), "dear", "günstig")


@pytest.fixture(scope="session")
def regression(table, target):
    made = EnsembleRegressor(["ridge", learner("knn", n_neighbors=7)], "weighted", cv=3, metric="mae", random_state=0)
    return made.fit(table[:ROWS], target[:ROWS])


@pytest.fixture(scope="session")
def classes(table, labels):
    made = EnsembleClassifier(["ridge", "knn"], "weighted", cv=3, random_state=0)
    return made.fit(table[:ROWS], labels[:ROWS])


@pytest.fixture
def mlflow(server, tmp_path, monkeypatch):
    """MLflow with an experiment of the test's own at a real server, in an empty folder."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server)
    mlflow.set_experiment(str(tmp_path))
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri("")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of a real tracking server."""
    with tracking_server(tmp_path_factory.mktemp("server")) as address:
        yield address
