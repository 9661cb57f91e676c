"""What is seen of a process: text, threads and pickles."""

import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from byoe.conformance._process import WorkAtOnce, is_pickle, printed, unpickled, wait_until_idle


def test_what_python_and_native_code_print():
    with printed() as found:
        print("from Python")
        os.write(1, b"from native code\n")
    assert found == ["from Python\nfrom native code\n"]
    with printed() as found:
        pass
    assert found == [""]


def _work(times=20):
    rows = np.random.default_rng(0).normal(size=200_000)
    for _ in range(times):
        np.sort(rows)


told = pytest.mark.skipif(not WorkAtOnce.can_be_told(), reason="the system does not tell")


@told
@pytest.mark.parametrize("count", [1, 6])
def test_threads_that_work_are_counted_and_those_that_wait_are_not(count):
    # Threads that other tests have left may be at work now and then, and what a thread does last may be missed.
    tries = (_seen(count) for _ in range(5))
    assert any(seen < 1.15 if count == 1 else seen > 1.2 for seen in tries)


def _seen(count):
    wait = threading.Event()
    idle = [threading.Thread(target=wait.wait) for _ in range(4)]
    workers = [threading.Thread(target=_work) for _ in range(count)]
    for thread in idle:
        thread.start()
    with WorkAtOnce() as seen:
        for thread in workers:
            thread.start()
        for thread in workers:
            thread.join()
    wait.set()
    for thread in idle:
        thread.join()
    return seen.threads


@told
def test_threads_that_take_turns_are_one():
    def turns():
        with ThreadPoolExecutor(1) as pool, WorkAtOnce() as seen:
            for _ in range(2):  # a thread that wakes another may not be off its core yet
                pool.submit(_work, 40).result()
                _work(40)
        return seen.threads

    assert any(turns() < 1.15 for _ in range(5))


@told
def test_work_of_looking_is_work_of_one_thread(monkeypatch):
    start = threading.Thread.start

    def slowly(thread):
        start(thread)
        _work(30)

    monkeypatch.setattr(threading.Thread, "start", slowly)
    with WorkAtOnce() as seen:
        pass
    assert 0 < seen.threads <= 1.05


@told
def test_a_child_counts_if_it_works_meanwhile():
    import subprocess
    import sys

    code = (
        "import sys, time\n"
        "for line in sys.stdin:\n"
        "    end = time.process_time() + 0.3\n"
        "    while time.process_time() < end: pass\n"
        "    print('done', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:

        def work(together):
            with WorkAtOnce() as seen:
                child.stdin.write("go\n")
                child.stdin.flush()
                end = time.thread_time() + 0.3
                while together and time.thread_time() < end:
                    pass
                child.stdout.readline()
            return seen.threads

        assert any(work(together=True) > 1.2 for _ in range(3))
        assert any(work(together=False) < 1.1 for _ in range(3))
        child.stdin.close()


def test_text_that_the_c_library_holds_back_is_seen(tmp_path):
    import subprocess
    import sys

    code = (
        "import ctypes\n"
        "from byoe.conformance._process import printed\n"
        "with printed() as found:\n"
        "    ctypes.CDLL(None).printf(b'from C\\n')\n"
        "open('found.txt', 'w').write(found[0])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "found.txt").read_text() == "from C\n"


def test_one_watch_inside_another():
    with unpickled() as outer:
        with unpickled() as inner:
            pickle.loads(pickle.dumps(Decimal("1.5")))
        pickle.loads(pickle.dumps(Fraction(1, 3)))
    assert inner == {"decimal.Decimal"}
    assert outer == {"decimal.Decimal", "fractions.Fraction"}


@pytest.mark.parametrize(
    ("data", "expected"), [(pickle.dumps([1.5]), True), (b"", False), (b"\x80\x04x", False), (b"tree\n.", False)]
)
def test_what_looks_like_a_pickle(data, expected):
    assert is_pickle(data) is expected


def test_classes_that_are_unpickled_are_named():
    data = pickle.dumps(Decimal("1.5"))
    with unpickled() as found:
        pickle.loads(data)
    assert found == {"decimal.Decimal"}
    with unpickled() as other:
        pass
    pickle.loads(data)
    assert (found, other) == ({"decimal.Decimal"}, set())


@told
def test_work_that_an_earlier_fit_has_left_is_waited_for():
    stop = threading.Event()

    def turn():
        while not stop.is_set():
            sum(range(1000))

    left = threading.Thread(target=turn)
    left.start()
    end = threading.Timer(0.3, stop.set)
    end.start()
    wait_until_idle()
    assert stop.is_set()
    left.join()
    end.join()
