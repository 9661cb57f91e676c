"""The study of a search, in the folder of its store, where the same search finds it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.base import clone

from .._version import __version__
from ..ensemble._base import BaseEnsemble
from ..ensemble._beginning import Beginning
from ..ensemble._spec import to_spec
from ..errors import SpecError, need
from ..store._task_keys import of_member, plan_key
from ..tools._digests import json_digest
from ._space import quiet_optuna

FOLDER = "studies"
# What no score depends on, or what stands in the key in another form: the folds and the seed.
_LEFT_OUT: Mapping[str, Any] = {
    "callbacks": None,
    "cv": 5,
    "memory_limit": None,
    "n_jobs": None,
    "random_state": None,
    "store": None,
    "verbose": 0,
}


def study_key(ensemble: BaseEnsemble, begun: Beginning, space: Mapping[str, Any], seeds: Any) -> str | None:
    """Return what tells a search from others; None where JSON cannot express the ensemble.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        As given.
    begun : Beginning
    space : mapping of str to domain
    seeds : list of int or None
        Those that the user gave.
    """
    data = begun.data
    try:
        spec = to_spec(clone(ensemble).set_params(**_LEFT_OUT))
        made_of = {label: of_member(label, learner, data) for label, learner in begun.recipe.learners.items()}
    except SpecError:
        return None
    domains = {name: [type(domain).__name__, *domain] for name, domain in space.items()}
    plan = plan_key(ensemble.cv, data, begun.digest)
    whole = {"spec": spec, "members": made_of, "plan": plan, "space": domains, "seeds": seeds, "byoe": __version__}
    return json_digest(whole)


def open_study(folder: Path | None, key: str | None, *, greater_is_better: bool) -> Any:
    """Return a search's Optuna study: of an earlier call with the same store, or an empty one.

    Parameters
    ----------
    folder : Path or None
        Of the store, if that stays.
    key : str or None
    greater_is_better : bool
    """
    optuna = quiet_optuna()
    storage = None
    if folder is not None and key is not None:
        journal = need("optuna.storages.journal", "tune", "tuning")
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        file = folder / FOLDER / f"{key}.log"
        storage = optuna.storages.JournalStorage(journal.JournalFileBackend(str(file)))
    return optuna.create_study(
        storage=storage,
        study_name="byoe",
        direction="maximize" if greater_is_better else "minimize",
        load_if_exists=True,
    )
