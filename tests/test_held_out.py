"""The arithmetic of the benchmark on held-out rows: by hand in plain Python, with failures and gaps, and as text."""

import importlib
import json
import math
import random
import statistics
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NAMES = ("standings", "report", "methods", "held_out", "by_hand", "costs", "splits", "one_run")


def loaded():
    """Import modules of the benchmarks, whose folder is on the path for this long only."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return [importlib.import_module(name) for name in NAMES]
    finally:
        sys.path.remove(str(BENCHMARKS))


standings, report, methods, held_out, by_hand, costs, splits, one_run = loaded()
SETS, SEEDS = ("a", "b", "c", "d"), (0, 1, 2)
LIMITS = {
    "byoe": [None],
    "byoe@limit": [10.0, 30.0, 60.0],
    "autogluon-best@limit": [30.0, 60.0],
    "stack-default": [None],
}


def result(name, seed, method, limit=None, loss=1.0, seconds=5.0, **more):
    line = {"set": name, "seed": seed, "method": method, "time_limit": limit, "rows": None, "cores": 2}
    if loss is None:
        return {**line, "error": "first line\nlast line"}
    line |= {"train_rows": 70, "metric": "rmse", "loss": loss, "fit_seconds": seconds, "versions": {"some": "1.0"}}
    return {**line, "predict_1000_ms": 20.0, "artifact_bytes": 3_000_000, "peak_mb": 200.0, **more}


@pytest.fixture
def lines():
    draw = random.Random(5)
    return [
        result(
            name,
            seed,
            method,
            limit,
            (1 + SETS.index(name)) * draw.uniform(0.8, 1.2),
            draw.uniform(0.5, 1) * (limit or 5),
        )
        for name in SETS
        for seed in SEEDS
        for method, limits in LIMITS.items()
        for limit in limits
    ]


def value(lines, name, seed, method, limit, what="loss"):
    return next(one[what] for one in lines if standings.key(one) == (name, seed, method, limit))


def standard_error(values):
    return statistics.stdev(values) / math.sqrt(len(values))


def test_a_leaner_ensemble_counts_as_a_method_of_its_own(tmp_path):
    leaner = {
        "pruned": {"loss": 2.5, "predict_1000_ms": 5.0, "artifact_bytes": 100},
        "refitted": {"loss": 2.6, "predict_1000_ms": 1.0, "artifact_bytes": 20},
    }
    file = tmp_path / "results.jsonl"
    lines = [result("a", 0, "byoe-best@limit", 30.0, 2.0, **leaner), result("b", 0, "byoe@limit", 30.0, 1.0)]
    file.write_text("\n".join(map(json.dumps, lines)))
    told = {
        line["method"]: (line["set"], line["loss"], line["predict_1000_ms"], line["time_limit"])
        for line in standings.read([file])
    }
    assert told == {
        "byoe-best@limit": ("a", 2.0, 20.0, 30.0),
        "byoe@limit": ("b", 1.0, 20.0, 30.0),
        "byoe-best-pruned@limit": ("a", 2.5, 5.0, 30.0),
        "byoe-best-refitted@limit": ("a", 2.6, 1.0, 30.0),
    }
    (lean,) = standings.read([file], methods=["byoe-best-pruned@limit"])
    assert lean["loss"] == 2.5


def test_mean_rank_by_hand(lines):
    at_30 = {"byoe": None, "byoe@limit": 30.0, "autogluon-best@limit": 30.0, "stack-default": None}
    by_set = {method: [] for method in at_30}
    for name in SETS:
        places = {method: [] for method in at_30}
        for seed in SEEDS:
            ordered = sorted(at_30, key=lambda method: value(lines, name, seed, method, at_30[method]))
            for method in at_30:
                places[method].append(1 + ordered.index(method))
        for method in at_30:
            by_set[method].append(statistics.mean(places[method]))
    found, n_splits = standings.ranks(standings.losses(lines, 30.0))
    assert n_splits == 12
    for method, values in by_set.items():
        assert found["rank"][method] == pytest.approx(statistics.mean(values))
        assert found["error"][method] == pytest.approx(standard_error(values))


def test_pairs_by_hand(lines):
    means, shares = [], []
    for name in SETS:
        both = [
            (value(lines, name, seed, "byoe@limit", 60.0), value(lines, name, seed, "autogluon-best@limit", 60.0))
            for seed in SEEDS
        ]
        means.append(statistics.mean((own - other) / max(own, other) for own, other in both))
        shares.append(statistics.mean(own < other for own, other in both))
    table = standings.losses(lines, 60.0)
    found = standings.pair(table["byoe@limit"], table["autogluon-best@limit"])
    assert (found["splits"], found["sets"]) == (12, 4)
    assert found["wins"] == sum(mean < -0.001 for mean in means)
    assert found["losses"] == sum(mean > 0.001 for mean in means)
    assert found["ties"] == 4 - found["wins"] - found["losses"]
    assert found["mean"] == pytest.approx(statistics.mean(means))
    assert found["error"] == pytest.approx(standard_error(means))
    assert found["share"] == pytest.approx(statistics.mean(shares))
    assert found["share_error"] == pytest.approx(standard_error(shares))


def test_a_pair_the_other_way_round_is_its_mirror(lines):
    table = standings.losses(lines, 30.0)
    here, there = (
        standings.pair(*pair) for pair in ((table["byoe"], table["byoe@limit"]), (table["byoe@limit"], table["byoe"]))
    )
    assert (here["wins"], here["ties"], here["losses"]) == (there["losses"], there["ties"], there["wins"])
    assert here["mean"] == pytest.approx(-there["mean"])
    assert here["share"] == pytest.approx(1 - there["share"])


def series(**losses):
    index = pd.MultiIndex.from_tuples([(name, seed) for name in losses for seed in range(len(losses[name]))])
    index.names = ["set", "seed"]
    return pd.Series([loss for values in losses.values() for loss in values], index)


def test_a_failure_is_a_lost_split_and_no_difference():
    own, other = series(a=[1.0, 1.0], b=[math.inf, 0.99]), series(a=[2.0, math.inf], b=[1.0, 1.0])
    found = standings.pair(own, other)
    assert (found["wins"], found["losses"]) == (1, 1)
    assert found["share"] == pytest.approx(3 / 4)
    assert found["mean"] == pytest.approx((-0.5 - 0.01) / 2)


def test_what_was_not_measured_and_two_failures_do_not_count():
    own, other = series(a=[1.0, math.nan, math.inf]), series(a=[1.0005, 1.0, math.inf])
    found = standings.pair(own, other)
    assert (found["splits"], found["wins"], found["ties"], found["losses"]) == (1, 0, 1, 0)
    assert np.isnan(found["error"])


def test_losses_of_nothing_are_equal():
    assert standings.pair(series(a=[0.0]), series(a=[0.0]))["mean"] == 0
    assert standings.pair(series(a=[0.0]), series(a=[1e-9]))["mean"] == -1


def test_a_failure_ranks_last_and_only_failures_are_left_out(lines):
    failed = [result(name, seed, "never", loss=None) for name in SETS for seed in SEEDS]
    once = [line for line in lines if standings.key(line) != ("a", 0, "stack-default", None)]
    once.append(result("a", 0, "stack-default", loss=None))
    found, n_splits = standings.ranks(standings.losses(once + failed, 60.0))
    assert "never" not in found.index
    assert n_splits == 12
    ranked = standings.losses(once, 60.0).rank(axis=1)
    assert ranked.loc[("a", 0), "stack-default"] == 4


def test_only_splits_that_all_have_are_ranked(lines):
    assert standings.ranks(standings.losses(lines[:-1], 60.0))[1] == 11


def test_seconds_to_reach_by_hand(lines):
    found = standings.reached(lines, "byoe@limit", "autogluon-best@limit", 60.0)
    assert sorted(found.index) == list(SETS)
    for name in SETS:
        aim = statistics.mean(value(lines, name, seed, "autogluon-best@limit", 60.0) for seed in SEEDS)
        first = math.inf
        for limit in (60.0, 30.0, 10.0):
            if statistics.mean(value(lines, name, seed, "byoe@limit", limit) for seed in SEEDS) <= aim:
                first = limit
        assert found["limit"][name] == first
        used = (
            [value(lines, name, seed, "byoe@limit", first, "fit_seconds") for seed in SEEDS] if first < 99 else [first]
        )
        assert found["seconds"][name] == pytest.approx(statistics.mean(used))
    assert np.isinf(found["limit"]).any()
    assert np.isfinite(found["limit"]).any()


def test_a_longer_limit_may_miss_what_a_shorter_one_has_reached():
    losses = {10.0: 1.0, 30.0: 1.3, 60.0: 1.2}
    lines = [result("a", 0, "byoe@limit", limit, loss, limit / 2) for limit, loss in losses.items()]
    lines.append(result("a", 0, "autogluon-best@limit", 60.0, 1.1))
    found = standings.reached(lines, "byoe@limit", "autogluon-best@limit", 60.0)
    assert found.loc["a"].tolist() == [10.0, 5.0]


def test_a_split_counts_where_all_limits_are_measured(lines):
    kept = [line for line in lines if standings.key(line) != ("b", 1, "byoe@limit", 10.0)]
    other = [line for line in lines if line["set"] != "b" or line["seed"] != 1]
    ways = "byoe@limit", "autogluon-best@limit", 60.0
    pd.testing.assert_frame_equal(standings.reached(kept, *ways), standings.reached(other, *ways))


def test_costs_are_medians_of_each_limit(lines):
    found = standings.costs(lines)
    for limit in LIMITS["byoe@limit"]:
        seconds = [value(lines, name, seed, "byoe@limit", limit, "fit_seconds") for name in SETS for seed in SEEDS]
        row = found.loc[("byoe@limit", limit)]
        assert row["fit_seconds"] == pytest.approx(statistics.median(seconds))
        assert row["longest"] == pytest.approx(max(seconds) / limit)
        assert (row["megabytes"], row["splits"]) == (3, 12)


def test_the_last_result_counts_and_no_failure_after_it(tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    key = ("a", 0, "byoe@limit")
    first.write_text("\n".join(json.dumps(result(*key, 30.0, loss)) for loss in (None, 1.0, 2.0, None)) + "\n")
    second.write_text(json.dumps(result(*key, 60.0, 3.0)) + "\n" + json.dumps(result(*key, 30.0, None)) + "\n")
    assert [(line["time_limit"], line["loss"]) for line in standings.read([first, second])] == [(30, 2.0), (60, 3.0)]
    assert standings.read([first, second], methods=["byoe"]) == []
    assert len(standings.read([first, second], sets=["a"])) == 2


def test_what_is_measured_is_not_measured_again(tmp_path):
    ways = ["byoe", "byoe@limit"]
    wanted = held_out.wanted(["a", "b"], 2, ways, [10.0, 30.0])
    assert wanted[:3] == [("a", 0, "byoe", None), ("a", 0, "byoe@limit", 10.0), ("a", 0, "byoe@limit", 30.0)]
    assert len(wanted) == len(set(wanted)) == 12
    assert [seed for _, seed, *_ in wanted] == [0] * 6 + [1] * 6
    file = tmp_path / "results.jsonl"
    file.write_text("\n".join(json.dumps(result(*one, None if one[0] == "b" else 1.0)) for one in wanted))
    assert held_out.finished(file, {"rows": None, "cores": 2}) == {one for one in wanted if one[0] == "a"}
    with pytest.raises(SystemExit, match="give another file"):
        held_out.finished(file, {"rows": 100, "cores": 2})


def test_the_report_says_what_the_arithmetic_says(lines):
    lines = [*lines, result("a", 0, "flaml@limit", 30.0, loss=None)]
    lines[0]["members"] = {"ridge": 2 * lines[0]["loss"]}
    text = report.tables(lines)
    rank = standings.ranks(standings.losses(lines, 60.0))[0].loc["byoe"]
    row = next(row for row in text.splitlines() if row.startswith("| byoe |"))
    assert row.split(" | ")[-1] == f"{rank['rank']:.2f} ± {rank['error']:.2f} |"
    assert "- flaml@30s on a, seed 0: last line" in text
    assert "| byoe | byoe's ridge alone | 1–0–0 | 100 | -50.00 | 1 |" in text
    assert "loss of autogluon-best@60s" in text
    assert "Time limits, s: 10, 30, 60." in text


def test_a_report_without_limits_or_results():
    text = report.tables(
        [result("a", 0, method, loss=loss) for method, loss in (("byoe", 1.0), ("stack-default", 2.0))]
    )
    assert "| byoe | 1.00 |" in text
    assert "| byoe | stack-default | 1–0–0 | 100 | -50.00 | 1 |" in text
    assert report.tables([result("a", 0, "byoe", loss=None)]) == "no results"


def test_methods_have_one_name_and_a_group():
    assert len(methods.METHODS) == len(set(methods.METHODS))
    assert not set(methods.GROUPS) & set(methods.METHODS)
    assert methods.expand(["mean", "byoe", "mean"]) == ["mean-default", "mean-500x0.05", "byoe"]
    with pytest.raises(ValueError, match="autogluon-worst"):
        methods.expand(["autogluon-worst"])
    assert methods.worker("flaml-ensemble@limit") == "flaml"
    assert methods.worker("byoe@limit") is None


def split_of(n_classes, rows=300):
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(np.where(rng.random(rows) < 0.1, None, rng.choice(["x", "y"], rows)))
    y = X["a"] + (X["d"] == "x") + rng.normal(scale=0.3, size=rows)
    y = pd.qcut(y, n_classes, labels=False).to_numpy() if n_classes else y.to_numpy()
    return splits.Split(X[:200], y[:200], X[200:], y[200:], n_classes, seed=0, cores=1)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_tuned_boosters_stop_where_rows_that_they_do_not_learn_from_say(monkeypatch, library, n_classes):
    monkeypatch.setitem(by_hand._SHARED, library, {**by_hand._SHARED[library], "n_estimators": 40})
    split = split_of(n_classes)
    outcome = methods.measure(f"{library}-tuned", split)
    assert outcome.prediction.shape == ((100, n_classes) if n_classes else (100,))
    guess = np.full((100, n_classes), 1 / n_classes) if n_classes else np.full(100, split.y.mean())
    assert one_run.loss(split, outcome.prediction) < 0.8 * one_run.loss(split, guess)
    assert outcome.costs["predict_1000_ms"] > 0
    assert outcome.costs["artifact_bytes"] > 1000


@pytest.mark.parametrize("n_classes", [0, 3])
def test_the_longest_preset_is_measured_once_more_when_it_is_leaner(n_classes, monkeypatch):
    monkeypatch.setitem(methods.BYOE, "byoe-best", {"learners": ["lightgbm", "hist_gradient_boosting"]})
    outcome = methods.measure("byoe-best@limit", split_of(n_classes))
    pruned, refitted = (outcome.leaner[word] for word in splits.LEANER)
    for before, after in ((outcome, pruned), (pruned, refitted)):
        assert after.prediction.shape == before.prediction.shape
        assert after.costs["artifact_bytes"] < 1.001 * before.costs["artifact_bytes"]  # its board tells of the pruning
        assert after.costs["fit_seconds"] > before.costs["fit_seconds"]
    assert refitted.costs["artifact_bytes"] < 0.5 * outcome.costs["artifact_bytes"]
    assert methods.measure("byoe", split_of(0)).leaner == {}


def test_byoe_gets_the_limit_and_its_costs_are_told():
    split = split_of(2)
    model = methods._byoe(splits.Split(**{**vars(split), "time_limit": 7.0}), "byoe-best@limit")
    assert (model.time_limit, model.learners, model.random_state) == (7.0, "best", 0)
    assert methods._byoe(split, "byoe").time_limit is None


def test_costs_count_rows_calls_and_bytes():
    seen = []
    X = pd.DataFrame({"a": range(300)})
    found = costs.measured(1.0, 0.5, lambda rows: seen.append(rows), X, lambda path: path.write_bytes(b"x" * 1234))
    assert [len(rows) for rows in seen] == [1000] * 3
    assert seen[0]["a"].tolist() == [row % 300 for row in range(1000)]
    assert found["artifact_bytes"] == 1234
    assert (found["fit_seconds"], found["predict_seconds"]) == (1.0, 0.5)


def test_bytes_of_a_folder_are_those_of_all_its_files(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "one").write_bytes(b"12345")
    (tmp_path / "two").write_bytes(b"123")
    assert costs.folder_bytes(tmp_path) == 8
