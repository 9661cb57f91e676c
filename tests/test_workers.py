"""Tasks in worker processes: of joblib's own pools, and of a Dask cluster on the loopback address.

Workers cannot import this module: what they are to run is defined inside functions, and sent as it is.
"""

import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import threadpoolctl
from joblib.externals import loky
from sklearn.base import BaseEstimator, RegressorMixin

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.contracts._task import Task
from byoe.data._table import Table
from byoe.engine import _clock
from byoe.engine import _workers as remote
from byoe.engine._rows import Rows
from byoe.engine._tasks import REFIT, Outcome, fit_tasks
from byoe.engine._threads import Work, run
from byoe.engine._workers import Errand, SharedData, Workers, configured_backend
from byoe.errors import InputError, MemberError, ParameterError
from byoe.folds._splits import make_plan

BOOSTERS = [
    learner("catboost", iterations=15),
    learner("xgboost", n_estimators=15),
    learner("lightgbm", n_estimators=15),
]


@pytest.fixture(scope="module", autouse=True)
def _no_pool_is_left():
    yield
    loky.get_reusable_executor().shutdown(wait=True)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    with ExitStack() as stack:
        # Every two seconds it drops copies that no task waits for at that moment, and they have to be sent again.
        stack.enter_context(dask.config.set({"distributed.scheduler.active-memory-manager.start": False}))
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
            )
        )
        yield stack.enter_context(distributed.Client(cluster))


@pytest.fixture(params=["loky", "dask"])
def processes(request):
    """Configure a backend of processes."""
    if request.param == "dask":
        request.getfixturevalue("client")
    with joblib.parallel_config(request.param, n_jobs=2):
        yield request.param


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    X["kind"] = rng.choice(["red", "green", "blue"], size=300)
    X.loc[::7, "b"] = np.nan
    return X, X["a"] + (X["kind"] == "red") + 0.1 * rng.normal(size=300), rng.integers(0, 3, size=300)


def rows(n_rows=3000, native=None, folds=3):
    values = np.random.default_rng(0).normal(size=(n_rows, 5))
    plan = make_plan(folds, values, values[:, 0], None, Task("regression"), 0)
    return Rows(
        Table(values, values if native is None else native), values[:, 0].copy(), None, Task("regression"), plan
    )


def errands(data, *, prepare=None):
    tasks = fit_tasks({"one": learner("ridge")}, data, {"one": "refit"}, {}, 0)
    return [Errand(task, prepare=prepare) for task in tasks]


def told(data, carry_out, tasks=None, batches=1):
    """Return what a function returns for every task, in a worker."""

    def wrapped(*given):
        return Outcome(given[0], 0.0, model=carry_out(*given))

    with Workers(configured_backend(), None, data, wrapped, ()) as workers:
        return [outcome.model for _ in range(batches) for outcome in workers.run(tasks or errands(data))]


# -- which backend -------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"n_jobs": 2}, {"backend": "threading"}, {"backend": "sequential"}])
def test_threads_stay_the_default(given):
    with joblib.parallel_config(**given):
        assert configured_backend() is None


@pytest.mark.parametrize("name", ["loky", "multiprocessing"])
def test_a_backend_of_processes_is_taken(name):
    with joblib.parallel_config(name):
        assert configured_backend() is not None


def test_a_work_in_a_thread_sends_nothing_on():
    with joblib.parallel_config("loky", n_jobs=2):
        assert list(run(lambda *_: configured_backend(), [Work(0, 1)], 1)) == [None]


def test_a_task_in_a_worker_sends_nothing_on(processes):
    assert set(told(rows(), lambda *_: configured_backend())) == {None}


def test_a_wrong_number_of_jobs_is_told(diabetes):
    with joblib.parallel_config("loky"), pytest.raises(ParameterError, match="n_jobs is 0"):
        EnsembleRegressor(["ridge"], n_jobs=0).fit(*diabetes)


# -- the same model ------------------------------------------------------------------


def assert_same(one, other, X):
    assert np.array_equal(one.oof_predictions_, other.oof_predictions_)
    assert np.array_equal(one.predict(X), other.predict(X))
    assert one.score_estimate_ == other.score_estimate_


