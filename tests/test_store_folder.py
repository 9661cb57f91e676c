"""The folder of a store: who writes, who removes, and what there is room for."""

import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import ExitStack

import numpy as np
import pytest

from byoe import EnsembleRegressor, Store
from byoe.data._column import Column
from byoe.data._table import Table
from byoe.errors import ParameterError
from byoe.store._entry import Damaged
from byoe.store._store import TASKS, OpenStore, entries
from byoe.tools._digests import canonical, json_digest

KEYS = [json_digest(number) for number in range(6)]


def write(store, key, size=1000, used=None):
    store.write(TASKS, key, lambda folder: (folder / "data.bin").write_bytes(bytes(size)) and {})
    if used is not None:
        os.utime(store.place(TASKS, key), (used, used))


def keys(folder):
    return {entry.path.name for entry in entries(folder / TASKS)}


@pytest.fixture
def store(tmp_path):
    with OpenStore(Store(tmp_path)) as store:
        yield store


def test_an_entry_comes_back_as_it_was_written(store):
    assert store.find(TASKS, KEYS[0]) is None
    content = {"text": "ü\ud800", "numbers": [0.1, 1e300, -0.0], "table": {2: 1, 10: 2}}
    store.write(TASKS, KEYS[0], lambda folder: content)
    found = store.find(TASKS, KEYS[0])
    assert found.pop("key") == KEYS[0]
    assert found.pop("files") == {}
    assert found == {**content, "table": {"2": 1, "10": 2}}
    assert store.look(TASKS, KEYS[0]) == store.find(TASKS, KEYS[0])


def test_the_first_writer_wins_and_the_second_leaves_nothing(store, tmp_path):
    with OpenStore(Store(tmp_path)) as other:
        store.write(TASKS, KEYS[0], lambda folder: {"by": "first"})
        other.write(TASKS, KEYS[0], lambda folder: {"by": "second"})
        assert store.find(TASKS, KEYS[0])["by"] == "first"
        assert len(list((tmp_path / "tmp").glob("*/*"))) == 2  # that each has started
    assert len(list((tmp_path / "tmp").iterdir())) == 1


def test_a_writer_that_fails_leaves_nothing(store, tmp_path):
    def fail(folder):
        (folder / "half.bin").write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.write(TASKS, KEYS[0], fail)
    with pytest.raises(ValueError, match="Out of range float"):
        store.write(TASKS, KEYS[0], lambda folder: {"seconds": float("nan")})
    assert keys(tmp_path) == set()
    assert [path.name for path in (tmp_path / "tmp").glob("*/*")] == ["started"]


def test_an_entry_that_another_process_removes_meanwhile_is_no_damage(store, monkeypatch):
    import byoe.store._store

    write(store, KEYS[0])
    real = byoe.store._store.check_entry

    def slow(place, entry):
        store.remove(place)
        real(place, entry)

    monkeypatch.setattr(byoe.store._store, "check_entry", slow)
    assert store.find(TASKS, KEYS[0]) is None
    write(store, KEYS[0])
    monkeypatch.setattr(byoe.store._store, "check_entry", real)
    (store.place(TASKS, KEYS[0]) / "data.bin").unlink()
    with pytest.raises(Damaged, match=r"the file data.bin is missing"):
        store.find(TASKS, KEYS[0])


def test_an_entry_that_another_process_writes_meanwhile_is_no_damage(store, monkeypatch):
    import byoe.store._store

    real = byoe.store._store.read_entry

    def slow(place, key):
        try:
            return real(place, key)
        finally:
            if not place.is_dir():
                write(store, key)

    monkeypatch.setattr(byoe.store._store, "read_entry", slow)
    assert store.look(TASKS, KEYS[0])["key"] == KEYS[0]


def test_the_least_recently_used_leave(store, tmp_path):
    for age, key in enumerate(KEYS):
        write(store, key, used=1_000_000 - age)
    store.find(TASKS, KEYS[5])  # the oldest is used
    size = entries(tmp_path / TASKS)[0].size
    assert [entry.path.name for entry in store.trim(2 * size)] == [KEYS[4], KEYS[3], KEYS[2], KEYS[1]]
    assert keys(tmp_path) == {KEYS[5], KEYS[0]}
    assert store.trim(2 * size) == []


def test_what_a_running_fit_has_used_stays_until_its_end(store, tmp_path):
    now = time.time()
    write(store, KEYS[0], used=now - 50)
    with OpenStore(Store(tmp_path)) as running:
        write(running, KEYS[1])
        running.find(TASKS, KEYS[0])
        write(store, KEYS[2], used=now - 100)
        assert [entry.path.name for entry in store.trim(1)] == [KEYS[2]]
    assert len(store.trim(1)) == 2
    assert keys(tmp_path) == set()


