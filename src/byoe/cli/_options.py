"""What several commands are told in the same way: the ensemble, its columns, and settings."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..bundle._manifest import MANIFEST
from ..bundle._writer import check_free
from ..data._reading import Reading
from ..data._size import size_of_files
from ..ensemble._classifier import EnsembleClassifier
from ..ensemble._configure import configure
from ..ensemble._regressor import EnsembleRegressor
from ..ensemble._room import room_for
from ..errors import BundleError, ParameterError
from ..registry._plugin import plain
from ..registry._portfolios import PORTFOLIOS
from ..registry._registry import everything, installed
from ..scoring._leaderboard import Leaderboard


class Tasks(StrEnum):
    """What a target may be taken for."""

    auto = "auto"
    regression = "regression"
    classification = "classification"


class Finalize(StrEnum):
    """How served models are made."""

    auto = "auto"
    bag = "bag"
    refit = "refit"
    both = "both"


Data = Annotated[
    Path, typer.Argument(help="CSV (also packed), Parquet, Feather, JSON or .xlsx file, or a folder of them.")
]
Target = Annotated[str, typer.Option(help="Name or position of the column to predict.")]
Learners = Annotated[
    str,
    typer.Option(help=f"{', '.join(PORTFOLIOS)}; or names, with commas: {', '.join(sorted(installed('learner')))}."),
]
Blender = Annotated[str, typer.Option(help=f"One of {', '.join(sorted(installed('blender')))}.")]
Cv = Annotated[int, typer.Option(help="Number of folds.")]
Metric = Annotated[str, typer.Option(help="auto, or a scorer's name.")]
Weight = Annotated[str | None, typer.Option(help="Column of sample weights.")]
Groups = Annotated[str | None, typer.Option(help="Column of groups that folds keep together.")]
Drop = Annotated[str, typer.Option(help="Columns to leave out, with commas.")]
Param = Annotated[list[str] | None, typer.Option(help="NAME=VALUE, such as xgboost__max_depth=4 or eta=0.1.")]
Tracking = Annotated[str | None, typer.Option(help="Address of an MLflow server, or its ARN, to log the fit to.")]
Experiment = Annotated[str | None, typer.Option(help="Of MLflow, for the run.")]
Prune = Annotated[
    float | None, typer.Option(help="Tolerance for leaving out members that take long to predict, such as 0.01.")
]
Graph = Annotated[bool, typer.Option(help="Save the graph, too, for --runtime onnx; needs byoe-ensemble[onnx].")]
Header = Annotated[bool | None, typer.Option(help="Whether there is a header; looked for by default.")]
Sep = Annotated[str | None, typer.Option(help="What separates cells of CSV, such as ; or tab; found out by default.")]
Decimal = Annotated[str | None, typer.Option(help="What stands before fractions, . or ,; found out by default.")]
Encoding = Annotated[str | None, typer.Option(help="Of text files, such as cp1252; UTF-8 by default.")]
Comment = Annotated[str | None, typer.Option(help="What comment lines of CSV begin with.")]
Sheet = Annotated[str | None, typer.Option(help="Of a workbook: name, or position from 0 on.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a bundle that is there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Spec = Annotated[Path | None, typer.Option(help="TOML or JSON file of the ensemble, instead of its options.")]
Seed = Annotated[int | None, typer.Option(help="Seed of folds and members.")]

Space = Annotated[
    list[str] | None,
    typer.Option(help="NAME=LOW..HIGH, NAME=LOW..HIGH:log, or NAME=A,B,C; by default what the learners propose."),
]
Task = Annotated[Tasks, typer.Option(help="What the target is; auto takes numbers as amounts, other cells as classes.")]
Verbose = Annotated[bool, typer.Option(help="Show progress: a bar, or elsewhere lines.")]

_FEW = 10
_NUMBER = r"[+-]?[\d.]+(?:e[+-]?\d+)?"
KINDS: dict[str, Any] = {"regression": EnsembleRegressor, "classification": EnsembleClassifier}


def made(
    kind: Any, learners: str, blender: str, param: list[str] | None, cv: int, metric: str, seed: int | None, **more: Any
) -> Any:
    """Return the ensemble that options describe, not fitted."""
    ensemble = kind(_members(learners), blender, cv=cv, metric=metric, random_state=seed, **more)
    return configure(ensemble, settings(param))


def _members(learners: str) -> Any:
    """Return the names of learners, or that of a portfolio, which one word is that is no learner."""
    names = tuple(listed(learners))
    return names[0] if len(names) == 1 and plain(names[0]) not in everything("learner") else names


def say(text: str) -> None:
    """Print at once, also into a pipe: what follows may take long."""
    print(text, flush=True)


def check_table_fits(data: Path, roles: Mapping[str, Any], how: Reading, memory_limit: str | None = None) -> None:
    """Refuse a table that is larger than the free memory, and say where it takes more than half of it."""
    size = size_of_files(data, roles, how)
    if size is not None and (told := room_for(size, memory_limit).check(str(data))):
        to_errors(told)


def kind_of(task: str, y: Any, tell: Callable[[str], Any] = say) -> Any:
    """Return the class of the ensemble for a task, which the target tells where it is ``"auto"``; say which and why."""
    kind = np.asarray(y).dtype.kind
    if task != "auto":
        tell(f"task: {task}, as told")
        return KINDS[task]
    if kind not in "iuf":
        tell(f"task: classification, since the target holds {'booleans' if kind == 'b' else 'texts'}")
        return EnsembleClassifier
    # Numbers may be amounts or codes of classes; only texts and booleans are surely classes.
    values = np.unique(np.asarray(y)[~np.isnan(y)])
    hint = ""
    if len(values) <= _FEW and 2 * len(values) < len(y) and (values == np.round(values)).all():
        shown = ", ".join(f"{value:g}" for value in values)
        hint = f"; they are {shown} only: if these are classes, say --task classification"
    tell(f"task: regression, since the target holds numbers{hint}")
    return EnsembleRegressor


def check_out(out: Path, *, force: bool) -> None:
    """Raise a BundleError where a bundle would replace what is there."""
    check_free(out)
    if (out / MANIFEST).is_file() and not force:
        raise BundleError(f"{out} holds a bundle already; choose another folder, or replace it with --force")


def tell_json(value: Any) -> None:
    """Print a value as JSON, with null for numbers that are not finite."""
    print(json.dumps(_finite(value), indent=1, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_errors(text: str) -> None:
    """Print to where a script does not look for results."""
    print(text, file=sys.stderr)


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
