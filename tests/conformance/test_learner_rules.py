"""Every rule for learners: the built-ins and the example keep it, and whoever breaks it is caught by it."""

import pickle
import threading

import numpy as np
import pytest
from scipy.sparse import issparse

from byoe import learner
from byoe.conformance import _capability_rules, _learner_rules
from byoe.conformance._common import import_alone
from byoe.conformance._rules import BrokenPromiseError
from byoe.conformance._subjects import LearnerSubject, learner_subject
from byoe.errors import ParameterError, PluginError
from byoe.plugins import Learner, check_learner, checks, installed, register_learner

FAST = {
    "catboost": {"iterations": 30, "depth": 3},
    "xgboost": {"n_estimators": 20},
    "lightgbm": {"n_estimators": 20},
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
    "mlp": {"max_iter": 200, "hidden_layer_sizes": [20], "learning_rate_init": 0.02, "tol": 1e-3},
    "elastic_net": {"alpha": 0.01},
    "additive-bins": {"bins": 6, "n_rounds": 60},
}
BUILT_IN = sorted(name for name, (plugin,) in installed("learner").items() if plugin.distribution == "byoe")
BOOK = [*_learner_rules.BOOK, *_capability_rules.BOOK]


@pytest.mark.parametrize("name", [*BUILT_IN, "log-ridge", "least-squares", "additive-bins"])
def test_those_that_are_registered_keep_all_promises(name):
    report = check_learner(learner(name, **FAST.get(name, {})))
    assert len(report) == len(BOOK)
    assert report.broken == []


def test_what_the_example_of_depth_c_declares_is_looked_at():
    report = check_learner(learner("additive-bins", **FAST["additive-bins"]))
    assert {result.rule for result in report if result.state == "not supported"} == {
        "frames",
        "categories",
        "sparse rows",
        "several targets",
        "groups",
        "sums of rows",
    }


# -- a learner without fault, and those that differ from it in one -------------------------


class Model:
    def __init__(self, coef):
        self.coef = coef

    def predict(self, X, *, threads=1):
        values = np.column_stack([np.ones(X.shape[0]), X]) @ self.coef
        if values.ndim == 1:
            return values
        values = np.maximum(values, 1e-3)
        return values / values.sum(axis=1, keepdims=True)

    def save(self, folder):
        np.save(folder / "coef.npy", self.coef)


class Sound(Learner):
    weights = "exact"
    model = Model

    def parameter_names(self):
        return frozenset({"l2"})

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        if len(X) != len(y):
            raise ValueError(f"{len(X)} rows and {len(y)} targets")
        root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)[:, None]
        inputs = np.column_stack([np.ones(len(X)), X])
        target = np.eye(task.n_classes)[y] if task.is_classification else y[:, None]
        coef = np.linalg.lstsq(inputs * root, target * root, rcond=None)[0]
        return self.model(coef if task.is_classification else coef[:, 0])

    def load(self, folder, *, task, trusted=()):
        return self.model(np.load(folder / "coef.npy", allow_pickle=False))


class Regressor(Sound):
    tasks = frozenset({"regression"})


def test_a_learner_without_fault():
    assert check_learner(Sound).broken == []


def model_with(**methods):
    return type("Other", (Model,), methods)


class NoThreads(Sound):
    def fit(self, X, y, *, task, sample_weight, seed):
        return super().fit(X, y, task=task, sample_weight=sample_weight, seed=seed, threads=1)


class NoLoad(Learner):
    def fit(self, X, y, *, task, sample_weight, seed, threads):
        return Sound().fit(X, y, task=task, sample_weight=sample_weight, seed=seed, threads=threads)


class WrongTasks(Sound):
    tasks = "regression"


class WrongLevel(Sound):
    weights = True


class HalfOfPrepares(Sound):
    def prepare(self, X, y, **_):
        return X


class WrongShared(Sound):
    shared = {"learning_rate": "eta"}


class SpaceIsNone(Sound):
    space = None


class WrongSpace(Sound):
    space = {"l2": (1.0, 0.5)}


class NoGroups(Sound):
    grouped = True


class Forgets(Sound):
    space = {"l2": (0.1, 1.0)}

    def set_params(self, **params):
        self.check_names(params)
        return self


class SharesParameters(Sound):
    space = {"l2": (0.1, 1.0)}

    def __sklearn_clone__(self):
        return self


class TakesAnyName(Sound):
    def set_params(self, **params):
        self._given |= params
        return self


