import io
import re
import sys
import time
import types

import numpy as np
import pytest

from byoe import EnsembleRegressor, learner
from byoe.ensemble import _display


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(90, 3))
    return X, X @ [1.0, 2.0, -1.0] + rng.normal(size=90)


def fit(data, verbose, **given):
    learners = ("ridge", learner("lightgbm", n_estimators=3))
    return EnsembleRegressor(learners, "mean", cv=3, random_state=0, verbose=verbose, n_jobs=1, **given).fit(*data)


def test_quiet_unless_asked(data, capfd):
    fit(data, 0)
    assert capfd.readouterr() == ("", "")


def test_a_line_for_every_member(data, capsys):
    fit(data, 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"\[byoe\] 1/2 (ridge|lightgbm) done in \d+\.\d\d s, about \d+ s left", lines[0])
    assert re.fullmatch(r"\[byoe\] 2/2 (ridge|lightgbm) done in \d+\.\d\d s", lines[1])


def test_a_line_for_every_model_of_all_rows(data, capsys):
    EnsembleRegressor([learner("lightgbm", learning_rate=0.5)], "mean", cv=3, random_state=0, verbose=1, n_jobs=1).fit(
        *data
    )
    folds, whole = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\[byoe\] 1/1 lightgbm done in \d+\.\d\d s", folds)
    assert re.fullmatch(r"\[byoe\] 1/1 lightgbm on all rows done in \d+\.\d\d s", whole)


def test_a_member_that_is_reused(data, capsys, tmp_path):
    fit(data, 0, store=tmp_path / "store")
    fit(data, 1, store=tmp_path / "store")
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.partition("/2 ")[2].partition(",")[0] for line in lines) == ["lightgbm reused", "ridge reused"]


