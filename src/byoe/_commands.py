"""The commands behind ``byoe``. Only `cli` imports this, once the extra is known to be there."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from . import EnsembleClassifier, EnsembleRegressor, __version__, load
from ._bundle import check_free
from ._configure import configure
from ._data import read_frame, take_apart
from ._leaderboard import Leaderboard
from ._portfolios import DEFAULT, PORTFOLIOS
from ._store_commands import app as store_app
from .errors import InputError, ParameterError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="byoe: any learners, any blender, one ensemble.",
)
app.add_typer(store_app, name="store")


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
    data: Annotated[Path, typer.Argument(help="CSV or Parquet file, or a folder of them.")],
    target: Annotated[str, typer.Option(help="Name or position of the column to predict.")],
    out: Annotated[Path, typer.Option(help="Folder for the fitted ensemble.")],
    learners: Annotated[str, typer.Option(help="Registered names, with commas; or best.")] = ",".join(DEFAULT),
    blender: Annotated[str, typer.Option(help="A registered name.")] = "auto",
    task: Annotated[str, typer.Option(help="auto, regression or classification.")] = "auto",
    cv: Annotated[int, typer.Option(help="Number of folds.")] = 5,
    metric: Annotated[str, typer.Option(help="auto, or a scorer's name.")] = "auto",
    weight: Annotated[str | None, typer.Option(help="Column of sample weights.")] = None,
    groups: Annotated[str | None, typer.Option(help="Column of groups that folds keep together.")] = None,
    drop: Annotated[str, typer.Option(help="Columns to leave out, with commas.")] = "",
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as xgboost__max_depth=4 or eta=0.1.")
    ] = None,
    header: Annotated[bool | None, typer.Option(help="Whether CSV files have a header; looked for by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of folds and members.")] = None,
    verbose: Annotated[bool, typer.Option(help="Show progress: a bar, or elsewhere a line per member.")] = True,
) -> None:
    """Fit an ensemble and save it."""
    check_free(out)
    dropped = [name for name in drop.split(",") if name]
    frame = read_frame(data, header=header, names=[target, weight, groups, *dropped])
    table = take_apart(frame, target=target, weight=weight, groups=groups, drop=dropped)
    kind = _kind(task, table.y)
    names = tuple(name.strip() for name in learners.split(",") if name.strip())
    ensemble = kind(
        learners if learners in PORTFOLIOS else names,
        blender,
        cv=cv,
        metric=metric,
        random_state=seed,
        verbose=int(verbose),
    )
    ensemble = configure(ensemble, dict(_setting(text) for text in param or []))
    ensemble.fit(table.X, table.y, sample_weight=table.weight, groups=table.groups)
    ensemble.save(out)
    print(_short(ensemble.leaderboard_))
    print(f"saved {kind.__name__} in {out}")


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted ensemble.")],
    data: Annotated[Path, typer.Argument(help="CSV or Parquet file, or a folder of them.")],
    out: Annotated[Path, typer.Option(help="CSV file for the predictions.")],
    proba: Annotated[bool, typer.Option(help="Write the probability of every class too.")] = False,
    header: Annotated[bool | None, typer.Option(help="Whether CSV files have a header; looked for by default.")] = None,
) -> None:
    """Predict the rows of a table; columns that the ensemble does not know are left out."""
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file for the predictions")
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
            for name, column in zip(ensemble.classes_, ensemble.predict_proba(X).T, strict=True)
        }
    _write_csv(out, columns)
    print(f"wrote {len(frame)} predictions to {out}")


@app.command()
def plugins() -> None:
    """List the registered learners and blenders: where each comes from, what it can do, and its state."""
    from ._plugin_list import overview

    print(overview())


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A registered learner or blender.")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the learner or blender.")] = None,
    rows: Annotated[int, typer.Option(help="Rows of the tables that a learner is checked on.")] = 120,
) -> None:
    """Check that a plugin keeps the promises of the contract; the exit status is 1 if it breaks one."""
    from ._registry import blender, installed, learner, plain
    from .conformance import check_blender, check_learner

    params = dict(_setting(text) for text in param or [])
    reports = []
    if plain(name) in installed("learner") or plain(name) not in installed("blender"):
        reports.append(check_learner(learner(name, **params), on_fail="report", n_rows=rows))
    if plain(name) in installed("blender"):
        reports.append(check_blender(blender(name, **params), on_fail="report"))
    for report in reports:
        print(report)
        print(f"{len(report) - len(report.broken)} of {len(report)} rules kept or not asked for")
    if any(report.broken for report in reports):
        raise typer.Exit(1)


def _kind(task: str, y: Any) -> Any:
    kinds = {"regression": EnsembleRegressor, "classification": EnsembleClassifier}
    if task == "auto":
        # Numbers may be amounts or codes of classes; only texts and booleans are surely classes.
        task = "regression" if np.asarray(y).dtype.kind in "iuf" else "classification"
    if task not in kinds:
        raise ParameterError(f"task is {task!r}, expected auto, regression or classification")
    return kinds[task]


def _short(board: Leaderboard) -> Leaderboard:
    """Return the columns that fit a terminal of 80 characters."""
    return Leaderboard({key: row[key] for key in row if key not in ("finalize", "models")} for row in board)


def _setting(text: str) -> tuple[str, Any]:
    import json

    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterError(f"--param {text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _write_csv(out: Path, columns: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            rows = csv.writer(stream, lineterminator="\n")
            rows.writerow(columns)
            rows.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(out)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
