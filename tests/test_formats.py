"""Bundles of every format that was ever written stay readable: one of each is kept in ``tests/bundles``.

``make_bundles.py`` made them. ``expected.json`` holds some rows of their table, and what the ensembles
predicted for these when they were saved.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import byoe
from byoe import serving
from byoe.bundle._manifest import FORMAT

BUNDLES = Path(__file__).parent / "bundles"
FORMATS = sorted(folder.name for folder in BUNDLES.iterdir())


@pytest.fixture(params=FORMATS)
def kept(request):
    folder = BUNDLES / request.param
    expected = json.loads((folder / "expected.json").read_text())
    rows = pd.DataFrame(expected["rows"]).assign(sold=lambda frame: pd.to_datetime(frame["sold"]))
    return folder, rows, expected


def test_a_regression_of_any_format_predicts_what_it_did(kept):
    folder, rows, expected = kept
    loaded = byoe.load(folder / "regression")
    np.testing.assert_allclose(loaded.predict(rows), expected["predictions"], rtol=1e-12)
    assert loaded.reblend("mean").predict(rows).shape == (len(rows),)


def test_an_endpoint_reads_any_format(kept):
    folder, _, expected = kept
    for kind, key in (("regression", "predictions"), ("classification", "labels")):
        model = serving.model_fn(str(folder / kind))
        request = serving.input_fn(json.dumps(expected["rows"]), "application/json")
        body, _ = serving.output_fn(serving.predict_fn(request, model), "application/json")
        found = json.loads(body)["predictions"]
        if kind == "regression":
            np.testing.assert_allclose(found, expected[key], rtol=1e-12)
        else:
            assert found == expected[key]


def test_the_present_format_is_among_them():
    assert f"format-{FORMAT}" in FORMATS


def test_a_classification_of_any_format_predicts_what_it_did(kept):
    folder, rows, expected = kept
    loaded = byoe.load(folder / "classification")
    np.testing.assert_allclose(loaded.predict_proba(rows), expected["probabilities"], rtol=1e-12)
    assert loaded.predict(rows).tolist() == expected["labels"]


def test_an_ensemble_inside_one_of_any_format_predicts_what_it_did(kept):
    folder, rows, expected = kept
    loaded = byoe.load(folder / "layers")
    np.testing.assert_allclose(loaded.predict(rows[["rooms"]]), expected["layers"], rtol=1e-12)
    assert isinstance(loaded.members_["inner"].learner.user_estimator, byoe.EnsembleRegressor)
