"""Learners and blenders that break a promise while an ensemble uses them: told by name, and harmless to others."""

import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.errors import MemberError, ParameterError, PluginError
from byoe.fitted._shield import shielded
from byoe.plugins import Blender, Learner, Prepares, register_blender, register_learner
from byoe.registry import _registry
from byoe.registry._members import as_learner
from byoe.serving import input_fn, model_fn, output_fn, predict_fn


class Model:
    def __init__(self, predict):
        self.predict_rows = predict

    def predict(self, X, *, threads=1):
        return self.predict_rows(X)

    def save(self, folder):
        (folder / "nothing.txt").write_text("")


def made(predict, **attributes):
    def fit(self, X, y, **given):
        return Model(predict)

    return type(
        "Made", (Learner,), {"fit": fit, "load": lambda self, folder, *, task, trusted=(): Model(predict), **attributes}
    )


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).normal(size=(60, 3))
    return X, X[:, 0] + 1.0


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda X: np.zeros((len(X), 1)), r"returned shape \(12, 1\), expected \(12,\)"),
        (lambda X: np.zeros(len(X) - 2), r"returned shape \(10,\), expected \(12,\)"),
        (lambda X: np.full(len(X), np.nan), "returned 12 values that are not finite"),
        (lambda X: np.array(["1.0"] * len(X)), "returned values of type <U3, expected numbers"),
        (lambda X: None, "returned values of type object, expected numbers"),
    ],
)
def test_a_wrong_answer_names_the_member_its_plugin_and_what_was_expected(predict, message, data):
    with register_learner("faulty", made(predict)):
        ensemble = EnsembleRegressor(("faulty", "ridge"), cv=5, n_jobs=1, random_state=0)
        with pytest.raises(
            MemberError,
            match=rf"member 'faulty' \(learner 'faulty' of this process\) failed on fold 1 of 5: .*{message}",
        ):
            ensemble.fit(*data)


def test_the_distribution_is_named(data):
    X, y = data
    with pytest.raises(MemberError, match=r"member 'log_ridge' \(learner 'log-ridge' of byoe-example \d.*\) failed on"):
        EnsembleRegressor(("log-ridge", "ridge"), random_state=0).fit(X, y - 100.0)  # no logarithm of these


def test_probabilities_of_the_wrong_width(data):
    X, y = data
    with (
        register_learner("faulty", made(lambda X: np.full((len(X), 3), 1 / 3))),
        pytest.raises(MemberError, match=r"returned shape \(\d+, 3\), expected \(\d+, 2\)"),
    ):
        EnsembleClassifier(("faulty", "ridge"), random_state=0).fit(X, y > 1)


def test_own_learners_are_named_by_their_label_alone(data):
    assert _registry.learner("ridge").origin == ""
    assert _registry.learner("log-ridge").origin.startswith(" (learner 'log-ridge' of byoe-example")
    assert _registry.blender("trimmed-mean").origin.startswith(" (blender 'trimmed-mean' of byoe-example")


class NaN(Blender):
    tasks = frozenset({"regression"})

    def fit(self, oof):
        return self

    def predict(self, predictions, X=None):
        return np.full(len(predictions), np.nan)

    def state(self):
        return {}

    def restore(self, state, *, trusted=()):
        return self


def test_a_blender_that_returns_nan(data):
    with pytest.raises(MemberError, match=r"blender .* returned \d+ values that are not finite"):
        EnsembleRegressor(("ridge", "knn"), NaN(), random_state=0).fit(*data)


@pytest.mark.parametrize("given", ["nan", NaN])
def test_it_is_told_where_a_blender_comes_from_also_for_several_targets(given, data):
    X, y = data
    with register_blender("nan", NaN):
        ensemble = EnsembleRegressor(("ridge",), given if given == "nan" else given(), cv=3, random_state=0)
        if given is NaN:
            ensemble.blender.name = "nan"
        for target in (y, np.column_stack([y, y])):
            with pytest.raises(
                MemberError, match=r"blender nan \(blender 'nan' of this process\) returned .* not finite"
            ):
                ensemble.fit(X, target)


