"""Every rule for learners: the built-ins and the example keep it, and whoever breaks it is caught by it."""

import re

import numpy as np
import pytest
from tests.conformance import faulty_parameters, faulty_rights
from tests.conformance.faulty_learners import (
    BREACHES,
    RAISED,
    SEEN,
    FewerRows,
    Model,
    NeedsRows,
    NoProbabilities,
    NoThreads,
    Prepares,
    Prints,
    SavesAPickle,
    Sound,
    TakesAnyLength,
)

from byoe import learner
from byoe.conformance import _capability_rules, _learner_rules, _parameter_rules, _rights_rules
from byoe.conformance._common import import_alone
from byoe.conformance._rules import BrokenPromiseError
from byoe.conformance._subjects import learner_subject
from byoe.errors import ParameterError, PluginError
from byoe.plugins import check_learner, checks, installed, register_learner

FAST = {
    "catboost": {"iterations": 30, "depth": 3},
    "xgboost": {"n_estimators": 20},
    "lightgbm": {"n_estimators": 20},
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
    "mlp": {"hidden_units": [16], "rows_per_batch": 64},
    "elastic_net": {"alpha": 0.01},
    "additive-bins": {"bins": 6, "n_rounds": 60},
}
BUILT_IN = sorted(name for name, (plugin,) in installed("learner").items() if plugin.distribution == "byoe-ensemble")
BOOK = [*_learner_rules.BOOK, *_capability_rules.BOOK, *_parameter_rules.BOOK, *_rights_rules.LEARNER_BOOK]
EVERY_BREACH = BREACHES | faulty_parameters.BREACHES | faulty_rights.BREACHES


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
        "unit of the target",
        "quantiles",
        "values by column",
        "values by label",
        "labels",
    }


def test_a_learner_without_fault():
    assert check_learner(Sound).broken == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name, kinds in EVERY_BREACH.items() for kind in kinds],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_who_breaks_a_promise_is_caught_by_its_rule(name, kind):
    SEEN.clear()
    found = next(check for check in checks(kind()) if check.rule.name == name).result()
    SEEN.clear()
    assert (found.state, found.rule) == ("broken", name)
    assert name in RAISED or not re.match(r"\w+(Error|Exception): ", found.reason), found.reason


def test_no_rule_is_without_a_breach():
    assert {rule.name for rule in BOOK} - set(EVERY_BREACH) == {"found by name", "groups"}


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


def test_a_learner_that_does_not_count_targets_breaks_nothing():
    found = next(check for check in checks(TakesAnyLength()) if check.rule.name == "clean failure").result()
    assert found.state == "not supported"


def test_what_a_learner_prints_is_kept_from_the_report(capfd):
    check_learner(Prints, on_fail="report")
    assert capfd.readouterr().out == ""


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


def test_a_lean_module_imports_no_booster_at_its_top(tmp_path, monkeypatch):
    """An endpoint asks the module whether it is lean before it keeps anything out; a booster loads scikit-learn."""
    import importlib

    code = "{}\nfrom byoe_example.least_squares import LeastSquares\n\nclass Boosted(LeastSquares):\n    pass\n"
    (tmp_path / "early_booster.py").write_text(code.format("import lightgbm"))
    (tmp_path / "late_booster.py").write_text(code.format(""))
    monkeypatch.syspath_prepend(str(tmp_path))
    early, late = (
        next(check for check in checks(importlib.import_module(name).Boosted) if str(check) == "lean serving").result()
        for name in ("early_booster", "late_booster")
    )
    assert late.state == "kept"
    assert early.state == "broken"
    assert "importing early_booster loads " in early.reason


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
    assert re.search(r"^sample weights +not supported +weights is 'none'", repr(report), re.MULTILINE)
    assert "<td>sample weights</td><td>not supported</td>" in report._repr_html_()


def test_the_docs_list_every_rule_with_its_promise():
    from pathlib import Path

    from byoe.conformance import _blender_rules

    page = (Path(__file__).parents[2] / "docs" / "publish_a_plugin.md").read_text()
    for rule in [*BOOK, *_blender_rules.BOOK]:
        assert f"| {rule.name} | {rule.promise} |" in page


def test_a_function_can_be_checked_and_a_class_that_wants_arguments_cannot():
    from byoe_example.log_ridge import log_ridge

    assert str(learner_subject(log_ridge)) == "learner byoe_example.log_ridge.log_ridge"

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
