"""AWS: the one module that imports its libraries, and turns what they raise into errors that say what to do."""

from __future__ import annotations

import difflib
import re
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import JobError, ParameterError, need
from ..shared._payload import refusal
from ._faults import NotFoundError, fault, unanswered

_EXTRA, _PURPOSE = "sagemaker", "a job on AWS"
# Of an endpoint whose container is about to start. The libraries repeat what other errors are worth repeating.
_NOT_YET = frozenset({"ModelNotReadyException", "InternalDependencyException"})
_GATEWAY = (502, 503, 504)
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds
_ATTEMPTS = 8
_NAMES = (
    *("TrainingJobName", "HyperParameterTuningJobName", "TransformJobName"),
    *("EndpointName", "EndpointConfigName", "ModelName", "RoleName"),
    *("ModelPackageName", "ModelPackageArn", "ModelPackageGroupName"),
)
_KINDS = {
    "training-job": "job",
    "hyper-parameter-tuning-job": "tuning job",
    "transform-job": "transform job",
    "endpoint": "endpoint",
    "model-package": "model package",
    "model-package-group": "model package group",
}
_SHARED = frozenset({"model-package", "model-package-group"})  # which accounts may share
_ARN = re.compile(rf"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):(\d{{12}}):({'|'.join(_KINDS)})/([A-Za-z0-9-]+(?:/\d+)?)")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/.+")
_FRAMEWORK, _VERSION, _PYTHON = "sklearn", "1.9-0", "py3"
_ANY_INSTANCE = "ml.m5.xlarge"  # one container is there for all
_ANY_REGION = "eu-west-1"


class NoRegionError(ParameterError):
    """Nobody has said which region."""


