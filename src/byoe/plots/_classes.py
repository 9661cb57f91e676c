"""Pictures of classes: how often a probability is right, and what a threshold costs."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, average_precision_score, confusion_matrix, precision_recall_curve, roc_curve

from ..contracts._task import FloatArray
from ..errors import InputError, ParameterError
from ._canvas import COLOURS, DASHES, canvas, cells, ink, label, legend, of_unit_square, short, shortened
from ._known import Known, checked, known_rows, of_kind, place_of, target_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._known import Ensemble

_LETTERS = 16  # of a class, in a legend
_HALF = 0.5


def reliability(ensemble: Ensemble, X: Any = None, y: Any = None, *, bins: int = 10, ax: Axes | None = None) -> Axes:
    """Draw how often a class comes true among rows of the same predicted probability.

    The rows are cut into ``bins`` of the same number of rows. Every row counts the same, whatever its weight.
    Of two classes there is one curve, that of the second; of more, or of several labels, one for each.

    Parameters
    ----------
    ensemble : EnsembleClassifier
        Fitted, with a blender that gives probabilities.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
    bins : int, default=10
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        For a regression, a blender without probabilities, or no rows at all: without out-of-fold data X and y are
        needed.
    InputError
        When X or y is not like those of the fit, or no class is both present and absent.
    """
    known = _with_probabilities(ensemble, X, y, "the reliability curve")
    if not isinstance(bins, int) or bins < 2:
        raise ParameterError(f"bins is {bins!r}, expected a whole number of at least 2")
    curves = list(_curves(ensemble, known))
    ax = canvas(ax)
    for number, (name, hit, probability) in enumerate(curves):
        share, mean = calibration_curve(hit, probability, n_bins=bins, strategy="quantile")
        _line(ax, mean, share, number, name, marker="o", markersize=4)
    ax.plot([0, 1], [0, 1], color=ink(), linestyle="--", linewidth=1, label="calibrated")
    label(ax, f"predicted probability{_of(ensemble)}", f"observed share{_of(ensemble)}")
    of_unit_square(ax)
    legend(ax, "upper left")
    return ax


def roc(ensemble: Ensemble, X: Any = None, y: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the true against the false positive rate over all thresholds, with the area below.

    Of two classes there is one curve, that of the second; of more one for each against the rest, and of several
    labels one for each. Weights of the fit count.

    Parameters
    ----------
    ensemble : EnsembleClassifier
        Fitted, with a blender that gives probabilities.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        As `reliability`.
    InputError
        As `reliability`.
    """
    known = _with_probabilities(ensemble, X, y, "the ROC curve")
    curves = list(_curves(ensemble, known))
    ax = canvas(ax)
    for number, (name, hit, probability) in enumerate(curves):
        false, true, _ = roc_curve(hit, probability, sample_weight=known.weight)
        _line(ax, false, true, number, f"{name}, area {auc(false, true):.3f}")
    ax.plot([0, 1], [0, 1], color=ink(), linestyle="--", linewidth=1, label="chance")
    label(ax, f"false positive rate{_of(ensemble)}", f"true positive rate{_of(ensemble)}")
    of_unit_square(ax)
    legend(ax, "lower right")
    return ax


