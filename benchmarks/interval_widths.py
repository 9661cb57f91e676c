"""Does the width of an interval go with the row? Diamonds, by tenth of the price; and simulated noise, by its size.

Run with ``python benchmarks/interval_widths.py``; it prints the tables of README.md. The data come with the package
plotnine (``pip install --no-deps plotnine``), which is not imported.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings

import numpy as np
from datasets import load
from lightgbm import LGBMRegressor
from sklearn.model_selection import KFold
from sklearn.preprocessing import OrdinalEncoder

from byoe import EnsembleRegressor, learner

LEVEL = 0.9
WIDTHS = ("constant", "prediction", "disagreement", "both", "quantiles", "auto")
MEMBERS = (
    learner("catboost", n_rounds=300),
    learner("lightgbm", n_rounds=200, learning_rate=0.05),
    "ridge",
)


def ensemble_of(seed: int, **params) -> EnsembleRegressor:
    """Return the ensemble, not fitted."""
    return EnsembleRegressor(MEMBERS, random_state=seed, **params)


def diamonds(rows: int, fresh: int, seed: int):
    """Return training and fresh rows of diamonds, and the price of the latter as what they are put in order by."""
    data = load("diamonds")
    order = np.random.default_rng(seed).permutation(len(data.y))
    train, new = order[:rows], order[rows : rows + fresh]
    y = data.y.to_numpy(dtype=float)
    return data.X.iloc[train], y[train], data.X.iloc[new], y[new], y[new]


def simulated(rows: int, fresh: int, seed: int, *, skewed: bool):
    """Return rows whose noise has a size that one of four columns says, and the size for the fresh ones."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(rows + fresh, 4))
    size = 0.3 + 3 * X[:, 2] ** (1 if skewed else 2)
    noise = rng.exponential(size=len(X)) - 1 if skewed else rng.normal(size=len(X))
    y = 10 * np.sin(3 * X[:, 0]) + 5 * X[:, 1] + size * noise
    return X[:rows], y[:rows], X[rows:], y[rows:], size[rows:]


def judged(interval, y, by):
    """Return coverage, of tenths the least and the greatest, widths, the interval score and the least lower bound."""
    lower, upper = interval.T
    inside = (lower <= y) & (y <= upper)
    tenth = np.searchsorted(np.quantile(by, np.arange(1, 10) / 10), by)
    by_tenth = np.bincount(tenth, inside) / np.bincount(tenth)
    beyond = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    width = upper - lower
    cheap, dear = width[tenth == 0].mean(), width[tenth == 9].mean()
    score = np.mean(width + 2 / (1 - LEVEL) * beyond)
    widths = width.mean(), np.median(width), cheap, dear
    return inside.mean(), by_tenth.min(), by_tenth.max(), *widths, score, lower.min()


def fitted_residuals(ensemble, X, y, X_new):
    """Return intervals by a further model, of boosted trees, of the absolute out-of-fold residual."""
    text = X.select_dtypes("category").columns
    encoder = OrdinalEncoder().fit(X[text])

    def numbers(rows, prediction):
        return np.column_stack([rows.drop(columns=text), encoder.transform(rows[text]), prediction])

    def model():
        return LGBMRegressor(n_estimators=100, learning_rate=0.05, num_leaves=8, objective="gamma", verbose=-1)

    blend, prediction = ensemble.oof_blend_, ensemble.predict(X_new)
    residuals, rows = np.abs(y - blend), numbers(X, blend)
    size = residuals.mean()
    target, scores = np.maximum(residuals / size, 1e-3), np.empty(len(y))
    for train, test in KFold(5, shuffle=True, random_state=0).split(rows):
        scores[test] = residuals[test] / model().fit(rows[train], target[train]).predict(rows[test])
    rank = np.sort(scores)[int(np.ceil(LEVEL * (len(y) + 1))) - 1]
    half = rank * model().fit(rows, target).predict(numbers(X_new, prediction))
    return np.maximum(np.column_stack([prediction - half, prediction + half]), 0)


def compared(data, seed: int, store: str, found, name: str = "", **params) -> EnsembleRegressor:
    """Judge all widths of an ensemble, whose quantiles are of the first member and of the second; return it."""
    X, y, X_new, y_new, by = data
    for quantiles in ("catboost", "lightgbm"):
        started = time.monotonic()
        fitted = ensemble_of(seed, quantiles=quantiles, store=store, **params).fit(X, y)
        seconds = time.monotonic() - started
        for width in WIDTHS if quantiles == "catboost" else ("quantiles",):
            row = f"{width} of {quantiles}" if width == "quantiles" else width
            found.setdefault(row + name, []).append(
                judged(fitted.predict_interval(X_new, LEVEL, width=width), y_new, by)
            )
        error = np.sqrt(np.mean((fitted.predict(X_new) - y_new) ** 2))
        said = f"auto is {fitted.interval_width_}, the RMSE is {error:.4g}; {seconds:.1f} s"
        print(f"seed {seed}{name}, {quantiles}: {said}", flush=True)
    return fitted


def table(found, what: str) -> None:
    """Print means over the seeds."""
    head = (
        "width",
        "coverage",
        f"by tenth of the {what}",
        "mean",
        "median",
        "first tenth",
        "last",
        "score",
        "least bound",
    )
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, cells in found.items():
        covered, least, most, *others = np.mean(cells, axis=0)
        told = " | ".join(f"{value:,.0f}" if abs(value) >= 20 else f"{value:.2f}" for value in others)
        print(f"| {name} | {100 * covered:.1f} % | {100 * least:.0f}–{100 * most:.0f} % | {told} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--fresh", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    of_diamonds: dict[str, list[tuple[float, ...]]] = {}
    for seed in range(given.seeds):
        data = diamonds(given.rows, given.fresh, seed)
        with tempfile.TemporaryDirectory() as store:
            ensemble = compared(data, seed, store, of_diamonds)
            compared(data, seed, store, of_diamonds, ", log1p", target_transform="log1p")
        X, y, X_new, y_new, by = data
        of_diamonds.setdefault("a further model", []).append(judged(fitted_residuals(ensemble, X, y, X_new), y_new, by))
    table(of_diamonds, "price")
    for skewed in (False, True):
        found: dict[str, list[tuple[float, ...]]] = {}
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as store:
                data = simulated(given.rows // 2, given.fresh, seed, skewed=skewed)
                compared(data, seed, store, found)
        print("skewed noise" if skewed else "normal noise")
        table(found, "noise")


if __name__ == "__main__":
    main()
