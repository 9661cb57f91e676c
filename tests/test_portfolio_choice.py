"""The choice of a portfolio: weights, greedy lists and their tables, on predictions that were made up."""

import argparse
import dataclasses
import importlib
import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from byoe import EnsembleClassifier, learner
from byoe.registry import _portfolios

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def loaded(*names):
    """Import modules of the benchmarks, whose folder is on the path for this long only."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(BENCHMARKS))


blending, candidates, choosing, comparing, judging, measuring, predictions, portfolio = loaded(
    *("portfolios.blending", "portfolios.candidates", "portfolios.choosing", "portfolios.comparing"),
    *("portfolios.judging", "portfolios.measuring", "portfolios.predictions", "portfolio"),
)
Measured = predictions.Measured
N = 6
FEW = tuple(candidates.Candidate(label, "ridge") for label in "abcdef")


def made(kind, seed, n_rows=80, missing=()):
    """Return a set on which members err by noise that they partly share."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(0.3, 1.5, N)
    parts = []
    for _ in range(2):
        errors = levels * (rng.normal(size=(n_rows, N)) + rng.normal(size=(n_rows, 1)))
        parts.append(errors if kind == "regression" else 1 / (1 + np.exp(errors - 1)))
    there = np.array([i not in missing for i in range(N)])
    for part in parts:
        part[:, ~there] = 0
    cost = rng.uniform(0.5, 3, N)
    costs = np.where(there, [cost, cost / 2, 1e6 * cost], np.nan)
    return Measured(f"{kind}{seed}", kind, there, *parts, *costs, (n_rows, n_rows), 0 if kind == "regression" else 3)


SETS = [made(kind, seed) for seed, kind in enumerate(("regression", "binary", "multiclass", "regression"))]


@pytest.fixture
def table():
    return choosing.Table(SETS, FEW, "ab")


def every(_chosen, _new):
    return True


@pytest.mark.parametrize("one", SETS, ids=lambda one: one.name)
@pytest.mark.parametrize("members", [[0], [1, 4], [0, 2, 3], list(range(N))])
def test_weights_are_those_of_the_least_loss(one, members):
    pool = np.isin(np.arange(N), members)
    w = blending.weights(one, pool[None])[0]
    assert w.sum() == pytest.approx(1, abs=1e-6)
    assert (w >= 0).all()
    assert (w[~pool] == 0).all()
    free = {"method": "SLSQP", "bounds": [(0, 1)] * len(members), "options": {"ftol": 1e-12, "maxiter": 500}}
    free["constraints"] = {"type": "eq", "fun": lambda v: v.sum() - 1}

    def loss(v):
        whole = np.zeros(N)
        whole[members] = v
        return one.losses(whole[None], on_test=False)[0]

    least = minimize(loss, np.full(len(members), 1 / len(members)), **free).fun
    # The EM algorithm is stopped early.
    assert loss(w[members]) == pytest.approx(least, rel=1e-5 if one.kind == "regression" else 5e-3)


def test_weights_of_many_pools_are_those_of_each():
    pools = np.random.default_rng(0).random((7, N)) < 0.5
    pools[0] = True
    for one in SETS:
        alone = np.vstack([blending.weights(one, pool[None]) for pool in pools])
        np.testing.assert_allclose(blending.weights(one, pools), alone, atol=1e-9)


