"""Data in S3, described in the service's words: what a job is asked with, and what is told before it is."""

import json

import pandas as pd
import pytest
from sagemaker.core import shapes
from sagemaker.core.inputs import TrainingInput
from sagemaker.core.training.configs import InputData
from tests.aws.answers import refusal, refuse
from tests.aws.asked import only
from tests.aws.test_endpoints import MACHINE

import byoe
from byoe import EnsembleRegressor
from byoe.errors import InputError, JobError, ParameterError
from byoe.sagemaker.aws._channels import bytes_of
from byoe.sagemaker.aws._manifest import read_manifest

ENSEMBLE = EnsembleRegressor(("ridge", "knn"), "mean", random_state=0)
ROWS, LIST = "s3://mine/rows/", "s3://mine/list.json"
WHOLE = {"S3DataType": "S3Prefix", "S3Uri": ROWS, "S3DataDistributionType": "FullyReplicated"}
SHARDED, LISTED = {**WHOLE, "S3DataDistributionType": "ShardedByS3Key"}, {**WHOLE, "S3DataType": "ManifestFile", "S3Uri": LIST}  # fmt: skip
ON = {"instance_type": "ml.m5.xlarge", "role": MACHINE.role, "image": MACHINE.image, "target": "y", "wait": False}


@pytest.fixture
def mine(session):
    """A bucket with three files of rows and a list of them; returns what puts a file there."""
    s3 = session.client("s3")
    s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    session.client("s3", region_name="us-east-1").create_bucket(Bucket="far")

    def put(key, content=b"x,y\n1,2\n"):
        s3.put_object(Bucket="mine", Key=key, Body=content if isinstance(content, bytes) else json.dumps(content))

    for key in ("rows/a.csv", "rows/b.csv", "rows/more/c.csv"):
        put(key)
    put("rows/_SUCCESS", b"")
    put("list.json", [{"prefix": ROWS}, "a.csv", "more/c.csv"])
    return put


@pytest.fixture
def fit(session, asked, mine):
    """Return the channels that a job is asked with."""

    def call(train=ROWS, validation=None, **given):
        byoe.sagemaker.fit(ENSEMBLE, train, validation, session=session, **{**ON, **given})
        return {one["ChannelName"]: one for one in only(asked, "CreateTrainingJob")["InputDataConfig"]}

    return call


def source(**words):
    return shapes.S3DataSource(**{"s3_uri": ROWS, "s3_data_type": "S3Prefix", **words})


@pytest.mark.parametrize(
    ("given", "described", "mode"),
    [
        (ROWS, WHOLE, "File"),
        ({"S3Uri": ROWS}, WHOLE, "File"),
        (SHARDED, SHARDED, "File"),
        ({"S3Uri": LIST, "S3DataType": "ManifestFile"}, LISTED, "File"),
        ({"S3Uri": ROWS, "InputMode": "FastFile"}, WHOLE, "FastFile"),
        (
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": SHARDED},
                "InputMode": "FastFile",
                "CompressionType": "None",
            },
            SHARDED,
            "FastFile",
        ),
        (source(), WHOLE, "File"),
        (source(s3_data_distribution_type="ShardedByS3Key"), SHARDED, "File"),
        (shapes.DataSource(s3_data_source=source(s3_uri=LIST, s3_data_type="ManifestFile")), LISTED, "File"),
        (
            shapes.Channel(
                channel_name="train", data_source=shapes.DataSource(s3_data_source=source()), input_mode="FastFile"
            ),
            WHOLE,
            "FastFile",
        ),
        (InputData(channel_name="train", data_source=ROWS), WHOLE, "File"),
        (InputData(channel_name="train", data_source=source()), WHOLE, "File"),
        (TrainingInput(ROWS, distribution="ShardedByS3Key", input_mode="FastFile"), SHARDED, "FastFile"),
    ],
)
def test_data_are_described_in_the_words_of_the_service_and_of_its_sdk(fit, given, described, mode):
    channel = fit(given, instance_count=2)["train"]
    assert channel == {"ChannelName": "train", "DataSource": {"S3DataSource": described}, "InputMode": mode}


