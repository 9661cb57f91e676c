"""The shape of the package: imports point one way, and files stay small."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

import byoe

SOURCE = Path(byoe.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(SOURCE.rglob("*.py"))


def imports(file):
    """Yield byoe's own modules that a file imports anywhere."""
    package = file.relative_to(SOURCE).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (".".join([*base, name]) for name in names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_files_are_short(file):
    assert len(file.read_text().splitlines()) <= 420


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_point_one_way(file):
    place = file.relative_to(SOURCE).parts
    found = set(imports(file))
    if place[0] in ("learners", "blenders"):
        assert {name.split(".")[0] for name in found} <= {place[0], "contracts", "errors", "tools", "learners"}
    if place[0] not in ("sagemaker", "cli", "__init__.py"):
        assert not {name for name in found if name.split(".")[0] == "sagemaker"}
    if place[0] == "engine":
        assert not {name for name in found if name.split(".")[0] in ("learners", "blenders", "ensemble", "bundle")}
    if place[0] == "contracts":
        assert {name.split(".")[0] for name in found} <= {"contracts", "errors"}


def test_one_module_speaks_to_aws():
    found = [
        file.name
        for file in (SOURCE / "sagemaker").rglob("*.py")
        if re.search(r"boto|sagemaker\.core", file.read_text())
    ]
    assert sorted(found) == ["_cloud.py", "_fit.py", "_launch.py"]  # of the first two the docstrings name its session


@pytest.mark.parametrize("folder", ["learners", "blenders"])
def test_built_ins_use_nothing_that_a_plugin_cannot(folder):
    from byoe import errors, plugins

    used = {
        alias.name
        for file in (SOURCE / folder).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level == 2 and file.name[0] != "_"
        for alias in node.names
    }
    types = {"FloatArray", "IntArray"}
    assert used - types <= {*plugins.__all__, *dir(errors)}


def test_the_engine_names_no_library():
    text = (SOURCE / "engine" / "_crossfit.py").read_text().lower()
    assert not re.search(r"catboost|xgboost|lightgbm|ridge", text)


def test_public_functions_and_classes_have_docstrings():
    missing = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, (ast.ClassDef, ast.FunctionDef))
                and not node.name.startswith(("_", "do_"))
                and not ast.get_docstring(node)
            ):
                missing.append(f"{file.name}: {node.name}")
    # What a contract documents need not be said again by those who keep it.
    kept = {
        "fit", "check", "predict", "predict_proba", "state", "restore", "load", "save", "estimator", "parameter_names", "packages", "get_params",
        "set_params", "own_params", "own_name", "passthrough", "gives_probabilities", "is_classification",
        "in_use", "sparse", "rounds_given", "takes_scores", "quiet", "gpu", "takes_category", "is_partition", "contributions", "importances", "linear",
        "can_prepare", "can_fit_moments", "fit_moments", "prepare", "fit_rows", "seconds", "memory", "after_iteration", "used", "restricted",
    }  # fmt: skip
    nested = {
        "read",
        "work",
        "tell",
        "Chunks",
        "reset",
        "next",
        "limited",
        "compute",
        "visit",
        "launch",
        "search",
        "wait",
        "quadratic",
        "bounds",
        "loss",
        "by_metric",
        "until_orphaned",
        "show",
        "log_message",
        "Handler",
        "Server",
    }
    assert [name for name in missing if name.split(": ")[1] not in kept | nested] == []


def test_the_repository_names_no_registry_and_no_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    forbidden = re.compile(
        r"index-" + r"url|/simp" + r"le/|/ho" + r"me/|\.pye" + r"nv|pypi" + r"\.org|files\.pythonhosted"
    )
    for name in listed.stdout.split():
        file = ROOT / name
        if file.is_file():
            assert not forbidden.search(file.read_text(errors="replace")), name
