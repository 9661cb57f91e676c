"""Pipelines on AWS: their definitions, and what their executions come to in a stand-in that runs them."""

import copy
import json
from datetime import timedelta

import pytest
from tests.aws.answers import fails
from tests.aws.asked import only
from tests.aws.pipelines import wrong_in
from tests.aws.test_endpoints import MACHINE

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.aws._faults import NotFoundError
from byoe.sagemaker.aws._pipeline import Pipeline
from byoe.sagemaker.aws._pipeline_definition import channels_of

ENSEMBLE = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0)
CONDITION = ("validation:rmse", "<=", 60.0)
SPACE = {"ridge__alpha": (0.1, 10.0, "log"), "blender": ["mean", "weighted"]}


@pytest.fixture
def make(aws, cloud, bucket, session, asked, diabetes_frame):
    """Return a pipeline on AWS."""

    def made(name="churn", ensemble=ENSEMBLE, train=diabetes_frame, **given):
        on = {"instance_type": "ml.m5.xlarge", "role": "byoe", "session": session, "target": "target"}
        return byoe.sagemaker.pipeline(name, ensemble, train, **{**on, **given})

    return made


def steps_of(pipeline):
    """Return the steps of a definition by their names, those of a condition too."""
    found = {}
    for step in pipeline.definition["Steps"]:
        found[step["Name"]] = step
        for branch in ("IfSteps", "ElseSteps"):
            found |= {inner["Name"]: inner for inner in step["Arguments"].get(branch, ())}
    return found


# The definition


@pytest.mark.parametrize(
    ("given", "steps", "parameters"),
    [
        ({}, ["Train"], ["TrainData", "InstanceType"]),
        ({"condition": CONDITION}, ["Train", "Check", "Reject"], ["TrainData", "InstanceType", "Threshold"]),
        ({"register": "churn"}, ["Train", "Register"], ["TrainData", "InstanceType", "ApprovalStatus"]),
        (
            {"condition": CONDITION, "register": "churn", "cache": "30d", "spot": True, "tags": {"team": "blue"}},
            ["Train", "Check", "Register", "Reject"],
            ["TrainData", "InstanceType", "ApprovalStatus", "Threshold"],
        ),
        (
            {"space": SPACE, "condition": CONDITION, "register": "churn"},
            ["Tune", "Check", "Register", "Reject"],
            ["TrainData", "InstanceType", "ApprovalStatus", "Threshold"],
        ),
        ({"isolated": True, "vendor": False, "image": MACHINE.image}, ["Train"], ["TrainData", "InstanceType"]),
    ],
)
def test_a_definition_is_one_of_the_service(make, given, steps, parameters):
    pipeline = make(**given)
    assert wrong_in(pipeline.definition) == []
    assert list(steps_of(pipeline)) == steps
    assert list(pipeline.parameters) == parameters
    assert json.loads(pipeline.to_json()) == pipeline.definition


