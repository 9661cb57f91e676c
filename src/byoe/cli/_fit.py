"""The command ``byoe fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..data._labelled import read_labelled
from ..data._reading import Reading
from ..ensemble._configure import configure
from ..ensemble._pruning import tolerance_of_a_fit
from ..errors import ParameterError
from ..mlflow._client import tracking_of
from ..mlflow._run import run_at
from ..registry._portfolios import DEFAULT
from . import _options as options
from ._spec_file import made_of, read_spec

_OF_THE_SPEC = ("learners", "blender", "cv", "metric")


def fit(
    context: typer.Context,
    data: options.Data,
    target: options.Target,
    out: Annotated[Path, typer.Option(help="Folder for the fitted ensemble.")],
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    task: options.Task = options.Tasks.auto,
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    layers: Annotated[int, typer.Option(help="1, or 2 for a second layer, kept where it is better.")] = 1,
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    spec: options.Spec = None,
    finalize: Annotated[options.Finalize | None, typer.Option(help="How served models are made.")] = None,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Calibrate probabilities of classes.")] = False,
    prune: options.Prune = None,
    tracking: options.Tracking = None,
    experiment: options.Experiment = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Such as 8GB.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of a store of finished tasks.")] = None,
    n_jobs: Annotated[int | None, typer.Option(help="Cores; all by default.")] = None,
    seed: options.Seed = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
    verbose: Annotated[bool, typer.Option(help="Show progress: a bar, or elsewhere a line per member.")] = True,
) -> None:
    """Fit an ensemble and save it."""
    options.check_out(out, force=force)
    how = Reading(header, sep, decimal, encoding, comment, sheet)
    written = None if spec is None else _spec(context, spec)
    if written is not None and task == "auto":
        task = options.Tasks(written["task"])
    roles = {"target": target, "weight": weight, "groups": groups, "drop": options.listed(drop)}
    options.check_table_fits(data, roles, how, memory_limit)
    table = read_labelled(data, roles, how, task=task)
    kind = options.kind_of(task, table.y, options.to_errors if as_json else options.say)
    shown = int(verbose and not as_json)
    if written is None:
        ensemble = options.made(kind, learners, blender, param, cv, metric, seed, verbose=shown)
    else:
        ensemble = configure(made_of(written, kind), options.settings(param)).set_params(verbose=shown)
    more: dict[str, Any] = {"time_limit": time_limit, "memory_limit": memory_limit, "n_jobs": n_jobs}
    more |= {"finalize": finalize and str(finalize), "store": store and str(store), "calibrate": calibrate or None}
    more |= {"random_state": seed, "layers": layers if layers != 1 else None}
    if (calibrate and task == "regression") or (calibrate and not ensemble._classifies):
        raise ParameterError("--calibrate is for classes; say --task classification if the target holds them")
    ensemble.set_params(**{name: value for name, value in more.items() if value is not None})
    tolerance = tolerance_of_a_fit(prune, ensemble._recipe().blender)
    with run_at(tracking_of(tracking, experiment, here=True)) as log:
        ensemble.fit(table.X, table.y, sample_weight=table.weight, groups=table.groups)
        ensemble.save(out)
        if tolerance is not None:
            ensemble = ensemble.prune(tolerance, X=table.X)
            ensemble.save(out)
        log(ensemble, out)
    if as_json:
        options.tell_json(_told(ensemble, out))
        return
    print(options.short(ensemble.leaderboard_))
    print(f"saved {kind.__name__} in {out}")
    if tracking is not None:
        print(f"logged the fit to {tracking}")


def _spec(context: typer.Context, file: Path) -> dict[str, Any]:
    """Return the spec of a file, beside which no option tells of the ensemble."""
    sources = {name: context.get_parameter_source(name) for name in _OF_THE_SPEC}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        raise ParameterError(f"--{given[0]} and --spec both tell of the ensemble; leave one out")
    return read_spec(file)


def _told(ensemble: Any, out: Path) -> dict[str, Any]:
    board = ensemble.leaderboard_
    return {
        "model": str(out),
        "task": "classification" if ensemble._classifies else "regression",
        "score_estimate": ensemble.score_estimate_,
        "leaderboard": list(board),
        "notes": board.notes,
        "failures": [str(failure) for failure in ensemble.failures_],
    }
