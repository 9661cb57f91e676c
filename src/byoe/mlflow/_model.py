"""An ensemble as a model of MLflow: its bundle, which `byoe.load` reads, and a signature."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copy2, copytree
from typing import Any

from .._load import load
from .._version import __version__
from ..bundle._manifest import DIGEST, MANIFEST, read_manifest
from ..bundle._reader import BundleReader
from ..errors import BundleError
from ..plots._known import checked
from ..tools._warnings import warnings_filtered
from ._client import client
from ._requirements import WHEELS, requirements_of
from ._signature import signature_of

FLAVOR = "byoe"
_BUNDLE = "bundle"
# The signature is that of the fit's columns, and needs no example.
_NO_EXAMPLE = r"[\s\S]*input example was not provided"


def save_model(
    ensemble: Any,
    path: str | Path,
    *,
    trusted: Sequence[str] = (),
    oof: bool = True,
    signature: Any = None,
    input_example: Any = None,
    pip_requirements: Iterable[str] | None = None,
    extra_pip_requirements: Iterable[str] = (),
    mlflow_model: Any = None,
    **options: Any,
) -> None:
    """Save an ensemble as a model of MLflow, in a folder.

    The model is the bundle that ``save`` writes, without pickle, beside what MLflow wants to know of it.

    Parameters
    ----------
    ensemble : EnsembleRegressor, EnsembleClassifier, or the folder of a bundle
        Fitted. A folder may be the artifact of a job, whose own modules come along.
    path : str or Path
        A folder that does not exist yet, or is empty.
    trusted : sequence of str, default=()
        Classes of your own that the bundle may hold, as for ``save``. ``mlflow.pyfunc`` trusts them, too, since it
        has nobody to ask: whoever loads a model by it trusts its author.
    oof : bool, default=True
        Whether to keep the out-of-fold predictions and the target of the training rows, which intervals need.
    signature : ModelSignature, default=None
        None makes that of the columns of the fit.
    input_example : frame, array or mapping, default=None
        A few rows, which are kept with the model.
    pip_requirements : iterable of str, default=None
        None stands for byoe, and the libraries of the members in the versions that wrote the model. Of what was not
        installed from an index a wheel is kept with the model.
    extra_pip_requirements : iterable of str, default=()
        Further ones.
    mlflow_model : mlflow.models.Model, default=None
        What MLflow passes.
    **options
        As for ``mlflow.pyfunc.save_model``: ``code_paths``, ``metadata``, …

    Raises
    ------
    BundleError
        When a type is not trusted, or the folder is no bundle.
    MissingExtraError
        When ``byoe-ensemble[mlflow]`` is not installed.

    Examples
    --------
    >>> import byoe, mlflow
    >>> byoe.mlflow.save_model(ensemble, "churn")  # doctest: +SKIP
    >>> mlflow.pyfunc.load_model("churn").predict(X)  # doctest: +SKIP
    """
    mlflow = client()
    model = mlflow.models.Model() if mlflow_model is None else mlflow_model
    with _bundle_of(ensemble, trusted, oof) as bundle:
        reader = BundleReader(bundle, trusted)
        made = signature_of(reader) if signature is None else signature
        model.add_flavor(
            FLAVOR,
            data=f"data/{_BUNDLE}",
            byoe_version=__version__,
            sha256=(bundle / DIGEST).read_text(encoding="ascii").split()[0],
        )
        if pip_requirements is None:
            pip_requirements = requirements_of(reader.manifest["libraries"], bundle.parent, _shipped(ensemble))
        with warnings_filtered(("ignore", _NO_EXAMPLE)):
            _pyfunc().save_model(
                path=str(path),
                loader_module="byoe.mlflow",
                data_path=str(bundle),
                mlflow_model=model,
                signature=made or None,
                input_example=input_example,
                pip_requirements=[*pip_requirements, *extra_pip_requirements],
                model_config={"trusted": list(trusted)} if trusted else None,
                **options,
            )
        if (wheels := bundle.parent / WHEELS).is_dir():
            copytree(wheels, Path(path, WHEELS))


def log_model(ensemble: Any, name: str = "model", *, registered_model_name: str | None = None, **options: Any) -> Any:
    """Log an ensemble as a model of MLflow: in the active run, or in a new one.

    Parameters
    ----------
    ensemble : EnsembleRegressor, EnsembleClassifier, or the folder of a bundle
        Fitted.
    name : str, default="model"
    registered_model_name : str, default=None
        Register the model as a new version under this name, too.
    **options
        As for `save_model`, and for MLflow's ``Model.log``: ``tags``, ``params``, ``model_type``, ``step``.

    Returns
    -------
    mlflow.models.model.ModelInfo
        Its ``model_uri`` is what `load_model` and ``mlflow.pyfunc.load_model`` take.

    Raises
    ------
    BundleError
        When a type is not trusted, or the folder is no bundle.
    MissingExtraError
        When ``byoe-ensemble[mlflow]`` is not installed.

    Examples
    --------
    >>> import byoe, mlflow
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     logged = byoe.mlflow.log_model(ensemble, "churn", input_example=X[:5])
    >>> mlflow.pyfunc.load_model(logged.model_uri).predict(X)  # doctest: +SKIP
    """
    mlflow = client()
    from byoe import mlflow as flavor

    info = mlflow.models.Model.log(
        artifact_path=None,
        name=name,
        flavor=flavor,
        registered_model_name=registered_model_name,
        ensemble=ensemble,
        **options,
    )
    mlflow.MlflowClient().set_tag(info.run_id, "byoe.sha256", info.flavors[FLAVOR]["sha256"])
    return info


def load_model(model_uri: str, *, trusted: Sequence[str] = (), runtime: str = "libraries") -> Any:
    """Load an ensemble that was logged or saved as a model of MLflow.

    Parameters
    ----------
    model_uri : str
        As MLflow takes it: ``models:/name/1``, ``models:/name@alias``, ``runs:/<run>/model``, a folder, or ``s3://``.
    trusted, runtime
        As for `byoe.load`: what a model was saved to trust is not trusted here. With classes in ``trusted`` the
        modules that came along by ``code_paths`` can be imported, behind those of the same name that are there.

    Returns
    -------
    EnsembleRegressor or EnsembleClassifier
        With ``runtime="onnx"`` its graph.

    Raises
    ------
    BundleError
        When the model is none of byoe's, was changed, or holds a type that is not trusted.
    MissingExtraError
        When ``byoe-ensemble[mlflow]`` is not installed.

    Examples
    --------
    >>> import byoe
    >>> ensemble = byoe.mlflow.load_model("models:/churn@champion")  # doctest: +SKIP
    """
    mlflow = client()
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=str(model_uri)))
    flavors = mlflow.models.Model.load(str(folder)).flavors
    if FLAVOR not in flavors:
        raise BundleError(
            f"{model_uri} is a model of {', '.join(sorted(flavors))}, and none that byoe.mlflow has logged; load it by "
            "mlflow.pyfunc.load_model"
        )
    # Behind all others, and only for who trusts a class of theirs: a module that comes along runs when it is imported,
    # whatever it is called.
    if trusted and (code := flavors.get("python_function", {}).get("code")) and str(folder / code) not in sys.path:
        sys.path.append(str(folder / code))
    return load(folder / flavors[FLAVOR]["data"], trusted=trusted, sha256=flavors[FLAVOR]["sha256"], runtime=runtime)


def _pyfunc() -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc


def _shipped(ensemble: Any) -> Path | None:
    """Return where the artifact of a job has the wheels of its endpoint."""
    return Path(ensemble, "code", "wheels") if isinstance(ensemble, (str, Path)) else None


@contextmanager
def _bundle_of(ensemble: Any, trusted: Sequence[str], oof: bool) -> Iterator[Path]:
    """Give the bundle of an ensemble; of a folder the files that belong to the bundle."""
    with tempfile.TemporaryDirectory() as place:
        bundle = Path(place, _BUNDLE)
        if isinstance(ensemble, (str, Path)):
            _copy(Path(ensemble), bundle)
        else:
            checked(ensemble)
            ensemble.save(bundle, trusted=trusted, oof=oof)
        yield bundle


def _copy(source: Path, bundle: Path) -> None:
    for name in (*read_manifest(source)["files"], MANIFEST, DIGEST):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        copy2(source / name, bundle / name)
