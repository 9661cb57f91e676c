"""`tune`: arguments in, checked before anything is written or run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data._reading import Reading
from ..ensemble._base import BaseEnsemble
from ..ensemble._configure import default_space
from ..mlflow._client import tracking_of
from ._attach import attach
from ._places import place_for
from ._prepare import Asked, Contents, write_job_folder
from ._room import check_room
from .aws._sdk import is_resource
from .aws._tuning import Tuning
from .local._tuning import LocalTuning
from .shared._checks import check_space, configured, objective, plain_values, variant_of
from .shared._names import name_of
from .shared._place import Place, Where
from .shared._ranges import read_space
from .shared._search import Search, by_fold
from .shared._tables import read_channels


def tune(
    ensemble: BaseEnsemble,
    space: Mapping[str, Any] | None,
    train: Any,
    validation: Any = None,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    reading: Mapping[str, Any] | None = None,
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
    graph: bool = False,
    strategy: str = "Bayesian",
    early_stopping: bool = False,
    stop_at: float | None = None,
    patience: int | str | None = None,
    time_limit: float | None = None,
    autotune: bool = False,
    warm_start: Any = (),
    warm_start_type: str = "transfer",
    max_cost: float | None = None,
    price_per_hour: float | None = None,
    seed: int | None = None,
    tracking: str | None = None,
    experiment: str | None = None,
    spot: bool = False,
    image: str | None = None,
    session: Any = None,
    name: str | None = None,
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
    ensemble, train, validation, target, weight, groups, drop, header, reading, dependencies, requirements, \
vendor, instance_type, instance_count, role, output, hyperparameters, graph, spot, image, session, name, **options
        As in `fit`; a name has at most 32 characters, and a prefix 10; a fixed hyperparameter cannot be tuned too.
    space : mapping of str to tuple or list, or None
        None searches what the learners propose, but for what is set already.
        ``(1, 9)`` is a range of integers, ``(0.5, 1.0)`` a continuous one, ``(0.01, 0.3,
        "log")`` one on a log scale, a list the values to choose from; or ``ContinuousParameter``,
        ``IntegerParameter`` and ``CategoricalParameter`` of SageMaker's SDK. Names are those of
        ``get_params``, or shared names.
    max_jobs : int, default=10
    max_parallel_jobs : int, default=1
        Trials at a time; they share the cores.
    strategy : {"Bayesian", "Random", "Grid", "Hyperband"}, default="Bayesian"
        A grid takes lists of values alone, and tries all combinations: at most ``max_jobs``. Hyperband draws at
        random, and ends trials whose first folds are worse than those of others.
    early_stopping : bool, default=False
        End a trial whose out-of-fold score of the first two folds is worse than the median of the earlier trials'.
        Needs what Hyperband needs: no validation data, and an ensemble without ``time_limit``. An ensemble without
        ``random_state`` gets one, so that all trials have the same folds; a splitter that shuffles needs its own.
    stop_at : float, default=None
        The tuning job is complete when a trial's objective is as good.
    patience : int or "auto", default=None
        It is complete when so many trials, three or more, have not improved the objective by 1 %. ``"auto"``, on
        AWS: when the service sees that it has converged.
    time_limit : float, default=None
        Seconds after which it ends with what it has; on AWS from 120 on. ``max_seconds`` is the limit of a trial.
    autotune : bool, default=False
        On AWS: leave what is not said to the service, such as whether trials are stopped early.
    warm_start : tuning job, name of one, the SDK's resource of one, or several of them, default=()
        Earlier tuning jobs of the same objective that the search learns from: on AWS at most five, which have ended
        and have as many hyperparameters; on this machine handles, whose values in the space count.
    warm_start_type : {"transfer", "identical"}, default="transfer"
        On AWS: whether the best job may be one of an earlier tuning job, which needs the same data and image.
    max_cost : float, default=None
        On AWS: about what all trials together may cost. There are as many of them, at most ``max_jobs``, as it pays
        for if each takes ``max_seconds`` and two minutes to stop. Storage is not counted, nor the upload of results
        after the end.
    price_per_hour : float, default=None
        Of one instance, in the unit of ``max_cost``.
    tracking, experiment : str, default=None
        As in `fit`: each trial is a run of its own, without its model.
    seed : int, default=None
        Of the search; on this machine by default the ensemble's ``random_state``.
    wait : bool, default=True
        Wait for the last trial. Otherwise the handle's ``wait()`` and ``stop()`` do.
    on_trial : callable, default=None
        Called with the trial's row of ``trials`` as soon as it has ended; not on AWS.

    Returns
    -------
    LocalTuning, or on AWS Tuning
        On this machine it shows a line for every trial where the ensemble is ``verbose``.

    Raises
    ------
    JobError
        When it has waited on this machine, and all trials have failed: with the reason of the first one.
    ParameterError
        For arguments that exclude each other, among others: before anything is written or asked of AWS.
    """
    place = place_for(
        Where(
            instance_type, instance_count, role, image, spot, vendor, session, output=output, options=options, name=name
        )
    )
    place.check()
    logs_to = tracking_of(tracking, experiment, here=instance_type == "local", models=False)
    made = name_of("tuning job", name, "byoe-tune")
    asked = Asked(
        target,
        weight,
        groups,
        drop,
        Reading.of(reading, header=header),
        dependencies,
        requirements,
        hyperparameters,
        graph,
        logs_to,
    )
    contents, search = tuning_contents(
        place,
        ensemble,
        space,
        {"train": train, "validation": validation},
        asked,
        max_jobs=max_jobs,
        max_parallel_jobs=max_parallel_jobs,
        strategy=strategy,
        seed=seed,
        warm_start=warm_start,
        warm_start_type=warm_start_type,
        early_stopping=early_stopping,
        stop_at=stop_at,
        patience=patience,
        time_limit=time_limit,
        autotune=autotune,
        max_cost=max_cost,
        price_per_hour=price_per_hour,
        on_trial=on_trial,
    )
    with place.folder("tuning job", made) as folder:
        tuning = place.launch_tuning(write_job_folder(contents, made, folder, place.needs), search)
    return tuning.wait() if wait else tuning


