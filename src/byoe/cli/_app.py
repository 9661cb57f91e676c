"""The commands behind ``byoe``. Only `cli` imports this, once the extra is known to be there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import load
from .._version import DISTRIBUTION, __version__
from ..bundle._writer import check_free
from ..data._files import read_frame
from ..data._roles import take_apart
from ..errors import InputError, ParameterError, PluginError
from ..tools._versions import other_project
from . import _options as options
from ._sagemaker import app as sagemaker_app
from ._store import app as store_app
from ._tune import tune
from ._watching import tell_outside

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="byoe: any learners, any blender, one ensemble.",
)
app.add_typer(store_app, name="store")
app.add_typer(sagemaker_app, name="sagemaker")
app.command()(tune)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _byoe(
    version: Annotated[bool, typer.Option("--version", callback=_version, help="Print the version.")] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the jobs' files.")] = Path("byoe-demo"),
    max_jobs: Annotated[int, typer.Option(help="Trials of the tuning job.")] = 4,
) -> None:
    """Train, tune, serve and call CatBoost + XGBoost on real data, on this machine."""
    from ._demo import run

    if max_jobs < 1:
        raise ParameterError(f"--max-jobs is {max_jobs}, expected a positive number")
    run(out, max_jobs=max_jobs)


@app.command()
def fit(
    data: options.Data,
    target: options.Target,
    out: Annotated[Path, typer.Option(help="Folder for the fitted ensemble.")],
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
    verbose: Annotated[bool, typer.Option(help="Show progress: a bar, or elsewhere a line per member.")] = True,
) -> None:
    """Fit an ensemble and save it."""
    check_free(out)
    dropped = options.listed(drop)
    frame = read_frame(data, header=header, names=[target, weight, groups, *dropped])
    table = take_apart(frame, target=target, weight=weight, groups=groups, drop=dropped)
    kind = options.kind_of(task, table.y)
    ensemble = options.made(kind, learners, blender, param, cv, metric, seed, verbose=int(verbose))
    ensemble.fit(table.X, table.y, sample_weight=table.weight, groups=table.groups)
    ensemble.save(out)
    print(options.short(ensemble.leaderboard_))
    print(f"saved {kind.__name__} in {out}")


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted ensemble.")],
    data: options.Data,
    out: Annotated[Path, typer.Option(help="CSV file for the predictions.")],
    proba: Annotated[bool, typer.Option(help="Write the probability of every class too.")] = False,
    header: options.Header = None,
) -> None:
    """Predict the rows of a table; columns that the ensemble does not know are left out."""
    options.check_file(out)
    ensemble = load(model)
    frame = read_frame(data, header=header, names=getattr(ensemble, "feature_names_in_", ()))
    X: Any = frame
    if hasattr(ensemble, "feature_names_in_"):
        missing = [name for name in ensemble.feature_names_in_ if name not in frame.columns]
        if missing:
            raise InputError(f"{data} lacks {len(missing)} columns of the ensemble: {', '.join(missing)}")
        X = frame[list(ensemble.feature_names_in_)]
    elif not any(isinstance(column, str) for column in frame.columns):
        X = frame.to_numpy()
    columns: dict[str, Any] = {"prediction": ensemble.predict(X)}
    if proba:
        if not hasattr(ensemble, "predict_proba"):
            raise ParameterError(f"{model} gives no probabilities; leave --proba out")
        columns |= {
            f"probability_{name}": column
            for name, column in zip(ensemble.class_names, ensemble.predict_proba(X).T, strict=True)
        }
    options.write_csv(out, columns)
    tell_outside(ensemble, X)
    print(f"wrote {len(frame)} predictions to {out}")


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted ensemble.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8080,
    trusted: Annotated[
        list[str] | None, typer.Option(help="module.Class or package.* that the model may hold.")
    ] = None,
) -> None:
    """Serve an ensemble as its endpoint would, until Ctrl-C: /ping, and rows posted to /invocations."""
    further = [word for name in trusted or () for word in ("--trusted", name)]
    # A new process, which has not loaded what the other commands need.
    words = ["-m", "byoe.serving", str(model), "--host", host, "--port", str(port), *further]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # this very interpreter


@app.command()
def plugins() -> None:
    """List the registered learners and blenders: where each comes from, what it can do, and its state."""
    from ..registry._overview import overview

    _warn_of_another()
    print(overview())


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A registered learner or blender.")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the learner or blender.")] = None,
    rows: Annotated[int, typer.Option(min=120, help="Rows of the tables that a learner is checked on.")] = 120,
) -> None:
    """Check that a plugin keeps the promises of the contract; the exit status is 1 if it breaks one."""
    from ..conformance import check_blender, check_learner
    from ..registry._overview import KINDS
    from ..registry._plugin import plain
    from ..registry._registry import blender, installed, learner

    _warn_of_another()
    params = options.settings(param)
    broken = False
    for kind in KINDS:
        if plain(name) not in installed(kind) and (kind == "blender" or plain(name) in installed("blender")):
            continue
        try:
            if kind == "learner":
                report = check_learner(learner(name, **params), on_fail="report", n_rows=rows)
            else:
                report = check_blender(blender(name, **params), on_fail="report")
        except PluginError as error:
            print(f"error: {error}", file=sys.stderr)
            broken = True
            continue
        print(report)
        print(f"{len(report) - len(report.broken)} of {len(report)} rules kept or not asked for")
        broken = broken or bool(report.broken)
    if broken:
        raise typer.Exit(1)


def _warn_of_another() -> None:
    """Tell of the project that an index calls byoe: its files and ours overwrite each other."""
    if other := other_project():
        print(
            f"warning: 'byoe' {other} is installed too, another project with files of the same names. Remove both, "
            f"and install {DISTRIBUTION!r} alone",
            file=sys.stderr,
        )
