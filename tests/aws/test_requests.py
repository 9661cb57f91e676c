"""Every request that is made passes the service's own model, strictly."""

import json

import pytest
from tests.aws.service_model import faults, model

from byoe.errors import ParameterError
from byoe.sagemaker.aws import _machine, _tags, _tuning_request
from byoe.sagemaker.aws._machine import Channel, Instances, Machine, Serverless, Variant, has_gpu
from byoe.sagemaker.aws._requests import (
    endpoint_config_request,
    endpoint_request,
    model_request,
    training_request,
)
from byoe.sagemaker.aws._tuning_request import check_kinship, check_parent, parameter_ranges
from byoe.sagemaker.aws._tuning_request import tuning_request as request_of
from byoe.sagemaker.shared import _limits, _search
from byoe.sagemaker.shared._metric_lines import metric_definitions
from byoe.sagemaker.shared._search import Search

PLAIN = Machine(
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1.9-0-cpu-py3", "arn:aws:iam::123456789012:role/byoe"
)
FULL = Machine(
    PLAIN.image,
    PLAIN.role,
    "ml.c5.4xlarge",
    instance_count=2,
    volume_gb=100,
    max_seconds=3600,
    spot=True,
    max_wait_seconds=7200,
    subnets=("subnet-1a2b",),
    security_groups=("sg-1a2b",),
    output_key="alias/out",
    volume_key="alias/volume",
    isolated=True,
    encrypted=True,
    environment={"NAME": "value"},
    tags={"team": "blue"},
)
WARM = Machine(PLAIN.image, PLAIN.role, keep_alive_seconds=600)
COMMON = {
    "source": "s3://bucket/byoe/code/sourcedir.tar.gz",
    "hyperparameters": {"cv": 4, "metric": "mae", "xgboost__max_depth": None},
    "channels": {
        "train": Channel("s3://bucket/train/", "application/x-parquet"),
        "validation": Channel("s3://bucket/validation/"),
    },
    "output": "s3://bucket/output/",
    "metrics": metric_definitions(["validation:mae", "member:ridge:mae"]),
}
SPACE = {"eta": (0.01, 0.3, "log"), "max_depth": (2, 8), "subsample": (0.5, 1), "blender": ["mean", "weighted", None]}
TUNING = {"space": SPACE, "objective": "validation:mae", "greater_is_better": False, "max_jobs": 8}


def tuning_request(name, machine, **given):
    search = {key: given.pop(key) for key in Search.__dataclass_fields__ if key in given}
    return request_of(name, machine, Search(**search), **given)


@pytest.mark.parametrize("machine", [PLAIN, FULL, WARM], ids=["plain", "full", "warm"])
@pytest.mark.parametrize("checkpoints", [None, "s3://bucket/checkpoints/"])
def test_a_training_job(machine, checkpoints):
    place = "/opt/ml/input/data" if machine.isolated else "s3://bucket/byoe"
    request = training_request("byoe-1", machine, **COMMON, checkpoints=checkpoints)
    assert faults("CreateTrainingJob", request) == []
    assert request["HyperParameters"] == {
        "cv": "4",
        "metric": '"mae"',
        "xgboost__max_depth": "null",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"{place}/code/sourcedir.tar.gz"',
    }
    assert request["Environment"]["PIP_NO_DEPS"] == "1"
    assert ("CheckpointConfig" in request) == (checkpoints is not None)


