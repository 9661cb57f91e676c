"""Medians of parts are those that NumPy finds in a copy of each part."""

import numpy as np
import pytest

from byoe.engine._medians import medians

CASES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "sorted, so that parts in order of time are unlike the whole": lambda rng, n: np.arange(n) + 0.5,
    "zeros and ones": lambda rng, n: (rng.random(n) < 0.5) * 1.0,
    "mostly zeros": lambda rng, n: (rng.random(n) < 0.01) * 7.0,
    "few values": lambda rng, n: np.round(rng.normal(size=n)),
    "constant": lambda rng, n: np.full(n, 0.1),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n) ** 3,
}


@pytest.mark.parametrize("n", [5, 400, 25_001])
@pytest.mark.parametrize("case", CASES)
def test_they_are_exact(case, n, rng):
    values = np.column_stack([rng.normal(size=n), CASES[case](rng, n)])
    order = rng.permutation(n)
    halves = [order[: n // 2], order[n // 2 :]]  # of an odd and an even number of rows
    blocks = [np.arange(n // 3), np.arange(n // 3, n)]
    parts = [*halves, *blocks, np.arange(n), np.array([n - 1])]
    expected = [[np.median(values[rows, i]) for i in (1, 0)] for rows in parts]
    assert np.array_equal(medians(values, np.array([1, 0]), parts), expected)


def test_more_parts_and_columns_than_are_taken_at_once(rng):
    values = rng.normal(size=(150, 40))
    parts = [np.delete(np.arange(150), row) for row in range(150)]
    expected = [np.median(values[rows], axis=0) for rows in parts]
    assert np.array_equal(medians(values, np.arange(40), parts), expected)
