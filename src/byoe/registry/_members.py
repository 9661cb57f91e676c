"""Members: from what the user wrote as ``learners=`` and ``blender=`` to learners under labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..contracts._blender import Blender
from ..contracts._learner import Learner
from ..contracts._task import Task
from ..errors import InputError, ParameterError, UnknownNameError, did_you_mean
from ..tools._estimators import check_meta_model
from ._plugin import plain
from ._portfolios import PORTFOLIOS
from ._registry import blender as make_blender
from ._registry import installed, know_origin
from ._registry import learner as make_learner

DROP = "drop"


def labelled(learners: Any) -> list[tuple[str, Any]]:
    """Return (label, what the user gave) pairs; labels are checked, learners not yet made."""
    if isinstance(learners, str):
        return list(_portfolio(learners).items())
    if isinstance(learners, Mapping):
        pairs = [(_label(name), (name, given)) for name, given in learners.items()]
    else:
        try:
            pairs = [_entry(item) for item in learners]
        except TypeError as error:
            if not hasattr(learners, "__iter__"):
                raise ParameterError(f"learners is {learners!r}, expected a sequence of learners") from error
            raise
    if not pairs:
        raise ParameterError("learners is empty; give at least one")
    seen: dict[str, str] = {}
    for label, _ in pairs:
        if plain(label) in seen:
            raise ParameterError(
                f"two members have the label {label!r}; give labels of their own: "
                f"[('{plain(label)}_1', …), ('{plain(label)}_2', …)]"
            )
        seen[plain(label)] = label
        if not re.fullmatch(r"[A-Za-z0-9_\-]+", label) or "__" in label or label.startswith("-"):
            raise ParameterError(
                f"label {label!r} may hold letters, digits, '-' and single '_' only, so that label__parameter works"
            )
    return pairs


def _portfolio(name: str) -> dict[str, Any]:
    """Return the members of a portfolio, or say what the text should have been."""
    if (found := PORTFOLIOS.get(plain(name))) is not None:
        return found
    names = [word.strip() for word in name.split(",")]
    if len(names) > 1 or plain(name) in installed("learner"):
        raise ParameterError(
            f"learners={name!r} is a text; write {names!r}, or the name of a portfolio: "
            f"{', '.join(map(repr, PORTFOLIOS))}"
        )
    raise UnknownNameError(
        f"learners={name!r} is neither a portfolio ({', '.join(PORTFOLIOS)}) nor a list of learners. "
        f"{did_you_mean(name, [*PORTFOLIOS, *installed('learner')])}"
    )


def _label(name: Any) -> str:
    if not isinstance(name, str):
        raise ParameterError(f"a learner's name or label is {name!r}, expected a text")
    return plain(name)


def _entry(item: Any) -> tuple[str, Any]:
    if isinstance(item, str):
        return _label(item), item
    if isinstance(item, tuple):
        if len(item) != 2 or not isinstance(item[0], str):
            raise ParameterError(f"learners holds {item!r}, expected a (label, learner) pair")
        return item[0], item[1]
    if isinstance(item, Learner):
        return item.label, item
    from ..learners._from_estimator import default_name

    return default_name(item), item


def as_learner(given: Any) -> Learner | None:
    """Make a learner of what the user gave; None for a dropped member."""
    if isinstance(given, str):
        if plain(given) in PORTFOLIOS:
            raise ParameterError(f"{given!r} is a portfolio and no learner; write learners={given!r}, without brackets")
        return None if given == DROP else make_learner(given)
    if isinstance(given, tuple):  # an entry of a mapping: registered name -> parameters
        name, params = given
        if isinstance(params, Mapping):
            return make_learner(name, **params)
        return as_learner(params)
    if isinstance(given, Learner):
        know_origin(given)
        return given
    if hasattr(given, "fit") and hasattr(given, "get_params") and not isinstance(given, type):
        from ..learners._from_estimator import FromEstimator

        return FromEstimator(given)
    raise ParameterError(
        f"{given!r} is not a learner: expected a registered name, a Learner or an instance of a "
        "scikit-learn estimator" + (" (this is its class; call it)" if isinstance(given, type) else "")
    )


def members(learners: Any) -> dict[str, Learner]:
    """Return label -> learner for all members that are not dropped."""
    made = {label: as_learner(given) for label, given in labelled(learners)}
    kept = {label: learner for label, learner in made.items() if learner is not None}
    if not kept:
        raise ParameterError("all members are dropped; keep at least one")
    return kept


def check_members(
    learners: Mapping[str, Learner], blender: Blender, task: Task, *, weighted: bool = False, sparse: bool = False
) -> None:
    """Raise an error that names the member or blender that cannot work, for the task or on such data."""
    for label, learner in learners.items():
        try:
            learner.check(task)
        except ParameterError as error:
            raise type(error)(f"member {label!r}: {error}") from error
        if task.is_multilabel and (learner.frozen or not learner.gives_probabilities):
            raise ParameterError(
                f"member {label!r} {'is fitted already' if learner.frozen else 'has no predict_proba'}, and of several "
                "labels each is learned by a classifier of its own, which gives a probability: "
                + ("give the estimator unfitted" if learner.frozen else "wrap it in CalibratedClassifierCV")
            )
        if task.is_classification and not (learner.gives_probabilities or blender.takes_scores):
            raise ParameterError(
                f"member {label!r} has no predict_proba, and blender {blender.name!r} blends probabilities: give a "
                "scikit-learn classifier as the blender, vote, or wrap the member in "
                "sklearn.calibration.CalibratedClassifierCV"
            )
        if weighted and learner.weights == "none":
            raise ParameterError(
                f"member {label!r} takes no sample_weight, or requests it under another name; leave the weights "
                "(sample_weight and class_weight) out or the member (set it to 'drop')"
            )
        if sparse and not learner.sparse:
            raise InputError(f"member {label!r} cannot take a sparse matrix; pass X.toarray() or leave the member out")
    blender.check(task, len(learners))
    if weighted and blender.weights == "none":
        raise ParameterError(
            f"blender {blender.name!r} takes no sample_weight, or requests it under another name; leave the "
            "weights (sample_weight and class_weight) out"
        )


def replaced(learners: Any, label: str, new: Any) -> Any:
    """Return ``learners`` with one member changed, in the same form; nothing is changed in place."""
    pairs = labelled(learners)
    if isinstance(learners, Mapping):
        names = {_label(name): name for name in learners}
        return {**learners, names[label]: new}
    return (
        type(learners)((own, new if own == label else given) for own, given in pairs)
        if isinstance(learners, (list, tuple))
        else tuple((own, new if own == label else given) for own, given in pairs)
    )


def find_label(learners: Any, name: str) -> str | None:
    """Return the label that a name means; ``-`` and ``_`` are alike."""
    by_plain = {plain(label): label for label, _ in labelled(learners)}
    return by_plain.get(plain(name))


def as_blender(given: Any) -> Blender:
    """Make a blender of a registered name, a Blender or a scikit-learn estimator."""
    if isinstance(given, str):
        return make_blender(given)
    if isinstance(given, Blender):
        know_origin(given)
        return given
    if isinstance(given, type):
        raise ParameterError(f"the blender is the class {given.__name__}; give an instance: {given.__name__}()")
    if hasattr(given, "fit") and hasattr(given, "get_params"):
        from ..blenders._meta_model import MetaModel

        check_meta_model(given)
        return MetaModel(given)
    raise UnknownNameError(
        f"{given!r} is not a blender: expected a registered name, a Blender or an instance of a scikit-learn estimator"
    )
