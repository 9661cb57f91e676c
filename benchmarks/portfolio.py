"""The portfolios of ``learners="fast" | "default" | "best"``: what they are chosen from, and the choice.

``python benchmarks/portfolio.py measure --out FOLDER`` fits every configuration on every set of the choosing half, one
after the other in one thread, and goes on where it was stopped. ``--learners mlp --again`` measures those of some
learners anew.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from datasets import expand
from portfolios import measuring
from portfolios.candidates import CANDIDATES


def _measure(given: argparse.Namespace) -> None:
    learners = set(given.learners.split(",")) if given.learners else {one.learner for one in CANDIDATES}
    candidates = [one for one in CANDIDATES if one.learner in learners]
    names = measuring.in_turns(expand(given.sets.split(",")))
    measuring.measure(names, candidates, given.out, given.again)


def main() -> None:
    """Measure, or choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    measure = commands.add_parser("measure", help="fit configurations on data sets")
    measure.add_argument("--out", type=Path, required=True, help="the folder of the predictions")
    measure.add_argument("--sets", default="choosing", help="names with commas, choosing, or choosing:N")
    measure.add_argument("--learners", help="names with commas, else all")
    measure.add_argument("--again", action="store_true", help="also what was measured")
    measure.set_defaults(run=_measure)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
