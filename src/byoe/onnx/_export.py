"""A fitted ensemble as one graph of ONNX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._version import __version__
from ..contracts._learner import MOST_ONE_HOT
from ..data._column import Column
from ..data._table import Table
from ..errors import ParameterError, PluginError
from ..fitted._models import FittedMember
from ..fitted._passthrough import sources
from ..fitted._predicting import Predicting
from ..fitted._stacked import StackedMember
from ..tools._whole import whole_file
from . import _blenders as blends
from ._features import features
from ._graph import DOUBLE, INT64, IR_VERSION, OPSETS, Graph, NotExportableError, library
from ._members import fold_model

INPUT = "X"
_MOST_BYTES = 2**31 - 1  # of a message of protobuf


class _Made(NamedTuple):
    """Names in the graph of what a member predicts, and of what each of its models does."""

    mean: str
    models: list[str]


def to_onnx(ensemble: Predicting, path: str | Path) -> Path:
    """Write a fitted ensemble as a file of ONNX; see `EnsembleRegressor.to_onnx`.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    path : str or Path

    Returns
    -------
    Path
    """
    library()
    target = Path(path)
    if target.is_dir():
        raise ParameterError(f"{target} is a folder; give a file for the graph")
    data = graph_of(ensemble)
    with whole_file(target) as file:
        file.write_bytes(data)
    return target


def graph_of(ensemble: Predicting, *, models: bool = False) -> bytes:
    """Return a fitted ensemble as a graph.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    models : bool, default=False
        Whether ``models`` is an output, too: what each model of each member in use predicts, side by side, of a
        regression in one layer. The metadata tell of how many models of which members. Where the folds were repeated
        these are the models of the first ones, as intervals ask for them.
    """
    if ensemble._form.sparse:
        raise ParameterError("an ensemble that was fitted on a sparse matrix cannot be exported; fit it on X.toarray()")
    graph = Graph()
    blend, made = _prediction(graph, ensemble)
    outputs, told = _outputs(graph, ensemble, blend), _metadata(ensemble)
    layered = any(isinstance(ensemble.members_[label], StackedMember) for label in made)
    if models and made and not layered and not ensemble._task.is_classification:
        counts = {label: ensemble.members_[label].n_folds for label in made}
        names = [name for label, one in made.items() for name in one.models[: counts[label]]]
        outputs.append(("models", graph.join(names), ["N", len(names) * ensemble._task.n_outputs], DOUBLE))
        told["models"] = counts
    return _checked(_model(graph, ensemble, outputs, told))


# -- the graph -----------------------------------------------------------------------


def _prediction(graph: Graph, ensemble: Predicting) -> tuple[str, Mapping[str, _Made]]:
    """Return the blend of the members that count, and these by label; or name all that cannot be exported."""
    blender = ensemble.blender_.in_use
    task, columns = ensemble._task, ensemble._columns
    members = list(ensemble.members_.items())
    refused, labels = [], []
    predictions: dict[int, str] = {}
    x = features(graph, INPUT, columns)
    made: dict[str, _Made] = {}
    for place in np.flatnonzero(blender.used(len(members))).tolist():
        label, member = members[place]
        try:
            predictions[place] = _member(graph, member, x, columns, made).mean
        except PluginError as error:
            raise PluginError(f"member {label!r}{member.learner.origin}: {error}") from error
        except NotExportableError as error:
            refused.append(f"member {label!r}: {error}")
            labels.append(label)
            predictions[place] = graph.repeated(np.zeros(task.width or 1), INPUT)  # so that the blender is asked, too
    try:
        found = blends.blended(graph, blender, predictions, _passed(graph, ensemble, blender), task)
    except PluginError as error:
        raise PluginError(f"blender {ensemble.blender_.name!r}{ensemble.blender_.origin}: {error}") from error
    except NotExportableError as error:
        refused.append(f"blender {ensemble.blender_.name!r}: {error}")
    if not refused:
        return found, made
    advice = []
    if labels:
        dropped = ", ".join(map(repr, labels))
        advice.append(f"leave such members out by drop_members({dropped}), or give them the weight zero with reblend")
    if len(labels) < len(refused):
        advice.append("choose another blender, as by reblend('weighted')")
    raise ParameterError(
        f"this ensemble cannot be exported. {'; '.join(refused)}. To export it, {', and '.join(advice)}"
    )


def _member(graph: Graph, member: FittedMember, x: str, columns: Sequence[Column], made: dict[str, _Made]) -> _Made:
    """Return the predictions of a member; ``made`` has those that are in the graph already, by label."""
    if member.label not in made:
        if isinstance(member, StackedMember):
            x, columns = _stacked(graph, member, x, columns, made)
        models = [fold_model(graph, model, x, columns) for model in member.models]
        made[member.label] = _Made(graph.mean(models, member.weights), models)
    return made[member.label]


def _stacked(
    graph: Graph, member: StackedMember, x: str, columns: Sequence[Column], made: dict[str, _Made]
) -> tuple[str, Sequence[Column]]:
    """Return the features of a member of the second layer, and the columns that they are of."""
    places = member.places
    blocks = [graph.columns(_member(graph, one, x, columns, made).mean, places) for one in member.below]
    return graph.join([x, *blocks]), (*columns, *[Column("number")] * (len(places) * len(blocks)))


def _passed(graph: Graph, ensemble: Predicting, blender: Any) -> str | None:
    """Return the features that the blender sees, of shape (n_rows, n_passed)."""
    if blender.passthrough is False:
        return None
    table = Table(np.empty((0, len(ensemble._form))), None, ensemble._columns, ensemble._form.labels)
    places = sources(blender, table)
    parts = []
    for i in dict.fromkeys(places):
        column = graph.columns(INPUT, [i])
        levels = table.categorical.get(i)
        if levels is not None:
            assert levels <= MOST_ONE_HOT
            column = graph.cast(graph.op("Equal", column, graph.constant(np.arange(levels))))
        parts.append(column)
    return graph.join(parts) if parts else None


def _outputs(graph: Graph, ensemble: Predicting, found: str) -> list[tuple[str, str, list[Any], int]]:
    """Return own name, name in the graph, shape and type of element of every output."""
    task = ensemble._task
    if not task.is_classification:
        shape: list[Any] = ["N"] if task.n_outputs == 1 else ["N", task.n_outputs]
        if task.n_outputs == 1:
            found = graph.op("Reshape", found, graph.integers(-1))
        return [("prediction", found, shape, DOUBLE)]
    classes = _labels(ensemble.class_labels)
    if task.is_multilabel:
        best = graph.cast(graph.op("Greater", found, graph.constant(0.5)), INT64)
        told: list[Any] = ["N", task.n_outputs]
    elif ensemble._threshold is not None:
        above = graph.op("GreaterOrEqual", graph.columns(found, [1]), graph.constant(ensemble._threshold))
        best, told = graph.op("Reshape", graph.cast(above, INT64), graph.integers(-1)), ["N"]
    else:
        best, told = graph.op("ArgMax", found, axis=1, keepdims=0), ["N"]
    label = graph.op("Gather", graph.constant(classes, classes.dtype), best, axis=0)
    kind = library("onnx.helper").np_dtype_to_tensor_dtype(classes.dtype)
    outputs: list[tuple[str, str, list[Any], int]] = [("label", label, told, kind)]
    if ensemble.blender_.gives_probabilities:
        outputs.append(("probabilities", found, ["N", *task.width], DOUBLE))
    return outputs


def _labels(classes: Any) -> Any:
    """Return the classes as an array that ONNX knows: whole numbers, numbers, booleans or texts."""
    kind = classes.dtype.kind
    if kind in "iu":
        return classes.astype(np.int64)
    return (
        classes.astype({"f": np.float64, "b": np.bool_}.get(kind, object), copy=False)
        if kind in "fb"
        else _texts(classes)
    )


def _texts(classes: Any) -> Any:
    return np.array([str(one) for one in classes], dtype=object)


def _model(
    graph: Graph, ensemble: Predicting, outputs: list[tuple[str, str, list[Any], int]], told: Mapping[str, Any]
) -> Any:
    helper = library("onnx.helper")
    described = []
    for name, found, shape, kind in outputs:
        graph.nodes.append(helper.make_node("Identity", [found], [name], name=name))
        described.append(helper.make_tensor_value_info(name, kind, shape))
    features = helper.make_tensor_value_info(INPUT, DOUBLE, ["N", len(ensemble._form)])
    made = helper.make_graph(graph.nodes, "byoe", [features], described, graph.constants)
    opsets = [helper.make_opsetid(*pair) for pair in OPSETS.items()]
    model = helper.make_model(
        made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="byoe", producer_version=__version__
    )
    helper.set_model_props(model, {"byoe": json.dumps(told, ensure_ascii=False)})
    return model


def _metadata(ensemble: Predicting) -> dict[str, Any]:
    """Return what a user needs to turn rows into the input, and the output into an answer."""
    names = ensemble._form.names or [None] * len(ensemble._form)
    columns = [
        {"name": name, "kind": column.kind, **({"categories": column.categories} if column.kind == "category" else {})}
        for name, column in zip(names, ensemble._columns, strict=True)
    ]
    told = {"version": __version__, "task": ensemble._task.kind, "columns": columns}
    if ensemble._task.is_classification:
        told["classes"] = _labels(ensemble.class_labels).tolist()
    return told


def _checked(model: Any) -> bytes:
    size = model.ByteSize()
    if size > _MOST_BYTES:
        raise ParameterError(
            f"the graph has {size / 1e9:.1f} GB, and a file of ONNX holds 2 GB at most; leave out the largest members "
            "(diagnose() tells their sizes), or serve one model of each by refit(X)"
        )
    library("onnx.checker").check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data
