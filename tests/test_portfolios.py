"""Members by one word."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.ensemble._code import as_code
from byoe.ensemble._configure import configure, default_space
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import ParameterError, UnknownNameError
from byoe.plugins import Task
from byoe.registry import _portfolios
from byoe.registry._members import members
from byoe.registry._portfolios import PORTFOLIOS

MEMBERS = [(name, label) for name, found in PORTFOLIOS.items() for label in found]
KINDS = pytest.mark.parametrize("kind", [EnsembleRegressor, EnsembleClassifier])


def test_the_words_are_those_of_the_documentation():
    assert list(PORTFOLIOS) == ["fast", "default", "best"]
    assert len(PORTFOLIOS["fast"]) < len(PORTFOLIOS["default"]) < len(PORTFOLIOS["best"])


@pytest.mark.parametrize(("name", "label"), MEMBERS)
def test_every_member_can_be_made_and_suits_both_tasks(name, label):
    registered, params = PORTFOLIOS[name][label]
    made = members(name)[label]
    assert made.name == registered
    assert made.own_params() == learner(registered, **params).own_params()
    for task in (Task("regression"), Task("classification", classes=np.arange(3))):
        made.check(task)


def test_the_default_members_have_the_names_of_their_learners():
    """Whoever has set ``catboost__depth`` still can."""
    usual = {name: [name, {}] for name in ("catboost", "xgboost", "lightgbm", "ridge", "mlp")}
    found = {label: list(given) for label, given in PORTFOLIOS["default"].items()}
    assert found == {**usual, "mlp_binned": ["mlp", {"n_bins": 8}]}


def test_the_longest_list_begins_with_the_default_one():
    """So that what a limit has no time for is what would have been added."""
    assert list(PORTFOLIOS["best"].items())[: len(PORTFOLIOS["default"])] == list(PORTFOLIOS["default"].items())


def test_no_configuration_stands_twice_in_a_list():
    for found in PORTFOLIOS.values():
        texts = [json.dumps(configuration, sort_keys=True) for configuration in found.values()]
        assert len(set(texts)) == len(texts)


def test_the_file_is_written_as_its_writer_writes_it():
    """A label a line, so that a change of the list can be read."""
    text = Path(_portfolios.__file__).with_name("portfolio.json").read_text(encoding="utf-8")
    assert text.count("\n") == 2 + sum(2 + len(found) for found in PORTFOLIOS.values())


@KINDS
def test_without_learners_the_members_are_the_default_ones(kind):
    assert kind().learners == "default"
    assert list(kind()._recipe().learners) == list(PORTFOLIOS["default"])
    assert repr(kind()) == f"{kind.__name__}()"


@KINDS
@pytest.mark.parametrize("name", PORTFOLIOS)
def test_a_word_does_all_that_a_list_does(kind, name):
    ensemble = kind(name, random_state=0)
    labels = list(PORTFOLIOS[name])
    assert clone(ensemble).learners == name
    assert set(labels) <= set(ensemble.get_params())
    assert [one["label"] for one in to_spec(ensemble)["learners"]] == labels
    assert list(from_spec(to_spec(ensemble))._recipe().learners) == labels
    space = default_space(ensemble.learners)
    assert {one.partition("__")[0] for one in space} <= set(labels)
    made = {}
    exec(as_code(ensemble), made)
    assert to_spec(made["ensemble"]) == to_spec(ensemble)


@pytest.mark.parametrize("name", PORTFOLIOS)
def test_members_are_changed_and_dropped_by_their_labels(name):
    first, *_, last = PORTFOLIOS[name]
    changed = EnsembleRegressor(name).set_params(**{first: "drop", last: "ridge"})
    assert list(changed._recipe().learners) == list(PORTFOLIOS[name])[1:]
    assert changed._recipe().learners[last].own_params() == {}


def test_parameters_from_outside_reach_a_portfolio():
    made = configure(EnsembleRegressor(), {"learners": "default", "catboost__depth": 3, "eta": 0.3})
    learners = made._recipe().learners
    assert learners["catboost"].own_params()["depth"] == 3
    assert {one.own_params()["learning_rate"] for one in learners.values() if "learning_rate" in one.shared} == {0.3}
    assert learner("catboost", **PORTFOLIOS["default"]["catboost"][1]).own_params().get("depth") != 3


def test_a_portfolio_is_not_changed_by_those_who_use_it():
    before = json.dumps(PORTFOLIOS)
    configure(EnsembleRegressor("best"), {"eta": 0.3, "max_depth": 2})
    EnsembleRegressor("best").set_params(catboost__depth=2)
    assert json.dumps(PORTFOLIOS) == before


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("bets", UnknownNameError, "neither a portfolio .* Did you mean 'best'"),
        ("Fast", UnknownNameError, "Did you mean 'fast'"),
        ("defaults", UnknownNameError, "Did you mean 'default'"),
        ("best_quality", UnknownNameError, r"neither a portfolio \(fast, default, best\)"),
        ("", UnknownNameError, "neither a portfolio"),
        ("xgbost", UnknownNameError, "Did you mean 'xgboost'"),
        ("ridge", ParameterError, r"is a text; write \['ridge'\]"),
        ("ridge, knn", ParameterError, r"is a text; write \['ridge', 'knn'\]"),
        (["best"], ParameterError, "'best' is a portfolio and no learner; write learners='best'"),
        (["ridge", ("mine", "fast")], ParameterError, "'fast' is a portfolio and no learner"),
        ({"best": {}}, UnknownNameError, "'best'"),
    ],
)
@KINDS
def test_what_is_no_portfolio_is_refused_before_anything_is_fitted(kind, given, error, message):
    X = np.arange(40.0).reshape(20, 2)
    with pytest.raises(error, match=message):
        kind(given).fit(X, np.arange(20) % 2)


def test_a_few_rows_are_fitted_by_the_fast_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=120)
    made = EnsembleRegressor("fast", random_state=0, n_jobs=1).fit(X, y)
    assert list(made.members_) == list(PORTFOLIOS["fast"])
    assert made.score_estimate_ > -y.std() / 2


def test_the_face_tells_of_the_words():
    assert all(f'"{name}"' in byoe.EnsembleRegressor.__doc__ for name in PORTFOLIOS)


COUNTED = (
    "none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
)
COUNTED += "seventeen eighteen nineteen twenty".split()


@pytest.mark.parametrize("name", PORTFOLIOS)
def test_the_page_counts_the_members(name):
    page = (Path(__file__).parents[1] / "docs" / "learners.md").read_text(encoding="utf-8")
    assert f"| `{name}` | {COUNTED[len(PORTFOLIOS[name])]}: " in page
