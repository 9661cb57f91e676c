"""What ``target_transform`` means for a target: checked before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..errors import InputError, ParameterError
from ..fitted._target_transform import Transformer, fitted_transform
from ..folds._plan import SplitPlan
from ..registry._json_form import is_estimator

_SMALL = 1e-3  # of the target's standard deviation


def wanted_transforms(given: Any, y: FloatArray, weight: FloatArray | None, plan: SplitPlan) -> tuple[Any, ...]:
    """Return for each target ``"auto"``, ``"log1p"`` or a transformer; nothing at all where none is transformed.

    ``"auto"`` is decided by each training part for itself, so that no model knows of the rows that it predicts.

    Raises
    ------
    ParameterError
        When it is none of these, or a transformer that does not bring the target back.
    InputError
        When the target has no logarithm.
    """
    if given is None:
        return ()
    if not (isinstance(given, str) and given in ("auto", "log1p")) and not _transforms(given):
        raise ParameterError(
            f"target_transform is {given!r}, expected None, 'auto', 'log1p' or a transformer of scikit-learn, an "
            "instance with fit, transform and inverse_transform"
        )
    columns = [y] if y.ndim == 1 else list(y.T)
    counts = np.ones(len(y), dtype=bool) if weight is None else weight > 0
    wanted = (given,) * len(columns)
    if not isinstance(given, str):
        for one in columns:
            _check_transformer(given, one[counts])
    elif given == "log1p":
        for one in columns:
            _check_logarithm(one[counts])
    else:
        # That a target is never negative is what it is, as for "log1p" that it is above -1: no fold may doubt it.
        wanted = tuple(None if (one[counts] < 0).any() else given for one in columns)
        parts = [np.arange(len(y)), *(train for train, _ in plan.folds)]
        if not any(any(names_of(wanted, y[part], None if weight is None else weight[part])) for part in parts):
            return ()
    return wanted


def names_of(wanted: tuple[Any, ...], y: FloatArray, weight: FloatArray | None) -> list[str | None]:
    """Return what is told of them: by target ``"log1p"``, the class of a transformer, or None.

    Of ``"auto"`` it is what all rows decide. Nothing, where no target is transformed.
    """

    def _name_of(one: Any, column: FloatArray) -> str | None:
        if one is not None and not isinstance(one, str):
            return type(one).__name__
        decided = fitted_transform(one, column, 0, weight)
        return None if decided is None else decided.name

    columns = [y] if y.ndim == 1 else list(y.T)
    names = list(map(_name_of, wanted, columns))
    return names if any(names) else []


def _transforms(given: Any) -> bool:
    return is_estimator(given) and all(hasattr(given, name) for name in ("transform", "inverse_transform"))


def _check_logarithm(y: FloatArray) -> None:
    wrong = int((y <= -1).sum())
    if wrong:
        raise InputError(
            f"target_transform='log1p' takes the logarithm of one more than the target, and {wrong} of {len(y)} "
            f"targets are -1 or less (the least is {y.min():g}); shift the target, or give a transformer such as "
            "PowerTransformer()"
        )


def _check_transformer(given: Any, y: FloatArray) -> None:
    name = type(given).__name__
    try:
        made = Transformer.fit(given, y, 0)
        there = made.into(y)
        back = made.back(there)
    except Exception as error:
        raise ParameterError(
            f"target_transform: {name} cannot transform the target: {type(error).__name__}: {error}"
        ) from error
    if not np.isfinite(there).all():
        wrong = int((~np.isfinite(there)).sum())
        raise ParameterError(
            f"target_transform: {name} makes values of the target that are not finite ({wrong} of {len(y)}); choose "
            "one that takes all of it"
        )
    apart = float(np.abs(back - y).mean())
    if not apart <= _SMALL * max(float(y.std()), float(np.abs(y).max()) * 1e-9):
        raise ParameterError(
            f"target_transform: {name} does not bring the target back: inverse_transform(transform(y)) is {apart:g} "
            "from it in the mean. Predictions would be in another unit; a FunctionTransformer needs inverse_func"
        )