class WrongShape(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X)[:, None])


class FewerRows(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X)[:5])


class NotFinite(Sound):
    model = model_with(predict=lambda self, X, threads=1: np.where(X[:, 0] == 2, np.nan, 1.0))
    tasks = frozenset({"regression"})


class Texts(Regressor):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X).astype(str))


class NoProbabilities(Sound):
    model = model_with(predict=lambda self, X, threads=1: 2 * Model.predict(self, X))


class LearnsNothing(Regressor):
    model = model_with(predict=lambda self, X, threads=1: np.zeros(len(X)))


class ChangesX(Sound):
    def fit(self, X, y, **given):
        X -= X.mean(axis=0)
        return super().fit(X, y, **given)


def _halve(self, X, threads=1):
    X /= 2
    return Model.predict(self, X)


class ChangesXInPredict(Sound):
    model = model_with(predict=_halve)


class GlobalRandomState(Regressor):
    def fit(self, X, y, **given):
        return super().fit(X, y + np.random.normal(size=len(y)), **given)


class NoSeed(Regressor):
    def fit(self, X, y, **given):
        return super().fit(X, y + np.random.default_rng().normal(size=len(y)), **given)


SEEN = {}


class Remembers(Regressor):
    def fit(self, X, y, **given):
        SEEN.update({row.tobytes(): target for row, target in zip(X, y, strict=True)})
        return super().fit(X, y, **given)

    model = model_with(
        predict=lambda self, X, threads=1: np.array(
            [SEEN.get(row.tobytes(), value) for row, value in zip(X, Model.predict(self, X), strict=True)]
        )
    )


class LooksAtTheBatch(Sound):
    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X - X.mean(axis=0)))


class DividesByTheDeviation(Regressor):
    def fit(self, X, y, **given):
        made = super().fit(X, y, **given)
        with np.errstate(all="ignore"):
            made.coef = made.coef * y.std() / np.where(y.std() > 1e-9, y.std(), 0.0)
        return made


class TakesAnyLength(Sound):
    def fit(self, X, y, *, sample_weight, **given):
        return super().fit(X[: len(y)], y, sample_weight=sample_weight, **given)


class ChangesItself(Sound):
    def fit(self, X, y, **given):
        self._given["l2"] = len(y)
        return super().fit(X, y, **given)


class Prints(Sound):
    def fit(self, X, y, **given):
        print("[1]\ttrain-rmse:0.5")
        return super().fit(X, y, **given)


def _busy():
    rows = np.random.default_rng(0).normal(size=200_000)
    for _ in range(20):
        np.sort(rows)


class ManyThreads(Sound):
    def fit(self, X, y, **given):
        workers = [threading.Thread(target=_busy) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return super().fit(X, y, **given)


class SavesNothing(Sound):
    model = model_with(save=lambda self, folder: None)


class SavesElsewhere(Sound):
    model = model_with(
        save=lambda self, folder: (np.save(folder / "coef.npy", self.coef), np.save(folder.parent / "x.npy", [1.0]))
    )


class SavesAPickle(Sound):
    model = model_with(
        save=lambda self, folder: (folder / "model.pkl").write_bytes(pickle.dumps(np.asarray(self.coef)))
    )

    def load(self, folder, *, task, trusted=()):
        return self.model(pickle.loads((folder / "model.pkl").read_bytes()))


class SavesAPickleOfNumbers(Sound):
    """No class stands in it, so that nothing is told of its loading."""

    model = model_with(save=lambda self, folder: (folder / "m.bin").write_bytes(pickle.dumps(self.coef.tolist())))

    def load(self, folder, *, task, trusted=()):
        return self.model(np.array(pickle.loads((folder / "m.bin").read_bytes())))


class LosesDigits(Sound):
    model = model_with(save=lambda self, folder: np.save(folder / "coef.npy", self.coef.astype(np.float32)))


class IgnoresWeights(Sound):
    def fit(self, X, y, *, sample_weight, **given):
        return super().fit(X, y, sample_weight=None, **given)


class IgnoresWeightsNearly(IgnoresWeights):
    weights = "approximate"


class NoNaN(Regressor):
    missing = True


class IgnoresCategories(Sound):
    categorical = True

    def fit(self, X, y, *, categorical, **given):
        X = X.copy()
        X[:, list(categorical)] = 0.0
        return super().fit(X, y, **given)

    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, X * (np.arange(X.shape[1]) > 0)))


