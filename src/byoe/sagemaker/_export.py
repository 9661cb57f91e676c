"""What a job would get, written for review, or for an image of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..data._reading import Reading
from ..ensemble._base import BaseEnsemble
from ..errors import InputError, ParameterError
from ..tools._whole import whole_file
from .aws._machine import has_gpu
from .shared._checks import configured
from .shared._limits import check_count
from .shared._names import SERVING_REQUIREMENTS
from .shared._runtime import GRAPH_REQUIREMENTS
from .shared._tables import data_reading
from .source._folder import write_source

_DOCKERFILE = """\
# All that a job or an endpoint of this source folder installs. Written by byoe.
FROM {image}
COPY {requirements} /tmp/byoe/
COPY wheels /tmp/byoe/wheels
RUN cd /tmp/byoe && python3 -m pip install --no-cache-dir --no-deps -r {requirements} && rm -r /tmp/byoe
"""


def export(
    ensemble: BaseEnsemble,
    folder: str | Path,
    *,
    target: str | int,
    weight: str | int | None = None,
    groups: str | int | None = None,
    drop: Iterable[str | int] = (),
    header: bool | None = None,
    reading: Mapping[str, Any] | None = None,
    dependencies: Iterable[str | Path] = (),
    requirements: Iterable[str] = (),
    graph: bool = False,
    vendor: bool = False,
    instance_type: str | None = None,
    instance_count: int = 1,
) -> Path:
    """Write the source folder of a job: entry script, handlers, specification, requirements and wheels.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    folder : str or Path
        Must not exist.
    target, weight, groups : str or int
        Name or position of a column of the training data.
    drop : iterable of str or int
        Columns that are no features.
    header : bool, default=None
        Whether the first row of CSV files names the columns; None looks.
    reading : mapping, default=None
        How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.
    dependencies : iterable of str or Path, default=()
        Your own modules and packages that the ensemble uses, as ``.py`` files and folders.
    requirements : iterable of str, default=()
        Further distributions that the job installs, in the versions that are installed here.
    graph : bool, default=False
        Whether the job saves the graph of the ensemble, too, as in `fit`.
    vendor : bool, default=False
        Put wheels of all that the job and its endpoint install into the folder, for a container
        without a network.
    instance_type : str, default=None
        Of the job. One with a GPU, such as ``"ml.g5.xlarge"``, installs other distributions.
    instance_count : int, default=1
        How many hosts the job will have: several need ``byoe-ensemble[dask]``.

    Returns
    -------
    Path

    Raises
    ------
    SpecError
        When JSON cannot express the ensemble, or a job could not import a part of it.
    JobError
        When the folder exists.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import byoe
    >>> with tempfile.TemporaryDirectory() as place:
    ...     made = byoe.sagemaker.export(byoe.EnsembleRegressor(), Path(place, "source"), target="y")
    ...     sorted(file.name for file in made.iterdir())  # doctest: +NORMALIZE_WHITESPACE
    ['inference.py', 'metric_definitions.json', 'requirements.txt', 'spec.json', 'train.py', 'wheels']
    """
    data = {
        "target": target,
        "weight": weight,
        "groups": groups,
        "drop": [drop] if isinstance(drop, (str, int)) else list(drop),
        **data_reading(Reading.of(reading, header=header)),
    }
    variant = configured(ensemble, {})
    check_count("instance_count", instance_count)
    return write_source(
        variant,
        Path(folder),
        data=data,
        dependencies=dependencies,
        requirements=requirements,
        several=instance_count != 1,
        gpu=has_gpu(instance_type or ""),
        graph=graph,
        vendor=vendor,
    )


def dockerfile(source: str | Path, image: str) -> Path:
    """Write a Dockerfile into a source folder: it extends an image by all that its jobs install.

    Jobs with the built image as ``image=``, and their endpoints, find everything installed, and
    start faster.

    Parameters
    ----------
    source : str or Path
        A source folder, as `export` writes it.
    image : str
        Address of the image to extend, such as that of the newest scikit-learn container.

    Returns
    -------
    Path
        Of the Dockerfile.

    Raises
    ------
    InputError
        When the folder is no source folder.
    ParameterError
        When ``image`` cannot be an address.
    """
    folder = Path(source)
    missing = [name for name in ("requirements.txt", "wheels") if not (folder / name).exists()]
    if missing:
        raise InputError(f"{folder} lacks {' and '.join(missing)}; it is not a source folder, which export writes")
    if not image or any(character.isspace() for character in image):
        raise ParameterError(f"image is {image!r}, expected the address of a container image")
    # What makes graphs keeps an endpoint from starting: a job installs that itself.
    requirements = SERVING_REQUIREMENTS if (folder / GRAPH_REQUIREMENTS).exists() else "requirements.txt"
    file = folder / "Dockerfile"
    with whole_file(file) as part:
        part.write_text(_DOCKERFILE.format(image=image, requirements=requirements), encoding="utf-8")
    return file
