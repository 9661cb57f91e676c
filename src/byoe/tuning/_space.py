"""A search space: what its names reach, what each may be, and how Optuna says that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..contracts._search_space import check_domain
from ..ensemble._base import BaseEnsemble
from ..ensemble._configure import configure, reached
from ..errors import ParameterError, need
from ..registry._plugin import plain

# What changes the score, and leaves the folds and the metric as they are, so that trials can be compared.
_OWN = ("blender", "calibrate", "early_stopping")


def check_space(ensemble: BaseEnsemble, space: Mapping[str, Any], fixed: Iterable[str] = ()) -> list[Any]:
    """Check a search space before anything runs: its domains, and that every name is known and not fixed.

    Returns
    -------
    list of EnsembleRegressor or EnsembleClassifier
        The ensemble with every value of every list, and with the ends of every range.

    Raises
    ------
    ParameterError
        Names the entry and says what was expected.
    """
    if not isinstance(space, Mapping):
        raise ParameterError(f"the space is {space!r}, expected a mapping of names to ranges or lists")
    both = {plain(name) for name in space} & {plain(name) for name in fixed}
    if both:
        raise ParameterError(f"{', '.join(sorted(both))} is both fixed and in the space; keep one")
    if not space:
        raise ParameterError("the space is empty; give at least one parameter to tune")
    for name, domain in space.items():
        check_domain(name, domain)
    if "metric" in space:
        raise ParameterError("the space holds 'metric'; trials are compared by one, which is set on the ensemble")
    # Every value of a list must fit, each in the company of the others' first values.
    first = {name: domain[0] for name, domain in space.items()}
    values = [
        {**first, name: value}
        for name, domain in space.items()
        for value in (domain if isinstance(domain, list) else domain[:2])
    ]
    return [configure(ensemble, one) for one in values]


def check_comparable(ensemble: BaseEnsemble, space: Mapping[str, Any]) -> None:
    """Raise a ParameterError for a parameter with which trials have other folds, or the same score."""
    for name in map(plain, space):
        if name in ensemble._get_param_names() and name not in _OWN:
            raise ParameterError(
                f"the space holds {name!r}, which changes no score, or the folds that it is of; set it on the "
                f"ensemble. Of the ensemble's own parameters {', '.join(_OWN)} can be tuned"
            )


def blocks(ensemble: BaseEnsemble, space: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the names of a space that reach the same members, under a name for these: what is tuned together."""
    found: dict[str, tuple[str, ...]] = {}
    for name in space:
        labels = reached(ensemble, name)
        block = ", ".join(labels) if labels else "blender"
        found[block] = (*found.get(block, ()), name)
    return found


def distribution(domain: Any) -> Any:
    """Return a domain as Optuna's."""
    optuna = need("optuna.distributions", "tune", "tuning")
    if isinstance(domain, list):
        return optuna.CategoricalDistribution(domain)
    low, high, log = domain[0], domain[1], len(domain) == 3
    if isinstance(low, int) and isinstance(high, int):
        return optuna.IntDistribution(low, high, log=log)
    return optuna.FloatDistribution(low, high, log=log)


def quiet_optuna() -> Any:
    """Return the library, which would log every study and trial to the standard error."""
    optuna = need("optuna", "tune", "tuning")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def distributions(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a space as Optuna's."""
    return {name: distribution(domain) for name, domain in space.items()}
