"""`tune`: arguments in, checked before anything is fitted; the search; what it has found."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..contracts._store import Store, as_store
from ..engine._clock import read_time_limit
from ..ensemble._base import BaseEnsemble
from ..ensemble._beginning import Beginning, begin
from ..ensemble._configure import configure, default_space
from ..errors import ParameterError, need
from ..store._store import OpenStore
from ._bench import Bench
from ._proposals import Proposals
from ._search import Search, without_result
from ._shown import display
from ._space import blocks, check_comparable, check_space
from ._study import open_study, study_key
from ._tried import Tried
from ._tuned import Trials, Tuned


def tune(
    ensemble: BaseEnsemble,
    X: Any,
    y: Any,
    space: Mapping[str, Any] | None = None,
    *,
    sample_weight: Any = None,
    groups: Any = None,
    n_trials: int = 50,
    time_limit: float | None = None,
    store: Any = None,
    random_state: Any = None,
    callbacks: Any = None,
) -> Tuned:
    """Search better parameters of an ensemble, by the cross-validated score of its blend, on this machine.

    The first trial is the ensemble as given, so that nothing worse than it comes out. All trials have the same
    rows, folds and seeds. The next three quarters of the trials vary one member's parameters each, in turn, with
    all others as in the best trial so far; only that member is fitted. The last quarter varies all of them
    together. New values come from Optuna's tree-structured Parzen estimator (Bergstra et al., 2011), which learns
    from the trials in which the same parameters were varied. A space of lists with no more combinations than there
    are trials is tried as a whole.

    A trial is stopped after two folds when its members, in the place of the best trial's and under its blenders,
    are worse there by more than two standard errors of the difference, and by one percent of the metric. Whatever
    was fitted is in the store.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Its members, folds, metric and resources are those of the search; it is not changed. With its ``verbose``
        the search shows a bar in a notebook and on a terminal, and elsewhere a line for every trial.
    X, y, sample_weight, groups
        As for ``fit``.
    space : mapping of str to tuple or list, default=None
        ``(1, 9)`` is a range of integers, ``(0.5, 1.0)`` a continuous one, ``(0.01, 0.3, "log")`` one on a log
        scale, a list the values to choose from. A name is ``label__parameter``, ``blender``,
        ``blender__parameter``, ``calibrate``, ``early_stopping``, or a shared name such as ``learning_rate``.
        None searches what the learners propose, but for what is set already.
    n_trials : int, default=50
        All in all: those of an earlier call of the same search count.
    time_limit : float, default=None
        Seconds, after which no further task of a trial is begun. The first trial is done all the same; the
        ensemble's own ``time_limit`` holds for each trial, and is the way to bound it.
    store : str, Path or Store, default=None
        Where models and trials are kept; by default the ensemble's, or a temporary folder. The same search with
        the same store goes on where it was, and a fit of ``best`` finds its folds there.
    random_state : int, RandomState or None, default=None
        Seed of the search, and of the folds unless the ensemble has an integer; None takes the ensemble's.
    callbacks : callable or sequence of callables, default=None
        Each is called with the row of a trial that has ended.

    Returns
    -------
    Tuned
        With ``best``, the unfitted ensemble with the best parameters, and ``trials``, a table. Ctrl-C ends the
        search with a warning, and what was found so far is returned.

    Raises
    ------
    ParameterError
        When the space, or another argument, is wrong; before anything is fitted.
    MemberError
        When no trial has a score, with the reason of the first one.
    MissingExtraError
        When ``byoe-ensemble[tune]`` is not installed.

    References
    ----------
    Bergstra, J., Bardenet, R., Bengio, Y. & Kégl, B. (2011). Algorithms for hyper-parameter optimization. NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> import byoe
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = byoe.EnsembleRegressor(("ridge", "knn"), "mean", random_state=0)
    >>> tuned = byoe.tune(ensemble, X, y, {"knn__n_neighbors": [5, 15, 40]}, n_trials=4)
    >>> tuned.best_params
    {'knn__n_neighbors': 15}
    >>> tuned.best_value < tuned.default_value
    True
    """
    started = time.monotonic()
    need("optuna", "tune", "tuning")
    if not isinstance(ensemble, BaseEnsemble):
        raise ParameterError(
            f"{type(ensemble).__name__} is not an ensemble: expected an EnsembleRegressor or EnsembleClassifier"
        )
    _check_count(n_trials)
    limit, listeners = read_time_limit(time_limit), _listeners(callbacks)
    space = default_space(ensemble.learners) if space is None else space
    variants = check_space(ensemble, space)
    check_comparable(ensemble, space)
    own = as_store(ensemble.store if store is None else store)
    with ExitStack() as stack:
        kept = own or Store(stack.enter_context(tempfile.TemporaryDirectory(prefix="byoe-tune-")), None)
        stack.enter_context(OpenStore(kept))  # which says what is wrong with the folder
        seeds = _Seeds(ensemble, random_state)
        begun = begin(seeds.set_in(ensemble), X, y, sample_weight, groups)
        _check_one_metric([ensemble, *variants], begun)
        key = study_key(ensemble, begun, space, seeds.given)
        greater = begun.metric.greater_is_better
        study = open_study(Path(kept.folder) if own else None, key, greater_is_better=greater)
        if seeds.resume(study):
            begun = begin(seeds.set_in(ensemble), X, y, sample_weight, groups)
        bench = Bench(seeds.set_in(ensemble), begun, kept, space, keeps_models=own is not None)
        proposals = Proposals(
            space, blocks(ensemble, space), n_trials=n_trials, seed=seeds.search, greater_is_better=greater
        )
        name = begun.metric.name
        screen = display(ensemble.verbose, n_trials, name)

        def tell(trial: Tried, number: int, best: float | None) -> None:
            if screen is not None:
                screen(trial, number, best)
            for listener in listeners:
                listener(trial.as_row(number, name))

        ends, folder = None if limit is None else started + limit, None if own is None else own.folder
        search = Search(bench, proposals, study, ends=ends, tell=tell, folder=folder)
        try:
            search.run(n_trials)
        finally:
            if screen is not None:
                screen.end()
    return _result(seeds.set_in(ensemble, keep=True), search, name, study, store)


def _result(ensemble: BaseEnsemble, search: Search, metric: str, study: Any, store: Any) -> Tuned:
    tried, best = search.tried, search.best
    if best is None:
        raise without_result(tried)
    made = configure(ensemble, tried[best].params)
    if store is not None:
        made.set_params(store=store)
    value = tried[best].value
    assert value is not None
    rows = Trials(trial.as_row(number, metric) for number, trial in enumerate(tried))
    return Tuned(made, dict(tried[best].params), value, tried[0].value, metric, rows, study, search.interrupted)


class _Seeds:
    """The seed of the folds and that of the search: given, or drawn and kept with the study."""

    def __init__(self, ensemble: BaseEnsemble, random_state: Any) -> None:
        chosen = ensemble.random_state if random_state is None else random_state
        try:
            drawn = int(check_random_state(_copied(chosen)).randint(np.iinfo(np.int32).max))
        except ValueError as error:
            raise ParameterError(f"random_state is {chosen!r}: {error}") from error
        self.search = int(chosen) if isinstance(chosen, Integral) else drawn
        own = ensemble.random_state
        self.folds = int(own) if isinstance(own, Integral) else self.search
        self.given = [int(seed) if isinstance(seed, Integral) else None for seed in (own, random_state)]

    def resume(self, study: Any) -> bool:
        """Take the seeds of an earlier call of the same search, or keep these; return whether the folds are others."""
        before, known = self.folds, study.user_attrs.get("seeds")
        if known is None:
            study.set_user_attr("seeds", [self.folds, self.search])
        else:
            self.folds, self.search = known
        return self.folds != before

    def set_in(self, ensemble: BaseEnsemble, *, keep: bool = False) -> BaseEnsemble:
        """Return the ensemble with the seed of the folds; unless ``keep`` without what is the search's own."""
        made: BaseEnsemble = clone(ensemble).set_params(random_state=self.folds)
        # A line for every member is for verbose=2, beside the lines of the search.
        return made if keep else made.set_params(store=None, verbose=max(0, int(ensemble.verbose) - 1))


