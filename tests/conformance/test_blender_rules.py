"""Every rule for blenders: the built-ins and the example keep it, and whoever breaks it is caught by it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from byoe import blender
from byoe.conformance import _blender_rules, _rights_rules
from byoe.conformance._rules import BrokenPromiseError
from byoe.conformance._subjects import BlenderSubject
from byoe.errors import PluginError
from byoe.plugins import Blender, Linear, check_blender, checks, installed

BOOK = [*_blender_rules.BOOK, *_rights_rules.BLENDER_BOOK]


@pytest.mark.parametrize("name", sorted(installed("blender")))
def test_those_that_are_registered_keep_all_promises(name):
    report = check_blender(name)
    assert len(report) == len(BOOK)
    assert report.broken == []


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("vote", {"voting": "soft"}),
        ("greedy", {"bags": 4}),
        ("meta-linear", {"positive": True}),
        ("meta-linear", {"alpha": 1.0}),
        ("meta-linear", {"passthrough": True}),
    ],
    ids=str,
)
def test_parameters_of_built_ins_keep_them_too(name, params):
    assert check_blender(blender(name, **params)).broken == []


def test_a_blender_that_refuses_so_many_members_is_not_called_sound():
    report = check_blender(blender("weighted", weights=[0.5, 0.5]))
    states = {result.rule: result for result in report}
    assert states["predictions"].state == states["silent"].state == "not supported"
    assert "it refuses 4 members (weighted got weights of shape (2,) for 4 members" in states["predictions"].reason


@pytest.mark.parametrize(
    "model", [LinearRegression(), LogisticRegression(max_iter=1000)], ids=lambda m: type(m).__name__
)
def test_a_meta_model_of_scikit_learn(model):
    assert check_blender(model).broken == []


# -- a blender without fault, and those that differ from it in one -------------------------


class Sound(Blender):
    """Weights that fall with a member's squared error."""

    weights = "exact"
    convex = True
    defaults = {"power": 1.0}

    def fit(self, oof):
        truth = np.eye(oof.task.n_classes)[oof.y] if oof.task.is_classification else oof.y
        errors = np.square(oof.predictions - np.expand_dims(truth, 1))
        losses = np.average(errors, axis=0, weights=oof.sample_weight)
        losses = losses.mean(axis=1) if oof.task.is_classification else losses
        self.weights_ = 1.0 / losses / np.sum(1.0 / losses)
        return self

    def predict(self, predictions, X=None):
        return np.tensordot(predictions, self.weights_, axes=(1, 0))

    def state(self):
        return {"weights": self.weights_.tolist()}

    def restore(self, state, *, trusted=()):
        self.weights_ = np.asarray(state["weights"])
        return self


def test_a_blender_without_fault():
    assert check_blender(Sound).broken == []


class NoState(Blender):
    fit, predict, restore = Sound.fit, Sound.predict, Sound.restore


class PositionalOnly(Sound):
    def restore(self, state):
        return super().restore(state)


class OwnInit(Sound):
    def __init__(self, keep=0.8):
        self.keep = keep


class ForgetsSelf(Sound):
    def fit(self, oof):
        super().fit(oof)


class TakesAnyName(Sound):
    def check_names(self, names):
        pass


class LosesParameters(Sound):
    def __sklearn_clone__(self):
        twin = type(self)()
        twin._given = {"power": np.random.default_rng().random()}
        return twin


class WrongShape(Sound):
    def predict(self, predictions, X=None):
        return super().predict(predictions)[:-1]


class NotOne(Sound):
    convex = False

    def predict(self, predictions, X=None):
        return super().predict(predictions) * 1.5


class Worst(Sound):
    convex = False
    tasks = frozenset({"regression"})

    def predict(self, predictions, X=None):
        return -super().predict(predictions)


class Sorts(Sound):
    def predict(self, predictions, X=None):
        predictions.sort(axis=1)
        return super().predict(predictions)


