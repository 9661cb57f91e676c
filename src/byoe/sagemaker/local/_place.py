"""A place without a cloud: jobs are processes of this machine, in the platform's layout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import joblib

from ...errors import ParameterError, need
from ..aws._channels import channel_at
from ..aws._machine import INSTEAD, OF_ENDPOINTS, SERVING_OPTIONS, Serverless
from ..aws._place import OPTIONS
from ..shared._names import name_of
from ..shared._place import Batch, Hosting, JobFiles, Place, check_options, taken
from ..shared._ranges import REVERSE, scaling_of
from ..shared._runtime import runtime_for
from ..shared._search import Search
from ..shared._steps import Steps
from ..shared._together import merge
from ._endpoint import LocalEndpoint
from ._execution import LocalExecution
from ._job import LocalJob
from ._models import LocalModels
from ._pipeline import LocalPipeline
from ._study import check_grid, check_parents
from ._tuning import LocalTuning, cpus_per_trial

_OUTPUT = "byoe-jobs"
# Endpoints that somebody has given a name, and which end with the last handle.
_served: WeakValueDictionary[str, LocalEndpoint] = WeakValueDictionary()


class Here(Place):
    """The machine that the caller runs on."""

    def check(self, **more: Any) -> None:
        """Raise a ParameterError for what is for AWS alone."""
        where = self.where
        check_options(where.options, OPTIONS, "a job", instead=OF_ENDPOINTS)
        arguments = {name: getattr(where, name) for name in ("vendor", "role", "spot", "image", "session")}
        self._refuse({**arguments, "instance_count": where.instance_count != 1, **more})
        if str(where.output).startswith("s3://"):
            raise ParameterError(
                f"output is {where.output!r}; a local job writes to a folder of this machine, not to S3"
            )

    def at_address(self, data: Any, channel: str) -> None:
        """Refuse data in S3, which a local job does not read."""
        if channel_at(data, channel) is not None:
            raise ParameterError(f"{channel} is {data!r}; a local job reads files of this machine, not S3")

    def check_search(self, search: Search) -> None:
        """Raise an error for what the service alone has, or without the library that proposes trials."""
        self._refuse({"autotune": search.autotune, "max_cost": search.max_cost})
        if search.patience == "auto":
            raise ParameterError("patience is 'auto', a rule of the service; give a number of trials")
        for name, domain in search.space.items():
            if isinstance(domain, tuple) and scaling_of(domain) == REVERSE:
                raise ParameterError(
                    f"space[{name!r}] has the scaling_type {REVERSE!r}, which the service alone has; tune on AWS, or "
                    "leave it out"
                )
        check_grid(search)
        check_parents(search)
        need("optuna", "tune", "tuning")

    @contextmanager
    def folder(self, kind: str, name: str) -> Iterator[Path]:
        """Give a job its folder, which stays when the job has started."""
        folder = Path(self.where.output or _OUTPUT).resolve() / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise taken(kind, name, f"in {folder.parent}") from None
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def launch(self, files: JobFiles) -> LocalJob:
        """Start a job on all cores."""
        return _job(files.name, files.folder, files, dict(files.hyperparameters), joblib.cpu_count())

    def launch_tuning(self, files: JobFiles, search: Search) -> LocalTuning:
        """Start a search beside the caller; trials at a time share the cores."""
        cpus = cpus_per_trial(search.max_parallel_jobs, joblib.cpu_count())
        cores = {"n_jobs": cpus} if search.max_parallel_jobs > 1 else {}

        def launch(trial: str, params: dict[str, Any]) -> LocalJob:
            return _job(trial, files.folder / trial, files, {**cores, **files.hyperparameters, **params}, cpus)

        tuning = LocalTuning(files.name, search.objective, search.greater_is_better, launch)
        tuning.start(lambda: tuning.run(search))
        return tuning

    def pipeline(self, files: JobFiles, steps: Steps, search: Search | None) -> LocalPipeline:
        """Return a pipeline whose executions are threads of this process, and its jobs processes of this machine."""
        return LocalPipeline(files, steps, search, self.launch, self.launch_tuning)

    def together(self, jobs: Mapping[str, Any]) -> LocalModels:
        """Copy what jobs have made into one folder."""
        if str(self.where.output).startswith("s3://"):
            raise ParameterError(f"output is {self.where.output!r}, and the jobs ran on this machine; give a folder")
        name = name_of("model", self.where.name, "together")
        artifacts = {called: job.completed().artifact for called, job in jobs.items()}
        with self.folder("set of models", name) as folder:
            has_graph = merge(artifacts, folder / "model")
        return LocalModels(name, folder / "model", list(jobs), has_graph=has_graph)

    def serve(self, job: LocalJob | LocalTuning | LocalExecution, hosting: Hosting) -> LocalEndpoint:
        """Serve by a process of its own; what AWS would refuse is refused as well."""
        where = self.where
        if where.instance_type not in (None, "local"):
            raise ParameterError(
                f"instance_type is {where.instance_type!r}, and the job ran on this machine; train it on AWS to serve "
                "it there"
            )
        check_options(where.options, SERVING_OPTIONS, "serving", instead=INSTEAD)
        self._refuse(
            {
                "instance_count": where.instance_count not in (None, 1),
                "requests_per_instance": hosting.requests_per_instance,
                "asynchronous": hosting.asynchronous,
                **hosting.rollout,
                **hosting.capture,
                "weights": hosting.weights,
                "watch": hosting.watch,
                "shadow": hosting.shadow is not None,
                "a mapping of variants": hosting.variants,
                "rollout": hosting.rollout.get("rollout", "all") != "all",
                "role": where.role,
                "output": where.output,
            }
        )
        Serverless(**hosting.serverless())
        name = None if where.name is None else name_of("endpoint", where.name)
        completed = job.completed()
        if name is None:
            runtime = runtime_for(completed, where.runtime)
            return LocalEndpoint(completed.name, completed.artifact, runtime=runtime)
        live = _served.get(name)
        if live is not None and live._alive:
            print(f"[byoe] endpoint {name} is live: its model is exchanged", flush=True)
            return live.update(completed, runtime=where.runtime)
        runtime = runtime_for(completed, where.runtime)
        _served[name] = endpoint = LocalEndpoint(name, completed.artifact, runtime=runtime)
        return endpoint

    def transform(self, job: LocalJob | LocalTuning, batch: Batch) -> NoReturn:
        """Refuse: there is nothing that an endpoint or the ensemble itself would not do here."""
        raise ParameterError(
            "batch transform is for jobs on AWS, and this one ran on this machine; "
            "job.ensemble().predict(data) predicts as many rows"
        )

    def _refuse(self, arguments: dict[str, Any]) -> None:
        """Raise a ParameterError for what is for AWS alone, unless it was left out."""
        names = [*self.where.options, *(name for name, value in arguments.items() if value)]
        if names:
            raise ParameterError(f"{names[0]} is for jobs on AWS, and instance_type is 'local'; leave one of them out")


def _job(name: str, folder: Path, files: JobFiles, hyperparameters: dict[str, Any], cpus: int) -> LocalJob:
    return LocalJob(name, folder, files.source, files.channels, hyperparameters, cpus=cpus)
