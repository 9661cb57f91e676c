"""`load`: a bundle as an ensemble, or as its graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .bundle._reader import BundleReader
from .fitted._graph import can_run, check_runtime


def load(
    path: str | Path, *, trusted: Sequence[str] = (), sha256: str | None = None, runtime: str = "libraries"
) -> Any:
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
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        What predicts. ``"onnx"`` is the graph of a bundle that was saved with one, by ONNX Runtime: it gives
        predictions, probabilities and intervals, a row in a fraction of the time, and loads no library of a member.
        ``"auto"`` is the graph where the bundle has one and ONNX Runtime is installed, else the libraries.

    Returns
    -------
    EnsembleRegressor or EnsembleClassifier
        Fitted; its predictions are those of the ensemble that was saved. A graph is an object with ``predict``,
        ``predict_proba`` and ``predict_interval``, whose predictions are the same within one part in a million.

    Raises
    ------
    BundleError
        When the folder is not a bundle, a file is missing, changed or added, it names classes that
        are not trusted, or was written by a newer library than is installed here; or there is no graph.
    MissingExtraError
        When a graph is asked for, and ONNX Runtime is not installed.

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
    by_graph = check_runtime(runtime) == "onnx"
    reader = BundleReader(path, trusted, sha256, members=False)
    if by_graph or (runtime == "auto" and reader.has_graph and can_run()):
        from .serving._graph_ensemble import GraphEnsemble

        return GraphEnsemble(reader)
    from .ensemble._load import loaded

    return loaded(reader)