def test_a_member_that_was_not_measured_has_no_weight():
    for kind in ("regression", "binary"):
        w = blending.weights(made(kind, 3, missing=(0, 1)), np.eye(N, dtype=bool) | (np.arange(N) == 5))
        assert (w[:, :2] == 0).all()
        assert np.isnan(blending.weights(made(kind, 3, missing=(0, 1)), np.arange(N)[None] < 2)).all()


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_greedy_list_is_the_best_that_brute_force_finds_step_by_step(table, k):
    found = choosing.forward(table, k, allowed=every)
    longer = [[*found[:-1], i] for i in range(N) if i not in found[:-1]]
    assert found == longer[int(np.argmin([table.score([one])[0] for one in longer]))]
    assert found[:-1] == choosing.forward(table, k - 1, allowed=every)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_exchanges_leave_a_list_that_no_exchange_betters_and_brute_force_hardly(table, k):
    found = choosing.best_within(table, k, allowed=every, per_cost=np.ones(N))
    scores = {members: table.score([members])[0] for members in itertools.combinations(range(N), k)}
    reached, least = table.score([found])[0], min(scores.values())
    alike = [members for members in scores if len(set(members) & set(found)) == k - 1]
    assert all(scores[members] > reached - 2e-3 for members in alike)
    assert len(found) <= k
    assert reached <= least + 0.02


def test_what_is_better_for_its_cost_comes_first(table):
    gains = -table.score([[i] for i in range(N)])
    cheap = int(np.argsort(gains)[-2])  # not the best
    cost = np.where(np.arange(N) == cheap, 1e-3, 1.0)
    assert choosing.forward(table, 1, allowed=every)[0] != cheap
    assert choosing.forward(table, 1, allowed=every, per_cost=cost)[0] == cheap
    found = choosing.in_order(table, [1, 3, cheap])
    assert sorted(found) == sorted([1, 3, cheap])
    assert found[0] == max(found, key=lambda i: (2 + gains[i]) / table.cost()[i])


def test_a_list_ends_where_more_members_help_no_more(table):
    members = choosing.forward(table, N, allowed=every)
    shorter = choosing.worth_it(table, members)
    scores = [table.score([members[: k + 1]])[0] for k in range(N)]
    assert shorter == members[: len(shorter)]
    assert scores[len(shorter) - 1] <= min(scores) + 1e-3
    assert all(score > min(scores) + 1e-3 for score in scores[: len(shorter) - 1])


def test_a_list_keeps_to_its_limits():
    others = ("ridge", "ridge", "knn", "ridge", "mlp", "ridge")
    few = [candidates.Candidate(one.label, name) for one, name in zip(FEW, others, strict=True)]
    few[3] = candidates.Candidate("d", "svm", task="classification")
    table = choosing.Table(SETS, few, "ab")
    costs = np.array(table.costs())
    np.testing.assert_allclose(costs[:, :2].sum(axis=1), 1)  # in multiples of the members a and b
    everything = (20, 50, 20)
    for limits, alone in (((1.2, 20, 20), True), ((20, 1.2, 20), False), (everything, True), ((20, 50, 1.2), False)):
        allowed = choosing.within(table, *limits, alone=alone)
        found = choosing.best_within(table, 6, allowed=allowed, per_cost=costs[0])
        assert (costs[:, found].sum(axis=1) <= limits).all()
        assert 3 not in found
        assert not alone or len({others[i] for i in found}) == len(found)
    assert choosing.within(table, *everything, alone=False)([0], 1)
    assert not choosing.within(table, *everything)([0], 1)


def test_what_was_stopped_costs_most_and_loses_like_the_median():
    lost = made("binary", 3, missing=(2,))
    one = choosing.Table([lost], FEW, "ab")
    assert one.losses([[2]])[0, 0] == one.usual[0] == np.nanmedian(lost.singles())
    assert one.losses([[2, 3]])[0, 0] == pytest.approx(lost.singles()[3])


def test_neighbours_are_charged_for_tables_that_grow():
    few = [*FEW[:5], candidates.Candidate("f", "knn")]
    grown, usual = (choosing.Table(SETS, one, "ab").costs()[1] for one in (few, FEW))
    np.testing.assert_allclose(grown, usual * [1, 1, 1, 1, 1, 10])


