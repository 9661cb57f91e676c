"""What is given to others: the files of wheel and sdist, the page of the index, and what is taken of scikit-learn."""

import ast
import importlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = {file.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src" / "byoe").rglob("*.py")} | {
    "byoe/py.typed",
    "byoe/registry/portfolio.json",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the wheel and the sdist of this checkout."""
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("dist")
    return [Path(next(kind(str(ROOT)).build(directory=str(folder)))) for kind in (WheelBuilder, SdistBuilder)]


def test_the_wheel_holds_the_package_and_no_more(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    info = built[0].name.removesuffix("-py3-none-any.whl") + ".dist-info/"
    told = {info + name for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert names == SOURCE | told


def test_the_sdist_holds_what_builds_the_package_and_no_more(built):
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    beside = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "hatch_build.py", "PKG-INFO", ".gitignore"}
    assert names == {f"src/{name}" for name in SOURCE} | beside


def test_the_index_can_show_the_page(built):
    pytest.importorskip("twine")
    found = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_page_of_the_index_has_no_link_that_leads_nowhere_there(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        told = message_from_bytes(wheel.read(metadata))
    page = told.get_payload(decode=True).decode()
    assert told["Description-Content-Type"] == "text/markdown"
    assert [link for link in re.findall(r"\]\(([^)]+)", page) if "://" not in link] == []
    words = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", (ROOT / "README.md").read_text())
    assert page.strip() == words.strip()
    assert "- Quickstart: the first ten minutes." in page
    assert "byoe.sagemaker.deploy(tuning" in page


def test_links_of_the_page_lead_somewhere():
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_the_lowest_versions_that_are_tried_are_those_that_are_allowed():
    needed = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    tried = dict(
        line.split("==") for line in (ROOT / "constraints-lowest.txt").read_text().splitlines() if line[0] != "#"
    )
    for need in needed:
        name, bound = re.match(r"([\w-]+)(?:\[.*\])?(?:>=([\d.]+))?", need).groups()
        if bound and "!=" not in need:
            version = tried[name].split(".")
            assert version[: len(bound.split("."))] == bound.split("."), need


def test_every_python_that_is_named_is_allowed():
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert named == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={named[0]}"


# What begins with an underscore may go with any version: why it is used all the same.
PRIVATE = {
    ("byoe/data/_input.py", "sklearn.utils.validation", "_check_sample_weight"): "scikit-learn's own words about weights",
    ("byoe/data/_table.py", "sklearn.utils", "_safe_indexing"): "rows of any container as its meta-estimators take them",
    ("byoe/ensemble/_diagram.py", "sklearn.utils._repr_html.estimator", "_VisualBlock"): "the diagram in a notebook",
    ("byoe/onnx/_sklearn.py", "sklearn.linear_model._base", "LinearClassifierMixin"): "all linear classifiers alike",
    ("byoe/onnx/_sklearn.py", "sklearn.linear_model._base", "LinearModel"): "all linear models alike",
}  # fmt: skip


def private_imports():
    """Return file, module and name of all that is taken of scikit-learn's private parts."""
    found = set()
    for name in SOURCE:
        tree = ast.parse((ROOT / "src" / name).read_text()) if name.endswith(".py") else ast.Module([], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sklearn" and not node.level:
                hidden = "._" in node.module
                found |= {(name, node.module, one.name) for one in node.names if hidden or one.name.startswith("_")}
            if isinstance(node, ast.Import):
                found |= {(name, one.name, "") for one in node.names if re.match(r"sklearn\..*\b_", one.name)}
    return found


def test_private_parts_of_scikit_learn_are_named_here():
    assert private_imports() == set(PRIVATE)


@pytest.mark.parametrize(("module", "name"), sorted({key[1:] for key in PRIVATE}))
def test_private_parts_of_scikit_learn_are_there(module, name):
    # In the versions at hand; `make test-lowest` and `make test-newest` ask the others.
    assert hasattr(importlib.import_module(module), name)