def ensemble(**given):
    """Return one whose refits wait for the folds that find their rounds."""
    given = {"early_stopping": True, "finalize": "refit", "cv": 3, "random_state": 0, **given}
    return EnsembleRegressor([*BOOSTERS, "ridge"], "mean", **given)


def test_the_model_is_that_of_threads(processes, frame):
    X, y, _ = frame
    weight = np.arange(len(y)) % 5.0
    told = []
    here = ensemble(callbacks=lambda progress: told.append((progress, os.getpid(), threading.current_thread())))
    here.fit(X, y, sample_weight=weight)
    with joblib.parallel_config("threading", n_jobs=1):
        there = ensemble().fit(X, y, sample_weight=weight)
    assert_same(here, there, X)
    assert [progress.done for progress, _, _ in told] == list(range(1, 17))
    assert {(pid, thread) for _, pid, thread in told} == {(os.getpid(), threading.current_thread())}
    rounds = {label: [model.rounds for model in member.models] for label, member in here.members_.items()}
    assert rounds == {label: [model.rounds for model in member.models] for label, member in there.members_.items()}
    assert np.array_equal(
        here.members_["lightgbm"].models[0].importances(np.arange(4)),
        there.members_["lightgbm"].models[0].importances(np.arange(4)),
    )


def test_a_bag_of_classifiers_is_that_of_threads(processes, frame):
    X, _, classes = frame
    made = EnsembleClassifier([*BOOSTERS, "knn"], "mean", cv=3, random_state=0)
    here = made.fit(X, classes)
    with joblib.parallel_config("threading", n_jobs=1):
        assert_same(here, sklearn.clone(made).fit(X, classes), X)


def test_a_backend_that_returns_all_at_once_does_too(frame):
    X, y, _ = frame
    made = EnsembleRegressor(["ridge", "knn"], random_state=0)
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        here = made.fit(X, y)
    assert_same(here, sklearn.clone(made).fit(X, y), X)


def test_one_process_is_this_one():
    with joblib.parallel_config("loky", n_jobs=1):
        pids = told(rows(), lambda *_: os.getpid())
    assert set(pids) == {os.getpid()}


@pytest.mark.filterwarnings("ignore:the second layer does worse")
@pytest.mark.parametrize("kind", ["regression", "several", "classes"])
def test_the_models_of_all_learners_can_be_sent(kind, frame):
    X, y, classes = frame
    inner = EnsembleClassifier(["ridge"], cv=2) if kind == "classes" else EnsembleRegressor(["ridge"], cv=2)
    members = [*BOOSTERS, "ridge", "elastic_net", "hist_gradient_boosting", "knn", "svm", ("inner", inner)]
    members += [learner("random_forest", n_estimators=5), learner("extra_trees", n_estimators=5)]
    members += [learner("mlp", max_iter=300, hidden_layer_sizes=[5], tol=1e-1)]
    made = (EnsembleClassifier if kind == "classes" else EnsembleRegressor)(members, "mean", cv=2, random_state=0)
    target = {"regression": y, "several": np.column_stack([y, -y]), "classes": classes}[kind]
    if kind == "several":
        made.set_params(inner="drop")
    numbers = X[["a", "b", "c"]].fillna(0.0).to_numpy()
    for member in made.fit(numbers, target).members_.values():
        for model in member.models:
            twin = pickle.loads(pickle.dumps(model))
            assert np.array_equal(twin.predict(numbers), model.predict(numbers)), member.label


def test_the_model_of_a_constant_can_be_sent():
    X, y = np.zeros((40, 2)), np.arange(40.0)
    (model, *_) = EnsembleRegressor(["catboost"], random_state=0).fit(X, y).members_["catboost"].models
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


# -- the data ------------------------------------------------------------------------


COUNTED = """(
    setattr(__import__("sys"), "byoe_arrivals", getattr(__import__("sys"), "byoe_arrivals", 0) + 1),
    type("Counted", (), {"__reduce__": lambda self: (eval, (CODE, {"CODE": CODE}))})(),
)[1]"""


