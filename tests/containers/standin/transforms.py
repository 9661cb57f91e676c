"""Transform jobs: a container that serves a model is asked for the rows of files."""

import threading
import time
from pathlib import PurePosixPath

from tests.containers.standin.captures import list_files

_MB = 1024 * 1024


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
        done = {}
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
            done[f"s3://{bucket}/{key}"] = f"{wanted['S3OutputPath'].rstrip('/')}/{below}.out"
        if capture := self.request.get("DataCaptureConfig"):
            list_files(self._place, capture, done)

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
