"""The rows that a picture is of: those of the fit as models that did not see them predict them, or new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..contracts._task import FloatArray, Task
from ..data._input import read_known_target
from ..errors import InputError, ParameterError
from ..fitted._predicting import Predicting
from ..fitted._threshold import by_row

if TYPE_CHECKING:
    from ..ensemble._classifier import EnsembleClassifier
    from ..ensemble._regressor import EnsembleRegressor

    # Written out, since whoever reports of an ensemble is imported by it.
    Ensemble: TypeAlias = EnsembleRegressor | EnsembleClassifier


@dataclass(frozen=True)
class Known:
    """What is so, and what the ensemble predicted.

    Attributes
    ----------
    y : array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or codes of the classes.
    prediction : array of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_outputs)
    weight : array of shape (n_rows,) or None
    out_of_fold : bool
        Whether the rows are those of the fit.
    threshold : array of shape (n_rows,) or None
        From which probability on the second of two classes is predicted for each; None as for any other row.
    """

    y: NDArray[Any]
    prediction: FloatArray
    weight: FloatArray | None
    out_of_fold: bool
    threshold: FloatArray | None = None


def checked(ensemble: Any) -> None:
    """Raise an error for what is no fitted ensemble."""
    if not isinstance(ensemble, Predicting):
        raise ParameterError(
            f"ensemble is {type(ensemble).__name__}, expected a fitted EnsembleRegressor or EnsembleClassifier"
        )
    check_is_fitted(ensemble, "members_")


def with_out_of_fold(ensemble: Ensemble, picture: str, instead: str = "") -> None:
    """Raise an error for an ensemble that does not know the rows of its fit."""
    checked(ensemble)
    if ensemble._out_of_fold is None:
        raise ParameterError(
            f"{picture} is drawn from out-of-fold data, which this ensemble was saved without; {instead}load a bundle "
            "that was saved with oof=True"
        )


def known_rows(ensemble: Ensemble, X: Any, y: Any, picture: str) -> Known:
    """Return the rows of the fit that have a cross-validated blend and a weight, or those that are passed."""
    checked(ensemble)
    if X is None and y is None:
        with_out_of_fold(ensemble, picture, "pass X and y, or ")
        oof = ensemble._oof
        rows = oof.scored & (oof.weights > 0)
        if not rows.any():
            raise ParameterError(
                f"{picture} needs predictions of the blend for rows that it did not see, and these folds leave none; "
                "pass X and y of other rows"
            )
        weight = None if oof.weight is None else oof.weight[rows]
        record = ensemble._record
        served = record.threshold
        threshold = None if served is None else by_row(record.fold_thresholds, oof.plan, record.seed, served)[rows]
        return Known(oof.y[rows], oof.blend[rows], weight, out_of_fold=True, threshold=threshold)
    if X is None or y is None:
        given, missing = ("y", "X") if X is None else ("X", "y")
        raise InputError(f"{given} is given without {missing}; pass both, or neither for the rows of the fit")
    table = ensemble._read(X)
    target = read_known_target(y, len(table), ensemble._task)
    return Known(target, ensemble._blended(table), None, out_of_fold=False)


def of_one_target(task: Task, picture: str) -> None:
    """Raise an error for several targets or labels."""
    if task.n_outputs > 1:
        what = "labels" if task.is_classification else "targets"
        raise ParameterError(
            f"{picture} is of one {what[:-1]}, and the ensemble has {task.n_outputs} {what}; fit one ensemble for each"
        )


def of_kind(task: Task, kind: str, picture: str, instead: str) -> None:
    """Raise an error for an ensemble of another task."""
    if task.kind != kind:
        raise ParameterError(f"{picture} is of {kind}, and this is an ensemble for {task.kind}; see {instead}")


def target_name(ensemble: Ensemble) -> str:
    """Return what the target is called; empty where it has no name."""
    names = ensemble._record.target.get("names") or [None]
    return str(names[0]) if len(names) == 1 and names[0] is not None else ""