def test_the_steps_have_the_requests_of_fit_tune_and_register(make, session, asked, registry, run_job, diabetes_frame):
    on = {"instance_type": "ml.m5.xlarge", "role": "byoe", "session": session, "target": "target", "wait": False}
    tables = (diabetes_frame.iloc[:330], diabetes_frame.iloc[330:])
    byoe.sagemaker.fit(ENSEMBLE, *tables, **on)
    request = only(asked, "CreateTrainingJob")
    pipeline = make(train=tables[0], validation=tables[1], register="churn", metadata={"ticket": "ML-17"})
    arguments = steps_of(pipeline)["Train"]["Arguments"]
    defaults = pipeline.parameters
    assert defaults["TrainData"] == request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert defaults["ValidationData"] == request["InputDataConfig"][1]["DataSource"]["S3DataSource"]["S3Uri"]
    assert defaults["InstanceType"] == request["ResourceConfig"]["InstanceType"]
    same = set(request) - {"TrainingJobName", "InputDataConfig", "ResourceConfig"}
    assert {key: arguments[key] for key in same} == {key: request[key] for key in same}
    assert set(arguments) == set(request) - {"TrainingJobName"}
    run_job("byoe-9").register("churn", metadata={"ticket": "ML-17"})
    of_job = only(registry.requests, "CreateModelPackage")
    of_step = steps_of(pipeline)["Register"]["Arguments"]
    assert set(of_step) == set(of_job) - {"ModelMetrics", "ClientToken"}
    (own,), (theirs,) = (one["InferenceSpecification"].pop("Containers") for one in (of_step, of_job))
    assert own["ModelDataUrl"] == {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    assert own["Environment"] == theirs["Environment"]
    assert of_step["InferenceSpecification"] == of_job["InferenceSpecification"]
    assert of_step["CustomerMetadataProperties"]["byoe:pipeline"] == "churn"
    assert of_step["CustomerMetadataProperties"]["ticket"] == "ML-17"


def test_the_condition_reads_what_the_job_tells_the_service(make):
    arguments = steps_of(make(condition=("member:ridge:r2", ">", 0.4)))["Check"]["Arguments"]
    assert arguments["Conditions"] == [
        {
            "Type": "GreaterThan",
            "LeftValue": {"Get": "Steps.Train.FinalMetricDataList['member:ridge:r2'].Value"},
            "RightValue": {"Get": "Parameters.Threshold"},
        }
    ]
    tuned = steps_of(make(space=SPACE, condition=CONDITION))["Check"]["Arguments"]["Conditions"][0]["LeftValue"]
    assert tuned == {"Get": "Steps.Tune.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value"}


@pytest.mark.parametrize(
    ("given", "told"),
    [("30d", "P30D"), ("12h", "PT12H"), ("p4dt12h", "P4DT12H"), (timedelta(days=1), "PT1440M"), (None, None)],
)
def test_results_are_taken_again_for_a_time(make, given, told):
    step = steps_of(make(cache=given))["Train"]
    assert step.get("CacheConfig") == (told and {"Enabled": True, "ExpireAfter": told})


def test_the_number_of_instances_can_be_chosen_where_there_are_several(make, monkeypatch):
    assert "InstanceCount" not in make().parameters
    assert make(instance_count=2).parameters["InstanceCount"] == 2


# What cannot be


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "churn_models"}, "'churn_models' cannot be the name of a pipeline: .*'churn-models' could be"),
        ({"name": "c" * 257}, "it may have 256 characters"),
        ({"name": None}, "name is None, expected a text"),
        ({"condition": "rmse < 60"}, r"condition is 'rmse < 60', expected one such as \('validation:rmse', '<=', 60.0\)"),
        ({"condition": ("validation-rmse", "<=", 60)}, "the job prints no 'validation-rmse'. Did you mean 'validation:rmse'?"),
        ({"condition": ("validation:rmse", "=<", 60)}, "condition compares by '=<', expected one of '<', '<=', '>', '>='"),
        ({"condition": ("validation:rmse", ">=", 60)}, "which worse models pass: validation:rmse is better when it is less; compare by <="),
        ({"condition": ("validation:r2", "<", 0.5)}, "better when it is greater; compare by >="),
        ({"condition": ("validation:rmse", "<=", "60")}, "Threshold of the condition is '60', expected a number"),
        ({"condition": ("validation:rmse", "<=", float("nan"))}, "Threshold of the condition is nan, expected a number"),
        ({"max_jobs": 3}, "max_jobs is for tuning; give a space, or leave it out"),
        ({"test": "s3://b/test"}, "test is for tuning, whose validation data choose the best trial; .*give the data as validation"),
        ({"space": SPACE, "prune": 0.0}, "prune is for a pipeline without a space"),
        ({"space": SPACE, "condition": ("validation:r2", ">", 0.4)}, "a pipeline knows its objective alone, 'validation:rmse'; take that one, or give test data"),
        ({"space": SPACE, "on_trial": print}, "has no option 'on_trial'"),
        ({"approve": True}, "approve is for the version that register makes; give a group, or leave it out"),
        ({"register": "churn_models"}, "'churn_models' cannot be the name of a model package group"),
        ({"register": "churn", "approve": "yes"}, "approve is 'yes', expected True, False, or None"),
        ({"cache": "a month"}, "cache is 'a month', expected how long results are taken again, such as '12h', '30d'"),
        ({"cache": "P"}, "cache is 'P'"),
        ({"cache": timedelta(seconds=3)}, "a timedelta of a minute or more"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_uploaded(make, uploaded, given, message):
    with pytest.raises(ParameterError, match=message):
        make(**given)
    assert uploaded == []


def test_a_condition_is_on_what_is_left_of_too_many_metrics(make):
    many = EnsembleRegressor({f"ridge{number}": "ridge" for number in range(20)}, "mean")
    with pytest.raises(ParameterError, match="take one of the blend, which begins with 'validation:'"):
        make(ensemble=many, condition=("member:ridge3:mae", "<=", 60))
    assert make(ensemble=many, condition=CONDITION).parameters["Threshold"] == 60.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Treshold": 50}, "the pipeline has no parameter 'Treshold'. Did you mean 'Threshold'?"),
        ({"Threshold": "50"}, "Threshold of the condition is '50', expected a number"),
        ({"TrainData": 3}, "TrainData is 3, expected a text such as 's3://"),
        ({"TrainData": "june.csv"}, "'june.csv' is no S3 address"),
        ({"InstanceType": "ml.m5.xlrage"}, "instance_type is 'ml.m5.xlrage', expected one such as 'ml.m5.xlarge'"),
        ({"InstanceType": "ml.g5.xlarge"}, "what a job installs depends on whether there is a GPU"),
        ({"ApprovalStatus": "yes"}, "ApprovalStatus is 'yes', expected one of 'Approved', 'Rejected'"),
    ],
)
def test_an_execution_takes_what_the_pipeline_has(make, pipelines, given, message):
    pipeline = make(condition=CONDITION, register="churn")
    with pytest.raises(ParameterError, match=message):
        pipeline.start(**given)
    assert pipelines.there == {}


