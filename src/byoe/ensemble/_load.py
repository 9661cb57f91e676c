"""An ensemble made of what was written: an unfitted one of a spec, a fitted one of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..bundle._reader import BundleReader
from ..registry._json_form import arguments
from ._after_fit import ChangeableEnsemble
from ._classifier import EnsembleClassifier
from ._regressor import EnsembleRegressor


def from_spec(spec: Mapping[str, Any], trusted: Sequence[str] | None = None) -> ChangeableEnsemble:
    """Make the unfitted ensemble that a spec describes.

    Parameters
    ----------
    spec : mapping
    trusted : sequence of str, default=None
        Of a spec whose author is not known: the classes that it may name beyond those that byoe
        knows. None trusts it.

    Raises
    ------
    SpecError
        For another format, and for a class that cannot be imported.
    BundleError
        For a class that is not trusted.
    """
    given = arguments(spec, trusted)
    return (EnsembleClassifier if spec["task"] == "classification" else EnsembleRegressor)(**given)


def loaded(reader: BundleReader) -> ChangeableEnsemble:
    """Return the fitted ensemble of a bundle; see `byoe.load`."""
    reader.check_members()
    return from_spec(reader.manifest["spec"], reader.trusted)._filled(reader)
