"""`log_fit`: a fit as parameters, metrics and files of a run."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2
from typing import Any

from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from ..ensemble._spec import to_spec
from ..errors import InputError, ParameterError, SpecError
from ..plots._known import checked
from ..report._rows import Rows
from ._client import client
from ._facts import Metric, metrics, of_board, parameters
from ._pictures import write_pictures

_MOST = 100  # parameters in a request; of metrics more would do
HELD_OUT = "validation"


def log_fit(ensemble: Any, X: Any = None, y: Any = None, *, prefix: str = "", pictures: bool = True) -> None:
    """Log a fit to the active run of MLflow, or to a new one.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted.
    X : array-like or frame of shape (n_samples, n_features), default=None
        Rows that were not in the fit. They are not logged: the report compares them with those of the training.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        The target of these rows, by which blend and members get metrics under ``validation/``.
    prefix : str, default=""
        What the names of parameters, metrics and files begin with, for a second fit in the same run.
    pictures : bool, default=True
        Whether pictures are drawn, where ``byoe-ensemble[plots]`` is installed.

    Raises
    ------
    ParameterError
        When the run holds other values of the parameters, of another fit: MLflow never changes one.
    InputError
        When the rows are not like those of the fit, or y is given without X.
    MissingExtraError
        When ``byoe-ensemble[mlflow]`` is not installed.

    Notes
    -----
    Metrics are the leaderboard's, under its metric's name and sign, losses positive: ``rmse`` of the blend,
    cross-validated; ``members/<label>/rmse`` of a member, beside its ``weight``, ``fit_seconds`` and ``predict_ms``;
    ``baseline/rmse``. In each fold, as the step from 1 on, they are ``fold/rmse`` and ``members/<label>/fold/rmse``.
    Parameters have the names of ``set_params``. The files are ``leaderboard.json``, ``leaderboard.txt``,
    ``spec.json``, ``report.html`` and ``pictures/*.png``.

    Examples
    --------
    >>> import byoe, mlflow
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     byoe.mlflow.log_fit(ensemble, X_test, y_test)
    """
    checked(ensemble)
    check_is_fitted(ensemble, "members_")
    if X is None and y is not None:
        raise InputError("y is given without X; pass both, X alone, or neither")
    rows = None if X is None else ensemble._told_of(X, y)
    named = [] if rows is None or rows.board is None else of_board(rows.board, ensemble._record.metric)
    log(ensemble, Logged(rows, _below(HELD_OUT, named), prefix=prefix, pictures=pictures))


@dataclass(frozen=True)
class Logged:
    """What is logged of a fit beside the ensemble itself.

    Attributes
    ----------
    rows : Rows or None
        That were not in the fit.
    metrics : sequence of Metric
        Beyond those of the leaderboard.
    page : Path or None
        The report, if it is written already.
    prefix : str
    pictures : bool
    """

    rows: Rows | None = None
    metrics: Sequence[Metric] = ()
    page: Path | None = None
    prefix: str = ""
    pictures: bool = True


def log(ensemble: Any, what: Logged) -> None:
    """Log a fit to the active run, or to a new one."""
    mlflow = client()
    told = {f"{what.prefix}/{name}" if what.prefix else name: text for name, text in parameters(ensemble).items()}
    once = {(one.name, one.step): one for one in (*metrics(ensemble), *what.metrics)}
    values = _below(what.prefix, once.values())
    run = mlflow.active_run() or mlflow.start_run()
    speaker, run_id = mlflow.MlflowClient(), run.info.run_id
    _check_parameters(told, speaker.get_run(run_id).data.params)
    entities = mlflow.entities
    for some in _in_parts([entities.Param(name, text) for name, text in told.items()]):
        speaker.log_batch(run_id, params=some)
    now = int(time.time() * 1000)
    for some in _in_parts([entities.Metric(one.name, one.value, now, one.step) for one in values]):
        speaker.log_batch(run_id, metrics=some)
    speaker.set_tag(run_id, "byoe.version", __version__)
    with tempfile.TemporaryDirectory() as folder:
        _write_files(ensemble, what, Path(folder))
        speaker.log_artifacts(run_id, folder, what.prefix or None)


def _check_parameters(told: Mapping[str, str], there: Mapping[str, str]) -> None:
    for name, text in told.items():
        if there.get(name, text) != text:
            raise ParameterError(
                f"the run has the parameter {name} = {there[name][:60]!r} already, and of this fit it is "
                f"{text[:60]!r}: MLflow never changes a parameter. Log the fit to a run of its own, or with a "
                "prefix, such as prefix='second'"
            )


def _below(prefix: str, named: Iterable[Metric]) -> list[Metric]:
    return [one._replace(name=f"{prefix}/{one.name}" if prefix else one.name) for one in named]


def _in_parts(entities: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (entities[start : start + _MOST] for start in range(0, len(entities), _MOST))


def _write_files(ensemble: Any, what: Logged, folder: Path) -> None:
    """Write what a run keeps of a fit for people: no rows of the data."""
    board = ensemble.leaderboard_
    texts = {
        "leaderboard.json": json.dumps(board, indent=1, default=str),
        "leaderboard.txt": f"{board}\n",
    }
    with suppress(SpecError):  # a member of a notebook, of which no file can tell
        texts["spec.json"] = json.dumps(to_spec(ensemble, lenient=True), indent=1)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    if what.page is None:
        ensemble._report(folder / "report.html", what.rows, pictures=what.pictures)
    else:
        copy2(what.page, folder / "report.html")
    if what.pictures:
        write_pictures(ensemble, what.rows, folder / "pictures")