def test_a_set_is_judged_by_lists_that_never_saw_it(monkeypatch):
    monkeypatch.setattr(judging, "Table", lambda sets: choosing.Table(sets, FEW, "ab"))
    before = {"default before": "ab", "best before": "abc"}
    monkeypatch.setattr(judging, "_BEFORE", before)
    seen = []

    def choose(table):
        seen.append({one.name for one in table.sets})
        return {name: ["e"] for name in judging.LISTS}

    found = judging.left_out(SETS, choose)
    assert seen == [{one.name for one in SETS} - {left.name} for left in SETS]
    more = [dataclasses.replace(SETS[0], name=f"{SETS[0].name}@9000"), *SETS]
    seen.clear()
    judging.left_out(more, choose)
    assert seen[0] == {one.name for one in SETS[1:]}
    assert seen[1:] == [{one.name for one in more} - {left.name} for left in SETS[1:]]
    np.testing.assert_allclose(found["fast"], [one.singles()[4] for one in SETS])
    assert "| best before | 3 | " in judging.gains(
        choosing.Table(SETS, FEW, "ab"), found, dict.fromkeys(judging.LISTS, "e")
    )


def test_the_longest_list_goes_on_where_the_default_one_ends(monkeypatch):
    monkeypatch.setattr(choosing, "BEFORE", ("a", "b"))
    monkeypatch.setattr(choosing, "LIMITS", {"fast": (2, *[20] * 3), "default": (3, *[20] * 3), "best": (5, *[50] * 3)})
    table = choosing.Table(SETS, FEW, "ab")
    for kept in ({}, {"default": ("d", "a"), "fast": ("c",)}):
        found = choosing.portfolios(table, **kept)
        assert found["best"][: len(found["default"])] == found["default"][: len(found["best"])]
        assert all(set(found[name]) == set(labels) for name, labels in kept.items())
    assert {"a", "b"} < set(choosing.portfolios(table)["default"])


def test_a_list_replaces_another_where_it_is_better_on_average():
    table = choosing.Table(SETS, FEW, "ab")
    found = {"good": table.usual * [0.8, 0.9, 1.05, 0.9], "bad": table.usual}
    assert judging.is_better(table, found, "good", "bad")
    assert not judging.is_better(table, found, "bad", "good")
    assert not judging.is_better(table, found, "bad", "bad")


def test_what_was_never_measured_has_no_line():
    sets = [made(kind, seed, missing=(2,)) for seed, kind in enumerate(("regression", "binary"))]
    lines = judging.boosters(choosing.Table(sets, FEW, "ab"), "ridge").splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == list("abdef")


def test_a_mean_is_told_with_its_standard_error():
    values = np.array([1.0, 2.0, 4.0])
    error = values.std(ddof=1) / np.sqrt(3)
    assert judging.told(values, np.ones(3)) == f"{values.mean():+.2f} ± {error:.2f}"


def test_the_only_one_of_a_learner_has_its_name():
    found = choosing.configurations(["catboost_plain", "xgboost", "xgboost_quick"])
    assert list(found) == ["catboost", "xgboost", "xgboost_quick"]
    assert found["catboost"] == ("catboost", candidates.BY_LABEL["catboost_plain"].params)


def test_lists_are_written_as_they_are_read():
    text = portfolio.written(_portfolios.PORTFOLIOS)
    assert text == portfolio.LIST.read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(_portfolios.PORTFOLIOS))


def test_a_table_tells_of_lists_what_the_predictions_do(tmp_path):
    """Of errors exactly; of classes but for the steps of the log-odds, and a sample of the rows."""
    sets = [
        dataclasses.replace(made(kind, 7, n_rows=3000, missing=(2,)), name=name)
        for kind, name in (("regression", "airfoil"), ("binary", "oj"), ("multiclass", "wine"))
    ]
    predictions.write_table(sets, FEW, tmp_path / "table.npz")
    assert (tmp_path / "table.npz").stat().st_size < 60_000
    kept = predictions.read_table(tmp_path / "table.npz", FEW)
    assert [(one.name, one.kind, one.rows) for one in kept] == [(one.name, one.kind, (3000, 3000)) for one in sets]
    lists = [[0], [1, 4], [0, 2, 3], list(range(N))]
    whole, small = choosing.Table(sets, FEW, "ab"), choosing.Table(kept, FEW, "ab")
    np.testing.assert_allclose(small.losses(lists)[0], whole.losses(lists)[0], rtol=1e-4)
    np.testing.assert_allclose(small.losses(lists), whole.losses(lists), rtol=0.1)
    np.testing.assert_allclose(small.costs(), whole.costs(), rtol=1e-6)
    assert not any(one.there[2] for one in kept)
    with pytest.raises(ValueError, match=r"is of other configurations than those of candidates\.py"):
        predictions.read_table(tmp_path / "table.npz", FEW[:-1])
    with pytest.raises(ValueError, match="is of other configurations"):
        changed = dataclasses.replace(FEW[0], params={"alpha": 2.0})
        predictions.read_table(tmp_path / "table.npz", [changed, *FEW[1:]])


