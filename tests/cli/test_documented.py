"""The table of ``byoe sagemaker …`` in the docs says what there is."""

import re
from pathlib import Path

import pytest
import typer

from byoe.cli._app import app

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
_ALL = typer.main.get_command(app)
_SAGEMAKER = _ALL.commands["sagemaker"]
_ROWS = re.findall(
    r"^\| (`.+?) \| (.+) \|$", PAGE.read_text(encoding="utf-8").partition("## `byoe sagemaker`")[2], re.M
)
ROWS = {name: f"{names} {what}" for names, what in _ROWS for name in re.findall(r"`([a-z]+)", names)}


def options(command):
    """Return the options of a command, each as a set of the forms that it has."""
    return [{*one.opts, *one.secondary_opts} for one in command.params if one.param_type_name == "option"]


def test_every_command_has_a_row():
    assert set(ROWS) == set(_SAGEMAKER.commands)


@pytest.mark.parametrize("name", sorted(_SAGEMAKER.commands))
def test_the_row_has_the_options_of_the_command_and_no_others(name):
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ROWS[name]))
    known = options(_SAGEMAKER.commands[name])
    assert told - set().union(*known) == set()
    others = options(_ALL.commands["fit"]) + (options(_SAGEMAKER.commands["fit"]) if "`fit` has" in ROWS[name] else [])
    lacking = [forms for forms in known if not forms & told and not any(forms & one for one in others)]
    assert lacking == []
