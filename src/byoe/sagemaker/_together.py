"""`together`: what several jobs have made, for one endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import ParameterError
from ._attach import handle_of
from ._places import place_of
from .aws._execution import Execution
from .aws._job import Job
from .aws._models import Models
from .aws._package import Package, PackageGroup
from .aws._tuning import Tuning
from .local._execution import LocalExecution
from .local._job import LocalJob
from .local._models import LocalModels
from .local._tuning import LocalTuning
from .shared._place import Where
from .shared._together import check_models


def together(
    models: Mapping[
        str, LocalJob | LocalTuning | LocalExecution | Job | Tuning | Execution | Package | PackageGroup | str
    ],
    *,
    name: str | None = None,
    output: str | Path | None = None,
) -> LocalModels | Models:
    """Pack the ensembles of several jobs into one artifact, for an endpoint that answers by each of them.

    Waits for the jobs. ``deploy(together({"north": job, "south": other}))`` serves them, and ``update`` of such an
    endpoint exchanges them all; ``predict(X, model="north")`` asks one. The endpoint loads an ensemble when it is first
    asked for, and lets those go that were asked for least lately when there is no room.

    Parameters
    ----------
    models : mapping of str to job
        By the names that they are asked for by: letters, digits, and ``-`` between them. Jobs as `deploy` takes them,
        all on this machine, or all in one region of AWS. There they have to share their container image.
    name : str, default=None
        Of what is made; one that ends with ``-`` is a prefix, behind which the time is written.
    output : str or Path, default=None
        Folder of this machine, or ``s3://`` prefix, that the artifact is put in; by default as of `fit`.

    Returns
    -------
    LocalModels, or on AWS Models

    Raises
    ------
    ParameterError
        When jobs need different versions of a library or different code, since the endpoint has one of each.
    JobError
        When a job has failed.
    """
    jobs = {called: handle_of(job) for called, job in check_models(models).items()}
    where = Where(name=name, output=output)
    places = [place_of(job, where) for job in jobs.values()]
    if len({type(place) for place in places}) > 1:
        raise ParameterError("the models of an endpoint are of jobs at one place, and some ran here, others on AWS")
    return places[0].together(jobs)
