"""`tune`: arguments in, checked before anything is written or run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import joblib

from ..ensemble._configure import default_space
from ..errors import ParameterError, need
from ._prepare import folder_of, removed_if_failing, write_job_folder
from .aws._cloud import Cloud
from .aws._launch import Where, launch_tuning, prefix_for
from .aws._requests import UNFINISHED, parameter_ranges
from .aws._tuning import Tuning
from .local._job import LocalJob
from .local._tuning import LocalTuning, cpus_per_trial
from .shared._checks import check_space, configured, objective, plain_values
from .shared._limits import check_count
from .shared._names import new_name
from .shared._tables import data_roles, read_channels


def tune(
    ensemble: Any,
    space: Mapping[str, Any] | None,
    train: Any,
    validation: Any = None,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    dependencies: Iterable[str | Path] = (),
    requirements: Iterable[str] = (),
    max_jobs: int = 10,
    max_parallel_jobs: int = 1,
    vendor: bool = False,
    instance_type: str = "local",
    instance_count: int = 1,
    role: str | None = None,
    output: str | Path | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    strategy: str = "Bayesian",
    warm_start: Iterable[str] = (),
    seed: int | None = None,
    spot: bool = False,
    image: str | None = None,
    session: Any = None,
    wait: bool = True,
    on_trial: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> LocalTuning | Tuning:
    """Tune an ensemble on its validation metric in one tuning job.

    The objective is ``validation:`` and the name of the ensemble's metric, read from the
    log of every trial by the same regex as on SageMaker. Without validation data it is the
    cross-validated score of the blend, so that no data are held out.

    Parameters
    ----------
    ensemble, train, validation, target, weight, groups, drop, header, dependencies, requirements, \
vendor, instance_type, instance_count, role, output, hyperparameters, spot, image, session, **options
        As in `fit`; a fixed hyperparameter cannot be tuned too.
    space : mapping of str to tuple or list, or None
        None searches what the learners propose, but for what is set already.
        ``(1, 9)`` is a range of integers, ``(0.5, 1.0)`` a continuous one, ``(0.01, 0.3,
        "log")`` one on a log scale, a list the values to choose from. Names are those of
        ``get_params``, or shared names.
    max_jobs : int, default=10
    max_parallel_jobs : int, default=1
        Trials at a time; they share the cores.
    strategy : {"Bayesian", "Random", "Grid"}, default="Bayesian"
        On AWS. A grid takes lists of values alone, and tries all of them.
    warm_start : iterable of str, default=()
        On AWS: names of earlier tuning jobs, whose trials count.
    seed : int, default=None
        Of the search.
    wait : bool, default=True
        Wait for the last trial. Otherwise the handle's ``wait()`` and ``stop()`` do.
    on_trial : callable, default=None
        Called with the trial's row of ``trials`` as soon as it has ended; not on AWS.

    Returns
    -------
    LocalTuning, or on AWS Tuning
    """
    if "early_stopping" in options:
        raise ParameterError(f"early_stopping {UNFINISHED}; leave it out")
    where = Where(instance_type, instance_count, role, image, spot, vendor, session, options)
    where.check(output, warm_start=warm_start)
    if not where.local and on_trial is not None:
        raise ParameterError("on_trial is for trials on this machine; on AWS look at the trials of the handle")
    if where.local:
        need("optuna", "tune", "tuning")
    for argument, value in (("max_jobs", max_jobs), ("max_parallel_jobs", max_parallel_jobs)):
        check_count(argument, value)
    fixed = plain_values(hyperparameters)
    channels = read_channels(train, validation, local=where.local)
    made = configured(ensemble, fixed)
    data = data_roles(channels, target, weight, groups, drop, header)
    if space is None:
        space = default_space(made.learners)
    both = {name.replace("-", "_") for name in space} & {name.replace("-", "_") for name in fixed}
    if both:
        raise ParameterError(f"{', '.join(sorted(both))} is both fixed and in the space; keep one")
    variants = check_space(made, space)
    for variant in variants:
        configured(variant, {})
    metric = objective(made, space)
    shipped = {"dependencies": dependencies, "requirements": requirements, **where.needs}
    name = new_name("byoe-tune")
    if not where.local:
        cloud = Cloud(session)
        machine = where.machine(cloud)
        search_options = {
            "objective": f"validation:{metric.name}",
            "greater_is_better": metric.greater_is_better,
            "max_jobs": max_jobs,
            "max_parallel_jobs": max_parallel_jobs,
            "strategy": strategy,
            "seed": seed,
            "warm_start": warm_start,
        }
        parameter_ranges(space, strategy)  # before anything is uploaded
        prefix = prefix_for(cloud, output)
        with tempfile.TemporaryDirectory() as folder:
            source, places = write_job_folder(Path(folder), ensemble, [made, *variants], channels, data, shipped)
            on_aws = launch_tuning(
                name, source, places, fixed, space, search_options, cloud=cloud, machine=machine, prefix=prefix
            )
        return on_aws.wait() if wait else on_aws
    base = folder_of(output, name)
    cpus = cpus_per_trial(max_parallel_jobs, joblib.cpu_count())
    shared_cores = {"n_jobs": cpus} if max_parallel_jobs > 1 else {}
    with removed_if_failing(base):
        source, paths = write_job_folder(base, ensemble, [made, *variants], channels, data, shipped)

    def launch(trial: str, params: dict[str, Any]) -> LocalJob:
        values = {**shared_cores, **fixed, **params}
        return LocalJob(trial, base / trial, source, paths, values, cpus=cpus)

    def search() -> None:
        tuning.run(space, max_jobs=max_jobs, max_parallel_jobs=max_parallel_jobs, seed=seed, on_trial=on_trial)

    tuning = LocalTuning(name, f"validation:{metric.name}", metric.greater_is_better, launch)
    tuning.start(search)
    return tuning.wait() if wait else tuning
