"""What byoe takes for granted of AWS, and has been seen by nobody of its authors: the page docs/assumptions.md."""

from typing import NamedTuple


class Assumption(NamedTuple):
    """A fact of the service that byoe relies on.

    Attributes
    ----------
    says : str
    matters : str
        What goes wrong where it does not hold.
    """

    says: str
    matters: str


ASSUMPTIONS = {
    "missing job": Assumption(
        'of a training job that is not there AWS says `ValidationException` and "Requested resource not found"',
        "`attach` ends with the wrong error, and a chosen name cannot be checked",
    ),
    "missing tuning job": Assumption("of a tuning job that is not there it says `ResourceNotFound`", "as above"),
    "missing endpoint": Assumption(
        'of an endpoint that is not there it says `ValidationException` and "Could not find"',
        "`deploy` under a name, `status` and `delete` end with an error",
    ),
    "missing model": Assumption(
        'to delete a model that is not there is refused with "Could not find"', "`delete` ends with an error"
    ),
    "missing file": Assumption(
        "who may list the bucket is told 404 of a file that is not there", "nothing can be uploaded"
    ),
    "bucket's region": Assumption("`HeadBucket` tells where a bucket is", "buckets elsewhere are refused late"),
    "job completes": Assumption(
        "a job of the generated source folder completes in the newest scikit-learn container", "nothing works"
    ),
    "names of outputs": Assumption(
        "the model is at `OUTPUT/JOB/output/model.tar.gz`, and the report beside it in `output.tar.gz`",
        "neither report nor baseline is found",
    ),
    "artifact loads": Assumption("the model that a job has made is loaded here", "`job.ensemble()` ends with an error"),
    "log": Assumption(
        "the log is in `/aws/sagemaker/TrainingJobs`, in streams that begin with the job's name and a slash",
        "logs and metrics are empty",
    ),
    "metrics": Assumption(
        "the service finds each metric that the job prints, with at least five right digits",
        "a tuning job has no objective",
    ),
    "taken name": Assumption("a job of a name that was used is refused with `ResourceInUse`", "the cure is not told"),
    "failure": Assumption(
        'why a job has failed begins with "AlgorithmError", and has what its failure file says',
        "users see an exit code alone",
    ),
    "manifest": Assumption(
        "the files of a manifest are below the channel's folder, under their keys or what follows the prefix, and the "
        "manifest itself is not there",
        "the job finds no data, or one file too many",
    ),
    "FastFile": Assumption(
        "`FastFile` shows the files of a folder with their names and sizes, and `inputdataconfig.json` calls it `File`",
        "the job finds no data",
    ),
    "termination": Assumption(
        "a job that is stopped has the status `Stopped`; whether its script was told by SIGTERM is written down",
        "`stop` seems to fail; finished members and folds are kept either way",
    ),
    "trials": Assumption(
        "trials have names that begin with that of their tuning job", "the policies do not let you see their logs"
    ),
    "tuned values": Assumption("what tuning has set arrives at the job", "all trials are alike"),
    "objective": Assumption(
        "the best trial is the one with the lowest error, and its objective is the metric of its log",
        "the wrong model is served",
    ),
    "serverless": Assumption(
        "a serverless endpoint is healthy within 180 seconds", "`deploy` fails; more memory helps"
    ),
    "endpoint answers": Assumption("it answers as the model does here, a single row, too", "predictions are wrong"),
    "refused request": Assumption(
        "what the endpoint refuses comes back as `ModelError` with its status 400 and its words",
        "users see an error of the server",
    ),
    "update": Assumption("after an update the same endpoint answers by the other model", "the old model is served"),
    "answers meanwhile": Assumption("while it is updated it answers every request", "an update is an interruption"),
    "graph": Assumption(
        "the same endpoint goes over to ONNX Runtime, which its container installs", '`runtime="onnx"` does not serve'
    ),
    "several models": Assumption(
        "a serverless endpoint answers by each of two models of one artifact", "`together` does not serve"
    ),
    "transform": Assumption(
        "a transform job writes a file for each file, with `.out` behind its name", "no predictions"
    ),
    "nothing is left": Assumption(
        "after `delete` neither endpoint, configuration nor model of the run is there", "you go on paying"
    ),
    "version": Assumption(
        "a version with metrics is registered, and is approved as soon as `approve` comes back",
        "`deploy` refuses what somebody has approved",
    ),
    "pipeline": Assumption(
        "the service takes a pipeline's definition, compares the metric of its job, and registers the model with it",
        "pipelines end with an error, or register what is not good enough",
    ),
    "cached step": Assumption(
        "another execution takes the training from the one before, and its reason to fail is the pipeline's",
        "executions take longer, or do not say why",
    ),
}
# What a run for less than a dollar does not look at.
NOT_LOOKED_AT = {
    "isolation": Assumption("a container with `isolated=True` reaches nothing", "it is less safe than it says"),
    "ports between hosts": Assumption(
        "the instances of one job reach each other at all ports", "`instance_count=2` ends with an error"
    ),
    "files spread over hosts": Assumption(
        "`ShardedByS3Key` gives each file to one instance, and `inputdataconfig.json` says so",
        "rows are missing; a file that two instances have ends the job with an error",
    ),
    "interrupted spot jobs": Assumption(
        "the next attempt of a spot job finds the checkpoints of the one before", "it begins anew"
    ),
    "asynchronous endpoints": Assumption(
        "an endpoint that may have no instance starts one for the first request", "the request waits for ever"
    ),
    "completion criteria": Assumption(
        "the service completes a tuning job by the scores of trials that have all their folds: not by that of a fold, "
        "or of a stopped trial",
        "`stop_at` and `patience` end it early",
    ),
    "rollouts": Assumption("an update in steps goes back when an alarm rings", "a bad model gets all requests"),
    "data capture": Assumption("an endpoint on instances writes what it answers to S3", "nothing is captured"),
    "tracking": Assumption("a job reaches the tracking server of its ARN", "nothing is logged, and the job says so"),
    "GPUs": Assumption("a job on a GPU trains there", "it is slow"),
}
