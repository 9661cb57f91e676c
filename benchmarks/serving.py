"""An ensemble behind its endpoint's handlers, beside what its users would write without byoe.

    python benchmarks/serving.py [--load]

Everything is measured in one run on one machine, and told as ratios. Both sides have the same members
with the same numbers of rounds, and one thread each, which is the best setting for one row; where there
are more, the usual handler is measured with all threads, too:

- *bare*: the sum of the members' own predictions of one row, by their libraries' fastest call.
- *stacking*: ``StackingRegressor.predict`` on a frame of one row.
- *usual handler*: ``np.genfromtxt`` on the body, ``DMatrix``, one model after the other.
- *cold start*: a new process until its first answer, against one that unpickles the stacking model.

``--load`` adds the local server under 1, 4 and 16 connections, and 100,000 requests for its memory.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

ROUNDS = {"catboost": 300, "xgboost": 100, "lightgbm": 100}
CSV, JSON = "text/csv", "application/json"
KINDS = ("refit", "bag")
# What a process installs that serves the members by their libraries; XGBoost without its GPU code.
XGBOOST = "xgboost-cpu" if sys.platform == "linux" else "xgboost"
BOOSTERS = {"catboost", XGBOOST, "lightgbm", "numpy", "scipy", "narwhals", "six"}


def fitted(X: Any, y: Any) -> dict[str, Any]:
    """Return the ensemble as a bag and as a refit, and scikit-learn's stacking of the same members."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import StackingRegressor
    from xgboost import XGBRegressor

    from byoe import EnsembleRegressor, learner

    members = [
        learner("catboost", iterations=ROUNDS["catboost"]),
        learner("xgboost", n_estimators=ROUNDS["xgboost"]),
        learner("lightgbm", n_estimators=ROUNDS["lightgbm"]),
    ]
    bag = EnsembleRegressor(members, "mean", random_state=0).fit(X, y)
    options = {"iterations": ROUNDS["catboost"], "thread_count": 1, "verbose": False, "allow_writing_files": False}
    stacking = StackingRegressor(
        [
            ("catboost", CatBoostRegressor(**options)),
            ("xgboost", XGBRegressor(n_estimators=ROUNDS["xgboost"], n_jobs=1)),
            ("lightgbm", LGBMRegressor(n_estimators=ROUNDS["lightgbm"], n_jobs=1, verbosity=-1)),
        ],
        cv=5,
    ).fit(X, y)
    return {"bag": bag, "refit": bag.refit(X), "stacking": stacking}


def bare(ensemble: Any, row: Any) -> Callable[[], Any]:
    """Return a function that asks every served model for one row."""
    calls: list[Callable[[], Any]] = []
    for label, member in ensemble.members_.items():
        for fold_model in member.models:
            (model,) = fold_model.models
            if label == "catboost":
                calls.append(lambda model=model.model: model.predict(row, thread_count=1))
            elif label == "xgboost":
                model.booster.set_param("nthread", 1)
                calls.append(lambda model=model.booster: model.inplace_predict(row, validate_features=False))
            else:
                calls.append(lambda model=model.booster: model.predict(row, num_threads=1))
    return lambda: [call() for call in calls]


def times(functions: dict[str, Callable[[], Any]], repeats: int, *, twice: bool = False) -> dict[str, np.ndarray]:
    """Return milliseconds of each call; the functions take turns, so that all meet the same machine.

    With ``twice`` only the second of two calls counts: threads that the function before has used wait for
    more work for a while, and take a core from who comes next.
    """
    found: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(repeats + 20):
        for name, function in functions.items():
            if twice:
                function()
            started = time.perf_counter()
            function()
            if number >= 20:
                found[name].append((time.perf_counter() - started) * 1e3)
    return {name: np.array(values) for name, values in found.items()}


def quantiles(values: np.ndarray) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    return float(np.median(values)), float(np.percentile(values, 99))