def counted():
    """Return something that counts in every process where it arrives, and goes on from there."""
    made = eval(COUNTED, {"CODE": COUNTED})
    del sys.byoe_arrivals
    return made


def test_the_data_reach_every_dask_worker_once(client):
    before = client.run(lambda: getattr(sys, "byoe_arrivals", 0))
    with joblib.parallel_config("dask"):
        found = told(rows(native=counted(), folds=20), lambda *_: os.getpid())
    after = client.run(lambda: getattr(sys, "byoe_arrivals", 0))
    assert len(found) == 21
    assert [after[worker] - before[worker] for worker in after] == [1, 1]


def test_the_data_reach_a_process_of_a_pool_once():
    def arrivals(*_):
        import sys

        return os.getpid(), sys.byoe_arrivals

    with joblib.parallel_config("loky", n_jobs=2):
        first = dict(told(rows(native=counted(), folds=10), arrivals, batches=2))
        second = told(rows(native=counted(), folds=10), arrivals, batches=2)
    assert {(pid, first.get(pid, 0) + 1) for pid, _ in second} == set(second)


def test_a_pool_maps_the_data_into_memory():
    def memory(_task, data, *_):
        found = []
        for array in (data.table.values, data.y, data.table.native["number"].to_numpy(), data.plan.folds[0][0]):
            owner = array
            while not isinstance(owner, np.memmap) and getattr(owner, "base", getattr(owner, "obj", None)) is not None:
                owner = getattr(owner, "base", None) if hasattr(owner, "base") else owner.obj
            found.append(isinstance(owner, np.memmap) and not array.flags.writeable and array.flags.aligned)
        return found

    native = pd.DataFrame({"number": np.arange(3000.0), "text": ["some text"] * 3000})
    with joblib.parallel_config("loky", n_jobs=2):
        found = told(rows(native=native), memory)
    assert found == [[True] * 4] * 4


def test_what_is_sent_with_a_task_is_small():
    data = rows(100_000)
    for errand in errands(data):
        assert len(pickle.dumps(remote._without_rows(errand))) < 2000


@pytest.mark.parametrize("fold", [0, 2, REFIT])
def test_a_task_gets_its_rows_back(fold):
    data = rows()
    errand = next(errand for errand in errands(data) if errand.task.fold == fold)
    again = remote._with_rows(remote._without_rows(errand).task, data)
    assert np.array_equal(again.train, errand.task.train)
    assert (again.test is None) == (fold == REFIT)
    assert again.test is None or np.array_equal(again.test, errand.task.test)


def test_a_table_is_prepared_once_in_a_process(processes):
    def place(_task, _data, _threads, _rounds, prepared):
        return os.getpid(), id(prepared), prepared is not None

    data = rows(folds=10)
    found = told(data, place, errands(data, prepare=1))
    assert len({pid for pid, *_ in found}) == len(set(found))
    assert all(is_prepared for *_, is_prepared in found)
    assert told(data, lambda *given: given[-1], errands(data)) == [None] * 11


# -- the surroundings of a task ------------------------------------------------------


