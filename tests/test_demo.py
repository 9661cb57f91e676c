import io

import pytest
from rich.console import Console

from byoe.cli import _demo
from byoe.errors import JobError


@pytest.mark.parametrize("terminal", [True, False])
def test_the_demonstration(terminal, tmp_path):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, highlight=False)
    errors = _demo.run(tmp_path, max_jobs=2, console=console)
    assert set(errors) == {"catboost", "xgboost", "blend", "mean predictor"}
    assert errors["blend"] < errors["mean predictor"]
    shown = text.getvalue()
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
    assert str(tmp_path) in shown


def test_it_fails_when_the_blend_does_not_beat_the_mean_predictor(tmp_path, monkeypatch):
    rows = _demo._data()

    def shuffled():
        train, test = rows
        noise = train.assign(target=train["target"].sample(frac=1.0, random_state=1).to_numpy())
        return noise, test.assign(target=noise["target"].mean())

    monkeypatch.setattr(_demo, "_data", shuffled)
    with pytest.raises(JobError, match="does not beat the mean predictor"):
        _demo.run(tmp_path, max_jobs=1, console=Console(file=io.StringIO()))
