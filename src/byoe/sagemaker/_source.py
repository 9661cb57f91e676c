"""The source folder of a job: everything that a container needs, and nothing that it has."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from .._ensemble import EnsembleClassifier
from .._members import as_blender, entries
from .._metrics import CLASSIFICATION, REGRESSION
from .._registry import Kind, find
from .._spec import parts_of, to_spec
from ..errors import JobError, SpecError
from ._limits import fitting_metrics
from ._metric_lines import metric_definitions
from ._requirements import requirements
from ._wheels import direct_url, distribution_of, write_wheel

_TRAIN = '''\
"""Train the ensemble of spec.json. Written by byoe; runs alike on SageMaker and locally."""

from byoe.sagemaker._train import main

if __name__ == "__main__":
    raise SystemExit(main())
'''

_INFERENCE = '''\
"""Serve the trained ensemble. Written by byoe; runs alike on SageMaker and locally."""

from byoe._handlers import input_fn, model_fn, output_fn, predict_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]
'''


def write_source(ensemble: Any, folder: Path, *, data: Mapping[str, Any], variants: Iterable[Any] = ()) -> Path:
    """Write the source folder; it appears whole or not at all.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Not fitted.
    folder : Path
        Must not exist.
    data : mapping
        ``target``, ``weight``, ``groups``, ``drop`` and ``header`` of the training table.
    variants : iterable of ensembles
        What hyperparameters may make of the ensemble: its parts are shipped and its metrics
        defined as well.

    Raises
    ------
    SpecError
        When JSON cannot express the ensemble, or a job could not import a part of it.
    """
    spec = {**to_spec(ensemble), "data": dict(data)}
    folder = folder.resolve()  # a wheel is built in a folder of its own
    if folder.exists():
        raise JobError(f"{folder} exists already; a job's source folder must be new")
    every = [ensemble, *variants]
    wheels, pins = _distributions(every)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        shipped = [write_wheel(name, temporary / "wheels").name for name in wheels]
        lines = [*pins, *(f"./wheels/{name}" for name in shipped)]
        metrics = fitting_metrics((name for one in every for name in metric_names(one)), map(objective_name, every))
        definitions = metric_definitions(metrics)
        files = {
            "train.py": _TRAIN,
            "inference.py": _INFERENCE,
            "spec.json": json.dumps(spec, indent=1, allow_nan=False) + "\n",
            "requirements.txt": "\n".join(lines) + "\n",
            "metric_definitions.json": json.dumps(definitions, indent=1) + "\n",
        }
        for name, text in files.items():
            (temporary / name).write_text(text, encoding="utf-8")
        temporary.chmod(0o755)  # mkdtemp makes it private
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def metric_names(ensemble: Any) -> list[str]:
    """Return the names of all metrics that a job of this ensemble may print."""
    names = list(CLASSIFICATION if isinstance(ensemble, EnsembleClassifier) else REGRESSION)
    own = objective_name(ensemble)
    names = [own, *(name for name in names if name != own)]
    labels = [label for label, _ in entries(ensemble.learners)]
    return [f"validation:{name}" for name in names] + [f"member:{label}:{name}" for label in labels for name in names]


def objective_name(ensemble: Any) -> str:
    """Return the log's name of the ensemble's own metric."""
    from .._contracts import Task
    from .._metrics import find_metric

    task = Task("classification", 2) if isinstance(ensemble, EnsembleClassifier) else Task("regression")
    return find_metric(ensemble.metric, task, probabilities=as_blender(ensemble.blender).gives_probabilities).name


def _distributions(ensembles: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Return the distributions to ship as wheels, and the pinned requirements."""
    wheels: list[str] = ["byoe"]
    pinned: list[str] = []
    for parts in map(parts_of, ensembles):
        for learner in parts.learners:
            if learner.pickles:
                raise SpecError(
                    f"learner {learner.name!r} saves pickles, which load only where somebody trusts them by name, and "
                    "an endpoint has nobody to ask; save native files instead"
                )
        for learner in parts.learners:
            pinned += learner.needs
        names = [_installed_distribution("learner", learner.name) for learner in parts.learners]
        names += [_installed_distribution("blender", blender.name) for blender in parts.blenders]
        names += [distribution_of(kind, "the ensemble") for kind in parts.classes]
        for name in names:  # an index has what came from one
            (wheels if direct_url(distribution(name)) else pinned).append(name)
    wheels = list(dict.fromkeys(wheels))
    pins, more = requirements([name for name in pinned if name not in wheels], wheels)
    return [*wheels, *more], pins


def _installed_distribution(kind: Kind, name: str) -> str:
    plugin = find(kind, name)
    if plugin.entry_point is None:
        raise SpecError(
            f"{plugin} was registered in a notebook or script, where a job cannot find it; move it to a module of an "
            f"installed package, with an entry point in the group byoe.{kind}s"
        )
    return plugin.distribution