def test_all_that_a_machine_says_is_asked_for():
    request = training_request("byoe-1", FULL, **COMMON)
    assert request["ResourceConfig"] == {
        "InstanceType": "ml.c5.4xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 100,
        "VolumeKmsKeyId": "alias/volume",
    }
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert request["EnableManagedSpotTraining"] is request["EnableNetworkIsolation"] is True
    assert request["EnableInterContainerTrafficEncryption"] is True
    assert request["VpcConfig"] == {"Subnets": ["subnet-1a2b"], "SecurityGroupIds": ["sg-1a2b"]}
    assert request["OutputDataConfig"] == {"S3OutputPath": "s3://bucket/output/", "KmsKeyId": "alias/out"}
    assert request["Environment"]["NAME"] == "value"
    assert request["Tags"] == [{"Key": "team", "Value": "blue"}]
    assert training_request("byoe-1", WARM, **COMMON)["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 600
    # Without a network the source comes as a channel.
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == ["train", "validation", "code"]
    code = request["InputDataConfig"][2]["DataSource"]["S3DataSource"]["S3Uri"]
    assert code == COMMON["source"]
    assert request["InputDataConfig"][0]["ContentType"] == "application/x-parquet"


@pytest.mark.parametrize("machine", [PLAIN, FULL, WARM], ids=["plain", "full", "warm"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"strategy": "Random", "seed": 3, "max_parallel_jobs": 2},
        {"warm_start": ["byoe-tune-1", "byoe-tune-2"]},
        {"warm_start": "byoe-tune-1", "warm_start_type": "identical"},
        {"strategy": "hyperband", "n_folds": 5},
        {"early_stopping": True, "stop_at": 3, "patience": 5, "time_limit": 3600.5},
        {"autotune": True, "patience": "auto"},
        {"max_cost": 200.0, "price_per_hour": 1.0},
    ],
    ids=["plain", "random", "warm start", "identical", "hyperband", "ends", "autotune", "cost"],
)
def test_a_tuning_job(machine, more):
    request = tuning_request("byoe-tune-3", machine, **COMMON, **TUNING, **more, checkpoints="s3://bucket/checkpoints/")
    assert faults("CreateHyperParameterTuningJob", request) == []
    config = request["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "validation:mae"}
    assert config["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 8
    assert config.get("RandomSeed") == more.get("seed")
    # A trial is the same job as one on its own.
    alone = training_request("byoe-1", machine, **COMMON, checkpoints="s3://bucket/checkpoints/")
    trial = request["TrainingJobDefinition"]
    assert trial["StaticHyperParameters"] == alone["HyperParameters"]
    for part in ("AlgorithmSpecification", "InputDataConfig", "OutputDataConfig", "StoppingCondition", "Environment"):
        assert trial[part] == alone[part]


def test_ranges():
    assert parameter_ranges(SPACE) == {
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.3", "ScalingType": "Logarithmic"},
            {"Name": "subsample", "MinValue": "0.5", "MaxValue": "1.0", "ScalingType": "Linear"},
        ],
        "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "2", "MaxValue": "8", "ScalingType": "Linear"}],
        "CategoricalParameterRanges": [{"Name": "blender", "Values": ['"mean"', '"weighted"', "null"]}],
    }
    for values in parameter_ranges(SPACE)["CategoricalParameterRanges"]:
        assert [json.loads(text) for text in values["Values"]] == ["mean", "weighted", None]


def test_a_grid():
    space = {"blender": ["mean", "weighted"], "cv": [3, 5]}
    request = tuning_request("byoe-tune-3", PLAIN, **COMMON, **{**TUNING, "space": space}, strategy="Grid")
    assert faults("CreateHyperParameterTuningJob", request) == []
    assert "MaxNumberOfTrainingJobs" not in request["HyperParameterTuningJobConfig"]["ResourceLimits"]
    with pytest.raises(ParameterError, match=r"space\['eta'\] is the range .* a grid takes lists"):
        tuning_request("byoe-tune-3", PLAIN, **COMMON, **TUNING, strategy="Grid")


def config_of(machine=PLAIN, **given):
    request = tuning_request("byoe-tune-3", machine, **COMMON, **{**TUNING, **given})
    assert faults("CreateHyperParameterTuningJob", request) == []
    return request["HyperParameterTuningJobConfig"]


def test_what_ends_trials_and_tuning_jobs_early_is_said_in_the_words_of_the_service():
    band = config_of(strategy="HYPERBAND", n_folds=5)
    assert (band["Strategy"], band["TrainingJobEarlyStoppingType"]) == ("Hyperband", "Off")
    # A trial prints five values, the last one when its model is saved: none is stopped for having all its folds.
    assert band["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 6}}
    ends = config_of(early_stopping=True, stop_at=0.25, patience=4, time_limit=600.7)
    assert ends["TrainingJobEarlyStoppingType"] == "Auto"
    assert ends["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.25,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 4},
    }
    assert ends["ResourceLimits"]["MaxRuntimeInSeconds"] == 600
    converged = config_of(patience="auto")["TuningJobCompletionCriteria"]
    assert converged == {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    plain = config_of()
    assert "StrategyConfig" not in plain
    assert "TuningJobCompletionCriteria" not in plain


def test_autotune_decides_on_what_is_not_said():
    request = tuning_request("byoe-tune-3", PLAIN, **COMMON, **TUNING, autotune=True)
    assert request["Autotune"] == {"Mode": "Enabled"}
    assert "TrainingJobEarlyStoppingType" not in request["HyperParameterTuningJobConfig"]
    assert config_of(autotune=True, early_stopping=True)["TrainingJobEarlyStoppingType"] == "Auto"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("max_seconds", [60, 3600, 7000])
@pytest.mark.parametrize("price", [0.023, 1.0, 7.5])
def test_all_trials_together_cost_no_more_than_max_cost(count, max_seconds, price):
    machine = Machine(PLAIN.image, PLAIN.role, instance_count=count, max_seconds=max_seconds)
    each = (max_seconds + 120) / 3600 * price * count
    for jobs in (1, 2, 7, 8, 50):
        wanted = {"max_cost": each * (jobs + 0.001), "price_per_hour": price}
        limit = config_of(machine, **wanted)["ResourceLimits"]["MaxNumberOfTrainingJobs"]
        assert limit == min(jobs, TUNING["max_jobs"])
        assert limit * each <= wanted["max_cost"]
    text = rf"max_seconds={max_seconds} and 120 s to stop; set max_seconds to what a trial needs at most"
    with pytest.raises(ParameterError, match=text):
        config_of(machine, max_cost=each * 0.99, price_per_hour=price)
    grid = {"space": {"cv": [3, 4, 5]}, "strategy": "Grid", "price_per_hour": price}
    config_of(machine, **grid, max_cost=3.01 * each)
    with pytest.raises(ParameterError, match="each of the grid's 3 trials may take"):
        config_of(machine, **grid, max_cost=2.99 * each)


def parent(status="Completed", **given):
    request = tuning_request("byoe-tune-1", PLAIN, **{**COMMON, **given.pop("common", {})}, **{**TUNING, **given})
    request["TrainingJobDefinition"]["StaticHyperParameters"]["_tuning_objective_metric"] = "validation:mae"
    return {**request, "HyperParameterTuningJobStatus": status}


@pytest.mark.parametrize("part", ["TrainingJobDefinition", "HyperParameterTuningJobConfig"])
def test_a_tuning_job_of_another_maker_tells_nothing(part):
    other = parent()
    if part == "TrainingJobDefinition":
        other["TrainingJobDefinitions"] = [other.pop(part)]
    else:
        other[part] = {"Strategy": "Bayesian"}
    with pytest.raises(ParameterError, match="warm_start names 'byoe-tune-1', and byoe has not made it"):
        check_parent(Search(**TUNING), other)


def test_a_tuning_job_starts_from_one_of_its_kin():
    start = {"warm_start": "byoe-tune-1"}
    request = tuning_request("byoe-tune-3", PLAIN, **COMMON, **TUNING, **start)
    same = tuning_request("byoe-tune-3", PLAIN, **COMMON, **TUNING, **start, warm_start_type="identical")
    assert request["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    assert same["WarmStartConfig"]["WarmStartType"] == "IdenticalDataAndAlgorithm"
    for status in ("Completed", "Stopped", "Failed"):
        check_parent(Search(**TUNING), parent(status))
    check_kinship(request, parent())
    check_kinship(same, parent())
    tuned_then = parent(
        space={**SPACE, "cv": [4, 5]}, common={"hyperparameters": {"metric": "mae", "xgboost__max_depth": None}}
    )
    check_kinship(request, tuned_then)  # what was tuned may be fixed now
    data = {"common": {"channels": {"train": Channel("s3://bucket/other/")}}}
    check_kinship(request, parent(**data))
    with pytest.raises(
        ParameterError, match="the data of 'byoe-tune-1' is another one .*use warm_start_type='transfer'"
    ):
        check_kinship(same, parent(**data))
    with pytest.raises(
        ParameterError, match="has 10 hyperparameters.* here there are 9;.* One of them alone has gamma"
    ):
        check_kinship(request, parent(space={**SPACE, "gamma": (0.0, 1.0)}))
    with pytest.raises(ParameterError, match="has not ended"):
        check_parent(Search(**TUNING), parent("InProgress"))
    for other in ({"objective": "validation:r2", "greater_is_better": True}, {"greater_is_better": True}):
        with pytest.raises(ParameterError, match="whose objective is validation:.*the service wants the same"):
            check_parent(Search(**TUNING), parent(**other))


@pytest.mark.parametrize("machine", [PLAIN, FULL, WARM], ids=["plain", "full", "warm"])
def test_a_model_and_its_endpoint(machine):
    request = model_request("byoe-1", machine, "s3://bucket/output/byoe-1/output/model.tar.gz")
    assert faults("CreateModel", request) == []
    environment = request["PrimaryContainer"]["Environment"]
    assert environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
    assert environment["PIP_NO_DEPS"] == "1"
    config = endpoint_config_request("byoe-1", {"byoe-1": Variant(machine, "s3://b/m")}, Instances(2, 2))
    assert faults("CreateEndpointConfig", config) == []
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2
    assert faults("CreateEndpoint", endpoint_request("byoe-1", "byoe-1", machine)) == []


def test_a_serverless_endpoint():
    config = endpoint_config_request("byoe-1", {"byoe-1": Variant(PLAIN, "s3://b/m")}, Serverless(4096, 20, 2))
    assert faults("CreateEndpointConfig", config) == []
    assert config["ProductionVariants"][0]["ServerlessConfig"] == {
        "MemorySizeInMB": 4096,
        "MaxConcurrency": 20,
        "ProvisionedConcurrency": 2,
    }
    assert "ProvisionedConcurrency" not in str(
        endpoint_config_request("a", {"a": Variant(PLAIN, "s3://b/m")}, Serverless())
    )


def test_an_asynchronous_endpoint():
    hosting = Instances(0, 3, 2.0, "s3://bucket/asynchronous/byoe-1")
    config = endpoint_config_request("byoe-1", {"byoe-1": Variant(FULL, "s3://b/m")}, hosting)
    assert faults("CreateEndpointConfig", config) == []
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 1
    assert config["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] == "s3://bucket/asynchronous/byoe-1/answers"
    request = model_request("byoe-1", FULL, "s3://bucket/model.tar.gz", patient=True)
    assert request["PrimaryContainer"]["Environment"]["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == "3600"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Machine("i", "r", subnets=("s",)), "subnets and security_groups belong together"),
        (lambda: Machine("i", "r", spot=True, keep_alive_seconds=60), "spot instances cannot be kept alive"),
        (
            lambda: Machine("i", "r", keep_alive_seconds=21_601),
            "keep_alive_seconds is 21601, expected a whole number from 0 to 21600",
        ),
        (lambda: Machine("i", "r", max_wait_seconds=10), "max_wait_seconds is for spot jobs"),
        (lambda: Machine("i", "r", spot=True, max_wait_seconds=10), "less than max_seconds=86400"),
        (lambda: Machine("i", "r", environment={"A": "x" * 513}), "environment variable 'A' has 513 characters"),
        (lambda: Machine("i", "r", environment={"A-B": "x"}), "'A-B' cannot be the name of an environment variable"),
        (lambda: Serverless(1000), "memory_mb is 1000, expected one of 1024, 2048"),
        (lambda: Serverless(max_concurrency=201), "max_concurrency is 201, expected a whole number from 1 to 200"),
        (
            lambda: Serverless(provisioned_concurrency=6),
            "provisioned_concurrency is 6, expected 0 to max_concurrency=5",
        ),
        (
            lambda: endpoint_config_request("a", {"a": Variant(FULL, "s3://b/m")}, Serverless()),
            "a serverless endpoint has no VPC",
        ),
        (
            lambda: endpoint_config_request(
                "a", {"a": Variant(Machine("i", "r", isolated=True), "s3://b/m")}, Serverless()
            ),
            "a serverless endpoint has no network isolation",
        ),
        (lambda: Instances(0, 0), "instance_count is 0 to 0, expected a positive integer or two, from 1 on$"),
        (lambda: Instances(0, 2, 5), "instance_count is 0 to 2, .* from 1 on$"),
        (lambda: Instances(3, 2, 5), "instance_count is 3 to 2"),
        (lambda: Instances(0, 0, answers="s3://a/b"), "from 0 on for an asynchronous endpoint"),
        (lambda: Instances(1.5, 2, 5), "instance_count is 1.5 to 2"),
        (lambda: Instances(1, 2), "requests_per_instance belongs to an instance_count of two numbers"),
        (lambda: Instances(2, 2, 5), "requests_per_instance belongs to an instance_count of two numbers"),
        (lambda: Instances(1, 2, -5), "requests_per_instance is -5, expected a positive number"),
        (lambda: training_request("a_b", PLAIN, **COMMON), "'a_b' cannot be the name of a training job"),
        (lambda: tuning_request("a" * 33, PLAIN, **COMMON, **TUNING), "cannot be the name of a tuning job"),
        (
            lambda: tuning_request("a", PLAIN, **COMMON, **TUNING, warm_start=[*"abcdef"]),
            "names 6 tuning jobs, at most 5",
        ),
    ],
)
def test_what_the_service_would_refuse_is_refused_here(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_types_with_a_gpu():
    known = model("sagemaker").shape_for("TrainingInstanceType").enum
    found = {name.split(".")[1] for name in known if has_gpu(name)}
    assert found >= {"p3", "p4d", "p5", "g4dn", "g5", "g6", "g6e"}
    assert not found & {"m5", "c5", "c5n", "r5", "t3", "trn1", "m7i"}
    assert {name[0] for name in found} == {"p", "g"}


def test_the_limits_are_those_of_the_service():
    def most(name):
        return model("sagemaker").shape_for(name).metadata["max"]

    assert most("HyperParameters") == _limits.HYPERPARAMETERS + 2
    assert (most("HyperParameterKey"), most("HyperParameterValue")) == (_limits._KEY, _limits._VALUE)
    assert (most("MetricDefinitionList"), most("MetricRegex")) == (_limits.METRICS, _limits._REGEX)
    assert (most("ParameterValues"), most("ParameterValue")) == (_limits.CHOICES, _limits._CHOICE)
    assert {
        "training job": most("TrainingJobName"),
        "tuning job": most("HyperParameterTuningJobName"),
        "transform job": most("TransformJobName"),
        "endpoint": most("EndpointName"),
        "model": most("ModelName"),
        "model package group": most("EntityName"),
        "variant": most("VariantName"),
        "pipeline": most("PipelineName"),
    } == _limits.LONGEST
    assert (most("TagList"), most("TagKey"), most("TagValue")) == (_tags._MOST, _tags._KEY, _tags._VALUE)
    assert most("TrainingEnvironmentValue") == _limits.VARIABLE
    assert max(_machine._MEMORY) == most("ServerlessMemorySizeInMB")
    assert most("ServerlessMaxConcurrency") == _machine._MOST_CONCURRENT
    assert most("ParentHyperParameterTuningJobs") == _search._MOST_PARENTS
    assert set(model("sagemaker").shape_for("HyperParameterTuningJobStrategyType").enum) == set(_search.STRATEGIES)
    assert set(model("sagemaker").shape_for("HyperParameterTuningJobWarmStartType").enum) == set(
        _search.WARM_STARTS.values()
    )
    seconds = model("sagemaker").shape_for("HyperParameterTuningMaxRuntimeInSeconds").metadata
    assert (seconds["min"], seconds["max"]) == (_tuning_request._LEAST_SECONDS, _tuning_request._MOST_SECONDS)
    assert (
        model("sagemaker").shape_for("MaxNumberOfTrainingJobsNotImproving").metadata["min"] == _search._LEAST_PATIENCE
    )
    assert most("KeepAlivePeriodInSeconds") == _machine._KEEP_ALIVE


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"Name": 1}, "unknown member Name"),
        ({"RoleArn": "byoe"}, "does not match"),
        ({"TrainingJobName": "a" * 64}, "64 is more than 63"),
        ({"EnableManagedSpotTraining": "yes"}, "is no boolean"),
        ({"HyperParameters": {"a": 1}}, "1 is no text"),
        ({"ResourceConfig": {"InstanceType": "ml.none", "VolumeSizeInGB": 0}}, "is none of"),
    ],
)
def test_the_check_itself_finds_faults(change, fault):
    request = training_request("byoe-1", PLAIN, **COMMON) | change
    assert any(fault in found for found in faults("CreateTrainingJob", request))
    incomplete = {key: value for key, value in request.items() if key != "OutputDataConfig"}
    assert any("OutputDataConfig is missing" in found for found in faults("CreateTrainingJob", incomplete))
