"""The data sets of the benchmarks: named once, in one half, written down, and read as it is written."""

import importlib
import lzma
import pickle
import random
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def loaded(*names):
    """Import modules of the benchmarks, whose folder is on the path for this long only."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(BENCHMARKS))


datasets, division, source, *FILES = loaded(
    *("datasets", "data_sets.division", "data_sets.source"),
    *("data_sets.from_r", "data_sets.of_others", "data_sets.rare_categories", "data_sets.simulated", "data_sets.uci"),
)
SOURCES = datasets.SOURCES
WRITTEN = {name: sizes for sets in division.read().values() for name, sizes in sets.items()}
DIVISION = {half: sets for half, sets in division.read().items() if half != division.BESIDE}
DIVIDED = {name: sizes for sets in DIVISION.values() for name, sizes in sets.items()}


def test_a_name_is_given_once():
    assert len(SOURCES) == sum(len(file.SOURCES) for file in FILES)


def test_two_files_are_not_the_same_set():
    items = [(one.package, one.item) for one in SOURCES.values() if one.package]
    assert [item for item, count in Counter(items).items() if count > 1] == []


def test_every_set_is_in_one_half_or_beside_them():
    assert sorted(DIVISION) == ["choosing", "judging"]
    assert sorted(name for sets in division.read().values() for name in sets) == sorted(SOURCES)


def test_what_has_chosen_something_does_not_judge():
    assert {name for name, one in SOURCES.items() if one.used}.isdisjoint(DIVISION["judging"])


def test_the_halves_are_alike():
    counts = [Counter(division.stratum(sizes) for sizes in sets.values()) for sets in DIVISION.values()]
    assert set(counts[0]) == set(counts[1])
    assert all(abs(counts[0][kind] - counts[1][kind]) <= 1 for kind in counts[0])


def test_the_table_is_that_of_the_readme():
    text = (BENCHMARKS / "README.md").read_text()
    shown = text.split("<!-- data sets: made by datasets.py -->")[1].split("<!-- /data sets -->")[0].strip()
    assert shown == datasets.table()
    assert all(f"| `{name}` |" in shown for name in SOURCES)


def test_packages_are_those_of_the_group_and_have_a_version():
    root = BENCHMARKS.parent
    packages = {one.package.lower() for one in SOURCES.values()} - {"", "scikit-learn"}
    groups = (root / "pyproject.toml").read_text().split("[dependency-groups]")[1].split("[tool.")[0].lower()
    pinned = {line.split("==")[0] for line in (root / "constraints.txt").read_text().splitlines() if "==" in line}
    assert [name for name in packages if f'"{name}"' not in groups or name not in pinned] == []


@pytest.fixture(params=sorted({one.package for one in SOURCES.values()}), ids=lambda package: package or "simulated")
def names(request):
    """The sets of a package that can be read here; skipped where there are none."""
    reasons = {name: one.missing() for name, one in SOURCES.items() if one.package == request.param}
    if all(reasons.values()):
        pytest.skip(next(iter(reasons.values())))
    return [name for name, reason in reasons.items() if not reason]


def test_sets_are_read_as_they_are_written(names):
    assert {name: datasets.sizes_of(name) for name in names} == {name: WRITTEN[name] for name in names}


def test_loaded_sets_have_numbers_and_categories(names):
    for name in names:
        rows = min(140, WRITTEN[name]["rows"])
        data = datasets.load(name, rows)
        assert len(data.X) == len(data.y) == rows
        assert data.y.notna().all()
        assert not {SOURCES[name].target, *SOURCES[name].drop.split()} & set(data.X)
        kinds = {str(kind) for kind in data.X.dtypes}
        assert all(kind.startswith(("category", "int", "float", "uint")) for kind in kinds), (name, kinds)


def test_a_set_whose_package_is_missing_says_which():
    missing = source.Source("no-such-package", "a.csv", "y", "regression", "CC0", "nothing")
    with pytest.raises(FileNotFoundError, match="a.csv comes with the package no-such-package"):
        missing.frame()


def test_a_version_without_the_file_is_named():
    other = source.Source("scikit-learn", "sklearn/no.csv", "y", "regression", "CC0", "nothing")
    with pytest.raises(FileNotFoundError, match=r"scikit-learn \S+ has no file sklearn/no.csv"):
        other.frame()


def test_names_may_be_halves():
    assert datasets.expand(["judging"]) == list(DIVISION["judging"])
    assert datasets.expand(["judging:9", "iris", "judging:2"]) == [*list(DIVISION["judging"])[:9], "iris"]
    with pytest.raises(ValueError, match="unknown data set 'judgin'"):
        datasets.expand(["judgin"])


def test_the_first_sets_of_a_half_are_of_all_kinds():
    for half, sets in DIVISION.items():
        kinds = {division.stratum(sets[name]) for name in datasets.expand([f"{half}:12"])}
        assert len(kinds) == 9


def test_a_set_that_comes_later_moves_none():
    extra = {f"extra-{number}": {"rows": 500, "columns": 3, "classes": 2} for number in range(5)}
    after = division.divide(DIVIDED | extra, set(), DIVISION)
    assert {half: sorted(set(sets) - set(extra)) for half, sets in after.items()} == {
        half: sorted(sets) for half, sets in DIVISION.items()
    }
    assert sum(name in after["judging"] for name in extra) in (2, 3)


def test_dividing_does_not_depend_on_the_order_of_the_sets():
    names = list(DIVIDED)
    random.Random(3).shuffle(names)
    used = {name for name in names if SOURCES[name].used}
    again = division.divide({name: DIVIDED[name] for name in names}, used, {})
    assert {half: list(sets) for half, sets in again.items()} == {half: list(sets) for half, sets in DIVISION.items()}


def test_a_pickle_is_a_frame_or_nothing(tmp_path):
    path = tmp_path / "set.pkl.compress"
    with lzma.open(path, "wb") as file:
        pickle.dump(print, file)
    with pytest.raises(pickle.UnpicklingError, match=r"no need of builtins.print"):
        source.read(path, {})


def test_a_file_with_declared_columns(tmp_path):
    path = tmp_path / "set.dat"
    path.write_text("@relation a\n@attribute one real [0, 1]\n@attribute two {a, b}\n@data\n0.5, a\n?, b\n")
    frame = source.read(path, {})
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"one": [0.5, None], "two": ["a", "b"]}))


def test_classes_of_few_rows_and_rows_without_a_target_are_left_out():
    made = pd.DataFrame({"x": range(32), "y": ["a"] * 11 + ["b"] * 10 + ["c"] * 9 + [None, None]})
    one = source.Source("", "", "y", "classification", "CC0", "nothing", make=lambda seed: made)
    assert one.frame()["y"].unique().tolist() == ["a", "b"]