def test_a_table_is_made_in_parts(tmp_path, monkeypatch):
    """A set that was measured anew replaces what was there; the others stay."""
    first = [
        dataclasses.replace(made(kind, 7), name=name) for kind, name in (("regression", "airfoil"), ("binary", "oj"))
    ]
    again = dataclasses.replace(made("binary", 8), name="oj")
    new = dataclasses.replace(made("multiclass", 7), name="wine")
    monkeypatch.setattr(portfolio, "TABLE", tmp_path / "table.npz")
    monkeypatch.setattr(portfolio, "CANDIDATES", FEW)
    (tmp_path / "split.json").write_text('{"rows": 2000, "seed": 0}')
    for sets in (first, [again, new]):
        monkeypatch.setattr(portfolio, "read", lambda folder, *_, sets=sets: sets)
        portfolio._collect(argparse.Namespace(data=tmp_path))
    kept = {one.name: one for one in portfolio._measured()}
    for one in (first[0], again, new):
        predictions.write_table([one], FEW, tmp_path / "alone.npz")
        (alone,) = predictions.read_table(tmp_path / "alone.npz", FEW)
        np.testing.assert_allclose(kept[one.name].singles(), alone.singles(), rtol=1e-6)
        np.testing.assert_array_equal(kept[one.name].seconds, alone.seconds)
    assert len(kept) == 3

    asked = []
    monkeypatch.setattr(measuring, "measure", lambda names, *_: asked.append(names))
    how = {"sets": "iris,oj,wine", "learners": None, "labels": "a,b", "out": tmp_path, "rows": 2000, "seed": 0}
    monkeypatch.setattr(portfolio, "BY_LABEL", {one.label: one for one in FEW})
    for changed in ({"again": False}, {"again": True}, {"again": False, "rows": 9000}, {"again": False, "seed": 1}):
        portfolio._measure(argparse.Namespace(**{**how, **changed}))
    every = ["iris", "oj", "wine"]
    assert [sorted(names) for names in asked] == [["iris"], every, every, every]
    with pytest.raises(SystemExit, match=r"no configurations: \['x'\]; there are \['a', 'b'"):
        portfolio._measure(argparse.Namespace(**{**how, "labels": "a,x", "again": False}))


def test_more_rows_of_a_set_stand_beside_it(tmp_path, monkeypatch):
    """Where there are no more rows than the usual, they would be the same ones."""
    usual, more = made("regression", 7), dataclasses.replace(made("regression", 8), rows=(9000, 80))
    names = ("airfoil", "biomass")
    monkeypatch.setattr(portfolio, "TABLE", tmp_path / "table.npz")
    monkeypatch.setattr(portfolio, "CANDIDATES", FEW)
    for rows, sets in ((2000, [usual, usual]), (9000, [more, dataclasses.replace(usual, rows=(2000, 80))])):
        (tmp_path / "split.json").write_text(json.dumps({"rows": rows, "seed": 0}))
        drawn = [dataclasses.replace(one, name=name) for one, name in zip(sets, names, strict=True)]
        monkeypatch.setattr(portfolio, "read", lambda folder, *_, drawn=drawn: drawn)
        portfolio._collect(argparse.Namespace(data=tmp_path))
    kept = portfolio._measured()
    assert sorted(one.name for one in kept) == ["airfoil", "airfoil@9000", "biomass"]
    assert {one.set for one in kept} == set(names)
    by_rows = judging.by_rows(kept)
    assert {rows: [kept[i].name for i in where] for rows, where in by_rows.items()} == {
        2000: ["airfoil", "biomass"],
        9000: ["airfoil@9000"],
    }
    (tmp_path / "split.json").write_text('{"rows": 2000, "seed": 3}')
    with pytest.raises(SystemExit, match="the table is of seed 0"):
        portfolio._collect(argparse.Namespace(data=tmp_path))


