"""The reference names all that is public."""

from importlib import import_module
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"


@pytest.mark.parametrize("module", ["byoe.mlflow", "byoe.plots", "byoe.sagemaker", "byoe.serving"])
def test_public_names_are_in_the_reference(module):
    words = PAGE.read_text(encoding="utf-8").replace("()", "").split()
    names = [name for name in import_module(module).__all__ if not name.startswith("_")]
    assert [name for name in names if f"{module}.{name}" not in words] == []