def _spoils(X):
    X *= 0.0
    return X[:, 0]


def test_a_model_that_changes_the_rows_harms_neither_the_caller_nor_other_members(data):
    X, y = data
    kept = X.copy()
    both = EnsembleRegressor([("spoils", made(_spoils)()), "ridge"], "mean", random_state=0).fit(X, y)
    alone = EnsembleRegressor(("ridge",), "mean", random_state=0).fit(X, y)
    assert np.array_equal(X, kept)
    np.testing.assert_allclose(both.predict(X), alone.predict(X) / 2)
    both.predict_interval(X)
    assert np.array_equal(X, kept)


def test_a_learner_that_changes_what_it_prepares_harms_nobody(data):
    def prepare(self, X, y, **_):
        X *= 0.0
        return X

    methods = {
        "prepare": prepare,
        "can_prepare": lambda self, X: True,
        "fit_rows": lambda self, *_, **__: Model(lambda X: X[:, 0]),
    }
    kind = made(_spoils, **methods)
    assert isinstance(kind(), Prepares)
    X, y = data
    kept = X.copy()
    EnsembleRegressor([("spoils", kind()), "ridge"], "mean", random_state=0).fit(X, y)
    assert np.array_equal(X, kept)


def test_a_wrong_prediction_of_new_rows_names_the_member_its_plugin_and_what_was_expected(data):
    X, y = data
    with register_learner("faulty", made(lambda X: np.where(X[:, 0] > 100, np.nan, 1.0))):
        ensemble = EnsembleRegressor(("faulty", "ridge"), "mean", random_state=0).fit(X, y)
        message = r"member 'faulty' \(learner 'faulty' of this process\): Model.predict returned 60 values that are not finite"
        with pytest.raises(PluginError, match=message):
            ensemble.predict(X + 1000.0)


def test_a_model_that_changes_a_frame_harms_neither_the_caller_nor_other_members(data):
    import pandas as pd

    def spoil(X):
        X.iloc[:, 0] = 0.0
        return np.zeros(len(X))

    X, y = data
    frame = pd.DataFrame(X, columns=list("abc"))
    kept = frame.copy()
    both = EnsembleRegressor([("spoils", made(spoil, frames=True)()), "ridge"], "mean", random_state=0).fit(frame, y)
    alone = EnsembleRegressor(("ridge",), "mean", random_state=0).fit(frame, y)
    np.testing.assert_allclose(both.predict(frame), alone.predict(frame) / 2)
    assert frame.equals(kept)


class SpoilsTheRows(Learner):
    def fit(self, X, y, **given):
        X *= 0.0
        return Model(lambda X: np.ones(len(X)))

    def load(self, folder, *, task, trusted=()):
        return Model(lambda X: np.ones(len(X)))


class SpoilsTheTarget(SpoilsTheRows):
    def fit(self, X, y, **given):
        y -= y.mean()
        return Model(lambda X: np.ones(len(X)))


class SpoilsWhatItPrepares(SpoilsTheRows):
    missing = True  # else it is not asked to prepare

    def fit(self, X, y, **given):
        raise AssertionError("it prepares")

    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **given):
        X *= 0.0
        return X

    def fit_rows(self, prepared, rows, y, **given):
        return Model(lambda X: np.ones(len(X)))


@pytest.mark.parametrize("kind", [SpoilsTheRows, SpoilsTheTarget, SpoilsWhatItPrepares])
def test_a_registered_learner_that_changes_what_it_learns_from_is_an_error(kind, data):
    X, y = data
    kept = X.copy(), y.copy()
    with register_learner("spoils", kind):
        message = (
            r"member 'spoils' \(learner 'spoils' of this process\) failed on .*spoils changed the rows .* in place"
        )
        with pytest.raises(MemberError, match=message):
            EnsembleRegressor(("spoils", "ridge"), "mean", random_state=0).fit(X, y)
    assert np.array_equal(X, kept[0])
    assert np.array_equal(y, kept[1])


