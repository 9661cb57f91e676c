"""Bundles of every format that was ever written stay readable: one of each is kept in ``tests/bundles``.

Each was made of the table of its ``expected.json``, which holds some of its rows and what
the ensembles predicted for them when they were saved.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import byoe

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


def test_a_classification_of_any_format_predicts_what_it_did(kept):
    folder, rows, expected = kept
    loaded = byoe.load(folder / "classification")
    np.testing.assert_allclose(loaded.predict_proba(rows), expected["probabilities"], rtol=1e-12)
    assert loaded.predict(rows).tolist() == expected["labels"]