def _copied(random_state: Any) -> Any:
    """Return a generator that draws the same, so that the user's does not advance by a search."""
    if not isinstance(random_state, np.random.RandomState):
        return random_state
    twin = np.random.RandomState()
    twin.set_state(random_state.get_state())
    return twin


def _check_one_metric(ensembles: Iterable[BaseEnsemble], begun: Beginning) -> None:
    """Raise a ParameterError for blenders that an ensemble would score by different metrics."""
    names = {one._recipe().metric_for(begun.data.task).name for one in ensembles}
    if len(names) > 1:
        raise ParameterError(
            f"the blenders of the space are scored by different metrics ({', '.join(sorted(names))}); set metric= on "
            "the ensemble to one that suits all"
        )


def _check_count(n_trials: Any) -> None:
    if isinstance(n_trials, bool) or not isinstance(n_trials, (int, np.integer)) or n_trials < 1:
        raise ParameterError(f"n_trials is {n_trials!r}, expected a positive number of trials")


def _listeners(callbacks: Any) -> tuple[Callable[[dict[str, Any]], Any], ...]:
    found = () if callbacks is None else (callbacks,) if callable(callbacks) else tuple(callbacks)
    for one in found:
        if not callable(one):
            raise ParameterError(f"callbacks holds {one!r}, expected callables that take the row of a trial")
    return found
