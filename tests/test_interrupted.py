"""Ctrl-C, as a terminal sends it: the fit ends, nothing is left behind, and one note says what is kept."""

import ast
import os
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor, learner
from byoe.store._stored_tasks import _listed

HEAD = """
import sys, threading, time, warnings
import joblib, numpy as np
import byoe
from byoe import EnsembleRegressor, learner
from slowly import Slow

X = np.random.default_rng(0).normal(size=(60, 3))
y = X[:, 0]
"""


SLOWLY = """
import time
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Slow(RegressorMixin, BaseEstimator):
    def __init__(self, seconds=60.0):
        self.seconds = seconds
    def fit(self, X, y, sample_weight=None):
        print("begun", flush=True)
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            time.sleep(0.01)
        self.mean_ = float(np.mean(y))
        self.n_features_in_ = X.shape[1]
        return self
    def predict(self, X):
        return np.full(len(X), self.mean_)
"""


def interrupted(tmp_path, script, *, times=1):
    """Run a script, press Ctrl-C once it says so, and return its exit status, what it printed, and its errors."""
    (tmp_path / "slowly.py").write_text(SLOWLY)
    file = tmp_path / "script.py"
    file.write_text(HEAD + textwrap.dedent(script))
    process = subprocess.Popen(
        [sys.executable, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = ""
        while "begun" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to worker processes, too
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said + out, err


def test_without_a_store_it_says_that_nothing_is_kept(tmp_path):
    code, _, err = interrupted(
        tmp_path, "EnsembleRegressor(['ridge', Slow()], cv=3, n_jobs=2, random_state=0).fit(X, y)"
    )
    assert code == -signal.SIGINT  # as of any Python process
    assert err.count("KeyboardInterrupt") == 1
    assert err.splitlines()[-1].startswith("byoe: the fit was interrupted, and nothing of it is kept. With store=")
    assert err.count("byoe: ") == 1
    assert "_threads.py" not in err  # where in the engine an interrupt arrived tells nobody anything


def test_with_a_store_it_says_what_is_kept_and_the_same_call_goes_on_from_there(tmp_path):
    store = tmp_path / "store"
    script = f"""
    told = []
    members = ["ridge", learner("random_forest", n_estimators=5), Slow()]
    ensemble = EnsembleRegressor(members, "mean", cv=3, n_jobs=1, store={str(store)!r}, callbacks=told.append)
    try:
        ensemble.fit(X, y)
    except KeyboardInterrupt as interrupt:
        print(sorted({{(one.label, one.fold) for one in told}}), "|", *interrupt.__notes__, flush=True)
        print([thread.name for thread in threading.enumerate() if thread.name.startswith("byoe")], flush=True)
    """
    code, out, err = interrupted(tmp_path, script)
    assert (code, err) == (0, "")
    tasks, note = out.splitlines()[-2].split(" | ")
    assert out.splitlines()[-1] == "[]"
    done = {label for label, _ in ast.literal_eval(tasks)}
    assert all(f"{label} (" in note for label in done)
    if not done and " has " not in note:
        assert note == f"byoe: the fit was interrupted before its first task was kept in the store {store}"
    else:
        assert note.startswith(f"byoe: the fit was interrupted. The store {store} has ")
        assert note.endswith("the same call goes on from there")


def interrupt_after(count):
    seen = []

    def listen(progress):
        seen.append(progress)
        if len(seen) == count:
            raise KeyboardInterrupt

    return listen


def test_the_note_names_members_and_folds(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 3))
    given = {"cv": 3, "n_jobs": 1, "random_state": 0, "store": tmp_path / "store"}
    forest = learner("random_forest", n_estimators=3)
    with pytest.raises(KeyboardInterrupt) as found:
        EnsembleRegressor([forest, "knn"], callbacks=interrupt_after(4), **given).fit(X, X[:, 0])
    (note,) = found.value.__notes__
    assert re.search(
        r"has random_forest \(all\), knn \((all|fold 1 of 3|folds 1 and 2 of 3|folds 1, 2 and 3 of 3)\)", note
    )
    reused = []
    EnsembleRegressor([forest, "knn"], callbacks=lambda one: reused.append(one.reused), **given).fit(X, X[:, 0])
    assert sum(reused) >= 4


def test_folds_in_words():
    assert [_listed(folds) for folds in (["2"], ["1", "3"], ["1", "2", "4"])] == [
        "fold 2",
        "folds 1 and 3",
        "folds 1, 2 and 4",
    ]


def test_members_that_join_say_it_too():
    X = np.random.default_rng(0).normal(size=(60, 3))
    ensemble = EnsembleRegressor(["ridge"], random_state=0).fit(X, X[:, 0])
    ensemble.callbacks = interrupt_after(1)
    with pytest.raises(KeyboardInterrupt) as found:
        ensemble.add_members(["knn"], X)
    assert len(found.value.__notes__) == 1


def test_while_it_blends_everything_is_kept(tmp_path, monkeypatch):
    from byoe.ensemble import _base

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_base, "blended", interrupt)
    X = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(KeyboardInterrupt) as found:
        EnsembleRegressor(["ridge", "knn"], random_state=0, store=tmp_path / "store").fit(X, X[:, 0])
    assert "has ridge (all), knn (all)" in found.value.__notes__[0]


@pytest.mark.parametrize("presses", [1, 2])
def test_worker_processes_end_and_say_nothing(tmp_path, presses):
    script = """
    if __name__ == "__main__":
        try:
            with joblib.parallel_config(backend="loky", n_jobs=2):
                EnsembleRegressor([Slow(), "ridge"], cv=3, random_state=0).fit(X, y)
        except KeyboardInterrupt as interrupt:
            print(*getattr(interrupt, "__notes__", ()), flush=True)
    """
    code, out, err = interrupted(tmp_path, script, times=presses)
    assert code == 0, err
    assert out.count("nothing of it is kept") == 1
    assert "begun" in out


def test_a_search_says_how_it_goes_on(tmp_path):
    pytest.importorskip("optuna")
    X = np.random.default_rng(0).normal(size=(60, 3))
    ensemble, space = EnsembleRegressor(["ridge", "knn"], "mean", random_state=0), {"knn__n_neighbors": (1, 9)}
    for store, told in ((None, "No trial is kept: with store="), (tmp_path / "s", "has its trials and models")):
        seen = []

        def stop(row, seen=seen):
            seen.append(row)
            if len(seen) == 2:
                raise KeyboardInterrupt

        with pytest.warns(UserWarning, match=told):
            byoe.tune(ensemble, X, X[:, 0], space, n_trials=4, store=store, callbacks=stop)
    code, _, err = interrupted(
        tmp_path, "byoe.tune(EnsembleRegressor([Slow()], random_state=0), X, y, {'slow__seconds': [60.0, 61.0]})"
    )
    assert code == -signal.SIGINT
    assert err.splitlines()[-1].startswith("byoe: the search was interrupted before it had a result. No trial is kept")
