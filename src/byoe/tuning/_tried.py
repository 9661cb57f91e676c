"""A trial that has ended, as the search knows it and as Optuna keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import need

COMPLETE, STOPPED, FAILED = "complete", "stopped", "failed"
AS_GIVEN, TOGETHER = "as given", "all"
# After so many folds a trial may be stopped.
FIRST = 2


@dataclass(frozen=True)
class Tried:
    """A trial that has ended.

    Attributes
    ----------
    varied : str
        Whose parameters are new: a member's label, ``"blender"``, ``"all"``, or ``"as given"``.
    params : mapping of str to value
        All that differ from the ensemble as given.
    state : {"complete", "stopped", "failed"}
    value : float or None
        The metric of the blend, as leaderboards show it; None unless complete.
    begun : float or None
        The metric on the first folds, with the blenders of the best trial, where that stopped it.
    fits : int
        Models that were fitted, those that were found in the store left out.
    seconds : float
    reason : str
        Why it was stopped or has failed.
    """

    varied: str
    params: Mapping[str, Any] = field(default_factory=dict)
    state: str = COMPLETE
    value: float | None = None
    begun: float | None = None
    fits: int = 0
    seconds: float = 0.0
    reason: str = ""

    def as_row(self, number: int, metric: str) -> dict[str, Any]:
        """Return the trial as a row of a table."""
        return {
            "trial": number,
            "varied": self.varied,
            "state": self.state,
            metric: self.value,
            "fits": self.fits,
            "seconds": self.seconds,
            "params": dict(self.params),
            "reason": self.reason or None,
        }

    def to_optuna(self, space: Mapping[str, Any], names: Sequence[str] | None = None) -> Any:
        """Return the trial as Optuna's, with its parameters, or with some of them only.

        Parameters
        ----------
        space : mapping of str to distribution
        names : sequence of str or None
        """
        optuna = need("optuna.trial", "tune", "tuning")
        chosen = [name for name in space if name in self.params and (names is None or name in names)]
        states = {COMPLETE: "COMPLETE", STOPPED: "PRUNED", FAILED: "FAIL"}
        told = {"varied": self.varied, "fits": self.fits, "seconds": self.seconds, "reason": self.reason}
        return optuna.create_trial(
            state=optuna.TrialState[states[self.state]],
            value=self.value,
            params={name: self.params[name] for name in chosen},
            distributions={name: space[name] for name in chosen},
            intermediate_values={} if self.begun is None else {FIRST: self.begun},
            user_attrs=told,
        )

    @classmethod
    def of_optuna(cls, trial: Any) -> Tried:
        """Return what `to_optuna` has written."""
        states = {"COMPLETE": COMPLETE, "PRUNED": STOPPED, "FAIL": FAILED}
        state, told = states[trial.state.name], trial.user_attrs
        value = trial.value if state == COMPLETE else None
        begun = trial.intermediate_values.get(FIRST)
        return cls(
            told["varied"], dict(trial.params), state, value, begun, told["fits"], told["seconds"], told["reason"]
        )


def best_of(tried: Sequence[Tried], *, greater_is_better: bool) -> int | None:
    """Return the place of the best trial that is complete, the first of equals; None where there is none."""
    done = [place for place, trial in enumerate(tried) if trial.value is not None]
    sign = -1.0 if greater_is_better else 1.0
    return min(done, key=lambda place: (sign * (tried[place].value or 0.0), place), default=None)
