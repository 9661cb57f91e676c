"""Parameters of members and blender through the ensemble's ``get_params`` and ``set_params``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from sklearn.base import BaseEstimator, clone

from ..errors import ParameterError, UnknownNameError, did_you_mean
from ..registry._members import DROP, as_blender, as_learner, find_label, labelled, replaced
from ..tools._estimators import rebuilt
from ._recipe import Recipe

_OBJECTS = ("target_transform", "quantiles")  # parameters that may have parameters of their own


class NestedParameters(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """An estimator with ``learners`` and ``blender``, whose parameters are its own too."""

    learners: Any
    blender: Any
    cv: Any
    metric: Any
    callbacks: Any

    _classifies: bool

    def _recipe(self) -> Recipe:
        """Return what the parameters mean."""
        self._keep_folds()
        return Recipe.of(self.learners, self.blender, self.metric)

    def __sklearn_clone__(self) -> Self:
        try:
            twin: Self = super().__sklearn_clone__()
        except RuntimeError:  # a member that scikit-learn does not clone
            twin = rebuilt(self)
        return twin

    def _keep_folds(self) -> None:
        """Keep the folds of a generator, which yields them once, for the next fit and for clones."""
        if isinstance(self.cv, Iterator):
            self.cv = list(self.cv)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_") and hasattr(self, "blender_")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters; with ``deep`` also those of the members and of the blender.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
            A member's parameters stand under ``label__parameter``, the blender's under
            ``blender__parameter``.
        """
        self._keep_folds()
        found: dict[str, Any] = super().get_params(deep=False)
        if not deep:
            return found
        for label, given in labelled(self.learners):
            learner = as_learner(given)
            if learner is None:
                found[label] = DROP
                continue
            found[label] = learner if learner.user_estimator is None else learner.user_estimator
            for key, value in learner.get_params().items():
                found[f"{label}__{key}"] = value
        for key, value in as_blender(self.blender).get_params().items():
            found[f"blender__{key}"] = value
        for name in _OBJECTS:
            own: Any = found.get(name)
            if hasattr(own, "get_params") and not isinstance(own, type):
                for key, value in own.get_params().items():
                    found[f"{name}__{key}"] = value
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the ensemble, of a member or of the blender.

        Parameters
        ----------
        **params
            ``cv=10``, ``xgboost__max_depth=4`` (also when the member was given as a bare
            name), ``xgboost="drop"``, ``blender__alpha=1.0``.
        """
        own = set(self._get_param_names())
        for name in sorted(params, key=lambda key: (key.count("__"), key not in own)):
            head, _, tail = name.partition("__")
            value = params[name]
            if name in own:
                setattr(self, name, value)
            elif head == "blender" and tail:
                self.blender = clone(as_blender(self.blender)).set_params(**{tail: value})
            elif head in _OBJECTS and tail and hasattr(getattr(self, head, None), "set_params"):
                setattr(self, head, clone(getattr(self, head)).set_params(**{tail: value}))
            else:
                label = find_label(self.learners, head)
                if label is None:
                    labels = [known for known, _ in labelled(self.learners)]
                    raise UnknownNameError(
                        f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                        + did_you_mean(head, [*own, *labels])
                    )
                self._set_member(label, tail, value)
        return self

    def _set_member(self, label: str, parameter: str, value: Any) -> None:
        if parameter:
            learner = as_learner(dict(labelled(self.learners))[label])
            if learner is None:
                raise ParameterError(f"member {label!r} is dropped; it has no parameter {parameter!r}")
            value = clone(learner).set_params(**{parameter: value})
        self.learners = replaced(self.learners, label, value)
