"""From the start of an endpoint's container to its first healthy answer, by each runtime: a measurement, not a test.

``BYOE_CONTAINER_PYTHON=.venv-container/bin/python .venv/bin/python -m pytest -s tests/containers/starts.py`` prints a
table. What is installed comes from the index that pip is configured with.
"""

import re
import statistics
import time

from sklearn.datasets import load_diabetes
from tests.containers.standin.served import Served
from tests.containers.standin.server import REGION

import byoe
from byoe.sagemaker.aws._requests import serving_environment

ROUNDS = 5
RUNTIMES = ("libraries", "onnx", "auto")


def started(platform, job, runtime, folder):
    """Start a container; return the seconds until it was healthy, the megabytes that it installed, and what."""
    model = {"PrimaryContainer": {"ModelDataUrl": job.artifact, "Environment": serving_environment(runtime=runtime)}}
    lines = []
    begun = time.perf_counter()
    served = Served(model, folder, platform.place, lines.append, region=REGION).wait()
    seconds = time.perf_counter() - begun
    size = sum(file.stat().st_size for file in (folder / "layer" / "lib").rglob("*") if file.is_file())
    served.close()
    return seconds, size / 1e6, " ".join(re.findall(r"Successfully installed (.*)", "\n".join(lines)))


def test_how_long_endpoints_take_to_start(platform, on_aws, tmp_path):
    frame = load_diabetes(as_frame=True).frame
    ensemble = byoe.EnsembleRegressor(["xgboost", "lightgbm", "catboost"], "mean", cv=3, random_state=0)
    job = byoe.sagemaker.fit(ensemble, frame, target="target", graph=True, logs=False, **on_aws)
    found = {runtime: [] for runtime in RUNTIMES}
    for number in range(ROUNDS):
        for runtime in RUNTIMES:
            found[runtime].append(started(platform, job, runtime, tmp_path / f"{runtime}-{number}"))
    print("\nruntime    seconds to /ping: median, all      installed MB")
    for runtime, rounds in found.items():
        seconds = [one[0] for one in rounds]
        each = " ".join(f"{one:.1f}" for one in seconds)
        print(f"{runtime:9}  {statistics.median(seconds):5.1f}  ({each})  {rounds[-1][1]:6.0f}  {rounds[-1][2]}")
