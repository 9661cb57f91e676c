"""byoe's defaults against single libraries, scikit-learn's ensembles and AutoGluon, on held-out rows.

``python benchmarks/held_out.py --out results.jsonl`` measures and appends a line per data set, seed
and method; what the file has already is skipped. ``--report results.jsonl`` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import datasets
import joblib
import methods
import report

# A method that is still running after so many time limits is stopped and counts as failed.
PATIENCE = 10


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sets", type=_names, default=list(datasets.NAMES), help="data sets, or a half of them; default: all"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of splits of each set; default: 5")
    parser.add_argument("--methods", type=_names, default=list(methods.GROUPS), help="methods or groups; default: all")
    parser.add_argument("--time-limit", type=float, default=300, help="seconds that AutoGluon gets; default: 300")
    parser.add_argument("--rows", type=int, help="at most so many rows of each set; default: all, 30,000 of flights")
    parser.add_argument("--cores", type=int, default=joblib.cpu_count(), help="default: all that are free to use")
    parser.add_argument("--autogluon-python", metavar="PATH", help="interpreter of an environment with AutoGluon")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where results are appended")
    parser.add_argument("--report", type=Path, nargs="+", metavar="FILE", help="print the tables of these results")
    given = parser.parse_args()
    if bool(given.out) == bool(given.report):
        parser.error("give --out FILE to measure, or --report FILE for the tables")
    try:
        given.sets = datasets.expand(given.sets)
        given.methods = methods.expand(given.methods)
    except ValueError as error:
        parser.error(str(error))
    if given.out and "autogluon" in given.methods and not given.autogluon_python:
        parser.error("method autogluon needs --autogluon-python PATH; see benchmarks/README.md")
    return given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def finished(file: Path, limits: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Return (set, seed, method) of the results in a file, all of which must have the same limits."""
    if not file.exists():
        return set()
    lines = report.read([file])
    for line in lines:
        other = {name: line[name] for name in limits}
        if other != limits:
            sys.exit(f"{file} was measured with {other}, this run would be with {limits}: give another file")
    return {(line["set"], line["seed"], line["method"]) for line in lines if "loss" in line}


def measure(job: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Run a job in a process of its own; return its result, or the error."""
    with tempfile.TemporaryDirectory() as name:
        result, log = Path(name, "result.json"), Path(name, "log.txt")
        command = [sys.executable, str(Path(__file__).with_name("one_run.py")), json.dumps(job), str(result)]
        with log.open("w") as output:
            # A session of its own, so that what the process has started is stopped with it.
            process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                return {"error": f"stopped after {seconds:g} s"}
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if process.returncode:
            return {"error": log.read_text()[-2000:].strip() or f"exit status {process.returncode}"}
        return json.loads(result.read_text())


def main() -> None:
    """Measure what is missing, or print the tables."""
    given = arguments()
    if given.report:
        print(report.tables(report.read(given.report)))
        return
    # A terminated run must stop its process too, which has a session of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    limits = {"rows": given.rows, "cores": given.cores, "time_limit": given.time_limit}
    done = finished(given.out, limits)
    # All sets and methods come with the first seed, so that a run cut short can be reported.
    wanted = [(name, seed, way) for seed in range(given.seeds) for name in given.sets for way in given.methods]
    missing = [key for key in wanted if key not in done]
    for number, (name, seed, way) in enumerate(missing, start=1):
        line = {"set": name, "seed": seed, "method": way, **limits}
        line |= measure({**line, "autogluon_python": given.autogluon_python}, PATIENCE * given.time_limit)
        with given.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown = f"{line['loss']:.5g} in {line['fit_seconds']:.1f} s" if "loss" in line else "failed"
        print(f"{number}/{len(missing)} {name} seed {seed} {way}: {shown}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
