"""What fails late, or only sometimes: at prediction, on one fold, on the second fit, on saving.

scikit-learn #26549: a member whose predict gives a column broke the stack.
scikit-learn #15368: the same of PLSRegression in a vote.
scikit-learn #24392: predictions as a Series or a frame.
tidymodels/stacks #96: a member with a missing prediction.
Beside these: an exhausted generator as cv, groups that are tuples or sets, a member that fails when it predicts.
"""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.ensemble import BaggingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from byoe import EnsembleClassifier, EnsembleRegressor, blender
from byoe.errors import BundleError, ByoeError, InputError, MemberError, ParameterError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0] + rng.normal(size=60)
groups = np.arange(60) // 6

FORMS = {
    "column": lambda values: values[:, None],
    "frame": lambda values: pd.DataFrame({"p": values}),
    "series": pd.Series,
    "list": list,
    "object": lambda values: values.astype(object),
    "sparse": lambda values: csr_matrix(values[:, None]),
    "masked": np.ma.array,
}
BROKEN = {
    "text": lambda values: values.astype(str),
    "complex": lambda values: values + 1j,
    "dates": lambda values: values.astype(int).astype("datetime64[s]"),
    "durations": lambda values: values.astype(int).astype("timedelta64[s]"),
    "masked dates": lambda values: np.ma.array(values.astype(int).astype("datetime64[s]"), mask=False),
    "hole": lambda values: np.where(np.arange(len(values)) == 0, np.nan, values),
    "masked hole": lambda values: np.ma.array(values, mask=np.arange(len(values)) == 0),
    "short": lambda values: values[:-1],
    "wide": lambda values: np.column_stack([values, values]),
    "nothing": lambda values: None,
    "mapping": lambda values: {"p": values},
}
ERRORS = {
    "runtime": RuntimeError("late"),
    "attribute": AttributeError("nothing"),
    "stop": StopIteration(),
    "recursion": RecursionError("deep"),
    "memory": MemoryError(),
    "exit": SystemExit(3),
}


class Formed(RegressorMixin, BaseEstimator):
    def __init__(self, form="list"):
        self.form = form

    def fit(self, X, y):
        self.line_ = LinearRegression().fit(X, y)
        return self

    def predict(self, X):
        return {**FORMS, **BROKEN}[self.form](self.line_.predict(X))


class Late(LinearRegression):
    """It fails for five rows only."""

    def __init__(self, kind="runtime"):
        super().__init__()
        self.kind = kind

    def predict(self, X):
        if len(X) == 5:
            raise ERRORS[self.kind] if self.kind != "value" else ValueError("five rows")
        return super().predict(X)


class Unfinished(LinearRegression):
    def fit(self, X, y):
        self.rows_ = (row for row in X)
        return super().fit(X, y)


class Missing(LinearRegression):
    """As a meta-model, it has no answer for five rows."""

    def __init__(self, form="hole"):
        super().__init__()
        self.form = form

    def predict(self, X):
        found = super().predict(X)
        return BROKEN[self.form](found) if len(X) == 5 else found


class NeverFitted(BaseEstimator):
    def fit(self, X, y):
        pytest.fail("fitted before the blender was checked")

    def predict(self, X):
        raise NotImplementedError


class NeverRegressor(RegressorMixin, NeverFitted):
    pass


class NeverClassifier(ClassifierMixin, NeverFitted):
    def predict_proba(self, X):
        raise NotImplementedError