class CentersTargets(Sound):
    def fit(self, oof):
        super().fit(oof)
        oof.predictions[:] = oof.predictions.mean()
        return self


class GlobalRandomState(Sound):
    def fit(self, oof):
        rows = np.random.permutation(len(oof.y))[:100]
        return super().fit(oof.rows(rows))


class NoSeed(Sound):
    def fit(self, oof):
        rows = np.random.default_rng().permutation(len(oof.y))[:100]
        return super().fit(oof.rows(rows))


class LooksAtTheBatch(Sound):
    tasks = frozenset({"regression"})
    convex = False

    def predict(self, predictions, X=None):
        return super().predict(predictions) - 0.1 * predictions.mean()


class PrefersTheFirst(Sound):
    def fit(self, oof):
        super().fit(oof)
        self.weights_ = self.weights_ * np.linspace(1, 0.5, len(self.weights_))
        self.weights_ /= self.weights_.sum()
        return self


class MixesUpWeights(Sound):
    def fit(self, oof):
        super().fit(oof)
        self.told = np.sort(self.weights_)
        return self

    def __getattribute__(self, name):
        if name == "weights_" and "told" in object.__getattribute__(self, "__dict__"):
            return object.__getattribute__(self, "told")
        return super().__getattribute__(name)

    def predict(self, predictions, X=None):
        return predictions.mean(axis=1)


class NeedsIndependence(Sound):
    convex = False

    def fit(self, oof):
        super().fit(oof)
        columns = (
            oof.predictions.reshape(-1, oof.predictions.shape[1])
            if oof.predictions.ndim == 2
            else oof.predictions[:, :, 0]
        )
        inverse = np.linalg.inv(columns.T @ columns)
        if np.abs(inverse).max() > 1e6:
            raise ValueError("the members are alike")
        return self


class NeedsTwo(Sound):
    def fit(self, oof):
        if oof.predictions.shape[1] < 2:
            raise ValueError("two members, please")
        return super().fit(oof)


class Stretches(Sound):
    tasks = frozenset({"regression"})

    def predict(self, predictions, X=None):
        return super().predict(predictions) * 1.001


class Standardises(Sound):
    convex = False
    tasks = frozenset({"regression"})

    def fit(self, oof):
        with np.errstate(all="ignore"):
            spread = np.ptp(oof.predictions, axis=0)
            scaled = oof.predictions / np.where(spread > 1e-9, spread, np.nan)
        return super().fit(replace(oof, predictions=scaled))


class SumsToTwo(Sound):
    def fit(self, oof):
        super().fit(oof)
        self.weights_ = self.weights_ * 2
        return self

    def predict(self, predictions, X=None):
        return super().predict(predictions) / 2


class Negative(Sound):
    tasks = frozenset({"regression"})

    def fit(self, oof):
        super().fit(oof)
        if len(self.weights_) > 1:
            self.weights_ = self.weights_ + np.where(
                np.arange(len(self.weights_)) == np.argmax(self.weights_), 1.0, -1.0 / (len(self.weights_) - 1)
            )
        return self


class IgnoresWeights(Sound):
    def fit(self, oof):
        return super().fit(replace(oof, sample_weight=None))


class IgnoresWeightsNearly(IgnoresWeights):
    weights = "approximate"


class NeedsAllRows(Sound):
    def fit(self, oof):
        told = np.zeros(len(oof.y))
        for _, test in oof.folds:
            told[test] += 1
        if oof.folds and not told.all():
            raise ValueError("a row has no fold")
        return super().fit(oof)


class Arrays(Sound):
    def state(self):
        return {"weights": self.weights_}


class LosesDigits(Sound):
    def state(self):
        return {"weights": self.weights_.round(3).tolist()}


class ForgetsTheFirst(Sound):
    """Says that a member does not count which does."""

    def used(self, n_members):
        return np.arange(n_members) > 0


