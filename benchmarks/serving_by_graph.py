"""An ensemble served by its graph, beside its libraries: the ensemble of `serving.py`, with one thread.

    python benchmarks/serving_by_graph.py

Everything is measured in one run on one machine, and told as ratios to the bare models of `serving.py`.

- *bare*: the sum of the members' own predictions, by their libraries' fastest call.
- *libraries*, *graph*, *auto*: the handlers' answer to CSV, from the body to the body; *call* is the blend alone.
- *cold start*: a new process until its first answer.
- *difference*: the largest one over all rows, as a share of the largest prediction.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from serving import BOOSTERS, CSV, KINDS, bare, bundles, installed, new_process, quantiles, times

RUNTIMES = ("libraries", "graph", "auto")
NAMES = {"graph": "onnx"}
NEEDED = {"libraries": BOOSTERS, "graph": {"onnxruntime", "numpy"}, "auto": {*BOOSTERS, "onnxruntime"}}


def answers(made: dict[str, Any], folder: Path, X: Any, n_rows: int) -> None:
    """Time some rows through the handlers of each runtime, and bare."""
    from byoe import serving

    rows = pd.concat([X] * (1 + n_rows // len(X)), ignore_index=True).head(n_rows)
    body, values = rows.to_csv(index=False, header=False), np.ascontiguousarray(rows.to_numpy())
    print(f"\n{n_rows} rows of CSV, milliseconds" if n_rows > 1 else "\none row of CSV, milliseconds")
    print("finalize  models  side             p50     p99   p50 / bare")
    for kind in KINDS:
        models = {name: serving.model_fn(str(folder / kind), runtime=NAMES.get(name, name)) for name in RUNTIMES}

        def handle(model: Any, body: str = body) -> Any:
            return serving.output_fn(serving.predict_fn(serving.input_fn(body, CSV), model), CSV)

        sides = {"bare": bare(made[kind], values)}
        sides |= {name: lambda model=model: handle(model) for name, model in models.items()}
        sides["graph, call"] = lambda graph=models["graph"]._graph: graph(values)
        found = times(sides, 1000 if n_rows < 100 else 100, twice=n_rows >= 100)
        base = quantiles(found["bare"])[0]
        count = sum(len(member.models) for member in made[kind].members_.values())
        for name, taken in found.items():
            p50, p99 = quantiles(taken)
            print(f"{kind:8}  {count:6}  {name:13}  {p50:6.3f}  {p99:6.3f}  {p50 / base:10.2f}", flush=True)


def cold_start(folder: Path, X: Any) -> None:
    """Time new processes from their start to their first answer, in turns."""
    row = ",".join(map(str, X.to_numpy()[0]))
    code = (
        "import sys\nfrom byoe import serving\n"
        "model = serving.model_fn(sys.argv[1], lean=True, runtime=sys.argv[3])\n"
        "body, _ = serving.output_fn(serving.predict_fn(serving.input_fn(sys.argv[2], 'text/csv'), model), '')\n"
    )
    sides = [(kind, name) for kind in KINDS for name in RUNTIMES]
    seconds: dict[tuple[str, str], list[float]] = {side: [] for side in sides}
    memory: dict[tuple[str, str], float] = {}
    for _ in range(9):
        for kind, name in sides:
            taken, memory[kind, name] = new_process(code, str(folder / kind), row, NAMES.get(name, name))
            seconds[kind, name].append(taken)
    print("\ncold start: a new process to its first answer")
    print("finalize  side       seconds  / libraries  resident MB  installed MB")
    for kind, name in sides:
        own, base = (statistics.median(seconds[kind, one][1:]) for one in (name, "libraries"))
        told = f"{own:7.2f}  {own / base:11.2f}  {memory[kind, name]:11.0f}  {installed(NEEDED[name]):12.0f}"
        print(f"{kind:8}  {name:9}  {told}")


def differences(made: dict[str, Any], folder: Path, X: Any) -> None:
    """Tell how far the graph is from its ensemble on all rows, as predictions and as bounds of intervals."""
    import byoe

    print("\nlargest difference, as a share of the largest prediction")
    for kind in KINDS:
        graph = byoe.load(folder / kind, runtime="onnx")
        for what in ("predict", "predict_interval"):
            own, other = getattr(made[kind], what)(X), getattr(graph, what)(X)
            print(f"{kind:8}  {what:16}  {np.abs(own - other).max() / np.abs(own).max():.1e}")


def main() -> None:
    """Fit, save, and print the tables."""
    with bundles(graph=True) as (made, folder, X):
        for n_rows in (1, 30, 100, 300, 1000):
            answers(made, folder, X, n_rows)
        cold_start(folder, X)
        differences(made, folder, X)


if __name__ == "__main__":
    main()
