"""What ``target_transform`` means for a target: checked, and for ``"auto"`` decided, before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contracts._task import FloatArray
from ..errors import InputError, ParameterError
from ..fitted._target_transform import Transformer
from ..registry._json_form import is_estimator

_SKEWED = 1.0
_SMALL = 1e-3  # of the target's standard deviation


def wanted_transforms(given: Any, y: FloatArray, weight: FloatArray | None) -> tuple[Any, ...]:
    """Return for each target ``"log1p"``, a transformer or None; nothing at all where none is transformed.

    ``"auto"`` is the logarithm where no target is negative, their skewness is above 1, and that of
    the logarithms is less than half as large.

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
    if isinstance(given, str) and given == "auto":
        weights = np.ones(len(y)) if weight is None else weight
        found = tuple("log1p" if _is_skewed(one[counts], weights[counts]) else None for one in columns)
        return found if any(found) else ()
    for one in columns:
        if isinstance(given, str):
            _check_logarithm(one[counts])
        else:
            _check_transformer(given, one[counts])
    return (given,) * len(columns)


def names_of(wanted: tuple[Any, ...]) -> list[str | None]:
    """Return what is told of them: by target ``"log1p"``, the class of a transformer, or None."""
    return [one if one is None or isinstance(one, str) else type(one).__name__ for one in wanted]


def _transforms(given: Any) -> bool:
    return is_estimator(given) and all(hasattr(given, name) for name in ("transform", "inverse_transform"))


def _is_skewed(y: FloatArray, weight: FloatArray) -> bool:
    if y.min() < 0:
        return False
    skewness = _skewness(y, weight)
    return skewness > _SKEWED and abs(_skewness(np.log1p(y), weight)) < skewness / 2


def _skewness(y: FloatArray, weight: FloatArray) -> float:
    """Return the third standardised moment; zero of a constant."""
    y = y / max(float(np.abs(y).max()), np.finfo(np.float64).tiny)  # cubes must not overflow
    apart = y - np.average(y, weights=weight)
    variance = float(np.average(apart**2, weights=weight))
    return float(np.average(apart**3, weights=weight)) / variance**1.5 if variance > 0 else 0.0


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
