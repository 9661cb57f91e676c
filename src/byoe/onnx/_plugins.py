"""What models and blenders write of themselves as nodes of ONNX, and whether it can be what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..contracts._model_check import call_faults
from ..contracts._onnx import BlenderToOnnx, ModelToOnnx
from ..contracts._task import Task
from ..errors import ByoeError, ParameterError, PluginError
from ._graph import DOUBLE, IR_VERSION, OPSETS, Graph, NotExportableError, library


def of_model(graph: Graph, model: ModelToOnnx, x: str, n_columns: int, task: Task) -> str:
    """Return the name of the predictions that a model has written."""
    return _written(graph, model, ("graph", "x"), (x,), {x: n_columns}, _width(task))


def of_blender(
    graph: Graph, blender: BlenderToOnnx, predictions: Mapping[int, str], features: str | None, task: Task
) -> str:
    """Return the name of the blend that a fitted blender has written."""
    width = _width(task)
    inputs: dict[str, int | None] = dict.fromkeys(predictions.values(), width)
    if features is not None:
        inputs[features] = None
    arguments = (dict(predictions), features)
    return _written(graph, blender, ("graph", "predictions", "features"), arguments, inputs, width)


def _width(task: Task) -> int:
    return task.n_classes if task.is_classification else task.n_outputs


def _written(
    graph: Graph,
    author: Any,
    parameters: tuple[str, ...],
    arguments: Sequence[Any],
    inputs: Mapping[str, int | None],
    width: int,
) -> str:
    who = f"{type(author).__name__}.to_onnx"
    for refusal in call_faults(author, "to_onnx", parameters, ()):
        raise PluginError(refusal)
    before = len(graph.nodes)
    try:
        name = author.to_onnx(graph, *arguments)
    except ParameterError as error:
        raise NotExportableError(str(error)) from error
    except (ByoeError, NotExportableError):
        raise
    except Exception as error:
        raise PluginError(f"{who} failed: {type(error).__name__}: {error}") from error
    nodes = graph.nodes[before:]
    known = {output for node in nodes for output in node.output} | {constant.name for constant in graph.constants}
    if not isinstance(name, str) or name not in known | inputs.keys():
        raise PluginError(f"{who} returned {name!r}, expected the name of what it added to the graph")
    fault = _fault(graph, nodes, inputs, name, width)
    if fault:
        raise PluginError(f"{who} {fault}")
    return name


def _fault(graph: Graph, nodes: Sequence[Any], inputs: Mapping[str, int | None], name: str, width: int) -> str | None:
    """Return what is wrong with some nodes as far as that can be told without running them: type and shape."""
    helper, used = library("onnx.helper"), {name}.union(*(node.input for node in nodes))
    given = {own: helper.make_tensor_value_info(own, DOUBLE, ["N", columns]) for own, columns in inputs.items()}
    constants = [constant for constant in graph.constants if constant.name in used]
    # An output of the name of an input is a graph that no checker takes.
    last = helper.make_node("Identity", [name], ["checked"])
    output = helper.make_tensor_value_info("checked", DOUBLE, ["N", width])
    opsets = [helper.make_opsetid(*pair) for pair in OPSETS.items()]
    made = helper.make_graph([*nodes, last], "part", list(given.values()), [output], constants)
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION)
    try:
        library("onnx.checker").check_model(model)
        model.graph.output[0].ClearField("type")
        model = library("onnx.shape_inference").infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # of the kinds of onnx's checker
        reason = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
        return f"wrote nodes that are not valid: {reason}"
    found = model.graph.output[0].type.tensor_type
    if found.elem_type not in (0, DOUBLE):
        kind = helper.tensor_dtype_to_np_dtype(found.elem_type)
        return f"returned values of type {kind}, expected float64; graph.cast makes them that"
    if not found.HasField("shape"):
        return None
    shape = [size.dim_value or None for size in found.shape.dim]
    if len(shape) != 2 or shape[0] is not None or shape[1] not in (None, width):
        sizes = [str(size or ("?" if place else "n_rows")) for place, size in enumerate(shape)]
        return f"returned a shape of ({', '.join(sizes)}), expected (n_rows, {width})"
    return None
