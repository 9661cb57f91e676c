import joblib
import pytest

from byoe.engine._threads import Work, run
from byoe.errors import ParameterError
from byoe.tools._cores import cores


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 4), (1, 1), (3, 3), (-1, 4), (-2, 3), (99, 4), (-99, 1)])
def test_cores(four_cores, n_jobs, expected):
    assert cores(n_jobs) == expected


def test_no_cores_is_an_error(four_cores):
    with pytest.raises(ParameterError, match="n_jobs is 0, expected a positive integer"):
        cores(0)


def test_an_enclosing_configuration_counts(four_cores):
    with joblib.parallel_config(n_jobs=2):
        assert cores(None) == 2


def test_inside_another_librarys_workers_one_core(four_cores):
    found = joblib.Parallel(2, backend="threading")(joblib.delayed(cores)(None) for _ in range(2))
    assert found == [1, 1]


def test_inside_a_work_its_threads(four_cores):
    works = [Work(0, 3), Work(1, 1)]
    found = dict(run(lambda task, _: (task, cores(None)), works, 4))
    assert found == {0: 3, 1: 1}