def test_the_steps_of_log_odds_lose_next_to_nothing(tmp_path):
    one = dataclasses.replace(made("binary", 3), name="oj")
    predictions.write_table([one], FEW, tmp_path / "table.npz")
    (kept,) = predictions.read_table(tmp_path / "table.npz", FEW)
    np.testing.assert_allclose(kept.singles(), one.singles(), rtol=0.01)


def test_every_candidate_can_be_made():
    assert len(candidates.BY_LABEL) == len(candidates.CANDIDATES)
    assert {*choosing.FAST_BEFORE, *choosing.BEFORE, *choosing.BEST_BEFORE} <= set(candidates.BY_LABEL)
    for one in candidates.CANDIDATES:
        assert len(learner(one.learner, **one.params).own_params()) == len(one.params)


def test_sets_take_turns_and_cheap_ones_come_first():
    names = [name for half in measuring.division.read().values() for name in half]
    order = measuring.in_turns(names)
    assert sorted(order) == sorted(names)
    assert order.index("iris") < order.index("letter")


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="a fork ends what takes too long")
def test_what_is_measured_is_read_back_and_not_measured_twice(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(60, 3))), rng.integers(3, size=60)
    data = (X[:40], X[40:], y[:40], y[40:])
    monkeypatch.setattr(measuring, "split", lambda name, which: (*data, "classification"))
    monkeypatch.setattr(measuring, "_import_libraries", lambda: None)
    tried = [
        candidates.Candidate("ridge", "ridge"),
        candidates.Candidate("wrong", "ridge", {"alpha": -1.0}),
        candidates.Candidate("lines", "ridge", task="regression"),
    ]
    measuring.measure(["iris"], tried, tmp_path)
    (one,) = predictions.read(tmp_path, tried)
    more = [*tried, candidates.Candidate("strong", "ridge", {"alpha": 9.0})]
    assert predictions.read(tmp_path, more) == []  # half a set is none, unless that half is asked for
    assert predictions.measured_in(tmp_path, more) == tried[:2]
    (half,) = predictions.read(tmp_path, more, predictions.measured_in(tmp_path, more))
    assert half.there.tolist() == [True, False, False, False]
    assert (one.kind, one.there.tolist()) == ("multiclass", [True, False, False])
    assert "ParameterError" in (tmp_path / "iris" / "wrong.txt").read_text()
    assert one.oof.shape == (40, 3)
    assert one.test.shape == (20, 3)
    assert 0 < one.test[:, 0].mean() < 1
    assert one.seconds[0] > 0
    assert np.isnan(one.seconds[1])

    same = EnsembleClassifier(["ridge"], "best", random_state=0, n_jobs=1).fit(data[0], data[2])
    truth = same.predict_proba(data[1])[np.arange(20), data[3]]
    np.testing.assert_allclose(one.test[:, 0], truth, rtol=1e-5)

    monkeypatch.setattr(measuring, "_measure_apart", lambda *_: pytest.fail("measured again"))
    measuring.measure(["iris"], tried, tmp_path)
    measured = []
    monkeypatch.setattr(measuring, "_measure_apart", lambda candidate, *_: measured.append(candidate.label))
    measuring.measure(["iris"], [candidates.Candidate("ridge", "ridge", {"alpha": 2.0}), *tried[1:]], tmp_path)
    assert measured == ["ridge"]
    measuring.measure(["iris"], tried[:1], tmp_path, again=True)
    assert measured == ["ridge", "ridge"]
    with pytest.raises(ValueError, match=r"rows=2000, seed=0\), and now Split\(rows=2000, seed=1\) is asked for"):
        measuring.measure(["iris"], tried, tmp_path, which=measuring.Split(seed=1))


