import json
import os
import subprocess
import sys

import pytest

from byoe.errors import InputError, ParameterError

BYOE = [sys.executable, "-c", "from byoe.cli import main; main()"]


def test_a_new_plugin_keeps_the_contract_once_it_is_installed(byoe, tmp_path):
    told = byoe("new-plugin", "quiet-line")
    assert told.splitlines()[1:] == ["  pip install -e ./byoe-quiet-line", "  byoe check quiet-line"]
    site = tmp_path / "site"
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target", site]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "./byoe-quiet-line"], check=True)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([*BYOE, "check", "quiet-line"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("learner 'quiet-line' of byoe-quiet-line 0.1.0")
    own = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "byoe-quiet-line/tests"]
    done = subprocess.run([sys.executable, "-m", "pytest", *own], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.parametrize("name", ["Quiet", "1st", "a b", "../x", "x-"])
def test_names_that_no_learner_can_have(name, byoe, tmp_path):
    with pytest.raises(ParameterError, match="is no name of a learner"):
        byoe("new-plugin", "--", name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept(byoe, tmp_path):
    with pytest.raises(ParameterError, match="the name 'random-forest' is taken"):
        byoe("new-plugin", "random-forest")
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="mine exists; choose another folder with --out"):
        byoe("new-plugin", "quiet-line", "--out", "mine")


def test_a_check_prints_nothing_of_the_libraries():
    done = subprocess.run([*BYOE, "check", "lightgbm", "--param", "n_rounds=5"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "[LightGBM]" not in done.stdout
    assert done.stdout.startswith("learner 'lightgbm'")


def test_json_of_plugins_and_checks(byoe):
    rows = {row["name"]: row for row in json.loads(byoe("plugins", "--json"))}
    assert rows["ridge"]["kind"] == "learner"
    ((told),) = json.loads(byoe("check", "mean", "--json"))
    assert told["subject"].startswith("blender 'mean'")
    assert {rule["state"] for rule in told["rules"]} <= {"kept", "not supported"}
