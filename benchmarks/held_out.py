"""byoe's presets against single libraries, scikit-learn's ensembles, AutoGluon and FLAML, on held-out rows.

``python benchmarks/held_out.py --out results.jsonl`` measures and appends a line per data set, seed, method and time
limit; what the file has already is skipped. ``--report results.jsonl`` prints the tables.
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
import standings

# A method that is still running after so many time limits is stopped and counts as failed.
PATIENCE = 10


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=_names, help="data sets, or a half of them; default: all")
    parser.add_argument("--seeds", type=int, default=3, help="number of splits of each set; default: 3")
    parser.add_argument("--methods", type=_names, help="methods or groups; default: all")
    parser.add_argument(
        "--time-limit", type=_seconds, default=[120.0], help="seconds of each @limit, as in 30,60,120; default: 120"
    )
    parser.add_argument("--rows", type=int, help="at most so many rows of each set; default: all, 30,000 of flights")
    parser.add_argument("--cores", type=int, default=joblib.cpu_count(), help="default: all that are free to use")
    for library in methods.WORKERS:
        parser.add_argument(f"--{library}-python", metavar="PATH", help=f"interpreter of an environment with {library}")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where results are appended")
    parser.add_argument(
        "--report",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="print the tables of these, of --sets and --methods if given",
    )
    given = parser.parse_args()
    if bool(given.out) == bool(given.report):
        parser.error("give --out FILE to measure, or --report FILE for the tables")
    try:
        given.sets = given.sets and datasets.expand(given.sets)
        given.methods = given.methods and methods.expand(given.methods)
    except ValueError as error:
        parser.error(str(error))
    if given.report:
        return given
    given.sets, given.methods = given.sets or list(datasets.NAMES), given.methods or list(methods.METHODS)
    given.pythons = {library: getattr(given, f"{library}_python") for library in methods.WORKERS}
    for library in sorted({methods.worker(method) for method in given.methods} - {None}):
        if not given.pythons[library]:
            parser.error(f"the methods of {library} need --{library}-python PATH; see benchmarks/README.md")
    return given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seconds(text: str) -> list[float]:
    found = [float(name) for name in _names(text)]
    if not found or min(found) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of seconds such as 30,60,120")
    return sorted(set(found))


def wanted(sets: list[str], seeds: int, ways: list[str], limits: list[float]) -> list[tuple[Any, ...]]:
    """Return (set, seed, method, time limit) of all that is to be measured; the limit is None for a method without one.

    All sets and methods come with the first seed, so that a run cut short can be reported.
    """
    return [
        (name, seed, way, limit)
        for seed in range(seeds)
        for name in sets
        for way in ways
        for limit in (limits if methods.is_limited(way) else [None])
    ]


def finished(file: Path, same: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Return the keys of the results in a file, all of which must have the same rows and cores."""
    if not file.exists():
        return set()
    lines = standings.read([file])
    for line in lines:
        other = {name: line[name] for name in same}
        if other != same:
            sys.exit(f"{file} was measured with {other}, this run would be with {same}: give another file")
    return {standings.key(line) for line in lines if "loss" in line}


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
        print(report.tables(standings.read(given.report, given.sets, given.methods)))
        return
    # A terminated run must stop its process too, which has a session of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    same = {"rows": given.rows, "cores": given.cores}
    done = finished(given.out, same)
    missing = [key for key in wanted(given.sets, given.seeds, given.methods, given.time_limit) if key not in done]
    promised = sum(limit or 0 for *_, limit in missing) / 3600
    print(f"{len(missing)} fits; those with a limit may take {promised:.1f} h, the others come on top", file=sys.stderr)
    for number, (name, seed, way, limit) in enumerate(missing, start=1):
        line = {"set": name, "seed": seed, "method": way, "time_limit": limit, **same}
        line |= measure({**line, "pythons": given.pythons}, PATIENCE * (limit or max(given.time_limit)))
        with given.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown = f"{line['loss']:.5g} in {line['fit_seconds']:.1f} s" if "loss" in line else "failed"
        title = standings.titled(way, limit)
        print(f"{number}/{len(missing)} {name} seed {seed} {title}: {shown}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
