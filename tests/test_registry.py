from importlib.metadata import EntryPoint, entry_points

import pytest
from sklearn.linear_model import Ridge

import byoe
from byoe.errors import ParameterError, PluginError, SpecError, UnknownNameError
from byoe.learners._from_estimator import FromFactory
from byoe.plugins import Blender, Learner, register_blender, register_learner
from byoe.registry import _registry
from byoe.registry._plugin import RESERVED, collect, limited, pick
from byoe.registry._registry import installed

BUILT_IN = {
    "learner": "catboost xgboost lightgbm ridge elastic_net random_forest extra_trees hist_gradient_boosting knn svm mlp",
    "blender": "mean weighted adjusted meta_linear vote greedy best auto",
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
    from_points = {
        p.name.replace("-", "_") for p in entry_points(group=f"byoe.{kind}s") if p.dist.name == "byoe-ensemble"
    }
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
    with pytest.raises(
        UnknownNameError, match=r"No blender .* 'zzz'. Known: adjusted, auto, best, greedy, mean, meta-linear"
    ):
        byoe.blender("zzz")


def test_two_distributions_with_one_name_are_both_named():
    known = collect("learner", [point("ridge", "a:A", Dist("one")), point("ridge", "b:B", Dist("two", "2.0"))])
    with pytest.raises(PluginError, match=r"claimed by one 1.0 \(a:A\) and two 2.0 \(b:B\)"):
        pick("learner", "ridge", known)


def test_one_distribution_with_one_name_twice_is_told_to_rename():
    known = collect("learner", [point("a-b", "a:A", Dist("one")), point("a_b", "a:A", Dist("one"))])
    with pytest.raises(PluginError, match=r"'a-b' is claimed by one 1.0 .* and one 1.0 .*; rename one"):
        pick("learner", "a-b", known)


def test_a_name_in_another_case_is_suggested():
    with pytest.raises(UnknownNameError, match="Did you mean 'knn'"):
        byoe.learner("KNN")


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
        monkeypatch.setattr(_registry, "_of_packages", lambda _: collect(kind, points))

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
        ("builtins:dict", r"neither a Learner nor .*it makes \{\}, which is no scikit-learn estimator"),
        ("byoe.blenders.mean:Mean", r"is a Blender, which belongs into the group byoe\.blenders"),
        ("json:nothing", r"no attribute 'nothing'. Correct the entry point in the pyproject.toml of"),
        ("no_such_module_here:X", "Install what brings the module no_such_module_here|Correct the entry point"),
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
    registered("byoe_example.least_squares:LeastSquares", kind="blender")
    with pytest.raises(PluginError, match=r"is a Learner, which belongs into the group byoe\.learners"):
        byoe.blender("made-up")


def test_the_example_plugin_is_found():
    assert byoe.registry._registry.find("learner", "log_ridge").distribution == "byoe-example"
    assert byoe.blender("trimmed_mean").name == "trimmed-mean"
    assert byoe.learner("log-ridge").label == "log_ridge"


class Dummy(Learner):
    """A learner that is enough for the registry."""

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        return None

    def load(self, folder, *, task, trusted=()):
        return None


class Picky(Dummy):
    def __init__(self, must):
        super().__init__(must=must)


class NoFit(Learner):
    pass


class PickyBlender(Blender):
    def __init__(self, must):
        super().__init__(must=must)


HERE = __name__


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            Picky,
            "cannot be made with {} .*'must'.* must take its parameters as keywords, each of which may be left out",
        ),
        (NoFit, "NoFit does not define fit"),
    ],
)
def test_a_learner_that_breaks_the_contract_is_refused(target, message):
    with pytest.raises(PluginError, match=f"learner 'made-up' of this process: .*{message}"):
        register_learner("made-up", target)
    assert "made_up" not in installed("learner")


def test_a_blender_that_breaks_the_contract_is_refused():
    with pytest.raises(PluginError, match=r"blender 'made-up' of this process: .*cannot be made"):
        register_blender("made-up", PickyBlender)


