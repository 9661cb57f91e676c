"""The source folder under the driver scripts of the SDK's own ``ModelTrainer``, which starts a container without its toolkit."""

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import sagemaker.core.utils.install_requirements
from tests.containers.standin.container import PYTHON, Container, site_of

import byoe
from byoe import EnsembleRegressor

# What the SDK puts into the script for a source folder with requirements.txt.
_IN_SOURCE = "cd /opt/ml/input/data/code\n"


@pytest.fixture
def drivers():
    """Return the folder of the SDK's training module; importing it would need the whole SDK."""
    return Path(site_of(PYTHON.parent.parent), "sagemaker", "train")


def lay_out(container, drivers, source, data, hyperparameters):
    """Lay out the channels and the configuration, with the container's folder in the place of ``/opt/ml``."""
    place = container.base / "input" / "data"
    shutil.copytree(source, place / "code")
    (place / "train").mkdir()
    data.to_parquet(place / "train" / "part-0.parquet")
    scripts = place / "sm_drivers"
    shutil.copytree(drivers / "container_drivers", scripts)
    shutil.copy(sagemaker.core.utils.install_requirements.__file__, scripts / "scripts")
    words = runpy.run_path(str(drivers / "templates.py"))
    (scripts / "sm_train.sh").write_text(
        words["TRAIN_SCRIPT_TEMPLATE"].format(
            working_dir=_IN_SOURCE,
            install_requirements=words["INSTALL_REQUIREMENTS"].format(requirements_file="requirements.txt"),
            execute_driver=words["EXECUTE_BASIC_SCRIPT_DRIVER"],
        )
    )
    for file in (*scripts.rglob("*.py"), scripts / "sm_train.sh"):
        file.write_text(container.placed({"": file.read_text()})[""])
    (scripts / "sourcecode.json").write_text(json.dumps({"source_dir": "code", "entry_script": "train.py"}))
    (scripts / "distributed.json").write_text("{}")
    host = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.xlarge"}
    config = container.base / "input" / "config"
    (config / "resourceconfig.json").write_text(json.dumps({**host, "network_interface_name": "eth0"}))
    (config / "inputdataconfig.json").write_text(json.dumps({"train": {}, "code": {}, "sm_drivers": {}}))
    (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    return scripts / "sm_train.sh"


@pytest.fixture
def run(drivers, tables, tmp_path):
    """Return what trains under the drivers: its exit code, its folder and its log."""

    def run(ensemble, hyperparameters):
        lines = []
        source = byoe.sagemaker.export(ensemble, tmp_path / "source", target="target")
        variables = {"TRAINING_JOB_NAME": "drivers", "PIP_NO_DEPS": "1"}
        container = Container(tmp_path / "container", variables, lines.append)
        script = lay_out(container, drivers, source, tables[0], hyperparameters)
        container.start(("-c", f"import os; os.execvp('bash', ['bash', {str(script)!r}])"))
        return container.wait(), container.base, "\n".join(lines)

    return run


def test_it_trains(run, tables):
    train, rows = tables
    ensemble = EnsembleRegressor(("ridge", "xgboost"), "mean", random_state=0)
    code, base, log = run(ensemble, {"cv": "3", "xgboost__max_depth": "2"})
    assert code == 0, log
    assert "validation:rmse=" in log
    expected = ensemble.set_params(cv=3, xgboost__max_depth=2).fit(train.drop(columns="target"), train["target"])
    np.testing.assert_allclose(byoe.load(base / "model").predict(rows), expected.predict(rows), rtol=1e-6)
    assert (base / "model" / "code" / "inference.py").exists()
    assert (base / "output" / "data" / "leaderboard.json").exists()


def test_it_tells_why_it_fails(run):
    code, base, log = run(EnsembleRegressor(("ridge",)), {"cw": "3"})
    assert code != 0, log
    assert (base / "output" / "failure").read_text().startswith("UnknownNameError: nobody knows the parameter 'cw'")