def precision_recall(ensemble: Ensemble, X: Any = None, y: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw the precision against the recall over all thresholds, with the average precision.

    Of two classes there is one curve, that of the second, and a dashed line for its share of the rows, which
    chance reaches; of more one for each against the rest, and of several labels one for each. Weights of the
    fit count.

    Parameters
    ----------
    ensemble : EnsembleClassifier
        Fitted, with a blender that gives probabilities.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        As `reliability`.
    InputError
        As `reliability`.
    """
    known = _with_probabilities(ensemble, X, y, "the precision-recall curve")
    curves = list(_curves(ensemble, known))
    ax = canvas(ax)
    for number, (name, hit, probability) in enumerate(curves):
        precision, recall, _ = precision_recall_curve(hit, probability, sample_weight=known.weight)
        average = average_precision_score(hit, probability, sample_weight=known.weight)
        _line(ax, recall, precision, number, f"{name}, average {average:.3f}", drawstyle="steps-post")
    if len(curves) == 1:
        chance = np.average(curves[0][1], weights=known.weight)
        ax.axhline(chance, color=ink(), linestyle="--", linewidth=1, label="chance")
    label(ax, f"recall{_of(ensemble)}", f"precision{_of(ensemble)}")
    of_unit_square(ax)
    legend(ax, "lower left")
    return ax


def confusion(
    ensemble: Ensemble,
    X: Any = None,
    y: Any = None,
    *,
    threshold: float | None = None,
    output: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each class is taken for each other one.

    The cells hold numbers of rows, or sums of their weights where the fit had some; the colours, and the
    percentages, are shares of the actual class.

    Parameters
    ----------
    ensemble : EnsembleClassifier
        Fitted.
    X : array-like or frame of shape (n_samples, n_features), default=None
        None takes the cross-validated predictions of the rows of the fit.
    y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
    threshold : float, default=None
        Of two classes the second is predicted from this probability on, above 0 and below 1. None means as
        ``predict`` does.
    output : default=None
        Of several labels which one, by its number or its name.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        For a regression, a label that is none, a threshold where there are more than two classes or no
        probabilities, or no rows at all: without out-of-fold data X and y are needed.
    InputError
        When X or y is not like those of the fit.
    """
    picture = "the confusion matrix"
    _of_classes(ensemble, picture)
    place = place_of(ensemble, output, picture)
    if threshold is not None:
        _check_threshold(ensemble, threshold)
    known = known_rows(ensemble, X, y, picture).of(place)
    predicted = _predicted(ensemble, known, threshold)
    codes = np.arange(ensemble._task.n_classes)
    counts = confusion_matrix(known.y, predicted, labels=codes, sample_weight=known.weight).astype(np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    texts = [
        [_cell(count, share, len(codes)) for count, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    ax = canvas(ax, rows=len(codes), columns=len(codes))
    cells(ax, shares, texts, list(map(str, ensemble.class_labels)), (0.0, 1.0))
    used = ensemble._threshold if threshold is None else threshold
    at = "" if used is None else f"\nat a threshold of {used:.3g}"
    what = "class" if place is None else f"value of {target_name(ensemble, place)}"
    label(ax, f"predicted {what}{' (out-of-fold)' if known.out_of_fold else ''}{at}", f"actual {what}")
    return ax


def _predicted(ensemble: Ensemble, known: Known, threshold: float | None) -> NDArray[Any]:
    """Return the codes of the predicted classes, or of one label, as a threshold has them or as ``predict`` does."""
    if known.prediction.ndim == 1:
        return known.prediction > _HALF if threshold is None else known.prediction >= threshold
    return ensemble._codes(known.prediction, known.threshold if threshold is None else threshold)


def _cell(count: float, share: float, n_classes: int) -> str:
    return f"{count:.6g}" + (f"\n{100 * share:.0f} %" if n_classes <= 8 else "")


def _check_threshold(ensemble: Ensemble, threshold: Any) -> None:
    if not isinstance(threshold, Real) or not 0 < float(threshold) < 1:
        raise ParameterError(f"threshold is {threshold!r}, expected a probability above 0 and below 1")
    if ensemble._task.n_classes > 2:
        raise ParameterError(
            f"a threshold is for two classes, and the ensemble has {ensemble._task.n_classes}; leave it out for the "
            "most probable class"
        )
    _gives_probabilities(ensemble, "a threshold")


def _of_classes(ensemble: Ensemble, picture: str) -> None:
    checked(ensemble)
    of_kind(ensemble._task, "classification", picture, "plots.predictions and plots.residuals")


def _gives_probabilities(ensemble: Ensemble, picture: str) -> None:
    if not ensemble.blender_.gives_probabilities:
        raise ParameterError(
            f"{picture} needs probabilities, and blender {ensemble.blender_.name!r} only votes for a class; "
            "reblend('weighted') or 'mean' gives them"
        )


def _with_probabilities(ensemble: Ensemble, X: Any, y: Any, picture: str) -> Known:
    _of_classes(ensemble, picture)
    _gives_probabilities(ensemble, picture)
    return known_rows(ensemble, X, y, picture)


def _curves(ensemble: Ensemble, known: Known) -> Iterator[tuple[str, NDArray[np.bool_], FloatArray]]:
    """Yield the name, the truth and the probability of every class, or label, that is both present and absent."""
    task, names = ensemble._task, shortened(ensemble.class_names, _LETTERS)
    hits = known.y == 1 if task.is_multilabel else known.y[:, None] == np.arange(task.n_classes)
    what = "label" if task.is_multilabel else "class"
    columns = [1] if hits.shape[1] == 2 and not task.is_multilabel else range(hits.shape[1])
    varies = [column for column in columns if hits[:, column].any() and not hits[:, column].all()]
    if not varies:
        raise InputError(f"y holds one {what} only, and a curve takes rows with a {what} and rows without it")
    for column in varies:
        name = "blend" if len(columns) == 1 else f"{what} {names[column]}"
        yield name, hits[:, column], known.prediction[:, column]


def _of(ensemble: Ensemble) -> str:
    """Return of which class a single curve is."""
    task = ensemble._task
    return f" of {short(ensemble.class_names[1])}" if task.n_classes == 2 and not task.is_multilabel else ""


def _line(ax: Axes, x: FloatArray, y: FloatArray, number: int, name: str, **style: Any) -> None:
    dashes = DASHES[number // len(COLOURS) % len(DASHES)]
    ax.plot(x, y, color=COLOURS[number % len(COLOURS)], linestyle=dashes, label=name, clip_on=False, **style)
