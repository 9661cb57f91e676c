"""What networks add to boosters and ridge, alone and in a blend, and in how much processor time.

Each set gives at most 2,000 rows, or ``--rows``, to the fits and at most 3,000 others to the losses. The weights of a
blend are found on half of these, and its loss is that of the other half.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from datasets import expand, load
from scipy.optimize import nnls
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, EnsembleRegressor, learner

OTHERS = ("catboost", "lightgbm", "xgboost", "ridge")
NETWORKS = {
    "scikit-learn's perceptron": {"solver": "adam"},
    "scikit-learn's, stopping early": {"early_stopping": True},
    "one network": {"n_networks": 1},
    "the default": {},
    "four networks": {"n_networks": 4},
    "256 and 256 units": {"hidden_units": [256, 256]},
    "64 units": {"hidden_units": [64]},
    "no dropout": {"dropout": 0.0},
    "lr=0.1": {"lr": 0.1},
}
# With --second: what another network adds to those that are there already.
BESIDE = (*OTHERS, "extra_trees", "mlp")
SECOND = {
    "scikit-learn's, 128 and 64 units": {"hidden_layer_sizes": [128, 64], "alpha": 0.01},
    "the default from other starts": {"random_state": 77},
    "512 units": {"hidden_units": [512]},
    "256 and 64 units, dropout of 0.3": {"hidden_units": [256, 64], "dropout": 0.3},
    "three times 64 units": {"hidden_units": [64, 64, 64]},
    "four networks": {"n_networks": 4},
}
# With --dropout: the default one, which knows of the rows, beside what is the same for any number of them.
DROPOUT = {
    "0.15 of any rows": {"dropout": 0.15},
    "0.05 of any rows": {"dropout": 0.05},
    "none": {"dropout": 0.0},
    "the default": {},
}
# With --pytabkit-python: networks of pytabkit, by name, and byoe's, beside the default list.
LIST = (*OTHERS, "mlp", learner("mlp", n_bins=8))
OUTSIDE = {
    "the default": {},
    "eight bins": {"n_bins": 8},
    "512 units": {"hidden_units": [512]},
    "pytabkit's RealMLP": "RealMLP_TD",
    "pytabkit's TabM": "TabM_D",
}
TEST_ROWS = 3_000


def predictions(data, member, train, test):
    """Return what a member predicts for the test rows, and the seconds that its fit took."""
    Ensemble = EnsembleClassifier if data.task == "classification" else EnsembleRegressor
    ensemble = Ensemble([member], "mean", cv=[(train, test)], finalize="bag", random_state=0, n_jobs=1)
    started = time.process_time()
    ensemble.fit(data.X, data.y)
    return ensemble.oof_predictions_[test, 0], time.process_time() - started


def outside(network, python, data, y, train, test):
    """Return the same of a network of pytabkit, which has an environment of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {"network": network, "classes": data.task == "classification"}
        (folder / "job.json").write_text(json.dumps(job))
        data.X.iloc[train].assign(target=y[train]).to_parquet(folder / "train.parquet")
        data.X.iloc[test].to_parquet(folder / "test.parquet")
        script = Path(__file__).with_name("with_pytabkit.py")
        subprocess.run([python, str(script), name], check=True)
        prediction = np.load(folder / "prediction.npy").astype(float)
        return prediction, json.loads((folder / "seconds.json").read_text())


def loss(prediction, y):
    """Return the log-loss of probabilities, or the root mean squared error."""
    if prediction.ndim == 1:
        return float(np.sqrt(np.mean((prediction - y) ** 2)))
    true = prediction[np.arange(len(y)), y] / prediction.sum(axis=1)
    return float(-np.log(np.maximum(true, 1e-7)).mean())


def weights(parts, y):
    """Return the convex weights with the least loss: by expectation and maximisation, or non-negative least squares."""
    if parts.ndim == 2:
        scale = y.std()
        rows = np.vstack([(parts.T - y.mean()) / scale, np.full((1, len(parts)), 1e3)])
        found = nnls(rows, np.r_[(y - y.mean()) / scale, 1e3])[0]
        return found / found.sum()
    true = np.maximum(parts[:, np.arange(len(y)), y], 1e-7)
    found = np.full(len(parts), 1 / len(parts))
    for _ in range(300):
        shares = found[:, None] * true
        found = (shares / shares.sum(axis=0)).mean(axis=1)
    return found


def blended(parts, y):
    """Return the mean loss of blends on the halves of the rows on which their weights were not found."""
    parts, found = np.array(parts), []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(y))
        halves = order[: len(y) // 2], order[len(y) // 2 :]
        for learned, judged in (halves, halves[::-1]):
            given = weights(parts[:, learned], y[learned])
            found.append(loss(np.tensordot(given, parts[:, judged], 1), y[judged]))
    return float(np.mean(found))


def measured(name, beside, networks, rows, python):
    """Return for each kind of network its loss, that of the blend with it relative to that without, and seconds."""
    data = load(name, rows=rows + TEST_ROWS)
    classes = data.y.to_numpy() if data.task == "classification" else None
    size = min(rows, int(0.6 * len(data.y)))
    train, test = train_test_split(np.arange(len(data.y)), train_size=size, random_state=0, stratify=classes)
    y = data.y.to_numpy(float) if classes is None else np.unique(classes, return_inverse=True)[1]
    others = [predictions(data, member, train, test)[0] for member in beside]
    without, found = blended(others, y[test]), []
    for network in networks.values():
        if isinstance(network, str):
            prediction, seconds = outside(network, python, data, y, train, test)
        else:
            prediction, seconds = predictions(data, learner("mlp", **network), train, test)
        found.append((loss(prediction, y[test]), blended([*others, prediction], y[test]) / without, seconds))
    print(name, " ".join(f"{one[0]:.4g}/{100 * (one[1] - 1):+.2f}%/{one[2]:.2f}s" for one in found), flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="choosing:12", help="names of sets, with commas")
    parser.add_argument("--second", action="store_true", help="networks beside the default one")
    parser.add_argument("--dropout", action="store_true", help="the default network with other shares of dropout")
    parser.add_argument("--pytabkit-python", metavar="PATH", help="interpreter of an environment with pytabkit")
    parser.add_argument("--rows", type=int, default=2_000, help="of a set to fit, at most; default: %(default)s")
    given = parser.parse_args()
    names = expand(given.sets.split(","))
    beside, networks = OTHERS, NETWORKS
    if given.second:
        beside, networks = BESIDE, SECOND
    elif given.dropout:
        networks = DROPOUT
    elif given.pytabkit_python:
        beside, networks = LIST, OUTSIDE
    warnings.simplefilter("ignore")
    found = np.array([measured(name, beside, networks, given.rows, given.pytabkit_python) for name in names])
    alone = np.log(found[:, :, 0] / found[:, :1, 0])
    with_it = 100 * (found[:, :, 1] - 1)
    print(f"| {len(names)} sets | loss alone | blend with it | seconds |\n|---|---|---|---|")
    for place, label in enumerate(networks):
        error = with_it[:, place].std(ddof=1) / np.sqrt(len(names))
        ratio, change, seconds = np.exp(alone[:, place].mean()), with_it[:, place].mean(), found[:, place, 2].sum()
        print(f"| {label} | {ratio:.3f} | {change:+.2f} % ± {error:.2f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
