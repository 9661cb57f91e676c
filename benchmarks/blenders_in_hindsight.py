"""Blenders and rules of choice on real out-of-fold predictions, by the loss on rows kept apart.

``python benchmarks/blenders_in_hindsight.py measure --out FOLDER`` fits fifteen members on sets of the choosing half,
on 100, 300 and 2,000 rows of each, and keeps what they predict; ``report FOLDER`` blends that and prints the table of
README.md. A folder of ``portfolio.py`` can be reported, too: ``report FOLDER --members 5,30``.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from datasets import expand, load
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.plugins import OOF, Task

DEFAULT = ("catboost", "xgboost", "lightgbm", "ridge", "mlp")
QUICK = {"learning_rate": 0.1, "num_iterations": 70}
ROUNDS = {"eta": 0.1, "num_boost_round": 70}
MEMBERS = {
    "catboost": ("catboost", {"learning_rate": 0.1, "iterations": 120}),
    "xgboost": ("xgboost", ROUNDS),
    "lightgbm": ("lightgbm", QUICK),
    "ridge": ("ridge", {}),
    "mlp": ("mlp", {}),
    "lightgbm_random": ("lightgbm", {**QUICK, "extra_trees": True}),
    "xgboost_shallow": ("xgboost", {**ROUNDS, "max_depth": 3, "subsample": 0.8, "colsample_bytree": 0.8}),
    "extra_trees": ("extra_trees", {"n_estimators": 80}),
    "random_forest": ("random_forest", {"n_estimators": 80}),
    "knn": ("knn", {"n_neighbors": 15, "weights": "distance"}),
    "svm": ("svm", {}),
    "elastic_net": ("elastic_net", {"alpha": 0.01}),
    "hist_gradient_boosting": ("hist_gradient_boosting", {"max_iter": 60}),
    "lightgbm_large": ("lightgbm", {**QUICK, "num_leaves": 127, "feature_fraction": 0.8}),
    "knn_near": ("knn", {"n_neighbors": 5}),
}
TESTED = 4_000
CANDIDATES = {
    "best": ("best", {}),
    "mean": ("mean", {}),
    "vote": ("vote", {}),
    "weighted, no pull": ("weighted", {"pull": 0}),
    "weighted": ("weighted", {}),
    "weighted, pull of 100": ("weighted", {"pull": 100}),
    "greedy": ("greedy", {}),
    "greedy, 20 bags": ("greedy", {"bags": 20}),
    "meta-linear": ("meta-linear", {}),
    "meta-linear, positive": ("meta-linear", {"positive": True}),
    "adjusted": ("adjusted", {}),
}
BASE = "weighted, no pull"
BEFORE = ("best", "mean", "vote", BASE, "greedy", "meta-linear")
NOW = ("best", "mean", "vote", "weighted", "greedy", "meta-linear", "adjusted")
# rule -> candidates, the usual one, and standard errors that another must be better by: of few rows, of more
RULES = {
    "auto before: weighted unless worse by 0.5 SE (2 below 250 rows)": (BEFORE, BASE, 2.0, 0.5),
    "weighted unless worse by 2 SE": (NOW, "weighted", 2.0, 2.0),
    "adjusted unless worse by 0.5 SE": (NOW, "adjusted", 0.5, 0.5),
    "auto: adjusted unless worse by 2 SE": (NOW, "adjusted", 2.0, 2.0),
    "smallest loss": (NOW, "adjusted", -1.0, -1.0),
}


def measure(name: str, rows: int, out: Path) -> None:
    """Keep what members of a set predict, out of fold and for rows kept apart."""
    data = load(name, rows=rows + TESTED, seed=0)
    classes, n = data.task == "classification", min(rows, int(0.6 * len(data.y)))
    if n < 0.6 * rows or (classes and (data.y.nunique() > 3 or data.y.value_counts().min() < 5)):
        return
    X, X_test, y, y_test = train_test_split(
        data.X, data.y, train_size=n, random_state=0, stratify=data.y if classes else None
    )
    members = [(label, learner(registered, **params)) for label, (registered, params) in MEMBERS.items()]
    kind = EnsembleClassifier if classes else EnsembleRegressor
    ensemble = kind(members, "mean", random_state=0, n_jobs=1).fit(X, y)
    X_test, y_test = X_test[:TESTED], y_test[:TESTED]
    np.savez_compressed(
        out / f"{name}-{rows}.npz",
        oof=ensemble.oof_predictions_.astype(np.float32),
        test=ensemble._member_predictions(ensemble._read(X_test)).astype(np.float32),
        y=ensemble._oof.y,
        y_test=np.searchsorted(ensemble.classes_, y_test) if classes else y_test.to_numpy(dtype=np.float64),
        folds=ensemble._oof.plan.test_fold,
    )


def read(path: Path, members: int) -> tuple[OOF, OOF] | None:
    """Return what a blender learns from and is judged by; None where there are too few members."""
    if path.is_file():
        found = dict(np.load(path))
        return None if found["oof"].shape[1] < members else _pair(found, members)
    names = sorted(file.stem for file in path.glob("*.npz"))
    if len(names) < members or not set(DEFAULT) <= set(names):
        return None
    others = np.random.default_rng(1).permutation([name for name in names if name not in DEFAULT])
    files = [np.load(path / f"{name}.npz") for name in [*DEFAULT, *others][:members]]
    stacked = {part: np.stack([file[part] for file in files], axis=1) for part in ("oof", "test")}
    return _pair({**stacked, **{part: files[0][part] for part in ("y", "y_test", "folds")}}, members)


def _pair(found: dict[str, np.ndarray], members: int) -> tuple[OOF, OOF]:
    P, P_test = (found[part][:, :members].astype(np.float64) for part in ("oof", "test"))
    if P.ndim == 3:
        P, P_test = P / P.sum(axis=2, keepdims=True), P_test / P_test.sum(axis=2, keepdims=True)
    task = Task("classification", P.shape[2]) if P.ndim == 3 else Task("regression")
    y, y_test = (found[part].astype(np.int64 if P.ndim == 3 else np.float64) for part in ("y", "y_test"))
    fold = np.reshape(found["folds"], (-1, len(y)))[0]
    folds = tuple((np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(fold.max() + 1))
    return OOF(P, y, task, folds=folds), OOF(P_test, y_test, task)


def compared(oof: OOF, fresh: OOF) -> dict[str, float]:
    """Return the loss on rows kept apart, by candidate and by rule: a root mean squared error, or a log-loss."""
    losses, by_row = {}, {}
    for label, (name, params) in CANDIDATES.items():
        if name == "vote" and oof.task.is_classification:
            continue
        made = blender(name, **params)
        loss = fresh.loss(clone(made).fit(oof).predict(fresh.predictions))
        losses[label] = loss if oof.task.is_classification else float(np.sqrt(loss))
        by_row[label] = np.zeros(len(oof.y))
        for train, test in oof.folds:
            unseen = oof.rows(test)
            by_row[label][test] = unseen.row_losses(clone(made).fit(oof.rows(train)).predict(unseen.predictions))
    rules = {rule: losses[_chosen(by_row, *rest)] for rule, rest in RULES.items()}
    return {**losses, **rules, "the best in hindsight": min(losses.values())}


def _chosen(by_row: dict[str, np.ndarray], names: tuple[str, ...], usual: str, few: float, many: float) -> str:
    best = min((name for name in names if name in by_row), key=lambda name: by_row[name].mean())
    difference = by_row[usual] - by_row[best]
    errors = few if len(difference) < 250 else many
    enough = max(errors * difference.std(ddof=1) / np.sqrt(len(difference)), 0.005 * abs(by_row[usual].mean()))
    return best if errors < 0 or difference.mean() > enough else usual


def report(folder: Path, members: list[int]) -> None:
    """Print what candidates and rules lose, in % of the convex weights without a pull."""
    found: dict[tuple[str, ...], list[dict[str, float]]] = {}
    for path in sorted(folder.iterdir()):
        for count in members:
            if (pair := read(path, count)) is None:
                continue
            n = len(pair[0].y)
            rows = "≤ 150 rows" if n <= 150 else "≤ 450 rows" if n <= 450 else "more rows"
            losses = compared(*pair)
            kind = "classes" if pair[0].task.is_classification else "regression"
            change = {name: 100 * np.log(loss / losses[BASE]) for name, loss in losses.items()}
            found.setdefault((kind, rows, f"{count} members"), []).append(change)
    heads = [", ".join(key) + f" ({len(found[key])})" for key in sorted(found)]
    print(f"| | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 1)}")
    for name in [*CANDIDATES, *RULES, "the best in hindsight"]:
        cells = []
        for key in sorted(found):
            # One set where a member is near to perfect does not say all.
            values = np.clip([one[name] for one in found[key] if name in one], -15, 15)
            cells.append(f"{values.mean():+.2f} ± {values.std() / len(values) ** 0.5:.2f}" if len(values) else "–")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Measure, or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "report"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--members", default="5,15")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.what == "report":
        report(given.folder, [int(count) for count in given.members.split(",")])
        return
    given.out.mkdir(parents=True, exist_ok=True)
    for rows in (100, 300, 2_000):
        for name in expand(["choosing"]):
            measure(name, rows, given.out)


if __name__ == "__main__":
    main()