# Executions


def test_a_good_model_is_registered_and_served(make, pipelines, registry, asked, recorder):
    pipeline = make(condition=CONDITION, register="churn", description="each month")
    assert pipeline.status == "Deleted"
    execution = pipeline.start(ApprovalStatus="Approved").wait()
    assert (pipeline.status, execution.status) == ("Active", "Succeeded")
    rows = execution.steps
    assert [(row["step"], row["status"], row["cached"], row["failure"]) for row in rows] == [
        *[("Train", "Succeeded", False, ""), ("Check", "Succeeded", False, ""), ("Register", "Succeeded", False, "")]
    ]
    assert [row["made"].rpartition("/")[2] for row in rows] == ["pipelines-x00000000001-train", "True", "1"]
    assert execution.tuning is None
    assert execution.job.name == "pipelines-x00000000001-Train"
    package = execution.package
    assert (package.name, package.status, package.pipeline, package.digest) == ("churn/1", "Approved", "churn", "")
    assert package.description == "each month"
    assert package.job.endswith(f":training-job/{execution.job.name}")
    assert package.artifact == execution.job.artifact
    assert package.metrics == {"validation:rmse": 54.25, "validation:r2": 0.5}
    endpoint = byoe.sagemaker.deploy(execution, name="churn")
    assert only(asked, "CreateModel")["PrimaryContainer"]["ModelPackageName"] == package.arn
    assert endpoint.status == "InService"


def test_a_version_that_nobody_has_approved_is_not_served(make, pipelines):
    execution = make(register="churn").start()
    with pytest.raises(ParameterError, match=r"package churn/1 has the status PendingManualApproval.*approve\(\)"):
        byoe.sagemaker.deploy(execution)
    execution.package.approve()
    assert execution.completed().name == "churn/1"