def test_only_folders_of_dead_writers_are_left_over(store, tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead = f"{gone.stdout.strip()}-{platform.node()}-abcd1234"
    old = f"{os.getpid()}-elsewhere-abcd1234"
    for name in (dead, old, f"{gone.stdout.strip()}-elsewhere-abcd1234", f"1-{platform.node()}-abcd1234", "notes"):
        (tmp_path / "tmp" / name).mkdir()
    os.utime(tmp_path / "tmp" / old, (0, 0))
    assert {path.name for path in store.remove_leftovers()} == {dead, old}
    assert len(list((tmp_path / "tmp").iterdir())) == 4


def test_what_is_no_entry_is_left_alone(store, tmp_path):
    (tmp_path / TASKS / "thesis").mkdir()
    (tmp_path / TASKS / "thesis.txt").write_text("years of work")
    write(store, KEYS[0])
    store.trim(1)
    assert sorted(path.name for path in (tmp_path / TASKS).iterdir()) == ["thesis", "thesis.txt"]


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="folders of this system have no mode")
def test_a_read_only_folder_is_refused():
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o555)
        try:
            if user == 0:  # who may write everywhere
                os.seteuid(65534)
            with pytest.raises(ParameterError, match="Permission denied"):
                OpenStore(Store(folder))
        finally:
            os.seteuid(user)
            pathlib.Path(folder).chmod(0o700)


X = np.random.default_rng(0).normal(size=(40, 3))


def fit(folder, alpha=1.0, **limit):
    members = [("ridge", "ridge"), "knn"]
    store = Store(folder, **limit)
    ensemble = EnsembleRegressor(members, "mean", cv=3, random_state=0, store=store)
    return ensemble.set_params(ridge__alpha=alpha).fit(X, X[:, 0] - X[:, 1])


def age(folder):
    for entry in entries(folder / TASKS):
        os.utime(entry.path, (entry.used - 1000, entry.used - 1000))


def test_a_fit_keeps_to_the_limit(tmp_path):
    fit(tmp_path)
    first = keys(tmp_path)
    size = sum(entry.size for entry in entries(tmp_path / TASKS))
    age(tmp_path)
    fit(tmp_path, 2.0, max_bytes=None)
    second = keys(tmp_path) - first
    assert (len(first), len(second)) == (8, 4)
    age(tmp_path)
    fit(tmp_path, 1.0, max_bytes=size)
    # Those of the last fit are all there, although they were written first.
    assert keys(tmp_path) == first
    fit(tmp_path, 1.0, max_bytes=size - 1)  # also its own, once it has ended
    assert len(keys(tmp_path) & first) == len(keys(tmp_path)) == 7
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_store_that_goes_away_during_a_fit_costs_no_fit(tmp_path):
    def remove(progress):
        if progress.done == 2:
            (tmp_path / "store").rename(tmp_path / "gone")

    ensemble = EnsembleRegressor(
        ("ridge", "knn"), "mean", cv=3, random_state=0, n_jobs=1, store=tmp_path / "store", callbacks=remove
    )
    with pytest.warns(UserWarning, match="cannot be kept in the store"):
        ensemble.fit(X, X[:, 0])
    assert ensemble.predict(X).shape == (40,)


TWO = """
import sys
import numpy as np
from byoe import EnsembleRegressor

print("ready", flush=True)
sys.stdin.readline()
X = np.random.default_rng(0).normal(size=(80, 4))
members = ("ridge", "knn", "elastic_net")
heard = []
ensemble = EnsembleRegressor(members, "mean", cv=5, random_state=None, n_jobs=1, store=sys.argv[1], callbacks=heard.append)
ensemble.fit(X, X[:, 0] - X[:, 1] ** 2)
print(ensemble._record.seed, sum(not progress.reused for progress in heard), ensemble.predict(X).tobytes().hex())
"""


def test_two_processes_at_once_share_a_folder(tmp_path):
    command = [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(TWO), str(tmp_path)]
    environment = {**os.environ, "LOKY_MAX_CPU_COUNT": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ExitStack() as stack:
        both = [stack.enter_context(subprocess.Popen(command, text=True, env=environment, **pipes)) for _ in range(2)]
        ready = [process.stdout.readline() for process in both]
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate() for process in both]
    assert ready == ["ready\n"] * 2, told
    assert [process.returncode for process in both] == [0, 0], told
    (seed, done, model), (other_seed, other_done, other_model) = (out.split() for out, _ in told)
    assert (seed, model) == (other_seed, other_model)
    assert 18 <= int(done) + int(other_done) <= 36
    assert len(keys(tmp_path)) == 18
    assert list((tmp_path / "tmp").iterdir()) == []
    third = subprocess.run(command, input="go\n", capture_output=True, text=True, env=environment)
    assert third.stdout.split()[1:] == [seed, "0", model]


# -- digests ---------------------------------------------------------------------------------


def test_a_digest_knows_one_nan_and_one_zero_and_no_order_in_memory(monkeypatch):
    values = np.random.default_rng(0).normal(size=(50, 3))
    values[3, 1], values[4, 2] = np.nan, 0.0
    columns = (Column("number"),) * 3
    expected = Table(values, values, columns).digest()
    for cells in (1, 7, 10**9):
        monkeypatch.setattr("byoe.data._table._CELLS_AT_ONCE", cells)
        assert Table(values, values, columns).digest() == expected
        other = np.asfortranarray(values)
        other[3, 1] = -np.frombuffer(b"\1\0\0\0\0\0\xf8\x7f")[0]
        other[4, 2] = -0.0
        assert Table(other, other, columns).digest() == expected
        other[49, 2] += 1e-12
        assert Table(other, other, columns).digest() != expected
        assert Table(values.T, values.T, columns).digest() != expected


def test_json_has_one_form():
    assert canonical({"b": [1, 2.0], "a": None}) == b'{"a":null,"b":[1,2.0]}'
    assert json_digest({"a": 1}) != json_digest({"a": 1.0}) != json_digest({"a": True})
