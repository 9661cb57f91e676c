"""The leaderboard: one row for the blend, one for each member, and one for a guess that knows no features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tools._listing import LabelledListing, digits
from ..tools._sizes import tell_bytes

BLEND, BASELINE = "blend", "baseline"

# What stands in a column, as its heading tells in a notebook.
_TOOLTIPS = {
    "member": "the blend, the members from the best one on, and a guess that knows no features",
    "vs_best": "difference to the best member, and its standard error",
    "verdict": "noise: the difference is less than two standard errors",
    "spread": "standard deviation of the metric over the folds",
    "in_sample": "of the blender on the rows that it has learned from: too good, for comparison only",
    "weight": "in the blend that is served",
    "weight_low": "5 % point of the weight, over bootstrap samples of the rows",
    "weight_high": "95 % point of the weight, over bootstrap samples of the rows",
    "loses_without": "how much worse the blend is without the member",
    "finalize": "how the member is served: the models of the folds (bag), or one fitted on all rows (refit)",
    "models": "how many models are served",
    "fit_seconds": "time to fit, summed over folds and refit",
    "predict_ms": "milliseconds to predict 1,000 rows with all served models",
    "bytes": "size of the member's files in a bundle",
}
_ERROR = "std_error"  # told beside the difference


class Leaderboard(LabelledListing):
    """The blend, the members from the best one on, and a baseline, as dictionaries; printed as a table.

    Losses are shown as positive numbers; None stands for what is not defined.

    Attributes
    ----------
    notes : list of str
        What the numbers mean and what is behind them, in sentences.

    Examples
    --------
    >>> from byoe.scoring._leaderboard import Leaderboard
    >>> board = Leaderboard([{"member": "ridge", "rmse": 1.25}], ["rmse: in units of the target, less is better"])
    >>> board
    member  rmse
    ridge   1.25
    rmse: in units of the target, less is better
    >>> board["ridge"]["rmse"]
    1.25
    """

    @property
    def members(self) -> list[dict[str, Any]]:
        """The rows of the members, from the best one on."""
        return [row for row in self[1:] if row["predict_ms"] is not None]

    @property
    def greater_is_better(self) -> bool:
        """Whether more of the metric is better, as the notes tell."""
        return any(note.endswith("more is better") for note in self.notes)

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str]:
        cells = super()._cells({key: value for key, value in row.items() if key != _ERROR})
        if (difference := row.get("vs_best")) is not None:
            error = row.get(_ERROR)
            cells["vs_best"] = digits(difference, 3, "+") + ("" if error is None else f" ± {digits(error, 2)}")
        if (size := row.get("bytes")) is not None:
            cells["bytes"] = tell_bytes(size)
        return cells | {
            key: f"{row[key]:.2f}" for key in ("weight", "weight_low", "weight_high") if row.get(key) is not None
        }

    def _tooltip(self, key: str) -> str:
        return _TOOLTIPS.get(key, "")
