"""AWS as a place: what jobs need is brought to S3, and the service is asked."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

from ...errors import ParameterError
from ..shared._limits import check_count
from ..shared._names import name_of, part_name
from ..shared._place import Batch, Hosting, JobFiles, Place, check_options, taken
from ..shared._runtime import runtime_for
from ..shared._search import Search
from ..shared._steps import Steps
from ._alarms import check_watch, watched
from ._capture import CAPTURED, Capture, check_key
from ._cloud import Cloud, split
from ._creation import create_endpoint
from ._endpoint import Endpoint
from ._execution import Execution
from ._faults import NotFoundError
from ._job import Job
from ._machine import INSTEAD, SERVING_OPTIONS, Instances, Machine, Serverless, has_gpu, instances_of
from ._models import Models, pack_models
from ._package import Package, PackageGroup
from ._pipeline import Pipeline
from ._pipeline_request import package_of, pipeline_request
from ._requests import FOLDER, VARIANT, training_request
from ._rollout import Rollout
from ._standing import answers_of, standing
from ._tags import read_tags
from ._transform import Transform, check_batch, create_transform, is_address, write_rows
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
from ._variants import SHADOW, Variant, check_variants, jobs_of, read_weights
from ._waiting import until

# Of which a model can be made: of a tuning job the best job, of a group the newest approved version, of a pipeline's
# execution what it has registered.
Trained = Job | Tuning | Package | PackageGroup | Execution | Models
_OURS = frozenset({"image", "role", "instance_type", "instance_count", "spot"})
# What a job can be told beside its own arguments.
_SESSION = ("region", "profile")
OPTIONS = (*(one.name for one in fields(Machine) if one.name not in _OURS), *_SESSION)
_DESCRIBED = {
    "training job": ("describe_training_job", "TrainingJobName"),
    "tuning job": ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "transform job": ("describe_transform_job", "TransformJobName"),
}


class Aws(Place):
    """AWS, by SageMaker."""

    addresses: ClassVar[tuple[str, ...]] = ("s3://",)

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
        self._check(OPTIONS, "a job")

    def check_search(self, search: Search) -> None:
        """Raise a ParameterError for what a tuning job of the service does not take."""
        if search.on_trial is not None:
            raise ParameterError("on_trial is for trials on this machine; on AWS look at the trials of the handle")
        parameter_ranges(search.space, search.strategy)
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
        self._check_free(kind, name)
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
        request = pipeline_request(cloud, machine, steps, search, self._uploaded(files))
        return Pipeline(steps.name, cloud, request)

    def together(self, jobs: Mapping[str, Any]) -> Models:
        """Bring what jobs have made to S3 as one artifact."""
        name = name_of("model", self.where.name, "together")
        self._check((), "together")
        first = next(iter(jobs.values()))
        prefix = self._prefix_of(first.cloud)
        first.cloud.check_bucket(prefix, "output")
        return pack_models(name, {called: job.completed() for called, job in jobs.items()}, prefix)

    def serve(self, job: Trained, hosting: Hosting) -> Endpoint:
        """Serve what a job has made, with its own container, and its role unless there is another."""
        where = self.where
        if where.instance_type == "local":
            raise ParameterError(
                "instance_type is 'local', and the job ran on AWS; leave it out for a serverless endpoint"
            )
        self._check(SERVING_OPTIONS, "serving", instead=INSTEAD)
        check_watch(hosting.watch)
        Rollout(**hosting.rollout)
        check_key(where.options.get("output_key"), self._capture(hosting))
        name = name_of("endpoint", where.name)
        endpoint = Endpoint(name, job.cloud)
        if name == where.name and (stands := standing(endpoint)):
            job.completed()
            if stands == "live" and (hosting.variants or hosting.shadow is not None):
                raise ParameterError(
                    f"there is an endpoint {name!r} already, and variants are made with their endpoint; give another "
                    "name, or delete it before"
                )
            if stands == "live":
                return self._update(endpoint, job, hosting)
            print(f"[byoe] endpoint {name} has failed: it is removed, and made anew", flush=True)
            endpoint.delete()
            until(lambda: endpoint.status, "Deleted".__eq__)
        return self._create(name, job, hosting)

    def _update(self, endpoint: Endpoint, job: Trained, hosting: Hosting) -> Endpoint:
        """Exchange the model of a live endpoint, and what else is given."""
        asynchronous = answers_of(endpoint)
        if hosting.asynchronous and not asynchronous:
            raise ParameterError(
                f"asynchronous is True, and endpoint {endpoint.name} answers at once; deploy the job under another name"
            )
        capture = self._capture(hosting)
        if (
            self.where.output is not None
            and not capture.wanted
            and not str(asynchronous).startswith(str(self.where.output).rstrip("/"))
        ):
            raise ParameterError(
                f"output is {self.where.output!r}, and endpoint {endpoint.name} stays with {asynchronous or 'none'}; "
                "leave it out, or deploy the job under another name"
            )
        print(f"[byoe] endpoint {endpoint.name} is live: its model is exchanged", flush=True)
        where = self.where
        return endpoint.update(
            job,
            role=where.role,
            instance_type=where.instance_type,
            instance_count=where.instance_count,
            requests_per_instance=hosting.requests_per_instance,
            runtime=where.runtime,
            **hosting.serverless(),
            **hosting.rollout,
            data_capture=capture.data_capture,
            capture_percent=capture.capture_percent,
            watch=hosting.watch,
            **where.options,
        )

    def _create(self, name: str, job: Trained, hosting: Hosting) -> Endpoint:
        where, sizes = self.where, self._sizes(hosting)
        check_variants(hosting, sizes)
        if isinstance(sizes, Serverless):
            Rollout(**hosting.rollout).check(name, None, job.cloud)
        capture = self._capture(hosting)
        capture.check(name, serverless=isinstance(sizes, Serverless), asynchronous=hosting.asynchronous)
        if where.output is not None and not hosting.asynchronous and not capture.wanted:
            raise ParameterError(
                "output is for the files of an asynchronous endpoint, and for what is captured; set asynchronous=True "
                "or data_capture=True, or leave it out"
            )
        if isinstance(sizes, Instances) and hosting.asynchronous:
            prefix = self._prefix_of(job.cloud)
            job.cloud.check_bucket(prefix, "output")
            sizes = replace(sizes, answers=f"{prefix}/asynchronous/{name}")
        variants = self._variants(name, job, hosting)
        completed = job.completed()
        runtime = runtime_for(completed, where.runtime)
        instance_type = where.instance_type or (_type_of(completed) if isinstance(sizes, Instances) else None)
        options = watched(where.options, name, VARIANT, hosting.watch)
        machine = _machine_of(completed, instance_type, "ProductionVariant", options, role=where.role)
        part = part_name(name) if name == where.name else name  # what is left of an earlier one may have its name
        captured = capture.of_endpoint(completed.cloud, machine.output_key, {}) if capture.wanted else None
        return create_endpoint(
            name,
            completed.cloud,
            machine,
            completed.origin,
            sizes,
            runtime=runtime,
            part=part,
            capture=captured,
            variants=variants,
        )

    def _variants(self, endpoint: str, job: Trained, hosting: Hosting) -> list[Variant]:
        """Return the variants of an endpoint that has several, each with its own container; nothing for another one."""
        if not hosting.variants and hosting.shadow is None:
            return []
        where, weights = self.where, read_weights(hosting.weights, hosting.variants)
        made = []
        for name, one in jobs_of(job, hosting).items():
            completed = one.completed()
            runtime = runtime_for(completed, where.runtime)
            options = watched(where.options, endpoint, name, hosting.watch)
            machine = _machine_of(completed, where.instance_type, "ProductionVariant", options, role=where.role)
            shadow = one is hosting.shadow and name == SHADOW
            made.append(Variant(name, machine, completed.origin, weights.get(name, 1.0), shadow, runtime))
        return made

    def _capture(self, hosting: Hosting) -> Capture:
        """Return what is to be captured, with its address where an output is given."""
        capture = Capture(**hosting.capture)
        return capture if self.where.output is None else capture.below(str(self.where.output).rstrip("/"))

    def transform(self, job: Trained, batch: Batch) -> Transform:
        """Predict files, here or at an address, with the job's own container, and its role unless there is another."""
        where = self.where
        if isinstance(job, Models):
            raise ParameterError(f"{job.name} holds several models, and a transform job is by one; give its job")
        self._check(SERVING_OPTIONS, "serving", instead=INSTEAD)
        check_batch(batch)
        Capture(batch.data_capture, kind="transform job")
        check_count("instance_count", where.instance_count)
        name, prefix = name_of("transform job", where.name), self._prefix_of(job.cloud)
        self._check_free("transform job", name, job.cloud)
        job.cloud.check_bucket(prefix, "output")
        captured = batch.data_capture
        if captured is True:
            captured = f"{prefix}/{CAPTURED}/{name}"
        elif captured:
            job.cloud.check_bucket(captured, "data_capture")
        if is_address(batch.data):
            job.cloud.check_bucket(batch.data, "data")
        with tempfile.TemporaryDirectory() as folder:
            rows, content_type = write_rows(batch, Path(folder))
            completed = job.completed()
            runtime = runtime_for(completed, where.runtime)
            instance_type = where.instance_type or _type_of(completed)
            options = {**where.options, "instance_count": where.instance_count}
            machine = _machine_of(completed, instance_type, "Transform", options, role=where.role)
            channel = upload_channels(completed.cloud, {"rows": rows}, prefix)["rows"]
        return create_transform(
            name,
            completed.cloud,
            machine,
            completed.origin,
            rows=channel.address,
            content_type=content_type,
            accept=batch.accept,
            output=f"{prefix}/transform/{name}",
            runtime=runtime,
            whole_files=is_address(batch.data),
            part=part_name(name) if name == where.name else name,
            captured=captured.rstrip("/") if captured else None,
        )

    def _check(self, known: Sequence[str], what: str, **more: Any) -> None:
        if self.where.output is not None:
            split(str(self.where.output))  # which refuses what is no address
        check_options(self.where.options, known, what, **more)
        read_tags(self.where.options.get("tags", {}))

    def _check_free(self, kind: str, name: str, cloud: Cloud | None = None) -> None:
        """Raise a ParameterError for a name that somebody has chosen and another job has."""
        if name != self.where.name:
            return
        cloud = cloud or self._cloud
        operation, key = _DESCRIBED[kind]
        with suppress(NotFoundError):
            cloud.call("sagemaker", operation, **{key: name})
            raise taken(kind, name, f"in {cloud.region}")

    def _sizes(self, hosting: Hosting) -> Serverless | Instances:
        """Return what an endpoint is hosted on; where asynchronous answers go is told later."""
        serverless = Serverless(**hosting.serverless())
        count = 1 if self.where.instance_count is None else self.where.instance_count
        if self.where.instance_type or hosting.asynchronous:
            return instances_of(count, hosting.requests_per_instance, asynchronous=hosting.asynchronous)
        if hosting.requests_per_instance is not None or count != 1:
            raise ParameterError(
                "a serverless endpoint has no instances; give an instance_type, or leave their number out"
            )
        return serverless

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

    def _prefix_of(self, cloud: Cloud) -> str:
        """Return the address under which all is put, without a slash at its end."""
        if self.where.output is not None:
            return str(self.where.output).rstrip("/")
        cloud.bucket()
        return f"{cloud.home}/{FOLDER}"

    def _uploaded(self, files: JobFiles) -> dict[str, Any]:
        """Upload what jobs need; return where it is, and what else a request says of it."""
        for name, place in files.channels.items():
            if isinstance(place, str):
                self._cloud.check_bucket(place, name)
        return {
            "source": upload_source(self._cloud, files.source, self._prefix),
            "channels": upload_channels(self._cloud, files.channels, self._prefix),
            "output": f"{self._prefix}/output",
            "hyperparameters": files.hyperparameters,
            "metrics": json.loads((files.source / "metric_definitions.json").read_text(encoding="utf-8")),
            # A spot instance may be taken back: the next attempt finds what was finished.
            "checkpoints": f"{self._prefix}/checkpoints/{files.name}" if self.where.spot else None,
        }


def _type_of(job: Job | Package) -> str:
    """Return the type of instance that serves what a job has made, unless another one is given."""
    instance_type = job.instance_type
    if has_gpu(instance_type):
        raise ParameterError(
            f"the job ran on {instance_type}, and predictions need no GPU; give an instance_type without one"
        )
    return instance_type


def _machine_of(
    job: Job | Package, instance_type: str | None, where: str, options: Mapping[str, Any], *, role: str | None
) -> Machine:
    """Return what serves: the container of a job, or for one on a GPU the usual container; by default with its role."""
    on: dict[str, Any] = {}
    if instance_type is not None:
        job.cloud.check_instance_type(instance_type, where)
        on["instance_type"] = instance_type
    return Machine(job.serving_image, job.role if role is None else job.cloud.role(role), **on, **options)
