"""The commands behind ``byoe``. Only `cli` imports this, once the extra is known to be there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from .._version import __version__
from ..errors import ParameterError
from ._fit import fit
from ._plugins import check, new_plugin, plugins
from ._predict import predict
from ._report import leaderboard, report
from ._sagemaker import app as sagemaker_app
from ._store import app as store_app
from ._tune import tune

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="byoe: any learners, any blender, one ensemble.",
)
app.add_typer(store_app, name="store")
app.add_typer(sagemaker_app, name="sagemaker")
for _command in (fit, predict, leaderboard, report, tune, plugins, check, new_plugin):
    app.command()(_command)


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
def serve(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted ensemble.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8080,
    trusted: Annotated[
        list[str] | None, typer.Option(help="module.Class or package.* that the model may hold.")
    ] = None,
    runtime: Annotated[
        str, typer.Option(help="What predicts: libraries, the graph by onnx, or auto for few rows by the graph.")
    ] = "libraries",
) -> None:
    """Serve an ensemble as its endpoint would, until Ctrl-C: /ping, and rows posted to /invocations."""
    further = [word for name in trusted or () for word in ("--trusted", name)]
    # A new process, which has not loaded what the other commands need.
    words = ["-m", "byoe.serving", str(model), "--host", host, "--port", str(port), "--runtime", runtime, *further]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606  # this very interpreter
