"""What rules for choosing a blender cost: regret on fresh data, over simulated sets.

Regret is a rule's loss over that of the best blender in hindsight, less one. Run with
``python benchmarks/choosing_a_blender.py``; it prints the table of README.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

import warnings

import numpy as np
from sklearn.base import clone

from byoe import EnsembleClassifier, EnsembleRegressor, learner
from byoe.blenders.auto import _candidates
from byoe.plugins import OOF

SETS = 90
RANGES = ((0, 250), (250, 1000), (1000, np.inf))
FRESH = 2000


def simulate(seed, classes):
    """Return X, y and the number of training rows of one simulated set."""
    rng = np.random.default_rng(seed)
    n, columns = int(rng.choice([60, 120, 250, 500, 1000, 2000])), int(rng.choice([3, 6]))
    X = rng.normal(size=(n + FRESH, columns))
    signal = [
        X[:, 0] * 2 + X[:, 1],
        np.sin(2 * X[:, 0]) + X[:, 1] ** 2,
        np.abs(X[:, 0]) + 0.5 * X[:, 1],
        X[:, 0] * X[:, 1] + X[:, 2],
        np.where(X[:, 0] > 0, X[:, 1], -X[:, 1]) + X[:, 2],
    ][seed % 5]
    y = signal + rng.normal(size=len(X)) * rng.choice([0.3, 1.0])
    if classes:  # two and four of them
        return X, np.digitize(y, np.quantile(y, [0.5] if seed % 2 else [0.2, 0.5, 0.7])), n
    return X, y, n


def measure(seed, classes):
    """Return rows, cross-validated losses by row, and loss on fresh data, by blender."""
    X, y, n = simulate(seed, classes)
    forest, trees = learner("random_forest", n_estimators=30), learner("hist_gradient_boosting", max_iter=40)
    names = ("ridge", "knn", "elastic_net" if classes else "svm", forest, trees)
    kind = EnsembleClassifier if classes else EnsembleRegressor
    ensemble = kind(names, "mean", finalize="refit", random_state=seed).fit(X[:n], y[:n])
    folds = tuple(ensemble._oof.plan.blend_folds(0))
    oof = OOF(ensemble.oof_predictions_, ensemble._oof.y, ensemble._task, folds=folds)
    unseen = OOF(ensemble._member_predictions(ensemble._read(X[n:])), y[n:], ensemble._task)
    losses, fresh = {}, {}
    for name, blender in _candidates().items():
        if classes and name == "vote":
            continue
        losses[name] = np.zeros(n)
        for train, test in folds:
            part = oof.rows(test)
            losses[name][test] = part.row_losses(clone(blender).fit(oof.rows(train)).predict(part.predictions))
        fresh[name] = unseen.row_losses(clone(blender).fit(oof).predict(unseen.predictions)).mean()
    return n, losses, fresh


def smallest(losses):
    """Take the smallest cross-validated loss."""
    return min(losses, key=lambda name: losses[name].mean())


def simplest(losses, tolerance=0.005):
    """Take the first that is within one standard error and a tolerance of the smallest."""
    best = smallest(losses)
    for name, loss in losses.items():
        difference = loss - losses[best]
        error = difference.std(ddof=1) / np.sqrt(len(loss))
        if difference.mean() <= min(error + 1e-15, tolerance * abs(losses[best].mean())):
            return name
    return best


def usual_unless(losses, errors=1.0, usual="weighted"):
    """Take the usual blender unless the smallest is better by this many standard errors."""
    best = smallest(losses)
    difference = losses[usual] - losses[best]
    return best if difference.mean() > errors * difference.std(ddof=1) / np.sqrt(len(difference)) else usual


def auto(losses):
    """Choose as the blender ``auto`` does."""
    chosen = usual_unless(losses, 2.0, "adjusted")
    usual = losses["adjusted"].mean()
    return chosen if usual - losses[chosen].mean() > 0.005 * usual else "adjusted"


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    sets = {classes: [measure(seed, classes) for seed in range(SETS)] for classes in (False, True)}
    rules = {f"always {name}": lambda _, name=name: name for name in sets[False][0][2]}
    rules["smallest loss"] = smallest
    rules["simplest within 1 SE and 0.5 %"] = simplest
    for errors in (0.5, 1.0, 2.0):
        rules[f"weighted unless {errors:g} SE worse"] = lambda losses, errors=errors: usual_unless(losses, errors)
    rules["auto"] = auto
    names = ["n < 250", "250 to 500", "n ≥ 1000"]
    print(f"| rule | regression, {' | '.join(names)} | classes, {' | '.join(names)} | mean |\n|{'---|' * 8}")
    for rule, pick in rules.items():
        cells = []
        for classes in (False, True):
            regret = [
                (n, fresh[pick(losses)] / min(fresh.values()) - 1)
                for n, losses, fresh in sets[classes]
                if rule.removeprefix("always ") != "vote" or not classes
            ]
            for low, high in RANGES:
                chosen = [value for n, value in regret if low <= n < high]
                cells.append(100 * float(np.mean(chosen)) if chosen else float("nan"))
        shown = " | ".join("–" if np.isnan(cell) else f"{cell:.1f} %" for cell in [*cells, np.mean(cells)])
        print(f"| {rule} | {shown} |")


if __name__ == "__main__":
    main()
