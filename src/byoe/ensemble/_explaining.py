"""What a fitted ensemble tells of its predictions: what each column adds to them, and which columns matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..contracts._task import FloatArray
from ..data._input import read_known_target, read_weights
from ..data._table import Table
from ..errors import ParameterError
from ..fitted._explain import Explaining, NotLinearError, explain, explain_margins, feature_importances
from ..fitted._explanation import About, Explanation, Importances, index_of, names_of
from ..fitted._sampled import N_PERMUTATIONS, PERMUTATION, Sampler, sampler
from ..scoring._importances import importances
from ._after_fit import ChangeableEnsemble

if TYPE_CHECKING:
    from ._classifier import EnsembleClassifier
    from ._regressor import EnsembleRegressor

METHODS = ("auto", "exact", "permutation")
_ESTIMATED = "method='auto' estimates what it adds by permutations of the columns"
_INSTALL = "pip install 'byoe-ensemble[shap]', with which what it adds is estimated by permutations of the columns"


class ExplainableEnsemble(ChangeableEnsemble):
    """What regressors and classifiers tell alike."""

    @property
    def feature_importances_(self) -> FloatArray:
        """How much each column matters, of shape (n_features,), non-negative and summing to one.

        Each member's own measure: the total gain of XGBoost and LightGBM, CatBoost's
        ``PredictionValuesChange``, the impurity decrease of forests, the absolute coefficients
        of ``ridge`` and ``elastic_net`` on standardised columns, and otherwise an estimator's
        ``feature_importances_``. Each is scaled to sum to one, encoded columns are added up,
        and the mean is taken over fold models, and then over members by their absolute weight
        in the blend, all the same where it is not linear. Members that tell nothing are left
        out of the mean; when all are, this is an AttributeError.
        """
        return feature_importances(self)

    def importances(self, X: Any, y: Any, *, sample_weight: Any = None, n_repeats: int = 5) -> Importances:
        """Return how much worse the blend predicts without what a column tells (Breiman, 2001; Fisher et al., 2019).

        The cells of one column are shuffled among the rows, which are predicted and scored again. No member is
        fitted, and every blend and member has them. Pass rows that were not in the fit: of those that were, a
        column that was learned by heart looks important. Columns that tell the same stand in for each other, and
        each of them may look unimportant.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        n_repeats : int, default=5
            How often each column is shuffled.

        Returns
        -------
        Importances
            By column, from the one that matters most: how much worse the metric gets, in its own units, and the
            standard deviation over the repeats.

        Raises
        ------
        InputError
            When the rows are not like those of the fit, or hold an unknown class.
        ParameterError
            When ``n_repeats`` is no positive whole number.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from byoe import EnsembleRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X[:300], y[:300])
        >>> ensemble.importances(X[300:], y[300:])[0]["column"]
        's5'
        """
        table = self._read(X)
        weight = read_weights(sample_weight, table)
        target = read_known_target(y, len(table), self._task)
        metric = self._recipe().metric_for(self._task)
        return importances(self, table, target, weight, metric, n_repeats)


@dataclass(frozen=True)
class Request:
    """What ``explain`` was asked for.

    Attributes
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
    X, background : array-like or frame
    method : str
    n_permutations : int
    """

    ensemble: EnsembleRegressor | EnsembleClassifier
    X: Any
    method: str = "auto"
    background: Any = None
    n_permutations: int = N_PERMUTATIONS

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ParameterError(f"method is {self.method!r}, expected one of {', '.join(map(repr, METHODS))}")

    @cached_property
    def table(self) -> Table:
        """The rows to explain."""
        return self.ensemble._read(self.X)

    @cached_property
    def sampler(self) -> Sampler:
        """What explains models of any kind, made when it is first needed."""
        ensemble = self.ensemble
        return sampler(
            self.table,
            None if self.background is None else ensemble._read(self.background),
            frames=any(model.frames for member in ensemble.members_.values() for model in member.models),
            n_permutations=self.n_permutations,
            seed=ensemble._record.seed,
            verbose=bool(ensemble.verbose),
        )

    def of_regression(self) -> Explanation:
        """Return the contributions to the blend of a regression."""
        if self.method == "permutation":
            return self._sampled_blend()
        try:
            explaining = self._explaining()
            return self._made(explain(self.ensemble, self.table, explaining), explaining.methods)
        except NotLinearError as error:
            if self.method == "exact":
                raise
            if not _library_is_there():
                raise NotLinearError(f"{error}; or {_INSTALL.replace('what it adds', 'the blend')}") from error
            return self._sampled_blend()

    def of_probabilities(self) -> Explanation:
        """Return the contributions to the blend's probabilities."""
        if self.method == "exact":
            raise ParameterError(
                "a blend of probabilities or votes has no additive contributions; explain(X, output='margin') gives "
                "those of each member on its margin (log-odds), and method='permutation' estimates those of the blend"
            )
        return self._sampled_blend()

    def of_margins(self) -> dict[str, Explanation]:
        """Return the contributions to the margin of each member."""
        if self.method == "permutation":
            raise ParameterError("margins are explained exactly or not at all; use output='probability'")
        margins = explain_margins(self.ensemble, self.table)
        return {label: self._made(values, {label: "exact"}) for label, values in margins.items()}

    def _explaining(self) -> Explaining:
        if self.method == "exact":
            return Explaining(advice=f"; {_ESTIMATED}")
        if not _library_is_there():
            return Explaining(advice=f", or {_INSTALL}")
        return Explaining(lambda predict: self.sampler.contributions(predict), PERMUTATION)

    def _sampled_blend(self) -> Explanation:
        values = self.sampler.contributions(self._blend())
        return self._made(values, {"blend": PERMUTATION})

    def _blend(self) -> Callable[[Table], FloatArray]:
        ensemble = self.ensemble
        if ensemble._task.is_classification and ensemble._task.n_outputs == 1 and ensemble._task.n_classes == 2:
            return lambda rows: ensemble._blended(rows)[:, 1]
        return ensemble._blended

    def _made(self, values: FloatArray, methods: Mapping[str, str]) -> Explanation:
        ensemble, task = self.ensemble, self.ensemble._task
        columns = names_of(ensemble._form.labels, len(ensemble._form))
        about = About(columns, self._unit(methods), dict(methods), self.table, index_of(self.X))
        if values.ndim == 2:
            return Explanation(values, about)
        outputs: tuple[Any, ...] = tuple(range(task.n_outputs))
        if not task.is_classification:
            names = ensemble._record.target.get("names") or ()
            outputs = tuple(names) if len(set(names)) == task.n_outputs else outputs
        elif task.n_outputs == 1:
            outputs = tuple(ensemble.class_labels.tolist())
        return Explanation(values, replace(about, outputs=outputs))

    def _unit(self, methods: Mapping[str, str]) -> str:
        ensemble, task = self.ensemble, self.ensemble._task
        if not task.is_classification:
            names = ensemble._record.target.get("names") or [None]
            return str(names[0]) if len(names) == 1 and names[0] is not None else "target"
        one = ensemble.class_names[1] if task.n_outputs == 1 and task.n_classes == 2 else ""
        if "blend" not in methods:
            what = "log-odds of" if task.n_classes == 2 else "margin of"
            return f"{what} {one}".strip() + f", {next(iter(methods))}" * bool(one)
        return f"{'probability of' if ensemble.blender_.gives_probabilities else 'votes for'} {one}".strip()


def _library_is_there() -> bool:
    return find_spec("shap") is not None
