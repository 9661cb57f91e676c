"""byoe's engine against scikit-learn's stacking of the same members, and against the members' bare fits.

``python benchmarks/engine.py`` measures, and writes the tables into README.md and the numbers into
engine.json beside it. Every measurement is a process of its own. Results are appended to a file of JSON
lines as they come, and what that file has already is skipped.

A further measurement is an entry in ``engine_cases.CASES`` for its runs, one in ``engine_run.METHODS`` for
what a run does, and one in ``engine_report.TABLES`` for its table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import engine_report
import joblib
from engine_cases import CASES, QUICK_ROWS, SETS, Results, Run, Scale, seconds, wanted
from one_run import limit_cores

import byoe
from byoe.tools._versions import installed_version

HERE = Path(__file__).parent
REPETITIONS = 5
# A run that takes longer is stopped, and counts as failed.
PATIENCE = 3600
# For a guess of what a run takes, until it is known: seconds of byoe's fit by rows on two cores, what a
# process takes to start, and how the other methods compare.
USUAL = {"diamonds": (54_000, 5.0), "flights": (327_000, 55.0), "simulated": (1_000_000, 95.0)}
START = 6.0
SLOWER = {"byoe-bag": 0.85, "bare": 1.6, "sklearn-threads": 1.7, "sklearn-processes": 1.3, "sklearn-both": 1.7}
_PACKAGES = ("numpy", "scikit-learn", "catboost", "xgboost", "lightgbm", "joblib")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=_names, default=list(CASES), help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--sets", type=_names, default=list(SETS), help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help=f"default: {REPETITIONS}")
    parser.add_argument("--cores", type=int, default=joblib.cpu_count(), help="default: all that are free to use")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"one repetition with {QUICK_ROWS:,} rows, to see that all works: prints the tables, changes no file but "
        "engine-quick.jsonl",
    )
    parser.add_argument("--lines", type=Path, metavar="FILE", help="where results are appended; default: engine.jsonl")
    parser.add_argument("--report", action="store_true", help="measure nothing; make the tables of engine.json anew")
    given = parser.parse_args()
    for name, known in (("cases", CASES), ("sets", SETS)):
        if unknown := set(getattr(given, name)) - set(known):
            parser.error(f"unknown {name} {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    given.lines = given.lines or HERE / ("engine-quick.jsonl" if given.quick else "engine.jsonl")
    return given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def conditions(cores: int, rows: int) -> dict[str, Any]:
    """Return what all results of a file have in common."""
    sources = hashlib.sha256()
    root = Path(byoe.__file__).parent
    for file in sorted(root.rglob("*.py")):
        sources.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cores": cores,
        "processor": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "rows": rows,
        "versions": {
            "byoe": f"{byoe.__version__} (sources {sources.hexdigest()[:10]})",
            "Python": platform.python_version(),
            **{name: installed_version(name) for name in _PACKAGES},
        },
    }


def read(file: Path, expected: dict[str, Any]) -> Results:
    """Return the results in a file of lines, the first of which says under which conditions they were taken."""
    if not file.exists():
        file.write_text(json.dumps(expected) + "\n")
        return {}
    first, *lines = file.read_text().splitlines()
    if json.loads(first) != expected:
        sys.exit(
            f"{file} was measured under other conditions, {first}; this run would be under {json.dumps(expected)}. "
            "Delete the file, or give another with --lines"
        )
    found = (json.loads(line) for line in lines)
    return {Run(**line["run"]): line["result"] for line in found if "result" in line}


def measure(run: Run, cores: int, folder: Path) -> dict[str, Any]:
    """Make a run in a process of its own; return its result, or the error. The folder keeps the data."""
    data, result = folder / f"{run.set}-{run.rows}.joblib", folder / "result.json"
    try:
        if not data.exists():
            _call(["engine_cases.py", run.set, str(run.rows), str(data)], folder)
        with _busy(run.busy):
            _call(["engine_run.py", json.dumps(asdict(run) | {"cores": cores}), str(data), str(result)], folder)
    except RuntimeError as error:
        return {"error": str(error)}
    return {"result": json.loads(result.read_text())}


def _call(command: list[str], folder: Path) -> None:
    log = folder / "log.txt"
    with log.open("w") as output:
        # A session of its own, so that what the process has started is stopped with it.
        process = subprocess.Popen(
            [sys.executable, str(HERE / command[0]), *command[1:]], stdout=output, stderr=output, start_new_session=True
        )
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"stopped after {PATIENCE} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode:
        raise RuntimeError(log.read_text()[-2000:].strip() or f"exit status {process.returncode}")


@contextmanager
def _busy(wanted: bool) -> Iterator[None]:
    """Keep a core busy with another process, if that is wanted."""
    if not wanted:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def take(given: argparse.Namespace, scale: Scale, results: Results, folder: Path) -> None:
    """Make the runs that are missing, and add their results."""
    failed: set[Run] = set()
    started, number = time.perf_counter(), 0
    while missing := [run for run in wanted(given.cases, scale, results) if run not in results and run not in failed]:
        run = missing[0]
        spent = (time.perf_counter() - started) / 60
        left = sum(expected(run, results) for run in missing) / 60
        _say(f"{number} done in {spent:.0f} min, {len(missing)} left, about {left:.0f} min. {run} … ", end="")
        found = measure(run, given.cores, folder)
        with given.lines.open("a") as file:
            file.write(json.dumps({"run": asdict(run), **found}) + "\n")
        if "result" in found:
            number += 1
            results[run] = found["result"]
            _say(f"{found['result']['seconds']:.2f} s")
        else:
            failed.add(run)
            _say(f"failed: {found['error'].splitlines()[-1]}")
    if failed:
        sys.exit(f"{len(failed)} runs failed; {given.lines} has their errors. The same command tries them again")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


def expected(run: Run, results: Results) -> float:
    """Return about how many seconds a run takes: as its other repetitions, or by the size of its table."""
    known = seconds(results, run)
    if known:
        return START + median(known)
    rows, fit = USUAL[run.set]
    guess = fit * (run.rows or rows) / rows * SLOWER.get(run.method, 1.0)
    return START + guess * (run.members / 12 or 1) * (1.5 if run.busy else 1)


def main() -> None:
    """Measure what is missing, and write the tables."""
    given = arguments()
    numbers, readme = HERE / "engine.json", HERE / "README.md"
    if given.report:
        common = json.loads(numbers.read_text())
        results = {Run(**line["run"]): line["result"] for line in common.pop("runs")}
        write_tables(readme, common, results)
        return
    # A terminated run must stop its process too, which has a session of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    limit_cores(given.cores)  # what keeps a core busy is kept to the same ones
    scale = Scale(QUICK_ROWS if given.quick else 0, 1 if given.quick else given.repetitions, tuple(given.sets))
    common = conditions(given.cores, scale.rows)
    results = read(given.lines, common)
    with tempfile.TemporaryDirectory() as folder:
        take(given, scale, results, Path(folder))
    if given.quick:
        print(engine_report.section(common, results))
        return
    runs = ",\n  ".join(json.dumps({"run": asdict(run), "result": result}) for run, result in results.items())
    numbers.write_text(f'{json.dumps(common, indent=1)[:-2]},\n "runs": [\n  {runs}\n ]\n}}\n')
    write_tables(readme, common, results)


def write_tables(readme: Path, common: dict[str, Any], results: Results) -> None:
    """Put the tables between the marks in a file."""
    readme.write_text(engine_report.put_into(readme.read_text(), engine_report.section(common, results)))


if __name__ == "__main__":
    main()
