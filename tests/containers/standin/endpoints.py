"""Endpoints and transform jobs: containers that serve a model."""

import http.client
import shutil
import socket
import threading
import time
from pathlib import PurePosixPath

from tests.containers.standin.container import SERVE, Container

_HEALTHY_WITHIN = 180  # seconds, as for a serverless endpoint
_UNHEALTHY = 5  # answers, after which the stand-in waits no longer
_MB = 1024 * 1024
_SERVERLESS_MB, _INSTANCE_MB, _ASYNCHRONOUS_MB = 4, 6, 1024
_ANSWER_WITHIN = 60
_ENDPOINTS, _TRANSFORMS = "/aws/sagemaker/Endpoints", "/aws/sagemaker/TransformJobs"


class UnhealthyError(Exception):
    """A container does not answer."""


class Served:
    """A container that serves a model.

    Parameters
    ----------
    model : dict
        A checked ``CreateModel``.
    folder : Path
    place : Place
    write : callable
        Takes a line of the log.
    region : str
    more : mapping
        Further variables.
    """

    def __init__(self, model, folder, place, write, *, region, more=None):
        described = model["PrimaryContainer"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        variables = {
            "AWS_REGION": region,
            **described.get("Environment", {}),
            **(more or {}),
            "SAGEMAKER_BIND_TO_PORT": str(self._port),
            "SAGEMAKER_USE_NGINX": "false",  # which the image has, and Python's packages do not
        }
        self._folder = folder
        isolated = model.get("EnableNetworkIsolation", False)
        self._container = Container(folder, variables, write, isolated=isolated)
        place.unpack(described["ModelDataUrl"], self._container.base / "model")
        self._container.start(SERVE)

    def wait(self):
        """Wait for the first healthy answer."""
        until, unhealthy = time.time() + _HEALTHY_WITHIN, 0
        while time.time() < until and unhealthy < _UNHEALTHY and self._container.alive:
            try:
                if self.ask("GET", "/ping", timeout=_HEALTHY_WITHIN)[0] == 200:
                    return self
                unhealthy += 1
            except OSError:  # it has not started yet
                pass
            time.sleep(0.2)
        self.close()
        raise UnhealthyError("did not pass the ping health check. Please check CloudWatch logs for this endpoint.")

    def ask(self, method, path, body=None, *, timeout=_ANSWER_WITHIN, **headers):
        """Send a request; return status, type and body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type"), answer.read()
        finally:
            connection.close()

    def close(self):
        self._container.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class Endpoint:
    """An endpoint.

    Parameters
    ----------
    name, arn : str
    serve : callable
        Starts to serve the model of a configuration.
    """

    def __init__(self, name, arn, serve):
        self.name, self._arn, self._serve = name, arn, serve
        self.status, self.config, self.more = "Creating", None, {}
        self._served = None
        self.created = self.modified = time.time()

    def change(self, name, config):
        """Serve the model of another configuration as soon as that is healthy; go on with the present one else."""

        def run():
            try:
                healthy = self._serve(self, config).wait()
            except Exception as error:
                self.more["FailureReason"] = f"The variant AllTraffic {error}"
                self.status = "InService" if self._served else "Failed"
            else:
                before, self._served = self._served, healthy
                self.config, self.kind = name, config["ProductionVariants"][0]
                self.more.pop("FailureReason", None)
                self.status = "InService"
                if before:
                    before.close()
            self.modified = time.time()

        self.config = self.config or name
        self.status = "Updating" if self._served else "Creating"
        threading.Thread(target=run, daemon=True).start()
        return self

    def describe(self):
        return {
            "EndpointName": self.name,
            "EndpointArn": self._arn,
            "EndpointConfigName": self.config,
            "EndpointStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            **self.more,
        }

    def ask(self, body, content_type, accept, *, asynchronous=False):
        limit = _SERVERLESS_MB if "ServerlessConfig" in self.kind else _INSTANCE_MB
        limit = _ASYNCHRONOUS_MB if asynchronous else limit
        if len(body) > limit * _MB:
            raise ValueError(f"the body has {len(body)} bytes, at most {limit} MB are taken")
        return self._served.ask("POST", "/invocations", body, Content_Type=content_type, Accept=accept)

    def close(self):
        if self._served:
            self._served.close()


class TransformJob:
    """A transform job.

    Parameters
    ----------
    request : dict
        A checked ``CreateTransformJob``.
    arn : str
    serve : callable
        Starts to serve the model.
    place : Place
    """

    def __init__(self, request, arn, serve, place):
        self.request, self._arn, self._serve, self._place = request, arn, serve, place
        self.name = request["TransformJobName"]
        self.status, self.more, self.created = "InProgress", {}, time.time()

    def start(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def stop(self):
        if self.status == "InProgress":
            self.status = "Stopping"

    def _run(self):
        served = None
        try:
            served = self._serve(self).wait()
            self._transform(served)
            self.status = "Stopped" if self.status == "Stopping" else "Completed"
        except Exception as error:
            self.more["FailureReason"] = f"AlgorithmError: {error}"
            self.status = "Failed"
        finally:
            if served:
                served.close()

    def _transform(self, served):
        given, wanted = self.request["TransformInput"], self.request["TransformOutput"]
        rows = given["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, _, prefix = rows.removeprefix("s3://").partition("/")
        for key in self._place.names(rows):
            if self.status == "Stopping":
                return
            body = self._place.get(f"s3://{bucket}/{key}")
            limit = self.request.get("MaxPayloadInMB", 6)
            if len(body) > limit * _MB:
                raise ValueError(f"{key} has {len(body)} bytes, at most {limit} MB are taken")
            seconds = self.request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600)
            status, _, answer = served.ask(
                "POST",
                "/invocations",
                body,
                timeout=seconds,
                Content_Type=given["ContentType"],
                Accept=wanted["Accept"],
            )
            if status != 200:
                raise ValueError(f"{PurePosixPath(key).name} was answered with {status}: {answer.decode()}")
            below = key.removeprefix(prefix).lstrip("/") or PurePosixPath(key).name
            self._place.put(f"{wanted['S3OutputPath'].rstrip('/')}/{below}.out", answer)

    def describe(self):
        asked = ("ModelName", "TransformInput", "TransformOutput", "TransformResources", "MaxPayloadInMB")
        return {
            **{name: self.request[name] for name in asked if name in self.request},
            "TransformJobName": self.name,
            "TransformJobArn": self._arn,
            "TransformJobStatus": self.status,
            "CreationTime": self.created,
            **self.more,
        }


def serving(folder, place, region, stream_of):
    """Return functions that start to serve the model of an endpoint's configuration, and that of a transform job."""
    numbers = iter(range(1, 1_000_000))

    def start(model, group, stream, more=None):
        number = next(numbers)
        write = place.log(group, f"{stream}-{number}")
        return Served(model, folder / f"serving-{number}", place, write, region=region, more=more)

    def for_endpoint(endpoint, config):
        model = stream_of(config["ProductionVariants"][0]["ModelName"])
        return start(model, f"{_ENDPOINTS}/{endpoint.name}", "AllTraffic/i")

    def for_transform(job):
        more = {"SAGEMAKER_BATCH": "true", **job.request.get("Environment", {})}
        return start(stream_of(job.request["ModelName"]), _TRANSFORMS, f"{job.name}/i", more)

    return for_endpoint, for_transform
