"""The command ``byoe predict``: what a saved ensemble says of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .. import load
from ..data._files import read_frame
from ..data._reading import Reading
from ..data._roles import find_column
from ..errors import InputError, ParameterError
from . import _options as options
from ._output import STANDARD, check_file, write_columns
from ._watching import tell_outside

Model = Annotated[Path, typer.Argument(help="Folder of a fitted ensemble.")]


def predict(
    model: Model,
    data: options.Data,
    out: Annotated[Path, typer.Option(help="File for the predictions: .csv, .csv.gz, .jsonl or .parquet; or -.")],
    proba: Annotated[bool, typer.Option("--proba", help="Write the probability of every class too.")] = False,
    interval: Annotated[float | None, typer.Option(help="Write bounds that hold with such a share, as 0.9.")] = None,
    members: Annotated[bool, typer.Option("--members", help="Write what each member predicts.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Write what each column adds.")] = False,
    identity: Annotated[str | None, typer.Option("--id", help="Column to copy into the output.")] = None,
    header: options.Header = None,
    sep: options.Sep = None,
    decimal: options.Decimal = None,
    encoding: options.Encoding = None,
    comment: options.Comment = None,
    sheet: options.Sheet = None,
) -> None:
    """Predict the rows of a table; columns that the ensemble does not know are left out."""
    check_file(out)
    how = Reading(header, sep, decimal, encoding, comment, sheet)
    ensemble = load(model)
    names = [*getattr(ensemble, "feature_names_in_", ()), identity]
    frame = read_frame(data, header=how.header, names=names, **how.said())
    columns: dict[str, Any] = {}
    if identity is not None:
        label = find_column(list(frame.columns), identity, "id")
        columns[str(label)] = frame[label]
        if label not in names[:-1]:  # of a table without a header the id is no feature
            frame = frame.drop(columns=label)
    X = features(ensemble, frame, data)
    found = _predictions(ensemble, X, model, proba=proba, interval=interval, members=members, explain=explain)
    if twice := sorted(found.keys() & columns.keys()):
        raise InputError(f"the id column is called {twice[0]!r}, as a column of the output; rename it")
    write_columns(out, columns | found)
    tell_outside(ensemble, X)
    if out != STANDARD:
        print(f"wrote {len(frame)} predictions to {out}")


def features(ensemble: Any, frame: Any, data: Path) -> Any:
    """Return the columns of a table that an ensemble knows, in its order: the rule of endpoints."""
    if hasattr(ensemble, "feature_names_in_"):
        missing = [name for name in ensemble.feature_names_in_ if name not in frame.columns]
        if missing:
            raise InputError(f"{data} lacks {len(missing)} columns of the ensemble: {', '.join(missing)}")
        return frame[list(ensemble.feature_names_in_)]
    return frame if any(isinstance(column, str) for column in frame.columns) else frame.to_numpy()


def _predictions(
    ensemble: Any, X: Any, model: Path, *, proba: bool, interval: float | None, members: bool, explain: bool
) -> dict[str, Any]:
    """Return the columns of the output."""
    columns = _named(["prediction"], ensemble.predict(X))
    if proba:
        if not hasattr(ensemble, "predict_proba"):
            raise ParameterError(f"{model} gives no probabilities; leave --proba out")
        columns |= _named([f"probability_{name}" for name in ensemble.class_names], ensemble.predict_proba(X))
    if interval is not None:
        if not hasattr(ensemble, "predict_interval"):
            raise ParameterError(f"{model} predicts classes, which have no intervals; leave --interval out")
        bounds = np.asarray(ensemble.predict_interval(X, level=interval))
        if bounds.ndim > 2:
            raise ParameterError(f"{model} predicts several targets; leave --interval out")
        columns |= _named(["lower", "upper"], bounds)
    if members:
        columns |= _named([f"member_{name}" for name in ensemble.get_feature_names_out()], ensemble.transform(X))
    if explain:
        if ensemble._classifies:
            raise ParameterError(f"{model} predicts classes, which are explained by member; leave --explain out")
        known = getattr(ensemble, "feature_names_in_", range(ensemble.n_features_in_))
        names = [f"contribution_{name}" for name in [*known, "base"]]
        columns |= _named(names, np.asarray(ensemble.explain(X)))
    return columns


def _named(names: list[str], values: Any) -> dict[str, Any]:
    """Return arrays by name: of predictions of several targets a column for each."""
    values = np.asarray(values)
    if values.ndim == 1:
        return {names[0]: values}
    if values.shape[1] != len(names):
        names = [f"{names[0]}_{place}" for place in range(values.shape[1])]
    return dict(zip(names, values.T, strict=True))
