"""The package of a learner, as ``byoe new-plugin`` writes it."""

from __future__ import annotations

import re
from pathlib import Path

from .._version import DISTRIBUTION
from ..errors import InputError, ParameterError
from ..registry._plugin import RESERVED, plain
from ..registry._registry import installed
from ..tools._whole import whole_folder

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "byoe-{name}"
version = "0.1.0"
description = "A learner for byoe."
requires-python = ">=3.11"
dependencies = ["{distribution}", "numpy"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."byoe.learners"]
{name} = "{module}.learner:{title}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""
_LEARNER = '''"""The learner {name!r}: what it promises, and the model that it makes."""

import numpy as np

from byoe.plugins import Learner


class {title}(Learner):
    """Least squares with an L2 penalty; put your own in its place."""

    tasks = frozenset({{"regression"}})
    weights = "exact"  # a row of weight two is that row twice
    leaves_rows_alone = lean = True
    shared = {{"l2": "l2"}}
    space = {{"l2": (0.01, 100.0, "log")}}

    def parameter_names(self):
        """Return the names that users may set."""
        return frozenset({{"l2"}})

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        """Return the model of some rows: X of shape (n_rows, n_columns), y of shape (n_rows,)."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        center, offset = np.average(X, axis=0, weights=weight), np.average(y, weights=weight)
        weighted = (X - center).T * weight
        gram = weighted @ (X - center) + self.own_params().get("l2", 1e-8) * np.eye(X.shape[1])
        coef = np.linalg.solve(gram, weighted @ (y - offset))
        return Model(np.append(coef, offset - coef @ center))

    def load(self, folder, *, task, trusted=()):
        """Return the model that ``Model.save`` has written."""
        return Model(np.load(folder / "coef.npy", allow_pickle=False))


class Model:
    """Coefficients, the intercept last."""

    def __init__(self, coef):
        self.coef = coef

    def predict(self, X, *, threads=1):
        """Return an array of shape (n_rows,)."""
        return X @ self.coef[:-1] + self.coef[-1]

    def save(self, folder):
        """Write files into an empty folder, without pickle."""
        np.save(folder / "coef.npy", self.coef)
'''
_TEST = '''"""Every promise of the contract is a test."""

import pytest

from byoe.plugins import checks


@pytest.mark.parametrize("check", checks("{name}"), ids=str)
def test_promises(check):
    check()
'''
_README = """# byoe-{name}

A learner for byoe. Install it, check it, use it:

```console
$ pip install -e '.[test]'
$ byoe check {name}
$ byoe fit data.csv --target y --learners {name},ridge --out model
```
"""


def write_plugin(name: str, out: Path | None) -> Path:
    """Write the package of a learner; return its folder.

    Raises
    ------
    ParameterError
        For a name that no entry point can have, or that is taken.
    InputError
        When the folder exists.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(f"{name!r} is no name of a learner; use small letters, digits and -, such as quiet-trees")
    if plain(name) in installed("learner") or plain(name) in RESERVED["learner"]:
        raise ParameterError(f"the name {name!r} is taken; byoe plugins lists the known ones")
    folder = Path(f"byoe-{name}") if out is None else out
    if folder.exists():
        raise InputError(f"{folder} exists; choose another folder with --out")
    module = "byoe_" + name.replace("-", "_")
    title = "".join(word.capitalize() for word in re.split("[-_]", name))
    words = {"name": name, "module": module, "title": title, "distribution": DISTRIBUTION}
    files = {
        "pyproject.toml": _PROJECT,
        "README.md": _README,
        f"src/{module}/__init__.py": '"""A learner for byoe."""\n',
        f"src/{module}/learner.py": _LEARNER,
        f"tests/test_{module}.py": _TEST,
    }
    with whole_folder(folder) as making:
        for place, text in files.items():
            (making / place).parent.mkdir(parents=True, exist_ok=True)
            (making / place).write_text(text.format(**words), encoding="utf-8")
    return folder
