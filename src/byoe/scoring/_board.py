"""What a leaderboard holds: the scores of a fitted ensemble, on rows that its models did not see or on new ones."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts._blender import Blender
from ..contracts._task import FloatArray, Task
from ..data._table import Table
from ..fitted._failing import blended_by
from ..fitted._out_of_fold import OutOfFold
from ..fitted._predicting import Predicting
from ..fitted._record import FitRecord
from ..fitted._threshold import by_row, labelled
from ._leaderboard import BASELINE, BLEND, Leaderboard
from ._metrics import Metric
from ._scoring import Scoring
from ._threshold import as_served

# A weight that is shown as one.
_ALL = 0.995
# A difference of fewer standard errors is noise.
_ERRORS = 2.0
_UNITS = {
    "rmse": "in units of the target",
    "mae": "in units of the target",
    "mse": "in squared units of the target",
    "r2": "the share of the variance that is explained",
    "log_loss": "in nats",
    "accuracy": "the share of rows that are right",
    "roc_auc": "the area under the ROC curve",
}
# So few whole numbers, in so many rows each, may be classes.
_FEW, _MANY = 10, 10
_SERVED = ("models", "fit_seconds", "predict_ms")


def board(
    ensemble: Predicting, record: FitRecord, scoring: Scoring, features: FloatArray | None, *, asked: Blender
) -> tuple[float, Leaderboard]:
    """Return the score estimate and the leaderboard of an ensemble whose blender is fitted.

    Parameters
    ----------
    ensemble : Predicting
    record : FitRecord
    scoring : Scoring
    features : array of shape (n_rows, n_passed) or None
    asked : Blender
        The one that was to be fitted, which may have chosen another.
    """
    oof, metric = ensemble._oof, scoring.metric
    as_scored = scored_blend(record, oof, metric)
    blend = as_scored if oof.scored.any() and scoring.blend_value(as_scored) is not None else None
    members = {label: oof.predictions[:, column] for column, label in enumerate(ensemble.members_)}
    rows = []
    for row, prediction in _compared(ensemble, scoring, blend, members, _guesses(oof, ensemble._task, metric)):
        label = row["member"]
        about: dict[str, Any] = dict.fromkeys(("weight", "finalize", *_SERVED))
        if prediction is not blend and label in members:
            member = ensemble.members_[label]
            per_model = record.predict_seconds[label] * 1e6
            times = (len(member.models), record.fit_seconds[label], per_model * len(member.models))
            about = dict(zip(about, (_weight(ensemble, label), member.finalize, *times), strict=True))
        spread = None if row[metric.name] is None or prediction is None else scoring.spread(prediction)
        rows.append({**row, "spread": spread, "in_sample": None, **about})
    rows[0]["in_sample"] = _in_sample(ensemble, scoring, features)
    told = [*_target_notes(ensemble, record), *_decision_notes(ensemble, record), *_layer_notes(record)]
    told += [note_of_budget(record)] if record.budget else []
    told += [f"pruned: {one}" for one in record.pruned]
    found = Leaderboard(rows, [*_notes(ensemble, metric, rows, asked), *told])
    add_up(found)
    return math.nan if blend is None else metric.score(rows[0][metric.name]), found


def note_of_budget(record: FitRecord) -> str:
    """Return what became of the time limit, as a leaderboard notes it."""
    return f"time_limit: {record.budget}"


def scored_blend(record: FitRecord, oof: OutOfFold, metric: Metric) -> FloatArray:
    """Return the cross-validated blend as a metric looks at it: by the threshold, each row by that of its folds."""
    if record.threshold is None or not metric.decides:
        return oof.blend
    thresholds = by_row(record.fold_thresholds, oof.plan, record.seed, record.threshold)
    return labelled(oof.blend, thresholds)


def add_up(board: Leaderboard) -> None:
    """Write into the row of the blend what all members together take."""
    board[0] |= {key: sum(row[key] for row in board[1:] if row[key] is not None) for key in _SERVED}


def board_of_rows(
    ensemble: Predicting,
    known: OutOfFold | None,
    metric: Metric,
    table: Table,
    y: NDArray[Any],
    weight: FloatArray | None,
) -> Leaderboard:
    """Return the scores of the blend and of every member on rows that none of them has seen.

    Parameters
    ----------
    ensemble : Predicting
    known : OutOfFold or None
        Of the fit, for the baseline.
    metric : Metric
    table : Table
    y : array of shape (n_rows,) or (n_rows, n_outputs)
        float64, or codes of the classes.
    weight : array of shape (n_rows,) or None
    """
    seconds: dict[str, float] = {}
    predictions = np.zeros((len(table), len(ensemble.members_), *ensemble._task.width))
    said: dict[str, FloatArray] = {}
    for column, (label, member) in enumerate(ensemble.members_.items()):
        started = time.perf_counter()
        said[label] = predictions[:, column] = member.predict(table, ensemble._threads(table), said)
        seconds[label] = time.perf_counter() - started
    guess, shape = None, (len(table), *ensemble._task.width)
    if known is not None:
        guess = np.broadcast_to(_guess(known.y, known.weight, ensemble._task, metric), shape)
    classes = getattr(ensemble, "classes_", None)
    scoring = Scoring(metric, y, weight, classes, np.ones(len(table), dtype=bool), ())
    blend = as_served(ensemble, ensemble._blended(table, predictions), metric)
    members = {label: predictions[:, column] for column, label in enumerate(ensemble.members_)}
    rows = []
    for row, prediction in _compared(ensemble, scoring, blend, members, guess):
        label = row["member"]
        took = sum(seconds.values()) if prediction is blend else seconds.get(label)
        weight_of = _weight(ensemble, label) if prediction is not blend else None
        rows.append({**row, "weight": weight_of, "predict_ms": None if took is None else took / len(table) * 1e6})
    return Leaderboard(rows, [_unit(metric), _NOISE])


def _compared(
    ensemble: Predicting,
    scoring: Scoring,
    blend: FloatArray | None,
    members: Mapping[str, FloatArray],
    guess: FloatArray | None,
) -> Iterator[tuple[dict[str, Any], FloatArray | None]]:
    """Yield the blend, the members from the best one on, and the baseline: scored and compared to the best member."""
    metric = scoring.metric
    scores: dict[str, float | None] = {}
    for label, prediction in members.items():
        suits = ensemble.members_[label].learner.gives_probabilities or not metric.needs_probabilities
        scores[label] = scoring.value_if_defined(prediction) if suits else None
    worth = {label: -math.inf if value is None else metric.score(value) for label, value in scores.items()}
    ranked = sorted(members, key=lambda label: -worth[label])
    best = members[ranked[0]] if scores[ranked[0]] is not None else None
    value = None if blend is None else scoring.value_if_defined(blend)
    yield _row(BLEND, value, scoring, blend, best), blend
    for label in ranked:
        prediction = members[label]
        yield _row(label, scores[label], scoring, prediction, None if prediction is best else best), prediction
    if guess is not None and BASELINE not in members:
        yield _row(BASELINE, scoring.value_if_defined(guess), scoring, guess, best), guess


def _row(
    label: str, value: float | None, scoring: Scoring, prediction: FloatArray | None, best: FloatArray | None
) -> dict[str, Any]:
    difference, error = None, None
    if prediction is not None and best is not None and value is not None:
        difference, error = scoring.difference(prediction, best)
    verdict = None
    if difference is not None and error is not None:
        verdict = "better" if scoring.metric.score(difference) > 0 else "worse"
        if abs(difference) <= _ERRORS * error:
            verdict = "noise" if error > 0 else "equal"
    metric = scoring.metric.name
    return {"member": label, metric: value, "vs_best": difference, "std_error": error, "verdict": verdict}


def _guesses(oof: OutOfFold, task: Task, metric: Metric) -> FloatArray:
    """Return what a guess from the targets of each fold's training rows is for the rows that it predicts."""
    sums = np.zeros((len(oof.y), *task.width))
    for train, test in oof.plan.folds:
        weight = None if oof.weight is None else oof.weight[train]
        np.add.at(sums, test, _guess(oof.y[train], weight, task, metric))
    return np.asarray(sums / np.maximum(oof.plan.counts, 1).reshape(-1, *[1] * (sums.ndim - 1)))


