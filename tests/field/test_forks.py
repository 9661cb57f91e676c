"""Processes that are forks of one that has fitted or predicted: workers behind ``gunicorn --preload``, ``multiprocessing``.

LightGBM #4751, #6137, #1789 and XGBoost #7044: a child waits for ever for threads that its parent had. scikit-learn's FAQ
tells the same of its own trees. Celery and gunicorn users meet it with any stack of these.
"""

import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from byoe.tools import _forks
from byoe.tools._warnings import warnings_filtered

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin", reason="processes of this platform are not forks"
)

SCRIPT = """
import multiprocessing, os, sys, tempfile, threading, warnings
import numpy as np
import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from lightgbm import LGBMRegressor
from sklearn.ensemble import BaggingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 5))
y = X[:, 0] + rng.normal(0, 0.1, 2000)
SMALL = {
    "lightgbm": learner("lightgbm", n_estimators=10),
    "xgboost": learner("xgboost", n_estimators=10),
    "catboost": learner("catboost", iterations=10),
    "hist": learner("hist_gradient_boosting", max_iter=10),
    "forest": learner("random_forest", n_estimators=10),
    "mlp": learner("mlp", max_iter=5),
    "knn": "knn",
    "user": LGBMRegressor(n_estimators=10, verbose=-1),
    "bag": BaggingRegressor(Ridge(), n_estimators=2, n_jobs=2),
}
fork = multiprocessing.get_context("fork")

def answer(queue, ask):
    queue.put(np.asarray(ask()))

def same(what, ask, right):
    queue = fork.Queue()
    child = fork.Process(target=answer, args=(queue, ask))
    child.start()
    try:
        got = queue.get(timeout=60)  # ends a hang, and nothing else
    except Exception:
        child.kill()
        sys.exit(f"{what}: no answer")
    child.join()
    if not np.array_equal(got, right):
        sys.exit(f"{what}: another answer")
"""

IN_A_THREAD = """
def in_a_thread(ask):
    found = []
    thread = threading.Thread(target=lambda: found.append(ask()))
    thread.start()
    thread.join()
    return found[0]
"""

MEMBERS = """
def check(name):
    def made():
        return EnsembleRegressor([(name, SMALL[name])], "mean", cv=3, random_state=0, n_jobs=2).fit(X, y)
    e = made()
    right = e.predict(X)
    folder = e.save(tempfile.mkdtemp() + "/m", trusted=["lightgbm.*", "collections.*"])
    load = lambda: byoe.load(folder, trusted=["lightgbm.*", "collections.*"])
    same(name + ": predict", lambda: e.predict(X), right)
    same(name + ": load", lambda: load().predict(X), right)
    same(name + ": fit", lambda: made().predict(X), right)
    same(name + ": interval", lambda: e.predict_interval(X), e.predict_interval(X))

for name in sys.argv[1:]:
    check(name)
"""

REST = """
meta = EnsembleRegressor(["ridge", SMALL["lightgbm"]], HistGradientBoostingRegressor(max_iter=5), cv=3, n_jobs=2)
meta.set_params(random_state=0).fit(X, y)
same("a meta-model with threads", lambda: meta.predict(X), meta.predict(X))
same("reblend", lambda: meta.reblend("weighted").predict(X), meta.reblend("weighted").predict(X))
layers = EnsembleRegressor([("inner", meta), "ridge"], "mean", cv=3, random_state=0).fit(X, y)
same("an ensemble in an ensemble", lambda: layers.predict(X), layers.predict(X))
classes = EnsembleClassifier([SMALL["xgboost"], SMALL["lightgbm"]], "mean", cv=3, random_state=0).fit(X, y > 0)
same("probabilities", lambda: classes.predict_proba(X), classes.predict_proba(X))
margins = lambda: np.stack(list(classes.explain(X[:50], output="margin").values()))
same("margins", margins, margins())
import polars
frame = polars.DataFrame(X, schema=[f"x{i}" for i in range(5)])
framed = EnsembleRegressor([SMALL["lightgbm"]], "mean", cv=3, random_state=0).fit(frame, y)
same("a frame of Polars", lambda: framed.predict(frame), framed.predict(frame))

same("a thread of the child", lambda: in_a_thread(lambda: meta.predict(X)), meta.predict(X))

def grandchild():
    queue = fork.Queue()
    child = fork.Process(target=answer, args=(queue, lambda: meta.predict(X)))
    child.start()
    got = queue.get(timeout=60)
    child.join()
    return got

same("a child of the child", grandchild, meta.predict(X))
with fork.Pool(2) as pool:
    for got in pool.map_async(meta.predict, [X, X]).get(timeout=60):
        assert np.array_equal(got, meta.predict(X))
"""


