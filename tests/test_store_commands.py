"""``byoe store list`` and ``byoe store prune``."""

import os
import time

import numpy as np
import pytest

from byoe import EnsembleRegressor, learner
from byoe.cli import main
from byoe.store._store import TASKS, entries


@pytest.fixture
def byoe_store(capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["byoe", "store", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def folder(tmp_path):
    """A store of eight entries, each a day older than the next, and a seed."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    members = ("ridge", ("forest", learner("random_forest", n_estimators=2)))
    EnsembleRegressor(members, "mean", cv=3, finalize="refit", store=tmp_path).fit(X, X[:, 0])
    now = time.time()
    for days, entry in enumerate(entries(tmp_path / TASKS)):
        os.utime(entry.path, (now - 86_400 * days - 60,) * 2)
    return tmp_path


def test_list_tells_what_is_there(folder, byoe_store):
    code, lines = byoe_store("list", folder)
    assert code == 0
    header, *rows, total = [line.split() for line in lines]
    assert header == ["entry", "member", "learner", "fold", "rows", "size", "age"]
    assert len(rows) == 8
    found = {(row[1], row[2], " ".join(row[3:-5])) for row in rows}
    folds = ("fold 1", "fold 2", "fold 3", "refit")
    assert found == {(*member, fold) for member in (("ridge", "ridge"), ("forest", "random_forest")) for fold in folds}
    assert {row[-5] for row in rows} == {"26", "27", "40"}
    assert [" ".join(row[-2:]) for row in rows] == ["1 min", *(f"{days} d" for days in range(1, 8))]
    assert {row[0] for row in rows} == {entry.path.name[:12] for entry in entries(folder / TASKS)}
    assert total[:2] == ["8", "entries,"]


def test_list_shows_a_damaged_entry_and_changes_nothing(folder, byoe_store):
    (next((folder / TASKS).iterdir()) / "manifest.json").write_text("")
    before = sorted(folder.rglob("*"))
    code, lines = byoe_store("list", folder)
    assert code == 0
    assert sum("(damaged)" in line for line in lines) == 1
    assert len(lines) == 10
    assert sorted(folder.rglob("*")) == before


def test_prune_by_age(folder, byoe_store):
    code, lines = byoe_store("prune", folder, "--older-than", "5d")
    assert code == 0
    assert [line.split()[-2:] for line in lines[1:4]] == [["7", "d"], ["6", "d"], ["5", "d"]]
    assert lines[4].startswith("removed: 3 entries, ")
    assert lines[5].startswith("left: 5 entries, ")
    assert len(entries(folder / TASKS)) == 5


def test_prune_by_size(folder, byoe_store):
    sizes = [entry.size for entry in reversed(entries(folder / TASKS))]
    code, lines = byoe_store("prune", folder, "--max-bytes", sum(sizes[:3]))
    assert code == 0
    assert lines[-1].startswith("left: 3 entries, ")
    assert byoe_store("list", folder)[1][-1].startswith("3 entries, ")


def test_prune_of_everything_leaves_what_is_not_the_stores(folder, byoe_store):
    (folder / "notes.txt").write_text("mine")
    (folder / TASKS / "notes.txt").write_text("mine")
    (folder / "tmp" / f"{2**30}-{os.uname().nodename}-abcd1234").mkdir()
    code, lines = byoe_store("prune", folder, "--all")
    assert code == 0
    assert lines[-4].startswith("removed: 8 entries, ")
    assert lines[-3:] == [
        "removed: 1 seed of a plan",
        "removed: 1 leftover of a dead writer",
        "left: 0 entries, 0 B",
    ]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "notes.txt", "plans", "tasks", "tasks/notes.txt", "tmp"
    ]  # fmt: skip
    assert byoe_store("list", folder) == (0, ["0 entries, 0 B"])


def test_prune_without_an_option_removes_leftovers_only(folder, byoe_store):
    code, lines = byoe_store("prune", folder)
    assert code == 0
    assert lines[0] == "removed: 0 entries, 0 B"
    assert lines[1].startswith("left: 8 entries, ")
    assert len(lines) == 2


BAD = {
    "no store": (["list", "{tmp}"], "is not a store; give the folder"),
    "no folder": (["prune", "{tmp}/nowhere", "--all"], "nowhere is not a store"),
    "no size": (["prune", "{store}", "--max-bytes", "much"], "--max-bytes is 'much', expected a number of bytes"),
    "no age": (["prune", "{store}", "--older-than", "30"], "--older-than is '30', expected a number and one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant_is_told_and_removes_nothing(case, folder, byoe_store, tmp_path_factory):
    arguments, message = BAD[case]
    empty = tmp_path_factory.mktemp("empty")
    code, lines = byoe_store(*(text.format(tmp=empty, store=folder) for text in arguments))
    assert message in code
    assert lines == []
    assert len(entries(folder / TASKS)) == 8
    assert list(empty.iterdir()) == []
