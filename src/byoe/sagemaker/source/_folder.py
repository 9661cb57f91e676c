"""The source folder of a job: everything that a container needs, and nothing that it has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from ..._version import DISTRIBUTION
from ...ensemble._spec import to_spec
from ...errors import JobError, ParameterError, SpecError, need
from ...mlflow._client import libraries_for
from ...registry._parts import Parts, parts_of
from ...registry._plugin import Kind
from ...registry._registry import find
from ...tools._wheels import direct_url, distribution_of, write_wheel
from ...tools._whole import whole_folder
from ..shared._checks import Variant
from ..shared._limits import fitting_metrics
from ..shared._metric_lines import metric_definitions
from ..shared._names import SERVING_REQUIREMENTS
from ..shared._runtime import GRAPH_REQUIREMENTS, MAKES_GRAPHS, RUNS_GRAPHS, RUNTIME
from ._own_code import modules_of, write_module
from ._requirements import named
from ._requirements import requirements as closure
from ._vendor import download

_ANOTHER = f"""\
except ImportError as error:
    if not (error.name or "").startswith("byoe"):
        raise
    raise SystemExit("this byoe is another project: install {DISTRIBUTION}, and not byoe") from error
"""

_TRAIN = f'''\
"""Train the ensemble of spec.json. Written by byoe; runs alike on SageMaker and locally."""

try:
    from byoe.sagemaker.in_job._train import main
{_ANOTHER}
if __name__ == "__main__":
    raise SystemExit(main())
'''

_INFERENCE = '''\
"""Serve the trained ensemble. Written by byoe; runs alike on SageMaker and locally."""

import os

try:
    from byoe import serving
    from byoe.serving import input_fn, output_fn, predict_fn
{another}
# Packages of the ensemble's own estimators, whose classes its bundle may hold.
TRUSTED = {trusted!r}


def model_fn(model_dir):
    runtime = os.environ.get({variable!r}, "libraries")
    return serving.model_fn(model_dir, trusted=TRUSTED, lean=True, runtime=runtime)


__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]
'''


def write_source(
    base: Variant,
    folder: Path,
    *,
    data: Mapping[str, Any],
    variants: Iterable[Variant] = (),
    dependencies: Iterable[str | Path] = (),
    requirements: Iterable[str] = (),
    prune: float | None = None,
    graph: bool = False,
    several: bool = False,
    vendor: bool = False,
    gpu: bool = False,
    fold_scores: Mapping[str, Any] | None = None,
    tracking: Mapping[str, Any] | None = None,
) -> Path:
    """Write the source folder; it appears whole or not at all.

    Parameters
    ----------
    base : Variant
        Of the ensemble that the specification is of.
    folder : Path
        Must not exist.
    data : mapping
        ``target``, ``weight``, ``groups``, ``drop`` and ``header`` of the training table.
    variants : iterable of Variant
        What hyperparameters may make of the ensemble: its parts are shipped and its metrics
        defined as well.
    dependencies : iterable of str or Path
        The user's own modules and packages: files and folders.
    requirements : iterable of str
        Further distributions that the job installs, in the versions that are installed here.
    prune : float, default=None
        The tolerance with which the job leaves members out after the fit; None leaves out none.
    graph : bool, default=False
        Whether the job saves the graph of the ensemble, too.
    several : bool, default=False
        Whether the job runs on several hosts, which needs what its endpoint does not.
    vendor : bool, default=False
        Whether all that is installed travels as wheels, for a container without a network.
    gpu : bool, default=False
        Whether the job runs on a GPU. Its endpoint does not.
    fold_scores : mapping, default=None
        ``objective``, a metric that the job prints before its end, and ``each``: after each fold, or once.
    tracking : mapping, default=None
        ``uri`` of the MLflow server that the job logs to, ``experiment``, and ``models``: whether its model, too.

    Raises
    ------
    SpecError
        When JSON cannot express the ensemble, or a job could not import a part of it.
    """
    every = [base, *variants]
    if several:
        _check_several(every)
    if graph:
        for name in MAKES_GRAPHS:
            need(name, "onnx", "a job that saves a graph")
    parts = [parts_of(one.ensemble) for one in every]
    asked = [named(text) for text in ((requirements,) if isinstance(requirements, str) else requirements)]
    spec = {**to_spec(base.ensemble), "data": dict(data), "trusted": _trusted(parts), "requirements": asked}
    if prune is not None:
        spec["prune"] = prune
    if graph:
        spec["graph"] = True
    if fold_scores:
        spec["fold_scores"] = dict(fold_scores)
    if tracking:
        spec["tracking"] = dict(tracking)
    folder = folder.resolve()  # a wheel is built in a folder of its own
    if folder.exists():
        raise JobError(f"{folder} exists already; a job's source folder must be new")
    shipment = _shipment(modules_of(dependencies), asked, parts)
    with whole_folder(folder) as place:
        training = [*(["distributed"] if several else ()), *(libraries_for(tracking["uri"]) if tracking else ())]
        lists = shipment.write(place / "wheels", training=training, graph=graph, vendor=vendor, gpu=gpu)
        for name, text in {**_scripts(spec), **_texts(lists), **_definitions(every)}.items():
            (place / name).write_text(text, encoding="utf-8")
    return folder


def _check_several(every: Iterable[Variant]) -> None:
    need("distributed", "dask", "a job on several instances")
    if any(one.ensemble.time_limit is not None for one in every):
        raise ParameterError("several instances cannot keep to a time_limit; leave it out, or use one instance")


def _trusted(parts: Iterable[Parts]) -> list[str]:
    """Return the packages of the ensemble's own estimators, as patterns."""
    packages = {kind.__module__.partition(".")[0] for one in parts for kind in one.classes} - {"sklearn"}
    return [f"{package}.*" for package in sorted(packages)]


