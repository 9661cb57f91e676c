"""byoe: bring your own ensemble.

Any registered learners and one blender make one scikit-learn estimator, one SageMaker
training job, one tuning job and one endpoint. The public names resolve on first use, so
that ``import byoe`` loads neither a booster nor scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import mlflow, plots, plugins, sagemaker
    from ._load import load
    from .contracts._store import Store
    from .ensemble._classifier import EnsembleClassifier
    from .ensemble._regressor import EnsembleRegressor
    from .errors import ByoeError
    from .registry._registry import blender, learner
    from .tuning._tune import tune

__all__ = [
    "ByoeError",
    "EnsembleClassifier",
    "EnsembleRegressor",
    "Store",
    "__version__",
    "blender",
    "learner",
    "load",
    "mlflow",
    "plots",
    "plugins",
    "sagemaker",
    "tune",
]

_HOMES = {
    "ByoeError": ".errors",
    "EnsembleClassifier": ".ensemble._classifier",
    "EnsembleRegressor": ".ensemble._regressor",
    "Store": ".contracts._store",
    "blender": ".registry._registry",
    "learner": ".registry._registry",
    "load": "._load",
    "tune": ".tuning._tune",
}


def __getattr__(name: str) -> Any:
    if name in ("mlflow", "plots", "plugins", "sagemaker"):
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module 'byoe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
