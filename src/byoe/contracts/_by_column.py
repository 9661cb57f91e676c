"""Forms of parameters that are about columns."""

from __future__ import annotations

from collections.abc import Mapping

# What a column has that is not named, of the forms with a number for each column.
USUAL: Mapping[str, float] = {"sign": 0, "factor": 1.0, "penalty": 0.0}
FORMS = (*USUAL, "groups", "columns")
