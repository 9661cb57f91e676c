"""Two layers in jobs, endpoints, reports, code and on the command line."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import byoe as package
from byoe import EnsembleRegressor
from byoe.cli._app import app
from byoe.ensemble._code import as_code

from .conftest import FOREST


@pytest.fixture(scope="module")
def table(bent):
    X, y = bent
    return pd.DataFrame(X[:150], columns=list("abcde")).assign(target=y[:150])


def test_a_job_has_both_layers_and_its_endpoint_serves_them(table, bent, tmp_path):
    ensemble = EnsembleRegressor(["ridge", FOREST], layers=2, random_state=0)
    job = package.sagemaker.fit(ensemble, table, target="target", output=tmp_path, logs=False)
    made = job.ensemble()
    assert made.layers_ == 2
    second = [label for label in made.members_ if label.endswith("_2")]
    assert second
    assert {f"member:{label}:rmse" for label in made.members_} <= set(job.metrics)
    X = pd.DataFrame(bent[0][150:], columns=list("abcde"))
    with package.sagemaker.deploy(job) as endpoint:
        assert np.array_equal(endpoint.predict(X), made.predict(X))


def test_a_report_tells_of_the_layer(grown, tmp_path):
    page = grown.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert grown.second_layer_ in page
    assert any(f"{label}_2" in page for label in ("ridge", "random_forest"))


def test_code_makes_an_ensemble_of_as_many_layers(grown):
    made = {}
    exec(as_code(grown), made)
    (ensemble,) = (one for one in made.values() if isinstance(one, EnsembleRegressor))
    assert ensemble.layers == 2


def test_the_command_line_fits_two_layers(table, tmp_path):
    file = tmp_path / "data.csv"
    table.to_csv(file, index=False)
    own = ("--learners", "ridge,knn", "--blender", "weighted", "--cv", 3, "--no-verbose", "--seed", 0)
    words = ("fit", file, "--target", "target", *own, "--layers", 2, "--out", tmp_path / "model")
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output
    loaded = package.load(tmp_path / "model")
    assert loaded.layers == 2
    assert loaded.second_layer_
