import pytest
from typer.testing import CliRunner


@pytest.fixture
def byoe(tmp_path, monkeypatch):
    """Run a command in this process, in a folder of its own; return its standard output, or raise what it raises."""
    from byoe.cli._app import app

    monkeypatch.chdir(tmp_path)

    def run(*words):
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run
