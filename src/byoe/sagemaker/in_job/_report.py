"""What a job tells of its ensemble to whoever opens its output."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

from ..._version import __version__
from ...engine._tasks import REFIT
from ...ensemble._base import BaseEnsemble


def report(ensemble: BaseEnsemble, metrics: Mapping[str, float], *, rows: int, columns: int, seconds: float) -> str:
    """Return a report in Markdown: what was fitted on what, its metrics, the leaderboard, and what was left out.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted.
    metrics : mapping of str to float
        Under the names of the log.
    rows, columns : int
        Of the training table, without the target.
    seconds : float
        For which it was fitted.
    """
    parts = [
        "# Ensemble",
        f"```\n{ensemble!r}\n```",
        f"Fitted on {rows} rows x {columns} columns in {seconds:.2f} s, by byoe {__version__}, scikit-learn "
        f"{version('scikit-learn')} and Python {platform.python_version()}.",
        "## Metrics",
        "\n".join(["| metric | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in metrics.items())]),
        "## Leaderboard",
        f"```\n{ensemble.leaderboard_}\n```",
    ]
    if ensemble.failures_:
        lost = [
            f"- {one.label}, {'refit' if one.fold == REFIT else f'fold {one.fold + 1}'}: {one.error}"
            for one in ensemble.failures_
        ]
        parts += ["## Left out", "\n".join(lost)]
    return "\n\n".join(parts) + "\n"
