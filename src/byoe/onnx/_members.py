"""Models of members as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..contracts._constant import ConstantModel
from ..contracts._onnx import ModelToOnnx
from ..contracts._task import Task
from ..data._column import Column
from ..data._encoder import Encoder
from ..data._features import sources_of
from ..fitted._models import FoldModel
from ..fitted._target_transform import Transformer
from ..learners._estimator import EstimatorModel
from ..learners._forest_model import ForestModel
from ..learners._networks import FAR, FLAT, NetworksModel
from ..learners.catboost import CatBoostModel
from ..learners.lightgbm import LightGBMModel
from ..learners.linear import LinearModel
from ..learners.mlp import NetworkModel
from ..learners.xgboost import XGBoostModel
from . import _boosters as boosters
from ._graph import INT64, Graph, NotExportableError
from ._plugins import of_model
from ._sklearn import estimator, of_classes


def fold_model(graph: Graph, model: Any, x: str, columns: Sequence[Column]) -> str:
    """Return the predictions of a member's model on one fold, of the features of a table of such columns."""
    if not isinstance(model, FoldModel):
        raise NotExportableError(f"{type(model).__name__} is not known")
    if model.frames and any(column.kind != "number" or column.was_text for column in columns):
        raise NotExportableError(
            "it reads columns as they were passed, and some of them are categories, dates or texts; its graph has "
            "numbers only"
        )
    if model.encoder is not None:
        x = encoded(graph, model.encoder, x)
    width = len(sources_of(columns)) if model.encoder is None else len(model.encoder.sources)
    task = model.task if len(model.models) == 1 else model.task.of_one_output
    if model.present is not None:
        task = Task("classification", len(model.present))
    parts = []
    for one, unit in model.with_units():
        part = _of_member(graph, one, x, width, task)
        parts.append(part if unit is None else graph.add(graph.scale(part, unit.scale), unit.center))
    found = graph.join([graph.columns(part, [1]) for part in parts] if model.task.is_multilabel else parts)
    if model.transforms:
        found = _in_units_of_the_target(graph, model, found)
    return found if model.present is None else graph.scatter(found, model.present.tolist(), model.task.n_classes)


def _in_units_of_the_target(graph: Graph, model: FoldModel, found: str) -> str:
    for one in model.transforms:
        if isinstance(one, Transformer):
            raise NotExportableError(f"its target is transformed by {one.name}, which has no form in the graph")
    back = graph.add(graph.op("Exp", found), -1.0)
    if all(model.transforms):
        return back
    columns = [back if one else found for one in model.transforms]
    return graph.join([graph.columns(column, [number]) for number, column in enumerate(columns)])


def _of_member(graph: Graph, model: Any, x: str, n_columns: int, task: Task) -> str:
    if isinstance(model, ModelToOnnx):
        return of_model(graph, model, x, n_columns, task)
    convert = _CONVERTERS.get(type(model))
    if convert is None:
        raise NotExportableError(
            f"{type(model).__name__} is not one of byoe's own models or scikit-learn's estimators, and has no method "
            "to_onnx(graph, x)"
        )
    return convert(graph, model, x, task)


def _linear(graph: Graph, model: LinearModel, x: str, _task: Task) -> str:
    scores = graph.linear(x, model.coef, model.intercept)
    return of_classes(graph, scores, len(model.coef)) if model.task.is_classification else scores


def _network(graph: Graph, model: NetworkModel, x: str, _task: Task) -> str:
    weights, offsets = zip(*model.layers, strict=True)
    values = graph.layers(x, weights, offsets, model.activation, model.output)
    return graph.add(graph.scale(values, model.scale), model.center)


def _networks(graph: Graph, model: NetworksModel, x: str, task: Task) -> str:
    x = graph.scale(graph.add(x, -model.inputs.center), model.inputs.scale)
    x = graph.op("Max", graph.op("Min", x, graph.constant(FAR)), graph.constant(-FAR))
    flat, bins = graph.divide(x, FLAT), model.inputs.bins
    bent = str(graph.op("Div", x, graph.op("Sqrt", graph.add(graph.op("Mul", flat, flat), 1.0))))
    if len(bins.columns):
        within = graph.divide(graph.add(graph.columns(x, bins.columns.tolist()), -bins.lower), bins.width)
        within = graph.op("Max", graph.op("Min", within, graph.constant(1.0)), graph.constant(0.0))
        bent = graph.join([bent, graph.add(within, -0.5)])
    parts = []
    for layers in model.networks:
        weights, offsets = zip(*layers, strict=True)
        parts.append(graph.layers(bent, weights, offsets, "relu", "softmax" if task.is_classification else "identity"))
    return graph.add(graph.scale(graph.mean(parts), model.scale), model.center)


def _estimator(graph: Graph, model: EstimatorModel, x: str, task: Task) -> str:
    found = estimator(graph, model.estimator, x, task)
    columns = model.columns
    if columns is None or columns == list(range(task.n_classes)):
        return found
    if None in columns:
        raise NotExportableError(f"{type(model.estimator).__name__} knows classes that are not those of the target")
    return graph.scatter(found, [column for column in columns if column is not None], task.n_classes)


_CONVERTERS: dict[type, Callable[[Graph, Any, str, Task], str]] = {
    ConstantModel: lambda graph, model, x, _: graph.repeated(model.value, x),
    XGBoostModel: lambda graph, model, x, task: boosters.xgboost(graph, model.booster, x, task),
    LightGBMModel: lambda graph, model, x, task: boosters.lightgbm(graph, model.booster, x, task),
    CatBoostModel: lambda graph, model, x, task: boosters.catboost(graph, model.model, x, task),
    LinearModel: _linear,
    NetworkModel: _network,
    NetworksModel: _networks,
    EstimatorModel: _estimator,
    ForestModel: _estimator,
}


def encoded(graph: Graph, encoder: Encoder, x: str) -> str:
    """Return what an encoder makes of the columns."""
    n_features = len(encoder.fill)
    blocks, start = [], 0
    for i in range(n_features + 1):
        special = i == n_features or i in encoder.one_hot or i in encoder.means
        if special and start < i:  # the numbers since the last category
            part = x if (start, i) == (0, n_features) else graph.columns(x, range(start, i))
            blocks.append(graph.filled(part, encoder.fill[start:i]))
        if special:
            start = i + 1
        if i in encoder.one_hot:
            codes = graph.filled(graph.columns(x, [i]), -1.0)
            blocks.append(graph.cast(graph.op("Equal", codes, graph.constant(encoder.one_hot[i]))))
        elif i in encoder.means:
            table = encoder.means[i]
            codes = graph.op("Min", graph.columns(x, [i]), graph.constant(len(table) - 2.0))
            places = graph.cast(graph.filled(codes, len(table) - 1.0), to=INT64)
            flat = graph.op("Reshape", places, graph.integers(-1))
            blocks.append(graph.op("Gather", graph.constant(table), flat, axis=0))
            if i in encoder.coded:
                blocks.append(graph.filled(graph.columns(x, [i]), encoder.fill[i]))
    found = graph.join(blocks)
    return graph.divide(graph.add(found, -encoder.center), encoder.scale)
