"""The data sets of the benchmarks by name, and which of them may be used for choosing."""

from __future__ import annotations

from data_sets import from_r, of_others, simulated, uci
from data_sets.source import Source

SOURCES: dict[str, Source] = {**of_others.SOURCES, **from_r.SOURCES, **uci.SOURCES, **simulated.SOURCES}
