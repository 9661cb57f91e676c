"""The shape of the package: imports point one way, in no circle, and files stay small."""

import ast
import importlib.util
import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import byoe

SOURCE = Path(byoe.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = {file: ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__") for file in FILES}

# What each folder (or file beside them) may import, also inside functions, beyond itself. "learners._" are the
# private files of learners: the public ones are found by their entry points, as those of a plugin.
GROUND = {"errors", "tools", "contracts"}
MAY = {
    "_version": set(),
    "errors": {"_version"},
    "tools": {"errors", "_version"},
    "contracts": {"errors", "tools"},
    "data": GROUND,
    "learners": GROUND,
    "blenders": GROUND,
    "folds": GROUND | {"data"},
    "fitted": GROUND | {"data", "folds"},
    "registry": GROUND | {"_version", "learners._", "blenders._"},
    "engine": GROUND | {"data", "folds", "fitted"},
    "bundle": GROUND | {"_version", "data", "folds", "fitted", "registry", "learners._", "blenders._"},
    "onnx": GROUND | {"_version", "data", "fitted", "learners", "blenders"},
    "store": GROUND | {"_version", "data", "folds", "fitted", "registry", "engine"},
    "scoring": GROUND | {"data", "folds", "fitted", "engine", "blenders._"},
    "plots": GROUND | {"data", "fitted", "scoring"},
    "report": GROUND | {"_version", "data", "fitted", "scoring", "plots"},
    "serving": GROUND | {"data", "folds", "fitted", "bundle"},
}
MAY["ensemble"] = set(MAY) - {"serving"}
MAY["_load"] = GROUND | {"fitted", "bundle", "serving", "ensemble"}
MAY["tuning"] = GROUND | {
    "_version",
    "data",
    "folds",
    "fitted",
    "registry",
    "engine",
    "store",
    "scoring",
    "plots",
    "ensemble",
}
MAY["conformance"] = GROUND | {"data", "folds", "fitted", "learners._", "registry", "engine", "ensemble"}
MAY["mlflow"] = GROUND | {
    "_version",
    "_load",
    "data",
    "registry",
    "bundle",
    "scoring",
    "plots",
    "report",
    "serving",
    "ensemble",
}
MAY["sagemaker"] = set(MAY) - {"conformance"}
MAY["plugins"] = GROUND | {"learners._", "registry", "conformance"}
MAY["__init__"] = {"_version"}  # the rest by name, on first use
MAY["cli"] = set(MAY)

# Libraries that an endpoint of boosters, linear models and perceptrons never loads, and where it comes by.
SLOW = {"sklearn", "pandas", "scipy", "pyarrow"}
LEAN = (
    *("contracts", "fitted", "bundle", "registry", "serving", "tools"),
    *("folds._plan", "data._table", "data._column", "data._cells", "data._encoder", "data._profile", "data._spread"),
    *("learners.catboost", "learners.lightgbm", "learners.xgboost", "learners.linear", "learners.mlp"),
    *("blenders.mean", "blenders.weighted", "blenders.meta_linear", "blenders.vote", "blenders.greedy"),
    *(
        "blenders.best",
        "blenders.auto",
        "blenders.adjusted",
        "blenders._pull",
        "blenders._per_output",
        "blenders._calibrated",
    ),
)


def imported(file):
    """Yield the names of byoe's own files that a file imports, wherever in it; those for type checkers are left out."""
    package = file.relative_to(SOURCE).parts[:-1]
    tree = ast.parse(file.read_text())
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    known = set(NAMES.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node not in for_types:
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}".removeprefix(".")
                name = whole if whole in known else base or "__init__"
                assert name in known, f"{file} imports {whole}, which is no file"
                yield name


IMPORTS = {NAMES[file]: set(imported(file)) - {NAMES[file]} for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_files_are_short(file):
    assert len(file.read_text().splitlines()) <= 420


@pytest.mark.parametrize("name", IMPORTS)
def test_imports_point_one_way(name):
    own = name.split(".")[0]
    for other in IMPORTS[name]:
        folder, _, file = other.partition(".")
        private = f"{folder}._" if file.startswith("_") else folder
        assert folder == own or {folder, private} & MAY[own], f"{name} imports {other}"


def test_no_files_and_no_folders_import_each_other():
    for depth in (9, 2, 1):
        graph = {}
        for name, others in IMPORTS.items():
            place = ".".join(name.split(".")[:depth])
            graph.setdefault(place, set()).update(".".join(other.split(".")[:depth]) for other in others)
            graph[place].discard(place)
        TopologicalSorter(graph).prepare()  # raises a CycleError, which names the circle


@pytest.mark.parametrize("name", [name for name in IMPORTS if name.startswith(LEAN)])
def test_a_lean_endpoint_loads_no_slow_library_at_the_top_of_a_file(name):
    (file,) = [file for file in FILES if NAMES[file] == name]
    if name in ("learners._from_estimator", "blenders._meta_model"):  # loaded where the user's estimators are
        return
    loaded = {
        word.split(".")[0]
        for node in ast.parse(file.read_text()).body
        for word in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert not loaded & SLOW


def test_one_module_speaks_to_aws():
    found = [
        file.name
        for file in (SOURCE / "sagemaker").rglob("*.py")
        if re.search(r"boto|sagemaker\.core", file.read_text())
    ]
    assert sorted(found) == [
        "_attach.py",
        "_cloud.py",
        "_doctor.py",
        "_explained.py",
        "_fit.py",
        "_sdk.py",
        "_trainer.py",
    ]  # of three the docstrings name its session, one knows its errors, one its SDK's sessions, one makes trainers


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
    text = "".join(file.read_text().lower() for file in (SOURCE / "engine").glob("*.py"))
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
        "in_use", "sparse", "rounds_given", "ends_in_time", "takes_scores", "quiet", "gpu", "takes_category", "takes_means", "is_partition", "contributions", "importances", "linear",
        "can_prepare", "can_fit_moments", "fit_moments", "prepare", "fit_rows", "values_by_column", "set_by_column", "missing", "quiet_in_time", "multi_output", "seconds", "memory", "after_iteration", "used", "restricted", "parts", "of_each_target", "skops_files", "described", "described_parts", "restored", "in_unit", "in_haste", "finds_rounds", "of_quantile", "slope", "unit", "goes_by", "into", "back",
    }  # fmt: skip
    nested = {
        "read",
        "gradients",
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


def test_the_drawing_is_that_of_the_code():
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "draw_architecture.py")
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert drawing.PICTURE.read_text(encoding="utf-8") == drawing.drawn(), "run python docs/draw_architecture.py"
    assert list(drawing.STOPS.items()) == drawing.watched()  # every stop is reached, in this order


# The folders of sagemaker from the ground up; what lies beside them (the public verbs) may import all of these.
INSIDE_SAGEMAKER = (("shared",), ("source", "aws"), ("in_job",), ("local",))


@pytest.mark.parametrize("name", [name for name in IMPORTS if name.startswith("sagemaker.")])
def test_imports_inside_sagemaker_point_one_way(name):
    floors = {folder: floor for floor, folders in enumerate(INSIDE_SAGEMAKER) for folder in folders}
    own, *_ = folders = name.split(".")[1:]
    floor = floors[own] if len(folders) > 1 else len(INSIDE_SAGEMAKER)
    for other in IMPORTS[name]:
        if other.startswith("sagemaker"):
            there, *deeper = other.split(".")[1:] or ["__init__"]
            lower = floors[there] < floor if deeper else there != "__init__" and floor == len(INSIDE_SAGEMAKER)
            assert there == own or lower, f"{name} imports {other}"


def test_what_reads_hostile_bodies_stands_apart():
    inside = {name for name in IMPORTS if name.startswith("serving.columnar.")}
    assert len(inside) == 6
    for name in inside:
        assert IMPORTS[name] <= {*inside, "serving._refusal", "errors"}, name
