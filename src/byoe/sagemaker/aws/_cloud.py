"""AWS: the one module that asks it, by its libraries."""

from __future__ import annotations

import difflib
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ...errors import JobError, ParameterError, need
from ..shared._payload import refusal
from ._addresses import split
from ._arns import of_arn, own_role
from ._explained import EXTRA, PURPOSE, explained
from ._faults import NotFoundError, done_before
from ._sdk import RESOURCES, read_session

# Of an endpoint whose container is about to start. The libraries repeat what other errors are worth repeating.
_NOT_YET = frozenset({"ModelNotReadyException", "InternalDependencyException"})
_GATEWAY = (502, 503, 504)
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds
_ATTEMPTS = 8
_NAMES = (
    *("TrainingJobName", "HyperParameterTuningJobName", "TransformJobName"),
    *("EndpointName", "EndpointConfigName", "ModelName", "RoleName"),
    *("ModelPackageName", "ModelPackageArn", "ModelPackageGroupName"),
    *("PipelineName", "PipelineExecutionArn"),
)
_FRAMEWORK, _VERSION, _PYTHON = "sklearn", "1.9-0", "py3"
_ANY_INSTANCE = "ml.m5.xlarge"  # one container is there for all
_ANY_REGION = "eu-west-1"


class NoRegionError(ParameterError):
    """Nobody has said which region."""


