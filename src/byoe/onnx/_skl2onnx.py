"""Estimators of scikit-learn that another library, skl2onnx, turns into nodes.

Only those that it was measured to convert without a difference, for two classes and for more:
of others some come out wrong in silence (the release 1.20 doubles the log-odds of two-class
discriminant analysis, and rounds the threshold of ``Binarizer`` to float32).
"""

from __future__ import annotations

from typing import Any

from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler

from ..contracts._task import Task
from ._graph import DOUBLE, IR_VERSION, OPSETS, Graph, NotExportableError, library

_MEASURED = (
    *(MaxAbsScaler, MinMaxScaler, Normalizer, PCA, RobustScaler, SelectKBest, TruncatedSVD, VarianceThreshold),
    *(GaussianNB, QuadraticDiscriminantAnalysis, SGDClassifier),
)


def by_skl2onnx(graph: Graph, model: Any, x: str, task: Task | None) -> str:
    """Return the predictions of an estimator, or the columns of a transformer (without a task), by skl2onnx."""
    converter, types = library("skl2onnx"), library("skl2onnx.common.data_types")
    name = type(model).__name__
    if type(model) not in _MEASURED:
        raise NotExportableError(f"the conversion of {name} has not been measured to be right")
    classifies = task is not None and task.is_classification
    try:
        made = converter.convert_sklearn(
            model,
            initial_types=[("X", types.DoubleTensorType([None, model.n_features_in_]))],
            target_opset={"": OPSETS[""], "ai.onnx.ml": 3},
            options={id(model): {"zipmap": False}} if classifies else None,
        )
        # Its operators must be valid beside the ones of these opsets, which have no older kinds of trees.
        made = library("onnx.compose").add_prefix(made, graph.name("skl2onnx") + "_")
        del made.opset_import[:]
        made.opset_import.extend(library("onnx.helper").make_opsetid(*pair) for pair in OPSETS.items())
        made.ir_version = IR_VERSION
        for node in made.graph.node:
            if node.op_type == "MatMul":  # of matrices; see Graph.product
                node.op_type = "Gemm"
        library("onnx.checker").check_model(made, full_check=True)
    except Exception as error:  # of many kinds, from what skl2onnx has no converter for
        reason = str(error).strip().splitlines()
        raise NotExportableError(
            f"skl2onnx cannot convert {name}: {reason[0] if reason else type(error).__name__}"
        ) from error
    if task is not None:
        x = graph.with_row(x, model.n_features_in_)
    given = made.graph.input[0].name
    graph.nodes.append(library("onnx.helper").make_node("Identity", [x], [given], name=given))
    graph.nodes.extend(made.graph.node)
    graph.constants.extend(made.graph.initializer)
    # Of a classifier the labels come first.
    output = made.graph.output[1 if classifies else 0]
    found = output.name if output.type.tensor_type.elem_type == DOUBLE else graph.cast(output.name)
    if task is None:
        return str(found)
    width = task.n_classes if classifies else task.n_outputs
    return graph.without_row(graph.op("Reshape", found, graph.integers(-1, width)))