def test_a_line_for_every_task(data, capsys):
    fit(data, 2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 + 3
    assert sum("ridge refit done" in line for line in lines) == 1


def test_a_failure_has_a_line(data, capsys):
    from sklearn.linear_model import Ridge

    class Failing(Ridge):
        def fit(self, X, y, sample_weight=None):
            raise ValueError("no")

    EnsembleRegressor(["ridge", ("bad", Failing())], "mean", cv=3, verbose=1, on_error="skip", random_state=0).fit(
        *data
    )
    assert "bad fold 1 failed" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(data, monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    fit(data, 1)
    assert capsys.readouterr().out == ""
    shown = screen.getvalue()
    assert "all members" in shown
    assert "7/7" in shown
    assert "4/4" in shown
    assert "3/3" in shown


def test_lines_on_a_terminal_without_rich(data, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "rich.console", None)
    fit(data, 1)
    assert capsys.readouterr().out.count("\n") == 2
    assert isinstance(_display.displays(1)[0], _display.MemberLines)


class Shell:
    kernel = object()


class Notebook:
    """Stands for IPython in a kernel; what is shown below a cell is the last of ``shown`` under its number."""

    def __init__(self):
        self.shown = []

    def display(self, shown, *, raw, display_id):
        assert raw
        assert display_id
        self.shown.append([shown])
        return types.SimpleNamespace(update=lambda again, raw: self.shown[-1].append(again))


@pytest.fixture
def notebook(monkeypatch):
    made = Notebook()
    shell = types.ModuleType("IPython")
    shell.get_ipython = Shell
    display = types.ModuleType("IPython.display")
    display.display = made.display
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return made


def test_a_table_in_a_notebook_with_nothing_but_the_notebook(data, notebook, monkeypatch, capfd):
    for name in ("rich", "rich.console", "rich.progress", "tqdm", "ipywidgets"):
        monkeypatch.setitem(sys.modules, name, None)
    fit(data, 1)
    assert capfd.readouterr() == ("", "")
    (states,) = notebook.shown
    first, last = states[0]["text/plain"], states[-1]["text/plain"]
    assert re.fullmatch(r"all members  0/7\nridge +0/4\nlightgbm +0/3", first)
    took = r"done in [\d.e-]+ s"
    assert re.fullmatch(rf"all members  7/7  {took}\nridge +4/4  {took}\nlightgbm +3/3  {took}", last)
    assert '<progress value="4" max="4">' in states[-1]["text/html"]


def test_a_table_says_what_failed_and_what_is_reused(data, notebook, tmp_path):
    from sklearn.linear_model import Ridge

    class Failing(Ridge):
        def fit(self, X, y, sample_weight=None):
            raise ValueError("no")

    given = {"cv": 3, "on_error": "skip", "random_state": 0, "n_jobs": 1}
    EnsembleRegressor([("bad", Failing()), "ridge"], "mean", verbose=1, **given).fit(*data)
    assert re.search(r"bad +\d/\d  (fold \d|refit) failed", notebook.shown[0][-1]["text/plain"])
    for _ in range(2):
        fit(data, 1, store=tmp_path / "store")
    assert notebook.shown[-1][-1]["text/plain"].count("reused") == 2


def test_a_table_is_not_drawn_more_often_than_anyone_can_see(notebook, monkeypatch):
    from byoe.tools import _panel

    now = [100.0]
    monkeypatch.setattr(_panel.time, "monotonic", lambda: now[0])
    panel, line = _panel.Panel(), _panel.Line("<i>ridge</i>", 10)
    for _ in range(100):
        line.done += 1
        panel.draw([line])
        now[0] += 0.01
    panel.draw([line], now=True)
    (states,) = notebook.shown
    assert len(states) == 3
    assert "&lt;i&gt;ridge" in states[-1]["text/html"]


def test_a_shell_of_a_terminal_is_no_notebook(notebook, monkeypatch):
    from byoe.tools._panel import in_notebook

    assert in_notebook()
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", object)
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_a_search_in_a_notebook(data, notebook):
    import byoe

    pytest.importorskip("optuna")
    ensemble = EnsembleRegressor(["ridge", "knn"], "mean", cv=3, random_state=0, verbose=1)
    byoe.tune(ensemble, *data, {"knn__n_neighbors": [3, 5, 9]}, n_trials=3)
    (states,) = notebook.shown
    assert re.fullmatch(r"trials  3/3  best rmse [\d.]+, after [\d.]+ s", states[-1]["text/plain"])


def test_a_front_end_may_hear_that_time_passes(data):
    from sklearn.linear_model import Ridge

    class Sleeping(Ridge):
        def fit(self, X, y, sample_weight=None):
            time.sleep(0.7)
            return super().fit(X, y, sample_weight)

    class Ticking(FrontEnd):
        def tick(self, remaining):
            self.heard.append(remaining)

    front_end = Ticking()
    EnsembleRegressor([("slow", Sleeping())], "mean", cv=2, n_jobs=1, callbacks=front_end, random_state=0).fit(*data)
    begun = [type(heard).__name__ for heard in front_end.heard[:3]]
    assert begun == ["tuple", "NoneType", "NoneType"]
    assert any(isinstance(heard, float) and heard > 0 for heard in front_end.heard)


class FrontEnd:
    def __init__(self):
        self.heard = []

    def start(self, tasks):
        self.heard.append(("start", dict(tasks)))

    def __call__(self, progress):
        self.heard.append(progress)

    def end(self):
        self.heard.append("end")


def test_a_front_end_hears_start_and_end(data):
    front_end = FrontEnd()
    fit(data, 0, callbacks=front_end)
    first, *between, last = front_end.heard
    assert first == ("start", {"ridge": 4, "lightgbm": 3})
    assert last == "end"
    assert [progress.done for progress in between] == list(range(1, 8))
    assert all(progress.elapsed > 0 and progress.remaining >= 0 for progress in between)
    assert between[-1].remaining == 0
    assert between[-1].elapsed >= between[0].elapsed


def test_the_end_is_told_when_a_member_fails(data):
    from byoe.errors import MemberError

    front_end = FrontEnd()
    with pytest.raises(MemberError):
        fit((data[0], data[1]), 0, callbacks=[front_end, fail])
    assert front_end.heard[-1] == "end"


def fail(progress):
    from byoe.errors import MemberError

    raise MemberError("a callback that gives up")
