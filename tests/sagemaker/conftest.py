import pytest

import byoe
from byoe import EnsembleRegressor


@pytest.fixture(scope="session")
def split(diabetes_frame):
    """A training and a validation table."""
    return diabetes_frame.iloc[:330], diabetes_frame.iloc[330:]


@pytest.fixture(scope="session")
def job(split, tmp_path_factory):
    """A finished job, for tests that only look at it."""
    train, validation = split
    ensemble = EnsembleRegressor(("ridge", "knn"), "weighted", random_state=0)
    output = tmp_path_factory.mktemp("jobs")
    return byoe.sagemaker.fit(ensemble, train, validation, target="target", output=output, logs=False)