class Cloud:
    """An AWS account in one region.

    Parameters
    ----------
    session : boto3.Session, default=None
        By default what the environment and ``~/.aws`` say.
    region, profile : str, default=None
        Of a session to be made.

    Attributes
    ----------
    region : str
    """

    def __init__(self, session: Any = None, *, region: str | None = None, profile: str | None = None) -> None:
        boto3 = need("boto3", _EXTRA, _PURPOSE)
        words = {"region_name": region, "profile_name": profile}
        given = {word: value for word, value in words.items() if value is not None}
        if session is not None and given:
            raise ParameterError("session has a region and credentials of its own; give it, or region and profile")
        with _explained("Session"):
            self._session = boto3.Session(**given) if session is None else session
        if not self._session.region_name:
            raise NoRegionError(
                "there is no AWS region: set AWS_DEFAULT_REGION, or `region` in ~/.aws/config, or pass region="
            )
        self.region: str = self._session.region_name
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Call the service; return its answer.

        Raises
        ------
        JobError
            With the service's reason.
        """
        with _explained(operation, _about(request)):
            answer: dict[str, Any] = getattr(self._client(service), operation)(**request)
        return answer

    def pages(self, service: str, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a long answer."""
        with _explained(operation, _about(request)):
            yield from self._client(service).get_paginator(operation).paginate(**request)

    def invoke(self, endpoint: str, body: bytes, content_type: str, *, accept: str, variant: str = "") -> bytes:
        """Ask an endpoint, for a while again when it is about to start; return the body of its answer.

        Raises
        ------
        InputError
            When the endpoint refuses what it was sent, with its reason.
        JobError
            When it fails.
        """
        faults = need("botocore.exceptions", _EXTRA, _PURPOSE)
        target = {"TargetVariant": variant} if variant else {}
        with _explained("invoke_endpoint"):
            for pause in (*_PAUSES, None):
                try:
                    answer = self._client("sagemaker-runtime").invoke_endpoint(
                        EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept, **target
                    )
                    break
                except faults.ClientError as error:
                    code = error.response.get("Error", {}).get("Code")
                    status = int(error.response.get("OriginalStatusCode", 500))
                    if pause is not None and (code in _NOT_YET or (code == "ModelError" and status in _GATEWAY)):
                        time.sleep(pause)
                    elif code == "ModelError":
                        text = str(error.response.get("OriginalMessage", error))
                        raise refusal(endpoint, status, text) from error
                    else:
                        raise
            found: bytes = answer["Body"].read()
        return found

    def log(self, group: str, streams: str = "") -> str:
        """Return what the log streams of a group whose names begin so hold, in order of time; nothing for none."""
        return "\n".join(event["message"] for event in self.events(group, streams))

    def events(self, group: str, streams: str = "", *, since: int = 0) -> list[dict[str, Any]]:
        """Return the lines of log streams in order of time, from a time on in milliseconds since 1970."""
        chosen: dict[str, Any] = {"logStreamNamePrefix": streams} if streams else {}
        if since:
            chosen["startTime"] = since
        try:
            pages = list(self.pages("logs", "filter_log_events", logGroupName=group, **chosen))
        except NotFoundError:  # nothing was printed yet
            return []
        return sorted((event for page in pages for event in page["events"]), key=lambda event: int(event["timestamp"]))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Whose the credentials are; asked once, since those that follow them are of the same user or role."""
        return self.call("sts", "get_caller_identity")

    def account(self) -> str:
        """Return the number of the account."""
        return str(self.identity["Account"])

    def bucket(self) -> str:
        """Return the name of SageMaker's usual bucket of the account and region; it is made if it is not there."""
        name = f"sagemaker-{self.region}-{self.account()}"
        if self._exists("head_bucket", Bucket=name):
            return name
        place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        self.call("s3", "create_bucket", Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
        return name

    def role(self, given: str | None) -> str:
        """Return the ARN of the role that jobs take on: the given one, or that of this notebook."""
        if given is None:
            identity = str(self.identity["Arn"])
            if ":assumed-role/" not in identity:
                raise ParameterError(
                    f"role is None, and {identity} is no role that a job could take on; pass the name or the ARN of "
                    "one that may use SageMaker and S3"
                )
            given = identity.split("/")[1]
        if given.startswith("arn:"):
            return self._own_role(given)
        return str(self.call("iam", "get_role", RoleName=given.rpartition("/")[2])["Role"]["Arn"])

    def _own_role(self, arn: str) -> str:
        found, account = _ROLE.fullmatch(arn), self.account()
        if found is None:
            raise ParameterError(f"role is {arn!r}, expected the name of a role, or arn:aws:iam::{account}:role/NAME")
        if found[1] != account:
            raise ParameterError(
                f"role is {arn!r}, of account {found[1]}, and the credentials are of account {account}: jobs take on "
                "roles of their own account alone; give one of these, or a session of the other account"
            )
        return arn

    def of_arn(self, arn: str) -> tuple[str, str]:
        """Return the kind and the name of what SageMaker has under an ARN of this region, and account unless shared."""
        found, account = _ARN.fullmatch(arn), self.account()
        if found is None:
            raise ParameterError(
                f"{arn!r} is no ARN of SageMaker's; expected the name of a job, a tuning job, an endpoint or a "
                "transform job, or its ARN, or that of a model package or its group"
            )
        if found[2] != account and found[3] not in _SHARED:
            raise ParameterError(
                f"{arn!r} is of account {found[2]}, and the credentials are of account {account}; give profile=, or a "
                "session of that account"
            )
        if found[1] != self.region:
            raise ParameterError(
                f"{arn!r} is in {found[1]}, and the session in {self.region}; give region={found[1]!r}"
            )
        return _KINDS[found[3]], found[4]

    def image(self) -> str:
        """Return the address of the newest scikit-learn container."""
        uris = need("sagemaker.core.image_uris", _EXTRA, _PURPOSE)
        try:
            found = uris.retrieve(
                _FRAMEWORK, self.region, version=_VERSION, py_version=_PYTHON, instance_type=_ANY_INSTANCE
            )
        except ValueError as error:
            reason = str(error).partition(".")[0]
            raise ParameterError(
                f"no container for scikit-learn {_VERSION} is known in {self.region} ({reason}); give its address as "
                "image, or update sagemaker-core"
            ) from error
        return str(found)

    def check_region(self) -> None:
        """Raise a ParameterError for a region that is not known to have SageMaker."""
        session = self._session
        partitions = session.get_available_partitions()
        known = [name for one in partitions for name in session.get_available_regions("sagemaker", one)]
        if self.region not in known:
            close = difflib.get_close_matches(self.region, known) or [_ANY_REGION]
            raise ParameterError(
                f"no SageMaker is known in region {self.region!r}; take one such as {', '.join(map(repr, close))}, or "
                "update boto3 if it is newer"
            )

    def check_instance_type(self, given: str, where: str) -> None:
        """Raise a ParameterError for a type of instance that there is not.

        Parameters
        ----------
        given : str
        where : {"Training", "ProductionVariant", "Transform"}
        """
        known = self.instance_types(where)
        if given not in known:
            close = difflib.get_close_matches(given, known) or [_ANY_INSTANCE]
            raise ParameterError(
                f"instance_type is {given!r}, expected one such as {', '.join(map(repr, close))}; if it is newer than "
                "the installed boto3, update that"
            )

    def instance_types(self, where: str) -> list[str]:
        """Return the types of instances that there are, as far as the installed boto3 knows; ``where`` is as above."""
        return list(self._client("sagemaker").meta.service_model.shape_for(f"{where}InstanceType").enum)

    def check_bucket(self, address: str, what: str) -> None:
        """Raise an error for an address whose bucket is not there, or in another region.

        Parameters
        ----------
        address : str
        what : str
            The argument that it is.
        """
        bucket, _ = split(address)
        region = self.region_of(bucket, address)
        if region not in (None, self.region):
            raise ParameterError(
                f"{what} is {address!r}, whose bucket is in {region}, and the session is in {self.region}: SageMaker "
                f"uses buckets of its own region alone. Give session=boto3.Session(region_name={region!r}), or copy "
                f"the files to a bucket in {self.region}"
            )

    def region_of(self, bucket: str, address: str) -> str | None:
        """Return where a bucket is; None where that is not told."""
        refused = need("botocore.exceptions", _EXTRA, _PURPOSE).ClientError
        with _explained("head_bucket", address):
            try:
                answer = self._client("s3").head_bucket(Bucket=bucket)
            except refused as error:
                answer = error.response
                if answer["ResponseMetadata"]["HTTPStatusCode"] not in (301, 403):  # which tell the region all the same
                    raise
        told = answer["ResponseMetadata"].get("HTTPHeaders", {})
        region = answer.get("BucketRegion") or told.get("x-amz-bucket-region")
        return None if region is None else str(region)

    def put(self, file: Path, address: str) -> bool:
        """Upload a file, unless there is one; return whether that was needed."""
        bucket, key = split(address)
        if self._exists("head_object", Bucket=bucket, Key=key):
            return False
        with _explained("upload_file", address):
            self._client("s3").upload_file(str(file), bucket, key)
        return True

    def keys(self, address: str) -> list[str]:
        """Return the names of all files below an address, relative to it and sorted."""
        bucket, key = split(address)
        pages = self.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=key)
        return sorted(entry["Key"].removeprefix(key) for page in pages for entry in page.get("Contents", []))

    def size(self, address: str) -> int:
        """Return how many bytes all files below an address have."""
        bucket, key = split(address)
        pages = self.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=key)
        return sum(int(entry["Size"]) for page in pages for entry in page.get("Contents", []))

    def get(self, address: str) -> bytes:
        """Return the content of a file."""
        bucket, key = split(address)
        with _explained("get_object", address):
            found: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return found

    def packed(self, address: str, name: str) -> bytes | None:
        """Return a file of a ``tar.gz``, which is read no further than to there; None where it is not in it."""
        bucket, key = split(address)
        with _explained("get_object", address):
            body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            with closing(body), _opened(address, fileobj=body, mode="r|gz") as archive:
                for entry in archive:
                    if entry.name.removeprefix("./") == name and (file := archive.extractfile(entry)):
                        return file.read()
        return None

    def unpack(self, address: str, folder: Path) -> Path:
        """Download a ``tar.gz`` and unpack it into a folder."""
        bucket, key = split(address)
        with tempfile.TemporaryDirectory() as place:
            packed = Path(place, "packed.tar.gz")
            with _explained("download_file", address):
                self._client("s3").download_file(bucket, key, str(packed))
            with _opened(address, packed) as archive:
                archive.extractall(folder, filter="data")  # nothing outside of the folder
        return folder

    def _exists(self, operation: str, **request: Any) -> bool:
        try:
            self.call("s3", operation, **request)
        except NotFoundError:
            return False
        return True

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            config = need("botocore.config", _EXTRA, _PURPOSE).Config(
                retries={"mode": "standard", "max_attempts": _ATTEMPTS}
            )
            self._clients[service] = self._session.client(service, config=config)
        return self._clients[service]


