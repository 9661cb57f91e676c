"""A fit that is killed at any moment resumes: no finished task is done again, and the model is the same to the bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the fits are forks of one process")
def test_a_killed_fit_resumes_without_repeating_what_was_finished(tmp_path):
    script = Path(__file__).with_name("killed_fits.py")
    # Python 3.12 warns of a fork beside the threads of libraries.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(script), str(tmp_path)]
    one_thread = dict.fromkeys(("LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one_thread})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    tasks = told["tasks"]
    assert len(tasks) == len(set(tasks)) == 3 * 3 + 2
    assert len(told["stories"]) == 20
    for story in told["stories"]:
        *killed, last = story["runs"]
        assert killed
        assert all(run["killed"] for run in killed)
        assert not last["killed"]
        for run in story["runs"]:
            assert not set(run["before"]) & set(run["begun"])
        assert sorted(last["before"] + last["begun"]) == tasks
        assert story["entries"] == tasks
        assert story["same"]
        assert story["leftovers"] == 0
    # Some were killed before the first task was finished, some in the middle, some after the last.
    resumed_with = {len(run["before"]) for story in told["stories"] for run in story["runs"][1:]}
    assert {0, len(tasks)} < resumed_with
