"""Several ensembles in one process: loaded when asked for, within the room that there is."""

import json
import shutil
import threading

import pytest

from byoe import EnsembleRegressor
from byoe.serving import _several, input_fn, models_fn, output_fn, predict_fn
from byoe.serving._refusal import Refusal
from byoe.serving._several import Several, room_of

NAMES = ("a", "b", "c")


class Model:
    """What a load returns in the place of a runtime."""

    log = None


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        place = tmp_path / "models" / name
        place.mkdir(parents=True)
        (place / "weights").write_bytes(b"0" * 100)
    return tmp_path


@pytest.fixture
def loads():
    return []


@pytest.fixture
def load(loads):
    def load(name, folder):
        assert folder.name == name
        loads.append(name)
        return Model()

    return load


def test_nothing_is_loaded_before_it_is_asked_for(folder, load, loads):
    several = Several(folder, load, room=10_000)
    assert (several.names, several.held, loads) == (list(NAMES), [], [])
    assert several.get("b") is several.get("b")
    assert (several.held, loads) == (["b"], ["b"])


def test_those_asked_for_least_lately_go(folder, load, loads):
    several = Several(folder, load, room=400)  # for two, each counted as twice its 100 bytes
    for name in ("a", "b", "a", "c"):
        several.get(name)
    assert several.held == ["a", "c"]
    several.get("b")
    assert several.held == ["c", "b"]
    assert loads == ["a", "b", "c", "b"]


def test_one_that_is_larger_than_the_room_is_held_alone(folder, load):
    several = Several(folder, load, room=1)
    for name in NAMES:
        several.get(name)
        assert several.held == [name]


def test_a_large_one_lets_several_go(folder, load):
    (folder / "models" / "c" / "weights").write_bytes(b"0" * 200)
    several = Several(folder, load, room=400)
    for name in NAMES:
        several.get(name)
    assert several.held == ["c"]


