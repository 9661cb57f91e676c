"""What a preset goes on with, where there is time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contracts._learner import Learner
from ..errors import ByoeError
from ._members import as_learner, labelled
from ._plugin import plain
from ._portfolios import DEFAULT, PORTFOLIOS

LONGEST = "best"


def further(learners: Any) -> dict[str, Learner] | None:
    """Return the members that come after those of a preset, those first that are expected to gain most.

    None for a list that is no preset, which is fitted as it is. What is not installed is not among them.

    Parameters
    ----------
    learners : str, sequence or mapping
        An ensemble's parameter.
    """
    own = {plain(label): as_learner(given) for label, given in labelled(learners)}
    if not any(_alike(own, PORTFOLIOS[name]) for name in (DEFAULT, LONGEST)):
        return None
    found: dict[str, Learner] = {}
    for label, given in PORTFOLIOS[LONGEST].items():
        made = _made(given)
        if made is not None and plain(label) not in own and not any(_same(made, one) for one in own.values()):
            found[label] = made
    return found


def first(learners: Any, made: Mapping[str, Learner]) -> dict[str, Learner]:
    """Return the members that share a time limit: of the longest preset as many as the default one has, in its order.

    All of any other list. Shared out among so many as the longest one has, time would make none of them whole.

    Parameters
    ----------
    learners : str, sequence or mapping
        An ensemble's parameter.
    made : dict of label to Learner
        What it means.
    """
    own = {plain(label): as_learner(given) for label, given in labelled(learners)}
    count = len(PORTFOLIOS[DEFAULT]) if _alike(own, PORTFOLIOS[LONGEST]) else len(made)
    return dict(list(made.items())[:count])


def _alike(own: Mapping[str, Learner | None], preset: Mapping[str, Any]) -> bool:
    if list(own) != list(map(plain, preset)):
        return False
    made = map(_made, preset.values())
    return all(_same(one, other) for one, other in zip(own.values(), made, strict=True))


def _same(one: Learner | None, other: Learner | None) -> bool:
    return (
        one is not None
        and other is not None
        and type(one) is type(other)
        and one.name == other.name
        and one.own_params() == other.own_params()
    )


def _made(given: Any) -> Learner | None:
    try:
        return as_learner(given)
    except ByoeError:
        return None
