"""What AWS refuses, as errors that name the thing and say what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import JobError

_NOT_FOUND = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "NotFound",
        "ObjectNotFoundException",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
# Of a training job the service says that the request is not valid: its words tell what is meant.
_NOT_FOUND_WORDS = (
    *("Could not find", "can't find", "does not exist"),
    *("Requested resource not found", "No scalable target found"),
)
_DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation"})
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
# Which the libraries have repeated already.
_BUSY = frozenset(
    {
        *("500", "502", "503", "504"),  # a page without a code
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TAKEN = frozenset({"ResourceInUse", "ResourceInUseException"})
_AT_ONCE = "ConflictException"
# How what makes or changes something is refused when it is asked for again, and was done the first time; the answers of
# these say nothing that is not known.
_DONE = {
    **dict.fromkeys(
        (
            *("create_training_job", "create_hyper_parameter_tuning_job", "create_transform_job"),
            *("create_model", "create_endpoint_config", "create_endpoint"),
        ),
        "already exist",
    ),
    **dict.fromkeys(("update_endpoint", "update_endpoint_weights_and_capacities"), "in-progress"),
}
# What looks at something that `attach` finds by the same name.
_LOOKS = frozenset(
    f"describe_{kind}" for kind in ("training_job", "hyper_parameter_tuning_job", "transform_job", "endpoint")
)
_ELSEWHERE = frozenset(
    {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
)
# What an operation on files is called in a policy.
_ACTIONS = {
    "upload_file": "s3:PutObject",
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "head_object": "s3:GetObject and s3:ListBucket",
    "get_object": "s3:GetObject",
    "download_file": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
    "create_bucket": "s3:CreateBucket",
}
# What reasons are about, wherever the service says them: refusing a request, or of what has failed.
_CURES = (
    (
        r"Insufficient\w*Capacity|CapacityError|Unable to provision requested ML compute capacity",
        "AWS has none of these instances left for now: try again later, or take another instance_type or region",
    ),
    (
        r"ResourceLimitExceeded|LimitExceededException|service limit|quota",
        "take another instance_type or fewer of them, end what still runs, or ask for more in Service Quotas, under "
        "Amazon SageMaker",
    ),
    (
        r"Could not assume role|not authorized to assume|cannot be assumed",
        "the role has to exist, and its trust policy has to let sagemaker.amazonaws.com take it on",
    ),
    (r"[Cc]ross-account pass role", "give a role of the account whose credentials you use"),
    (r"iam:PassRole", "your own policy has to allow iam:PassRole for that role"),
    (
        r"already exist|must be unique",
        "give another name, or one that ends with '-', behind which byoe writes the time",
    ),
)


class NotFoundError(JobError):
    """There is nothing of that name."""


class DeniedError(JobError):
    """Whoever asks may not do that."""


class NotNowError(JobError):
    """AWS does not answer, or not to so many questions: later it may."""


def is_refusal(error: BaseException) -> bool:
    """Return whether AWS has refused a request, so that nothing of it goes on."""
    return isinstance(error, JobError) and not isinstance(error, NotNowError)


def done_before(operation: str, response: Mapping[str, Any]) -> bool:
    """Return whether a request is refused since it was sent before, and done, and its first answer was lost on the way.

    That is taken for granted where the libraries have asked again: names are looked for before they are taken, or
    nobody else has thought of them, and endpoints that change are left alone.

    Parameters
    ----------
    operation : str
    response : mapping
        As the library for AWS has it of an error.
    """
    told, again = response.get("Error", {}), response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    if operation not in _DONE or not again:
        return False
    words = _DONE[operation]
    taken = words == "already exist" and told.get("Code") in _TAKEN
    return taken or words in str(told.get("Message", ""))


def with_cure(reason: str) -> str:
    """Return a reason of the service with what to do about it, where that is known.

    Examples
    --------
    >>> with_cure("Cross-account pass role is not allowed.")
    'Cross-account pass role is not allowed; give a role of the account whose credentials you use'
    """
    cure = next((cure for words, cure in _CURES if re.findall(words, reason)), "")
    return f"{reason.rstrip('. ')}; {cure}" if cure else reason


def fault(operation: str, code: str, reason: str, about: str = "") -> JobError:
    """Return the error that a refusal of AWS stands for.

    Parameters
    ----------
    operation : str
    code, reason : str
        As AWS gives them.
    about : str, default=""
        The address or the name that it was asked of.
    """
    of = f" of {about}" if about else ""
    files = operation in _ACTIONS
    bucket = about.removeprefix("s3://").partition("/")[0]
    if code in _EXPIRED or (code == "400" and files):  # all that an answer without a body says
        name = repr(about) if about and operation in _LOOKS else "name"
        return JobError(
            f"the AWS credentials are no longer valid ({reason}); sign in again. What was started goes on: "
            f"byoe.sagemaker.attach({name}) finds it"
        )
    if code in _ELSEWHERE and files:
        return JobError(
            f"AWS refused {operation}{of} ({code}): bucket {bucket!r} is in another region than the session; give a "
            "bucket of the session's region, or a session of the bucket's"
        )
    if code == "NoSuchBucket" or (operation == "head_bucket" and code == "404"):
        return NotFoundError(
            f"there is no bucket {bucket!r} ({about}); make it (aws s3 mb s3://{bucket}), or give the address of one "
            "that is there"
        )
    if operation == "get_role" and code in (_NOT_FOUND | _DENIED):
        kind = NotFoundError if code in _NOT_FOUND else DeniedError
        return kind(
            f"AWS did not tell the role {about!r} ({code}: {reason.rstrip('. ')}); give the ARN of one that is there, "
            "which is not looked up"
        )
    if code in _NOT_FOUND or any(words in reason for words in _NOT_FOUND_WORDS):
        return NotFoundError(f"{operation}{of}: {reason}")
    if code in _DENIED:
        needed = f"; {_ACTIONS[operation]} has to be allowed there" if files else ""
        return DeniedError(
            f"AWS refused {operation}{of} ({code}): {with_cure(reason) if not files else reason}{needed}"
        )
    if code in _BUSY:
        return NotNowError(
            f"AWS is too busy for {operation}{of} ({code}: {reason}), also when it was asked again; wait for some "
            "minutes, and ask less often or for less at a time"
        )
    if code == _AT_ONCE and with_cure(reason) == reason:
        return JobError(
            f"AWS refused {operation}{of} ({code}): {reason.rstrip('. ')}; somebody else changes it at the same time: "
            "look at what it is now, and ask again"
        )
    if code in _TAKEN or code == "ResourceLimitExceeded":
        words = "already exists" if code in _TAKEN else code
        cure = with_cure(words).partition("; ")[2]
        return JobError(f"AWS refused {operation}{of} ({code}): {reason.rstrip('. ')}; {cure}")
    return JobError(f"AWS refused {operation}{of} ({code}): {with_cure(reason)}")


def unanswered(operation: str, reason: str, about: str = "") -> JobError:
    """Return the error of a request that AWS has not answered; its arguments are those of `fault`."""
    of = f" of {about}" if about else ""
    return NotNowError(f"AWS did not do {operation}{of}: {reason}; is there a way to the network from here?")
