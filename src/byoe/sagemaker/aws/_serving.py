"""AWS as a place that serves: endpoints and transform jobs of what jobs there have made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import ParameterError
from ..shared._limits import check_count
from ..shared._names import name_of, part_name
from ..shared._place import Batch, Hosting, Place, check_options, taken
from ..shared._runtime import runtime_for
from ._addresses import split
from ._alarms import check_watch, watched
from ._capture import CAPTURED, Capture, check_key
from ._cloud import Cloud
from ._creation import create_endpoint
from ._endpoint import Endpoint
from ._execution import Execution
from ._faults import NotFoundError
from ._job import Job
from ._machine import INSTEAD, SERVING_OPTIONS, Channel, Instances, Machine, Serverless, Variant, has_gpu, instances_of
from ._models import Models, pack_models
from ._package import Package, PackageGroup
from ._requests import FOLDER
from ._rollout import Rollout
from ._standing import answers_of, standing
from ._tags import read_tags
from ._transform import Transform, check_batch, create_transform, is_address, write_rows
from ._tuning import Tuning
from ._upload import upload_channels
from ._variants import SHADOW, check_variants, check_weighted, jobs_of, read_weights
from ._waiting import until

# Of which a model can be made: of a tuning job the best job, of a group the newest approved version, of a pipeline's
# execution what it has registered.
Trained = Job | Tuning | Package | PackageGroup | Execution | Models
_DESCRIBED = {
    "training job": ("describe_training_job", "TrainingJobName"),
    "tuning job": ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "transform job": ("describe_transform_job", "TransformJobName"),
}


class Serving(Place):
    """AWS, as far as it serves what was trained there."""

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
        check_weighted(hosting)
        Rollout(**hosting.rollout)
        check_key(where.options.get("output_key"), self._capture(hosting))
        name = name_of("endpoint", where.name)
        endpoint = Endpoint(name, job.cloud)
        stands = standing(endpoint) if name == where.name else ""
        if stands:
            job.completed()
        if stands == "live" and hosting.several:
            raise ParameterError(
                f"there is an endpoint {name!r} already, and variants are made with their endpoint; give another name, "
                "or delete it before"
            )
        if stands == "live":
            return self._update(endpoint, job, hosting)
        create = self._to_create(name, job, hosting)  # which refuses what cannot be
        if stands == "failed":
            print(f"[byoe] endpoint {name} has failed: it is removed, and made anew", flush=True)
            endpoint.delete()
            until(lambda: endpoint.status, "Deleted".__eq__)
        return create()

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
            and not _captures_there(hosting)
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

    def _to_create(self, name: str, job: Trained, hosting: Hosting) -> Callable[[], Endpoint]:
        """Return what makes an endpoint, once all of it is checked."""
        where, sizes = self.where, self._sizes(hosting)
        check_variants(hosting, sizes)
        if isinstance(sizes, Serverless):
            Rollout(**hosting.rollout).check(name, None, job.cloud)
        capture = self._capture(hosting)
        capture.check(name, serverless=isinstance(sizes, Serverless), asynchronous=hosting.asynchronous)
        if where.output is not None and not hosting.asynchronous and not _captures_there(hosting):
            raise ParameterError(
                "output is for the files of an asynchronous endpoint, and for what is captured; set asynchronous=True "
                "or data_capture=True, or leave it out"
            )
        if isinstance(sizes, Instances) and hosting.asynchronous:
            prefix = self._prefix_of(job.cloud)
            job.cloud.check_bucket(prefix, "output")
            sizes = replace(sizes, answers=f"{prefix}/asynchronous/{name}")
        weights = read_weights(hosting.weights, hosting.variants)
        variants = [
            self._variant(name, label, one, sizes, hosting, weights.get(label, 1.0))
            for label, one in jobs_of(job, hosting).items()
        ]
        part = part_name(name) if name == where.name else name  # what is left of an earlier one may have its name
        key = variants[0].machine.output_key
        captured = capture.of_endpoint(job.cloud, key, {}) if capture.wanted else None
        return partial(create_endpoint, name, job.cloud, variants, sizes, part=part, capture=captured)

    def _variant(
        self, endpoint: str, name: str, job: Trained, sizes: Serverless | Instances, hosting: Hosting, weight: float
    ) -> Variant:
        """Return what serves what a job has made: under its own name, that of a shadow, or that of the only one."""
        where, completed = self.where, job.completed()
        runtime = runtime_for(completed, where.runtime)
        instance_type = where.instance_type or (_type_of(completed) if isinstance(sizes, Instances) else None)
        options = watched(where.options, endpoint, name, hosting.watch)
        machine = _machine_of(completed, instance_type, "ProductionVariant", options, role=where.role)
        shadow = hosting.shadow is not None and name == SHADOW
        return Variant(machine, completed.origin, name, weight, shadow, runtime)

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
            place = Channel(rows) if isinstance(rows, str) else rows
            channel = upload_channels(completed.cloud, {"rows": place}, prefix)["rows"]
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

    def _check(self, known: Sequence[str], what: str, **more: Any) -> None:
        if self.where.output is not None:
            split(str(self.where.output))  # which refuses what is no address
        check_options(self.where.options, known, what, **more)
        read_tags(self.where.options.get("tags", {}))

    def _check_free(self, kind: str, name: str, cloud: Cloud) -> None:
        """Raise a ParameterError for a name that somebody has chosen and another job has."""
        if name != self.where.name:
            return
        operation, key = _DESCRIBED[kind]
        with suppress(NotFoundError):
            cloud.call("sagemaker", operation, **{key: name})
            raise taken(kind, name, f"in {cloud.region}")

    def _prefix_of(self, cloud: Cloud) -> str:
        """Return the address under which all is put, without a slash at its end."""
        if self.where.output is not None:
            return str(self.where.output).rstrip("/")
        cloud.bucket()
        return f"{cloud.home}/{FOLDER}"


def _type_of(job: Job | Package | Models) -> str:
    """Return the type of instance that serves what a job has made, unless another one is given."""
    instance_type = job.instance_type
    if has_gpu(instance_type):
        raise ParameterError(
            f"the job ran on {instance_type}, and predictions need no GPU; give an instance_type without one"
        )
    return instance_type


def _captures_there(hosting: Hosting) -> bool:
    """Return whether what is captured is put below an output, and has no address of its own."""
    return hosting.capture.get("data_capture") is True


def _machine_of(
    job: Job | Package | Models, instance_type: str | None, where: str, options: Mapping[str, Any], *, role: str | None
) -> Machine:
    """Return what serves: the container of a job, or for one on a GPU the usual container; by default with its role."""
    on: dict[str, Any] = {}
    if instance_type is not None:
        job.cloud.check_instance_type(instance_type, where)
        on["instance_type"] = instance_type
    return Machine(job.serving_image, job.role if role is None else job.cloud.role(role), **on, **options)
