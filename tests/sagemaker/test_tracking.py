"""A job's run in MLflow, and what becomes of a job whose server cannot be reached."""

import sys
from importlib.util import module_from_spec, spec_from_loader

import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import MissingExtraError, ParameterError
from byoe.mlflow._client import check_uri, libraries_for
from byoe.mlflow._log import Logged
from byoe.sagemaker.in_job._tracking import Tracked, named, tracked
from byoe.sagemaker.source._requirements import requirements

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ours"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def impatient(monkeypatch):
    """A client that asks once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    import mlflow

    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri("")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Runs in a file, which takes MLflow seconds to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('runs')}/runs.db"


def test_metrics_of_a_job_have_the_names_of_a_run():
    metrics = {"validation:rmse": 1.0, "member:ridge:rmse": 2.0}
    assert [(one.name, one.value) for one in named(metrics, held_out=True)] == [
        ("validation/rmse", 1.0),
        ("validation/members/ridge/rmse", 2.0),
    ]
    assert [one.name for one in named(metrics, held_out=False)] == ["rmse", "members/ridge/rmse"]


def test_a_server_that_does_not_answer_is_told_and_the_fit_goes_on(impatient, capsys):
    with tracked({"uri": NOWHERE}, resumes=False) as run:
        assert run == Tracked()
        run.keep(None, None, trusted=(), what=Logged())
    assert f"[byoe] nothing is logged to {NOWHERE}: MlflowException" in capsys.readouterr().out


def test_what_fails_at_the_end_is_told_and_the_job_ends_well(capsys):
    Tracked("somewhere").keep("no ensemble", None, trusted=(), what=Logged())
    assert "[byoe] not all is logged to somewhere: AttributeError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ends", "status"), [(None, "FINISHED"), (ValueError("a fault"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_the_run_ends_as_the_job_does_and_goes_on_where_it_was_interrupted(
    ends, status, impatient, store, tmp_path, monkeypatch, capsys
):
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRAINING_JOB_NAME", "night-1")
    setting = {"uri": store, "experiment": status}
    for resumes in (False, True):
        try:
            with tracked(setting, resumes=resumes):
                if ends is not None:
                    raise ends
        except (ValueError, KeyboardInterrupt):
            assert ends is not None
    (run,) = mlflow.search_runs(experiment_names=[status], output_format="list")
    assert (run.info.run_name, run.info.status) == ("night-1", status)
    assert "logs to run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"tracking": NOWHERE}, ParameterError, "does not answer, so that nothing was fitted"),
        ({"tracking": ""}, ParameterError, "expected the address of a tracking server"),
        ({"tracking": "http://me:secret@host"}, ParameterError, "MLFLOW_TRACKING_PASSWORD"),
        ({"tracking": "arn:aws:s3:::bucket"}, ParameterError, "expected an ARN such as arn:aws:sagemaker:"),
        ({"experiment": "nights"}, ParameterError, "tracking does not say at which server"),
    ],
)
def test_a_server_that_cannot_be_is_refused_before_anything_is_written(how, error, message, impatient, split, tmp_path):
    with pytest.raises(error, match=message) as raised:
        byoe.sagemaker.fit(EnsembleRegressor(["ridge"]), split[0], target="target", output=tmp_path, **how)
    assert "secret" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_an_arn_needs_the_plugin_of_sagemaker(monkeypatch):
    monkeypatch.setitem(sys.modules, "sagemaker_mlflow", None)
    with pytest.raises(MissingExtraError, match="pip install sagemaker-mlflow"):
        check_uri(ARN)
    monkeypatch.setitem(sys.modules, "sagemaker_mlflow", module_from_spec(spec_from_loader("sagemaker_mlflow", None)))
    for arn in (ARN, ARN.replace("mlflow-tracking-server/ours", "mlflow-app/app-1"), ARN.replace("aws", "aws-cn", 1)):
        check_uri(arn)
    assert libraries_for(ARN) == ["mlflow-skinny", "pandas", "sagemaker-mlflow"]
    assert libraries_for("https://host") == ["mlflow-skinny", "pandas"]


def test_what_an_endpoint_could_not_start_with_may_be_in_a_job():
    lines, _ = requirements(["mlflow-skinny"], serves=False)
    assert [line for line in lines if line.startswith("protobuf==")]
