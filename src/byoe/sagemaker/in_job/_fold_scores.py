"""What a trial prints after its first folds, so that whoever compares trials need not wait for their ends."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import ByoeError
from ...scoring._metrics import Metric
from ...tuning._tried import FIRST
from ..shared._metric_lines import fold_line


class FoldScores:
    """Prints the objective of the folds that are done, for each number of folds once in the life of a job.

    The last fold has no line: the objective of all folds is printed at the end, when the model is saved, so that
    no trial with a result can be stopped before it has its model.

    Hyperband compares trials after the same number of folds, whichever that is, and wants each. The service's early
    stopping compares the score of some folds with averages over the scores of fewer, and some folds are easier than
    others: of several lines the best trial would often be stopped. With a single one, after two folds, it compares the
    same rows.

    Parameters
    ----------
    metric : Metric
    checkpoints : Path or None
        Where it is kept what an earlier attempt of the job has printed, which the platform counts, too.
    objective : str
        The name of the metric in the log.
    each : bool
        Whether there is a line after each fold, or a single one.
    """

    def __init__(self, metric: Metric, checkpoints: Path | None, *, objective: str, each: bool) -> None:
        self.metric, self._objective, self._each = metric, objective, each
        name = os.environ.get("TRAINING_JOB_NAME", "job")
        self._file = None if checkpoints is None else checkpoints / "fold-scores" / name

    def wants(self, done: int, n_folds: int) -> bool:
        """Say whether there is a line after so many folds that is not printed yet."""
        return done > self._printed and (self._each or done == min(FIRST, n_folds - 1))

    def __call__(self, done: int, n_folds: int, value: float | ByoeError) -> None:
        """Print a line."""
        if isinstance(value, ByoeError):
            print(f"[byoe] fold {done} of {n_folds}: no {self._objective}: {value}", flush=True)
        else:
            print(f"[byoe] {fold_line(self._objective, value, done, n_folds)}", flush=True)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            written = self._file.with_suffix(".new")  # a job may be interrupted here, too
            written.write_text(str(done), encoding="utf-8")
            written.replace(self._file)

    @property
    def _printed(self) -> int:
        return int(self._file.read_text(encoding="utf-8")) if self._file is not None and self._file.is_file() else 0