def test_the_input_mode_is_that_of_all_channels_that_say_none(fit, asked):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]})
    channels = fit(frame, {"S3Uri": LIST, "S3DataType": "ManifestFile", "InputMode": "File"}, input_mode="FastFile")
    assert {name: one["InputMode"] for name, one in channels.items()} == {"train": "FastFile", "validation": "File"}
    assert channels["train"]["DataSource"]["S3DataSource"]["S3Uri"].endswith("/")
    assert only(asked, "CreateTrainingJob")["AlgorithmSpecification"]["TrainingInputMode"] == "FastFile"


def test_the_source_of_an_isolated_job_is_copied_whatever_the_mode(fit):
    assert fit(input_mode="FastFile", isolated=True)["code"]["InputMode"] == "File"


def test_trials_have_the_channels_of_a_job(session, asked, mine):
    space = {"ridge__alpha": (0.1, 1.0)}
    byoe.sagemaker.tune(ENSEMBLE, space, SHARDED, LISTED, session=session, instance_count=2, **ON)
    byoe.sagemaker.fit(ENSEMBLE, SHARDED, LISTED, session=session, instance_count=2, **ON)
    definition = only(asked, "CreateHyperParameterTuningJob")["TrainingJobDefinition"]
    assert definition["InputDataConfig"] == only(asked, "CreateTrainingJob")["InputDataConfig"]


@pytest.mark.parametrize("name", ["trainer", "tuner"])
def test_the_trainers_of_the_sdk_have_them_too(session, asked, mine, monkeypatch, tmp_path, name):
    pytest.importorskip("sagemaker.train")
    config = tmp_path / "config.yaml"
    config.write_text("SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n")
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(config))
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")
    on = {key: value for key, value in ON.items() if key != "wait"}
    given = {**on, "session": session, "instance_count": 2, "input_mode": "FastFile"}
    validation = {**LISTED, "InputMode": "File"}
    if name == "trainer":
        byoe.sagemaker.model_trainer(ENSEMBLE, SHARDED, validation, **given).train(wait=False)
        request = only(asked, "CreateTrainingJob")
    else:
        tuner = byoe.sagemaker.tuner(ENSEMBLE, {"ridge__alpha": (0.1, 1.0)}, SHARDED, validation, **given)
        tuner.tune(wait=False)
        request = only(asked, "CreateHyperParameterTuningJob")["TrainingJobDefinition"]
    assert [(one["DataSource"]["S3DataSource"], one["InputMode"]) for one in request["InputDataConfig"]] == [
        (SHARDED, "FastFile"),
        (LISTED, "File"),
    ]