class NoSparse(Sound):
    sparse = True

    def fit(self, X, y, **given):
        if issparse(X):
            raise TypeError("a sparse matrix")
        return super().fit(X, y, **given)


class OneTarget(Regressor):
    multi_output = True

    def fit(self, X, y, **given):
        made = super().fit(X, y[:, 0] if y.ndim > 1 else y, **given)
        made.width = 2 if y.ndim > 1 else 1
        return made

    def _both(self, X, threads=1):
        values = Model.predict(self, X)
        return values if self.width == 1 else np.column_stack([values, values])

    model = model_with(predict=_both)


class WrongRounds(Sound):
    stops = True

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        made = super().fit(X, y, **given)
        made.rounds = 100
        return made


class PreparesTargets(Regressor):
    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X, np.where(X[:, 0] == X[:, 0].max(), y, y.mean())

    def fit_rows(self, prepared, rows, y, **given):
        X, known = prepared
        return self.fit(X[rows], (y + known[rows]) / 2, **given)


class PreparesAnotherTable(Regressor):
    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X[::-1]

    def fit_rows(self, prepared, rows, y, **given):
        return self.fit(prepared[rows], y, **given)


class Prepares(Regressor):
    """Another way to fit, which is used instead of fit where a table is prepared."""

    def can_prepare(self, X):
        return True

    def prepare(self, X, y, **_):
        return X

    def fit_rows(self, prepared, rows, y, **given):
        return self.fit(prepared[rows], y, **given)


class PreparesLoudly(Prepares):
    def fit_rows(self, prepared, rows, y, **given):
        print("epoch 1")
        return super().fit_rows(prepared, rows, y, **given)


class PreparesWithoutWeights(Prepares):
    def fit_rows(self, prepared, rows, y, *, sample_weight, **given):
        return super().fit_rows(prepared, rows, y, sample_weight=None, **given)


class PreparesWithoutRounds(Prepares):
    stops = True

    def fit(self, X, y, *, stop=None, rounds=None, **given):
        made = super().fit(X, y, **given)
        made.rounds = rounds or 7
        return made

    def fit_rows(self, prepared, rows, y, *, stop=None, rounds=None, **given):
        return super().fit_rows(prepared, rows, y, **given)


class ChangesFrames(Sound):
    frames = True

    def fit(self, X, y, **given):
        if hasattr(X, "iloc"):
            X.iloc[:, 0] = 0.0
        return super().fit(np.asarray(X), y, **given)

    model = model_with(predict=lambda self, X, threads=1: Model.predict(self, np.asarray(X)))


class SpoilsFrames(Sound):
    frames = True

    def _spoils(self, X, threads=1):
        found = Model.predict(self, np.array(X))
        if hasattr(X, "iloc"):
            X.iloc[:, 0] = 0.0
        return found

    model = model_with(predict=_spoils)


class TakesNoFrames(Sound):
    frames = True
    model = model_with(
        predict=lambda self, X, threads=1: Model.predict(self, np.column_stack([X[:, i] for i in range(X.shape[1])]))
    )


class NoIntercept(Regressor):
    def can_fit_moments(self, task):
        return True

    def fit_moments(self, moments, *, task, seed, threads):
        coef = np.linalg.solve(moments.gram, moments.products[:, 0])
        return Model(np.r_[moments.target_mean[0], coef])


class ExplainsClassesWrongly(Sound):
    """Without contributions for regression, which comes first."""

    def fit(self, X, y, *, task, **given):
        made = super().fit(X, y, task=task, **given)
        if task.is_classification:
            made.contributions = lambda X, threads=1: np.zeros((len(X), X.shape[1] + 1))
        return made


class WrongSums(Regressor):
    model = model_with(contributions=lambda self, X, threads=1: np.column_stack([X, np.zeros(len(X))]))


class WrongContributions(Regressor):
    model = model_with(contributions=lambda self, X, threads=1: X)


class NegativeImportances(Regressor):
    model = model_with(importances=lambda self: self.coef[1:] - 10.0)


class CannotBeFitted(Sound):
    space = {"l2": (0.1, 1.0)}

    def fit(self, X, y, **given):
        if self.own_params().get("l2") == 1.0:
            raise ValueError("l2 is too large")
        return super().fit(X, y, **given)


