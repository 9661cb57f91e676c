"""Blenders as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..blenders._calibrated import SMALLEST, Calibrated
from ..blenders._meta_model import MetaModel
from ..blenders._per_output import PerLabel, PerOutput
from ..blenders._weighting import Weighting
from ..blenders.adjusted import Adjusted
from ..blenders.meta_linear import SMALLEST_PROBABILITY, MetaLinear
from ..blenders.vote import Vote
from ..contracts._blender import Blender
from ..contracts._onnx import BlenderToOnnx
from ..contracts._task import Task
from . import _sklearn as models
from ._graph import INT64, Graph, NotExportableError
from ._plugins import of_blender


def blended(graph: Graph, blender: Blender, predictions: Mapping[int, str], features: str | None, task: Task) -> str:
    """Return the blend of the predictions of those members that are used.

    Parameters
    ----------
    graph : Graph
    blender : Blender
        A fitted one, in use.
    predictions : mapping of a member's place to the name of its predictions
        Of shape (n_rows, n_outputs) or (n_rows, n_classes).
    features : str or None
        What is passed through, of shape (n_rows, n_passed).
    task : Task
    """
    if isinstance(blender, BlenderToOnnx):
        return of_blender(graph, blender, predictions, features, task)
    # A subclass with a predict of its own blends in another way.
    same = (convert for kind, convert in _CONVERTERS if type(blender).predict is kind.predict)
    convert = next(same, None)
    if convert is None:
        raise NotExportableError(
            f"{type(blender).__name__} is not one of byoe's own blenders, and has no method "
            "to_onnx(graph, predictions, features)"
        )
    return convert(graph, blender, predictions, features, task)


def _per_output(
    graph: Graph, blender: PerOutput, predictions: Mapping[int, str], features: str | None, _task: Task
) -> str:
    parts = []
    for output, part in enumerate(blender.blenders_):
        own = {place: graph.columns(name, [output]) for place, name in predictions.items()}
        parts.append(blended(graph, part.in_use, own, features, Task("regression")))
    return graph.join(parts)


def _per_label(
    graph: Graph, blender: PerLabel, predictions: Mapping[int, str], features: str | None, task: Task
) -> str:
    parts = []
    for label, part in enumerate(blender.blenders_):
        own = {place: graph.both(graph.columns(name, [label])) for place, name in predictions.items()}
        parts.append(graph.columns(blended(graph, part.in_use, own, features, task.of_one_output), [1]))
    return graph.join(parts)


def _weighting(graph: Graph, blender: Weighting, predictions: Mapping[int, str], _: str | None, _task: Task) -> str:
    shares = [(name, float(blender.weights_[place])) for place, name in predictions.items()]
    parts = [graph.scale(name, weight) for name, weight in shares if weight != 0]
    return parts[0] if len(parts) == 1 else str(graph.op("Sum", *parts))


def _adjusted(graph: Graph, blender: Adjusted, predictions: Mapping[int, str], features: str | None, task: Task) -> str:
    blend = _weighting(graph, blender, predictions, features, task)
    if task.is_classification:
        blend = graph.op("Log", graph.op("Max", blend, graph.constant(SMALLEST)))
    values = graph.add(graph.scale(blend, blender.slope_), blender.offsets_)
    return graph.link(values, "softmax") if task.is_classification else values


def _meta_linear(
    graph: Graph, blender: MetaLinear, predictions: Mapping[int, str], features: str | None, task: Task
) -> str:
    coef = np.atleast_2d(blender.coef_)
    each = max(1, task.n_classes)
    places = [place * each + i for place in predictions for i in range(each)]
    inputs = list(predictions.values())
    if task.is_classification:
        bounds = graph.constant(SMALLEST_PROBABILITY), graph.constant(1.0)
        inputs = [graph.op("Log", graph.op("Clip", name, *bounds)) for name in inputs]
    if features is not None:
        width = len(blender._center)
        places += range(coef.shape[1] - width, coef.shape[1])
        scaled = graph.divide(graph.add(features, -blender._center), blender._scale)
        inputs.append(graph.op("Where", graph.op("IsNaN", scaled), graph.constant(0.0), scaled))
    if not inputs:
        raise NotExportableError("it uses no member")
    values = graph.linear(graph.join(inputs), coef[:, places], np.ravel(blender.intercept_))
    return graph.link(values, "softmax") if task.is_classification else values


def _vote(graph: Graph, blender: Vote, predictions: Mapping[int, str], _: str | None, task: Task) -> str:
    inputs = list(predictions.values())
    if not task.is_classification:
        return _median(graph, inputs)
    if blender.gives_probabilities:
        return graph.mean(inputs)
    votes = graph.op("Concat", *(graph.op("ArgMax", name, axis=1, keepdims=1) for name in inputs), axis=1)
    classes = graph.constant(np.arange(task.n_classes), np.int64)
    hits = graph.cast(graph.op("Equal", graph.op("Unsqueeze", votes, graph.integers(2)), classes))
    return graph.divide(graph.total(hits, keep=False), float(len(inputs)))


def _median(graph: Graph, predictions: Sequence[str]) -> str:
    count = len(predictions)
    stacked = graph.with_row(graph.join(predictions), count)
    ordered, _ = graph.op("TopK", stacked, graph.integers(count), outputs=2, axis=1, largest=0, sorted=1)
    ordered = graph.without_row(ordered)
    return graph.mean([graph.columns(ordered, [place]) for place in sorted({(count - 1) // 2, count // 2})])


def _meta_model(graph: Graph, blender: MetaModel, predictions: Mapping[int, str], _: str | None, task: Task) -> str:
    inputs = graph.join([graph.columns(name, [1]) if task.n_classes == 2 else name for name in predictions.values()])
    model = blender.estimator_
    if not task.is_classification:
        return models.estimator(graph, model, inputs, task)
    classes = blender.columns
    found = models.estimator(graph, model, inputs, Task("classification", len(classes)))
    if not blender.gives_probabilities:
        best = graph.op("ArgMax", found, axis=1, keepdims=1)
        found = graph.cast(graph.op("Equal", best, graph.constant(np.arange(len(classes)), np.int64)))
    return found if classes == list(range(task.n_classes)) else graph.scatter(found, classes, task.n_classes)


# -- calibration ---------------------------------------------------------------------


def _calibrated(
    graph: Graph, blender: Calibrated, predictions: Mapping[int, str], features: str | None, task: Task
) -> str:
    p = blended(graph, blender.inner_, predictions, features, task)
    method, learned = blender.calibration().values()
    if method == "temperature":
        logs = graph.op("Log", graph.op("Max", p, graph.constant(SMALLEST)))
        return graph.link(graph.divide(logs, learned), "softmax")
    places = [1] if task.n_classes == 2 else range(task.n_classes)
    mapping = _sigmoid if method == "sigmoid" else _isotonic
    mapped = [mapping(graph, own, graph.columns(p, [place])) for place, own in zip(places, learned, strict=True)]
    if task.n_classes == 2:
        return graph.both(mapped[0])
    stacked = graph.join(mapped)
    total = graph.total(stacked)
    some = graph.op("Greater", total, graph.constant(0.0))
    scaled = graph.op("Div", stacked, graph.op("Where", some, total, graph.constant(1.0)))
    return str(graph.op("Where", some, scaled, p))


def _sigmoid(graph: Graph, learned: Sequence[float], p: str) -> str:
    slope, intercept = learned
    p = graph.op("Clip", p, graph.constant(1e-12), graph.constant(1 - 1e-12))
    odds = graph.op("Log", graph.op("Div", p, graph.op("Sub", graph.constant(1.0), p)))
    return graph.link(graph.add(graph.scale(odds, slope), intercept), "logistic")


def _isotonic(graph: Graph, learned: Sequence[Sequence[float]], p: str) -> str:
    """Interpolate between the steps, as ``numpy.interp`` does."""
    x, y = (np.asarray(values, dtype=np.float64) for values in learned)
    if len(x) == 1:
        return graph.repeated(y[:1], p)
    p = graph.op("Clip", p, graph.constant(x[0]), graph.constant(x[-1]))
    # The last step that is not above, save the end of the last one.
    reached = graph.op("GreaterOrEqual", p, graph.constant(x[1:-1]))
    step = graph.total(graph.cast(reached, to=INT64), keep=True) if len(x) > 2 else None
    start, level, slope = (
        graph.constant(values[0]) if step is None else graph.op("Gather", graph.constant(values), step, axis=0)
        for values in (x[:-1], y[:-1], np.diff(y) / np.diff(x))
    )
    return str(graph.op("Add", graph.op("Mul", graph.op("Sub", p, start), slope), level))


_CONVERTERS: tuple[tuple[type[Blender], Callable[[Graph, Any, Mapping[int, str], str | None, Task], str]], ...] = (
    (PerOutput, _per_output),
    (PerLabel, _per_label),
    (Calibrated, _calibrated),
    (Adjusted, _adjusted),
    (Weighting, _weighting),
    (MetaLinear, _meta_linear),
    (Vote, _vote),
    (MetaModel, _meta_model),
)
