"""By what an endpoint predicts: the members' libraries, the graph of the bundle, or both."""

from __future__ import annotations

from typing import Any

from ...errors import ParameterError
from ...fitted._graph import check_runtime

# The variable that tells the serving code of an artifact.
RUNTIME = "BYOE_RUNTIME"
# What an endpoint by the graph alone installs; its distributions, and those of a job that makes a graph.
GRAPH_REQUIREMENTS = "serving-onnx.txt"
RUNS_GRAPHS, MAKES_GRAPHS = "onnxruntime", ("onnx", "onnxruntime", "skl2onnx")
_CODE, _GRAPH_CODE = "code", "code-onnx"
_USUAL = "libraries"


def code_of(runtime: str) -> str:
    """Return the folder in an artifact whose code serves, and whose requirements are installed."""
    return _GRAPH_CODE if runtime == "onnx" else _CODE


def variables_of(runtime: str) -> dict[str, str]:
    """Return the variables that tell the serving code, none where the libraries predict."""
    return {} if runtime == _USUAL else {RUNTIME: runtime}


def runtime_for(job: Any, runtime: str | None, present: str = _USUAL) -> str:
    """Return what is to predict what a completed job has made.

    Parameters
    ----------
    job : LocalJob, Job or Package
    runtime : {"libraries", "onnx", "auto"} or None
        None stands for ``present``.
    present : str, default="libraries"

    Raises
    ------
    ParameterError
        For another word, and for ``"onnx"`` where there is no graph.
    """
    runtime = check_runtime(present if runtime is None else runtime)
    if runtime == _USUAL or job.has_graph:
        return runtime
    lacking = f"{job.kind} {job.name} holds no graph"
    if runtime == "onnx":
        raise ParameterError(
            f"runtime is 'onnx', and {lacking}; train with graph=True (of a job that had it, the log says why no graph "
            "could be made), or set runtime='libraries' or 'auto'"
        )
    print(f"[byoe] {lacking}: its members' libraries predict", flush=True)
    return runtime
