"""AWS as a place: what jobs need is brought to S3, and the service is asked."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from ...errors import ParameterError
from ..shared._limits import check_count
from ..shared._place import JobFiles
from ..shared._search import Search
from ..shared._steps import Steps
from ._channels import channel_at, check_channel
from ._cloud import Cloud
from ._faults import NotFoundError
from ._job import Job
from ._machine import OF_ENDPOINTS, Channel, Machine, has_gpu
from ._pipeline import Pipeline
from ._pipeline_request import package_of, pipeline_request
from ._requests import training_request
from ._serving import Serving
from ._tuning import Tuning
from ._tuning_request import (
    check_kinship,
    check_parent,
    check_seconds,
    jobs_within_cost,
    parameter_ranges,
    tuning_request,
)
from ._upload import upload_channels, upload_source

_OURS = frozenset({"image", "role", "instance_type", "instance_count", "spot"})
# What a job can be told beside its own arguments.
_SESSION = ("region", "profile")
OPTIONS = (*(one.name for one in fields(Machine) if one.name not in _OURS), *_SESSION)


class Aws(Serving):
    """AWS, by SageMaker."""

    @property
    def needs(self) -> dict[str, bool]:
        """What a source folder depends on."""
        where = self.where
        return {
            "several": where.instance_count != 1,
            "vendor": where.vendor,
            "gpu": has_gpu(where.instance_type or ""),
        }

    def check(self, **more: Any) -> None:
        """Raise a ParameterError for an option that nobody knows, or an output that is no address."""
        self._check(OPTIONS, "a job", instead=OF_ENDPOINTS)

    def at_address(self, data: Any, channel: str) -> Channel | None:
        """Return the channel that an ``s3://`` address or a description says."""
        return channel_at(data, channel)

    def check_search(self, search: Search) -> None:
        """Raise a ParameterError for what a tuning job of the service does not take."""
        if search.on_trial is not None:
            raise ParameterError("on_trial is for trials on this machine; on AWS look at the trials of the handle")
        parameter_ranges(search.space, search.strategy)
        if self.where.options.get("keep_alive_seconds"):
            raise ParameterError(
                "keep_alive_seconds is for training jobs, whose instance waits for the next one; a tuning job has no "
                "such instances, so leave it out"
            )
        if search.time_limit is not None:
            check_seconds(search.time_limit)
        longest = self.where.options.get("max_seconds", Machine.max_seconds)
        count = cast("int", self.where.instance_count)
        check_count("instance_count", count)
        check_count("max_seconds", longest)
        jobs = jobs_within_cost(search, str(self.where.instance_type), count, longest)
        if jobs < search.n_trials:
            print(f"[byoe] max_cost pays for {jobs} of {search.n_trials} trials", flush=True)
        for parent in self._parents(search):
            check_parent(search, parent)

    def _parents(self, search: Search) -> list[dict[str, Any]]:
        """Return what the service says of earlier tuning jobs."""
        found = []
        for name in search.parents:
            try:
                found.append(Tuning(name, self._cloud).describe())
            except NotFoundError as error:
                raise ParameterError(
                    f"warm_start names {name!r}, and there is no such tuning job in {self._cloud.region}"
                ) from error
        return found

    @contextmanager
    def folder(self, kind: str, name: str) -> Iterator[Path]:
        """Give a job a folder that is gone once it is uploaded; what AWS refuses is told before."""
        _ = self._machine
        self._check_free(kind, name, self._cloud)
        self._cloud.check_bucket(self._prefix, "output")
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def launch(self, files: JobFiles) -> Job:
        """Upload what a job needs, and start it."""
        request = training_request(files.name, self._machine, **self._uploaded(files))
        self._cloud.call("sagemaker", "create_training_job", **request)
        return Job(files.name, self._cloud)

    def launch_tuning(self, files: JobFiles, search: Search) -> Tuning:
        """Upload what the trials of a tuning job need, and start it."""
        request = tuning_request(files.name, self._machine, search, **self._uploaded(files))
        for parent in self._parents(search):
            check_kinship(request, parent)
        self._cloud.call("sagemaker", "create_hyper_parameter_tuning_job", **request)
        return Tuning(files.name, self._cloud)

    def pipeline(self, files: JobFiles, steps: Steps, search: Search | None) -> Pipeline:
        """Upload what the steps of a pipeline read; the service has it with the first ``upsert`` or ``start``."""
        cloud, machine = self._cloud, self._machine
        if steps.registration is not None:
            package_of(cloud, machine, steps.registration, steps.name, "", "")  # which refuses what cannot be
        parents = [] if search is None else self._parents(search)
        request = pipeline_request(cloud, machine, steps, search, self._uploaded(files), parents)
        return Pipeline(steps.name, cloud, request)

    @cached_property
    def _cloud(self) -> Cloud:
        session = self.where.session
        if isinstance(session, Cloud):
            return session
        return Cloud(session, **{name: self.where.options.get(name) for name in _SESSION})

    @cached_property
    def _machine(self) -> Machine:
        """What a job runs on, with the container and the role that were left open."""
        where, instance_type = self.where, str(self.where.instance_type)
        if where.options.get("isolated") and not where.vendor and where.image is None:
            raise ParameterError(
                "isolated=True leaves the container no network to install from; set vendor=True, which sends wheels, "
                "or give an image that has everything"
            )
        self._cloud.check_instance_type(instance_type, "Training")
        if has_gpu(instance_type) and where.image is None:
            raise ParameterError(
                f"instance_type is {instance_type!r}, and the scikit-learn container has no variant for GPUs; "
                "give the image of one that has, or an instance without a GPU"
            )
        return Machine(
            where.image or self._cloud.image(),
            self._cloud.role(where.role),
            instance_type=instance_type,
            instance_count=where.instance_count,  # type: ignore[arg-type]  # checked there
            spot=where.spot,
            **{name: value for name, value in where.options.items() if name not in _SESSION},
        )

    @cached_property
    def _prefix(self) -> str:
        return self._prefix_of(self._cloud)

    def _uploaded(self, files: JobFiles) -> dict[str, Any]:
        """Upload what jobs need; return where it is, and what else a request says of it."""
        machine = self._machine
        for name, place in files.channels.items():
            if isinstance(place, Channel):
                check_channel(self._cloud, name, place, input_mode=machine.input_mode, hosts=machine.instance_count)
        return {
            "source": upload_source(self._cloud, files.source, self._prefix),
            "channels": upload_channels(self._cloud, files.channels, self._prefix),
            "output": f"{self._prefix}/output",
            "hyperparameters": files.hyperparameters,
            "metrics": json.loads((files.source / "metric_definitions.json").read_text(encoding="utf-8")),
            # A spot instance may be taken back: the next attempt finds what was finished.
            "checkpoints": f"{self._prefix}/checkpoints/{files.name}" if self.where.spot else None,
        }
