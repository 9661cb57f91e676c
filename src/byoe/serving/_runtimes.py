"""Which door to a bundle a runtime is: the members' libraries, the graph, or both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..bundle._reader import BundleReader
from ..fitted._graph import can_run, check_runtime
from ._graph_first import GraphFirstRuntime
from ._graph_runtime import GraphRuntime
from ._runtime import Runtime


def door(path: str | Path, trusted: Sequence[str] = (), *, runtime: str) -> tuple[type[Runtime], BundleReader]:
    """Return what predicts a bundle, and what reads it.

    Parameters
    ----------
    path : str or Path
    trusted : sequence of str, default=()
    runtime : {"libraries", "onnx", "auto"}
        As for `byoe.serving.model_fn`.
    """
    if check_runtime(runtime) == "onnx":
        return GraphRuntime, BundleReader(path, trusted, members=False)
    reader = BundleReader(path, trusted)
    first = runtime == "auto" and reader.has_graph and can_run()
    return GraphFirstRuntime if first else Runtime, reader
