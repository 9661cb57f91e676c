"""A table as it comes: numbers, texts, dates and holes; early stopping, an interval and an explanation.

The data are simulated sales of houses. Rows of one street share a group.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from byoe import EnsembleRegressor


def houses(n: int = 1000) -> pd.DataFrame:
    """Return simulated houses with their prices, in thousands."""
    rng = np.random.default_rng(0)
    street = rng.integers(0, 150, n)
    frame = pd.DataFrame(
        {
            "area": np.where(rng.random(n) < 0.1, np.nan, rng.normal(110, 35, n).clip(30)),
            "town": np.array(["Oslo", "Bonn", "Rome"])[street % 3],
            "heating": rng.choice(["gas", "wood", "heat pump", None], n),
            "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 25_000, n), "D"),
            "garden": rng.random(n) < 0.4,
            "street": [f"street {number}" for number in street],
        }
    )
    age = (pd.Timestamp("2024-01-01") - frame["built"]).dt.days / 365
    quiet = rng.normal(0, 25, 150)[street]
    base = 3 * frame["area"].fillna(110) + 90 * (frame["town"] == "Oslo") - 0.8 * age
    heating = 30 * (frame["heating"] == "heat pump")
    return frame.assign(price=base + heating + 40 * frame["garden"] + quiet + rng.normal(0, 20, n))


def main() -> None:
    """Fit, and look at the result from several sides."""
    table = houses()
    streets, price = table["street"], table["price"]
    X = table.drop(columns=["street", "price"])
    train, test = next(GroupShuffleSplit(1, test_size=0.3, random_state=0).split(X, price, streets))

    ensemble = EnsembleRegressor(["catboost", "lightgbm", "ridge"], finalize="bag", random_state=0)
    ensemble.fit(X.iloc[train], price.iloc[train], groups=streets.iloc[train])
    print("On streets that they did not see:\n")
    print(ensemble.leaderboard_)

    rounds = [model.rounds[0] for model in ensemble.members_["lightgbm"].models]
    print(f"\nLightGBM stopped after {rounds} rounds in the five folds.")

    print("\nWith the intervals of the bootstrap, and what the blend loses without a member:\n")
    print(ensemble.diagnose())

    lower, upper = ensemble.predict_interval(X.iloc[test], level=0.8).T
    inside = np.mean((lower <= price.iloc[test]) & (price.iloc[test] <= upper))
    print(f"\n{inside:.0%} of the prices in new streets are inside the interval that should hold 80 %.")

    row = X.iloc[test[:1]]
    parts = pd.Series(ensemble.explain(row)[0], index=[*X.columns, "base value"]).round(1)
    print(f"\nThe first new house, {ensemble.predict(row)[0]:.1f} thousand, is made of:\n")
    print(parts.to_string())


if __name__ == "__main__":
    main()
