"""What to try next: every trial follows from those before it, its number and the seed, so that a search resumes."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ._space import distributions, quiet_optuna
from ._tried import AS_GIVEN, FAILED, TOGETHER, Tried, best_of

# Of the trials, those that vary one block; the others vary all of them.
_ONE_BY_ONE = 0.75
# Proposals for a trial until one is new.
_ATTEMPTS = 20


class Proposals:
    """What a search tries.

    Parameters
    ----------
    space : mapping of str to domain
    blocks : mapping of str to names
        Which names are varied together, and what that is called.
    n_trials : int
    seed : int
    greater_is_better : bool
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        blocks: Mapping[str, Sequence[str]],
        *,
        n_trials: int,
        seed: int,
        greater_is_better: bool,
    ) -> None:
        self.space = space
        self._distributions = distributions(space)
        self._blocks = blocks
        self._n_trials = n_trials
        self._seed = seed
        self._greater = greater_is_better
        lists = [domain for domain in space.values() if isinstance(domain, list)]
        every = len(lists) == len(space) and math.prod(map(len, lists)) < n_trials
        self._grid = [dict(zip(space, values, strict=True)) for values in itertools.product(*lists)] if every else None

    def next(self, tried: Sequence[Tried]) -> Tried | None:
        """Return whose parameters are varied next, and all parameters; None where nothing new is left."""
        number = len(tried)
        if not number:
            return Tried(AS_GIVEN)
        known = {_key(trial.params) for trial in tried}
        if self._grid is not None:
            left = (Tried(TOGETHER, params) for params in self._grid if _key(params) not in known)
            return next(left, None)
        best = best_of(tried, greater_is_better=self._greater)
        base = {} if best is None else tried[best].params
        for attempt, varied in enumerate(self._turns(number)):
            names = list(self.space) if varied == TOGETHER else self._blocks[varied]
            params = {**base, **self._sampled(varied, tried, attempt)}
            params = {name: params[name] for name in self.space if name in params}
            if names and _key(params) not in known:
                return Tried(varied, params)
        return None

    def _turns(self, number: int) -> Iterator[str]:
        """Yield what to vary in a trial: the block whose turn it is; then others, where that has nothing new."""
        blocks = list(self._blocks)
        if len(blocks) > 1 and number <= 1 + _ONE_BY_ONE * (self._n_trials - 1):
            for turn in range(len(blocks)):
                yield from [blocks[(number - 1 + turn) % len(blocks)]] * _ATTEMPTS
        yield from [TOGETHER if len(blocks) > 1 else blocks[0]] * _ATTEMPTS

    def _sampled(self, varied: str, tried: Sequence[Tried], attempt: int) -> dict[str, Any]:
        """Return parameters of a block, or of each block, that Optuna proposes after what was tried of it."""
        found: dict[str, Any] = {}
        for place, (block, names) in enumerate(self._blocks.items()):
            if varied in (block, TOGETHER):
                seed = np.random.SeedSequence([self._seed, len(tried), place, attempt]).generate_state(1)[0]
                about = [trial for trial in tried if trial.varied in (block, TOGETHER) and trial.state != FAILED]
                found |= self._proposed(names, about, int(seed >> 1))
        return found

    def _proposed(self, names: Sequence[str], tried: Sequence[Tried], seed: int) -> dict[str, Any]:
        optuna = quiet_optuna()
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 + len(names))
        study = optuna.create_study(direction="maximize" if self._greater else "minimize", sampler=sampler)
        study.add_trials([trial.to_optuna(self._distributions, names) for trial in tried])
        return dict(study.ask({name: self._distributions[name] for name in names}).params)


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)