class KeepsAllWeights(Sound):
    """Uses the best two, and loses the order when it is restricted to them."""

    def fit(self, oof):
        super().fit(oof)
        self.weights_ = np.where(self.weights_ >= np.sort(self.weights_)[-2], self.weights_, 0.0)
        self.weights_ /= self.weights_.sum()
        return self

    def used(self, n_members):
        return self.weights_ > 0

    def restricted(self, kept):
        other = Sound()
        other.weights_ = self.weights_[kept][::-1]
        return other


class TellsNumbers(Sound):
    def used(self, n_members):
        return np.flatnonzero(self.weights_)


class WrongForm(Sound):
    def linear(self, X=None):
        return Linear(self.weights_, intercept=1.0)


class Prints(Sound):
    def fit(self, oof):
        print("validation-rmse: 1.0")
        return super().fit(oof)


class RestoresWithScikitLearn(Sound):
    lean = True

    def restore(self, state, *, trusted=()):
        import sklearn  # noqa: F401

        return super().restore(state)


class AnotherGraph(Sound):
    tasks = frozenset({"regression"})

    def to_onnx(self, graph, predictions, features):
        return graph.mean(list(predictions.values()))


class GraphOfOtherArguments(Sound):
    def to_onnx(self, path):
        return path


BREACHES = {
    "lean serving": [RestoresWithScikitLearn],
    "ONNX": [AnotherGraph],
    "contract": [GraphOfOtherArguments, NoState, PositionalOnly, OwnInit, ForgetsSelf],
    "parameters": [TakesAnyName, LosesParameters],
    "predictions": [WrongShape, NotOne],
    "it blends": [Worst],
    "data unchanged": [Sorts, CentersTargets],
    "deterministic": [GlobalRandomState, NoSeed],
    "one row": [LooksAtTheBatch],
    "order of members": [PrefersTheFirst, MixesUpWeights],
    "a member twice": [NeedsIndependence],
    "one member": [NeedsTwo, Stretches],
    "a constant member": [Standardises],
    "convex": [SumsToTwo, Negative],
    "sample weights": [IgnoresWeights, IgnoresWeightsNearly],
    "coverage": [NeedsAllRows],
    "saved and restored": [Arrays, LosesDigits],
    "unused members": [ForgetsTheFirst, KeepsAllWeights, TellsNumbers],
    "linear form": [WrongForm],
    "silent": [Prints],
}
# Rules that what a fit raises is a breach of.
RAISED = {"a member twice", "one member", "a constant member"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, kinds in BREACHES.items() for kind in kinds],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_who_breaks_a_promise_is_caught_by_its_rule(name, kind):
    rule = next(rule for rule in BOOK if rule.name == name)
    with pytest.raises(Exception) as caught:
        rule.run(BlenderSubject(kind(), kind.__name__))
    assert isinstance(caught.value, BrokenPromiseError) or name in RAISED, caught.value
    found = next(check for check in checks(kind()) if check.rule is rule).result()
    assert (found.state, found.rule) == ("broken", name)


def test_no_rule_is_without_a_breach():
    assert {rule.name for rule in BOOK} - set(BREACHES) == {"found by name"}


def test_the_error_names_the_blender_and_the_promise():
    with pytest.raises(PluginError, match=r"Prints breaks 1 of \d+ promises:\n- silent: Nothing is written"):
        check_blender(Prints)


@pytest.mark.parametrize("check", checks("weighted"), ids=str)
def test_checks_are_tests_for_a_plugins_own_suite(check):
    check()


def test_a_function_that_makes_a_blender():
    assert check_blender(lambda: blender("mean")).broken == []
    with pytest.raises(PluginError, match="cannot be made a plugin without arguments"):
        check_blender(lambda must: must)


def test_a_name_that_leads_to_another_blender():
    made = Sound()
    made.name = "mean"
    found = {result.rule: result for result in check_blender(made, on_fail="report")}["found by name"]
    assert (found.state, found.reason) == ("broken", "'mean' leads to a Mean, not to Sound")