def _guess(y: NDArray[Any], weight: FloatArray | None, task: Task, metric: Metric) -> FloatArray:
    """Return the constant that is best for a target: its mean, or the quantile that the metric asks for; or shares."""
    weight = np.ones(len(y)) if weight is None or not weight.any() else weight
    if task.is_classification and not task.is_multilabel:
        return np.asarray(np.bincount(y, weight, task.n_classes) / weight.sum())
    loss = metric.row_loss
    if loss is None or loss.level is None or y.ndim > 1:
        return np.asarray(np.average(y, axis=0, weights=weight), dtype=np.float64)
    weight = weight / loss.unit(y)
    order = np.argsort(y)
    place = np.searchsorted(np.cumsum(weight[order]), loss.level * weight.sum())
    return np.asarray(y[order][min(place, len(y) - 1)], dtype=np.float64)


def _weight(ensemble: Predicting, label: str) -> float | None:
    weights = getattr(ensemble.blender_, "weights_", None)
    if weights is None or label not in ensemble.members_:
        return None
    return float(np.mean(weights[list(ensemble.members_).index(label)]))


def _in_sample(ensemble: Predicting, scoring: Scoring, features: FloatArray | None) -> float | None:
    """Return the metric of the blender on rows that it has learned from."""
    known = ensemble._oof.predictions[scoring.rows]
    passed = None if features is None else features[scoring.rows]
    blended = blended_by(ensemble.blender_, known, passed, ensemble._task)
    prediction = np.zeros((len(scoring.y), *blended.shape[1:]))
    prediction[scoring.rows] = as_served(ensemble, blended, scoring.metric)
    return scoring.value_if_defined(prediction)


