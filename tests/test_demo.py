import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from byoe.cli import _demo
from byoe.errors import JobError


def check(errors, shown):
    """Check what a demonstration returns and tells."""
    assert set(errors) == {"catboost", "xgboost", "blend", "mean predictor"}
    assert errors["blend"] < errors["mean predictor"]
    for word in (
        "train",
        "tune",
        "http://127.0.0.1",
        "equal to the saved ensemble",
        "mean predictor",
        "seconds",
        "best trial",
    ):
        assert word in shown
    for error in errors.values():
        assert f"{error:.2f}" in shown


def test_the_demonstration_in_a_terminal(tmp_path):
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100, highlight=False)
    check(_demo.run(tmp_path, max_jobs=2, console=console), text.getvalue())
    assert str(tmp_path) in text.getvalue()


def test_it_fails_when_the_blend_does_not_beat_the_mean_predictor(tmp_path, monkeypatch):
    rows = _demo._data()

    def shuffled():
        train, test = rows
        noise = train.assign(target=train["target"].sample(frac=1.0, random_state=1).to_numpy())
        return noise, test.assign(target=noise["target"].mean())

    monkeypatch.setattr(_demo, "_data", shuffled)
    with pytest.raises(JobError, match="does not beat the mean predictor"):
        _demo.run(tmp_path, max_jobs=1, console=Console(file=io.StringIO()))


def test_what_to_try_next_works_as_printed_and_older_runs_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = [
        tmp_path / "byoe-demo" / f"byoe-{kind}2020010{day}-120000-abcdef"
        for day in range(1, 5)
        for kind in ("", "tune-")
    ]
    mine = tmp_path / "byoe-demo" / "byoe-thesis"
    for folder in [*old, mine]:
        folder.mkdir(parents=True)
    text = io.StringIO()
    check(_demo.run(Path("byoe-demo"), max_jobs=1, console=Console(file=text, width=60)), text.getvalue())
    assert [folder.exists() for folder in old] == [False] * 4 + [True] * 4
    assert mine.exists()
    lines = text.getvalue().partition("what to try next:\n")[2].splitlines()
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line)
        assert words.pop(0) == "byoe"
        code = "from byoe.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "byoe-demo" / "predictions.csv").read_text().startswith("prediction,lower,upper\n")
