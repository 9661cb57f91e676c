"""What several commands are told in the same way: the ensemble, its columns, and settings."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..ensemble._classifier import EnsembleClassifier
from ..ensemble._configure import configure
from ..ensemble._regressor import EnsembleRegressor
from ..errors import InputError, ParameterError
from ..registry._portfolios import DEFAULT, PORTFOLIOS
from ..scoring._leaderboard import Leaderboard
from ..tools._whole import whole_file

Data = Annotated[Path, typer.Argument(help="CSV or Parquet file, or a folder of them.")]
Target = Annotated[str, typer.Option(help="Name or position of the column to predict.")]
Learners = Annotated[str, typer.Option(help="Registered names, with commas; or best.")]
Blender = Annotated[str, typer.Option(help="A registered name.")]
Cv = Annotated[int, typer.Option(help="Number of folds.")]
Metric = Annotated[str, typer.Option(help="auto, or a scorer's name.")]
Weight = Annotated[str | None, typer.Option(help="Column of sample weights.")]
Groups = Annotated[str | None, typer.Option(help="Column of groups that folds keep together.")]
Drop = Annotated[str, typer.Option(help="Columns to leave out, with commas.")]
Param = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, such as xgboost__max_depth=4 or eta=0.1.")]
Header = Annotated[bool | None, typer.Option(help="Whether CSV files have a header; looked for by default.")]
Seed = Annotated[int | None, typer.Option(help="Seed of folds and members.")]

Space = Annotated[
    list[str] | None,
    typer.Option(help="NAME=LOW..HIGH, NAME=LOW..HIGH:log, or NAME=A,B,C; by default what the learners propose."),
]
Task = Annotated[str, typer.Option(help="auto, regression or classification.")]
Verbose = Annotated[bool, typer.Option(help="Show progress: a bar, or elsewhere lines.")]

_NUMBER = r"[+-]?[\d.]+(?:e[+-]?\d+)?"
DEFAULT_LEARNERS = ",".join(DEFAULT)
KINDS: dict[str, Any] = {"regression": EnsembleRegressor, "classification": EnsembleClassifier}


def made(
    kind: Any, learners: str, blender: str, param: list[str] | None, cv: int, metric: str, seed: int | None, **more: Any
) -> Any:
    """Return the ensemble that options describe, not fitted."""
    names = tuple(listed(learners))
    ensemble = kind(
        learners if learners in PORTFOLIOS else names, blender, cv=cv, metric=metric, random_state=seed, **more
    )
    return configure(ensemble, settings(param))


def kind_of(task: str, y: Any) -> Any:
    """Return the class of the ensemble for a task, which the target tells where it is ``"auto"``."""
    if task == "auto":
        # Numbers may be amounts or codes of classes; only texts and booleans are surely classes.
        task = "regression" if np.asarray(y).dtype.kind in "iuf" else "classification"
    if task not in KINDS:
        raise ParameterError(f"task is {task!r}, expected auto, regression or classification")
    return KINDS[task]


def short(board: Leaderboard) -> Leaderboard:
    """Return the columns that fit a terminal of 80 characters."""
    left = ("spread", "in_sample", "finalize", "models")
    return Leaderboard(({key: row[key] for key in row if key not in left} for row in board), board.notes)


def listed(text: str) -> list[str]:
    """Return names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def settings(texts: list[str] | None) -> dict[str, Any]:
    """Return NAME=VALUE texts as a mapping; a value that is no JSON is a text."""
    return dict(_setting(text) for text in texts or [])


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ParameterError(f"--param {text!r} is not NAME=VALUE")
    return name, value_of(value)


def domains(texts: list[str] | None) -> dict[str, Any] | None:
    """Return a search space as its texts say it; None where there are none."""
    return dict(_domain(text) for text in texts) if texts else None


def _domain(text: str) -> tuple[str, Any]:
    """Return the name and the domain that NAME=LOW..HIGH[:log] or NAME=A,B,C says."""
    name, equals, given = text.partition("=")
    if not equals or not given:
        raise ParameterError(f"--space {text!r} is not NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A,B,C")
    low, dots, rest = given.partition("..")
    if not dots:
        return name, _choices(name, listed(given))
    high, colon, scale = rest.partition(":")
    return name, (value_of(low), value_of(high), *([scale] if colon else []))


def _choices(name: str, texts: list[str]) -> list[Any]:
    for text in texts:
        if bounds := re.fullmatch(rf"({_NUMBER})[-:]({_NUMBER})(:log)?", text):
            low, high, scale = bounds.groups(default="")
            raise ParameterError(
                f"--space {name}={text} is no range; write {name}={low}..{high}{scale} for one, or "
                f"{name}={low},{high} for these two values"
            )
    if len(texts) == 1:
        raise ParameterError(
            f"--space {name}={texts[0]} leaves nothing to choose; write {name}=LOW..HIGH, {name}=LOW..HIGH:log or "
            f"{name}=A,B,C, or set it by --param {name}={texts[0]}"
        )
    return [value_of(text) for text in texts]


def value_of(text: str) -> Any:
    """Return what a text says as JSON, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def write_csv(out: Path, columns: dict[str, Any]) -> None:
    """Write columns of predictions to a file, whole or not at all."""
    check_file(out)
    with whole_file(out) as file, file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def check_file(out: Path) -> None:
    """Raise an InputError for a folder where a file of predictions is to be."""
    if out.is_dir():
        raise InputError(f"{out} is a folder; give a file for the predictions")