def test_a_plugin_that_ends_the_process_when_imported_is_broken(tmp_path, monkeypatch):
    (tmp_path / "quits_here.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    known = collect("learner", [point("quits", "quits_here:X", Dist("quitter"))])
    with pytest.raises(PluginError, match=r"learner 'quits' of quitter 1.0 cannot be loaded.*SystemExit: 3"):
        pick("learner", "quits", known).load()


@pytest.mark.parametrize("name", ["cv", "drop", "best", "n-jobs"])
def test_reserved_names_are_refused(name):
    known = collect("learner", [point(name, "json:dumps", Dist("greedy-dist"))])
    with pytest.raises(PluginError, match=f"learner '{name}' of greedy-dist 1.0: the name '{name}' is reserved"):
        pick("learner", name, known)
    with pytest.raises(ParameterError, match="is reserved"):
        register_learner(name, Ridge)


@pytest.mark.parametrize("name", ["a__b", "a-_b", "with space", "-x", ""])
def test_names_that_no_parameter_could_follow_are_refused(name):
    with pytest.raises(ParameterError, match=r"may hold letters, digits, '-' and single '_' only"):
        register_learner(name, Ridge)


def test_all_that_means_something_else_is_reserved():
    from byoe.registry._members import DROP
    from byoe.registry._portfolios import PORTFOLIOS

    names = {*byoe.EnsembleClassifier().get_params(deep=False), *byoe.EnsembleRegressor().get_params(deep=False)}
    assert {*names, *PORTFOLIOS, DROP} <= RESERVED["learner"]


LIMITED = collect(
    "learner",
    [
        point("ridge", "a:A", Dist("byoe-ensemble")),
        point("log-ridge", "b:B", Dist("My_Plugin")),
        point("x", "c:C", Dist("other")),
    ],
)


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (None, {"ridge", "log_ridge", "x"}),
        ("", {"ridge"}),
        ("my-plugin", {"ridge", "log_ridge"}),
        (" my.plugin , other", {"ridge", "log_ridge", "x"}),
    ],
)
def test_plugins_can_be_limited_to_some_distributions(limit, left):
    assert set(limited(LIMITED, limit)) == left


def test_switched_off_is_told_from_unknown(monkeypatch):
    monkeypatch.setenv("BYOE_PLUGINS", "")
    assert "log_ridge" not in installed("learner")
    assert byoe.learner("ridge").name == "ridge"
    with pytest.raises(UnknownNameError, match=r"'log-ridge' of byoe-example .* is switched off: BYOE_PLUGINS is ''"):
        byoe.learner("log-ridge")
    with register_learner("mine", Ridge):  # what a notebook asks for itself stays
        assert byoe.learner("mine").name == "mine"
    monkeypatch.setenv("BYOE_PLUGINS", "byoe_example")
    assert byoe.learner("log-ridge").name == "log-ridge"


def test_the_registry_is_a_read_only_view():
    with pytest.raises(TypeError):
        installed("learner")["mine"] = ()
    with pytest.raises(TypeError):
        del installed("blender")["mean"]


def test_a_learner_of_a_notebook():
    registration = register_learner("tiny-lasso", Ridge)
    assert byoe.learner("tiny_lasso", alpha=2.0).estimator(None, None).alpha == 2.0
    assert registration.plugin.value == "sklearn.linear_model._ridge:Ridge"
    assert repr(registration) == "<learner 'tiny-lasso' of this process>"
    again = register_learner("tiny-lasso", Ridge)  # a cell that is run again
    registration.unregister()  # the first one is history
    assert "tiny_lasso" in installed("learner")
    again.unregister()
    again.unregister()
    registration.unregister()  # which had come back
    with pytest.raises(UnknownNameError):
        byoe.learner("tiny-lasso")


def test_a_registration_ends_with_its_context():
    with register_blender("middle", type(byoe.blender("mean"))) as plugin:
        assert byoe.blender("middle").name == plugin.name == "middle"
    assert "middle" not in installed("blender")


@pytest.mark.parametrize("name", ["ridge", "log_ridge"])
def test_what_is_installed_is_not_replaced(name):
    with pytest.raises(ParameterError, match="has the name already; choose another"):
        register_learner(name, Ridge)


def test_what_an_entry_point_names_may_register_itself():
    """In a job a module of the user's has an entry point for what it registers when it is imported."""
    from byoe_example.trimmed_mean import TrimmedMean

    with register_blender("trimmed-mean", TrimmedMean) as plugin:
        assert plugin.distribution == "byoe-example"
    assert byoe.blender("trimmed-mean").name == "trimmed-mean"