class HalvesWeights(SpoilsTheRows):
    weights = "exact"
    missing = True  # else it is not asked to prepare

    def can_prepare(self, X):
        return True

    def prepare(self, X, y, *, sample_weight, **given):
        sample_weight[::2] = 0.0
        return X

    def fit_rows(self, prepared, rows, y, **given):
        return Model(lambda X: np.ones(len(X)))


class SortsRowNumbers(HalvesWeights):
    def prepare(self, X, y, **given):
        return X

    def fit_rows(self, prepared, rows, y, **given):
        rows[:] = np.arange(len(rows))  # which of other members would be rows of their test folds
        return Model(lambda X: np.ones(len(X)))


@pytest.mark.parametrize(("kind", "weighted"), [(HalvesWeights, True), (SortsRowNumbers, False)])
def test_weights_and_row_numbers_are_lent_like_rows(kind, weighted, data):
    X, y = data
    weight = np.linspace(1.0, 2.0, len(y)) if weighted else None
    made = {"blender": "mean", "random_state": 0, "n_jobs": 1}
    both = EnsembleRegressor([("own", kind()), "ridge"], **made).fit(X, y, sample_weight=weight)
    alone = EnsembleRegressor(["ridge"], **made).fit(X, y, sample_weight=weight)
    assert np.array_equal(both.oof_predictions_[:, 1], alone.oof_predictions_[:, 0])
    with register_learner("spoils", kind), pytest.raises(MemberError, match="spoils changed the rows .* in place"):
        EnsembleRegressor(["spoils", "ridge"], **made).fit(X, y, sample_weight=weight)


def test_every_target_is_fitted_with_the_same_weights_and_rows_to_stop_by(rng):
    def fit(self, X, y, *, sample_weight, stop=None, **given):
        seen.append([float(sample_weight[0]), *(() if stop is None else (float(stop.X[0, 0]), stop.sample_weight[0]))])
        sample_weight *= 0.0
        if stop is not None:
            stop.X[:] = 0.0
            stop.y[:] = 0.0
            stop.sample_weight[:] = 0.0
        model = Model(lambda X: np.ones(len(X)))
        model.rounds = 3
        return model

    X = rng.normal(size=(300, 3))
    y = X[:, 0] + rng.normal(size=300)
    seen: list[list[float]] = []
    kind = type("Kind", (SpoilsTheRows,), {"fit": fit, "stops": True, "weights": "exact"})
    made = EnsembleRegressor([("own", kind())], "mean", cv=2, random_state=0, n_jobs=1, early_stopping=True)
    made.fit(X, np.c_[y, -y], sample_weight=np.linspace(1.0, 2.0, len(y)))
    # On two folds rows to stop by and all rows, then the refit, for each target.
    assert [len(one) for one in seen] == [3, 3, 1, 1, 3, 3, 1, 1, 1, 1]
    assert seen[::2] == seen[1::2]
    assert all(all(one) for one in seen)


def test_a_registered_learner_that_changes_what_it_predicts_is_an_error(data):
    X, y = data
    quiet = [True]

    def predict(X):
        if not quiet:
            X *= 0.0
        return np.ones(len(X))

    with register_learner("spoils", made(predict, missing=True)):  # else it gets rows of its own, filled in
        ensemble = EnsembleRegressor(("spoils", "ridge"), "mean", random_state=0).fit(X, y)
        quiet.clear()
        kept = X.copy()
        with pytest.raises(PluginError, match=r"member 'spoils' \(.*\): spoils changed the rows that it got in place"):
            ensemble.predict(X)
    assert np.array_equal(X, kept)


@pytest.mark.parametrize("frame", [False, True])
def test_one_target_after_the_other_sees_the_same_rows(frame, data):
    """An object of the user's may change its rows, as scikit-learn's copy_X=False does; its next fit has them again."""
    import pandas as pd

    def fit(self, X, y, **given):
        seen.append(float(np.asarray(X)[0, 0]))
        if frame:
            X.iloc[:, 0] = 0.0
        else:
            X *= 0.0
        return Model(lambda X: np.ones(len(X)))

    X, y = data
    seen: list[float] = []
    kind = type("Kind", (SpoilsTheRows,), {"fit": fit, "frames": frame})
    table = pd.DataFrame(X, columns=list("abc")) if frame else X
    EnsembleRegressor([("own", kind()), "ridge"], "mean", cv=2, random_state=0, n_jobs=1).fit(table, np.c_[y, -y])
    assert len(seen) == 6  # two folds and the refit, for each target
    assert 0.0 not in seen