@pytest.mark.parametrize(
    ("train", "more", "told"),
    [
        (ROWS, {"input_mode": "fastfile"}, "input_mode is 'fastfile'. Did you mean 'FastFile'?"),
        (ROWS, {"input_mode": "Pipe"}, "input_mode is 'Pipe', one stream of all files without their ends"),
        (ROWS, {"input_mode": None}, "input_mode is None. "),
        ({"S3Uri": ROWS, "InputMode": "Pipe"}, {}, "train: InputMode is 'Pipe', one stream"),
        ({"S3Uri": LIST, "S3DataType": "Manifest"}, {}, "S3DataType is 'Manifest'. Did you mean 'ManifestFile'?"),
        ({"S3Uri": LIST, "S3DataType": "AugmentedManifestFile"}, {}, "which comes through a pipe, with labels"),
        ({"S3Uri": ROWS, "S3DataDistributionType": "Sharded"}, {}, "Did you mean 'ShardedByS3Key'?"),
        ({"S3Uri": ROWS, "S3DataDistributionType": ["a"]}, {}, "S3DataDistributionType is ['a']. "),
        (
            {"S3Uri": ROWS, "S3Datatype": "S3Prefix"},
            {},
            "train has S3Datatype: no channel of byoe's has it. Did you mean 'S3DataType'?",
        ),
        ({"S3Uri": ROWS, "ShuffleConfig": {"Seed": 1}}, {}, "train has ShuffleConfig: rows are read in the order"),
        ({"S3Uri": ROWS, "ChannelName": "validation"}, {}, "train is given a channel of the name 'validation'"),
        ({"S3DataType": "S3Prefix"}, {}, "train has the S3Uri None, expected an address"),
        (InputData(channel_name="train", data_source="rows.csv"), {}, "files of this machine are given by their path"),
        (
            TrainingInput(LIST, s3_data_type="AugmentedManifestFile", attribute_names=["a"]),
            {},
            "train has AttributeNames: it is for augmented manifests",
        ),
        (
            "s3://mine/rows",
            {"input_mode": "FastFile"},
            "'s3://mine/rows', and FastFile mounts folders alone; give a folder, with '/'",
        ),
        (LISTED, {"input_mode": "FastFile"}, "train is a manifest, and FastFile mounts folders alone"),
        (SHARDED, {"instance_count": 4}, "train is ShardedByS3Key, and 3 files are too few for 4 instances"),
        (LISTED | {"S3DataDistributionType": "ShardedByS3Key"}, {"instance_count": 3}, "2 files are too few for 3"),
    ],
)
def test_what_no_job_can_read_is_told_before_anything_is_uploaded(fit, uploaded, train, more, told):
    uploaded.clear()
    with pytest.raises(ParameterError) as caught:
        fit(train, **more)
    assert told in str(caught.value)
    assert uploaded == []


def test_a_mapping_of_columns_is_no_description(fit):
    with pytest.raises(InputError, match="train is of type dict; expected a frame"):
        fit({"x": [1.0], "y": [2.0]})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no JSON"),
        (b"a.csv\nb.csv\n", "is no JSON"),
        (b'{"source-ref": "s3://mine/a.jpg"}\n{"source-ref": "s3://mine/b.jpg"}\n', "as an augmented manifest"),
        (b'{"prefix": "s3://mine/"}', 'holds {"prefix": "s3://mine/"}'),
        (b"[]", "holds []"),
        (b'["s3://mine/a.csv"]', 'begins with "s3://mine/a.csv"'),
        (b'[{"prefix": "rows/"}, "a.csv"]', 'begins with {"prefix": "rows/"}'),
        (b'[{"prefix": ""}, "a.csv"]', 'begins with {"prefix": ""}'),
        (b'[{"prefix": "s3://mine/"}]', "lists no file"),
        (b'[{"prefix": "s3://mine/"}, "a.csv", 3]', "lists 3"),
        (b'[{"prefix": "s3://mine/"}, "a.csv", "a.csv"]', "lists 'a.csv' twice"),
        (b'[{"prefix": "s3://mine/"}, "a.csv", "_old/b.csv"]', "pass over names that begin with '.' or '_'"),
    ],
)
def test_a_manifest_of_another_form(content, told):
    with pytest.raises(ParameterError) as caught:
        read_manifest(content, LIST)
    assert f"the manifest {LIST} " in str(caught.value)
    assert told in str(caught.value)


def test_a_manifest_is_read_before_the_job_starts(fit, mine, asked):
    mine("list.json", [{"prefix": "s3://far/rows/"}, "a.csv"])
    with pytest.raises(ParameterError, match="what train lists is 's3://far/rows/a.csv', whose bucket is in us-east-1"):
        fit(LISTED)
    mine("list.json", [{"prefix": "s3://nobody/"}, "a.csv"])
    with pytest.raises(JobError, match="there is no bucket 'nobody'"):
        fit(LISTED)
    with pytest.raises(JobError, match=r"get_object of s3://mine/other.json"):
        fit({**LISTED, "S3Uri": "s3://mine/other.json"})
    assert asked == []


@pytest.mark.parametrize("described", [LISTED, SHARDED])
def test_what_the_role_alone_may_read_is_left_to_the_job(fit, session, described):
    for operation in ("GetObject", "ListObjectsV2"):
        refuse(session, f"s3.{operation}", lambda: refusal("AccessDenied", "no", 403))
    assert fit(described, instance_count=2)["train"]["DataSource"]["S3DataSource"] == described


