"""The check of pages' outputs, in ../conftest.py: what it takes for the same, and what not."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_spec = spec_from_file_location("pages", Path(__file__).parents[1] / "conftest.py")
pages = module_from_spec(_spec)
_spec.loader.exec_module(pages)

BOARD = "member  rmse  fit_seconds  predict_ms\nridge   {}  {}         {}\nblend: a note that is longer than the table"
TWO = BOARD + "\n" + BOARD.replace("member ", "member  ").replace("ridge ", "ridge  ")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.4641", "loss  0.4644\n"),
        ("1,204 rows", "1204 rows"),
        ("a\n…\nz", "a\nb 3\nc\nz\n"),
        ("it costs # and \\ [x] (1)", "it costs # and \\ [x] (1)"),
        (BOARD.format("3.21", "0.5", "12"), BOARD.format("3.20", "9.9", "77")),
        (TWO.format("3.21", "0.5", "12", "3.21", "0.5", "12"), TWO.format("3.21", "0.7", "13", "3.21", "0.8", "14")),
        ("", ""),
    ],
)
def test_the_same(shown, printed):
    assert pages.same_output(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.46", "loss 0.48"),
        ("loss 0.46", "loss -0.46"),
        ("one", "one two"),
        ("a … z", "a b"),
        ("3 rows", "three rows"),
        (BOARD.format("3.21", "0.5", "12"), BOARD.format("3.91", "0.5", "12")),
        (BOARD.format("3.21", "0.5", "12"), BOARD.format("3.21", "0.5", "12").replace("longer", "shorter")),
        ("", "something"),
    ],
)
def test_another(shown, printed):
    assert not pages.same_output(shown, printed)