# Rules that whatever a fit raises is a breach of.
RAISED = {"sparse rows", "missing cells", "constant target", "frames"}
BREACHES = {
    "contract": [
        NoThreads,
        NoLoad,
        WrongTasks,
        WrongLevel,
        HalfOfPrepares,
        WrongShared,
        WrongSpace,
        SpaceIsNone,
        NoGroups,
    ],
    "parameters": [Forgets, SharesParameters, TakesAnyName],
    "predictions": [WrongShape, FewerRows, NotFinite, Texts, NoProbabilities],
    "it learns": [LearnsNothing],
    "data unchanged": [ChangesX, ChangesXInPredict],
    "deterministic": [GlobalRandomState, NoSeed],
    "no leakage": [Remembers],
    "one row": [LooksAtTheBatch],
    "constant target": [DividesByTheDeviation],
    "clean failure": [TakesAnyLength, ChangesItself],
    "silent": [Prints, PreparesLoudly],
    "threads": [ManyThreads],
    "saved and loaded": [SavesNothing, SavesElsewhere, SavesAPickle, SavesAPickleOfNumbers, LosesDigits],
    "sample weights": [IgnoresWeights, IgnoresWeightsNearly, PreparesWithoutWeights],
    "missing cells": [NoNaN],
    "categories": [IgnoresCategories],
    "sparse rows": [NoSparse],
    "several targets": [OneTarget],
    "early stopping": [WrongRounds, PreparesWithoutRounds],
    "frames": [ChangesFrames, SpoilsFrames, TakesNoFrames],
    "prepared table": [PreparesTargets, PreparesAnotherTable],
    "sums of rows": [NoIntercept],
    "contributions": [WrongSums, WrongContributions, ExplainsClassesWrongly],
    "importances": [NegativeImportances],
    "search space": [CannotBeFitted],
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, kinds in BREACHES.items() for kind in kinds],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_who_breaks_a_promise_is_caught_by_its_rule(name, kind):
    SEEN.clear()
    rule = next(rule for rule in BOOK if rule.name == name)
    with pytest.raises(Exception) as caught:
        rule.run(LearnerSubject(kind(), kind.__name__))
    SEEN.clear()
    assert isinstance(caught.value, BrokenPromiseError) or name in RAISED, caught.value
    found = next(check for check in checks(kind()) if check.rule is rule).result()
    assert (found.state, found.rule) == ("broken", name)


def test_no_rule_is_without_a_breach():
    assert {rule.name for rule in BOOK} - set(BREACHES) == {"found by name", "groups"}


def test_a_declared_pickle_is_no_breach_and_needs_trust(tmp_path):
    from byoe import EnsembleRegressor, load
    from byoe.errors import BundleError

    declared = type("Declared", (SavesAPickle,), {"pickles": True})
    report = check_learner(declared)
    assert report.broken == []
    with register_learner("pickled", declared):
        X = np.random.default_rng(0).normal(size=(60, 2))
        made = EnsembleRegressor(("pickled", "ridge"), random_state=0).fit(X, X[:, 0])
        made.save(tmp_path / "model")
        with pytest.raises(BundleError, match=r"is a pickle of learner 'pickled'.*trusted=\['pickled'\]"):
            load(tmp_path / "model")
        again = load(tmp_path / "model", trusted=["pickled"])
    assert np.array_equal(again.predict(X), made.predict(X))


def test_groups_that_are_declared_must_be_taken():
    class Refuses(Sound):
        grouped = True

        def fit(self, X, y, *, groups, **given):
            if groups is not None:
                raise ValueError("no groups, please")
            return super().fit(X, y, **given)

    rule = next(rule for rule in BOOK if rule.name == "groups")
    assert next(check for check in checks(Refuses()) if check.rule is rule).result().state == "broken"