def _scripts(spec: Mapping[str, Any]) -> dict[str, str]:
    return {
        "train.py": _TRAIN,
        "inference.py": _INFERENCE.format(trusted=spec["trusted"], another=_ANOTHER, variable=RUNTIME),
        "spec.json": json.dumps(spec, indent=1, allow_nan=False) + "\n",
    }


def _texts(lists: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: "\n".join(lines) + "\n" for name, lines in lists.items()}


def _definitions(every: Sequence[Variant]) -> dict[str, str]:
    names = (name for one in every for name in one.metric_names)
    metrics = fitting_metrics(names, (one.metrics[0].name for one in every))
    return {"metric_definitions.json": json.dumps(metric_definitions(metrics), indent=1) + "\n"}


@dataclass
class _Shipment:
    """What a job gets beside its own files.

    Attributes
    ----------
    own : mapping of str to Path
        The user's modules and packages.
    points : mapping of str to set of (kind, name, module:object)
        What these register.
    wheels : list of str
        Distributions to ship.
    pinned : list of str
        Distributions to install.
    """

    own: Mapping[str, Path]
    points: dict[str, set[tuple[Kind, str, str]]] = field(default_factory=dict)
    wheels: list[str] = field(default_factory=lambda: [DISTRIBUTION])
    pinned: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Add a distribution: an index has what came from one."""
        place = self.wheels if direct_url(distribution(name)) else self.pinned
        if name not in place:
            place.append(name)

    def add_parts(self, parts: Parts) -> None:
        """Add what an ensemble is made of."""
        for learner in parts.learners:
            if learner.pickles:
                raise SpecError(
                    f"learner {learner.name!r} saves pickles, which load only where somebody trusts them by name, and "
                    "an endpoint has nobody to ask; save native files instead"
                )
            self.pinned += learner.needs
            self._add_plugin("learner", learner.name)
        for blender in parts.blenders:
            self.pinned += blender.needs
            self._add_plugin("blender", blender.name)
        for kind in parts.classes:
            if kind.__module__.partition(".")[0] not in self.own:
                self.add(distribution_of(kind, "the ensemble"))

    def _add_plugin(self, kind: Kind, name: str) -> None:
        plugin = find(kind, name)
        if plugin.entry_point is not None:
            self.add(plugin.distribution)
            return
        module, _, place = plugin.value.partition(":")
        top = module.partition(".")[0]
        if top not in self.own or "<" in place:
            raise SpecError(
                f"{plugin} was registered in a notebook or script, where a job cannot find it; move it to a file of "
                "its own and give that in dependencies, or to an installed package, with an entry point in the group "
                f"byoe.{kind}s"
            )
        self.points.setdefault(top, set()).add((kind, plugin.name, plugin.value))

    def write(
        self,
        folder: Path,
        *,
        training: Sequence[str] = (),
        graph: bool = False,
        vendor: bool = False,
        gpu: bool = False,
    ) -> dict[str, list[str]]:
        """Write the wheels into a folder of that name; to ``vendor`` is to make one of every requirement.

        Return the lines of the requirements of a job by the name of their file, those of an endpoint where they are
        others, and those of one by the graph alone where there is a graph.
        """
        by_graph, its_wheels = closure([RUNS_GRAPHS], [DISTRIBUTION], always=()) if graph else ([], [])
        serving, _ = self._closure([RUNS_GRAPHS] if graph else ())
        for name in training:
            self.add(name)
        job, more = self._closure(MAKES_GRAPHS if graph else (), gpu=gpu, serves=not (graph or training))
        written = {name: write_wheel(name, folder) for name in (*self.wheels, *more)}
        wheels = [write_module(name, path, folder, self.points.get(name, ())) for name, path in self.own.items()]
        files = [f"./{folder.name}/{wheel.name}" for wheel in (*written.values(), *wheels)]
        if vendor:
            found = download({*serving, *job}, folder)
            serving, job, by_graph = (
                [f"./{folder.name}/{found[pin]}" for pin in pins] for pins in (serving, job, by_graph)
            )
        lists = {"requirements.txt": [*job, *files]}
        if serving != job:
            lists[SERVING_REQUIREMENTS] = [*serving, *files]
        if graph:
            shipped = (written[name] for name in (DISTRIBUTION, *its_wheels))
            lists[GRAPH_REQUIREMENTS] = [*by_graph, *(f"./{folder.name}/{wheel.name}" for wheel in shipped)]
        return lists

    def _closure(
        self, more: Iterable[str] = (), *, gpu: bool = False, serves: bool = True
    ) -> tuple[list[str], list[str]]:
        names = [name for name in (*self.pinned, *more) if name not in self.wheels]
        return closure(names, self.wheels, gpu=gpu, serves=serves)


def _shipment(own: Mapping[str, Path], asked: Iterable[str], parts: Iterable[Parts]) -> _Shipment:
    """Return what ensembles are made of, with the user's own modules and further distributions."""
    shipment = _Shipment(own)
    for name in asked:
        shipment.add(name)
    for one in parts:
        shipment.add_parts(one)
    return shipment