def one_row(made: dict[str, Any], folder: Path, X: Any) -> None:
    """Time one row through the handlers, bare, and by scikit-learn."""
    from byoe import serving

    frame, row = X.iloc[:1], np.ascontiguousarray(X.to_numpy()[:1])
    csv, body = frame.to_csv(index=False, header=False), json.dumps({"instances": row.tolist()})
    print("\none row, milliseconds")
    print("finalize  side                   p50     p99   p50 / bare  p99 / bare  p50 / stacking")
    for kind in KINDS:
        model = serving.model_fn(str(folder / kind))

        def handle(data: str, content_type: str, model: Any = model) -> Any:
            return serving.output_fn(serving.predict_fn(serving.input_fn(data, content_type), model), JSON)

        found = times(
            {
                "bare": bare(made[kind], row),
                "handlers, CSV": lambda: handle(csv, CSV),
                "handlers, JSON": lambda: handle(body, JSON),
                "StackingRegressor": lambda: made["stacking"].predict(frame),
            },
            1000,
        )
        base, stacking = quantiles(found["bare"]), quantiles(found["StackingRegressor"])
        for name, values in found.items():
            p50, p99 = quantiles(values)
            print(
                f"{kind:8}  {name:20}  {p50:6.3f}  {p99:6.3f}  {p50 / base[0]:10.2f}  {p99 / base[1]:10.2f}  "
                f"{p50 / stacking[0]:14.2f}"
            )


def usual_handler(ensemble: Any, body: str, threads: int) -> Callable[[], str]:
    """Return what a handler usually does: the text to numbers, then one model after the other, then their mean."""
    import xgboost

    models = {label: [one.models[0] for one in member.models] for label, member in ensemble.members_.items()}
    for one in models["xgboost"]:
        one.booster.set_param("nthread", threads)

    def handle() -> str:
        data = np.genfromtxt(io.StringIO(body), delimiter=",")
        predictions = []
        for one in models["catboost"]:
            predictions.append(one.model.predict(data, thread_count=threads))
        for one in models["xgboost"]:
            predictions.append(one.booster.predict(xgboost.DMatrix(data, nthread=threads)))
        for one in models["lightgbm"]:
            predictions.append(one.booster.predict(data, num_threads=threads))
        return "\n".join(str(value) for value in np.mean(predictions, axis=0))

    return handle


def many_rows(made: dict[str, Any], folder: Path, X: Any) -> None:
    """Time 1,000 rows of CSV against the usual handler with the same models, with one thread and with all."""
    import byoe
    from byoe import serving

    rows = pd.concat([X] * 3, ignore_index=True).head(1000)
    body = rows.to_csv(index=False, header=False)
    print("\n1,000 rows of CSV, milliseconds")
    print("finalize  models  side                          p50     p99   p50 / usual at its best")
    for kind in KINDS:
        model = serving.model_fn(str(folder / kind))
        values = np.ascontiguousarray(rows.to_numpy())
        found = times(
            {
                "bare": bare(made[kind], values),
                # Each has models of its own, since the number of threads is kept inside of XGBoost's.
                "usual handler, one thread": usual_handler(byoe.load(folder / kind), body, 1),
                "usual handler, all threads": usual_handler(byoe.load(folder / kind), body, os.cpu_count() or 1),
                "handlers": lambda model=model: serving.output_fn(
                    serving.predict_fn(serving.input_fn(body, CSV), model), CSV
                ),
            },
            100,
            twice=True,
        )
        best = min(quantiles(values)[0] for name, values in found.items() if "usual" in name)
        count = sum(len(member.models) for member in made[kind].members_.values())
        for name, values in found.items():
            p50, p99 = quantiles(values)
            print(f"{kind:8}  {count:6}  {name:26}  {p50:6.2f}  {p99:6.2f}  {p50 / best:24.2f}")


COLD = {
    "handlers": (
        "import sys\nfrom byoe import serving\nmodel = serving.model_fn(sys.argv[1], lean=True)\n"
        "body, _ = serving.output_fn(serving.predict_fn(serving.input_fn(sys.argv[2], 'text/csv'), model), '')\n"
    ),
    "unpickled stacking": (
        "import sys, pickle, csv\nimport numpy as np\nmodel = pickle.load(open(sys.argv[1], 'rb'))\n"
        "model.predict(np.array([[float(cell) for cell in sys.argv[2].split(',')]]))\n"
    ),
}
TELL = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"


