"""What is captured of requests and answers, in the service's own form."""

import base64
import json
import time
import uuid

_HOURS = "%Y/%m/%d/%H"


class Capture:
    """Writes a file for each request that is captured.

    Parameters
    ----------
    config : dict
        A checked ``DataCaptureConfig`` of an endpoint.
    endpoint : str
    place : Place
    """

    def __init__(self, config, endpoint, place):
        self._config, self._endpoint, self._place = config, endpoint, place
        self._due = 0

    def is_due(self):
        """Return whether the next request is one of the share that is captured."""
        self._due += self._config["InitialSamplingPercentage"]
        if self._due < 100:
            return False
        self._due -= 100
        return True

    def write(self, variant, request, answer):
        """Write what a variant was asked and what it answered, each as type and body."""
        sides = {"Input": request, "Output": answer}
        wanted = [option["CaptureMode"] for option in self._config["CaptureOptions"]]
        line = {
            "captureData": {f"endpoint{mode}": self._side(mode, *sides[mode]) for mode in wanted},
            "eventMetadata": {
                "eventId": str(uuid.uuid4()),
                "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            },
            "eventVersion": "0",
        }
        folder = f"{self._config['DestinationS3Uri']}/{self._endpoint}/{variant}/{time.strftime(_HOURS, time.gmtime())}"
        self._place.put(f"{folder}/{uuid.uuid4()}.jsonl", json.dumps(line).encode() + b"\n")

    def _side(self, mode, media, body):
        kind = media.partition(";")[0].strip()
        as_they_are = self._config.get("CaptureContentTypeHeader", {})
        for word, encoding in {"CsvContentTypes": "CSV", "JsonContentTypes": "JSON"}.items():
            if kind in as_they_are.get(word, ()):
                return _side(mode, media, body.decode(), encoding)
        return _side(mode, media, base64.b64encode(body).decode(), "BASE64")


def _side(mode, media, data, encoding):
    return {"observedContentType": media, "mode": mode.upper(), "data": data, "encoding": encoding}


def list_files(place, config, done):
    """Write lists of the files that a transform job has read and written.

    Parameters
    ----------
    place : Place
    config : dict
        A checked ``DataCaptureConfig`` of a transform job.
    done : dict
        The address of each file of answers, by that of its rows.
    """
    for side, addresses in {"input": list(done), "output": list(done.values())}.items():
        bucket = addresses[0].removeprefix("s3://").partition("/")[0]
        names = [address.removeprefix(f"s3://{bucket}/") for address in addresses]
        where = f"{config['DestinationS3Uri'].rstrip('/')}/{side}/{time.strftime(_HOURS, time.gmtime())}"
        place.put(f"{where}/{uuid.uuid4()}.json", json.dumps([{"prefix": f"s3://{bucket}/"}, *names]).encode())
