import threading
import time

import numpy as np
import pytest
import sklearn
import threadpoolctl

from byoe import learner
from byoe.contracts._task import Task
from byoe.engine import _threads
from byoe.engine._threads import Work, run


@pytest.mark.parametrize("threads", [[1] * 20, [2, 2, 2], [4], [1, 4, 1, 1], [3, 3, 1, 1, 1]])
def test_threads_never_exceed_the_cores(threads):
    running, most, lock = 0, 0, threading.Lock()

    def work(task, given):
        nonlocal running, most
        with lock:
            running += given
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= given
        return task, given

    done = dict(run(work, [Work(task, count) for task, count in enumerate(threads)], 4))
    assert done == dict(enumerate(threads))
    assert most <= 4


def test_one_core_keeps_the_order():
    assert list(run(lambda task, _: task, [Work(task, 1) for task in "cabd"], 1)) == list("cabd")


@pytest.mark.parametrize("n_cores", [1, 2, 4])
def test_a_work_waits_for_others(n_cores):
    done = []

    def work(task, _):
        time.sleep(0.01 if task == "first" else 0)
        done.append(task)

    works = [Work("first", 1), Work("other", 1), Work("after both", 1, (0, 1)), Work("after", 1, (0,))]
    list(run(work, works, n_cores))
    assert sorted(done) == ["after", "after both", "first", "other"]
    assert done.index("after both") > max(done.index("first"), done.index("other"))
    assert done.index("after") > done.index("first")


def test_a_wide_work_is_not_overtaken_for_ever():
    started = []

    def work(task, _):
        started.append(task)
        time.sleep(0.005)

    list(run(work, [Work("a", 1), Work("wide", 2), *(Work(i, 1) for i in range(20))], 2))
    assert started.index("wide") <= 2


def test_native_pools_are_limited_and_restored(diabetes):
    import sklearn.ensemble  # noqa: F401  # loads OpenMP
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    def pools():
        return {info["filepath"]: info["num_threads"] for info in threadpoolctl.threadpool_info()}

    with threadpoolctl.threadpool_limits(3):
        before = pools()
        works = [Work(task, 1) for task in range(3)]
        seen = list(run(lambda _task, _threads: (_openmp_effective_n_threads(), pools()), works, 1))
        after = pools()
    for openmp, inside in seen:
        assert openmp == 1
        assert set(inside.values()) == {1}
    assert before == after


def test_the_configuration_of_scikit_learn_holds_in_the_threads():
    with sklearn.config_context(enable_metadata_routing=True):
        found = list(run(lambda _, __: sklearn.get_config()["enable_metadata_routing"], [Work(0, 1)], 1))
    assert found == [True]


def test_numpys_error_state_holds_in_the_threads():
    with np.errstate(divide="raise"):
        assert list(run(lambda _, __: np.geterr()["divide"], [Work(0, 1)], 1)) == ["raise"]


def test_an_error_in_a_task_reaches_the_caller():
    def work(task, _threads):
        if task == 2:
            raise RuntimeError("third task")
        return task

    with pytest.raises(RuntimeError, match="third task"):
        list(run(work, [Work(task, 1) for task in range(5)], 2))


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("byoe-")]


def test_no_thread_is_left():
    list(run(lambda task, _: task, [Work(task, 1) for task in range(5)], 2))
    assert not ours()


def test_a_closed_run_ends_what_is_running():
    def work(task, _):
        for _ in range(100_000):
            if task == "quick":
                return
            time.sleep(0.001)

    results = run(work, [Work("quick", 1), Work("slow", 1), Work("never", 1)], 2)
    next(results)
    started = time.monotonic()
    results.close()
    assert not ours()
    assert time.monotonic() - started < 30  # of the 100 seconds that it would take


def test_catboost_ends_between_two_rounds():
    X = np.random.default_rng(0).normal(size=(20_000, 20))
    task = learner("catboost", iterations=100_000)
    given = {"task": Task("regression"), "sample_weight": None, "seed": 0, "threads": 1}
    started = threading.Event()

    def work(_, __):
        started.set()
        task.fit(X, X[:, 0], **given)

    crew = _threads._Crew(work, [Work(0, 1)], 1, threadpoolctl.ThreadpoolController())
    started.wait()
    time.sleep(1.0)
    before = time.monotonic()
    crew.dismiss()
    assert not ours()
    assert time.monotonic() - before < 60  # of the half hour that it would take
