"""A task carried out."""

from __future__ import annotations

import time

from ._fold_fit import fit_fold
from ._prepared import Preparation
from ._rows import Rows
from ._tasks import FitTask, Outcome


def carry_out(item: FitTask, data: Rows, threads: int, rounds: list[int], prepared: Preparation | None) -> Outcome:
    """Fit a task's model, and predict the rows that it did not see."""
    started = time.perf_counter()
    try:
        model = fit_fold(
            item.learner,
            data,
            item.train,
            seed=item.seed,
            threads=threads,
            stopping=item.stopping,
            rounds=rounds,
            prepared=prepared,
        )
        seconds = time.perf_counter() - started
        if item.test is None:
            return Outcome(item, seconds, model)
        unseen = data.table.rows(item.test, frames=model.frames)
        predicted = model.predict(unseen, threads=threads)
        oof = data.task.check(predicted, len(item.test), item.label, scores=model.scores)
    except Exception as error:
        return Outcome(item, time.perf_counter() - started, error=error)
    predicting = time.perf_counter() - started - seconds
    return Outcome(item, seconds, model if item.keep else None, oof, model.rounds, predicting)