class Loose:
    """It has what a scikit-learn estimator has, and is none."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def get_params(self, deep=True):
        return {"alpha": self.alpha}

    def set_params(self, **params):
        vars(self).update(params)
        return self

    def fit(self, X, y):
        self.model_ = (Ridge if isinstance(y[0], float) else LogisticRegression)().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


class Said(Loose):
    _estimator_type = "regressor"


class Probable(Loose):
    def predict_proba(self, X):
        return self.model_.predict_proba(X)


class Mixed(RegressorMixin, Loose):
    pass


def made(member, blender="mean", **given):
    return EnsembleRegressor([("m", member), "ridge"], blender, **{"cv": 3, "random_state": 0, **given})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("blender", ["mean", "meta-model"])
def test_predictions_of_any_form_are_those_numbers(form, blender):
    plain = made(LinearRegression(), "mean" if blender == "mean" else LinearRegression()).fit(X, y)
    formed = made(Formed(form), "mean" if blender == "mean" else Formed(form)).fit(X, y)
    assert_array_equal(formed.predict(X), plain.predict(X))


@pytest.mark.parametrize("form", BROKEN)
def test_predictions_that_are_no_numbers_name_the_member(form):
    with pytest.raises(MemberError, match="member 'm' failed on fold"):
        made(Formed(form)).fit(X, y)
    with pytest.raises(ByoeError, match="Formed"):
        EnsembleRegressor(["ridge", "knn"], Formed(form), cv=3, random_state=0).fit(X, y)


@pytest.mark.parametrize("kind", ERRORS)
def test_member_that_fails_at_prediction_is_named(kind):
    fitted = made(Late(kind)).fit(X, y)
    for ask in (fitted.predict, fitted.transform, fitted.predict_interval):
        with pytest.raises(MemberError, match="member 'm' failed to predict"):
            ask(X[:5])
    assert np.isfinite(fitted.predict(X)).all()


def test_member_that_refuses_rows_is_an_error_of_the_rows():
    with pytest.raises(InputError, match="member 'm' failed to predict: ValueError: five rows"):
        made(Late("value")).fit(X, y).predict(X[:5])


@pytest.mark.parametrize("kind", ERRORS)
def test_member_that_fails_on_one_fold_is_left_out(kind):
    folds = [(np.arange(5, 60), np.arange(5)), (np.arange(5), np.arange(5, 60))]
    fitted = made(Late(kind), cv=folds, on_error="skip").fit(X, y)
    assert list(fitted.members_) == ["ridge"]
    assert {failure.label for failure in fitted.failures_} == {"m"}


@pytest.mark.parametrize("form", ["hole", "text", "complex", "short", "wide"])
def test_meta_model_without_an_answer_is_no_error_of_the_rows(form):
    fitted = EnsembleRegressor(["ridge", "knn"], Missing(form), cv=3, random_state=0).fit(X, y)
    for ask in (fitted.predict, fitted.predict_interval):
        with pytest.raises(MemberError, match="blender Missing returned"):
            ask(X[:5])
    assert np.isfinite(fitted.predict(X)).all()


def test_meta_model_that_refuses_rows_is_an_error_of_the_rows():
    fitted = EnsembleRegressor(["ridge", "knn"], Late("value"), cv=3, random_state=0).fit(X, y)
    for ask in (fitted.predict, fitted.predict_interval):
        with pytest.raises(InputError, match="blender Late failed to predict: ValueError: five rows"):
            ask(X[:5])


@pytest.mark.parametrize("member", [Said(), Mixed()], ids=["said", "mixed"])
def test_member_that_is_no_estimator_of_scikit_learn_works_if_it_says_what_it_is(member):
    fitted = made(member).fit(X, y)
    assert_array_equal(fitted.predict(X), made(Ridge()).fit(X, y).predict(X))
    assert_array_equal(clone(fitted).fit(X, y).predict(X), fitted.predict(X))
    with pytest.raises(ParameterError, match=f"{type(member).__name__} is not a classifier"):
        EnsembleClassifier([("m", member)], cv=3).fit(X, y > 0)


def test_what_has_probabilities_is_a_classifier():
    fitted = EnsembleClassifier([("m", Probable())], "mean", cv=3, random_state=0).fit(X, y > 0)
    oracle = EnsembleClassifier([("m", LogisticRegression())], "mean", cv=3, random_state=0).fit(X, y > 0)
    assert_array_equal(fitted.predict_proba(X), oracle.predict_proba(X))


def test_what_does_not_say_what_it_is_is_refused_by_name():
    for given in (Loose(), BaggingRegressor(Loose())):
        with pytest.raises(ParameterError, match=f"{type(given).__name__} does not say .* from BaseEstimator"):
            made(given).fit(X, y)
        with pytest.raises(ParameterError, match=f"meta-model {type(given).__name__} does not say .* BaseEstimator"):
            EnsembleRegressor(["ridge"], given, cv=3).fit(X, y)


@pytest.mark.parametrize("given", ["ridge", object(), Ridge, 3], ids=["text", "object", "class", "number"])
def test_what_is_no_meta_model_is_refused_before_anything_is_fitted(given):
    wanted = "expected an instance of a scikit-learn estimator" + (r".* give Ridge\(\)" if given is Ridge else "")
    meta = blender("meta-linear", estimator=given)
    with pytest.raises(ParameterError, match=wanted):
        EnsembleRegressor([("m", NeverRegressor())], meta, cv=3).fit(X, y)
    with pytest.raises(ParameterError, match=wanted):
        EnsembleClassifier([("m", NeverClassifier())], meta, cv=3).fit(X, y > 0)


def test_generator_of_folds_serves_every_fit_and_every_clone():
    def folds():
        return (fold for fold in KFold(3).split(X))

    right = made(LinearRegression(), cv=KFold(3)).fit(X, y).predict(X)
    once = made(LinearRegression(), cv=folds())
    twin = clone(once)
    for each in (once, once, twin):
        assert_array_equal(each.fit(X, y).predict(X), right)
    with pytest.raises(ParameterError, match="fold 1 of cv"):  # they are of 60 rows
        cross_val_score(made(LinearRegression(), cv=folds()), X, y, cv=3, error_score="raise")


@pytest.mark.parametrize(
    "form",
    [
        list,
        pd.Index,
        lambda rows: np.isin(np.arange(60), rows),
        lambda rows: np.isin(np.arange(60), rows).tolist(),
        lambda rows: pd.Series(np.isin(np.arange(60), rows)),
    ],
    ids=["lists", "indices", "masks", "lists of truth values", "series of truth values"],
)
def test_folds_of_any_form_are_those_rows(form):
    right = made(LinearRegression(), cv=KFold(3)).fit(X, y)
    folds = [(form(train), form(test)) for train, test in KFold(3).split(X)]
    assert_array_equal(made(LinearRegression(), cv=folds).fit(X, y).oof_predictions_, right.oof_predictions_)


class Raising:
    def split(self, X, y=None, groups=None):
        raise KeyError("year")


class Silent:
    def split(self, X, y=None, groups=None):
        return None


@pytest.mark.parametrize("cv", [Raising(), Silent(), GroupKFold(3)], ids=lambda cv: type(cv).__name__)
def test_splitter_that_cannot_split_is_named(cv):
    with pytest.raises(ParameterError, match=f"cv is {type(cv).__name__}, which cannot split"):
        made(LinearRegression(), cv=cv).fit(X, y)


@pytest.mark.parametrize(
    "form",
    [
        lambda group: (int(group), "x"),
        str,
        lambda group: int(group) if group % 2 else f"g{group}",
        lambda group: f"g{group}".encode(),
        lambda group: frozenset([int(group)]),
        lambda group: (int(group), None) if group % 2 else int(group),
    ],
    ids=["tuples", "texts", "mixed", "bytes", "sets", "what cannot be sorted"],
)
@pytest.mark.parametrize("cv", [2, GroupKFold(2)], ids=["number", "splitter"])
@pytest.mark.parametrize("column", [list, pd.Series], ids=["list", "series"])
def test_groups_of_any_kind_stay_together(form, cv, column, tmp_path):
    fitted = made(LinearRegression(), cv=cv, store=tmp_path).fit(X, y, groups=column([form(g) for g in groups]))
    sides = defaultdict(set)
    for number, (_, test) in enumerate(fitted._oof.plan.folds):
        for row in test:
            sides[groups[row]].add(number)
    assert all(len(side) == 1 for side in sides.values())
    assert len(sides) == 10


def test_text_beside_a_hole_is_still_a_hole():
    with pytest.raises(InputError, match="missing"):
        made(LinearRegression()).fit(X, y, groups=[np.nan, *map(str, groups[1:])])
    with pytest.raises(InputError, match="missing"):
        made(LinearRegression()).fit(X, y, groups=np.ma.array(groups, mask=groups == 0))


@pytest.mark.parametrize("given", [3, "store", np.column_stack([groups, groups]), groups[:-1]])
def test_groups_that_are_not_one_a_row_are_refused(given):
    with pytest.raises(InputError, match="give one each|an entry for each row"):
        made(LinearRegression()).fit(X, y, groups=given)


def test_member_that_no_file_can_hold_is_named(tmp_path):
    with pytest.raises(BundleError, match="member 'm' cannot be saved"):
        made(Unfinished()).fit(X, y).save(tmp_path / "bundle", trusted=["tests.*"])


@pytest.mark.parametrize("inner", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())])
def test_frozen_model_that_was_never_fitted_is_refused_before_the_fit(inner):
    with pytest.raises(ParameterError, match=f"member 'm': {type(inner).__name__} in a FrozenEstimator is not fitted"):
        made(FrozenEstimator(inner)).fit(X, y)


def test_a_member_that_fails_in_an_interval_of_folds_is_named():
    fitted = made(Late("value")).set_params(finalize="bag", blender="mean").fit(X, y)
    assert fitted.interval_method_ == "cv+"
    with pytest.raises(InputError, match="member 'm' failed to predict"):
        fitted.predict_interval(X[:5])
