"""Requests to an asynchronous endpoint: files in S3, as are its answers."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...errors import ByoeError, InputError, JobError
from ..shared._failures import unanswered
from ..shared._payload import ACCEPT, Payload
from ._cloud import Cloud
from ._faults import NotFoundError
from ._requests import LONGEST_REQUEST
from ._waiting import until

_WAITS = 6 * 3600  # seconds, which the service keeps a request for an instance


def ask(
    cloud: Cloud,
    endpoint: str,
    config: Mapping[str, Any],
    payloads: Sequence[Payload],
    alive: Callable[[], object],
    *,
    accept: str = ACCEPT,
) -> list[bytes]:
    """Send requests, all of them at once, and wait for their answers.

    Parameters
    ----------
    cloud : Cloud
    endpoint : str
    config : mapping
        Its ``AsyncInferenceConfig``.
    payloads : sequence of (bytes, content type)
    alive : callable
        Called now and then; raises when the endpoint will not answer any more.
    accept : str, default="application/x-npy"
        Type of the answers.

    Raises
    ------
    InputError
        When the endpoint refuses a request, with its reason.
    JobError
        When it fails, or does not answer.
    """
    prefix = config["OutputConfig"]["S3OutputPath"].rpartition("/")[0]
    sent = [_send(cloud, endpoint, prefix, *payload, accept) for payload in payloads]
    return [_wait(cloud, endpoint, places, alive) for places in sent]


def _send(cloud: Cloud, endpoint: str, prefix: str, body: bytes, content_type: str, accept: str) -> dict[str, Any]:
    address = f"{prefix}/requests/{hashlib.sha256(body).hexdigest()[:32]}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "body")
        file.write_bytes(body)
        cloud.put(file, address)
    return cloud.call(
        "sagemaker-runtime",
        "invoke_endpoint_async",
        EndpointName=endpoint,
        InputLocation=address,
        ContentType=content_type,
        Accept=accept,
        RequestTTLSeconds=_WAITS,
        InvocationTimeoutSeconds=LONGEST_REQUEST,
    )


def _wait(cloud: Cloud, endpoint: str, places: Mapping[str, Any], alive: Callable[[], object]) -> bytes:
    seconds = _WAITS + LONGEST_REQUEST
    deadline = time.monotonic() + seconds

    def look() -> bytes | None:
        """Return the answer, or None where there is none yet."""
        with suppress(NotFoundError):
            return cloud.get(places["OutputLocation"])
        with suppress(NotFoundError):
            raise _refusal(endpoint, cloud.get(places["FailureLocation"]).decode(errors="replace"))
        alive()
        return None

    answer = until(look, lambda answer: answer is not None or time.monotonic() >= deadline)
    if answer is None:
        raise unanswered(endpoint, seconds)
    return answer


def _refusal(endpoint: str, text: str) -> ByoeError:
    with suppress(ValueError, TypeError, KeyError):
        return InputError(f"endpoint {endpoint} refused the request: {json.loads(text)['error']}")
    return JobError(f"endpoint {endpoint} failed: {text}")