def test_what_is_not_registered_is_served_by_its_job(make, pipelines, asked):
    execution = make().start()
    byoe.sagemaker.deploy(execution)
    assert only(asked, "CreateModel")["PrimaryContainer"]["ModelDataUrl"] == execution.job.artifact
    with pytest.raises(JobError, match="has the status Succeeded: it has registered no model"):
        _ = execution.package


@pytest.mark.parametrize("value", [61.0, float("nan")])
def test_a_model_that_is_not_good_enough_is_told_with_its_metric(make, pipelines, results, registry, value):
    results.metrics["validation:rmse"] = value
    execution = make(condition=CONDITION, register="churn").start()
    message = rf"pipeline execution churn/execution/x0+1 has the status Failed: validation:rmse is not <= the parameter Threshold; it is {value:.6g}"
    with pytest.raises(JobError, match=message):
        execution.wait()
    with pytest.raises(JobError, match=message):
        byoe.sagemaker.deploy(execution)
    with pytest.raises(JobError, match="it has registered no model: validation:rmse is not <="):
        _ = execution.package
    assert [row["step"] for row in execution.steps] == ["Train", "Check", "Reject"]
    assert [row["made"] for row in execution.steps[1:]] == ["False", ""]
    assert [one for one in registry.left if ":model-package/" in one] == []


def test_the_threshold_of_one_execution(make, pipelines):
    pipeline = make(condition=CONDITION)
    assert pipeline.start().status == "Succeeded"
    assert pipeline.start(Threshold=50).status == "Failed"
    rows = pipeline.executions
    assert [row["status"] for row in rows] == ["Failed", "Succeeded"]
    assert byoe.sagemaker.attach(rows[1]["arn"], session=pipeline.cloud._session).status == "Succeeded"


def test_a_job_that_fails_is_told_with_its_reason(make, pipelines, results):
    results.failure = "AlgorithmError: InputError: no rows"
    with pytest.raises(
        JobError, match="has the status Failed: step Train: ClientError: AlgorithmError: InputError: no rows"
    ):
        make(register="churn").start().wait()


def test_data_of_another_month(make, pipelines, asked, bucket):
    make().start(TrainData=f"{bucket}/june/", InstanceType="ml.m5.2xlarge")
    request = only(asked, "CreateTrainingJob")
    assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"{bucket}/june/"
    assert request["ResourceConfig"]["InstanceType"] == "ml.m5.2xlarge"


def test_the_same_job_is_not_run_again(make, pipelines, asked, bucket):
    pipeline = make(cache="30d", register="churn")
    first, second = pipeline.start(), pipeline.start()
    assert [row["cached"] for row in second.steps] == [True, False]
    assert first.job.name == second.job.name
    assert [row["cached"] for row in pipeline.start(TrainData=f"{bucket}/june/").steps] == [False, False]
    assert len([name for name, _ in asked if name == "CreateTrainingJob"]) == 2


