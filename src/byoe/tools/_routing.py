"""How weights and groups reach an estimator, and the estimators inside it.

scikit-learn has two ways. Without metadata routing a pipeline wants ``step__sample_weight``, a search hands on what it
is given, and some meta-estimators hand on nothing. With it every estimator says what it requests, and one that says
nothing is an error. Here an estimator is fitted in the way in which it takes what is given, whichever is switched on;
requests that a user made are kept where routing is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from inspect import signature
from typing import Any

from ._estimators import is_ensemble, is_pipeline, write_nothing

_NAMES = ("sample_weight", "groups")
# Of scikit-learn; these hand on to the fit of all that they hold what they are given, under the same name,
_TO_ALL = frozenset(
    {"AdaBoostClassifier", "AdaBoostRegressor", "CalibratedClassifierCV", "RANSACRegressor"}
    | {"_MultiOutputEstimator", "_BaseHeterogeneousEnsemble"}
)
# and these whatever they are given.
_AS_GIVEN = frozenset({"BaseSearchCV", "RFE", "TransformedTargetRegressor"})


def takes(estimator: Any, name: str) -> bool:
    """Say whether ``sample_weight`` or ``groups`` can be given to an estimator's fit, and reach what predicts in it."""
    from sklearn.base import clone

    if requests := _requests(estimator, name):
        own = clone(estimator)
        _request(own, [name])
        return _consumes(own, name) or requests == {False}  # whoever says no wants no weights
    return _keyword(estimator, name) is not None or _routes(estimator, name)


def fit_with(estimator: Any, X: Any, y: Any, **given: Any) -> None:
    """Fit an estimator with what is given of ``sample_weight`` and ``groups``.

    The estimator is the caller's own: requests that it leaves open may be set.
    """
    from sklearn import config_context

    for part in _parts(estimator):
        write_nothing(part)
    given = {name: value for name, value in given.items() if value is not None}
    keywords = {name: _keyword(estimator, name) or name for name in given}
    requested = any(_requests(estimator, name) for name in given)
    routed = requested or any(_keyword(estimator, name) is None and _routes(estimator, name) for name in given)
    if not given:
        estimator.fit(X, y)
    elif routed:
        with config_context(enable_metadata_routing=True):
            _request(estimator, given)
            estimator.fit(X, y, **{name: value for name, value in given.items() if _consumes(estimator, name)})
    else:
        with config_context(enable_metadata_routing=False):
            estimator.fit(X, y, **{keywords[name]: value for name, value in given.items()})


def requests_of(estimator: Any) -> list[list[Any]]:
    """Return what the parts of an estimator request, in their order, where metadata routing is on; JSON values."""
    return [
        [name, asked] for name in _NAMES for part in _parts(estimator) if (asked := _asked(part, name)) is not None
    ] * _is_on()


def _is_on() -> bool:
    from sklearn import get_config

    return bool(get_config()["enable_metadata_routing"])


def _keyword(estimator: Any, name: str) -> str | None:
    """Return under which keyword fit takes what is given, without routing; None where it would not arrive."""
    if is_pipeline(estimator):
        step, last = estimator.steps[-1]
        inner = _keyword(last, name)
        return inner and f"{step}__{inner}"
    kinds = {kind.__name__ for kind in type(estimator).__mro__ if kind.__module__.startswith("sklearn.")}
    if kinds & _TO_ALL:
        all_take = all(_keyword(part, name) == name for part in _inside(estimator))
        return name if all_take and name == "sample_weight" else None
    if kinds & {"BaseSearchCV", "RFECV"} and name == "groups":
        return name if _splits_by_groups(estimator.cv) else None
    if "RFECV" in kinds:
        return None
    if kinds & _AS_GIVEN:
        inside = {_keyword(part, name) for part in _inside(estimator)}
        return inside.pop() if len(inside) == 1 else (None if inside else name)
    return name if _in_signature(estimator, name) else None


def _in_signature(estimator: Any, name: str) -> bool:
    return hasattr(estimator, "fit") and name in signature(estimator.fit).parameters


def _splits_by_groups(cv: Any) -> bool:
    from sklearn.utils.metadata_routing import get_routing_for_object

    return hasattr(cv, "get_metadata_routing") and bool(get_routing_for_object(cv).consumes("split", ["groups"]))


