"""Pictures of a fit as files, which MLflow shows beside a run."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import plots
from ..errors import InputError, ParameterError, need
from ..report._rows import Rows
from ..tools._warnings import warnings_filtered

_OF_MEMBERS = ("leaderboard", "weights", "error_correlation", "greedy_path")
_OF_NUMBERS = ("predictions", "residuals")
_OF_CLASSES = ("confusion", "reliability", "roc", "precision_recall")
_MOST_OUTPUTS = 4


def write_pictures(ensemble: Any, rows: Rows | None, folder: Path) -> None:
    """Write the pictures that there are of such an ensemble; none where nothing draws.

    Those of predictions are of ``rows`` where their target is known, else of the fit's own rows, as models predict
    them that did not see them.
    """
    if find_spec("matplotlib") is None:
        return
    folder.mkdir()
    given = () if rows is None or rows.y is None else (rows.some, rows.y)
    for name, picture, of, how in _wanted(ensemble):
        made = need("matplotlib.figure", "plots", "a picture").Figure(layout="constrained")
        with warnings_filtered(("ignore",)):  # of few rows, of letters that a font lacks: the picture shows it
            try:
                getattr(plots, picture)(ensemble, *(given if of else ()), **how, ax=made.subplots())
                made.savefig(folder / f"{name}.png", dpi=110)
            except (ParameterError, InputError):  # such as a blender without weights
                continue


def _wanted(ensemble: Any) -> Iterator[tuple[str, str, bool, dict[str, int]]]:
    """Yield the file of each picture, the function that draws it, whether it is of rows, and of which target."""
    for picture in _OF_MEMBERS:
        yield picture, picture, False, {}
    task = ensemble._task
    of_rows = _OF_CLASSES if task.is_classification else _OF_NUMBERS
    for picture in _OF_CLASSES[:1] if task.is_multilabel else of_rows:
        if task.n_outputs == 1:
            yield picture, picture, True, {}
            continue
        for output in range(min(task.n_outputs, _MOST_OUTPUTS)):
            yield f"{picture}_{output}", picture, True, {"output": output}
