import threading
import time

import joblib
import pytest
import threadpoolctl

from byoe import _schedule
from byoe.errors import ParameterError


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 4), (1, 1), (3, 3), (-1, 4), (-2, 3), (99, 4), (-99, 1)])
def test_cores(four_cores, n_jobs, expected):
    assert _schedule.cores(n_jobs) == expected


def test_no_cores_is_an_error(four_cores):
    with pytest.raises(ParameterError, match="n_jobs is 0, expected a positive integer"):
        _schedule.cores(0)


def test_an_enclosing_configuration_counts(four_cores):
    with joblib.parallel_config(n_jobs=2):
        assert _schedule.cores(None) == 2


def test_inside_another_librarys_workers_one_core(four_cores):
    found = joblib.Parallel(2, backend="threading")(joblib.delayed(_schedule.cores)(None) for _ in range(2))
    assert found == [1, 1]


@pytest.mark.parametrize(("tasks", "threads"), [(1, 4), (2, 2), (3, 1), (4, 1), (20, 1)])
def test_tasks_times_threads_never_exceed_the_cores(four_cores, tasks, threads):
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

    done = list(_schedule.run(work, range(tasks), None))
    assert sorted(task for task, _ in done) == list(range(tasks))
    assert {given for _, given in done} == {threads}
    assert most <= 4


def test_native_pools_are_limited_and_restored(diabetes):
    import sklearn.ensemble  # noqa: F401  # loads OpenMP
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    def pools():
        return {info["filepath"]: info["num_threads"] for info in threadpoolctl.threadpool_info()}

    with threadpoolctl.threadpool_limits(3):
        before = pools()
        seen = list(_schedule.run(lambda _task, _threads: (_openmp_effective_n_threads(), pools()), range(3), 1))
        after = pools()
    for openmp, inside in seen:
        assert openmp == 1
        assert set(inside.values()) == {1}
    assert before == after


def test_an_error_in_a_task_reaches_the_caller(four_cores):
    def work(task, _threads):
        if task == 2:
            raise RuntimeError("third task")
        return task

    with pytest.raises(RuntimeError, match="third task"):
        list(_schedule.run(work, range(5), None))
