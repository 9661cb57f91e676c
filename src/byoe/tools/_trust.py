"""Which classes a bundle may name: byoe's list, those of plugins that it names, and what the user trusts.

A file that names a class makes this process import and build it. So nothing is taken from a file on
its own word: functions never, and classes only of the libraries that byoe itself depends on.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence

# Beyond what skops trusts by itself, and classes that begin so.
_KNOWN = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "functools.partial",
        "catboost.core.CatBoost",
        "catboost.core.CatBoostClassifier",
        "catboost.core.CatBoostRegressor",
        "catboost.CatBoostClassifier",
        "catboost.CatBoostRegressor",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMModel",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBModel",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
        "sklearn.utils.validation.check_array",  # scikit-learn's own histogram boosting keeps this one
        "byoe.tools._xgboost_labels.XGBClassifier",
        "byoe.tools._xgboost_labels.XGBRFClassifier",
        "byoe.EnsembleClassifier",
        "byoe.EnsembleRegressor",
    }
)
_KNOWN_FAMILIES = ("sklearn.", "scipy.sparse.", "scipy.interpolate.")
_ALL = ".*"


def untrusted(names: Iterable[str], trusted: Sequence[str] = (), packages: Iterable[str] = ()) -> list[str]:
    """Return the names, as ``module.Class``, that may not be used.

    Parameters
    ----------
    names : iterable of str
    trusted : sequence of str
        What the user names: ``module.Class``, or ``package.*`` for all in a package.
    packages : iterable of str
        Top-level packages whose classes are known, as those that an installed plugin declares.
    """
    families = (*_KNOWN_FAMILIES, *(f"{package}." for package in packages))
    return sorted(
        {
            name
            for name in names
            if name not in _KNOWN
            and not any(_names(entry, name) for entry in trusted)
            and not (name.startswith(families) and _is_class(name))
        }
    )


def _names(entry: str, name: str) -> bool:
    return name.startswith(entry.removesuffix("*")) if entry.endswith(_ALL) else name == entry


def _is_class(name: str) -> bool:
    """Say whether a name is that of a class, and of one of the package that the name begins with."""
    module, _, place = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), place, None)
    except Exception:  # whatever goes wrong in a module, its class is not to be had
        return False
    return isinstance(found, type) and found.__module__.partition(".")[0] == name.partition(".")[0]


def advice(refused: Sequence[str], what: str) -> str:
    """Return the tail of a message about names that are refused."""
    return (
        f"{', '.join(refused)}. Loading them imports and runs code of theirs: if you know where it comes from, {what} "
        f"with trusted={list(refused)!r}"
    )
