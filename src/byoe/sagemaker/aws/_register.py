"""A completed job becomes the next version in a group of the model registry."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._version import __version__
from ...errors import JobError, ParameterError
from ...serving._media import ANSWER_TYPES, CONTENT_TYPES
from ..shared._limits import check_line
from ._artifact import read_artifact
from ._baseline import data_quality
from ._cloud import Cloud
from ._faults import DeniedError, NotFoundError
from ._machine import is_plain
from ._package import APPROVALS, DIGEST, OURS, VERSION, Package, PackageGroup, group_name
from ._quality import quality
from ._requests import serving_environment

if TYPE_CHECKING:
    from ._job import Job

_MOST, _KEY, _VALUE = 50, 128, 256
_TEXT = re.compile(r"[\w .:/=+\-@]+")
_PAIRS = 'expected pairs of texts such as {"ticket": "ML-17"}'


def register(
    job: Job, group: str, *, approve: bool | None, description: str | None, metadata: Mapping[str, str] | None
) -> Package:
    """Make a version of what a completed job has made; the arguments are those of `Job.register`."""
    cloud, artifact = job.cloud, job.artifact
    request = package_request(
        cloud,
        group,
        approve=approve,
        description=description,
        metadata=metadata,
        image=job.serving_image,
        artifact=artifact,
        job=job.describe()["TrainingJobArn"],
    )
    name = request["ModelPackageGroupName"]
    digest, manifest = read_artifact(cloud, artifact)
    request["CustomerMetadataProperties"][DIGEST] = digest
    with _group(cloud, name) as made:
        if not made:
            _tell_same(PackageGroup(name, cloud), digest)
        data = data_quality(cloud, job.name, artifact)
        told = {**_metrics(job, artifact, manifest), **data}
        request |= {**({"ModelMetrics": told} if told else {}), **({"DriftCheckBaselines": data} if data else {})}
        arn = cloud.call("sagemaker", "create_model_package", **request)["ModelPackageArn"]
    return Package(str(arn), cloud)


def package_request(
    cloud: Cloud,
    group: str,
    *,
    approve: bool | None,
    description: str | None,
    metadata: Mapping[str, str] | None,
    image: str,
    artifact: Any,
    job: Any,
) -> dict[str, Any]:
    """Return a request for ``CreateModelPackage``; what is not said here is as in `Job.register`.

    Parameters
    ----------
    image : str
        Of the container that serves.
    artifact, job : str, or dict that a pipeline replaces
        Address of the ``model.tar.gz``, and the ARN of the job that has made it.
    """
    said = {} if description is None else {"ModelPackageDescription": check_line("description", description)}
    return {
        "ModelPackageGroupName": group_name(group, cloud),
        "ModelApprovalStatus": _approval(approve),
        **said,
        "InferenceSpecification": _inference(cloud, image, artifact),
        "MetadataProperties": {"GeneratedBy": job},
        "CustomerMetadataProperties": {**check_metadata(metadata), VERSION: __version__},
    }


def make_group(cloud: Cloud, name: str) -> None:
    """Make a group, unless it is there."""
    with _group(cloud, name):
        pass


def check_metadata(given: Mapping[str, str] | None) -> dict[str, str]:
    """Return the pairs of a version, if the service takes them.

    Raises
    ------
    ParameterError
        For what is not a text, too long, or too many; and for names of byoe's own.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ParameterError(f"metadata is {str(given)[:80]!r}, {_PAIRS}")
    most = _MOST - 2  # byoe's own
    if len(given) > most:
        raise ParameterError(f"metadata has {len(given)} pairs, and AWS takes {most} beside byoe's two; leave some out")
    for key, value in given.items():
        _check_text(key, "a name in metadata", _KEY)
        _check_text(value, f"metadata[{key!r}]", _VALUE)
        if key.lower().startswith(OURS):
            raise ParameterError(f"metadata has the name {key!r}, and those with {OURS!r} are byoe's; take another one")
    return dict(given)


