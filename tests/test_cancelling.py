"""A fit that is interrupted ends soon, and leaves neither a thread nor a process."""

import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from byoe import EnsembleRegressor
from byoe.contracts._cancelling import cancelled, listen

SCRIPT = """
import threading, numpy as np
from byoe import EnsembleRegressor, learner

X = np.random.default_rng(0).normal(size=(30_000, 20))
endless = {endless}
ensemble = EnsembleRegressor([endless], "mean", cv=3, n_jobs=2, early_stopping=False, random_state=0)
threading.Timer(1.5, lambda: print("go", flush=True)).start()
try:
    ensemble.fit(X, X[:, 0])
except KeyboardInterrupt:
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("byoe")]
    print("interrupted", left, flush=True)
"""
ENDLESS = {
    "catboost": "learner('catboost', iterations=1_000_000)",
    "xgboost": "learner('xgboost', n_estimators=1_000_000)",
    "lightgbm": "learner('lightgbm', n_estimators=1_000_000)",
    "random_forest": "learner('random_forest', n_estimators=1_000_000)",
    "mlp": "learner('mlp', max_iter=1_000_000, tol=0.0, n_iter_no_change=1_000_000)",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_interrupt_ends_the_fit(name):
    script = textwrap.dedent(SCRIPT.format(endless=ENDLESS[name]))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "go\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert out == "interrupted []\n"
    assert err == ""
    assert process.returncode == 0


def test_an_interrupt_keeps_what_is_in_the_store(tmp_path):
    X = np.random.default_rng(0).normal(size=(200, 3))
    reused = []

    def interrupt(progress):
        if progress.done == 5:
            raise KeyboardInterrupt

    given = {"cv": 3, "store": tmp_path / "store", "n_jobs": 1, "random_state": 0}
    with pytest.raises(KeyboardInterrupt):
        EnsembleRegressor(("knn", "random_forest"), callbacks=interrupt, **given).fit(X, X[:, 0])
    resumed = EnsembleRegressor(("knn", "random_forest"), callbacks=lambda task: reused.append(task.reused), **given)
    resumed.fit(X, X[:, 0])
    assert sum(reused) >= 5
    whole = EnsembleRegressor(("knn", "random_forest"), cv=3, n_jobs=1, random_state=0).fit(X, X[:, 0])
    assert np.array_equal(resumed.predict(X), whole.predict(X))


def test_an_error_in_a_callback_ends_the_fit():
    X = np.random.default_rng(0).normal(size=(200, 3))

    def stop(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        EnsembleRegressor(("ridge", "random_forest"), cv=3, callbacks=stop, n_jobs=2, random_state=0).fit(X, X[:, 0])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("byoe")]


def test_nothing_is_cancelled_outside_a_fit():
    assert not cancelled()


def test_cancelled_belongs_to_the_thread():
    asked, heard = threading.Event(), []

    def work():
        listen(asked)
        heard.append(cancelled())
        asked.set()
        heard.append(cancelled())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [False, True]
    assert not cancelled()
