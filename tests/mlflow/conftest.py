"""A real tracking server, and ensembles that are fitted once."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pandas as pd
import pytest

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
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts")),
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # processes that nothing here needs
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, folder / "log.txt")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait(address, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text())