def tuning_contents(
    place: Place,
    ensemble: BaseEnsemble,
    space: Mapping[str, Any] | None,
    tables: Mapping[str, Any],
    asked: Asked,
    *,
    seed: int | None = None,
    warm_start: Any = (),
    **rules: Any,
) -> tuple[Contents, Search]:
    """Return what the trials of a tuning job are to do and how they are chosen, checked.

    ``tables`` are by their channels, and ``rules`` are those of a `Search`.
    """
    fixed = plain_values(asked.hyperparameters)
    channels = read_channels(tables, asked.how, place.at_address)
    base = configured(ensemble, fixed)
    roles = asked.roles(channels)
    check_room(base.ensemble, channels, roles, asked.how, place.where)
    space = default_space(base.ensemble.learners) if space is None else read_space(space)
    variants = [configured(one, {}) for one in check_space(base.ensemble, space, fixed)]
    metric = objective(base, space)
    if seed is None and place.where.instance_type == "local" and isinstance(base.ensemble.random_state, int):
        seed = base.ensemble.random_state
    objective_name = f"validation:{metric.name}"
    rules |= {"seed": seed, "warm_start": _handles(warm_start), "verbose": base.ensemble.verbose > 0}
    search = Search(space, objective_name, metric.greater_is_better, **rules)
    printing = by_fold(search, base.ensemble, channels)
    if printing and base.ensemble.random_state is None:
        fixed["random_state"] = search.seed or 0  # the same folds for all trials
    search = printing or search
    place.check_search(search)
    contents = Contents(
        variant_of(ensemble),
        [base, *variants],
        channels,
        roles,
        fixed,
        asked.dependencies,
        asked.requirements,
        graph=asked.graph,
        tracking=asked.logs_to,
        fold_scores={"objective": search.objective, "each": search.strategy == "Hyperband"} if printing else None,
    )
    return contents, search


def _handles(jobs: Any) -> Any:
    """Return tuning jobs with handles in the place of the SDK's resources."""
    if is_resource(jobs):
        return attach(jobs)
    several = isinstance(jobs, Iterable) and not isinstance(jobs, str)
    return [attach(one) if is_resource(one) else one for one in jobs] if several else jobs
