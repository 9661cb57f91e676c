import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import byoe
from byoe.errors import MissingExtraError, need

HEAVY = ["xgboost", "catboost", "lightgbm", "sagemaker", "boto3", "pandas", "matplotlib", "sklearn", "optuna", "typer"]


def fresh(code):
    """Run code in a new interpreter and return what it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("module", ["byoe", "byoe.serving", "byoe.cli"])
def test_import_is_light(module):
    loaded = fresh(f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))")
    assert set(HEAVY) & set(loaded) == set()


def test_an_ensemble_imports_no_booster_before_it_is_fitted():
    code = "import sys, json, byoe; byoe.EnsembleRegressor(); print(json.dumps(sorted(sys.modules)))"
    assert {"xgboost", "catboost", "lightgbm", "sagemaker", "boto3", "matplotlib"} & set(fresh(code)) == set()


def test_sagemaker_resolves_without_importing_the_submodule():
    assert fresh("import byoe; print(int(callable(byoe.sagemaker.fit)))") == 1


def test_every_public_name_resolves():
    for name in byoe.__all__:
        assert getattr(byoe, name) is not None
    assert set(dir(byoe)) == set(byoe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = byoe.nonsense


def test_version_has_one_home():
    assert byoe.__version__ == version("byoe-ensemble")


def test_a_missing_extra_is_named():
    with pytest.raises(
        MissingExtraError, match=r"drawing needs 'no_such_module'.*pip install 'byoe-ensemble\[plots\]'"
    ):
        need("no_such_module", "plots", "drawing")


def test_need_does_not_hide_a_broken_module(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("import absent_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="absent_dependency") as caught:
        need("broken_module", "plots", "drawing")
    assert not isinstance(caught.value, MissingExtraError)


def test_the_bare_command_names_its_extra():
    code = (
        "import sys, json; sys.modules['typer'] = None\n"
        "from byoe.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(json.dumps(str(end.code)))"
    )
    assert "byoe-ensemble[cli]" in fresh(code)
