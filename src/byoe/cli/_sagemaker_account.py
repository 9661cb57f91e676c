"""The commands ``byoe sagemaker policy`` and ``byoe sagemaker doctor``: what an account allows, and what it has to."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from . import _options as options

_PARTS = "train, endpoints, predict, registry, pipelines, scaling"
_Role = Annotated[str | None, typer.Option(help="Name or ARN of the role that jobs take on.")]
_Names = Annotated[str, typer.Option(help="What names of jobs and endpoints begin with.")]
_Groups = Annotated[str, typer.Option(help="What names of groups in the model registry begin with.")]
_Region = Annotated[str | None, typer.Option(help="By default that of the environment or ~/.aws/config.")]


def policy(
    who: Annotated[
        str,
        typer.Option("--for", help="caller, role, pipeline for its role, or trust: who may take the role on."),
    ] = "caller",
    only: Annotated[
        str | None,
        typer.Option(help=f"Parts of the work, with commas: {_PARTS}, doctor."),
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="Of output, by default SageMaker's usual one.")] = None,
    prefix: Annotated[str, typer.Option(help="Of output in that bucket.")] = "byoe",
    account: Annotated[str | None, typer.Option(help="Its 12 digits.")] = None,
    region: Annotated[str | None, typer.Option(help="Such as eu-west-1.")] = None,
    role: _Role = None,
    names: _Names = "byoe-",
    groups: _Groups = "byoe-",
) -> None:
    """Print the IAM policy that byoe needs on AWS, and no more; asks nobody."""
    from .. import sagemaker

    parts = None if only is None else options.listed(only)
    made = sagemaker.policy(
        who,
        parts,
        bucket=bucket,
        prefix=prefix,
        account=account,
        region=region,
        role=role,
        names=names,
        groups=groups,
    )
    print(json.dumps(made, indent=2))


def doctor(
    role: _Role = None,
    output: Annotated[str | None, typer.Option(help="An s3:// prefix, by default byoe in the usual bucket.")] = None,
    image: Annotated[str | None, typer.Option(help="Another container image.")] = None,
    instance_type: Annotated[str, typer.Option(help="Of jobs.")] = "ml.m5.xlarge",
    instance_count: Annotated[int, typer.Option(min=1, help="Of a job.")] = 1,
    spot: Annotated[bool, typer.Option(help="Jobs use spare capacity.")] = False,
    endpoint_instance_type: Annotated[str | None, typer.Option(help="Of endpoints, by default serverless.")] = None,
    only: Annotated[
        str,
        typer.Option(help=f"What is meant to be done, with commas: {_PARTS}."),
    ] = "train,endpoints",
    names: _Names = "byoe-",
    groups: _Groups = "byoe-",
    write: Annotated[bool, typer.Option(help="Put a tiny file into the bucket, and remove it.")] = False,
    data: Annotated[str | None, typer.Option(help="An s3:// address that jobs are to read.")] = None,
    region: _Region = None,
    profile: Annotated[str | None, typer.Option(help="Of ~/.aws/config.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Look whether an AWS account is ready for jobs and endpoints; the exit status is 1 where something is wrong."""
    from .. import sagemaker

    findings = sagemaker.doctor(
        role=role,
        output=output,
        image=image,
        instance_type=instance_type,
        instance_count=instance_count,
        spot=spot,
        endpoint_instance_type=endpoint_instance_type,
        only=options.listed(only),
        names=names,
        groups=groups,
        write=write,
        data=data,
        region=region,
        profile=profile,
    )
    if as_json:
        options.tell_json([asdict(finding) for finding in findings])
    else:
        print(findings)
    if findings.wrong:
        raise typer.Exit(1)
