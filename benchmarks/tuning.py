"""Tuning for a minute: byoe.tune, and Optuna around scikit-learn's stacking with the same members, folds and space.

Run with ``python benchmarks/tuning.py [SECONDS]``; it prints the table of README.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
import warnings

import numpy as np
import optuna
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import byoe
from byoe.tuning._space import distributions

ROWS, TEST_ROWS, SEED = 1000, 20_000, 0
MEMBERS = [
    ("ridge", make_pipeline(StandardScaler(), Ridge())),
    ("knn", make_pipeline(StandardScaler(), KNeighborsRegressor())),
    ("svm", make_pipeline(StandardScaler(), SVR())),
    ("forest", RandomForestRegressor(50, random_state=SEED)),
]
SPACE = {
    "ridge__ridge__alpha": (1e-2, 1e3, "log"),
    "knn__kneighborsregressor__n_neighbors": (3, 50, "log"),
    "knn__kneighborsregressor__weights": ["uniform", "distance"],
    "svm__svr__C": (0.1, 100.0, "log"),
    "svm__svr__epsilon": (0.01, 1.0, "log"),
    "forest__max_features": (0.2, 1.0),
    "forest__min_samples_leaf": (1, 20, "log"),
}


def table(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features, half of which are noise, and a target."""
    return make_friedman1(rows, 10, noise=1.0, random_state=seed)


def with_byoe(X, y, seconds):
    """Return (ensemble as given, the best one, trials, fits, seconds)."""
    cv = KFold(5, shuffle=True, random_state=SEED)
    ensemble = byoe.EnsembleRegressor(MEMBERS, RidgeCV(), cv=cv, random_state=SEED)
    started = time.perf_counter()
    tuned = byoe.tune(ensemble, X, y, SPACE, n_trials=10_000, time_limit=seconds)
    fits = sum(row["fits"] for row in tuned.trials)
    return ensemble, tuned.best, len(tuned.trials), fits, time.perf_counter() - started


def with_scikit_learn(X, y, seconds):
    """Return the same; the score of a stacking is that of a cross-validation around it, so that it is honest."""
    cv = KFold(5, shuffle=True, random_state=SEED)
    stacking = StackingRegressor(MEMBERS, RidgeCV(), cv=cv)

    def objective(trial):
        made = clone(stacking).set_params(**trial.params)
        return -cross_val_score(made, X, y, cv=cv, scoring="neg_root_mean_squared_error", n_jobs=2).mean()

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        trial = study.ask(distributions(SPACE))
        study.tell(trial, objective(trial))
    took = time.perf_counter() - started
    best = clone(stacking).set_params(**study.best_params)
    return stacking, best, len(study.trials), len(study.trials) * 5 * 6 * 4, took


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    X, y = table(ROWS, SEED)
    X_test, y_test = table(TEST_ROWS, SEED + 1)
    print("| method | trials per minute | member fits per minute | loss as given | loss after tuning |")
    print("|---|---|---|---|---|")
    for name, search in (("byoe.tune", with_byoe), ("Optuna around StackingRegressor", with_scikit_learn)):
        given, best, trials, fits, took = search(X, y, seconds)
        losses = [np.sqrt(np.mean((one.fit(X, y).predict(X_test) - y_test) ** 2)) for one in (given, best)]
        per_minute = [count * 60 / took for count in (trials, fits)]
        print(f"| {name} | {per_minute[0]:.0f} | {per_minute[1]:.0f} | {losses[0]:.4f} | {losses[1]:.4f} |", flush=True)


if __name__ == "__main__":
    main()