_NOISE = "verdict: of the difference to the best member; noise, where it is less than two standard errors"


def _unit(metric: Metric) -> str:
    unit = f"{_UNITS[metric.name]}, " if metric.name in _UNITS else ""
    return f"{metric.name}: {unit}{'more' if metric.greater_is_better else 'less'} is better"


def _notes(ensemble: Predicting, metric: Metric, rows: Sequence[dict[str, Any]], asked: Blender) -> Iterator[str]:
    yield _unit(metric)
    yield _NOISE
    yield f"blend: {_blended_by(ensemble, asked)}"
    yield from _ranges(ensemble, rows)
    if rows[-1]["member"] == BASELINE and BASELINE not in ensemble.members_:
        what = "the shares of the classes" if ensemble._task.is_classification else "the mean of the target"
        level = None if metric.row_loss is None else metric.row_loss.level
        if level is not None and ensemble._task.n_outputs == 1:
            what = f"the {level:.0%} quantile of the target" if level != 0.5 else "the median of the target"
        yield f"baseline: {what} in the training rows, for every row"


def _target_notes(ensemble: Predicting, record: FitRecord) -> Iterator[str]:
    y = ensemble._oof.y
    if not ensemble._task.is_classification and y.ndim == 1 and len(y) > _MANY * _FEW:
        values = np.unique(y)
        if len(values) <= _FEW and (values == np.round(values)).all():
            listed = ", ".join(f"{value:g}" for value in values)
            yield f"target: {listed} are numbers here; EnsembleClassifier would take them as classes"
    if record.transforms:
        names = [name or "as it is" for name in record.transforms]
        what = names[0] if len(set(names)) == 1 else ", ".join(f"{i}: {name}" for i, name in enumerate(names))
        asked = getattr(ensemble, "target_transform", None)
        if isinstance(asked, str) and asked == "auto":
            users = ", ".join(_on_another_scale(ensemble)) or "no member"
            yield f"target: {what} was tried on rows inside the folds, and is in use by {users}"
        else:
            yield f"target: members were fitted on it transformed ({what}), and predict it in its own units"


def _on_another_scale(ensemble: Predicting) -> Iterator[str]:
    """Yield the members whose models have the target transformed, with how many of them where not all have."""
    for label, member in ensemble.members_.items():
        models = list(member.models)
        count = sum(any(getattr(model, "transforms", ())) for model in models)
        if count:
            yield label if count == len(models) else f"{label} ({count} of {len(models)} models)"


def _decision_notes(ensemble: Predicting, record: FitRecord) -> Iterator[str]:
    if getattr(ensemble, "class_weight", None) is not None:
        yield (
            "class_weight: members and blender learn with it, so that the probabilities are those of rows weighted so; "
            "the scores, and calibrate, count the rows as they are"
        )
    if record.threshold is not None:
        found = ", found on rows that no model saw; the scores are by thresholds found without the rows of each fold"
        yield (
            f"threshold: {ensemble.class_names[1]} is predicted from a probability of {record.threshold:.3g} on"
            + (found if record.fold_thresholds else "")
        )


def _layer_notes(record: FitRecord) -> Iterator[str]:
    if record.second_layer:
        yield f"second layer: {record.second_layer}"


def _blended_by(ensemble: Predicting, asked: Blender) -> str:
    """Return which blender is in use, and where it was chosen, what was chosen without each fold."""
    served = _names(ensemble.blender_)
    if asked.name != "auto":
        return served
    choices = Counter(_names(blender) for blender in ensemble._held_out)
    if not choices:
        return f"{served}, chosen by auto"
    often = ", ".join(f"{name} {count}" for name, count in choices.most_common())
    return f"{served}, chosen by auto on all rows; without each of the {choices.total()} folds it chose: {often}"


def _names(blender: Blender) -> str:
    return " and ".join(dict.fromkeys(one.name for one in blender.of_each_target()))


def _ranges(ensemble: Predicting, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield why the scores of the blend and of a member with all the weight may differ."""
    labels = list(ensemble.members_)
    all_weights = [getattr(blender, "weights_", None) for blender in ensemble._held_out]
    for row in rows[1:]:
        if row["weight"] is None or row["weight"] < _ALL or len(labels) == 1:
            continue
        column = labels.index(row["member"])
        told = [float(np.mean(weights[column])) for weights in all_weights if weights is not None]
        if told and len(told) == len(all_weights):
            if min(told) >= _ALL:
                continue
            there = f", in which it weighs {min(told):.2f} to {max(told):.2f}"
        else:
            there = ""
        yield (
            f"{row['member']} has all the weight in the blender of all rows, which is served; the blend's score is of "
            f"blenders that were fitted without the rows{there}"
        )
