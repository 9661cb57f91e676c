"""From the start of an endpoint's container to its first healthy answer: by the libraries, by the graph, and by both.

A job with three boosters runs in the stand-in of the container tests, and is served by the containers' real toolkit:
``BYOE_CONTAINER_PYTHON=.venv-container/bin/python PYTHONPATH=. .venv/bin/python benchmarks/containers_by_graph.py``.
What is installed comes from the index that pip is configured with.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sklearn.datasets import load_diabetes
from tests.containers.standin.endpoints import Served
from tests.containers.standin.server import REGION, Platform

ROUNDS = 5
RUNTIMES = ("libraries", "onnx", "auto")


def trained(platform: Platform) -> Any:
    """Return a completed job of three boosters that has saved the graph."""
    import byoe

    platform.session.client("iam").create_role(RoleName="byoe", AssumeRolePolicyDocument="{}")
    frame = load_diabetes(as_frame=True).frame
    ensemble = byoe.EnsembleRegressor(["xgboost", "lightgbm", "catboost"], "mean", cv=3, random_state=0)
    where = {"instance_type": "ml.m5.xlarge", "role": "byoe"}
    return byoe.sagemaker.fit(ensemble, frame, target="target", graph=True, logs=False, **where)


def started(platform: Platform, job: Any, runtime: str, folder: Path) -> tuple[float, float, list[str]]:
    """Start a container; return the seconds until it was healthy, the megabytes that it installed, and what."""
    from byoe.sagemaker.aws._requests import serving_environment

    model = {"PrimaryContainer": {"ModelDataUrl": job.artifact, "Environment": serving_environment(runtime=runtime)}}
    lines: list[str] = []
    begun = time.perf_counter()
    served = Served(model, folder, platform.place, lines.append, region=REGION)
    try:
        served.wait()
        seconds = time.perf_counter() - begun
        size = sum(file.stat().st_size for file in (folder / "layer" / "lib").rglob("*") if file.is_file())
    finally:
        served.close()
    made = {name for line in lines for name in re.findall(r"Successfully installed (.*)", line)}
    return seconds, size / 1e6, sorted(" ".join(made).split())


def main() -> None:
    """Train once, start each in turn, and print a table."""
    with tempfile.TemporaryDirectory() as place:
        platform = Platform(Path(place, "containers"))
        os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        os.environ |= {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": platform.url}
        platform.open()
        try:
            job = trained(platform)
            found: dict[str, list[tuple[float, float, list[str]]]] = {runtime: [] for runtime in RUNTIMES}
            for number in range(ROUNDS):
                for runtime in RUNTIMES:
                    found[runtime].append(started(platform, job, runtime, Path(place, f"{runtime}-{number}")))
        finally:
            platform.close()
    print("runtime    seconds to /ping (median, all)            installed MB")
    for runtime, rounds in found.items():
        seconds = [one[0] for one in rounds]
        each = " ".join(f"{one:.1f}" for one in seconds)
        print(f"{runtime:9}  {statistics.median(seconds):5.1f}  ({each})  {rounds[-1][1]:8.0f}  {' '.join(rounds[-1][2])}")


if __name__ == "__main__":
    main()
