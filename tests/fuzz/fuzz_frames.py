"""A fuzzer of tables: random columns, containers and members; each way to a prediction gives the same finite numbers.

``python tests/fuzz/fuzz_frames.py`` runs for ``FUZZ_SECONDS`` (60) from ``FUZZ_SEED`` (0) on, one seed after the other,
and prints the seeds that fail; ``FUZZ_CASE=17`` runs the seed 17 alone, with its traceback. What byoe refuses by an
error of its own is no failure; another error, a warning of numbers, NaN or a difference is.
"""

import datetime
import decimal
import json
import os
import sys
import tempfile
import time
import traceback
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from scipy import sparse

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner, serving
from byoe.errors import ByoeError

START = pd.Timestamp("2024-01-01")


def _days(rng, n):
    return pd.Series(START + pd.to_timedelta(rng.integers(0, 900, n), "D"))


KINDS = {
    "float": lambda r, n: r.normal(size=n),
    "tiny": lambda r, n: r.normal(size=n) * 1e-30,
    "huge": lambda r, n: r.normal(size=n) * 10.0 ** r.choice([30, 37, 300]),
    "int": lambda r, n: r.integers(-5, 5, n),
    "uint64": lambda r, n: r.integers(0, 2**63, n).astype(np.uint64),
    "bool": lambda r, n: r.random(n) < 0.5,
    "constant": lambda r, n: np.ones(n),
    "empty": lambda r, n: np.full(n, np.nan),
    "text": lambda r, n: r.choice(["a", "b", "ü", "1", "NA "], n).astype(object),
    "many texts": lambda r, n: np.array([f"t{i}" for i in r.integers(0, 40, n)], dtype=object),
    "category": lambda r, n: pd.Series(r.choice(["x", "y"], n)).astype("category"),
    "numbers as categories": lambda r, n: pd.Series(r.integers(0, 3, n)).astype("category"),
    "date": _days,
    "zone": lambda r, n: _days(r, n).dt.tz_localize("UTC").dt.tz_convert(r.choice(["America/New_York", "Asia/Tokyo"])),
    "datetime.date": lambda r, n: _days(r, n).dt.date,
    "duration": lambda r, n: pd.Series(pd.to_timedelta(r.integers(0, 900, n), "h")),
    "Decimal": lambda r, n: np.array([decimal.Decimal(int(i)) / 8 for i in r.integers(0, 99, n)], dtype=object),
    "Int64": lambda r, n: pd.Series(r.integers(0, 9, n)).astype("Int64"),
    "boolean": lambda r, n: pd.Series(r.random(n) < 0.5).astype("boolean"),
    "string": lambda r, n: pd.Series(r.choice(["p", "q"], n)).astype("string"),
    "arrow float": lambda r, n: pd.Series(r.normal(size=n)).astype("double[pyarrow]"),
    "arrow text": lambda r, n: pd.Series(r.choice(["p", "q"], n)).astype(pd.ArrowDtype(pa.string())),
    "arrow date": lambda r, n: _days(r, n).astype("datetime64[us]").astype(pd.ArrowDtype(pa.timestamp("us"))),
    "mixed": lambda r, n: np.array([int(i) if i % 2 else str(i) for i in r.integers(0, 4, n)], dtype=object),
    "time": lambda r, n: np.array([datetime.time(int(i)) for i in r.integers(0, 24, n)], dtype=object),
    "infinite": lambda r, n: np.where(r.random(n) < 0.1, np.inf, 1.0),
}  # fmt: skip
NUMBERS = ["float", "tiny", "int", "bool", "constant", "empty", "huge", "infinite"]
CONTAINERS = ["pandas", "pandas", "pandas", "polars", "arrow", "numpy", "list", "structured", "sparse", "dict"]
MEMBERS = [
    "ridge", "elastic_net", "knn", learner("random_forest", n_estimators=5), learner("extra_trees", n_estimators=5),
    learner("lightgbm", n_estimators=5), learner("xgboost", n_estimators=5), learner("catboost", iterations=5),
    learner("hist_gradient_boosting", max_iter=5),
]  # fmt: skip
INDEXES = [None, "twice", "texts", "shuffled"]