def _check_text(text: Any, what: str, most: int) -> None:
    if not isinstance(text, str):
        raise ParameterError(f"{what} is {text!r}, {_PAIRS}; write {str(text)!r}")
    if not 1 <= len(text) <= most:
        raise ParameterError(f"{what} has {len(text)} characters, expected 1 to {most}")
    if not _TEXT.fullmatch(text):
        raise ParameterError(f"{what} is {text!r}; AWS takes letters, digits, spaces and any of . : / = + - @ _ there")


def _approval(approve: bool | None) -> str:
    if approve is not None and not isinstance(approve, bool):
        raise ParameterError(f"approve is {approve!r}, expected True, False, or None where somebody is to decide")
    return APPROVALS[approve]


def _inference(cloud: Cloud, image: str, artifact: Any) -> dict[str, Any]:
    """Return what an endpoint of the model is: as `deploy` makes it of the job."""
    container = {"Image": image, "ModelDataUrl": artifact, "Environment": serving_environment()}
    types = cloud.instance_types
    return {
        "Containers": [container],
        "SupportedTransformInstanceTypes": list(filter(is_plain, types("Transform"))),
        "SupportedRealtimeInferenceInstanceTypes": list(filter(is_plain, types("ProductionVariant"))),
        "SupportedContentTypes": list(CONTENT_TYPES),
        "SupportedResponseMIMETypes": list(ANSWER_TYPES),
    }


def _metrics(job: Job, artifact: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Upload how good the model is, beside it; return the ``ModelQuality`` of a request."""
    described = job.describe()
    # Of which the service keeps half of the digits, and for longer than some keep a log.
    kept = {one["MetricName"]: float(one["Value"]) for one in described.get("FinalMetricDataList", ())}
    metrics = job.metrics or kept
    if not metrics:
        print(f"[byoe] job {job.name} tells no metrics any more, and its version has none", flush=True)
        return {}
    held_out = any(channel["ChannelName"] == "validation" for channel in described.get("InputDataConfig", ()))
    text = json.dumps(quality(metrics, manifest, held_out=held_out), indent=1, allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    address = f"{artifact.rpartition('/')[0]}/model-quality-{digest[:16]}.json"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "quality.json")
        file.write_text(text, encoding="utf-8")
        job.cloud.put(file, address)
    statistics = {"ContentType": "application/json", "ContentDigest": f"sha256:{digest}", "S3Uri": address}
    return {"ModelQuality": {"Statistics": statistics}}


@contextmanager
def _group(cloud: Cloud, name: str) -> Iterator[bool]:
    """Make a group unless it is there, yield whether it was made; it is gone again where no version comes into it."""
    made = False
    try:
        cloud.call("sagemaker", "describe_model_package_group", ModelPackageGroupName=name)
    except NotFoundError:
        if name.startswith("arn:"):
            raise NotFoundError(
                f"there is no model package group {name}, or it is not shared with account {cloud.account()}; somebody "
                "of the other account has to make it and share it"
            ) from None
        made = _make(cloud, name)
    try:
        yield made
    except BaseException:
        if made:
            with suppress(JobError):  # somebody may have put a version into it
                cloud.call("sagemaker", "delete_model_package_group", ModelPackageGroupName=name)
        raise


def _make(cloud: Cloud, name: str) -> bool:
    try:
        cloud.call("sagemaker", "create_model_package_group", ModelPackageGroupName=name)
    except JobError as error:
        if "already exist" not in str(error):
            raise
        return False  # somebody else was faster
    return True


def _tell_same(group: PackageGroup, digest: str) -> None:
    """Say it where the newest version is the same ensemble."""
    with suppress(ParameterError, DeniedError):  # there is none, or none to be seen
        newest = group.latest(approved=None)
        if newest.digest == digest:
            print(f"[byoe] package {newest.name} is this ensemble already: it gets another version", flush=True)
