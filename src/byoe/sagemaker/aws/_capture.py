"""Requests and answers that the service writes to S3 beside the serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ParameterError
from ._addresses import split
from ._cloud import Cloud
from ._requests import FOLDER

CAPTURED = "captured"  # the folder of what is captured, where none is named
_LONGEST = {"endpoint": 512, "transform job": 1024}
# All others are captured as base64.
_AS_THEY_ARE = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json", "application/jsonlines"]}


@dataclass(frozen=True)
class Capture:
    """What is captured; the arguments are those of `deploy`, and None stands for what is so already.

    Examples
    --------
    >>> Capture(True, 20).below("s3://mine/churn").data_capture
    's3://mine/churn/captured'
    """

    data_capture: bool | str | None = None
    capture_percent: int | None = None
    kind: str = "endpoint"

    def __post_init__(self) -> None:
        wanted, percent = self.data_capture, self.capture_percent
        if not (wanted is None or isinstance(wanted, (bool, str))):
            raise ParameterError(f"data_capture is {wanted!r}, expected True, False, or an s3:// prefix")
        if isinstance(wanted, str):
            split(wanted)  # which refuses what is no address
            if len(wanted) > _LONGEST[self.kind]:
                raise ParameterError(
                    f"data_capture has {len(wanted)} characters, and of a prefix at most {_LONGEST[self.kind]} fit"
                )
        if percent is None:
            return
        if not self.wanted:
            raise ParameterError("capture_percent is a part of what is captured; set data_capture, or leave it out")
        if not isinstance(percent, int) or isinstance(percent, bool) or not 1 <= percent <= 100:
            raise ParameterError(f"capture_percent is {percent!r}, expected a whole number from 1 to 100")

    @property
    def wanted(self) -> bool:
        """Whether something is to be captured."""
        return bool(self.data_capture)

    def below(self, prefix: str) -> Capture:
        """Return the same with an address below a prefix, unless it has one of its own."""
        address = f"{prefix}/{CAPTURED}" if self.data_capture is True else self.data_capture
        return Capture(address, self.capture_percent, self.kind)

    def check(self, endpoint: str, *, serverless: bool, asynchronous: bool) -> None:
        """Raise a ParameterError for an endpoint of which nothing can be captured."""
        if self.wanted and serverless:
            raise ParameterError(
                f"data_capture is of endpoints on instances, and {endpoint} is serverless, of which the service "
                "captures nothing; deploy the job with an instance_type, or leave it out"
            )
        if self.wanted and asynchronous:
            raise ParameterError(
                f"data_capture is {self.data_capture!r}, and requests and answers of the asynchronous endpoint "
                f"{endpoint} are files in S3 already; leave it out"
            )

    def of_endpoint(self, cloud: Cloud, key: str | None, present: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``DataCaptureConfig`` of an endpoint.

        Parameters
        ----------
        cloud : Cloud
            Which has the bucket that is usual, and is asked for others.
        key : str or None
            Of KMS.
        present : mapping
            What the endpoint has, which stays where nothing else is given.
        """
        address = self.data_capture
        if not isinstance(address, str):
            address = present.get("DestinationS3Uri")
        if address is None:
            cloud.bucket()
            address = f"{cloud.home}/{FOLDER}/{CAPTURED}"
        cloud.check_bucket(address, "data_capture")
        key = key or present.get("KmsKeyId")
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": self.capture_percent or present.get("InitialSamplingPercentage", 100),
            "DestinationS3Uri": address.rstrip("/"),
            **({"KmsKeyId": key} if key else {}),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": dict(_AS_THEY_ARE),
        }


def check_key(key: str | None, capture: Capture) -> None:
    """Raise a ParameterError for the key of files that nobody writes."""
    if key is not None and not capture.wanted:
        raise ParameterError("output_key is the key of what an endpoint captures; set data_capture, or leave it out")