class Case:
    """What a seed stands for: a table in a container, a target, an ensemble."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.n = int(rng.choice([rng.integers(1, 12), rng.integers(12, 61)], p=[0.15, 0.85]))
        self.container = str(rng.choice(CONTAINERS))
        plain = self.container in ("numpy", "list", "sparse")
        self.kinds = list(rng.choice(NUMBERS if plain else list(KINDS), rng.integers(1, 9)))
        frame = pd.DataFrame({f"c{i}": self._column(rng, kind) for i, kind in enumerate(self.kinds)})
        index = rng.choice(np.array(INDEXES, dtype=object))
        if index is not None:
            numbers = np.zeros(self.n) if index == "twice" else rng.permutation(self.n)
            frame.index = [f"r{i}" for i in numbers] if index == "texts" else numbers
        try:
            self.X = self._contained(frame)
        except (pa.ArrowException, TypeError):  # neither Arrow nor Polars has columns of mixed cells
            self.container, self.X = "pandas", frame
        self.classes = bool(rng.random() < 0.4)
        drive = np.arange(self.n) % 3 + rng.normal(0, 0.3, self.n)
        self.y = np.where(drive > 1, "yes", "no") if self.classes else drive
        chosen = rng.choice(len(MEMBERS), rng.integers(1, 4), replace=False)
        kind = EnsembleClassifier if self.classes else EnsembleRegressor
        blender = str(rng.choice(["mean", "weighted", "meta-linear", "greedy", "auto"]))
        members = [MEMBERS[i] for i in chosen]
        self.ensemble = kind(members, blender, cv=int(rng.choice([2, 3])), random_state=0, n_jobs=1)
        names = [member if isinstance(member, str) else member.name for member in members]
        self.told = (
            f"{self.container} {self.n} x {self.kinds}, index {index}, classes {self.classes}, {names}, {blender}"
        )

    def _column(self, rng, kind):
        cells = pd.Series(KINDS[kind](rng, self.n))
        share = rng.choice([0.0, 0.0, 0.2, 0.9])
        holes = rng.random(self.n) < share
        if holes.any() and kind not in ("int", "uint64", "bool"):
            cells = cells.mask(holes)
        return cells

    def _contained(self, frame):
        if self.container == "polars":
            return pl.from_pandas(frame.reset_index(drop=True))
        if self.container == "arrow":
            return pa.Table.from_pandas(frame, preserve_index=False)
        if self.container == "structured":
            return frame.to_records(index=False)
        if self.container == "dict":
            return frame.to_dict("list")
        if self.container == "sparse":
            return sparse.csr_matrix(np.nan_to_num(frame.to_numpy(dtype=np.float64), posinf=1.0))
        if self.container in ("numpy", "list"):
            cells = frame.to_numpy(dtype=np.float64)
            return cells if self.container == "numpy" else cells.tolist()
        return frame

    def run(self):
        """Fit and predict in every way; return why nothing was predicted, or None."""
        try:
            fitted = self.ensemble.fit(self.X, self.y)
            right = self._outputs(fitted)
        except ByoeError as error:
            return str(error)
        assert np.isfinite(right).all(), "a prediction is not finite"
        with tempfile.TemporaryDirectory() as folder:
            fitted.save(folder + "/bundle")
            assert np.array_equal(right, self._outputs(byoe.load(folder + "/bundle"))), "loaded, it predicts otherwise"
            model = serving.model_fn(folder + "/bundle")
            for body, media in self._bodies():
                text, _ = serving.output_fn(
                    serving.predict_fn(serving.input_fn(body, media), model), "application/json"
                )
                answer = json.loads(text if isinstance(text, (str, bytes)) else text[0])
                if "error" in answer:
                    raise AssertionError(f"{media} refused: {answer['error']}")
                served = answer["probabilities" if self.classes else "predictions"]
                assert np.allclose(served, right, rtol=1e-9, atol=1e-9), f"served as {media}, it predicts otherwise"
        return None

    def _outputs(self, fitted):
        return fitted.predict_proba(self.X) if self.classes else fitted.predict(self.X)

    def _bodies(self):
        asked = "; outputs=probabilities" if self.classes else ""
        if self.container in ("numpy", "list", "sparse"):
            cells = self.X.toarray() if self.container == "sparse" else np.asarray(self.X)
            rows = [[None if cell != cell else cell for cell in row] for row in cells.tolist()]
            yield json.dumps(rows), "application/json" + asked
            return
        table = self.X if isinstance(self.X, pa.Table) else None
        try:
            if isinstance(self.X, pl.DataFrame):
                table = self.X.to_arrow()
            elif table is None:
                frame = pd.DataFrame(self.X) if not isinstance(self.X, pd.DataFrame) else self.X
                table = pa.Table.from_pandas(frame, preserve_index=False)
        except pa.ArrowException:  # Arrow has no column of integers and texts
            return
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        yield sink.getvalue().to_pybytes(), "application/vnd.apache.arrow.stream" + asked


def run(seed):
    """Run a seed; return the ensemble's own refusal, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        case = Case(seed)
        try:
            return case.run()
        except BaseException as error:
            error.add_note(case.told)
            raise


def main():
    if "FUZZ_CASE" in os.environ:
        print(run(int(os.environ["FUZZ_CASE"])) or "fitted")
        return 0
    seed, ends = int(os.environ.get("FUZZ_SEED", "0")), time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "60"))
    begun, refused, failed = seed, 0, 0
    while time.monotonic() < ends:
        try:
            refused += run(seed) is not None
        except Exception as error:
            failed += 1
            told = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FUZZ_CASE={seed}: {type(error).__name__}: {str(error)[:300]} ({told.filename}:{told.lineno})")
            print(f"    {getattr(error, '__notes__', ['no table'])[-1]}", flush=True)
        seed += 1
    print(f"{seed - begun} tables, of which {refused} were refused and {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
