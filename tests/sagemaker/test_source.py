import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from sklearn.linear_model import Lasso

from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import JobError, MissingExtraError, ParameterError, SpecError
from byoe.registry._members import as_blender
from byoe.sagemaker.shared._checks import variant_of
from byoe.sagemaker.source._folder import write_source
from byoe.tools._versions import installed_version

DATA = {"target": "y", "weight": None, "groups": None, "drop": []}


def test_the_folder_holds_what_a_container_needs(tmp_path):
    source = write_source(
        variant_of(EnsembleRegressor(("xgboost", "log-ridge", Lasso()), "trimmed-mean")), tmp_path / "source", data=DATA
    )
    names = {path.name for path in source.iterdir()}
    assert names == {"train.py", "inference.py", "spec.json", "requirements.txt", "metric_definitions.json", "wheels"}
    wheels = {wheel.name.partition("-")[0] for wheel in (source / "wheels").iterdir()}
    assert wheels == {"byoe_ensemble", "byoe_example"}
    requirements = (source / "requirements.txt").read_text().splitlines()
    assert f"xgboost-cpu=={installed_version('xgboost')}" in requirements
    assert not [line for line in requirements if line.startswith(("xgboost=", "nvidia"))]
    assert {line.partition("-")[0] for line in requirements if line.startswith("./")} == {
        "./wheels/byoe_ensemble",
        "./wheels/byoe_example",
    }
    # Other boosters are not paid for, and what the container brings is not pinned again.
    assert not [line for line in requirements if line.startswith(("catboost", "lightgbm", "numpy", "pandas", "scipy"))]
    spec = json.loads((source / "spec.json").read_text())
    assert spec["data"]["target"] == "y"
    compile((source / "train.py").read_text(), "train.py", "exec")
    compile((source / "inference.py").read_text(), "inference.py", "exec")


def test_what_a_blender_needs_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(type(as_blender("mean")), "needs", ("xgboost",))
    source = write_source(variant_of(EnsembleRegressor(("ridge",), "mean")), tmp_path / "source", data=DATA)
    assert f"xgboost-cpu=={installed_version('xgboost')}" in (source / "requirements.txt").read_text().splitlines()


def test_several_hosts_need_what_their_endpoint_does_not(tmp_path):
    source = write_source(variant_of(EnsembleRegressor(("ridge",))), tmp_path / "source", data=DATA, several=True)
    job, endpoint = ((source / name).read_text().splitlines() for name in ("requirements.txt", "serving.txt"))
    assert set(endpoint) < set(job)
    assert {f"{name}=={version(name)}" for name in ("distributed", "dask", "tornado")} <= set(job) - set(endpoint)


def test_several_hosts_and_a_time_limit(tmp_path):
    with pytest.raises(ParameterError, match="several instances cannot keep to a time_limit"):
        write_source(
            variant_of(EnsembleRegressor(("ridge",), time_limit=5)), tmp_path / "source", data=DATA, several=True
        )
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_is_for_training_alone(tmp_path):
    source = write_source(variant_of(EnsembleRegressor(("xgboost", "ridge"))), tmp_path / "source", data=DATA, gpu=True)
    job, endpoint = ((source / name).read_text().splitlines() for name in ("requirements.txt", "serving.txt"))
    assert f"xgboost=={installed_version('xgboost')}" in job
    assert any(line.startswith("xgboost==") for line in job)
    assert not any(line.startswith("xgboost-cpu") for line in job)
    assert f"xgboost-cpu=={installed_version('xgboost')}" in endpoint
    assert not any(line.startswith(("xgboost==", "nvidia")) for line in endpoint)


def test_several_hosts_without_their_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"byoe-ensemble\[dask\]"):
        write_source(variant_of(EnsembleRegressor(("ridge",))), tmp_path / "source", data=DATA, several=True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_for_an_ensemble_that_json_cannot_express(tmp_path):
    with pytest.raises(SpecError):
        write_source(variant_of(EnsembleRegressor(("ridge",), callbacks=print)), tmp_path / "source", data=DATA)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(JobError, match="must be new"):
        write_source(variant_of(EnsembleRegressor(("ridge",))), tmp_path / "source", data=DATA)


def test_metric_names():
    assert variant_of(EnsembleRegressor(("ridge",), metric="mae")).metric_names == [
        *(f"validation:{name}" for name in ("mae", "rmse", "r2")),
        *(f"member:ridge:{name}" for name in ("mae", "rmse", "r2")),
    ]
    assert variant_of(EnsembleClassifier(("ridge",))).metric_names[:3] == [
        "validation:log_loss",
        "validation:accuracy",
        "validation:roc_auc",
    ]
    assert (
        "validation:median_absolute_error"
        in variant_of(EnsembleRegressor(("ridge",), metric="neg_median_absolute_error")).metric_names
    )


def test_a_plugin_from_an_index_is_pinned_and_one_from_a_folder_is_shipped(tmp_path, monkeypatch):
    from byoe.sagemaker.source import _folder, _requirements

    ensemble = EnsembleRegressor(("additive-bins", "ridge"), "trimmed-mean")
    source = write_source(variant_of(ensemble), tmp_path / "folder", data=DATA)
    assert any(wheel.name.startswith("byoe_example-") for wheel in (source / "wheels").iterdir())
    for module in (_folder, _requirements):
        monkeypatch.setattr(module, "direct_url", lambda dist: None)
    source = write_source(variant_of(ensemble), tmp_path / "index", data=DATA)
    assert [wheel.name.partition("-")[0] for wheel in (source / "wheels").iterdir()] == ["byoe_ensemble"]
    assert f"byoe-example=={version('byoe-example')}" in (source / "requirements.txt").read_text().splitlines()


@pytest.mark.parametrize("script", ["train.py", "inference.py"])
def test_a_script_that_finds_another_byoe_says_so(script, tmp_path):
    source = write_source(variant_of(EnsembleRegressor(("ridge",))), tmp_path / "source", data=DATA)
    (tmp_path / "other" / "byoe").mkdir(parents=True)
    (tmp_path / "other" / "byoe" / "__init__.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "other")}
    done = subprocess.run([sys.executable, source / script], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "this byoe is another project: install byoe-ensemble, and not byoe" in done.stderr