class ModelWithoutSave:
    def predict(self, X, *, threads=1):
        return np.ones(len(X))


class ModelWithoutThreads(ModelWithoutSave):
    def predict(self, X):
        return np.ones(len(X))

    def save(self, folder):
        pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, r"fit returned None; expected a model with predict\(X, \*, threads=1\) and save\(folder\)"),
        (ModelWithoutSave(), r"fit returned a ModelWithoutSave, which has no save; expected a model"),
        (
            ModelWithoutThreads(),
            r"predict is called as predict\(X, threads=…\), and ModelWithoutThreads.predict does not",
        ),
    ],
)
def test_what_is_no_model_is_told_by_the_fit(model, message, data):
    kind = type("Kind", (SpoilsTheRows,), {"fit": lambda self, X, y, **given: model})
    with (
        register_learner("faulty", kind),
        pytest.raises(MemberError, match=rf"member 'faulty' \(learner 'faulty' of this process\) .*{message}"),
    ):
        EnsembleRegressor(("faulty", "ridge"), random_state=0).fit(*data)


def test_an_init_of_its_own_is_refused_with_the_advice_to_write_none():
    class OwnInit(SpoilsTheRows):
        def __init__(self, l2=1.0):
            self.l2 = l2

    with pytest.raises(PluginError, match=r"OwnInit writes an __init__ that does not call super.*; write none"):
        register_learner("own-init", OwnInit)


def test_a_misspelt_declaration_is_refused():
    kind = type("Kind", (SpoilsTheRows,), {"multioutput": True})
    with pytest.raises(
        PluginError, match="Kind declares 'multioutput', which means nothing; did you mean 'multi_output'"
    ):
        register_learner("misspelt", kind)
    for harmless in ({"weight": 3}, {"model": "multi"}, {"multi_outputs": 3}):
        with register_learner("fine", type("Kind", (SpoilsTheRows,), harmless)):
            pass


def test_an_estimator_method_with_the_wrong_arguments():
    from byoe.plugins import EstimatorLearner

    kind = type("Kind", (EstimatorLearner,), {"estimator": lambda self, task: None})
    with pytest.raises(
        PluginError, match=r"estimator is called as estimator\(task, y\), and Kind.estimator does not take"
    ):
        register_learner("wrong", kind)


class ForgetsSelf(NaN):
    def fit(self, oof):
        pass


class StateIsAnArray(NaN):
    def predict(self, predictions, X=None):
        return predictions.mean(axis=1)

    def state(self):
        return {"weights": np.ones(2)}

    def restore(self, state, *, trusted=()):
        return self


@pytest.mark.parametrize("targets", [1, 2])
def test_a_blender_that_forgets_to_return_itself(targets, data):
    X, y = data
    with pytest.raises(
        PluginError, match=r"ForgetsSelf.fit returned None, expected the fitted blender; end it with return"
    ):
        EnsembleRegressor(("ridge", "knn"), ForgetsSelf(), random_state=0).fit(X, y if targets == 1 else np.c_[y, y])


def test_a_state_that_is_no_json_names_the_blender(data, tmp_path):
    with register_blender("arrays", StateIsAnArray):
        made = EnsembleRegressor(("ridge", "knn"), "arrays", random_state=0).fit(*data)
        with pytest.raises(PluginError, match=r"blender arrays .*: state\(\) is not JSON .*array.tolist"):
            made.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_blender_that_works_in_place_leaves_the_members_predictions_as_they_are(data, tmp_path):
    class InPlaceMean(NaN):
        def predict(self, predictions, X=None):
            predictions /= predictions.shape[1]
            return predictions.sum(axis=1)

    X, y = data
    with register_blender("in-place", InPlaceMean):
        made = EnsembleRegressor(("ridge", "knn"), "in-place", random_state=0).fit(X, y)
        runtime = model_fn(str(made.save(tmp_path / "model")))
        request = input_fn(json.dumps({"instances": X[:3].tolist(), "outputs": ["members"]}), "application/json")
        answer = json.loads(output_fn(predict_fn(request, runtime), "application/json")[0])
    assert np.allclose(answer["members"]["ridge"], made.members_["ridge"].predict(made._read(X[:3]), 1))
    assert np.allclose(answer["predictions"], np.mean(list(answer["members"].values()), axis=0))


