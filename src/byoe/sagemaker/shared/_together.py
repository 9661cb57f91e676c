"""One artifact of several: their bundles side by side, and one serving code that needs what each of them needs."""

from __future__ import annotations

import ast
import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from ..._version import DISTRIBUTION
from ...bundle._manifest import GRAPH, MANIFEST
from ...errors import ParameterError
from ...serving._several import MODELS
from ...tools._digests import file_digest
from ...tools._versions import WITHOUT_GPU
from ._names import check_model
from ._runtime import RUNTIME, code_of
from ._setup import write_setup

_INFERENCE = '''\
"""Serve several ensembles, of which a request names one. Written by byoe; runs alike on SageMaker and locally."""

import os

from byoe import serving
from byoe.serving import input_fn, output_fn, predict_fn

# Packages of each ensemble's own estimators, whose classes its bundle may hold.
TRUSTED = {trusted!r}


def model_fn(model_dir):
    return serving.models_fn(model_dir, trusted=TRUSTED, runtime=os.environ.get({variable!r}, "libraries"))


__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]
'''
_NEEDED = "byoe/serving/_several.py"
_USUAL = {without: usual for usual, without in WITHOUT_GPU.items()}


def check_models(models: Any) -> dict[str, Any]:
    """Return jobs by the names of their models, if these can be asked for by them."""
    if not isinstance(models, Mapping) or not models:
        raise ParameterError(f"models is {models!r}, expected a mapping such as {{'north': job, 'south': other}}")
    return {check_model(name): job for name, job in models.items()}


def merge(artifacts: Mapping[str, Path], folder: Path) -> bool:
    """Write an artifact of several to a new folder; return whether all of them hold a graph, and so it does.

    Parameters
    ----------
    artifacts : mapping of str to Path
        Unpacked, by the names of the models.
    folder : Path

    Raises
    ------
    ParameterError
        When two of them need different versions of a library, or different code; one container has one of each.
    """
    for name, artifact in artifacts.items():
        shutil.copytree(
            artifact, folder / MODELS / name, ignore=lambda place, names, top=artifact: _code(place, names, top)
        )
    has_graph = all(GRAPH in json.loads((artifact / MANIFEST).read_bytes())["files"] for artifact in artifacts.values())
    for runtime in ("libraries", "onnx") if has_graph else ("libraries",):
        codes = {name: artifact / code_of(runtime) for name, artifact in artifacts.items()}
        _merge_code(codes, folder / code_of(runtime))
    return has_graph


def _code(place: str, names: list[str], artifact: Path) -> list[str]:
    codes = [code_of("libraries"), code_of("onnx")]
    return [name for name in names if name in codes and Path(place) == artifact]


def _merge_code(codes: Mapping[str, Path], folder: Path) -> None:
    (folder / "wheels").mkdir(parents=True)
    lines: dict[str, tuple[str, str]] = {}
    for name, code in codes.items():
        for line in (code / "requirements.txt").read_text(encoding="utf-8").split():
            other, present = lines.setdefault(_library(line), (name, line))
            if present != line:
                raise _differ(other, present, name, line)
            if line.startswith("./"):
                _copy(code / line, folder / line, other, name)
    trusted = {name: _trusted(name, code / "inference.py") for name, code in codes.items()}
    (folder / "inference.py").write_text(_INFERENCE.format(trusted=trusted, variable=RUNTIME), encoding="utf-8")
    write_setup(folder)
    texts = "\n".join(line for _, line in lines.values()) + "\n"
    (folder / "requirements.txt").write_text(texts, encoding="utf-8")


def _copy(wheel: Path, place: Path, other: str, name: str) -> None:
    if not place.exists():
        shutil.copy2(wheel, place)
    elif file_digest(wheel) != file_digest(place):
        raise _differ(other, f"one {wheel.name}", name, "another of the same name")
    if _library(f"./wheels/{wheel.name}") == canonicalize_name(DISTRIBUTION):
        with zipfile.ZipFile(wheel) as packed:
            if _NEEDED not in packed.namelist():
                raise ParameterError(f"the job of {name!r} was trained by a byoe that serves one model; train it again")


def _differ(one: str, its: str, other: str, others: str) -> ParameterError:
    return ParameterError(
        f"{one!r} needs {its}, and {other!r} {others}: models of one endpoint share their libraries and code; train "
        "both in the same environment, or deploy them apart"
    )


def _library(line: str) -> str:
    """Return what a line of requirements brings."""
    name = line.rpartition("/")[2].partition("-")[0] if line.startswith("./") else re.split(r"[=<>!~\[]", line)[0]
    return _USUAL.get(canonicalize_name(name), canonicalize_name(name))


def _trusted(name: str, code: Path) -> list[str]:
    """Return the packages that the serving code of an artifact trusts."""
    for statement in ast.parse(code.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "TRUSTED":
            found: list[str] = ast.literal_eval(statement.value)
            return found
    raise ParameterError(f"the job of {name!r} has an inference.py of its own; deploy it apart")
