"""Keeps a serving process from loading libraries that no prediction needs.

XGBoost and LightGBM import scikit-learn wherever it is installed, and CatBoost pandas: seconds of a
cold start on a small machine, for wrappers and containers that a bundle of native models does not use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LIBRARIES = frozenset("dask graphviz ipywidgets IPython matplotlib pandas plotly polars pyarrow sklearn".split())
# Where one of these is loaded, the process does other things than serving.
_SIGNS = frozenset({"catboost", "lightgbm", "pandas", "sklearn", "xgboost"})


class _Absent:
    """Finds none of the libraries, as if they were not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Raise for what is kept out; leave all else to those who come after."""
        if name.partition(".")[0] in _LIBRARIES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _empty_pandas() -> ModuleType:
    """Return a module with what CatBoost looks for when it is imported: classes that nothing is an instance of."""
    module = ModuleType("pandas")
    module.__dict__.update(
        __version__="2.0.0",
        __path__=[],
        **{name: type(name, (), {}) for name in ("Categorical", "DataFrame", "Series", "SparseDtype")},
    )
    return module


@contextmanager
def kept_out() -> Iterator[None]:
    """Keep the libraries out of what is imported inside; does nothing in a process that has loaded some already."""
    if _SIGNS & sys.modules.keys():
        yield
        return
    absent: Any = _Absent()
    sys.meta_path.insert(0, absent)
    sys.modules["pandas"] = _empty_pandas()
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
        del sys.modules["pandas"]
