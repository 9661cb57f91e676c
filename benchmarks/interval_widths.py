"""Does the width of an interval go with the row? Diamonds, by tenth of the price.

Run with ``python benchmarks/interval_widths.py``; it prints the tables of README.md. The data come with the package
plotnine (``pip install --no-deps plotnine``), which is not imported.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
from datasets import load
from lightgbm import LGBMRegressor
from sklearn.model_selection import KFold
from sklearn.preprocessing import OrdinalEncoder

from byoe import EnsembleRegressor, learner

LEVEL = 0.9
WIDTHS = ("constant", "prediction", "disagreement", "both", "auto")
MEMBERS = (
    learner("catboost", n_rounds=300),
    learner("lightgbm", n_rounds=200, learning_rate=0.05),
    "ridge",
)


def ensemble_of(seed: int) -> EnsembleRegressor:
    """Return the ensemble, not fitted."""
    return EnsembleRegressor(MEMBERS, random_state=seed)


def halves(rows: int, fresh: int, seed: int):
    """Return training and fresh rows of diamonds."""
    data = load("diamonds")
    order = np.random.default_rng(seed).permutation(len(data.y))
    train, new = order[:rows], order[rows : rows + fresh]
    y = data.y.to_numpy(dtype=float)
    return data.X.iloc[train], y[train], data.X.iloc[new], y[new]


def judged(interval, y):
    """Return coverage, of tenths the least and the greatest, widths, the interval score and the least lower bound."""
    lower, upper = interval.T
    inside = (lower <= y) & (y <= upper)
    tenth = np.searchsorted(np.quantile(y, np.arange(1, 10) / 10), y)
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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--fresh", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, list[tuple[float, ...]]] = {}
    for seed in range(given.seeds):
        X, y, X_new, y_new = halves(given.rows, given.fresh, seed)
        ensemble = ensemble_of(seed).fit(X, y)
        logged = ensemble_of(seed).set_params(target_transform="log1p").fit(X, y)
        for name, fitted in (("", ensemble), (", log1p", logged)):
            for width in WIDTHS:
                interval = fitted.predict_interval(X_new, LEVEL, width=width)
                found.setdefault(width + name, []).append(judged(interval, y_new))
            error = np.sqrt(np.mean((fitted.predict(X_new) - y_new) ** 2))
            print(f"seed {seed}{name}: auto is {fitted.interval_width_}, the RMSE is {error:.0f}", flush=True)
        found.setdefault("a further model", []).append(judged(fitted_residuals(ensemble, X, y, X_new), y_new))
    head = "width", "coverage", "by tenth of the price", "mean", "median", "cheapest", "dearest", "score", "least bound"
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name, cells in found.items():
        covered, least, most, mean, median, cheap, dear, score, lowest = np.mean(cells, axis=0)
        print(
            f"| {name} | {100 * covered:.1f} % | {100 * least:.0f}–{100 * most:.0f} % | {mean:,.0f} | {median:,.0f} | "
            f"{cheap:,.0f} | {dear:,.0f} | {score:,.0f} | {lowest:,.0f} |"
        )


if __name__ == "__main__":
    main()
