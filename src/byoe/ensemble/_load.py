"""An ensemble made of what was written: an unfitted one of a spec, a fitted one of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
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


def load(path: str | Path, *, trusted: Sequence[str] = (), sha256: str | None = None) -> Any:
    """Read a saved ensemble.

    Members that the blend does not use are read when they are first asked for, and so are their
    libraries.

    Parameters
    ----------
    path : str or Path
        A folder that ``save`` wrote.
    trusted : sequence of str, default=()
        Classes, as ``module.Class``, that the bundle may hold beyond those that byoe and the
        plugins it was made with bring; ``package.*`` for all of a package. Name them only for
        bundles whose origin you know.
    sha256 : str, default=None
        The digest that the bundle must have: the first word of its ``manifest.sha256``, kept in a
        place that others cannot write to.

    Returns
    -------
    EnsembleRegressor or EnsembleClassifier
        Fitted; its predictions are those of the ensemble that was saved.

    Raises
    ------
    BundleError
        When the folder is not a bundle, a file is missing, changed or added, it names classes that
        are not trusted, or was written by a newer library than is installed here.

    Examples
    --------
    >>> import tempfile, byoe
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = byoe.EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = ensemble.save(f"{folder}/model")
    ...     bool((byoe.load(saved).predict(X) == ensemble.predict(X)).all())
    True
    """
    reader = BundleReader(path, trusted, sha256)
    return from_spec(reader.manifest["spec"], reader.trusted)._filled(reader)
