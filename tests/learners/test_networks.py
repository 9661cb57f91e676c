"""The networks of ``mlp``: how they are trained, when they end, and what they take."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss

import byoe
from byoe import EnsembleClassifier, EnsembleRegressor
from byoe.contracts import _deadline
from byoe.contracts._deadline import Deadline, until
from byoe.contracts._learner import StopRows
from byoe.contracts._row_loss import AbsoluteError
from byoe.errors import ParameterError
from byoe.learners import _network_fits
from byoe.learners._networks import Inputs, NetworksModel
from byoe.learners._training import Network, Recipe, Sample, passes, shares
from byoe.learners.mlp import NetworkModel
from byoe.plugins import Task

REGRESSION, TWO = Task("regression"), Task("classification", 2)


@pytest.fixture
def table(rng):
    X = rng.normal(size=(240, 4))
    return X, X[:, 0] + np.abs(X[:, 1]) + 0.3 * rng.normal(size=240)


def fit(X, y, task=REGRESSION, weight=None, seed=0, params=None, **given):
    made = byoe.learner("mlp", **(params or {"hidden_units": [16]}))
    return made.fit(X, y, task=task, sample_weight=weight, seed=seed, threads=1, **given)


def sample(rows, targets, *, classes=False, weight=None):
    single = [np.asarray(one, dtype=np.float32) for one in (rows, targets)]
    return Sample(
        Inputs(np.zeros(rows.shape[1]), np.ones(rows.shape[1])), single[0], True, single[1], weight, classes, 0
    )


@pytest.mark.parametrize("classes", [False, True], ids=["squared error", "cross-entropy"])
def test_the_gradient_is_that_of_differences(classes, rng):
    rows = rng.normal(size=(12, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 12)]
    network = Network((3, 5, 4, 3), rng)
    network.values += 0.3 * rng.standard_normal(len(network.values)).astype(np.float32)

    def loss():
        scores = network.scores(rows).astype(np.float64)
        apart = -targets * np.log(shares(scores)) if classes else (scores - targets) ** 2
        return apart.sum() / len(rows)

    def residuals(scores):
        return ((shares(scores) if classes else scores) - targets) * np.float32((1 if classes else 2) / len(rows))

    network.backward(rows, residuals, lambda _: None)
    for place in range(len(network.values)):
        kept, found = network.values[place], []
        for step in (1e-3, -1e-3):
            network.values[place] = kept + np.float32(step)
            found.append(loss())
        network.values[place] = kept
        assert (found[0] - found[1]) / 2e-3 == pytest.approx(network.gradient[place], abs=5e-3)


def test_without_hidden_layers_it_comes_to_least_squares(rng):
    rows = rng.normal(size=(200, 3))
    y = rows @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.normal(size=200)
    recipe = Recipe((), lr=0.02, rows_per_batch=50, dropout=0.0, weight_decay=0.0)
    *_, network = passes(sample(rows, y[:, None]), recipe, 150)
    ((weights, offsets),) = network.finished()
    exact = np.linalg.lstsq(np.c_[rows, np.ones(200)], y, rcond=None)[0]
    np.testing.assert_allclose(np.r_[weights[:, 0], offsets], exact, atol=5e-3)


def test_dropout_keeps_the_mean(rng):
    from byoe.learners._training import _dropping

    factors = _dropping(0.25, 400, rng)(400)
    assert np.unique(factors).tolist() == [0.0, pytest.approx(4 / 3)]
    assert factors.mean() == pytest.approx(1.0, abs=0.01)
    assert _dropping(0.0, 4, rng)(4) is None


def test_dropout_falls_where_there_are_more_rows(rng):
    found = [_network_fits.usual_dropout(n_rows) for n_rows in (0, 100, 2_500, 5_000, 18_750, 18_751)]
    assert found == pytest.approx([0.15, 0.15, 0.15, 0.075, 0.02, 0.0])
    rows = rng.normal(size=(3_000, 2))
    y = rows[:, 0] ** 2
    recipes = ({}, {"dropout": 0.125}, {"dropout": 0.15})
    usual, same, other = (fit(rows, y, params={"n_epochs": 1, **given}).predict(rows) for given in recipes)
    np.testing.assert_array_equal(usual, same)
    assert not np.allclose(usual, other)


def test_columns_are_bent_in_the_scale_of_their_quartiles(rng):
    column = rng.normal(50.0, 8.0, 400)
    rare = np.r_[np.zeros(380), rng.normal(size=20)]
    inputs = Inputs.of(np.column_stack([column, rare, np.arange(400) % 2, np.full(400, 7.0)]))
    quartiles = np.quantile(column, [0.25, 0.5, 0.75])
    z = (quartiles - quartiles[1]) / (quartiles[2] - quartiles[0])
    found = inputs.transform(np.column_stack([quartiles, np.zeros(3), [0.0, 1.0, 1.0], np.full(3, 7.0)]))
    np.testing.assert_allclose(found[:, 0], z / np.sqrt(1 + (z / 3) ** 2))
    assert inputs.scale[1] == pytest.approx(2 / np.ptp(rare))  # whose quartiles are the same
    assert inputs.center[2:].tolist() == [0.0, 0.0]
    assert inputs.scale[2:].tolist() == [1.0, 1.0]
    assert np.abs(inputs.transform(np.full((1, 4), 1e300))).max() <= 3.0


def test_values_fill_the_bins_between_quantiles(rng):
    column = rng.permutation(np.arange(401.0))
    skewed = np.r_[np.zeros(300), np.arange(101.0)]
    inputs = Inputs.of(np.column_stack([column, np.arange(401) % 2, skewed, np.full(401, 7.0)]), n_bins=4)
    assert inputs.bins.columns.tolist() == [0, 0, 0, 0, 2]  # most of the third column is zero
    assert inputs.width == 9
    rows = np.column_stack([[-50.0, 0.0, 150.0, 400.0, 1e9], np.zeros(5), np.zeros(5), np.full(5, 7.0)])
    found = inputs.transform(rows)[:, 4:8]
    expected = [[-0.5] * 4, [-0.5] * 4, [0.5, 0.0, -0.5, -0.5], [0.5] * 4, [0.5] * 4]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_values_that_rounding_tells_apart_make_no_bin():
    column = np.r_[np.full(100, 0.3), np.full(100, 0.1 + 0.2), np.arange(100.0)]
    assert Inputs.of(column[:, None], n_bins=8).bins.width.min() > 0.01


def test_a_value_far_off_leaves_the_bins_of_the_others(rng):
    column = rng.normal(size=400)
    bins = Inputs.of(np.append(column, 1e8)[:, None], n_bins=8).bins
    np.testing.assert_allclose(bins.lower, Inputs.of(column[:, None], n_bins=8).bins.lower, atol=0.05)


def test_bins_learn_what_jumps(rng):
    X = rng.uniform(0, 24, size=(600, 3))
    y = np.floor(X[:, 0] / 3) % 2 + np.where(np.abs(X[:, 1] - 8) < 1.5, 2.0, 0.0) + 0.1 * rng.normal(size=600)
    losses = [
        np.mean((fit(X[:400], y[:400], params={"n_bins": bins, "n_epochs": 40}).predict(X[400:]) - y[400:]) ** 2)
        for bins in (None, 16)
    ]
    assert losses[1] < 0.6 * losses[0]


def test_bins_are_saved_and_taken_batch_by_batch_where_a_table_is_large(table, tmp_path, monkeypatch):
    X, y = table
    params = {"hidden_units": [5], "n_bins": 6, "n_epochs": 4}
    model = fit(X, y, params=params)
    assert model.inputs.width == 4 + 4 * 6
    model.save(tmp_path)
    assert np.array_equal(NetworksModel.load(tmp_path / "networks.npz", REGRESSION).predict(X), model.predict(X))
    samples, passes = [], _network_fits.passes
    monkeypatch.setattr(_network_fits, "passes", lambda sample, *rest: samples.append(sample) or passes(sample, *rest))
    monkeypatch.setattr(_network_fits, "_MOST_CELLS", 0)
    assert np.array_equal(fit(X, y, params=params).predict(X), model.predict(X))
    assert not any(sample.transformed for sample in samples)


def test_files_from_before_there_were_bins_are_read(table, tmp_path):
    model = fit(*table)
    model.save(tmp_path)
    with np.load(tmp_path / "networks.npz") as arrays:
        older = {name: arrays[name] for name in arrays if name != "bins"}
    np.savez(tmp_path / "networks.npz", **older)
    assert np.array_equal(
        NetworksModel.load(tmp_path / "networks.npz", REGRESSION).predict(table[0]), model.predict(table[0])
    )


def test_bins_count_in_what_a_fit_is_guessed_to_take():
    plain, binned = byoe.learner("mlp"), byoe.learner("mlp", n_bins=8)
    assert binned.memory(1000, 10, task=REGRESSION) - plain.memory(1000, 10, task=REGRESSION) == 4 * 8 * 1000 * 10
    assert binned.memory(10**8, 10, task=REGRESSION) == plain.memory(10**8, 10, task=REGRESSION)  # batch by batch
    assert binned.seconds(1000, 10, task=REGRESSION, stopping=True) > plain.seconds(
        1000, 10, task=REGRESSION, stopping=True
    )


def test_columns_of_two_values_and_a_single_row_have_no_bins(rng):
    X = rng.integers(0, 2, size=(60, 3)).astype(float)
    assert Inputs.of(X, n_bins=8).width == 3
    assert Inputs.of(X[:1], n_bins=8).width == 3
    assert Inputs.of(np.arange(4.0)[:, None], n_bins=10**6).width == 5


def test_sparse_rows_have_no_bins(rng):
    X = csr_matrix(rng.normal(size=(150, 6)) * (rng.random((150, 6)) < 0.3))
    y = X @ np.arange(6.0)
    assert np.array_equal(fit(X, y, params={"n_bins": 8}).predict(X), fit(X, y, params={"lr": 0.04}).predict(X))


def test_a_far_value_in_a_row_to_predict_leaves_the_range_of_the_target(table):
    X, y = table
    far = X.copy()
    far[:, 0] = 1e12
    assert np.abs(fit(X, y).predict(far) - y.mean()).max() < 10 * np.ptp(y)


def test_it_stops_at_the_pass_with_the_least_loss_and_learns_nothing_from_the_rows_watched(rng):
    X = rng.normal(size=(400, 10))
    y = (X[:, 0] + 2.0 * rng.normal(size=400) > 0).astype(int)
    stop = StopRows(X[300:], y[300:], None, 50)
    found = fit(X[:300], y[:300], TWO, stop=stop, params={"n_networks": 1})
    losses = []
    for rounds in range(1, 17):
        model = fit(X[:300], y[:300], TWO, rounds=rounds, params={"n_networks": 1})
        assert model.rounds == rounds
        losses.append(log_loss(y[300:], model.predict(X[300:])[:, 1]))
        if rounds == found.rounds:
            assert np.array_equal(model.predict(X), found.predict(X))
    assert found.rounds == 1 + int(np.argmin(losses))
    assert losses[-1] > min(losses) + 0.05


@pytest.mark.parametrize("metric", ["neg_mean_absolute_error", "neg_root_mean_squared_error"])
def test_the_ensemble_finds_the_passes_by_its_metric_and_fits_all_rows(metric, table):
    X, y = table
    for target in (y, np.column_stack([y, y**2])):
        made = EnsembleRegressor(["mlp"], "mean", cv=2, metric=metric, random_state=0, n_jobs=1).fit(X, target)
        assert all(1 <= model.rounds[0] <= 60 for model in made.members_["mlp"].models)
        assert np.corrcoef(made.predict(X).T.reshape(-1), target.T.reshape(-1))[0, 1] > 0.7


def test_what_is_watched_is_the_metric(table):
    X, y = table
    y = np.where(np.arange(240) % 9 == 0, y + 30.0, y)
    rounds = [
        fit(X[:160], y[:160], stop=StopRows(X[160:], y[160:], None, 50, one)).rounds for one in (None, AbsoluteError())
    ]
    assert rounds[0] != rounds[1]


@pytest.mark.parametrize("number", [1, 3])
def test_several_networks_are_averaged_and_saved_without_a_pickle(number, table, tmp_path):
    X, y = table
    made = byoe.learner("mlp", hidden_units=[5, 4], n_networks=number, n_epochs=5)
    model = made.fit(X, y, task=REGRESSION, sample_weight=None, seed=3, threads=1)
    assert isinstance(model, NetworksModel)
    assert len(model.networks) == number
    alone = [NetworksModel(model.inputs, [one], model.center, model.scale, REGRESSION) for one in model.networks]
    np.testing.assert_allclose(model.predict(X), np.mean([one.predict(X) for one in alone], axis=0), rtol=1e-12)
    assert np.ptp([one.predict(X[:1]) for one in alone]) > 0 or number == 1
    model.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["networks.npz"]
    assert np.array_equal(made.load(tmp_path, task=REGRESSION).predict(X), model.predict(X))
    assert model.predict(X[:0]).shape == (0,)


def test_weights_count_in_proportion(table):
    X, y = table
    plain = fit(X, y).predict(X)
    np.testing.assert_allclose(fit(X, y, weight=np.full(240, 4.0)).predict(X), plain, rtol=1e-12)
    assert not np.allclose(fit(X, y, weight=1.0 + (y > 0)).predict(X), plain)


def test_sparse_rows_are_predicted_as_dense_ones_are(rng):
    X = rng.normal(size=(150, 6)) * (rng.random((150, 6)) < 0.3)
    model = fit(csr_matrix(X), X @ np.arange(6.0))
    np.testing.assert_allclose(model.predict(csr_matrix(X)), model.predict(X), rtol=1e-12)
    assert np.corrcoef(model.predict(X), X @ np.arange(6.0))[0, 1] > 0.9


def test_a_constant_target_and_a_table_without_information(rng):
    X = np.ones((40, 2))
    assert np.array_equal(fit(X, np.full(40, 1e9 + 0.1)).predict(X), np.full(40, 1e9 + 0.1))
    np.testing.assert_allclose(fit(X, rng.normal(5.0, 1e-3, 40)).predict(X), 5.0, atol=1e-2)


def test_a_limit_cuts_the_passes_and_then_the_networks(table):
    X, y = table
    with until(deadline := Deadline(0.3)):
        model = fit(X, y, params={"n_epochs": 10**7, "n_networks": 10**6})
    assert 1 <= model.rounds <= 10**7
    assert len(model.networks) < 10**6
    assert 1 <= deadline.cut[0] < 10**7
    with until(deadline := Deadline(600.0)):
        same = fit(X, y)
    assert deadline.cut == []
    assert np.array_equal(same.predict(X), fit(X, y).predict(X))


def test_what_was_found_in_fewer_passes_is_fitted_as_far_down_the_learning_rate(table, monkeypatch):
    X, y = (part[:160] for part in table)
    stop = StopRows(table[0][160:], table[1][160:], None, 50)
    monkeypatch.setattr(_network_fits, "_in_time", lambda sample, recipe, wanted, share: min(wanted, 10))
    found = fit(X, y, stop=stop)
    with until(deadline := Deadline(600.0)):
        whole, half = (fit(X, y, rounds=rounds) for rounds in (60, 30))
    monkeypatch.undo()
    assert found.rounds % 6 == 0  # of 60, where ten were planned
    assert (whole.rounds, half.rounds, deadline.cut) == (60, 30, [10, 10])
    for model, epochs in ((whole, 10), (half, 20)):
        alike = fit(X, y, rounds=10, params={"hidden_units": [16], "n_epochs": epochs})
        assert np.array_equal(model.predict(X), alike.predict(X))


def test_where_a_pass_takes_long_one_shows_how_long(table, monkeypatch):
    now, made, real = [0.0], [], _network_fits.passes

    def slow(*given):
        for network in real(*given):
            now[0] += 10.0
            made.append(now[0])
            yield network

    monkeypatch.setattr(_network_fits, "passes", slow)
    for module in (_network_fits, _deadline):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with until(deadline := Deadline(100.0)):
        model = fit(*table)
    # One to see that a pass takes 10 seconds, and 0.85 of the 90 that are left.
    assert len(made) == 1 + 7
    assert (len(model.networks), deadline.cut) == (1, [7, 7])
    with until(Deadline(0.0)):
        assert len(fit(*table).networks) == 1
    assert len(made) == 1 + 7 + 2


def test_parameters_of_scikit_learn_mean_its_perceptron(table):
    X, y = table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert isinstance(fit(X, y, params={"max_iter": 5}), NetworkModel)
    assert isinstance(fit(X, y, params={"random_state": 5}), NetworksModel)
    first, second = (fit(X, y, seed=seed, params={"random_state": 5, "n_epochs": 3}).predict(X) for seed in (1, 2))
    assert np.array_equal(first, second)
    assert not byoe.learner("mlp", max_iter=5).stops
    with pytest.raises(ParameterError, match=r"'alpha' belong to scikit-learn's perceptron, and 'dropout' to byoe's"):
        EnsembleRegressor([byoe.learner("mlp", dropout=0.1, alpha=1.0)]).fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_units": 64}, "expected a list of positive whole numbers"),
        ({"hidden_units": [0]}, "expected a list of positive whole numbers"),
        ({"n_networks": 0}, "expected a positive whole number"),
        ({"n_bins": 0}, "expected a positive whole number"),
        ({"random_state": -1}, "expected a whole number that is not negative"),
        ({"random_state": 0.0}, "expected a whole number that is not negative"),
        ({"n_epochs": 2.5}, "expected a positive whole number"),
        ({"rows_per_batch": True}, "expected a positive whole number"),
        ({"dropout": 1.0}, "expected a number from 0 to below 1"),
        ({"lr": "fast"}, "expected a number that is not negative"),
        ({"weight_decay": float("nan")}, "expected a number that is not negative"),
    ],
)
def test_values_that_no_network_can_have(params, message, table):
    with pytest.raises(ParameterError, match=f"{next(iter(params))} is .*{message}"):
        EnsembleRegressor([byoe.learner("mlp", **params)], cv=2).fit(*table)


def test_where_noise_rules_it_is_far_better_than_a_perceptron_that_converges(rng):
    X = rng.normal(size=(400, 8))
    y = (X[:, 0] + 2.0 * rng.normal(size=400) > 0).astype(int)
    losses = []
    for params in ({}, {"max_iter": 300}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = EnsembleClassifier([byoe.learner("mlp", **params)], "mean", cv=2, random_state=0, n_jobs=1)
            losses.append(log_loss(y, made.fit(X, y).oof_predictions_[:, 0]))
    assert losses[0] < 0.9 * losses[1]
