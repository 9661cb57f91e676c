"""What AWS's libraries raise, turned into errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import JobError, ParameterError, need
from ._faults import fault, unanswered

EXTRA, PURPOSE = "sagemaker", "a job on AWS"
# What the libraries raise without asking AWS; those of the last line are of newer ones.
_EXPIRED = (
    *("TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "CredentialRetrievalError"),
    *("LoginRefreshRequired", "LoginTokenLoadError"),
)


@contextmanager
def explained(operation: str, about: str = "") -> Iterator[None]:
    """Turn what AWS refuses into an error; ``about`` is the address or the name that it was asked of."""
    faults = need("botocore.exceptions", EXTRA, PURPOSE)
    transfers = need("boto3.exceptions", EXTRA, PURPOSE)
    unreadable = need("botocore.parsers", EXTRA, PURPOSE).ResponseParserError
    expired = tuple(getattr(faults, name) for name in _EXPIRED if hasattr(faults, name))
    try:
        yield
    except (faults.NoCredentialsError, faults.PartialCredentialsError, faults.ProfileNotFound) as error:
        raise JobError(f"AWS knows nobody here: {error}. Run `aws configure`, or set AWS_PROFILE") from error
    except expired as error:
        raise fault(operation, "ExpiredToken", str(error)) from error
    except faults.ParamValidationError as error:
        reasons = "; ".join(str(error).splitlines()[1:])
        raise ParameterError(f"{operation} of {about or 'AWS'} cannot be asked so: {reasons}") from error
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
