"""The command ``byoe tune``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..data._labelled import read_labelled
from ..data._reading import Reading
from ..registry._portfolios import DEFAULT
from . import _options as options


def tune(
    data: options.Data,
    target: options.Target,
    space: options.Space = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the best ensemble, fitted; without it none is.")] = None,
    n_trials: Annotated[int, typer.Option(help="Trials, the first of which is the ensemble as given.")] = 50,
    time_limit: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of a store, from which the same search goes on.")] = None,
    learners: options.Learners = DEFAULT,
    blender: options.Blender = "auto",
    task: options.Task = options.Tasks.auto,
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    seed: options.Seed = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = True,
) -> None:
    """Search better parameters of an ensemble, by the cross-validated score of its blend; Ctrl-C keeps the best."""
    from .. import tune as search

    if out is not None:
        options.check_out(out, force=force)
    domains = options.domains(space)
    how = Reading(header, sep, decimal, encoding, comment, sheet)
    roles = {"target": target, "weight": weight, "groups": groups, "drop": options.listed(drop)}
    options.check_table_fits(data, roles, how)
    table = read_labelled(data, roles, how, task=task)
    kind = options.kind_of(task, table.y, options.to_errors if as_json else options.say)
    ensemble = options.made(kind, learners, blender, param, cv, metric, seed, verbose=int(verbose and not as_json))
    tuned = search(
        ensemble,
        table.X,
        table.y,
        domains,
        sample_weight=table.weight,
        groups=table.groups,
        n_trials=n_trials,
        time_limit=time_limit,
        store=store,
    )
    if not as_json:
        print(tuned.trials)
        print(tuned)
    if tuned.best_params and not as_json:
        print("to fit it:", " ".join(f"--param {name}={_written(value)}" for name, value in tuned.best_params.items()))
    if out is not None:
        tuned.best.fit(table.X, table.y, sample_weight=table.weight, groups=table.groups).save(out)
    if as_json:
        told = {"best_params": tuned.best_params, "trials": list(tuned.trials), "model": out and str(out)}
        options.tell_json(told)
    elif out is not None:
        print(options.short(tuned.best.leaderboard_))
        print(f"saved {kind.__name__} in {out}")


def _written(value: object) -> str:
    """Return a value as ``--param`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