def new_process(code: str, *words: str) -> tuple[float, float]:
    """Return the seconds that a new process runs, and the most megabytes that it holds."""
    started = time.perf_counter()
    command = [sys.executable, "-c", code + TELL, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, float(done.stdout.split()[-1]) / 1024


def cold_start(folder: Path, X: Any) -> None:
    """Time new processes from their start to their first answer, in turns."""
    row = ",".join(map(str, X.to_numpy()[0]))
    sides = {
        "handlers, bag": (COLD["handlers"], folder / "bag"),
        "handlers, refit": (COLD["handlers"], folder / "refit"),
        "unpickled stacking": (COLD["unpickled stacking"], folder / "stacking.pickle"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    memory: dict[str, float] = {}
    for _ in range(9):
        for name, (code, place) in sides.items():
            taken, memory[name] = new_process(code, str(place), row)
            seconds[name].append(taken)
    base = statistics.median(seconds["unpickled stacking"][1:])
    print("\ncold start: a new process to its first answer")
    print("side                 seconds  / stacking  resident MB  files MB  installed MB")
    for name, (_, place) in sides.items():
        own = statistics.median(seconds[name][1:])
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) or place.stat().st_size
        needed = BOOSTERS if "handlers" in name else {*BOOSTERS, "scikit-learn", "pandas", "joblib", "threadpoolctl"}
        numbers = f"{own:7.2f}  {own / base:10.2f}  {memory[name]:11.0f}  {size / 1e6:8.2f}  {installed(needed):12.0f}"
        print(f"{name:19}  {numbers}")


def installed(names: set[str]) -> float:
    """Return the megabytes of distributions."""
    return (
        sum(
            Path(str(file.locate())).stat().st_size
            for name in names
            for file in distribution(name).files or ()
            if Path(str(file.locate())).is_file()
        )
        / 1e6
    )


def load(folder: Path, X: Any) -> None:
    """Put the local server under load: requests on connections that stay open."""
    command = [sys.executable, "-m", "byoe.serving", str(folder / "refit"), "--port", "0"]
    body = json.dumps({"instances": X.to_numpy()[:1].tolist()}).encode()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = int(re.search(r":(\d+): ", server.stdout.readline())[1])  # type: ignore[index]
        try:
            print("\nthe local server, one row of JSON a request")
            print("connections  requests  per second  p50 ms  p99 ms  failed  resident MB before  after")
            for connections, requests in ((1, 5_000), (4, 10_000), (16, 100_000)):
                before = resident(server.pid)
                taken, failed, seconds = generate(port, body, connections, requests)
                p50, p99 = quantiles(taken)
                print(
                    f"{connections:11}  {requests:8}  {requests / seconds:10.0f}  {p50:6.2f}  {p99:6.2f}  {failed:6}  "
                    f"{before:18.1f}  {resident(server.pid):5.1f}",
                    flush=True,
                )
        finally:
            server.terminate()


def resident(pid: int) -> float:
    """Return the resident megabytes of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def generate(port: int, body: bytes, connections: int, requests: int) -> tuple[np.ndarray, int, float]:
    """Send requests on several connections at once; return the milliseconds of each, and how many failed."""
    taken: list[float] = []
    failed = [0]

    def work(count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(count):
            started = time.perf_counter()
            connection.request("POST", "/invocations", body, {"Content-Type": JSON})
            response = connection.getresponse()
            answer = response.read()
            taken.append((time.perf_counter() - started) * 1e3)
            failed[0] += response.status != 200 or b"predictions" not in answer
        connection.close()

    threads = [threading.Thread(target=work, args=(requests // connections,)) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.array(taken), failed[0], time.perf_counter() - started


@contextmanager
def bundles(*, graph: bool = False) -> Iterator[tuple[dict[str, Any], Path, Any]]:
    """Fit on the diabetes data; yield what was fitted, the folder of its bundles, and the table."""
    warnings.filterwarnings("ignore", category=UserWarning)
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    made = fitted(X, y)
    with tempfile.TemporaryDirectory() as name:
        for kind in KINDS:
            made[kind].save(Path(name) / kind, **({"graph": X} if graph else {"oof": False}))
        yield made, Path(name), X


def main() -> None:
    """Fit, save, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", action="store_true", help="also put the local server under load")
    asked = parser.parse_args()
    with bundles() as (made, folder, X):
        (folder / "stacking.pickle").write_bytes(pickle.dumps(made["stacking"]))
        one_row(made, folder, X)
        many_rows(made, folder, X)
        cold_start(folder, X)
        if asked.load:
            load(folder, X)


if __name__ == "__main__":
    main()
