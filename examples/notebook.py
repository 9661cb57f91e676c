"""An ensemble in a notebook: fit it, compare blenders, save it, load it.

The data are scikit-learn's digits: 1,797 handwritten ones as images of 8 x 8 points, ten classes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from byoe import EnsembleClassifier, learner, load


def main() -> None:
    """Run the cells one after the other."""
    data = load_digits(as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, random_state=0, stratify=data.target)

    ensemble = EnsembleClassifier(
        [
            "ridge",
            "svm",
            "knn",
            learner("random_forest", n_estimators=200),
            learner("xgboost", n_rounds=50, max_depth=3),
        ],
        random_state=0,
    )
    ensemble.fit(X_train, y_train)
    print("What members and blend do on rows that they did not see:\n")
    print(ensemble.leaderboard_)

    print("\nThe same members under other blenders; no learner is refitted:\n")
    print(f"{'blender':<22}  cross-validated  {len(y_test)} held-out rows   (log-loss)")
    blenders = ("mean", "weighted", "meta-linear", RandomForestClassifier(min_samples_leaf=10))
    for chosen in blenders:
        other = ensemble.reblend(chosen)
        held_out = log_loss(y_test, other.predict_proba(X_test), labels=other.classes_)
        print(f"{other.blender_.name:<22}  {-other.score_estimate_:15.4f}  {held_out:17.4f}")

    with tempfile.TemporaryDirectory() as folder:
        saved = ensemble.save(Path(folder, "digits"))
        size = sum(file.stat().st_size for file in saved.rglob("*") if file.is_file())
        same = np.allclose(load(saved).predict_proba(X_test), ensemble.predict_proba(X_test), rtol=1e-12, atol=1e-14)
    print(f"\nSaved in {size / 1e6:.1f} MB; predicts the same when loaded, up to rounding: {same}")


if __name__ == "__main__":
    main()
