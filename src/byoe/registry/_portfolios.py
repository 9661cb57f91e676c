"""Members by one word: few quick ones, the default ones, and a long list for those who have time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DEFAULT = "default"

# Name of a portfolio -> label -> (registered name, parameters), in the order of what they gain per second.
# benchmarks/portfolio.py chooses them and writes the file.
PORTFOLIOS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    name: {label: (learner, params) for label, (learner, params) in members.items()}
    for name, members in json.loads(Path(__file__).with_name("portfolio.json").read_text(encoding="utf-8")).items()
}