def test_the_class_of_a_blender_is_no_blender(data):
    with pytest.raises(ParameterError, match=r"the blender is the class NaN; give an instance: NaN\(\)"):
        EnsembleRegressor(("ridge", "knn"), NaN).fit(*data)


@pytest.mark.parametrize("alone", [False, True])
def test_a_learner_that_declares_that_it_leaves_rows_alone_is_lent_them(alone, data):
    X, _ = data
    kind = type("Lent", (Learner,), {"leaves_rows_alone": alone})
    with shielded(kind(), X) as (rows,):
        assert (rows is X) == alone


def test_a_subclass_from_elsewhere_declares_anew_that_it_leaves_rows_alone(data):
    X, _ = data
    built_in = type(learner("ridge"))
    for declared in ({}, {"leaves_rows_alone": True}):
        with shielded(type("Own", (built_in,), declared)(), X) as (rows,):
            assert (rows is X) == bool(declared)
    with shielded(learner("ridge"), X) as (rows,):
        assert rows is X


class InPlace(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X *= 0.5
        return X


@pytest.mark.parametrize(
    "step",
    [
        InPlace(),
        FunctionTransformer(lambda X: np.multiply(X, 0.5, out=X)),
        FunctionTransformer(np.nan_to_num, kw_args={"copy": False}),
        FunctionTransformer(np.ndarray.round),
        StandardScaler(copy=False),
        make_pipeline(StandardScaler(copy=False)),
    ],
    ids=[
        "a class",
        "a function",
        "a function of numpy with copy=False",
        "a method",
        "copy=False",
        "copy=False, deeper",
    ],
)
def test_a_step_of_the_users_inside_a_pipeline_gets_rows_of_its_own(step, data):
    X, y = data
    kept = X.copy()
    ensemble = EnsembleRegressor(
        [("own", make_pipeline(step, Ridge())), ("plain", Ridge())], "mean", cv=3, random_state=0
    )
    assert not ensemble.fit(X, y).members_["own"].learner.leaves_rows_alone
    assert ensemble.members_["plain"].learner.leaves_rows_alone
    first = ensemble.predict(X)
    assert np.array_equal(ensemble.predict(X), first)
    assert np.array_equal(X, kept)
    # The other member sees the rows as they are, too.
    plain = ensemble.members_["plain"].models[0].predict(kept)
    assert np.array_equal(first, (ensemble.members_["own"].models[0].predict(kept.copy()) + plain) / 2)


@pytest.mark.parametrize(
    ("estimator", "alone"),
    [
        (Ridge(), True),
        (Ridge(copy_X=False), False),
        (make_pipeline(SelectKBest(f_regression, k=2), StandardScaler(), Ridge()), True),
        (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), True),
        (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=lambda y: np.exp(y) - 1), False),
    ],
    ids=["plain", "copy=False", "a pipeline", "with ufuncs", "with a function"],
)
def test_which_estimators_are_lent_rows(estimator, alone):
    assert as_learner(estimator).leaves_rows_alone == alone


def test_parameters_that_are_set_later_count():
    own = as_learner(make_pipeline(StandardScaler(), Ridge()))
    assert own.leaves_rows_alone
    assert not own.set_params(standardscaler__copy=False).leaves_rows_alone
    assert own.set_params(standardscaler__copy=True).leaves_rows_alone
    with register_learner("scaled-ridge", lambda: make_pipeline(StandardScaler(), Ridge())):
        assert learner("scaled-ridge").leaves_rows_alone
        assert not learner("scaled-ridge", standardscaler__copy=False).leaves_rows_alone
        assert not learner("scaled-ridge").set_params(ridge__copy_X=False).leaves_rows_alone
