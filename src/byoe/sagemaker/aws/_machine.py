"""What jobs and endpoints run on, and what they read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import ParameterError, did_you_mean
from ..shared._limits import check_count, check_environment, check_whole, is_number
from ._tags import read_tags

_MEMORY = (1024, 2048, 3072, 4096, 5120, 6144)
_MOST_CONCURRENT = 200
_KEEP_ALIVE = 21_600
VARIANT = "AllTraffic"  # the service's name for the only one
# What a job can be told beside its own arguments, that serving can, too.
SERVING_OPTIONS = ("subnets", "security_groups", "volume_key", "output_key", "isolated", "environment", "tags")
_THERE = (
    "what serves is where its job is, so choose it with the job: byoe.sagemaker.attach(name, region=…, profile=…) or "
    "attach(name, session=…)"
)
# How data come from S3: as copies on the disk, or read from there as they are asked for.
INPUT_MODES = ("File", "FastFile")
PREFIX, MANIFEST = "S3Prefix", "ManifestFile"
WHOLE, SHARDED = "FullyReplicated", "ShardedByS3Key"
_NOT_TAKEN = {
    "Pipe": "one stream of all files without their ends: a header would be a row, and Parquet tells its columns at its "
    "end. 'FastFile' reads from S3 without a copy, too",
    "AugmentedManifestFile": "which comes through a pipe, with labels for each object, and no tables; list files of "
    f"tables in a {MANIFEST!r}",
}
# What people ask of serving that it does not have, and what to do.
INSTEAD = {"region": _THERE, "profile": _THERE, "session": _THERE}
# What people ask of a job that it does not have, since it is of what serves its model.
OF_ENDPOINTS = dict.fromkeys(
    "memory_mb max_concurrency provisioned_concurrency requests_per_instance asynchronous runtime data_capture "
    "capture_percent rollout alarms step_percent bake_minutes weights shadow watch".split(),
    "it is of what serves a model, so give it to byoe.sagemaker.deploy(job, …), or to an endpoint's update",
)
_GPU = re.compile(r"ml\.(p|g|gr)\d")
_PLAIN = re.compile(r"ml\.[tmcr]\d+[a-fh-z-]*\.")  # a g behind the number is another processor


def has_gpu(instance_type: str) -> bool:
    """Return whether instances of a type have a GPU.

    Examples
    --------
    >>> has_gpu("ml.g5.xlarge"), has_gpu("ml.m7g.large")
    (True, False)
    """
    return bool(_GPU.match(instance_type))


def is_plain(instance_type: str) -> bool:
    """Return whether instances of a type have the processor that the usual container is built for, and no other.

    Examples
    --------
    >>> is_plain("ml.m5d.large"), is_plain("ml.m7g.large"), is_plain("ml.g5.xlarge")
    (True, False, False)
    """
    return bool(_PLAIN.match(instance_type))


def check_word(name: str, word: Any, known: Sequence[str]) -> None:
    """Raise a ParameterError for a word that the service does not know in its place, or that no job can work with.

    Parameters
    ----------
    name : str
        The place.
    word
    known : sequence of str
    """
    if word in known:
        return
    if str(word) in _NOT_TAKEN:
        raise ParameterError(f"{name} is {word!r}, {_NOT_TAKEN[str(word)]}")
    raise ParameterError(f"{name} is {word!r}. {did_you_mean(str(word), known)}")


@dataclass(frozen=True)
class Machine:
    """What jobs and endpoints run on, and what they may.

    Attributes
    ----------
    image, role : str
        URI of the container image and ARN of the role.
    instance_type : str
    instance_count : int
    volume_gb : int
    max_seconds : int
        After which a job is stopped.
    spot : bool
        Whether spare capacity is used, which may be taken back.
    max_wait_seconds : int or None
        How long a spot job may take with all interruptions; twice ``max_seconds`` by default.
    keep_alive_seconds : int
        How long the instances wait for the next job (a warm pool).
    subnets, security_groups : tuple of str
        Of a VPC.
    output_key, volume_key : str or None
        KMS keys.
    isolated : bool
        Whether containers have no network.
    encrypted : bool
        Whether traffic between instances is encrypted.
    input_mode : {"File", "FastFile"}
        How data come from S3, where a channel does not say so itself.
    environment : mapping of str to str
    tags : mapping of str to str, or list of mappings with ``Key`` and ``Value``
        A mapping once it is read.
    """

    image: str
    role: str
    instance_type: str = "ml.m5.xlarge"
    instance_count: int = 1
    volume_gb: int = 30
    max_seconds: int = 86_400
    spot: bool = False
    max_wait_seconds: int | None = None
    keep_alive_seconds: int = 0
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    output_key: str | None = None
    volume_key: str | None = None
    isolated: bool = False
    encrypted: bool = False
    input_mode: str = "File"
    environment: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for word in ("subnets", "security_groups"):
            given = getattr(self, word)
            object.__setattr__(self, word, (given,) if isinstance(given, str) else tuple(given or ()))
        check_environment(self.environment)
        object.__setattr__(self, "tags", read_tags(self.tags))
        check_word("input_mode", self.input_mode, INPUT_MODES)
        check_count("instance_count", self.instance_count)
        check_count("max_seconds", self.max_seconds)
        check_count("volume_gb", self.volume_gb)
        if bool(self.subnets) != bool(self.security_groups):
            raise ParameterError("subnets and security_groups belong together: give both, or neither")
        if self.spot and self.keep_alive_seconds:
            raise ParameterError("spot instances cannot be kept alive; leave spot or keep_alive_seconds out")
        check_whole("keep_alive_seconds", self.keep_alive_seconds, 0, _KEEP_ALIVE)
        if self.max_wait_seconds is not None and not self.spot:
            raise ParameterError("max_wait_seconds is for spot jobs; set spot=True or leave it out")
        if self.max_wait_seconds is not None:
            check_count("max_wait_seconds", self.max_wait_seconds)
            if self.max_wait_seconds < self.max_seconds:
                raise ParameterError(
                    f"max_wait_seconds is {self.max_wait_seconds}, less than max_seconds={self.max_seconds}"
                )


@dataclass(frozen=True)
class Variant:
    """A model of an endpoint, and what it runs in.

    Attributes
    ----------
    machine : Machine
    origin : str
        As for `model_request`.
    name : str
        Of the only one by default.
    weight : float
        Of requests, relative to the other variants.
    shadow : bool
        Whether it gets copies of requests, and nobody its answers.
    runtime : {"libraries", "onnx", "auto"}
        What predicts.
    """

    machine: Machine
    origin: str
    name: str = VARIANT
    weight: float = 1.0
    shadow: bool = False
    runtime: str = "libraries"


@dataclass(frozen=True)
class Channel:
    """Data of a job.

    Attributes
    ----------
    address : str
        An ``s3://`` prefix, or that of a manifest.
    content_type : str or None
    input_mode : {"File", "FastFile"} or None
        None for that of the machine.
    data_type : {"S3Prefix", "ManifestFile"}
        What is at the address.
    distribution : {"FullyReplicated", "ShardedByS3Key"}
        Whether each of several hosts gets all files, or some.
    """

    address: str
    content_type: str | None = None
    input_mode: str | None = None
    data_type: str = PREFIX
    distribution: str = WHOLE

    def __post_init__(self) -> None:
        if self.input_mode is not None:
            check_word("InputMode", self.input_mode, INPUT_MODES)
        check_word("S3DataType", self.data_type, (PREFIX, MANIFEST))
        check_word("S3DataDistributionType", self.distribution, (WHOLE, SHARDED))


@dataclass(frozen=True)
class Serverless:
    """An endpoint that is paid for by the request.

    Attributes
    ----------
    memory_mb : int
    max_concurrency : int
        Requests at a time.
    provisioned_concurrency : int
        Of these, for which a container is kept ready.
    """

    memory_mb: int = 3072
    max_concurrency: int = 5
    provisioned_concurrency: int = 0

    def __post_init__(self) -> None:
        if self.memory_mb not in _MEMORY:
            raise ParameterError(f"memory_mb is {self.memory_mb}, expected one of {', '.join(map(str, _MEMORY))}")
        check_whole("max_concurrency", self.max_concurrency, 1, _MOST_CONCURRENT)
        check_whole("provisioned_concurrency", self.provisioned_concurrency, 0, "max_concurrency")
        if self.provisioned_concurrency > self.max_concurrency:
            raise ParameterError(
                f"provisioned_concurrency is {self.provisioned_concurrency}, expected 0 to max_concurrency="
                f"{self.max_concurrency}"
            )


@dataclass(frozen=True)
class Instances:
    """An endpoint on instances, which are paid for by the hour.

    Attributes
    ----------
    least, most : int
        Between these the platform adds and removes instances.
    load : float or None
        Requests of one instance that this is done by: a minute, or that wait for it where answers
        are asynchronous. None where least and most are the same.
    answers : str or None
        Address for answers that are not waited for by a connection.
    """

    least: int = 1
    most: int = 1
    load: float | None = None
    answers: str | None = None

    def __post_init__(self) -> None:
        lowest = 1 if self.answers is None else 0  # an endpoint that answers at once needs somebody to do so
        whole = all(isinstance(bound, int) for bound in (self.least, self.most))
        if not whole or not lowest <= self.least <= self.most or self.most < 1:
            raise ParameterError(
                f"instance_count is {self.least!r} to {self.most!r}, expected a positive integer or two, from {lowest}"
                f"{' on for an asynchronous endpoint' if self.answers is not None else ' on'}"
            )
        if (self.load is None) == self.scales:
            raise ParameterError(
                "requests_per_instance belongs to an instance_count of two numbers, such as (1, 4): it says when "
                "instances are added; give both, or neither"
            )
        if self.load is not None and not (is_number(self.load) and self.load > 0):
            raise ParameterError(f"requests_per_instance is {self.load!r}, expected a positive number")

    @property
    def scales(self) -> bool:
        """Whether their number changes."""
        return self.least != self.most


def instances_of(count: int | Sequence[int], load: float | None, *, asynchronous: bool) -> Instances:
    """Return the instances that a number or two say; where asynchronous answers go is told later."""
    bounds = [count, count] if isinstance(count, int) else list(count) if isinstance(count, Iterable) else []
    if len(bounds) != 2 or isinstance(count, str | bytes):
        raise ParameterError(f"instance_count is {count!r}, expected a number, or two such as (1, 4)")
    return Instances(bounds[0], bounds[1], load, "" if asynchronous else None)
