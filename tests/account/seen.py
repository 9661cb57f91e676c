"""What was seen of assumptions, as JSON and as a page."""

import json
import time
from contextlib import contextmanager
from pathlib import Path

from .assumptions import ASSUMPTIONS, NOT_LOOKED_AT

_WORDS = {True: "held", False: "did not hold", None: "not seen"}
_SHORT = 300


class Seen:
    """What was seen so far, written after each look, so that an end in the middle loses nothing.

    Parameters
    ----------
    folder : Path
        For ``assumptions.json`` and ``assumptions.md``.
    facts : dict
        What the run was: region, instance type, versions.
    """

    def __init__(self, folder, facts):
        self._folder, self.facts, self.began = Path(folder), dict(facts), time.time()
        self.rows = {key: {"held": None, "seen": "the run did not come so far"} for key in ASSUMPTIONS}
        self._folder.mkdir(parents=True, exist_ok=True)

    def note(self, key, held, seen):
        """Write down whether an assumption has held, and what was seen."""
        self.rows[key] = {"held": None if held is None else bool(held), "seen": str(seen)[:_SHORT]}
        print(f"[account] {key}: {_WORDS[self.rows[key]['held']]} ({self.rows[key]['seen']})", flush=True)
        self.write()

    @contextmanager
    def looking(self, *keys):
        """Note of assumptions that nothing was seen of them where looking at them has failed; go on then."""
        before = {key: self.rows[key] for key in keys}
        try:
            yield
        except Exception as error:
            for key in keys:
                if self.rows[key] is before[key]:
                    self.note(key, None, f"{type(error).__name__}: {error}")

    @property
    def broken(self):
        """The assumptions that did not hold."""
        return [key for key, row in self.rows.items() if row["held"] is False]

    def write(self):
        told = [{"assumption": key, "says": ASSUMPTIONS[key].says, **row} for key, row in self.rows.items()]
        whole = {**self.facts, "assumptions": told}
        (self._folder / "assumptions.json").write_text(
            json.dumps(whole, indent=1, default=str) + "\n", encoding="utf-8"
        )
        (self._folder / "assumptions.md").write_text(self._page(), encoding="utf-8")

    def _page(self):
        facts = [f"- {name}: {value}" for name, value in self.facts.items() if not isinstance(value, list)]
        rows = [
            f"| {ASSUMPTIONS[key].says} | {_WORDS[row['held']]} | {row['seen'].replace('|', '/').replace(chr(10), ' ')} |"
            for key, row in self.rows.items()
        ]
        left = [f"| {one.says} | not looked at | |" for one in NOT_LOOKED_AT.values()]
        table = ["| byoe takes for granted that | it | seen |", "|---|---|---|", *rows, *left]
        return "\n".join(["# What was seen of AWS", "", *facts, "", *table, ""])