def run(body, *args):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT + body, *args]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


# Each library that starts threads of its own is the first one of a process; those after it come with less.
@pytest.mark.parametrize(
    "names",
    [("lightgbm", "user", "knn"), ("xgboost", "mlp"), ("catboost", "bag"), ("hist", "forest")],
    ids=lambda names: names[0],
)
def test_a_child_predicts_loads_and_fits_as_its_parent(names):
    run(MEMBERS, *names)


def test_whatever_else_a_child_asks_for():
    run(IN_A_THREAD + REST)


WORKERS = """
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

def squares():
    return Parallel(2)(delayed(pow)(value, 2) for value in range(5))

bag = EnsembleRegressor([("bag", SMALL["bag"]), ("hist", BaggingRegressor(SMALL["user"], n_estimators=2, n_jobs=2))], "mean")
bag.set_params(cv=3, random_state=0, n_jobs=2).fit(X, y)
expected = bag.predict(X)
assert squares() == [0, 1, 4, 9, 16]
same("joblib by itself", lambda: (squares(), get_reusable_executor().shutdown())[0], squares())
holdout = [(np.arange(1000), np.arange(1000, 2000))]
made = lambda: EnsembleRegressor([("bag", SMALL["bag"])], "mean", cv=holdout, finalize="bag", n_jobs=2, random_state=0)
single = lambda: made().fit(X, y)
same("a fit of one task", lambda: single().predict(X), single().predict(X))
same("a bag in a thread", lambda: in_a_thread(lambda: bag.predict(X)), expected)

def grandchild():
    squares()  # so that the child has workers too
    queue = fork.Queue()
    child = fork.Process(target=answer, args=(queue, lambda: bag.predict(X)))
    child.start()
    got = queue.get(timeout=60)
    child.join()
    get_reusable_executor().shutdown()
    return got

same("a child of a child that has workers", grandchild, expected)
with fork.Pool(1) as pool:  # its process may have no children
    assert np.array_equal(pool.map_async(bag.predict, [X]).get(timeout=60)[0], expected)
assert squares() == [0, 1, 4, 9, 16]  # the parent keeps its own
assert np.array_equal(bag.predict(X), expected)
"""


def test_a_child_does_without_the_workers_of_its_parent():
    run(IN_A_THREAD + WORKERS)


def test_an_error_and_a_warning_come_from_where_they_are_made(monkeypatch):
    monkeypatch.setattr(_forks, "_BORN", -1)  # as in a fork
    seen = []

    def fail():
        with warnings_filtered(("ignore",)):
            seen.append((threading.current_thread() is threading.main_thread(), np.geterr()["divide"]))
        raise ZeroDivisionError("here")

    with np.errstate(divide="raise"), pytest.raises(ZeroDivisionError, match="here"):
        _forks.after_fork(fail)
    assert seen == [(False, "raise")]


def test_a_lock_is_open_in_a_fork_whoever_held_it():
    lock = _forks.open_after_fork(threading.Lock())
    with lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on a fork of several threads warns
        child = os.fork()
        if not child:
            os._exit(0 if lock.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
