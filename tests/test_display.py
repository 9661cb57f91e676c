import io
import re
import sys

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
