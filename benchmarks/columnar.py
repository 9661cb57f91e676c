"""Bodies in Parquet and Arrow: walked before they are decoded, or decoded in a process with limited memory.

    python benchmarks/columnar.py

Both sides get the same bodies in the same run, in turns, and times are told as ratios:

- *walked*: `byoe.serving.columnar`, as an endpoint reads: what a body declares is counted first.
- *child*: a long-lived process that decodes and validates with pyarrow alone, under RLIMIT_AS
  (columnar_child.py). Bodies and columns lie in shared memory; it is started before anything else.

Then the hostile bodies of the tests, on both, and on a child whose memory is limited to 4 GB, which shows what
pyarrow would take. Linux only, as RLIMIT_AS is.
"""

from __future__ import annotations

import collections
import importlib.util
import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from columnar_child import Child, Died

from byoe.serving._refusal import Refusal
from byoe.serving.columnar._allowance import Allowance
from byoe.serving.columnar._reader import read_arrow, read_parquet

CELLS = 4_000_000  # as an endpoint reads at a time
READ = {"parquet": read_parquet, "arrow": read_arrow}
FIRST = bytearray()  # a small body
ROOT = Path(__file__).parents[1]


def bodies_of_tests() -> Any:
    """Return the module with the bodies of the tests."""
    spec = importlib.util.spec_from_file_location("columnar_bodies", ROOT / "tests" / "serving" / "columnar_bodies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tables(pa: Any) -> dict[str, Any]:
    """Return tables by what they are called in the report: half of the columns are texts where there are any."""
    draw = np.random.default_rng(0)

    def numbers(n_rows: int, n_columns: int) -> dict[str, Any]:
        return {f"n{i}": draw.normal(size=n_rows) for i in range(n_columns)}

    def texts(n_rows: int, n_columns: int) -> dict[str, Any]:
        return {f"t{i}": [f"town {j}" for j in draw.integers(0, 50, n_rows)] for i in range(n_columns)}

    return {
        "1 row x 10": pa.table(numbers(1, 10)),
        "1 row x 5 + 5 texts": pa.table({**numbers(1, 5), **texts(1, 5)}),
        "1,000 rows x 10": pa.table(numbers(1_000, 10)),
        "1,000 rows x 5 + 5 texts": pa.table({**numbers(1_000, 5), **texts(1_000, 5)}),
        "5 MB of numbers": pa.table(numbers(62_500, 10)),
        "5 MB, a third of them texts": pa.table(
            {**numbers(40_000, 10), "t": [f"a text of its own, {i:026d}" for i in range(40_000)]}
        ),
    }


def milliseconds(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Return the times of calls that take turns; each turn begins with another."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(repeats + 5):
        for name in names if number % 2 else names[::-1]:
            started = time.perf_counter()
            calls[name]()
            if number >= 5:
                found[name].append((time.perf_counter() - started) * 1e3)
    return found


def latency(bodies: Any) -> None:
    """Print the times of good bodies."""
    import pyarrow as pa

    child = Child(2 * Allowance(CELLS).most_bytes, patience=60)
    print("| body | format | kB | walked p50, ms | p99 | child p50, ms | p99 | p50 child / walked | p99 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, table in tables(pa).items():
        for format_name, read in READ.items():
            body = getattr(bodies, format_name)(table)
            theirs = read(body, CELLS).columns
            for column, same in zip(child.read(format_name, body, CELLS)[1], theirs, strict=True):
                np.testing.assert_array_equal(column, same)
            calls = {
                "walked": lambda read=read, body=body: read(body, CELLS),
                "child": lambda name=format_name, body=body: child.read(name, body, CELLS),
            }
            found = milliseconds(calls, 40 if len(body) > 1e6 else 1000)
            (w50, w99), (c50, c99) = (np.percentile(found[side], (50, 99)) for side in ("walked", "child"))
            print(
                f"| {name.replace(' x ', ' × ')} | {format_name} | {len(body) / 1e3:,.0f} | {w50:.2f} | {w99:.2f} | "
                f"{c50:.2f} | {c99:.2f} | {c50 / w50:.2f} | {c99 / w99:.2f} |",
                flush=True,
            )
    child.close()


COLD = {
    "walked": (
        "import byoe.serving\nfrom byoe.serving.columnar._reader import read_parquet\nread_parquet(body, 4_000_000)\n"
    ),
    # The child loads pyarrow while its parent loads the handlers.
    "child": (
        "sys.path.insert(0, sys.argv[2])\nfrom columnar_child import Child\nchild = Child(600 * 2**20)\n"
        "import byoe.serving\nchild.read('parquet', body, 4_000_000)\n"
    ),
}
BEGIN = "import sys\nfrom pathlib import Path\nbody = Path(sys.argv[1]).read_bytes()\n"
WAIT = "print('ready', flush=True)\nsys.stdin.read()\n"


def cold_start(file: Path) -> None:
    """Print the time to a first answer, and the memory of two workers that have given one."""
    seconds: dict[str, list[float]] = {name: [] for name in COLD}
    for number in range(11):
        for name in sorted(COLD, reverse=number % 2 == 0):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", BEGIN + COLD[name], str(file), str(Path(__file__).parent)], check=True
            )
            seconds[name].append(time.perf_counter() - started)
    memory = {}
    for name, code in COLD.items():
        command = [sys.executable, "-c", BEGIN + code + WAIT, str(file), str(Path(__file__).parent)]
        workers = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(2)]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        time.sleep(0.5)
        family = [pid for worker in workers for pid in (worker.pid, *children(worker.pid))]
        memory[name] = sum(map(proportional, family)) / 2, len(family) / 2
        for worker in workers:
            worker.communicate()
    base, base_memory = statistics.median(seconds["walked"][1:]), memory["walked"][0]
    print("\n| side | seconds to the first answer | / walked | processes a worker | MB a worker | / walked |")
    print("|---|---|---|---|---|---|")
    for name, (megabytes, processes) in memory.items():
        own = statistics.median(seconds[name][1:])
        print(
            f"| {name} | {own:.2f} | {own / base:.2f} | {processes:.0f} | {megabytes:.0f} | "
            f"{megabytes / base_memory:.2f} |"
        )
    child = Child(2 * Allowance(CELLS).most_bytes)
    body, again = file.read_bytes(), []
    for _ in range(10):
        child.process.kill()
        child.process.wait()
        try:
            child.read("parquet", body, CELLS)
        except Died:
            started = time.perf_counter()
            child.read("parquet", body, CELLS)
            again.append(time.perf_counter() - started)
    child.close()
    print(f"\nThe first answer after a child has died: {statistics.median(again):.2f} s.", flush=True)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def proportional(pid: int) -> float:
    """Return the megabytes of a process, of pages that several share its part."""
    found = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def hostile(bodies: Any) -> None:
    """Print what becomes of the tests' hostile bodies."""
    sides: dict[str, Child | None] = {
        "walked": None,
        "child": Child(2 * Allowance(bodies.MOST_CELLS).most_bytes),
        "pyarrow, up to 4 GB": Child(4 * 2**30),
    }
    print("\n| side | format | bodies | 413 or 400 | read | died | over 5 s | CPU, s | most MB | slowest, s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    worst = []
    for side, child in sides.items():
        for format_name, made in bodies.BOMBS.items():
            named = made()
            found, cpu = with_cpu(child, lambda child=child, name=format_name, named=named: asked(child, name, named))
            answers = collections.Counter(answer.partition(",")[0] for _, _, _, answer, _ in found)
            print(
                f"| {side} | {format_name} | {len(named)} | {answers['400'] + answers['413']} | {answers['200']} | "
                f"{answers['ended']} | {answers['took too long']} | {cpu:.1f} | {max(found)[0]:,.0f} | "
                f"{max(row[1] for row in found):.2f} |",
                flush=True,
            )
            worst += [(side, format_name, *row) for row in found]
        if child is not None:
            child.close()
    print("\n| side | format | body | kB | answer | MB | s |")
    print("|---|---|---|---|---|---|---|")
    for side, format_name, more, taken, size, answer, name in worst:
        if more > 60 or taken > 0.5 or (side != "walked" and answer not in ("400", "413")):
            print(f"| {side} | {format_name} | {name} | {size / 1e3:,.1f} | {answer} | {more:,.0f} | {taken:.2f} |")


def with_cpu(child: Child | None, call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns, and the seconds of CPU of the side that it asks."""
    if child is None:
        before = time.process_time()
        return call(), time.process_time() - before
    child.restart()  # what a process has used is known once it has ended
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = call()
    child.restart()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found, after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime


def asked(child: Child | None, format_name: str, named: dict[str, Any]) -> list[tuple[float, float, int, str, str]]:
    """Return for each body megabytes, seconds, its size, the answer and its name."""
    found = []
    for name, (body, _, _) in named.items():
        answer, more, taken = one(child, format_name, body, 100_000)
        found.append((more, taken, len(body), answer, name))
    return found


def one(child: Child | None, format_name: str, body: bytes, most_cells: int) -> tuple[str, float, float]:
    """Return what becomes of a body, by how many megabytes the memory grew, and the seconds it took."""
    if child is not None:  # which may have been started again just now
        child.read("arrow", FIRST, most_cells)
    pid = os.getpid() if child is None else child.process.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = peak(pid)
    started = time.perf_counter()
    watch = None if child is None else Watch(pid)
    try:
        if child is None:
            READ[format_name](body, most_cells)
        else:
            child.read(format_name, body, most_cells)
        answer = "200"
    except Refusal as refusal:
        answer = str(refusal.status)
    except ValueError as refused:
        answer = str(refused.args[0])
    except Died as died:
        answer = str(died)
    taken = time.perf_counter() - started
    most = peak(pid) if watch is None else watch.most()
    return answer, max(0.0, most - before), taken


def peak(pid: int) -> float:
    """Return the most megabytes that a process has held; 0 where it has ended."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


class Watch:
    """Looks at the memory of a process until it ends, as that cannot be asked for afterwards."""

    def __init__(self, pid: int) -> None:

        self.pid, self.seen, self.ended = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def _look(self) -> None:
        while not self.ended.wait(0.005):
            self.seen = max(self.seen, peak(self.pid))

    def most(self) -> float:
        """Return the most megabytes that were seen."""
        self.ended.set()
        self.thread.join()
        return max(self.seen, peak(self.pid))


def fullest(bodies: Any) -> None:
    """Print what bodies take that are just within the limits of an endpoint."""
    bodies.MOST_CELLS = CELLS
    child = Child(2 * Allowance(CELLS).most_bytes, patience=60)
    print("\n| format | body | kB | walked: answer | MB | s | child: answer | MB | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for format_name in READ:
        for name, body in bodies.fullest(format_name).items():
            told = [one(side, format_name, body, CELLS) for side in (None, child)]
            row = " | ".join(f"{answer} | {more:,.0f} | {taken:.2f}" for answer, more, taken in told)
            print(f"| {format_name} | {name} | {len(body) / 1e3:,.0f} | {row} |", flush=True)
    child.close()


def main() -> None:
    """Print the tables."""
    import pyarrow as pa

    bodies = bodies_of_tests()
    FIRST.extend(bodies.arrow(bodies.NUMBERS))
    file = Path("columnar-first.parquet").absolute()
    file.write_bytes(bodies.parquet(tables(pa)["1,000 rows x 10"]))
    try:
        cold_start(file)
    finally:
        file.unlink()
    hostile(bodies)
    print()
    latency(bodies)
    fullest(bodies)


if __name__ == "__main__":
    main()
