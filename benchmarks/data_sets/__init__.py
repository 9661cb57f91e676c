"""The data sets of the benchmarks by name, and which of them may be used for choosing."""

from __future__ import annotations

from data_sets import from_r, of_others, rare_categories, simulated, uci
from data_sets.source import Source

DIVIDED: dict[str, Source] = {**of_others.SOURCES, **from_r.SOURCES, **uci.SOURCES, **simulated.SOURCES}
SOURCES: dict[str, Source] = {**DIVIDED, **rare_categories.SOURCES}
