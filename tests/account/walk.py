"""A walk through a real account, for less than a dollar: what byoe takes for granted of AWS, looked at.

``make test-aws ROLE=…`` runs it. Three jobs, a tuning job of two and a pipeline of one on a small instance, one at a
time, each stopped after a quarter of an hour; two serverless endpoints for some minutes, one after the other; one
transform job. Whatever happens, jobs are stopped, and endpoints, their parts, what was registered and the files of the
run are removed.
"""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

import byoe
from byoe import EnsembleRegressor
from byoe.errors import ByoeError, InputError, JobError
from byoe.sagemaker.aws._addresses import split
from byoe.sagemaker.aws._cloud import Cloud
from byoe.sagemaker.aws._faults import NotFoundError
from byoe.sagemaker.aws._waiting import JOB_ENDED, until
from byoe.tools._versions import installed_version

from .asking import Asking
from .seen import Seen

_LIMIT = 900  # seconds of a job
_PREFIX = "byoe-test-"
_LOGS = "/aws/sagemaker/TrainingJobs"


class Walk:
    """One walk: each step looks at some assumptions, and those that fail do not end it where others can go on.

    Parameters
    ----------
    cloud : Cloud
    seen : Seen
    leaving : ExitStack
        What is removed at the end.
    output : str
        Address of the run's own files.
    where : dict
        ``instance_type`` and ``role``.
    rounds : int
        Of boosters.
    """

    def __init__(self, cloud, seen, leaving, output, where, *, rounds=60):
        self.cloud, self.seen, self.leaving, self.output = cloud, seen, leaving, output
        self.on = {**where, "output": output, "max_seconds": _LIMIT, "name": _PREFIX, "wait": False}
        frame = load_diabetes(as_frame=True).frame
        self.train, self.rows = frame.iloc[:330], frame.iloc[330:].drop(columns="target")
        self.rounds = rounds
        self.client = cloud._session.client  # for what byoe itself never asks

    def run(self):
        leaving, seen = self.leaving, self.seen
        leaving.callback(self._remove_files)
        self.refusals()
        job = self.job()
        if job is None:
            return
        self.failing_job()
        self.stopped_job()
        tuning = self.tuning()
        with seen.looking("serverless", "endpoint answers", "refused request", "update", "answers meanwhile", "graph"):
            self.endpoint(job, tuning or job)
        with seen.looking("several models"):
            self.several_models(job, tuning or job)
        with seen.looking("nothing is left"):
            left = self._parts()
            seen.note("nothing is left", not left, left or "nothing")
        with seen.looking("transform"):
            self.transform(job)
        group = f"{_PREFIX}{int(time.time())}"
        with seen.looking("version"):
            self.registry(job, group)
        with seen.looking("pipeline", "cached step"):
            self.pipeline(f"{group}-of-pipeline")

    def refusals(self):
        """Ask of what is not there."""
        name = f"{_PREFIX}{int(time.time())}"
        for key, operation, word, told in (
            ("missing job", "describe_training_job", "TrainingJobName", "Requested resource not found"),
            ("missing tuning job", "describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName", "ResourceNotFound"),
            ("missing endpoint", "describe_endpoint", "EndpointName", "Could not find"),
            ("missing model", "delete_model", "ModelName", "Could not find"),
        ):  # fmt: skip
            with self.seen.looking(key):
                code, reason = self._refusal("sagemaker", operation, **{word: name})
                self.seen.note(key, told in f"{code} {reason}", f"{code}: {reason}")
        bucket, key = split(f"{self.output}/not-there")
        with self.seen.looking("missing file"):
            code, reason = self._refusal("s3", "head_object", Bucket=bucket, Key=key)
            self.seen.note("missing file", code == "404", f"{code}: {reason}")
        with self.seen.looking("bucket's region"):
            region = self.cloud.region_of(bucket, self.output)
            self.seen.note("bucket's region", region == self.cloud.region, region)

    def job(self):
        """Train, and return the job; None where that is not possible."""
        seen = self.seen
        with seen.looking("job completes"):
            job = self._start(self._ensemble(cv=3), graph=True)
            job.wait()
            seen.note("job completes", True, f"{job.name}, {job.seconds:g} seconds, {job.billable_seconds} billable")
        if seen.rows["job completes"]["held"] is None:
            seen.note("job completes", False, seen.rows["job completes"]["seen"])
            return None
        with seen.looking("names of outputs"):
            wanted = f"{self.output}/output/{job.name}/output/"
            there = self.cloud.keys(wanted)
            seen.note(
                "names of outputs",
                job.artifact == f"{wanted}model.tar.gz" and there == ["model.tar.gz", "output.tar.gz"],
                f"{job.artifact}, {', '.join(there)}",
            )
        with seen.looking("artifact loads"):
            self.fitted = job.ensemble()
            seen.note("artifact loads", True, f"score {self.fitted.score_estimate_:g}")
        with seen.looking("log", "metrics"):
            log, metrics = job.log, job.metrics
            seen.note("log", "[byoe] read 330 rows" in log, f"{len(log.splitlines())} lines in {_LOGS}")
            found = {one["MetricName"]: one["Value"] for one in job.describe().get("FinalMetricDataList", [])}
            close = set(found) == set(metrics) and np.allclose(
                [found[name] for name in metrics], list(metrics.values()), rtol=1e-5
            )
            seen.note("metrics", close and metrics, f"{len(found)} of {len(metrics)}: {found}")
        with seen.looking("taken name"):
            described = job.describe()
            again = ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            request = {name: described[name] for name in again} | {"TrainingJobName": job.name}
            request["AlgorithmSpecification"] = {
                name: value for name, value in described["AlgorithmSpecification"].items() if name in ("TrainingImage", "TrainingInputMode")
            }  # fmt: skip
            code, reason = self._refusal("sagemaker", "create_training_job", **request)
            seen.note("taken name", code == "ResourceInUse", f"{code}: {reason}")
        return job

    def failing_job(self):
        """Train by a manifest without the target, which only the job sees."""
        with self.seen.looking("failure", "manifest"), tempfile.TemporaryDirectory() as folder:
            rows, listed = Path(folder, "train.csv"), Path(folder, "list.json")
            self.train.rename(columns={"target": "y"}).to_csv(rows, index=False)
            listed.write_text(json.dumps([{"prefix": f"{self.output}/given/"}, rows.name]), encoding="utf-8")
            for file in (rows, listed):
                self.cloud.put(file, f"{self.output}/given/{file.name}")
            data = {"S3Uri": f"{self.output}/given/{listed.name}", "S3DataType": "ManifestFile"}
            job = self._start(EnsembleRegressor(("ridge",), "mean", random_state=0), data)
            with suppress(JobError):
                job.wait()
            reason = job.failure
            self.seen.note("failure", reason.startswith("AlgorithmError") and "InputError" in reason, reason)
            self.seen.note("manifest", "there is no target column" in reason, reason)

    def stopped_job(self):
        """Stop a job that would take hours."""
        with self.seen.looking("termination", "FastFile"):
            slow = EnsembleRegressor([byoe.learner("catboost", n_rounds=200_000)], "mean", random_state=0)
            job = self._start(slow, input_mode="FastFile")
            until(lambda: "[byoe] read " in job.log or job.status in JOB_ENDED, bool)
            read = "[byoe] read 330 rows" in job.log
            self.seen.note("FastFile", read, f"{'read' if read else 'nothing read'}, {job.status}")
            job.stop()
            with suppress(JobError):
                job.wait()
            told = "was" if "[byoe] ended by the platform" in job.log else "was not"
            self.seen.note("termination", job.status == "Stopped", f"{job.status}; its script {told} told by SIGTERM")

    def tuning(self):
        """Tune by two jobs, and return the tuning job."""
        space = {"eta": (0.01, 0.3, "log"), "max_depth": (2, 5)}
        tuning = None
        with self.seen.looking("trials", "tuned values", "objective"):
            started = byoe.sagemaker.tune(
                self._ensemble(cv=4), space, self.train, target="target", max_jobs=2, seed=1, **self.on
            )
            self.leaving.callback(self._stop, started)
            tuning = started.wait()
            trials = tuning.trials
            self.seen.note("trials", all(one["job"].startswith(tuning.name) for one in trials), [one["job"] for one in trials])  # fmt: skip
            best = tuning.best_job
            (row,) = [one for one in trials if one["job"] == best.name]
            params = best.ensemble().get_params()
            arrived = {name: params[f"xgboost__{name}"] for name in ("learning_rate", "max_depth")}
            self.seen.note("tuned values", list(arrived.values()) == [row["params"][name] for name in space], arrived)
            lowest = min(trials, key=lambda one: one["objective"])["job"]
            same = np.isclose(row["objective"], best.metrics[tuning.objective], rtol=1e-5)
            self.seen.note("objective", lowest == best.name and same, {one["job"]: one["objective"] for one in trials})
        return tuning

    def endpoint(self, job, other):
        """Serve a job, and then another one by the same endpoint."""
        seen, started = self.seen, time.monotonic()
        endpoint = byoe.sagemaker.deploy(job)
        self.leaving.callback(endpoint.delete)
        seconds = time.monotonic() - started
        seen.note("serverless", seconds < 180, f"in service after {seconds:.0f} seconds")
        expected, other_job = self.fitted.predict(self.rows), other.completed()
        with seen.looking("endpoint answers"):
            found = endpoint.predict(self.rows)
            one = endpoint.predict(self.rows.iloc[:1])
            error = float(np.abs(found - expected).max())
            seen.note("endpoint answers", error < 1e-3 and np.isclose(one[0], expected[0]), f"at most {error:g} apart")
        with seen.looking("refused request"):
            try:
                endpoint.predict(self.rows.drop(columns="bmi"))
            except (InputError, JobError) as refused:
                seen.note("refused request", isinstance(refused, InputError) and "bmi" in str(refused), refused)
        with seen.looking("update", "answers meanwhile"):
            before = self._parts()
            with Asking(endpoint, self.rows.iloc[:1]) as asking:
                endpoint.update(other_job)
            seen.note("answers meanwhile", asking.asked and not asking.failures, f"{asking.asked} requests, {asking.failures[:1]}")  # fmt: skip
            found = endpoint.predict(self.rows)
            error = float(np.abs(found - other_job.ensemble().predict(self.rows)).max())
            seen.note("update", error < 1e-3, f"at most {error:g} apart; parts before {before}, after {self._parts()}")
        with seen.looking("graph"):
            endpoint.update(job, runtime="onnx")
            error = float(np.abs(endpoint.predict(self.rows) - expected).max())
            seen.note("graph", error < 1e-3, f"at most {error:g} apart")
        self._deleted(endpoint)

    def several_models(self, job, other):
        """Serve two jobs by one endpoint."""
        jobs = {"north": job, "south": other.completed()}
        endpoint = byoe.sagemaker.deploy(byoe.sagemaker.together(jobs, name=_PREFIX, output=self.output))
        self.leaving.callback(endpoint.delete)
        errors = {
            name: float(np.abs(endpoint.predict(self.rows, model=name) - one.ensemble().predict(self.rows)).max())
            for name, one in jobs.items()
        }
        self.seen.note("several models", max(errors.values()) < 1e-3, f"at most {errors} apart")
        self._deleted(endpoint)

    def registry(self, job, group):
        """Register a job, let it be approved, and remove it."""
        self.leaving.callback(self._remove_group, group)
        version = job.register(group)
        before = version.status
        version.approve()
        told = f"{before}, then {version.status}; metrics {version.metrics}"
        self.seen.note("version", version.status == "Approved" and version.metrics == job.metrics, told)

    def pipeline(self, group):
        """Let a pipeline train and register, and the next execution find the training finished, but not good enough."""
        on = {name: value for name, value in self.on.items() if name not in ("name", "wait")}
        pipeline = byoe.sagemaker.pipeline(
            group,
            self._ensemble(cv=5),
            self.train,
            target="target",
            condition=("validation:rmse", "<=", 1000.0),
            register=group,
            cache="1d",
            **on,
        )
        self.leaving.callback(pipeline.delete)
        self.leaving.callback(self._remove_group, group)
        execution = self._executed(pipeline).wait()
        close = np.isclose(execution.package.metrics["validation:rmse"], execution.job.metrics["validation:rmse"], rtol=1e-4)  # fmt: skip
        steps = [row["step"] for row in execution.steps]
        self.seen.note("pipeline", steps == ["Train", "Check", "Register"] and close, steps)
        again = self._executed(pipeline, Threshold=0.0)
        reason = ""
        try:
            again.wait()
        except JobError as ended:
            reason = str(ended)
        cached = [row["cached"] for row in again.steps if row["step"] == "Train"] == [True]
        self.seen.note("cached step", cached and "is not <=" in reason, reason)

    def transform(self, job):
        """Predict by a transform job."""
        transform = byoe.sagemaker.transform(job, self.rows, output=self.output, name=_PREFIX, wait=False)
        self.leaving.callback(self._stop, transform)
        found = transform.predictions()
        error = float(np.abs(found - self.fitted.predict(self.rows)).max())
        there = self.cloud.keys(transform.output)
        self.seen.note("transform", error < 1e-3 and all(name.endswith(".out") for name in there), there)

    def _ensemble(self, cv):
        members = {name: byoe.learner(name, n_rounds=self.rounds) for name in ("catboost", "xgboost")}
        return EnsembleRegressor(members, "mean", cv=cv, random_state=0)

    def _start(self, ensemble, data=None, **options):
        job = byoe.sagemaker.fit(ensemble, self.train if data is None else data, target="target", **options, **self.on)
        self.leaving.callback(self._stop, job)
        return job

    def _executed(self, pipeline, **parameters):
        execution = pipeline.start(**parameters)
        self.leaving.callback(self._stop, execution)
        return execution

    def _refusal(self, service, operation, **request):
        """Return the code and the words that a request is refused with."""
        try:
            getattr(self.client(service), operation)(**request)
        except Exception as error:
            told = getattr(error, "response", {}).get("Error", {})
            if not told:
                raise
            return told.get("Code", ""), told.get("Message", "")
        return "", "it was not refused"

    def _parts(self):
        """Return the names of configurations and models that byoe has made since the walk began."""
        found, of_run = [], {"NameContains": "byoe-", "SortBy": "CreationTime", "SortOrder": "Descending"}
        service = self.client("sagemaker")
        found += [
            (one["EndpointConfigName"], one) for one in service.list_endpoint_configs(**of_run)["EndpointConfigs"]
        ]
        found += [(one["ModelName"], one) for one in service.list_models(**of_run)["Models"]]
        return [name for name, one in found if one["CreationTime"].timestamp() >= self.seen.began - 60]

    def _deleted(self, endpoint):
        endpoint.delete()
        until(lambda: endpoint.status, "Deleted".__eq__)

    def _remove_group(self, name):
        """Remove a group with its versions; there is none where nothing came to it."""
        with suppress(NotFoundError):
            group = byoe.sagemaker.attach(name, kind="model package group")
            for version in group.versions:
                group.version(version["version"]).delete()
            group.delete()

    def _stop(self, handle):
        """Stop what may still run, and wait for it: until then it writes files, and a transform job has its model."""
        with suppress(JobError):
            handle.stop()
            handle.wait()

    def _remove_files(self):
        bucket, _ = split(self.output)
        try:
            for key in self.cloud.keys(f"{self.output}/"):
                self.client("s3").delete_object(Bucket=bucket, Key=f"{split(self.output)[1]}/{key}")
        except Exception as error:
            print(f"[account] files stay below {self.output}: {error}", flush=True)


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--role", required=True)
    parser.add_argument("--region")
    parser.add_argument("--profile")
    parser.add_argument("--output", help="s3:// prefix, by default byoe/test in the usual bucket")
    parser.add_argument("--instance-type", default="ml.m5.large")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--report", default="aws-report")
    told = parser.parse_args(words)
    where = {"instance_type": told.instance_type, "role": told.role}
    where |= {name: value for name, value in (("region", told.region), ("profile", told.profile)) if value}
    findings = byoe.sagemaker.doctor(output=told.output, **where)
    print(findings, flush=True)
    cloud = Cloud(region=told.region, profile=told.profile)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    output = f"{(told.output or f's3://{cloud.bucket()}/byoe/test').rstrip('/')}/{stamp}"
    versions = {name: version(name) for name in ("boto3", "sagemaker-core")}
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "region": cloud.region,
        "instance type": told.instance_type,
        "byoe": installed_version("byoe-ensemble"),
        **versions,
        "doctor": [asdict(finding) for finding in findings],
    }
    seen = Seen(told.report, facts)
    with ExitStack() as leaving:
        Walk(cloud, seen, leaving, output, where, rounds=told.rounds).run()
    seen.write()
    print(
        f"[account] the report is in {told.report}: {len(seen.broken)} assumptions did not hold {json.dumps(seen.broken)}"
    )
    return 1 if seen.broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ByoeError as error:
        sys.exit(f"error: {error}")
