"""What a job tells of its ensemble."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from byoe import EnsembleRegressor
from byoe.sagemaker.in_job._report import report


class Failing(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("out of luck")


@pytest.fixture(scope="module")
def rows():
    X = np.random.default_rng(0).normal(size=(60, 2))
    return X, X[:, 0]


def test_what_it_holds(rows):
    made = EnsembleRegressor(["ridge", "knn"], "mean", cv=3, random_state=0).fit(*rows)
    told = report(made, {"validation:rmse": 0.125, "member:knn:r2": 0.5}, rows=60, columns=2, seconds=1.234)
    assert told.startswith("# Ensemble\n\n```\nEnsembleRegressor(")
    assert "60 rows x 2 columns in 1.23 s" in told
    assert "| validation:rmse | 0.125 |\n| member:knn:r2 | 0.5 |" in told
    assert str(made.leaderboard_) in told
    assert "Left out" not in told


def test_what_was_left_out_is_told(rows):
    members = [("ridge", "ridge"), ("bad", Failing())]
    made = EnsembleRegressor(members, "mean", cv=3, random_state=0, on_error="skip").fit(*rows)
    told = report(made, {}, rows=60, columns=2, seconds=1.0)
    assert "## Left out\n\n- bad, fold 1: ValueError: out of luck" in told