@contextmanager
def _opened(address: str, *file: Path, **how: Any) -> Iterator[tarfile.TarFile]:
    """Open an archive; one that is none, or not whole, is told by its address."""
    try:
        with tarfile.open(*file, **how) as archive:
            yield archive
    except (tarfile.ReadError, EOFError, zlib.error) as error:
        raise JobError(f"{address} is no whole tar.gz ({error}); it is not what the job has left there") from error


@contextmanager
def _explained(operation: str, about: str = "") -> Iterator[None]:
    """Turn what AWS refuses into an error; ``about`` is the address or the name that it was asked of."""
    faults = need("botocore.exceptions", _EXTRA, _PURPOSE)
    transfers = need("boto3.exceptions", _EXTRA, _PURPOSE)
    unreadable = need("botocore.parsers", _EXTRA, _PURPOSE).ResponseParserError
    try:
        yield
    except (faults.NoCredentialsError, faults.PartialCredentialsError, faults.ProfileNotFound) as error:
        raise JobError(f"AWS knows nobody here: {error}. Run `aws configure`, or set AWS_PROFILE") from error
    except (faults.TokenRetrievalError, faults.SSOTokenLoadError, faults.UnauthorizedSSOTokenError) as error:
        raise fault(operation, "ExpiredToken", str(error)) from error
    except faults.ClientError as error:
        raise _fault_of(operation, about, error) from error
    except (faults.BotoCoreError, transfers.Boto3Error) as error:
        if isinstance(error.__context__, faults.ClientError):  # a transfer, which names its temporary file
            raise _fault_of(operation, about, error.__context__) from error
        raise unanswered(operation, str(error), about) from error
    except unreadable as error:  # the page of a proxy, say
        raise unanswered(operation, str(error).partition("\n")[0], about) from error


def _fault_of(operation: str, about: str, error: Any) -> JobError:
    told = error.response.get("Error", {})
    return fault(operation, str(told.get("Code", "")), str(told.get("Message", error)), about)


def _about(request: Mapping[str, Any]) -> str:
    """Return the address or the name that a request is about; nothing for one that says it itself."""
    if "Bucket" in request:
        return f"s3://{request['Bucket']}/{request.get('Key', request.get('Prefix', ''))}".rstrip("/")
    return next((str(request[key]) for key in _NAMES if key in request), "")


def split(address: str) -> tuple[str, str]:
    """Return bucket and key of an ``s3://`` address."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise ParameterError(f"{address!r} is no S3 address, expected s3://bucket/prefix")
    return bucket, key