class Cloud:
    """An AWS account in one region.

    Parameters
    ----------
    session : boto3.Session, or the SDK's Session, default=None
        By default what the environment and ``~/.aws`` say.
    region, profile : str, default=None
        Of a session to be made.

    Attributes
    ----------
    region : str
    """

    _PLANNED: ClassVar[bool] = False

    def __init__(self, session: Any = None, *, region: str | None = None, profile: str | None = None) -> None:
        boto3 = need("boto3", EXTRA, PURPOSE)
        words = {"region_name": region, "profile_name": profile}
        given = {word: value for word, value in words.items() if value is not None}
        if session is not None and given:
            raise ParameterError("session has a region and credentials of its own; give it, or region and profile")
        with explained("Session"):
            made = boto3.Session(**given) if session is None else session
        self._told = read_session(made, planned=self._PLANNED)
        self._session = self._told.boto
        if not self._session.region_name:
            raise NoRegionError(
                "there is no AWS region: set AWS_DEFAULT_REGION, or `region` in ~/.aws/config, or pass region="
            )
        self.region: str = self._session.region_name
        self._clients: dict[str, Any] = {}

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Call the service; return its answer, which is empty where what it has done was answered, and that was lost.

        Raises
        ------
        JobError
            With the service's reason.
        """
        faults = need("botocore.exceptions", EXTRA, PURPOSE)
        with explained(operation, _about(request)):
            try:
                answer: dict[str, Any] = getattr(self._client(service), operation)(**request)
            except faults.ClientError as error:
                if not done_before(operation, error.response):
                    raise
                return {}
        return answer

    def pages(self, service: str, operation: str, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a long answer."""
        with explained(operation, _about(request)):
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
        faults = need("botocore.exceptions", EXTRA, PURPOSE)
        target = {"TargetVariant": variant} if variant else {}
        with explained("invoke_endpoint"):
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

    @property
    def at_home(self) -> bool:
        """Whether `home` is SageMaker's usual bucket."""
        return self._told.bucket is None and self._told.folder is None

    @property
    def home(self) -> str:
        """Address below which all is put that has no other: SageMaker's usual bucket, or what an SDK's session says."""
        name = self._told.bucket or f"sagemaker-{self.region}-{self.account()}"
        return "/".join(part for part in (f"s3://{name}", self._told.folder) if part)

    @property
    def owner_of_home(self) -> dict[str, str]:
        """What to ask for the bucket of `home` with: the usual one has to be the account's own.

        Its name can be told from the account's number, so somebody else may have taken it.
        """
        return {} if self._told.bucket else {"ExpectedBucketOwner": self.account()}

    def bucket(self) -> str:
        """Return the name of the bucket of `home`; it is made if it is not there."""
        name, _ = split(self.home)
        if self._exists("head_bucket", Bucket=name, **self.owner_of_home):
            return name
        place = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        try:
            self.call("s3", "create_bucket", Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
        except JobError:
            if not self._exists("head_bucket", Bucket=name, **self.owner_of_home):  # nobody has made it meanwhile
                raise
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
            return own_role(given, self.account())
        return str(self.call("iam", "get_role", RoleName=given.rpartition("/")[2])["Role"]["Arn"])

    def of_arn(self, arn: str) -> tuple[str, str]:
        """Return the kind and the name of what SageMaker has under an ARN of this region, and account unless shared."""
        return of_arn(arn, self.account(), self.region)

    def resource(self, kind: str, name: str) -> Any:
        """Return the SDK's object for what a handle of a kind is of, with what the service says of it."""
        resources = need("sagemaker.core.resources", EXTRA, PURPOSE)
        one, word = RESOURCES[kind]
        with explained(f"{one}.get", name):
            return getattr(resources, one).get(**{word: name}, session=self._session, region=self.region)

    @cached_property
    def sdk_session(self) -> Any:
        """The SDK's session for the account and region: what was given, where it is one."""
        helper = need("sagemaker.core.helper.session_helper", EXTRA, PURPOSE)
        return self._told.sdk or helper.Session(boto_session=self._session)

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of what SageMaker has here; the kind is that in ARNs."""
        partition = str(self.identity["Arn"]).split(":")[1]
        return f"arn:{partition}:sagemaker:{self.region}:{self.account()}:{kind}/{name}"

    def image(self) -> str:
        """Return the address of the newest scikit-learn container."""
        uris = need("sagemaker.core.image_uris", EXTRA, PURPOSE)
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
        with explained("Session"):
            client = self._client("sagemaker")
        return list(client.meta.service_model.shape_for(f"{where}InstanceType").enum)

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
        refused = need("botocore.exceptions", EXTRA, PURPOSE).ClientError
        with explained("head_bucket", address):
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
        with explained("upload_file", address):
            self._client("s3").upload_file(str(file), bucket, key)
        return True

    def keys(self, address: str) -> list[str]:
        """Return the names of all files below an address, relative to it and sorted."""
        bucket, key = split(address)
        pages = self.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=key)
        names = (entry["Key"] for page in pages for entry in page.get("Contents", []))
        return sorted(name.removeprefix(key) for name in names if not name.endswith("/"))  # a folder that somebody made

    def size(self, address: str) -> int:
        """Return how many bytes all files below an address have."""
        bucket, key = split(address)
        pages = self.pages("s3", "list_objects_v2", Bucket=bucket, Prefix=key)
        return sum(int(entry["Size"]) for page in pages for entry in page.get("Contents", []))

    def get(self, address: str) -> bytes:
        """Return the content of a file."""
        bucket, key = split(address)
        with explained("get_object", address):
            found: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return found

    def packed(self, address: str, *names: str) -> dict[str, bytes]:
        """Return files of a ``tar.gz`` by name, which is read no further than to the last; without those not in it."""
        wanted, contents = {*names}, dict[str, bytes]()
        bucket, key = split(address)
        with explained("get_object", address):
            body = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            with closing(body), _opened(address, fileobj=body, mode="r|gz") as archive:
                for entry in archive:
                    name = entry.name.removeprefix("./")
                    if name in wanted and (file := archive.extractfile(entry)):
                        contents[name] = file.read()
                    if len(contents) == len(wanted):
                        break
        return contents

    def unpack(self, address: str, folder: Path) -> Path:
        """Download a ``tar.gz`` and unpack it into a folder."""
        bucket, key = split(address)
        with tempfile.TemporaryDirectory() as place:
            packed = Path(place, "packed.tar.gz")
            with explained("download_file", address):
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
            config = need("botocore.config", EXTRA, PURPOSE).Config(
                retries={"mode": "standard", "max_attempts": _ATTEMPTS}
            )
            self._clients[service] = self._session.client(
                service, config=config, endpoint_url=self._told.endpoints.get(service)
            )
        return self._clients[service]


@contextmanager
def _opened(address: str, *file: Path, **how: Any) -> Iterator[tarfile.TarFile]:
    """Open an archive; one that is none, or not whole, is told by its address."""
    try:
        with tarfile.open(*file, **how) as archive:
            yield archive
    except (tarfile.ReadError, EOFError, zlib.error) as error:
        raise JobError(f"{address} is no whole tar.gz ({error}); it is not what the job has left there") from error


def _about(request: Mapping[str, Any]) -> str:
    """Return the address or the name that a request is about; nothing for one that says it itself."""
    if "Bucket" in request:
        return f"s3://{request['Bucket']}/{request.get('Key', request.get('Prefix', ''))}".rstrip("/")
    return next((str(request[key]) for key in _NAMES if key in request), "")