def test_the_best_trial_is_registered(make, pipelines, asked, registry):
    execution = make(space=SPACE, condition=CONDITION, register="churn", max_jobs=4, seed=1).start().wait()
    assert only(asked, "CreateHyperParameterTuningJob")["HyperParameterTuningJobConfig"]["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": 4,
        "MaxParallelTrainingJobs": 1,
    }
    assert execution.tuning.name == "x00000000001-Tune"
    package = only(registry.requests, "CreateModelPackage")
    (container,) = package["InferenceSpecification"]["Containers"]
    output = only(asked, "CreateHyperParameterTuningJob")["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]
    assert container["ModelDataUrl"] == f"{output}/x00000000001-Tune-001/output/model.tar.gz"
    assert package["MetadataProperties"]["GeneratedBy"].endswith(":training-job/x00000000001-Tune-001")


def test_the_best_ensemble_is_scored_on_test_data(make, pipelines, asked, results, diabetes_frame):
    results.tuned = {"ridge__alpha": "0.5", "blender": '"mean"'}
    tables = {"train": diabetes_frame.iloc[:300], "validation": diabetes_frame.iloc[300:370]}
    test = diabetes_frame.iloc[370:]
    pipeline = make(
        **tables, test=test, space=SPACE, condition=("validation:mae", "<=", 50.0), hyperparameters={"cv": 3}
    )
    assert wrong_in(pipeline.definition) == []
    assert list(steps_of(pipeline)) == ["Tune", "Train", "Check", "Reject"]
    assert {"TrainData", "ValidationData", "TestData"} < set(pipeline.parameters)
    results.metrics["validation:mae"] = 44.0
    execution = pipeline.start().wait()
    tuned, trained = only(asked, "CreateHyperParameterTuningJob"), only(asked, "CreateTrainingJob")
    places = [
        {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in job["InputDataConfig"]}
        for job in (tuned["TrainingJobDefinition"], trained)
    ]
    assert places[0]["train"] == places[1]["train"]
    assert set(places[0]) == set(places[1]) == {"train", "validation"}
    assert places[1]["validation"] == pipeline.parameters["TestData"] != places[0]["validation"]
    own = {name: value for name, value in trained["HyperParameters"].items() if not name.startswith("sagemaker_")}
    assert own == {"cv": "3", "ridge__alpha": "0.5", "blender": '"mean"'}
    assert execution.job.name == "pipelines-x00000000001-Train"


# The handle


def test_a_pipeline_is_made_once_and_changed_by_its_name(make, pipelines, asked):
    first = make(register="churn")
    first.upsert().upsert()
    assert only(asked, "CreatePipeline")["PipelineName"] == "churn"
    second = make(condition=CONDITION)
    second.start()
    assert [name for name, _ in asked if name.endswith("Pipeline") and "Describe" not in name] == [
        *["CreatePipeline", "UpdatePipeline"]
    ]
    assert json.loads(pipelines.there["churn"]["PipelineDefinition"]) == second.definition
    second.delete()
    second.delete()
    assert second.status == "Deleted"
    with pytest.raises(NotFoundError, match="start_pipeline_execution of churn: .*does not exist"):
        second.start()


def test_nothing_is_left_of_a_pipeline_that_aws_refuses(make, pipelines, registry, monkeypatch):
    pipeline = make(register="churn")
    fails(monkeypatch, pipeline.cloud, create_pipeline=JobError("iam:PassRole"))
    with pytest.raises(JobError, match="iam:PassRole"):
        pipeline.upsert()
    assert registry.requests == []


def test_nothing_is_left_of_a_new_pipeline_whose_group_is_refused(make, pipelines, monkeypatch):
    pipeline = make(register="churn")
    with monkeypatch.context() as patch:
        fails(patch, pipeline.cloud, create_model_package_group=JobError("sagemaker:CreateModelPackageGroup"))
        with pytest.raises(JobError, match="CreateModelPackageGroup"):
            pipeline.start()
    assert pipeline.status == "Deleted"
    assert pipeline.upsert().status == "Active"


def test_a_pipeline_of_somebody_else_is_not_replaced(make, pipelines, cloud):
    theirs = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [],
        "Steps": [{"Name": "Reject", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}],
    }
    role = "arn:aws:iam::123456789012:role/byoe"
    named = {"PipelineName": "churn", "RoleArn": role, "ClientRequestToken": "x" * 32}
    cloud.call("sagemaker", "create_pipeline", PipelineDefinition=json.dumps(theirs), **named)
    with pytest.raises(ParameterError, match="there is a pipeline 'churn' already, and byoe has not made it"):
        make().start()
    assert Pipeline("churn", cloud).definition == theirs


def test_a_parameter_without_a_default_is_asked_for(make, pipelines):
    pipeline = make()
    pipeline.definition["Parameters"].append({"Name": "Month", "Type": "String"})
    with pytest.raises(ParameterError, match=r"pipeline churn has no default for Month; give start\(Month=…\)"):
        pipeline.start()


