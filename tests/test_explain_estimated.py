"""Explanations that are estimated: they are Shapley values, add up, and belong to every kind of rows and members."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner, load
from byoe.errors import InputError, MissingExtraError, ParameterError
from byoe.fitted._models import FittedMember

KNN = ("near", learner("knn", n_neighbors=5))


def regressor(*learners, blend="mean", **options):
    return EnsembleRegressor(learners, blend, **{"cv": 3, "random_state": 0, "n_jobs": 1, **options})


def shapley(predict, row, background):
    """Return the Shapley values of one row by all coalitions of columns."""
    n = len(row)
    values = np.zeros(n)

    def mean_of(known):
        rows = background.copy()
        rows[:, list(known)] = row[list(known)]
        return predict(rows).mean()

    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for known in itertools.combinations(others, size):
                values[i] += weight * (mean_of((*known, i)) - mean_of(known))
    return values


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, X[:, 0] * X[:, 1] + 2 * X[:, 2] + 0.1 * rng.normal(size=120) + 20


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(1)
    n = 90
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], size=n)),
            "town": rng.choice(["Bonn", "Ulm"], size=n),
            "rooms": rng.integers(1, 5, n),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
        }
    )
    y = 3 * frame["size"] + 4 * (frame["colour"] == "red") + 2 * (frame["town"] == "Ulm") + frame["rooms"]
    frame.loc[::7, "size"] = np.nan
    frame.loc[::11, "colour"] = None
    return frame, (y.to_numpy() + 0.1 * rng.normal(size=n))


# -- they are Shapley values ---------------------------------------------------------


def test_they_are_those_of_all_coalitions_where_columns_act_in_pairs(numbers):
    X, y = numbers

    class Product(Ridge):
        def fit(self, X, y, sample_weight=None):
            return super().fit(self._with(X), y)

        def predict(self, X):
            return super().predict(self._with(X))

        @staticmethod
        def _with(X):
            return np.column_stack([X, X[:, 0] * X[:, 1]])

    ensemble = regressor(("product", Product()), finalize="refit").fit(X, y)
    background = X[60:85]
    explanation = ensemble.explain(X[:2], background=background, n_permutations=1)
    assert explanation.methods == {"product": "permutation"}
    for row, own in zip(X[:2], explanation, strict=True):
        np.testing.assert_allclose(own[:-1], shapley(ensemble.predict, row, background), atol=1e-10)
    np.testing.assert_allclose(explanation.base_values, ensemble.predict(background).mean())


def test_more_permutations_come_closer_to_all_coalitions(numbers):
    X, y = numbers
    ensemble = regressor(KNN, finalize="refit").fit(X, y)
    background = X[60:85]
    expected = np.array([shapley(ensemble.predict, row, background) for row in X[:6]])
    errors = [
        np.abs(ensemble.explain(X[:6], background=background, n_permutations=n).values - expected).mean()
        for n in (1, 50)
    ]
    assert errors[1] < 0.5 * errors[0]


def test_a_linear_model_gets_its_coefficients_times_the_distance_to_the_mean(numbers):
    X, y = numbers
    ensemble = regressor(("bare", LinearRegression()), finalize="refit").fit(X, y)
    explanation = ensemble.explain(X[:5], method="permutation", background=X[50:90])
    coefficients = ensemble.members_["bare"].models[0].models[0].estimator.coef_
    np.testing.assert_allclose(explanation.values, coefficients * (X[:5] - X[50:90].mean(axis=0)), atol=1e-10)
    assert explanation.methods == {"blend": "permutation"}


# -- they add up, whatever is explained ----------------------------------------------


def test_only_members_without_exact_contributions_are_estimated(numbers):
    X, y = numbers
    ensemble = regressor("ridge", KNN).fit(X, y)
    explanation = ensemble.explain(X)
    assert explanation.methods == {"ridge": "exact", "near": "permutation"}
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(X), rtol=1e-9)
    ridge = ensemble.reblend(blender("weighted", weights=[1, 0])).explain(X)
    near = ensemble.reblend(blender("weighted", weights=[0, 1])).explain(X)
    np.testing.assert_allclose(np.asarray(explanation), (ridge + near) / 2)


@pytest.mark.parametrize("blend", ["vote", PoissonRegressor()], ids=repr)
def test_blends_that_are_not_linear_are_estimated_as_a_whole(blend, numbers):
    X, y = numbers
    ensemble = regressor("ridge", "elastic_net", KNN, blend=blend).fit(X, y)
    explanation = ensemble.explain(X[:30])
    assert explanation.methods == {"blend": "permutation"}
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(X[:30]), rtol=1e-9)


def test_a_transformed_target_is_explained_in_its_own_units(numbers):
    X, y = numbers
    ensemble = regressor("ridge", target_transform="log1p").fit(X, np.exp(y / 10))
    explanation = ensemble.explain(X[:25])
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(X[:25]), rtol=1e-9)
    assert explanation.methods == {"ridge": "permutation"}


CONTAINERS = {
    "pandas": lambda part: part,
    "polars": pl.from_pandas,
    "pyarrow": lambda part: pa.Table.from_pandas(part, preserve_index=False),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same(container, mixed):
    frame, y = mixed
    make = CONTAINERS[container]
    explanations = [
        regressor(KNN, finalize="refit").fit(to(frame), y).explain(to(frame[:8]), background=to(frame[40:60]))
        for to in (make, lambda part: part)
    ]
    np.testing.assert_allclose(*explanations, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("container", ["pandas", "polars", "objects"])
def test_an_estimator_of_frames_gets_frames(container, mixed):
    frame, y = mixed
    kept = frame[["town", "rooms"]]
    make = {**CONTAINERS, "objects": lambda part: part.to_numpy(dtype=object)}[container]
    place = 0 if container == "objects" else "town"
    own = make_pipeline(make_column_transformer((OneHotEncoder(), [place]), remainder="passthrough"), Ridge())
    ensemble = regressor(("own", own), finalize="refit").fit(make(kept), y)
    explanation = ensemble.explain(make(kept[:8]), background=make(kept[40:60]))
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(make(kept[:8])), rtol=1e-9)
    town = (kept["town"] == "Ulm").to_numpy()
    slope = np.diff([explanation.values[town[:8] == ulm, 0].mean() for ulm in (False, True)])
    np.testing.assert_allclose(slope, 2, atol=1.0)


def test_categories_of_two_frames_are_joined(mixed):
    frame, y = mixed
    own = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())
    kept = frame[["colour", "town"]]
    ensemble = regressor(("own", own), finalize="refit").fit(kept, y)
    some = kept[:6].assign(colour=kept["colour"][:6].cat.remove_unused_categories())
    explanation = ensemble.explain(some, background=kept[30:60])
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(some), rtol=1e-9)


def test_sparse_rows_are_explained(numbers):
    X, y = numbers
    sparse = csr_matrix(np.where(np.abs(X) > 0.5, X, 0.0))
    ensemble = regressor(KNN).fit(sparse, y)
    explanation = ensemble.explain(sparse[:20])
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(sparse[:20]), rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_explained(n_classes, numbers):
    X, y = numbers
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [20, 22][: n_classes - 1])]
    ensemble = EnsembleClassifier(["ridge", KNN], cv=3, random_state=0, n_jobs=1).fit(X, labels)
    explanation, probabilities = ensemble.explain(X[:25]), ensemble.predict_proba(X[:25])
    if n_classes == 2:
        assert explanation.shape == (25, 4)
        assert explanation.unit == "probability of middle"
        np.testing.assert_allclose(explanation.prediction, probabilities[:, 1], atol=1e-12)
    else:
        assert explanation.shape == (25, 3, 4)
        assert explanation.outputs == ("high", "low", "middle")
        np.testing.assert_allclose(explanation.prediction, probabilities, atol=1e-12)
        np.testing.assert_allclose(explanation.of("low"), np.asarray(explanation)[:, 1])
        assert explanation.of("low").unit == "probability of low"
        np.testing.assert_allclose(np.asarray(explanation).sum(axis=(1, 2)), 1.0)


def test_votes_and_labels_are_explained(numbers):
    X, y = numbers
    votes = EnsembleClassifier(["ridge", KNN, "elastic_net"], blender("vote", voting="hard"), cv=3, random_state=0)
    explanation = votes.fit(X, y > 20).explain(X[:25])
    assert explanation.unit == "votes for True"
    np.testing.assert_allclose(explanation.prediction * 3, np.round(explanation.prediction * 3), atol=1e-9)
    assert set(votes.predict(X[:25])[explanation.prediction > 0.5]) == {True}
    several = EnsembleClassifier(["ridge", KNN], cv=3, random_state=0).fit(X, np.column_stack([y > 20, y > 21]))
    explanation = several.explain(X[:25])
    assert explanation.shape == (25, 2, 4)
    np.testing.assert_allclose(explanation.prediction, several.predict_proba(X[:25]), atol=1e-12)


def test_several_targets_are_explained(numbers):
    X, y = numbers
    targets = pd.DataFrame({"sum": y, "difference": X[:, 0] - X[:, 1]})
    ensemble = regressor("ridge", KNN).fit(X, targets)
    explanation = ensemble.explain(X[:25])
    assert explanation.shape == (25, 2, 4)
    assert explanation.outputs == ("sum", "difference")
    np.testing.assert_allclose(explanation.prediction, ensemble.predict(X[:25]), rtol=1e-9, atol=1e-9)
    assert explanation.of("sum").unit == "target sum"


# -- they are the same again ---------------------------------------------------------


def test_the_seed_of_the_fit_decides_and_numpys_own_generator_is_left_alone(numbers, tmp_path):
    X, y = numbers
    ensemble = regressor(KNN).fit(X, y)
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    first = ensemble.explain(X[:25])
    assert np.random.random() == expected
    np.testing.assert_array_equal(ensemble.explain(X[:25]), first)
    np.testing.assert_array_equal(load(ensemble.save(tmp_path / "model")).explain(X[:25]), first)


# -- what is refused, before any work ------------------------------------------------


def test_few_rows_need_a_background(numbers):
    X, y = numbers
    ensemble = regressor(KNN).fit(X, y)
    with pytest.raises(ParameterError, match="X has 3 rows, and what has no exact contributions .* pass some as back"):
        ensemble.explain(X[:3])
    assert ensemble.explain(X[:3], background=X[20:50]).shape == (3, 4)
    with pytest.raises(InputError, match="features"):
        ensemble.explain(X[:3], background=X[20:50, :2])


@pytest.mark.parametrize("wrong", [{"method": "lime"}, {"n_permutations": 0}, {"n_permutations": 1.5}])
def test_wrong_arguments_are_named(wrong, numbers):
    X, y = numbers
    ensemble = regressor(KNN).fit(X, y)
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ParameterError, match=f"{name} is {value!r}, expected"):
        ensemble.explain(X, **wrong)


def test_without_the_library_the_extra_is_named(numbers, monkeypatch):
    X, y = numbers
    monkeypatch.setattr("byoe.ensemble._explaining.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "shap", None)
    ensemble = regressor("ridge", KNN).fit(X, y)
    with pytest.raises(
        ParameterError, match=r"member 'near' cannot be explained: .*pip install 'byoe-ensemble\[shap\]'"
    ):
        ensemble.explain(X)
    with pytest.raises(ParameterError, match=r"blender vote is not .*pip install 'byoe-ensemble\[shap\]'"):
        ensemble.reblend("vote").explain(X)
    with pytest.raises(MissingExtraError, match=r"needs 'shap'.*\[shap\]"):
        ensemble.explain(X, method="permutation")
    assert ensemble.reblend(blender("weighted", weights=[1, 0])).explain(X).methods == {"ridge": "exact"}


def test_a_refused_member_is_found_before_others_are_explained(numbers, monkeypatch):
    X, y = numbers
    ensemble = regressor("ridge", KNN).fit(X, y)
    of_member, sizes = FittedMember.contributions, []

    def counted(self, table, threads):
        sizes.append(len(table))
        return of_member(self, table, threads)

    monkeypatch.setattr(FittedMember, "contributions", counted)
    with pytest.raises(ParameterError, match="member 'near' cannot be explained"):
        ensemble.explain(X, method="exact")
    assert sizes == [1, 1]


def test_the_library_is_not_loaded_where_everything_is_exact():
    code = (
        "import sys, numpy as np; from byoe import EnsembleRegressor; X = np.arange(60.0).reshape(30, 2); "
        "EnsembleRegressor(['ridge'], cv=3, n_jobs=1).fit(X, X[:, 0]).explain(X); assert 'shap' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
