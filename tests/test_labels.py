"""Labels of classes: found among those of a target, and in what is held by label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byoe import EnsembleClassifier
from byoe.errors import ParameterError, PluginError
from byoe.plugins import EstimatorLearner, Learner, Task, register_learner
from byoe.tools._distributions import both_columns, distributions
from byoe.tools._labels import by_code, codes_of, for_part

PRIMES = np.array([2, 3, 5])


class Prior(Learner):
    """Predicts the shares of the classes, weighed by label."""

    tasks = frozenset({"classification"})
    by_label = ("weights_of",)
    seen = []

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        type(self).seen.append((self.own_params().get("weights_of"), task.classes))
        return Shares(np.bincount(y, minlength=task.n_classes) / len(y))


class Shares:
    def __init__(self, shares):
        self.shares = shares

    def predict(self, X, *, threads=1):
        return np.tile(self.shares, (len(X), 1))

    def save(self, folder):
        np.save(folder / "shares.npy", self.shares)


class Told(Prior):
    labelled = True

    def fit(self, X, y, *, task, sample_weight, seed, threads):
        type(self).seen.append((self.own_params().get("weights_of"), np.unique(y)))
        return Shares(np.array([np.mean(y == label) for label in task.classes]))


Prior.load = Told.load = lambda self, folder, *, task, trusted=(): Shares(np.load(folder / "shares.npy"))


@pytest.mark.parametrize(
    ("classes", "labels", "codes"),
    [
        (PRIMES, [2, 5.0, "3", np.int64(3), "7", None, [2]], [0, 2, 1, 1, None, None, None]),
        (np.array(["1", "b"]), ["1", 1, 1.0, "b", True], [0, 0, 0, 1, None]),
        (np.array([False, True]), [True, 0, "true", "False", "yes"], [1, 0, 1, 0, None]),
        (np.array(["01", "1"]), ["01", "1", 1], [0, 1, None]),  # of two that are written alike none is meant
        (np.array([2**60, 2**60 + 1]), [str(2**60 + 1)], [1]),
        (np.array([0.0, 1.0]), ["1", "1.0", 1], [1, 1, 1]),
    ],
)
def test_a_label_is_found_as_it_is_and_as_a_text(classes, labels, codes):
    assert codes_of(labels, classes) == codes


@given(
    st.lists(st.text() | st.integers() | st.booleans(), min_size=1, unique=True).filter(
        lambda labels: len({*map(type, labels)}) == 1
    )
)
def test_every_class_is_its_own_code(labels):
    classes = np.array(sorted(labels), dtype=object)
    assert codes_of(classes, classes) == list(range(len(classes)))


@pytest.mark.parametrize(
    ("present", "labelled", "expected"),
    [
        (None, False, {"m": {0: 7, 2: 9}, "l": {0: 1, 1: 2, 2: 3}}),
        ([1, 2], False, {"m": {1: 9}, "l": {0: 2, 1: 3}}),
        (None, True, {"m": {2: 7, 5: 9}, "l": [1, 2, 3]}),
        ([1, 2], True, {"m": {5: 9}, "l": [2, 3]}),
    ],
)
def test_what_is_held_by_label_for_the_classes_that_are_there(present, labelled, expected):
    held = {"m": {"2": 7, 5: 9}, "l": [1, 2, 3], "word": "balanced", "none": None}
    assert for_part(held, PRIMES, present, labelled=labelled) == expected


def test_values_that_do_not_fit_the_classes():
    assert by_code("balanced", PRIMES) is None
    for value, text in (
        ({2: 1, 4: 1}, "label 4, and the classes are 2, 3, 5"),
        ([1, 2], "2 values for 3"),
        ({2: 1, "2": 1}, "twice"),
    ):
        with pytest.raises(ParameterError, match=text):
            by_code(value, PRIMES)


@pytest.mark.parametrize("kind", [Prior, Told])
def test_a_plugin_gets_what_it_declares(kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), PRIMES[rng.integers(3, size=60)]
    folds = [(np.flatnonzero(y != 5), np.flatnonzero(y == 5))]
    kind.seen.clear()
    with register_learner("prior", kind):
        made = EnsembleClassifier({"prior": {"weights_of": {"3": 2, 5: 4}}}, "mean", cv=folds, random_state=0).fit(X, y)
        assert np.array_equal(made.oof_predictions_[folds[0][1], 0, 2], np.zeros(len(folds[0][1])))
        assert np.allclose(made.predict_proba(X), [np.mean(y == label) for label in PRIMES])
        with pytest.raises(ParameterError, match="member 'prior': weights_of names the label 4"):
            EnsembleClassifier({"prior": {"weights_of": {4: 2}}}, cv=3).fit(X, y)
    (fold, known), (whole, every) = kind.seen
    assert (fold, whole) == (({1: 2}, {1: 2, 2: 4}) if kind is Prior else ({3: 2}, {3: 2, 5: 4}))
    assert (known.tolist(), every.tolist()) == ([2, 3], [2, 3, 5])


def test_a_declaration_by_label_that_is_none():
    for declared, text in ((["a"], "by_label is"), ("class_weight", "by_label is")):
        with pytest.raises(PluginError, match=text):
            register_learner("wrong", type("Wrong", (Prior,), {"by_label": declared}))


def test_a_task_without_labels_is_told_in_codes():
    codes, task = np.array([0, 2]), Task("classification", 3)
    assert task.labels(codes) is codes
    known = Task("classification", 3, classes=PRIMES)
    assert known.labels(codes).tolist() == [2, 5]
    assert known == task
    assert known.of_classes(codes).classes.tolist() == [2, 5]
    assert known.of_classes(codes).n_classes == task.of_classes(codes).n_classes == 2


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=3, max_size=3), min_size=1, max_size=5))
def test_rows_of_a_distribution(rows):
    values = np.array(rows)
    if (values.sum(axis=1) == 0).any():
        with pytest.raises(ValueError, match="no probability at all"):
            distributions(values, "it")
        return
    found = distributions(values, "it")
    assert np.allclose(found.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert np.array_equal(found.argmax(axis=1)[[0]], values.argmax(axis=1)[[0]])
    assert np.array_equal(distributions(found, "it"), found)


def test_a_column_of_the_second_class():
    assert both_columns(np.array([0.25, 1.0 + 1e-9]), "it").tolist() == [[0.75, 0.25], [0.0, 1.0]]
    with pytest.raises(ValueError, match="one column for two classes with values outside"):
        both_columns(np.array([0.5, 2.0]), "it")


def test_an_estimator_of_a_plugin_holds_class_weight_by_label():
    from sklearn.linear_model import LogisticRegression

    class Weighed(EstimatorLearner):
        tasks = frozenset({"classification"})

        def estimator(self, task, y):
            return LogisticRegression(**self.own_params())

    rng = np.random.default_rng(0)
    X, z = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    right = LogisticRegression(class_weight={1: 9}).fit(X, z).predict_proba(X)
    with register_learner("weighed", Weighed):
        made = EnsembleClassifier({"weighed": {"class_weight": {2: 9}}}, "mean", cv=3, finalize="refit", random_state=0)
        assert np.array_equal(made.fit(X, z + 1).predict_proba(X), right)
