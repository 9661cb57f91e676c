from importlib.metadata import EntryPoint, entry_points

import pytest
from sklearn.linear_model import Ridge

import byoe
from byoe import _registry
from byoe._estimators import FromFactory
from byoe._registry import collect, installed, pick
from byoe.errors import PluginError, UnknownNameError

BUILT_IN = {
    "learner": "catboost xgboost lightgbm ridge elastic_net random_forest extra_trees hist_gradient_boosting knn svm mlp",
    "blender": "mean weighted meta_linear vote greedy best auto",
}


def point(name, value, dist=None):
    made = EntryPoint(name, value, "byoe.learners")
    if dist:
        made = made._for(dist)
    return made


class Dist:
    def __init__(self, name, version="1.0"):
        self.name, self.version = name, version


@pytest.mark.parametrize("kind", ["learner", "blender"])
def test_built_ins_come_through_entry_points(kind):
    from_points = {p.name.replace("-", "_") for p in entry_points(group=f"byoe.{kind}s") if p.dist.name == "byoe"}
    assert from_points == set(BUILT_IN[kind].split())
    assert from_points <= set(installed(kind))


def test_listing_imports_nothing():
    found = collect("learner", [point("ghost", "no_such_module:Ghost", Dist("haunted"))])
    assert found["ghost"][0].distribution == "haunted"


def test_dash_and_underscore_are_alike():
    assert byoe.blender("meta_linear").name == byoe.blender("meta-linear").name == "meta-linear"
    assert byoe.learner("random-forest").label == "random_forest"


def test_an_unknown_name_lists_what_there_is_and_the_closest():
    with pytest.raises(
        UnknownNameError, match=r"No learner is registered as 'xgbost'. Did you mean 'xgboost'\?.*ridge"
    ):
        byoe.learner("xgbost")
    with pytest.raises(UnknownNameError, match=r"No blender .* 'zzz'. Known: auto, best, greedy, mean, meta-linear"):
        byoe.blender("zzz")


def test_two_distributions_with_one_name_are_both_named():
    known = collect("learner", [point("ridge", "a:A", Dist("one")), point("ridge", "b:B", Dist("two", "2.0"))])
    with pytest.raises(PluginError, match=r"claimed by one 1.0 \(a:A\) and two 2.0 \(b:B\)"):
        pick("learner", "ridge", known)


def test_a_broken_plugin_fails_only_when_asked_for():
    known = collect(
        "learner", [point("ghost", "no_such_module:Ghost", Dist("haunted")), point("ok", "json:dumps", Dist("fine"))]
    )
    assert pick("learner", "ok", known).load()
    with pytest.raises(PluginError, match=r"'ghost' of haunted 1.0 cannot be loaded.*ModuleNotFoundError") as caught:
        pick("learner", "ghost", known).load()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.fixture
def registered(monkeypatch):
    """Make the registry hold one learner and one blender of the test's choice."""

    def put(value, kind="learner"):
        points = [EntryPoint("made_up", value, f"byoe.{kind}s")._for(Dist("test-dist"))]
        monkeypatch.setattr(_registry, "installed", lambda _: collect(kind, points))

    return put


def test_an_estimator_class_is_a_learner(registered):
    registered("sklearn.linear_model:Ridge")
    made = byoe.learner("made-up", alpha=3.0)
    assert isinstance(made, FromFactory)
    assert made.tasks == {"regression"}
    assert made.estimator(None, None).get_params()["alpha"] == 3.0
    assert isinstance(made.estimator(None, None), Ridge)
    with pytest.raises(UnknownNameError, match="made_up has no parameter 'alfa'. Did you mean 'alpha'"):
        byoe.learner("made-up", alfa=3.0)


def test_a_registered_tree_is_bagged_like_an_instance_of_it(registered):
    registered("sklearn.ensemble:GradientBoostingRegressor")
    assert byoe.learner("made-up").finalize == "bag"
    assert repr(byoe.learner("made-up", max_depth=2)) == "made_up(max_depth=2)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("json:dumps", "neither a Learner nor a scikit-learn estimator"),
        ("math:pi", "expected a Learner subclass"),
        ("sklearn.preprocessing:StandardScaler", "neither a regressor nor a classifier"),
    ],
)
def test_what_is_no_learner_is_refused(registered, value, message):
    registered(value)
    with pytest.raises(PluginError, match=message) as caught:
        byoe.learner("made-up")
    assert "test-dist" in str(caught.value)


def test_what_is_no_blender_is_refused(registered):
    registered("sklearn.linear_model:Ridge", kind="blender")
    with pytest.raises(PluginError, match="expected a Blender subclass"):
        byoe.blender("made-up")


def test_the_example_plugin_is_found():
    assert byoe._registry.find("learner", "log_ridge").distribution == "byoe-example"
    assert byoe.blender("trimmed_mean").name == "trimmed-mean"
    assert byoe.learner("log-ridge").label == "log_ridge"
