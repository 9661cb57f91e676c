"""Files that need to be told how to read them mean the same in a job, and on the way to an endpoint."""

import json

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.data._files import read_frame
from byoe.data._reading import Reading
from byoe.errors import InputError, ParameterError
from byoe.sagemaker.shared._payload import payloads
from byoe.sagemaker.shared._tables import read_channels

READING = {"encoding": "cp1252", "decimal": ",", "comment": "%"}


@pytest.fixture
def export(tmp_path, rng):
    """A German export: numbers of three decimals, which could be thousands, and umlauts."""
    frame = pd.DataFrame({"Größe": rng.integers(1000, 9000, 60) / 1000, "Maß": rng.integers(1000, 9000, 60) / 1000})
    frame["Preis"] = frame["Größe"] * 2 + frame["Maß"]
    file = tmp_path / "export.csv"
    text = frame.round(3).to_csv(sep=";", decimal=",", index=False, float_format="%.3f")
    file.write_bytes(b"% of yesterday\n" + text.encode("cp1252"))
    return file


def test_what_is_said_of_a_file_goes_along_to_the_job_and_the_endpoint(export, tmp_path):
    ensemble = EnsembleRegressor(("ridge",), "mean", random_state=0)
    with pytest.raises(InputError, match="--encoding cp1252"):
        byoe.sagemaker.fit(ensemble, export, target="Preis", output=tmp_path, logs=False)
    job = byoe.sagemaker.fit(ensemble, export, target="Preis", reading=READING, output=tmp_path, logs=False)
    frame = read_frame(export, **READING)
    X, y = frame.drop(columns="Preis"), frame["Preis"]
    here = EnsembleRegressor(("ridge",), "mean", random_state=0).fit(X, y)
    assert np.array_equal(job.ensemble().predict(X), here.predict(X))
    ((body, _),) = payloads(export, 1 << 20, reading=READING)
    assert json.loads(body)["columns"] == ["Größe", "Maß", "Preis"]
    assert np.array_equal(np.array(json.loads(body)["data"]), frame.to_numpy())


def test_what_needs_not_be_told_is_found_out_in_a_job_as_here(export, tmp_path):
    file = tmp_path / "plain.csv"
    read_frame(export, **READING).to_csv(file, sep=";", decimal=",", index=False)
    ensemble = EnsembleRegressor(("ridge",), "mean", random_state=0)
    job = byoe.sagemaker.fit(ensemble, file, target="Preis", output=tmp_path, logs=False)
    X = read_frame(file).drop(columns="Preis")
    assert list(job.ensemble().feature_names_in_) == list(X.columns)
    assert (
        job.ensemble().score_estimate_
        == EnsembleRegressor(("ridge",), "mean", random_state=0).fit(X, read_frame(file)["Preis"]).score_estimate_
    )


def test_wrong_options_are_refused_before_a_job():
    with pytest.raises(ParameterError, match="reading has no option 'separator'"):
        byoe.sagemaker.fit(EnsembleRegressor(), "data.csv", target="y", reading={"separator": ";"})
    with pytest.raises(ParameterError, match="reading is for files, and data is neither"):
        payloads(np.zeros((2, 2)), 100, reading={"sep": ";"})


def test_a_workbook_goes_to_a_job_as_parquet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["a", "y"], [1, 2], [3, 4.5]):
        book.active.append(row)
    book.save(tmp_path / "data.xlsx")
    train = read_channels({"train": tmp_path / "data.xlsx"}, Reading(), lambda *_: None)["train"]
    assert train.to_dict(as_series=False) == {"a": [1, 3], "y": [2.0, 4.5]}
