"""A container that serves a model, of an endpoint or of a transform job."""

import http.client
import shutil
import time

from tests.containers.standin.container import SERVE, Container
from tests.ports import reserved

_HEALTHY_WITHIN = 180  # seconds, as for a serverless endpoint
_UNHEALTHY = 5  # answers, after which the stand-in waits no longer
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
        self._reserved = reserved()
        self._port = self._reserved.getsockname()[1]
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
        self._reserved.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def serving(folder, place, region, model_of):
    """Return functions that start to serve a model of an endpoint's configuration, and that of a transform job."""
    numbers = iter(range(1, 1_000_000))

    def start(model, group, stream, more=None):
        number = next(numbers)
        write = place.log(group, f"{stream}-{number}")
        return Served(model, folder / f"serving-{number}", place, write, region=region, more=more)

    def for_endpoint(endpoint, variant):
        model = model_of(variant["ModelName"])
        return start(model, f"{_ENDPOINTS}/{endpoint}", f"{variant['VariantName']}/i")

    def for_transform(job):
        more = {"SAGEMAKER_BATCH": "true", **job.request.get("Environment", {})}
        return start(model_of(job.request["ModelName"]), _TRANSFORMS, f"{job.name}/i", more)

    return for_endpoint, for_transform
