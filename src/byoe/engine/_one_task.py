"""A task carried out."""

from __future__ import annotations

import math
import time

from ..contracts._deadline import Deadline, until
from ._fold_fit import fit_fold
from ._prepared import Preparation
from ._rows import Rows
from ._tasks import FitTask, Outcome


def carry_out(
    item: FitTask,
    data: Rows,
    threads: int,
    rounds: list[int],
    prepared: Preparation | None,
    *,
    round_seconds: float = 0.0,
    time_left: float = math.inf,
) -> Outcome:
    """Fit a task's model, and predict the rows that it did not see.

    After ``time_left`` seconds the fit is to end with the rounds that it has, if it can; ``round_seconds`` is what a
    round takes, as far as that is known.
    """
    started = time.perf_counter()
    deadline = Deadline(time_left) if time_left < math.inf else None
    try:
        with until(deadline):
            model = fit_fold(
                item.learner,
                data,
                item.train,
                seed=item.seed,
                threads=threads,
                stopping=item.stopping,
                rounds=rounds,
                round_seconds=round_seconds,
                prepared=prepared,
            )
        seconds, cut = time.perf_counter() - started, deadline.cut if deadline else []
        if item.test is None:
            return Outcome(item, seconds, model, cut=cut)
        unseen = data.table.rows(item.test, frames=model.frames)
        predicted = model.predict(unseen, threads=threads)
        oof = data.task.check(predicted, len(item.test), item.label, scores=model.scores)
    except Exception as error:
        return Outcome(item, time.perf_counter() - started, error=error)
    except SystemExit as left:
        ended = RuntimeError(f"it called sys.exit({left.code!r}); raise an error instead")
        ended.__cause__ = left
        return Outcome(item, time.perf_counter() - started, error=ended)
    predicting = time.perf_counter() - started - seconds
    served, pace = model if item.keep else None, model.round_seconds
    return Outcome(item, seconds, served, oof, model.rounds, predicting, cut=cut, round_seconds=pace)
