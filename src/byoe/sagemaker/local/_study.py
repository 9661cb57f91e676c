"""Optuna's study of a tuning job on this machine: who proposes trials, who ends them, and what is known before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import ParameterError, need
from ...tuning._space import distributions, quiet_optuna
from ..shared._search import Search

_NAME = "byoe"  # the pruner divides trials by it, so that it must always be the same


def study_of(search: Search) -> Any:
    """Return a study that knows the trials of the tuning jobs that the search starts from."""
    optuna = quiet_optuna()
    samplers, pruner = optuna.samplers, optuna.pruners.NopPruner()
    if search.strategy == "Bayesian":
        sampler = samplers.TPESampler(seed=search.seed)
    else:
        sampler = samplers.RandomSampler(seed=search.seed)
    if search.strategy == "Hyperband":
        pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=search.n_folds)
    direction = "maximize" if search.greater_is_better else "minimize"
    study = optuna.create_study(study_name=_NAME, direction=direction, sampler=sampler, pruner=pruner)
    study.add_trials(list(_earlier(search)))
    if search.strategy == "Grid":
        for values in itertools.product(*search.space.values()):
            study.enqueue_trial(dict(zip(search.space, values, strict=True)))
    return study


def check_grid(search: Search) -> None:
    """Raise a ParameterError for a grid of what is no list."""
    for name, domain in search.space.items():
        if search.strategy == "Grid" and not isinstance(domain, list):
            raise ParameterError(f"space[{name!r}] is the range {domain!r}, and a grid takes lists of values; give one")


def check_parents(search: Search) -> None:
    """Raise a ParameterError for earlier tuning jobs whose trials tell nothing here."""
    for parent in search.warm_start:
        if isinstance(parent, str):
            raise ParameterError(
                f"warm_start is {parent!r}, and a tuning job on this machine has no name that it is found by; give the "
                "handle that byoe.sagemaker.tune returned"
            )
        if parent.objective != search.objective:
            raise ParameterError(
                f"warm_start holds {parent.name}, whose objective is {parent.objective}, and here it is "
                f"{search.objective}; give a tuning job of the same"
            )
    if search.warm_start_type != Search.warm_start_type:
        raise ParameterError(
            "warm_start_type is for jobs on AWS, whose best job may be an earlier tuning job's; here compare "
            "best['objective'] of the handles"
        )


def _earlier(search: Search) -> Iterator[Any]:
    """Yield the trials with a result of earlier tuning jobs, with those of their values that this space holds."""
    known = distributions(search.space)
    for parent in search.warm_start:
        for row in parent.trials:
            params = {name: row["params"][name] for name in known if _holds(known[name], row["params"], name)}
            if params and row["objective"] is not None and row["status"] == "Completed":
                trial = need("optuna.trial", "tune", "tuning").create_trial
                yield trial(value=row["objective"], params=params, distributions={name: known[name] for name in params})


def _holds(domain: Any, params: Mapping[str, Any], name: str) -> bool:
    try:
        return name in params and bool(domain._contains(domain.to_internal_repr(params[name])))
    except (TypeError, ValueError):
        return False