def test_a_module_that_prints_or_fails_when_imported(tmp_path, monkeypatch):
    from importlib.metadata import EntryPoint

    (tmp_path / "loud_plugin.py").write_text("print('hello')\n")
    (tmp_path / "ill_plugin.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert import_alone(EntryPoint("loud", "loud_plugin:X", "byoe.learners")) == "hello"
    with pytest.raises(BrokenPromiseError, match=r"importing ill_plugin alone fails: ModuleNotFoundError"):
        import_alone(EntryPoint("ill", "ill_plugin:X", "byoe.learners"))


def test_all_broken_promises_are_named_in_one_error():
    with pytest.raises(PluginError) as caught:
        check_learner(NoProbabilities)
    text = str(caught.value)
    assert text.startswith("learner ")
    assert "NoProbabilities breaks" in text
    assert "- predictions: Predictions are finite numbers, of the declared shape; probabilities sum to one." in text
    report = check_learner(NoProbabilities, on_fail="report")
    assert "predictions" in {result.rule for result in report.broken}


def test_after_a_broken_contract_nothing_else_is_tried():
    report = check_learner(NoThreads, on_fail="report")
    assert [result.rule for result in report] == ["contract"]
    assert "NoThreads.fit does not take that" in report[0].reason


@pytest.mark.parametrize(
    "given", ["ridge", learner("ridge"), Sound, Sound()], ids=["name", "learner", "class", "instance"]
)
def test_what_can_be_checked(given):
    assert learner_subject(given).learner is not None


def test_a_scikit_learn_estimator_can_be_checked():
    from sklearn.tree import DecisionTreeRegressor

    assert check_learner(DecisionTreeRegressor(max_depth=4)).broken == []


@pytest.mark.parametrize("check", checks("ridge"), ids=str)
def test_checks_are_tests_for_a_plugins_own_suite(check):
    check()


def test_a_check_fails_with_the_promise_and_the_reason():
    check = next(check for check in checks(FewerRows()) if str(check) == "predictions")
    with pytest.raises(PluginError, match=r"FewerRows breaks a promise: Predictions are finite.* returned shape"):
        check()


def test_the_report_is_a_table_for_eyes_and_for_notebooks():
    report = check_learner("knn")
    assert repr(report).splitlines()[0].startswith("learner 'knn' of byoe")
    assert "sample weights    not supported  weights is 'none'" in repr(report)
    assert "<td>sample weights</td><td>not supported</td>" in report._repr_html_()


def test_the_docs_list_every_rule_with_its_promise():
    from pathlib import Path

    from byoe.conformance import _blender_rules

    page = (Path(__file__).parents[2] / "docs" / "publish_a_plugin.md").read_text()
    for rule in [*BOOK, *_blender_rules.BOOK]:
        assert f"| {rule.name} | {rule.promise} |" in page


def test_a_function_can_be_checked_and_a_class_that_wants_arguments_cannot():
    from byoe_example import log_ridge

    assert str(learner_subject(log_ridge)) == "learner byoe_example.log_ridge"

    class Wants(Sound):
        def __init__(self, must):
            super().__init__()

    with pytest.raises(PluginError, match=r"Wants cannot be made a plugin without arguments \(TypeError: .*'must'\)"):
        check_learner(Wants)


def test_a_learner_that_prepares_is_sound_both_ways():
    assert check_learner(Prepares).broken == []


def test_load_may_be_a_class_method():
    class ByClass(Sound):
        @classmethod
        def load(cls, folder, *, task, trusted=()):
            return Model(np.load(folder / "coef.npy", allow_pickle=False))

    class ByNobody(Sound):
        @staticmethod
        def load(folder, *, task, trusted=()):
            return Model(np.load(folder / "coef.npy", allow_pickle=False))

    for kind in (ByClass, ByNobody):
        assert check_learner(kind).broken == []


@pytest.mark.parametrize("name", ["PoissonRegressor", "KNeighborsRegressor", "RandomForestClassifier"])
def test_sound_estimators_of_scikit_learn(name):
    from sklearn.utils import all_estimators

    kind = dict(all_estimators())[name]
    assert check_learner(kind(n_estimators=20) if "Forest" in name else kind()).broken == []


def test_wrappers_of_boosters_and_their_factories():
    import lightgbm

    assert check_learner(lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)).broken == []
    assert check_learner(lambda: lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)).broken == []


class NeedsRows(Sound):
    def fit(self, X, y, **given):
        if len(y) < 150:
            raise ValueError(f"{len(y)} rows are too few")
        return super().fit(X, y, **given)


def test_a_learner_that_needs_many_rows():
    assert "predictions" in {result.rule for result in check_learner(NeedsRows, on_fail="report").broken}
    assert check_learner(NeedsRows, n_rows=400).broken == []
    for check in checks(NeedsRows(), n_rows=400):
        assert check.result().state != "broken", check
    with pytest.raises(ParameterError, match="n_rows is 50, expected a whole number of at least 120"):
        check_learner(NeedsRows, n_rows=50)


def test_a_name_is_compared_with_what_it_leads_to():
    made = Sound()
    made.name = "ridge"
    found = {result.rule: result for result in check_learner(made, on_fail="report")}["found by name"]
    assert (found.state, found.reason) == ("broken", "'ridge' leads to a Ridge, not to Sound")