def test_a_pipeline_looks_at_the_data_that_it_is_started_with(session, asked, mine, aws, pipelines):
    on = {key: value for key, value in ON.items() if key != "wait"}
    made = byoe.sagemaker.pipeline("churn", ENSEMBLE, SHARDED, LISTED, session=session, instance_count=2, **on)
    assert made.parameters["ValidationData"] == LIST
    with pytest.raises(ParameterError, match="TrainData is ShardedByS3Key, and 1 files are too few for 2 instances"):
        made.start(TrainData="s3://mine/rows/more/")
    with pytest.raises(ParameterError, match="TrainData is ShardedByS3Key, and 3 files are too few for 5 instances"):
        made.start(InstanceCount=5)
    mine("bad.json", ["a.csv"])
    with pytest.raises(ParameterError, match='the manifest s3://mine/bad.json begins with "a.csv"'):
        made.start(ValidationData="s3://mine/bad.json")
    mine("june.json", [{"prefix": ROWS}, "b.csv", "a.csv"])
    made.start(ValidationData="s3://mine/june.json", InstanceCount=3)
    channels = only(asked, "CreateTrainingJob")["InputDataConfig"]
    assert [one["DataSource"]["S3DataSource"] for one in channels] == [SHARDED, {**LISTED, "S3Uri": "s3://mine/june.json"}]  # fmt: skip


def test_a_mounted_folder_of_a_pipeline_stays_one(session, asked, mine, aws, pipelines):
    on = {key: value for key, value in ON.items() if key != "wait"}
    made = byoe.sagemaker.pipeline("churn", ENSEMBLE, ROWS, session=session, input_mode="FastFile", **on)
    with pytest.raises(ParameterError, match="TrainData is 's3://mine/rows', and FastFile mounts folders alone"):
        made.start(TrainData="s3://mine/rows")


def test_an_identical_warm_start_wants_the_same_kind_of_data(session, asked, mine, aws):
    call = {"session": session, "max_jobs": 2, **ON}
    byoe.sagemaker.tune(ENSEMBLE, {"ridge__alpha": (0.1, 1.0)}, SHARDED, name="first", **call)
    warm = {"warm_start": "first", "warm_start_type": "identical"}
    byoe.sagemaker.tune(ENSEMBLE, {"ridge__alpha": (0.1, 1.0)}, ROWS, **call, **warm)
    mine("rows/", [{"prefix": ROWS}, "a.csv"])
    with pytest.raises(
        ParameterError, match=r"the data of 'first' is another one .*here train s3://mine/rows/ as a man"
    ):
        byoe.sagemaker.tune(ENSEMBLE, {"ridge__alpha": (0.1, 1.0)}, {**LISTED, "S3Uri": ROWS}, **call, **warm)


def test_savings_count_the_files_of_a_manifest(cloud, mine):
    mine("rows/a.csv.old", b"more than nothing")
    assert bytes_of(cloud, {"DataSource": {"S3DataSource": LISTED}, "InputMode": "Pipe"}) == 2 * len(b"x,y\n1,2\n")
    assert bytes_of(cloud, {"DataSource": {"S3DataSource": WHOLE}}) == cloud.size(ROWS)


@pytest.mark.parametrize("train", [ROWS, {"S3Uri": ROWS}, source(), LISTED])
def test_a_local_job_reads_no_s3(train, tmp_path):
    with pytest.raises(ParameterError, match="a local job reads files of this machine, not S3"):
        byoe.sagemaker.fit(ENSEMBLE, train, target="y", output=tmp_path)


def test_the_input_mode_is_for_aws(tmp_path):
    with pytest.raises(ParameterError, match="input_mode is for jobs on AWS, and instance_type is 'local'"):
        byoe.sagemaker.fit(ENSEMBLE, "rows.csv", target="y", input_mode="FastFile", output=tmp_path)
