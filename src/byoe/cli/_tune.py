"""The command ``byoe tune``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..bundle._writer import check_free
from ..data._files import read_frame
from ..data._roles import take_apart
from . import _options as options


def tune(
    data: options.Data,
    target: options.Target,
    space: options.Space = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the best ensemble, fitted; without it none is.")] = None,
    n_trials: Annotated[int, typer.Option(help="Trials, the first of which is the ensemble as given.")] = 50,
    time_limit: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of a store, from which the same search goes on.")] = None,
    learners: options.Learners = options.DEFAULT_LEARNERS,
    blender: options.Blender = "auto",
    task: options.Task = "auto",
    cv: options.Cv = 5,
    metric: options.Metric = "auto",
    weight: options.Weight = None,
    groups: options.Groups = None,
    drop: options.Drop = "",
    param: options.Param = None,
    header: options.Header = None,
    seed: options.Seed = None,
    verbose: options.Verbose = True,
) -> None:
    """Search better parameters of an ensemble, by the cross-validated score of its blend; Ctrl-C keeps the best."""
    from .. import tune as search

    if out is not None:
        check_free(out)
    domains, dropped = options.domains(space), options.listed(drop)
    frame = read_frame(data, header=header, names=[target, weight, groups, *dropped])
    table = take_apart(frame, target=target, weight=weight, groups=groups, drop=dropped)
    kind = options.kind_of(task, table.y)
    ensemble = options.made(kind, learners, blender, param, cv, metric, seed, verbose=int(verbose))
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
    print(tuned.trials)
    print(tuned)
    if tuned.best_params:
        print("to fit it:", " ".join(f"--param {name}={_written(value)}" for name, value in tuned.best_params.items()))
    if out is not None:
        tuned.best.fit(table.X, table.y, sample_weight=table.weight, groups=table.groups).save(out)
        print(options.short(tuned.best.leaderboard_))
        print(f"saved {kind.__name__} in {out}")


def _written(value: object) -> str:
    """Return a value as ``--param`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)
