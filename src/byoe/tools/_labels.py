"""Labels of classes: found among those of a target, and in parameters that name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

_SHOWN = 10


def codes_of(labels: Iterable[Any], classes: NDArray[Any]) -> list[int | None]:
    """Return the code of every label, its place among the classes; None of one that is none of them.

    JSON has texts only as the keys of a mapping, so that a text stands for the class that is written so, and the
    other way round, where no class is equal to the label itself.
    """
    known = classes.tolist()
    equal = {label: code for code, label in enumerate(known)}
    texts: dict[str, int | None] = {}
    for code, label in enumerate(known):  # of two that are written alike none is meant
        texts[_text(label)] = None if _text(label) in texts else code
    return [_code(label, equal, texts) for label in labels]


def _code(label: Any, equal: Mapping[Any, int], texts: Mapping[str, int | None]) -> int | None:
    label = label.item() if isinstance(label, np.generic) else label
    with suppress(TypeError):  # what has no hash is no label
        if label in equal:
            return equal[label]
    known_as_texts = all(isinstance(known, str) for known in equal)
    return texts.get(_text(label)) if isinstance(label, str) != known_as_texts else None


def _text(label: Any) -> str:
    """Return a label as JSON and CSV write it: 1 and 1.0 alike, and True as they do."""
    text = str(label)
    with suppress(ValueError):
        return str(int(text))
    with suppress(ValueError):
        value = float(text)
        return str(int(value)) if value.is_integer() else repr(value)
    return text.lower() if text.lower() in ("true", "false") else text


def shown(labels: Iterable[Any]) -> str:
    """Return labels as a message lists them."""
    texts = [repr(label.item() if isinstance(label, np.generic) else label) for label in labels]
    return ", ".join(texts[:_SHOWN]) + (f", … ({len(texts)} in all)" if len(texts) > _SHOWN else "")


def by_code(value: Any, classes: NDArray[Any]) -> dict[int, Any] | None:
    """Return what a parameter holds for each class under its code, None where it names no class, as 'balanced' does.

    Parameters
    ----------
    value : object
        A mapping from labels, or a value for every class in the order of the classes.
    classes : array of shape (n_classes,)

    Raises
    ------
    ParameterError
        Where it names a label that the target does not have, or has not a value for every class.
    """
    if isinstance(value, Mapping):
        codes = codes_of(value, classes)
        unknown = [label for label, code in zip(value, codes, strict=True) if code is None]
        if unknown:
            raise ParameterError(f"names the label {shown(unknown)}, and the classes are {shown(classes)}")
        found = {code: given for code, given in zip(codes, value.values(), strict=True) if code is not None}
        if len(found) < len(value):
            raise ParameterError(f"names a class twice: {shown(value)}")
        return found
    if isinstance(value, (list, tuple, np.ndarray)):
        if len(value) != len(classes):
            raise ParameterError(f"has {len(value)} values for {len(classes)} classes ({shown(classes)})")
        return dict(enumerate(value))
    return None


def for_part(
    given: Mapping[str, Any], classes: NDArray[Any], present: Sequence[int] | None, *, labelled: bool
) -> dict[str, Any]:
    """Return parameters that hold labels, for a training part in which only some classes may be present.

    Parameters
    ----------
    given : mapping of name to value
    classes : array of shape (n_classes,)
        All of the target.
    present : sequence of int or None
        Codes of the classes in the training part, None for all; the others are left out.
    labelled : bool
        Whether the labels stay, in the form that the user gave; else every parameter becomes a mapping from codes,
        which count the classes that are present.
    """
    kept = range(len(classes)) if present is None else present
    found: dict[str, Any] = {}
    for name, value in given.items():
        values = by_code(value, classes)
        if values is None:
            continue
        part = {place: values[code] for place, code in enumerate(kept) if code in values}
        if labelled:
            labels = {_plain(classes[kept[place]]): own for place, own in part.items()}
            found[name] = labels if isinstance(value, Mapping) else list(labels.values())
        else:
            found[name] = part
    return found


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
