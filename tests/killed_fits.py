"""Fits that kill themselves at given moments, each resumed; `test_store_killed` runs this and reads what it prints.

A moment is a touch of the store (a file opened, a folder made, renamed, removed or listed), the begin or the end
of a model's fit, or a callback. Every fit is a process of its own, forked from this one, which must use one thread.
"""

import itertools
import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import skops.io  # noqa: F401  # imported once, and not by every fork

import byoe
import byoe.engine._one_task

KILLS = 20


def made(store, callbacks=None):
    """Return an ensemble, and what it is fitted on."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 3))
    members = ("ridge", byoe.learner("knn", n_neighbors=3), byoe.learner("lightgbm", n_estimators=5))
    params = {"cv": 3, "random_state": 0, "n_jobs": 1, "store": store, "callbacks": callbacks}
    return byoe.EnsembleRegressor(members, "mean", **params), X, X @ [1.0, 2.0, -1.0] + rng.normal(size=60)


def result(ensemble, X):
    """Return the numbers that a model is, in one array."""
    return np.concatenate([ensemble.predict(X), ensemble.oof_predictions_.ravel(), [ensemble.score_estimate_]])


def fit(store, out, kill_at):
    """Fit once, write down which tasks are begun, and at the end what the model predicts."""
    count = itertools.count(1)
    last = [0]

    def moment(*_):
        last[0] = next(count)
        if last[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event, args):
        if event.startswith(("open", "os.", "shutil.")) and args and str(args[0]).startswith(str(store)):
            moment()

    real = byoe.engine._one_task.fit_fold
    begun = os.open(out / "begun.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def fit_fold(*args, **kwargs):
        os.write(begun, b"%d\n" % kwargs["seed"])
        moment()
        model = real(*args, **kwargs)
        moment()
        return model

    byoe.engine._one_task.fit_fold = fit_fold
    sys.addaudithook(watch)
    ensemble, X, y = made(store, moment)
    np.save(out / "result.npy", result(ensemble.fit(X, y), X))
    (out / "moments.txt").write_text(str(last[0]))


def forked(store, out, kill_at=None):
    """Fit in a process of its own; return the seeds of the tasks that it began, and whether it was killed."""
    out.mkdir()
    child = os.fork()
    if not child:
        code = 1
        try:
            fit(store, out, kill_at)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, status
    begun = out / "begun.txt"
    return [int(line) for line in begun.read_text().split()] if begun.is_file() else [], killed


def finished(store):
    """Return the seeds of the tasks that are in a store."""
    return [
        json.loads(manifest.read_text())["entry"]["made_of"]["seed"] for manifest in store.glob("tasks/*/manifest.json")
    ]


def main(folder):
    """Print one JSON object: how many moments and tasks there are, and what became of each killed fit."""
    warnings.simplefilter("error", UserWarning)  # no entry is ever damaged
    ensemble, X, y = made(None)
    expected = result(ensemble.fit(X, y), X)
    whole, _ = forked(folder / "whole", folder / "whole-out")
    moments = int((folder / "whole-out" / "moments.txt").read_text())
    stories = []
    for number, kill_at in enumerate(sorted(np.random.default_rng(0).permutation(moments)[:KILLS] + 1)):
        store = folder / f"store-{number}"
        runs = []
        # Killed, then killed once more a little later than half way of what is left, then left alone.
        for attempt, moment in enumerate((int(kill_at), (moments - int(kill_at)) // 2 + 20, None)):
            out = folder / f"out-{number}-{attempt}"
            before = finished(store)
            begun, killed = forked(store, out, moment)
            runs.append({"before": before, "begun": begun, "killed": killed})
            if not killed:
                break
        stories.append(
            {
                "moment": int(kill_at),
                "runs": runs,
                "same": bool(np.array_equal(np.load(out / "result.npy"), expected)),
                "entries": sorted(finished(store)),
                "leftovers": len(list((store / "tmp").iterdir())),
            }
        )
    print(json.dumps({"moments": moments, "tasks": sorted(whole), "stories": stories}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
