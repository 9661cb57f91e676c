"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..ensemble._base import BaseEnsemble
from ..errors import need
from ..tools._listing import Listing


class Trials(Listing):
    """The trials of a search as dictionaries, printed as a table."""

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str]:
        texts = (
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in row["params"].items()
        )
        return {**super()._cells(row), "params": ", ".join(texts)}

    def to_frame(self) -> Any:
        """Return a pandas frame with a column for every parameter."""
        pandas = need("pandas", "data", "a frame of the trials")
        rows = [{**{key: row[key] for key in row if key != "params"}, **row["params"]} for row in self]
        return pandas.DataFrame(rows).set_index("trial") if rows else pandas.DataFrame()


@dataclass(repr=False)
class Tuned:
    """What `byoe.tune` has found.

    Attributes
    ----------
    best : EnsembleRegressor or EnsembleClassifier
        Not fitted: the ensemble as given with ``best_params`` set. It has the seed of the folds, so that its
        ``score_estimate_`` after a fit of the same data is that of the search.
    best_params : dict of str to value
        Empty where nothing was better than the ensemble as given.
    best_value : float
        The metric of the best trial's cross-fitted blend, as leaderboards show it: losses are positive.
    default_value : float or None
        That of the ensemble as given; None if it could not be fitted.
    metric : str
    trials : list of dict
        Printed as a table. Of each trial: ``trial``, its number; ``varied``, whose parameters are new; ``state``,
        which is ``complete``, ``stopped`` after two folds, or ``failed``; the metric; ``fits``, how many models were
        fitted; ``seconds``; ``params``, all that differ from the ensemble as given; and ``reason``, why it was
        stopped or has failed.
    study : optuna.Study
        The same trials for Optuna's plots and analyses. Stopped ones are pruned.
    interrupted : bool
        Whether Ctrl-C ended the search.
    """

    best: BaseEnsemble
    best_params: dict[str, Any]
    best_value: float
    default_value: float | None
    metric: str
    trials: Trials
    study: Any
    interrupted: bool = False

    def __repr__(self) -> str:
        name = self.metric
        before = "no score" if self.default_value is None else f"{name} {self.default_value:.4g}"
        what = ", ".join(f"{key}={value!r}" for key, value in self.best_params.items()) or "the ensemble as given"
        return f"{len(self.trials)} trials; best {name} {self.best_value:.4g}, as given {before}\nbest: {what}"

    @property
    def greater_is_better(self) -> bool:
        """Whether a greater metric is better."""
        return bool(self.study.direction.name == "MAXIMIZE")

    def plot(self, ax: Any = None) -> Any:
        """Draw the metric of every complete trial, and the best so far; needs ``byoe-ensemble[plots]``.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib Axes
        """
        from ..plots._tuning import tuning_history

        return tuning_history(self, ax=ax)
