import pytest

from byoe import EnsembleClassifier, EnsembleRegressor, learner

pytest.importorskip("onnxruntime")

BOOSTERS = [
    learner("catboost", iterations=8),
    learner("xgboost", n_estimators=8),
    learner("lightgbm", n_estimators=8),
]


@pytest.fixture(scope="session")
def bag(diabetes):
    """An ensemble whose intervals are those of CV+."""
    X, y = diabetes
    return EnsembleRegressor(BOOSTERS, "mean", cv=3, random_state=0).fit(X, y)


@pytest.fixture(scope="session")
def three_classes(iris):
    X, y = iris
    return EnsembleClassifier(["ridge", BOOSTERS[1]], "mean", cv=3, random_state=0).fit(X, y)


@pytest.fixture
def saved(bag, diabetes, tmp_path):
    """Its bundle, with a graph."""
    return bag.save(tmp_path / "model", graph=diabetes[0])
