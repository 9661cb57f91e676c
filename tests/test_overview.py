"""What is registered, and in which state."""

from email.message import Message
from importlib.metadata import EntryPoint

import pytest

from byoe import learner
from byoe.registry import _registry
from byoe.registry._overview import capabilities, extra_of, overview
from byoe.registry._plugin import collect


class Dist:
    requires = ("numpy", "torch-tabular>=1; extra == 'deep'", 'polars; python_version > "3" and extra == "frames"')

    def __init__(self, name):
        self.name, self.version = name, "1.0"
        self.metadata = Message()
        for extra in ("deep", "frames"):
            self.metadata["Provides-Extra"] = extra


def test_built_ins_and_the_example_are_ok():
    rows = {row["name"]: row for row in overview() if row["distribution"] in ("byoe-ensemble", "byoe-example")}
    assert {row["state"] for row in rows.values()} == {"ok"}
    assert rows["lightgbm"]["tasks"] == "classification regression"
    assert rows["lightgbm"]["capabilities"] == "weights:approximate missing categorical sparse stops prepares space"
    assert rows["additive-bins"]["distribution"] == "byoe-example"
    assert rows["trimmed-mean"]["kind"] == "blender"
    assert rows["trimmed-mean"]["capabilities"] == "weights:exact convex"


def test_capabilities_of_a_learner_that_declares_little():
    assert capabilities(learner("knn")) == ["scaled", "sparse", "multi_output", "space"]


@pytest.fixture
def states(monkeypatch, tmp_path, capfd):
    (tmp_path / "loud_plugin_here.py").write_text("print('hello')\nfrom sklearn.linear_model import Ridge\n")
    (tmp_path / "needy_plugin_here.py").write_text("import torch_tabular\n")
    (tmp_path / "lost_plugin_here.py").write_text("import no_such_module_at_all\n")
    (tmp_path / "own_plugin_here.py").write_text("from own_plugin_here.part import X\n")
    monkeypatch.syspath_prepend(tmp_path)
    values = {
        "loud": "loud_plugin_here:Ridge",
        "needy": "needy_plugin_here:X",
        "lost": "lost_plugin_here:X",
        "own": "own_plugin_here:X",
        "gone": "no_such_plugin_module:X",
        "number": "math:pi",
        "cv": "sklearn.linear_model:Ridge",
    }
    points = [EntryPoint(name, value, "byoe.learners")._for(Dist("some-dist")) for name, value in values.items()]
    points += [EntryPoint("twice", "json:dumps", "byoe.learners")._for(Dist(name)) for name in ("one", "two")]
    monkeypatch.setattr(_registry, "_of_packages", lambda kind: collect(kind, points) if kind == "learner" else {})
    monkeypatch.setattr("byoe.registry._overview.distribution", Dist)
    rows = overview()
    printed = capfd.readouterr()
    assert printed.out == ""  # it would be taken for a row of the table
    assert "hello" in printed.err
    return {(row["name"], row["distribution"]): (row["state"], row["why"]) for row in rows}


def test_a_fault_harms_nobody_else_and_is_told(states):
    assert states["loud", "some-dist"] == ("ok", "")
    assert states["needy", "some-dist"] == ("missing", "pip install 'some-dist[deep]' (it needs torch_tabular)")
    assert states["lost", "some-dist"] == (
        "missing",
        "it needs the module no_such_module_at_all, which is not installed",
    )
    assert states["gone", "some-dist"][0] == "broken"
    assert states["own", "some-dist"][0] == "broken"
    assert states["number", "some-dist"][0] == "broken"
    assert "is reserved" in states["cv", "some-dist"][1]
    for name in ("one", "two"):
        state, why = states["twice", name]
        assert state == "broken"
        assert "claimed by one 1.0 (json:dumps) and two 1.0 (json:dumps)" in why


def test_what_is_switched_off_is_listed_as_off(monkeypatch):
    monkeypatch.setenv("BYOE_PLUGINS", "")
    rows = {row["name"]: row for row in overview()}
    assert rows["log-ridge"]["state"] == "off"
    assert rows["log-ridge"]["why"] == "BYOE_PLUGINS does not name byoe-example"
    assert rows["ridge"]["state"] == "ok"


def test_a_needed_distribution_that_is_not_installed(monkeypatch):
    kind = type(learner("catboost"))
    monkeypatch.setattr(kind, "needs", ("no-such-distribution-anywhere",))
    row = next(row for row in overview() if row["name"] == "catboost")
    assert (row["state"], row["why"]) == ("missing", "pip install no-such-distribution-anywhere")


@pytest.mark.parametrize(
    ("module", "extra"), [("torch_tabular", "deep"), ("polars", "frames"), ("numpy", None), ("x", None)]
)
def test_the_extra_that_brings_a_module(module, extra):
    assert extra_of(Dist("x"), module) == extra


def test_a_learner_whose_parameters_cannot_be_told_is_listed_with_the_reason(monkeypatch):
    from byoe_example import least_squares

    def parameter_names(self):
        import no_such_library_of_parameters

        return no_such_library_of_parameters.names

    monkeypatch.setattr(least_squares.LeastSquares, "parameter_names", parameter_names)
    row = next(row for row in overview() if row["name"] == "least-squares")
    assert (row["state"], row["why"]) == (
        "missing",
        "it needs the module no_such_library_of_parameters, which is not installed",
    )