def test_a_learner_of_a_notebook_is_saved_and_loaded_where_it_is_registered(tmp_path):
    import numpy as np

    X = np.random.default_rng(0).normal(size=(60, 2))
    with register_learner("mine", Ridge):
        made = byoe.EnsembleRegressor(("mine", "knn"), random_state=0).fit(X, X[:, 0])
        made.save(tmp_path / "model")
        assert np.array_equal(byoe.load(tmp_path / "model").predict(X), made.predict(X))
    with pytest.raises(UnknownNameError, match="No learner is registered as 'mine'"):
        byoe.load(tmp_path / "model")


def test_a_learner_of_a_notebook_is_not_sent_to_a_job(tmp_path):
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    with (
        register_learner("mine", Ridge),
        pytest.raises(
            SpecError,
            match=r"registered in a notebook or script.*an installed package, with an entry point in the group byoe.learners",
        ),
    ):
        write_source(variant_of(byoe.EnsembleRegressor(("mine",))), tmp_path / "source", data={})


def test_two_learners_of_one_name_are_told_apart_by_a_store(tmp_path):
    import numpy as np
    from sklearn.linear_model import Lasso

    X = np.random.default_rng(0).normal(size=(60, 2))
    ensemble = byoe.EnsembleRegressor(("mine",), store=tmp_path, random_state=0)
    found = []
    for target in (Ridge, Lasso):
        with register_learner("mine", target):
            found.append(ensemble.fit(X, X[:, 0]).oof_predictions_)
    assert not np.array_equal(*found)


def test_a_learner_can_name_its_thread_parameter():
    import numpy as np
    from sklearn.base import BaseEstimator, RegressorMixin

    from byoe.contracts._task import Task
    from byoe.plugins import EstimatorLearner

    class Workers(RegressorMixin, BaseEstimator):
        def __init__(self, workers=7):
            self.workers = workers

        def fit(self, X, y):
            self.used_ = self.workers
            return self

        def predict(self, X):
            return np.full(len(X), float(self.workers))

    class ByWorkers(EstimatorLearner):
        thread_parameters = frozenset({"workers"})

        def estimator(self, task, y):
            return Workers()

    X = np.zeros((5, 1))
    model = ByWorkers().fit(X, X[:, 0], task=Task("regression"), sample_weight=None, seed=0, threads=2)
    assert model.estimator.used_ == 2
    assert model.predict(X, threads=3)[0] == 3.0


def test_a_name_that_is_registered_twice_comes_back_when_the_inner_one_ends():
    from sklearn.linear_model import Lasso

    with register_learner("mine", Ridge):
        with register_learner("mine", Lasso):
            assert isinstance(byoe.learner("mine").estimator(None, None), Lasso)
        assert isinstance(byoe.learner("mine").estimator(None, None), Ridge)
    assert "mine" not in installed("learner")


def test_what_a_function_has_made_is_not_kept_in_a_store(tmp_path):
    """Two of them have one name and one file."""
    import numpy as np

    def make(alpha):
        return lambda: Ridge(alpha=alpha)

    X = np.random.default_rng(0).normal(size=(60, 2))
    ensemble = byoe.EnsembleRegressor(("mine",), store=tmp_path, random_state=0)
    found = []
    for alpha in (1e-3, 1e3):
        with (
            register_learner("mine", make(alpha)),
            pytest.warns(UserWarning, match=r"learner 'mine' of this process is defined inside a function"),
        ):
            found.append(ensemble.fit(X, X[:, 0]).oof_predictions_)
    assert not np.array_equal(*found)


class NamesFail(Dummy):
    def parameter_names(self):
        raise RuntimeError("no names today")


def test_a_fault_of_a_learner_that_is_made_names_its_plugin():
    with pytest.raises(PluginError, match="learner 'made-up' of this process: RuntimeError: no names today"):
        register_learner("made-up", NamesFail)


class Pickles(Dummy):
    pickles = True


def test_a_learner_that_saves_pickles_is_not_sent_to_a_job(tmp_path):
    from byoe.sagemaker.shared._checks import variant_of
    from byoe.sagemaker.source._folder import write_source

    with (
        register_learner("pickles", Pickles),
        pytest.raises(SpecError, match="learner 'pickles' saves pickles, which load only where somebody trusts them"),
    ):
        write_source(variant_of(byoe.EnsembleRegressor(("pickles",))), tmp_path / "source", data={})
