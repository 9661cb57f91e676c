"""Training jobs: what the platform does around a container that trains."""

import json
import re
import shutil
import threading
import time
from urllib.parse import urlsplit

from tests.containers.standin.container import TRAIN, Container

GROUP = "/aws/sagemaker/TrainingJobs"
ENDED = ("Completed", "Failed", "Stopped")
_SYNCHRONISED = 0.2  # seconds
_SHOWN = 1024


class InstancesTakenError(Exception):
    """The instances were taken back."""


class TrainingJob:
    """A training job.

    Parameters
    ----------
    request : dict
        A checked ``CreateTrainingJob``.
    arn : str
    folder : Path
    place : Place
    s3 : str
        Address of the service for buckets.
    region : str
    """

    def __init__(self, request, arn, folder, place, *, s3, region):
        self.request, self.name = request, request["TrainingJobName"]
        self._folder, self._place, self._s3, self._region = folder, place, s3, region
        self._arn = arn
        self.status, self.secondary = "InProgress", "Starting"
        self.transitions = []
        self.lines = []
        self.metrics = {}
        self._containers = []
        self.hosts = []
        self._asked = None  # to be interrupted, or to stop
        self._changed = threading.Condition()
        self.more = {"CreationTime": time.time()}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def join(self, timeout=None):
        """Wait until the job has ended; return whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def printed(self, metric):
        """Return the values of a metric that the log has so far."""
        defined = self.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        regexes = [one["Regex"] for one in defined if one["Name"] == metric]
        lines = list(self.lines)
        return [float(value) for regex in regexes for line in lines for value in re.findall(regex, line)]

    def describe(self):
        asked = ("AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig")
        more = ("StoppingCondition", "HyperParameters", "Environment", "CheckpointConfig", "VpcConfig")
        switches = (
            "EnableNetworkIsolation",
            "EnableInterContainerTrafficEncryption",
            "EnableManagedSpotTraining",
        )
        return {
            **{name: self.request[name] for name in (*asked, *more, *switches) if name in self.request},
            "TrainingJobName": self.name,
            "TrainingJobArn": self._arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary,
            "ModelArtifacts": {"S3ModelArtifacts": self.artifact},
            "FinalMetricDataList": [
                {"MetricName": name, "Value": value, "Timestamp": time.time()} for name, value in self.metrics.items()
            ],
            **self.more,
        }

    @property
    def artifact(self):
        return f"{self._output}/model.tar.gz"

    @property
    def _output(self):
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    def wait_for(self, regex, timeout=300):
        """Wait until a line of the log matches."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: self.status in ENDED or any(re.search(regex, line) for line in self.lines), timeout
            )
        if not found or not any(re.search(regex, line) for line in self.lines):
            raise AssertionError(f"{self.name} ({self.status}) printed nothing like {regex}:\n" + "\n".join(self.lines))

    def interrupt(self):
        """Take the instances back; the job goes on with others."""
        self._end("interrupt")

    def stop(self):
        with self._changed:
            if self.status in ENDED or self._asked == "stop":
                return
            self.status, self.secondary = "Stopping", "Stopping"
            self._asked = "stop"
        self._end("stop")

    def kill_host(self, number):
        """Let one of the hosts die."""
        self._containers[number].kill()

    def _end(self, what):
        self._asked = what
        for container in self._containers:
            container.kill()

    def _run(self):
        started = time.time()
        try:
            attempt = 0
            while True:
                attempt += 1
                try:
                    self._attempt(attempt)
                    break
                except InstancesTakenError:
                    self._to("Restarting")
        except Exception as error:  # the stand-in's own faults are to be seen
            self._fail(f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            seconds = int(time.time() - started) + 1
            self.more |= {
                "TrainingStartTime": started,
                "TrainingEndTime": time.time(),
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }
            for container in self._containers:
                container.kill()
            shutil.rmtree(self._folder, ignore_errors=True)
            with self._changed:
                self._changed.notify_all()

    def _to(self, secondary):
        self.secondary = secondary
        self.transitions.append(secondary)

    def _fail(self, reason):
        self.more["FailureReason"] = reason[:_SHOWN]
        self._to("Failed")
        self.status = "Failed"

    def _attempt(self, attempt):
        count = self.request["ResourceConfig"]["InstanceCount"]
        # Names that are looked up at once; those of the platform are algo-1, algo-2 and so on. Its own port makes them
        # differ from those of a job that another platform runs now: hosts of all jobs listen at the same ports.
        high, low = divmod(urlsplit(self._s3).port, 256)
        hosts = [f"127.{high}.{low}.{number}" for number in range(1, count + 1)] if count > 1 else ["localhost"]
        self.hosts = hosts
        self._asked = None
        self._containers = [self._container(attempt, hosts, host) for host in hosts]
        bases = [container.base for container in self._containers]
        checkpoints = self.request.get("CheckpointConfig")
        self._to("Training")
        ended = threading.Event()
        synchronising = None
        if checkpoints:
            local = checkpoints.get("LocalPath", "/opt/ml/checkpoints").removeprefix("/opt/ml/")
            for base in bases:
                (base / local).mkdir(exist_ok=True)
                self._place.download(checkpoints["S3Uri"].rstrip("/") + "/", base / local)
            synchronising = threading.Thread(
                target=self._synchronise, args=([base / local for base in bases], checkpoints["S3Uri"], ended)
            )
            synchronising.start()
        try:
            for container in self._containers:
                container.start(TRAIN)
            codes = [container.wait() for container in self._containers]
        finally:
            ended.set()
            if synchronising:
                synchronising.join()
        if self._asked == "interrupt":
            self._to("Interrupted")
            raise InstancesTakenError
        self._read_metrics()
        if self._asked == "stop":
            self._to("Stopped")
            self.status = "Stopped"
            return
        failed = [(code, base) for code, base in zip(codes, bases, strict=True) if code]
        if failed:
            code, base = failed[0]
            told = base / "output" / "failure"
            tail = f", exit code: {code}"
            reason = told.read_text() if told.exists() else ""
            self._fail(f"AlgorithmError: {reason}"[: _SHOWN - len(tail)] + tail)
            return
        self._to("Uploading")
        self._place.pack([base / "model" for base in bases], self.artifact)
        self._place.pack([base / "output" / "data" for base in bases], f"{self._output}/output.tar.gz")
        with self._changed:
            ending = "Stopped" if self._asked == "stop" else "Completed"
            self._to(ending)
            self.status = ending

    def _synchronise(self, folders, address, ended):
        known = {}
        while not ended.wait(_SYNCHRONISED) or self._asked is None:
            for folder in folders:
                self._place.upload(folder, address, known)
            if ended.is_set():
                return

    def _container(self, attempt, hosts, host):
        stream = f"{self.name}/algo-{hosts.index(host) + 1}-{int(time.time())}-{attempt}"
        write = self._place.log(GROUP, stream)

        def on_line(line):
            write(line)
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

        environment = {
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self._arn,
            "AWS_REGION": self._region,
            "S3_ENDPOINT_URL": self._s3,
            **self.request.get("Environment", {}),
        }
        isolated = self.request.get("EnableNetworkIsolation", False)
        container = Container(self._folder / f"{attempt}-{host}", environment, on_line, isolated=isolated)
        self._to("Downloading")
        inputs = {}
        for channel in self.request["InputDataConfig"]:
            name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
            files = self._files_of(channel)
            if not files:
                raise RuntimeError(f"no S3 objects found under {source['S3Uri']}")
            if source["S3DataDistributionType"] == "ShardedByS3Key":
                files = dict(list(files.items())[hosts.index(host) :: len(hosts)])
            for below, address in files.items():
                file = container.base / "input" / "data" / name / below
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(self._place.get(address))
                file.chmod(0o444 if channel["InputMode"] == "FastFile" else 0o644)
            inputs[name] = {
                "TrainingInputMode": "File",  # which AWS writes for FastFile, too
                "S3DistributionType": source["S3DataDistributionType"],
                "RecordWrapperType": "None",
            }
        kind = self.request["ResourceConfig"]["InstanceType"]
        group = {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": hosts}
        resources = {
            "current_host": host,
            "current_instance_type": kind,
            "current_group_name": "homogeneousCluster",
            "hosts": hosts,
            "instance_groups": [group],
            "network_interface_name": "lo",
        }
        config = container.base / "input" / "config"
        for file, content in (
            ("hyperparameters", container.placed(self.request.get("HyperParameters", {}))),
            ("inputdataconfig", inputs),
            ("resourceconfig", resources),
        ):
            (config / f"{file}.json").write_text(json.dumps(content))
        return container

    def _files_of(self, channel):
        """Return the addresses of a channel's files by their paths in it, those of a manifest by their whole keys."""
        source = channel["DataSource"]["S3DataSource"]
        address, mounted = source["S3Uri"], channel["InputMode"] == "FastFile"
        if channel["InputMode"] == "Pipe":
            raise RuntimeError("the stand-in has no pipes")
        if mounted and not (source["S3DataType"] == "S3Prefix" and address.endswith("/")):
            raise RuntimeError(f"FastFile mounts no {source['S3DataType']} such as {address}")
        if source["S3DataType"] == "ManifestFile":
            (head, *names) = json.loads(self._place.get(address))
            listed = [head["prefix"] + name for name in names]
            return {one.removeprefix("s3://").partition("/")[2]: one for one in listed}
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        return {
            name.removeprefix(prefix).lstrip("/") or name.rpartition("/")[2]: f"s3://{bucket}/{name}"
            for name in self._place.names(address)
        }

    def _read_metrics(self):
        for metric in self.request["AlgorithmSpecification"].get("MetricDefinitions", []):
            if printed := self.printed(metric["Name"]):
                self.metrics[metric["Name"]] = printed[-1]