def test_a_task_has_one_thread_in_a_worker(processes):
    def pools(_task, _data, threads, *_):
        import joblib
        import threadpoolctl
        from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

        blas = {info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"}
        return threads, _openmp_effective_n_threads(), blas, joblib.effective_n_jobs(None)

    assert told(rows(), pools) == [(1, 1, {1}, 1)] * 4


def test_pools_are_limited_and_restored():
    import sklearn.ensemble  # loads OpenMP

    def pools():
        return {info["filepath"]: info["num_threads"] for info in threadpoolctl.threadpool_info()}

    data, inside = rows(), []

    def look(task, *_):
        inside.append(set(pools().values()))
        return Outcome(task, 0.0)

    scene = remote._Scene((), sklearn.get_config(), np.geterr())
    with threadpoolctl.threadpool_limits(3):
        before = pools()
        remote._serve(look, SharedData(data), scene, 0, pickle.dumps(remote._without_rows(errands(data)[0])))
        after = pools()
    assert inside == [{1}]
    assert before == after
    assert set(before.values()) == {3}


def test_the_last_of_several_threads_restores_what_belongs_to_the_process():
    def blas():
        return {info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"}

    def warn():
        warnings.warn("a warning", FutureWarning, stacklevel=2)

    native = threadpoolctl.ThreadpoolController()
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        first, second = (remote._process.set(native, (kind,)) for kind in (UserWarning, FutureWarning))
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas() == {1}
        warn()
        second.__exit__(None, None, None)
        assert blas() == {3}
    with pytest.raises(FutureWarning):
        warn()


def test_settings_of_the_caller_hold_in_a_worker(processes):
    def settings(*_):
        import numpy as np
        import sklearn

        return sklearn.get_config()["enable_metadata_routing"], np.geterr()["divide"]

    with sklearn.config_context(enable_metadata_routing=True), np.errstate(divide="raise"):
        assert told(rows(), settings) == [(True, "raise")] * 4


# -- what goes wrong -----------------------------------------------------------------


def failing(raised=ValueError):
    """Return an estimator that fails on the first half of ``numbered`` rows."""

    class Failing(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            if y.max() < 30:
                raise raised("out of luck")
            self.mean_ = y.mean()
            return self

        def predict(self, X):
            return np.full(len(X), self.mean_)

    return Failing()


def numbered(n_rows=60):
    return np.random.default_rng(0).normal(size=(n_rows, 2)), np.arange(float(n_rows))


def halves():
    return [(np.arange(30, 60), np.arange(30)), (np.arange(30), np.arange(30, 60))]


def left_out(member, on_error="skip", folds=None):
    """Return what failed of a member in company."""
    made = EnsembleRegressor([("mine", member), "ridge"], "mean", cv=folds or halves(), on_error=on_error)
    made.fit(*numbered())
    assert list(made.members_) == ["ridge"]
    return made.failures_


def test_an_error_names_member_and_fold(client):
    with (
        joblib.parallel_config("dask"),
        pytest.raises(MemberError, match=r"^member 'mine' failed on fold 2 of 2: ValueError: out of luck$") as caught,
    ):
        left_out(failing(), on_error="raise")
    assert type(caught.value.__cause__) is ValueError
    (note,) = caught.value.__cause__.__notes__
    assert "In the worker process" in note
    assert "in fit_fold" in note


def test_a_failing_member_is_left_out(processes):
    (failure,) = left_out(failing())
    assert (failure.label, failure.fold, failure.error) == ("mine", 1, "ValueError: out of luck")
    assert "in fit_fold" in failure.traceback


def test_a_refit_that_waits_for_a_failed_fold_is_left_out():
    positive = learner("xgboost", objective="reg:gamma")  # it takes no negative target
    X, y = numbered()
    made = EnsembleRegressor([positive, "ridge"], "mean", finalize="refit", on_error="skip", early_stopping=True)
    with joblib.parallel_config("loky", n_jobs=2):
        made.fit(X, y - 10)
    failed = {failure.fold for failure in made.failures_}
    assert failed
    assert REFIT not in failed
    assert list(made.members_) == ["ridge"]


def test_an_error_that_cannot_be_sent_is_told(processes):
    class OddError(Exception):
        def __reduce__(self):
            return type(self), ("one", "too", "many")

        def __init__(self, only):
            super().__init__(only)

    (failure,) = left_out(failing(OddError))
    assert failure.error == "RuntimeError: OddError: out of luck"


def constant():
    """Return a class of estimators that predict zero."""

    class Constant(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.fitted_ = True
            return self

        def predict(self, X):
            return np.zeros(len(X))

    return Constant


def test_a_model_that_cannot_be_sent_is_told(processes):
    class Locked(constant()):
        def fit(self, X, y):
            import threading

            self.lock_ = threading.Lock()
            return self

    (failure,) = left_out(Locked())  # models of folds are not served, so they are not sent
    assert failure.fold == REFIT
    assert "TypeError: the model cannot be sent back from a worker process" in failure.error
    assert "lock" in failure.error


def test_a_member_that_cannot_be_sent_is_told(processes):
    class Locked(constant()):
        def __init__(self, lock=None):
            self.lock = lock

        def __sklearn_clone__(self):
            return self

    failures = left_out(Locked(threading.Lock()))
    assert len(failures) == 3
    for failure in failures:
        assert "TypeError: the learner cannot be sent to a worker process" in failure.error
        assert "lock" in failure.error


def test_a_member_that_a_worker_cannot_import_is_told(processes):
    class Missing(constant()):
        def __reduce__(self):
            return exec, ("raise ModuleNotFoundError('not here')",)

    failures = left_out(Missing())
    assert len(failures) == 3
    for failure in failures:
        assert "the learner cannot be read in a worker process (ModuleNotFoundError: not here)" in failure.error


def test_data_that_cannot_be_sent_are_told():
    with (
        joblib.parallel_config("loky", n_jobs=2),
        pytest.raises(InputError, match=r"the data cannot be sent to worker processes .*lock"),
    ):
        told(rows(native=threading.Lock()), lambda *_: None)


def test_a_backend_that_fails_is_told(client):
    with (
        joblib.parallel_config("dask"),
        pytest.raises(MemberError, match=r"Backend could not run .* \(ZeroDivisionError"),
    ):
        told(rows(), lambda *_: 1 / 0)


def waiting(folder):
    """Return an estimator that leaves a mark when it begins, and waits for a file unless it is the first."""

    class Waiting(constant()):
        def fit(self, X, y):
            import os
            import time

            try:
                (folder / "first").touch(exist_ok=False)
            except FileExistsError:
                (folder / f"begun-{os.getpid()}-{time.monotonic_ns()}").touch()
                for _ in range(6000):
                    if (folder / "go").exists():
                        break
                    time.sleep(0.01)
            return super().fit(X, y)

    return Waiting()


def until(condition):
    for _ in range(3000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_what_has_not_begun_is_taken_back(processes, tmp_path, request):
    def stop(progress):
        raise KeyboardInterrupt

    made = EnsembleRegressor([("mine", waiting(tmp_path))], cv=15, callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        made.fit(*numbered())
    begun = [file.name.split("-")[1] for file in tmp_path.glob("begun-*")]
    if processes == "loky":
        assert until(lambda: not any(Path("/proc", pid).exists() for pid in begun))
    (tmp_path / "go").touch()
    if processes == "dask":
        client = request.getfixturevalue("client")
        assert until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))
        assert until(lambda: not any(client.processing().values()))
    assert len(list(tmp_path.glob("begun-*"))) <= 4  # of 15


@pytest.mark.parametrize("number", [1, 2])
def test_the_tasks_of_lost_workers_are_done_again(client, frame, number):
    X, y, _ = frame
    killed, results = [], Counter()

    def kill(progress):
        results[progress.label, progress.fold] += 1
        if results.total() == 2:
            killed.extend(list(client.run(os.getpid).values())[:number])
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with joblib.parallel_config("dask"):
        here = ensemble(callbacks=kill).fit(X, y)
    assert len(killed) == number
    assert len(results) == results.total() == 16
    assert_same(here, ensemble().fit(X, y), X)

    def others():
        pids = client.run(os.getpid, on_error="ignore").values()
        return len(pids) == 2 and not set(killed) & set(pids)

    assert until(others)  # for the tests that come after this one


def test_a_time_limit_is_refused(processes, frame):
    X, y, _ = frame
    with pytest.raises(ParameterError, match=r"time_limit is 60, and joblib is configured for .*, whose tasks nobody"):
        EnsembleRegressor(("ridge",), cv=3, time_limit=60).fit(X, y)


def test_what_remains_is_shared_by_the_workers(processes, frame, monkeypatch):
    X, y, _ = frame
    seen = []
    finish = _clock.Clock.finish
    monkeypatch.setattr(
        _clock.Clock,
        "finish",
        lambda self, *given, **more: (finish(self, *given, **more), seen.append(self.at_once))[0],
    )
    EnsembleRegressor(("ridge",), cv=3).fit(X, y)
    assert set(seen) == {2}