def test_threads_that_ask_for_the_same_load_it_once(folder, loads):
    begun, go_on = threading.Event(), threading.Event()

    def load(name, folder):
        loads.append(name)
        begun.set()
        assert go_on.wait(10)
        return Model()

    several, answers = Several(folder, load, room=10_000), []
    threads = [threading.Thread(target=lambda: answers.append(several.get("a"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert loads == ["a"]
    assert len(answers) == 4
    assert len(set(map(id, answers))) == 1


def test_what_is_held_answers_while_another_one_loads(folder):
    begun, go_on = threading.Event(), threading.Event()

    def load(name, folder):
        if name == "b":
            begun.set()
            assert go_on.wait(10)
        return Model()

    several = Several(folder, load, room=10_000)
    several.get("a")
    thread = threading.Thread(target=several.get, args=("b",))
    thread.start()
    assert begun.wait(10)
    assert isinstance(several.get("a"), Model)
    assert several.held == ["a"]
    go_on.set()
    thread.join(10)
    assert several.held == ["a", "b"]


def test_a_load_that_fails_is_tried_again(folder, load):
    failures = [OSError("no")]

    def once(name, place):
        if failures:
            raise failures.pop()
        return load(name, place)

    several = Several(folder, once, room=10_000)
    with pytest.raises(OSError, match="no"):
        several.get("a")
    assert several.held == []
    assert isinstance(several.get("a"), Model)


@pytest.mark.parametrize("name", [None, "d", "../a", ""])
def test_a_name_that_is_not_there_is_refused(folder, load, name):
    with pytest.raises(Refusal) as told:
        Several(folder, load, room=1).get(name)
    assert told.value.status == 400
    assert told.value.message.endswith("of a, b, c")


def test_a_long_list_of_names_is_cut(tmp_path, load):
    for number in range(25):
        (tmp_path / "models" / f"m{number:02}").mkdir(parents=True)
    with pytest.raises(Refusal) as told:
        Several(tmp_path, load, room=1).get("x")
    assert told.value.message.endswith("m18, m19 and 5 more")


# -- the room ----------------------------------------------------------------------------


def test_the_room_is_what_the_environment_says():
    assert room_of({"BYOE_MODELS_MB": "1.5"}) == 1_572_864


@pytest.mark.parametrize("given", ["", "much", "-1", "nan"])
def test_otherwise_it_is_half_of_the_memory(given, monkeypatch, capsys):
    monkeypatch.setattr(_several, "_memory", lambda: 1000)
    assert room_of({"BYOE_MODELS_MB": given}) == 500
    assert ("expected a number above 0" in capsys.readouterr().out) == bool(given)


def test_workers_of_a_server_share_it(monkeypatch):
    monkeypatch.setattr(_several, "_memory", lambda: 1000)
    assert room_of({"SAGEMAKER_MODEL_SERVER_WORKERS": "4"}) == 125
    assert room_of({"SAGEMAKER_MODEL_SERVER_WORKERS": "2", "BYOE_MODELS_MB": "3"}) == 1_572_864
    assert room_of({"SAGEMAKER_MODEL_SERVER_WORKERS": "0"}) == 500


def test_a_container_has_less_memory_than_its_machine(tmp_path, monkeypatch):
    machine = _several._memory()
    (tmp_path / "limit").write_text("1048576\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(_several, "_LIMITS", [str(tmp_path / "none"), str(tmp_path / "not")])
    assert _several._memory() >= machine
    monkeypatch.setattr(_several, "_LIMITS", [str(tmp_path / "limit")])
    assert _several._memory() == 1_048_576


# -- by the handlers ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundles(diabetes_frame, tmp_path_factory):
    X, y = diabetes_frame.drop(columns="target").to_numpy(), diabetes_frame["target"].to_numpy()
    place = tmp_path_factory.mktemp("several")
    ensembles = {}
    for name, member in {"north": "ridge", "south": "knn"}.items():
        ensembles[name] = EnsembleRegressor((member,), "mean", random_state=0).fit(X, y)
        ensembles[name].save(place / "models" / name)
    return place, ensembles, X[:2]


def asked(several, body, content_type="application/json"):
    """Return the status and the body of an answer."""
    answer = output_fn(predict_fn(input_fn(body, content_type), several), "application/json")
    if isinstance(answer, tuple):
        return 200, json.loads(answer[0])
    return getattr(answer, "status_code", None) or answer.status, json.loads(answer.body if hasattr(answer, "body") else answer.get_data())  # fmt: skip


def test_handlers_answer_by_the_model_that_is_named(bundles):
    folder, ensembles, rows = bundles
    several = models_fn(str(folder), trusted={})
    assert several.held == ["north"]  # so that a healthy endpoint has loaded one
    text = json.dumps(rows.tolist())
    for name, ensemble in ensembles.items():
        status, told = asked(several, text, f"application/json; model={name}")
        assert (status, told["predictions"]) == (200, ensemble.predict(rows).tolist())
        named = json.dumps({"instances": rows.tolist(), "model": name})
        assert asked(several, named) == (200, told)


def test_handlers_refuse_what_is_not_there(bundles):
    several = models_fn(str(bundles[0]), trusted={})
    status, told = asked(several, json.dumps(bundles[2].tolist()))
    assert (status, told["error"]) == (400, "the request names no model; give model=NAME in the content type, of north, south")  # fmt: skip
    assert asked(several, json.dumps({"instances": [[1.0]], "model": 3}))[0] == 400
    assert asked(several, "no JSON", "application/json; model=north")[0] == 400


def test_a_model_that_cannot_be_loaded_is_named_and_the_others_answer(bundles, tmp_path):
    folder, _, rows = bundles
    broken = shutil.copytree(folder, tmp_path / "broken")
    next((broken / "models" / "south").glob("*.json")).write_text("{}")
    several = models_fn(str(broken), trusted={})
    body = json.dumps(rows.tolist())
    status, told = asked(several, body, "application/json; model=south")
    assert (status, told["error"].partition(";")[0]) == (500, "model south cannot be loaded")
    assert asked(several, body, "application/json; model=north")[0] == 200


def test_what_was_counted_is_printed_before_a_model_goes(bundles, monkeypatch, capsys):
    monkeypatch.setenv("BYOE_MODELS_MB", "0.001")
    several = models_fn(str(bundles[0]), trusted={})
    body = json.dumps(bundles[2].tolist())
    for name in ("north", "south"):
        assert asked(several, body, f"application/json; model={name}")[0] == 200
    assert several.held == ["south"]
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert json.loads(line)["byoe"]["ensemble"] == "north"
    assert json.loads(line)["byoe"]["rows"] == 2