def _routes(estimator: Any, name: str) -> bool:
    """Say whether all that predicts in a router of scikit-learn's can request what is given."""
    if not _is_router(estimator):
        return False
    if name == "groups" and _splits_by_groups(getattr(estimator, "cv", None)):
        return True
    # Its last estimator is given the weights as they are, routed or not.
    final = getattr(estimator, "final_estimator", None)
    if final is not None and _keyword(final, name) != name:
        return False
    leaves = list(_leaves(estimator))
    return bool(leaves) and all(hasattr(leaf, "set_fit_request") and _in_signature(leaf, name) for leaf in leaves)


def _is_router(estimator: Any) -> bool:
    from sklearn.utils.metadata_routing import MetadataRouter

    return isinstance(_routing(estimator), MetadataRouter)


def _routing(estimator: Any) -> Any:
    """Return what an estimator says of its routing; None where it says nothing."""
    from sklearn.utils.metadata_routing import get_routing_for_object

    try:
        return get_routing_for_object(estimator)
    except (AttributeError, NotImplementedError, TypeError, ValueError):  # it has none yet, or will have none
        return None
    except RecursionError:  # scikit-learn 1.9's RidgeClassifierCV asks itself
        return None


def _leaves(estimator: Any) -> Iterator[Any]:
    """Yield the estimators that predict inside a router, or the one that is none."""
    inside = [estimator.steps[-1][1]] if is_pipeline(estimator) else list(_inside(estimator))
    if is_ensemble(estimator) or not inside or not _is_router(estimator):
        yield estimator
        return
    for part in inside:
        yield from _leaves(part)


def _inside(estimator: Any) -> Iterator[Any]:
    """Yield the estimators among an estimator's own parameters that predict."""
    for value in estimator.get_params(deep=False).values():
        yield from (part for part in _flat(value) if hasattr(part, "predict"))


def _parts(estimator: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Yield an estimator and all that it holds, once each; an ensemble of byoe's sees to its members itself."""
    seen = set() if seen is None else seen
    if id(estimator) in seen:  # one may hold a list that it is in itself
        return
    seen.add(id(estimator))
    yield estimator
    if not is_ensemble(estimator):
        for value in estimator.get_params(deep=False).values():
            for part in _flat(value):
                yield from _parts(part, seen)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    elif hasattr(value, "fit") and hasattr(value, "get_params") and not isinstance(value, type):
        yield value


def _requests(estimator: Any, name: str) -> set[Any]:
    """Return what the parts of an estimator were told to request, where metadata routing is on."""
    if not _is_on():
        return set()
    return {asked for part in _parts(estimator) if (asked := _asked(part, name)) is not None}


def _asked(part: Any, name: str) -> bool | str | None:
    if not hasattr(part, "set_fit_request") or not hasattr(part, "get_metadata_routing") or _is_router(part):
        return None
    routing = _routing(part)
    asked: bool | str | None = None if routing is None else routing.fit.requests.get(name)
    return asked


def _request(estimator: Any, names: Iterable[str]) -> None:
    """Set the requests that are open: what predicts wants all that it takes, and no other part does."""
    leaves = list(map(id, _leaves(estimator)))
    for part in _parts(estimator):
        for name in names:
            if hasattr(part, "set_fit_request") and _in_signature(part, name) and _asked(part, name) is None:
                part.set_fit_request(**{name: id(part) in leaves})
        if "sample_weight" in names:
            _request_scores(part)


def _request_scores(part: Any) -> None:
    """Have what is scored inside a search weighed, too, where nobody said otherwise."""
    from sklearn.base import is_classifier
    from sklearn.metrics import get_scorer

    routing = _routing(part)
    if hasattr(part, "set_score_request") and routing is not None and not _is_router(part):
        requests = routing.score.requests
        if "sample_weight" in requests and requests["sample_weight"] is None:
            part.set_score_request(sample_weight=True)
    scoring = getattr(part, "scoring", None)
    if scoring is None and type(part).__name__ == "RFECV":  # it makes a scorer of its own, which requests nothing
        scoring = "accuracy" if is_classifier(part) else "r2"
    if isinstance(scoring, str):
        part.set_params(scoring=get_scorer(scoring).set_score_request(sample_weight=True))


def _consumes(estimator: Any, name: str) -> bool:
    routing = _routing(estimator)
    return routing is not None and bool(routing.consumes("fit", [name]))