def test_a_split_has_the_rows_and_the_seed_that_it_is_asked_for():
    few, more, other = (measuring.Split(100, 0), measuring.Split(250, 0), measuring.Split(100, 1))
    sizes = [len(measuring.split("diabetes", which)[0]) for which in (few, more, other)]
    assert sizes == [100, 250, 100]
    one, two = (measuring.split("diabetes", which)[0] for which in (few, other))
    assert set(one.index) != set(two.index)
    assert (few.patience, measuring.Split(10_000).patience) == (measuring.PATIENCE, 5 * measuring.PATIENCE)


def compared(tmp_path, monkeypatch):
    """Return a comparison on two drawings of one set and one of another."""
    drawn = {
        "first": [dataclasses.replace(made("regression", 0), name="airfoil"), made("binary", 1)],
        "second": [dataclasses.replace(made("regression", 2), name="airfoil")],
    }
    monkeypatch.setattr(comparing, "CANDIDATES", FEW)
    monkeypatch.setattr(comparing, "Table", lambda sets, few: choosing.Table(sets, few, "ab"))
    monkeypatch.setattr(comparing, "read", lambda folder, few: drawn[folder.name])
    for folder in drawn:
        (tmp_path / folder / "airfoil").mkdir(parents=True)
        for label in "abcdef":
            (tmp_path / folder / "airfoil" / f"{label}.json").touch()
    return comparing.Comparison([tmp_path / folder for folder in drawn])


def test_drawings_of_a_set_count_as_one(tmp_path, monkeypatch):
    comparison = compared(tmp_path, monkeypatch)
    assert comparison.names == ["airfoil", "binary1"]
    assert comparison.measured() == set("abcdef")
    alone = [
        judging.shares(*table.losses([table.places("abc"), table.places("ab")]).T, table.usual)
        for table in comparison.tables
    ]
    np.testing.assert_allclose(comparison.changes("abc", "ab"), [(alone[0][0] + alone[1][0]) / 2, alone[0][1]])
    fit = [
        np.mean([one.seconds[:3].sum() / one.seconds[:2].sum() for one in sets])
        for sets in ([comparison.tables[0].sets[0], comparison.tables[1].sets[0]], [comparison.tables[0].sets[1]])
    ]
    assert comparison.costs("abc", "ab")[0] == pytest.approx(np.median(fit))
    assert comparison.costs("ab", "ab") == (1.0, 1.0)


def test_lists_are_compared_and_one_is_added_or_taken(tmp_path, monkeypatch):
    comparison = compared(tmp_path, monkeypatch)
    lists = {"two": "ab", "three": "abc"}
    change = comparison.changes("abc", "ab")
    told = judging.told(change, comparison.counts)
    assert f"| three | 3 | {told} | {(change < 0).sum()} of 2 |" in comparison.lists(lists, "two")
    assert comparison.lists(lists, "two").count("\n") == 2
    one_changed = comparison.one_changed("ab", most=2).splitlines()[2:]
    assert len(one_changed) == 4
    assert f"| − `a` | 1 | {judging.told(comparison.changes('b', 'ab'), comparison.counts)} |" in one_changed[2]
    means = {name: np.average(comparison.changes(f"ab{name}", "ab"), weights=comparison.counts) for name in "cdef"}
    assert [line.split("`")[1] for line in one_changed[:2]] == sorted(means, key=means.get)[:2]
    assert f"| `airfoil` | {change[0]:+.2f} |" in comparison.by_set(lists, "two")


def test_the_lists_of_the_library_are_told_by_their_candidates():
    for name, members in _portfolios.PORTFOLIOS.items():
        labels = comparing.labels_of(members)
        assert portfolio.configurations(labels) == members, name
