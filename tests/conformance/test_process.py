"""What is seen of a process: text, threads and pickles."""

import os
import pickle
import threading
from decimal import Decimal

import numpy as np
import pytest

from byoe.conformance._process import WorkingThreads, printed, unpickled


def test_what_python_and_native_code_print():
    with printed() as found:
        print("from Python")
        os.write(1, b"from native code\n")
    assert found == ["from Python\nfrom native code\n"]
    with printed() as found:
        pass
    assert found == [""]


def _work():
    rows = np.random.default_rng(0).normal(size=200_000)
    for _ in range(20):
        np.sort(rows)


@pytest.mark.skipif(not WorkingThreads.can_be_told(), reason="the system does not tell")
@pytest.mark.parametrize("count", [1, 3])
def test_threads_that_work_are_counted_and_those_that_wait_are_not(count):
    # Threads that other tests have left may be at work now and then.
    assert min(_seen(count) for _ in range(3)) == count


def _seen(count):
    wait = threading.Event()
    idle = [threading.Thread(target=wait.wait) for _ in range(4)]
    workers = [threading.Thread(target=_work) for _ in range(count)]
    with WorkingThreads() as seen:
        for thread in (*idle, *workers):
            thread.start()
        for thread in workers:
            thread.join()
        wait.set()
        for thread in idle:
            thread.join()
    return seen.count


@pytest.mark.skipif(not WorkingThreads.can_be_told(), reason="the system does not tell")
def test_processes_are_seen():
    import subprocess
    import sys

    with WorkingThreads() as seen:
        subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert seen.processes >= 1


def test_classes_that_are_unpickled_are_named():
    data = pickle.dumps(Decimal("1.5"))
    with unpickled() as found:
        pickle.loads(data)
    assert found == {"decimal.Decimal"}
    with unpickled() as other:
        pass
    pickle.loads(data)
    assert (found, other) == ({"decimal.Decimal"}, set())
