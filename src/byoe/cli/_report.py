"""The commands ``byoe leaderboard`` and ``byoe report``: what a saved ensemble tells of itself, and of other rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import load
from ..data._files import read_frame
from ..data._reading import Reading
from ..data._roles import find_column
from ..errors import ParameterError
from . import _options as options
from ._predict import Model, features

OtherRows = Annotated[Path | None, typer.Argument(help="Rows that were not in the fit; without them those of it.")]
TheirTarget = Annotated[str | None, typer.Option(help="Name or position of the target among the data.")]


def leaderboard(
    model: Model,
    data: OtherRows = None,
    target: TheirTarget = None,
    weight: options.Weight = None,
    as_json: options.AsJson = False,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
) -> None:
    """Print the leaderboard of a saved ensemble: of its fit, or on rows that it has not seen."""
    if (data is None) != (target is None):
        raise ParameterError("DATA and --target go together: the rows, and which of their columns is the target")
    ensemble = load(model)
    board = ensemble.leaderboard_
    if data is not None:
        how = Reading(header, sep, decimal, encoding, comment, sheet)
        X, y, sample_weight = _rows(ensemble, data, target, weight, how)
        board = ensemble.leaderboard(X, y, sample_weight=sample_weight)
    if as_json:
        options.tell_json({"leaderboard": list(board), "notes": board.notes})
        return
    print(options.short(board))


def report(
    model: Model,
    data: OtherRows = None,
    target: TheirTarget = None,
    out: Annotated[Path, typer.Option(help="File for the page, which ends in .html; it is replaced.")] = Path(
        "report.html"
    ),
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
) -> None:
    """Write what is known of a saved ensemble into one page of HTML; with DATA also what it says of those rows."""
    if data is None and target is not None:
        raise ParameterError("--target is a column of DATA, which is missing; give the file of the rows after MODEL")
    ensemble, X, y = load(model), None, None
    if data is not None:
        X, y, _ = _rows(ensemble, data, target, None, Reading(header, sep, decimal, encoding, comment, sheet))
    print(f"report in {ensemble.report(out, X, y)}")


def _rows(ensemble: Any, data: Path, target: str | None, weight: str | None, how: Reading) -> tuple[Any, Any, Any]:
    """Return the features, the target and the weights among the columns of a file."""
    known = list(getattr(ensemble, "feature_names_in_", ()))
    frame = read_frame(data, header=how.header, names=[*known, target, weight], **how.said())
    labels = list(frame.columns)
    roles = {"target": target, "weight": weight}
    found = {role: find_column(labels, name, role) for role, name in roles.items() if name is not None}
    y, sample_weight = (frame[found[role]].to_numpy() if role in found else None for role in roles)
    return features(ensemble, frame.drop(columns=list(found.values())), data), y, sample_weight
