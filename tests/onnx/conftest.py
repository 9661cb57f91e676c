import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def mixed():
    """A table with categories, dates and missing cells, and a target that depends on all of them."""
    rng = np.random.default_rng(0)
    n = 900
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": pd.Series(rng.choice(list("abc"), size=n), dtype=object),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, size=n), unit="D"),
            "place": pd.Series([f"p{i}" for i in rng.integers(0, 25, size=n)], dtype=object),
            "age": rng.integers(0, 90, size=n).astype(float),
        }
    )
    y = X["size"] + (X["kind"] == "b") * 2.0 + X["place"].str[1:].astype(int) / 5 + X["age"] / 30 + rng.normal(size=n)
    for name in ("size", "kind", "place", "age"):
        X.loc[rng.random(n) < 0.1, name] = None if X[name].dtype == object else np.nan
    return X, y.to_numpy()
