"""Where the memory and the time of a fit on a large table go, from the file to the report.

The table is made once, and every fit has a process of its own, whose memory a thread looks at fifty times a second.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

LOOKS = 0.02  # seconds
CHUNK = 500_000  # rows
ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations"}


def main() -> None:
    """Make the table, fit in another process, print what it took."""
    asked = _asked()
    if asked.child:
        print("RESULT " + json.dumps(_fit(asked)))
        return
    table = asked.folder / f"{asked.rows}x{asked.columns}-{asked.dtype}-{asked.categories}.parquet"
    if not table.exists():
        make_table(table, asked.rows, asked.columns, asked.dtype, asked.categories)
    done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--child"], stdout=subprocess.PIPE, text=True)
    last = done.stdout.strip().splitlines()[-1:]
    if done.returncode or not last or not last[0].startswith("RESULT "):
        sys.exit(f"the fit ended with {done.returncode}: {done.stdout}")
    _tell(json.loads(last[0].removeprefix("RESULT ")), table, asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--categories", type=int, default=0, help="How many of the columns hold texts.")
    parser.add_argument("--learners", default="ridge,lightgbm,xgboost,catboost")
    parser.add_argument("--rounds", type=int, default=50, help="Of each booster.")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--drop", type=int, default=0, help="How many columns are not used.")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "byoe-large"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def make_table(file: Path, rows: int, columns: int, dtype: str, categories: int) -> None:
    """Write a table whose target is a curved function of a few columns, with noise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    part, writer = file.with_suffix(".part"), None
    for start in range(0, rows, CHUNK):
        n = min(CHUNK, rows - start)
        X = rng.standard_normal((n, columns), dtype=np.float32).astype(dtype)
        y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * X[:, 3:8].sum(axis=1) + rng.standard_normal(n)
        cells: dict[str, Any] = {f"x{i}": X[:, i] for i in range(columns - categories)}
        for i in range(columns - categories, columns):
            texts = pa.array([f"level {level}" for level in range(12)])
            codes = np.clip(np.round(3 * X[:, i] + 6), 0, 11).astype(np.int32)
            cells[f"x{i}"] = pa.DictionaryArray.from_arrays(codes, texts).cast(pa.string())
        made = pa.table({**cells, "y": y.astype(dtype)})
        writer = writer or pq.ParquetWriter(part, made.schema)
        writer.write_table(made)
    assert writer is not None
    writer.close()
    part.rename(file)


class Watch:
    """The memory of this process, by phases."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self._process = psutil.Process()
        self._now = "start"
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count time and memory to a phase inside."""
        outer, self._now, started = self._now, name, time.perf_counter()
        self.note()
        try:
            yield
        finally:
            self.note()
            seen = self.phases[name]
            seen["seconds"] = seen.get("seconds", 0.0) + time.perf_counter() - started
            seen["after"] = self._process.memory_info().rss
            self._now = outer

    def note(self) -> None:
        """Look once."""
        seen = self.phases.setdefault(self._now, {"peak": 0.0})
        seen["peak"] = max(seen["peak"], self._process.memory_info().rss)

    def _look(self) -> None:
        while True:
            self.note()
            time.sleep(LOOKS)

    def around(self, owner: Any, name: str, phase: str) -> None:
        """Make calls of a function of a module or a class a phase."""
        held = owner.__dict__[name]
        call: Callable[..., Any] = held.__func__ if isinstance(held, classmethod) else held

        @functools.wraps(call)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.phase(phase):
                return call(*args, **kwargs)

        setattr(owner, name, classmethod(watched) if isinstance(held, classmethod) else watched)


def _fit(asked: argparse.Namespace) -> dict[str, Any]:
    watch = Watch()
    with watch.phase("imports"):
        import byoe
        import byoe.data._labelled as labelled
        import byoe.ensemble._base as base
        import byoe.ensemble._beginning as beginning
        from byoe.data._profile import Profile
        from byoe.data._reading import Reading

        for package in ("pandas", "pyarrow.parquet", "lightgbm", "xgboost", "catboost"):
            __import__(package)
    for owner, name, phase in (
        (beginning, "infer_table", "describe and encode"),
        (beginning, "make_plan", "folds"),
        (beginning, "warn_of_leaks", "look for leaks"),
        (base, "begin", "digest and checks"),
        (base, "cross_fit", "members"),
        (Profile, "of", "profile"),
        (base.BaseEnsemble, "_blend", "blend and score"),
    ):
        watch.around(owner, name, phase)
    table = asked.folder / f"{asked.rows}x{asked.columns}-{asked.dtype}-{asked.categories}.parquet"
    roles = {"target": "y", "weight": None, "groups": None, "drop": [f"x{i}" for i in range(asked.drop)]}
    with watch.phase("read the file"):
        data = labelled.read_labelled(table, roles, Reading())
    members = [
        (name, byoe.learner(name, **({ROUNDS[name]: asked.rounds} if name in ROUNDS else {})))
        for name in asked.learners.split(",")
    ]
    ensemble = byoe.EnsembleRegressor(members, "weighted", cv=asked.folds, random_state=0)
    with watch.phase("the rest of fit"):
        ensemble.fit(data.X, data.y)
    with tempfile.TemporaryDirectory() as folder:
        with watch.phase("save"):
            ensemble.save(Path(folder, "model"))
        if asked.report:
            with watch.phase("report"):
                ensemble.report(Path(folder, "report.html"))
    return {"phases": watch.phases, "score": ensemble.score_estimate_, "seconds": dict(ensemble._record.fit_seconds)}


def _tell(found: dict[str, Any], table: Path, asked: argparse.Namespace) -> None:
    """Print a row for each phase."""
    words = f"{asked.dtype}, {asked.categories} of texts, {table.stat().st_size / 1e9:.2f} GB as Parquet"
    print(
        f"\n{asked.rows:,} x {asked.columns} ({words}); {asked.learners}, {asked.folds} folds, {asked.rounds} rounds\n"
    )
    print("| phase | peak, GB | after, GB | seconds |\n|---|---|---|---|")
    for name, seen in found["phases"].items():
        if name != "start":
            print(f"| {name} | {seen['peak'] / 1e9:.2f} | {seen['after'] / 1e9:.2f} | {seen['seconds']:.1f} |")
    print(f"\nscore {found['score']!r}; seconds by member {found['seconds']}")


if __name__ == "__main__":
    main()