def test_channels_of_definitions_of_others_are_read_as_far_as_they_say(make):
    definition = copy.deepcopy(make().definition)
    (channel,) = definition["Steps"][0]["Arguments"]["InputDataConfig"]
    del channel["InputMode"]
    ((name, words),) = channels_of(definition)
    assert (name, "InputMode" in words) == ("TrainData", False)
    channel["DataSource"]["S3DataSource"]["S3Uri"] = {"Std:Join": {"On": "/", "Values": ["s3://mine", "june"]}}
    assert list(channels_of(definition)) == []


def test_metrics_of_a_job_that_nobody_may_see_are_told_of(make, pipelines, monkeypatch):
    package = make(register="churn").start().package
    theirs = "arn:aws:sagemaker:eu-west-1:999999999999:training-job/theirs"
    monkeypatch.setattr(type(package), "job", theirs)
    with pytest.raises(JobError, match=f"the metrics of package churn/1 are those of its job {theirs}"):
        _ = package.metrics


def test_handles_are_found_again(make, pipelines, session):
    pipeline = make(condition=CONDITION, register="churn")
    execution = pipeline.start()
    arn = pipeline.describe()["PipelineArn"]
    for name, kind in ((arn, None), ("churn", "pipeline")):
        again = byoe.sagemaker.attach(name, kind=kind, session=session)
        assert (again.definition, again.parameters) == (pipeline.definition, pipeline.parameters)
        assert repr(again) == "Pipeline('churn', status='Active')"
    for name, kind in ((execution.arn, None), (execution.name, "pipeline execution")):
        again = byoe.sagemaker.attach(name, kind=kind, session=session)
        assert (again.arn, again.package.name) == (execution.arn, "churn/1")
        assert repr(again) == "Execution('churn/execution/x00000000001', status='Succeeded')"
    with pytest.raises(NotFoundError, match="there is no pipeline 'other' in eu-west-1"):
        byoe.sagemaker.attach("other", kind="pipeline", session=session)
    execution.stop()  # which has ended
    assert execution.status == "Succeeded"


def test_an_execution_is_stopped(make, pipelines, session):
    execution = make().start()
    pipelines._executions[execution.arn]["PipelineExecutionStatus"] = "Executing"
    execution.stop()
    assert execution.status == "Stopped"
    with pytest.raises(JobError, match="has the status Stopped: it was stopped before its end"):
        execution.wait()


def test_what_has_not_begun_has_no_job(make, pipelines):
    execution = make().start()
    pipelines._executions[execution.arn]["steps"].clear()
    with pytest.raises(JobError, match="no job of it has begun"):
        _ = execution.job


def test_classes_have_metrics_of_their_own(make, diabetes_frame):
    frame = diabetes_frame.assign(target=(diabetes_frame["target"] > 140).astype(int))
    ensemble = EnsembleClassifier(("xgboost", "knn"), "mean", random_state=0)
    pipeline = make(ensemble=ensemble, train=frame, condition=("validation:roc_auc", ">=", 0.7))
    assert wrong_in(pipeline.definition) == []


def test_the_checker_of_definitions_sees_what_is_wrong(make):
    def changed(path, value):
        definition = json.loads(make(condition=CONDITION, register="churn", cache="1d").to_json())
        place = definition
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return wrong_in(definition)

    assert changed(("Version",), "2020-12-01") == []
    assert changed(("Version",), "2021") != []
    assert changed(("Steps", 0, "Arguments", "TrainingJobName"), "x") != []
    assert changed(("Steps", 0, "Arguments", "RoleArn"), "me") != []
    assert changed(("Steps", 0, "CacheConfig", "ExpireAfter"), "30d") != []
    assert changed(("Steps", 1, "Arguments", "Conditions", 0, "LeftValue", "Get"), "Steps.Train.Metrics") != []
    assert changed(("Parameters", 0, "Name"), "Train Data") != []
