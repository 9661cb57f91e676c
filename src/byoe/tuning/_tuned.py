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
        pyplot = need("matplotlib.pyplot", "plots", "a plot of the trials")
        ax = pyplot.subplots()[1] if ax is None else ax
        done = [(row["trial"], row[self.metric]) for row in self.trials if row[self.metric] is not None]
        numbers, values = [number for number, _ in done], [value for _, value in done]
        pick = max if self.study.direction.name == "MAXIMIZE" else min
        ax.plot(numbers, values, "o", label="trial")
        ax.step(numbers, [pick(values[: place + 1]) for place in range(len(values))], where="post", label="best so far")
        if self.default_value is not None:
            ax.axhline(self.default_value, linestyle=":", color="grey", label="as given")
        ax.set(xlabel="trial", ylabel=self.metric)
        ax.legend()
        return ax
