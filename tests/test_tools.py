"""Small helpers: what is written whole, and what has a digest."""

import hashlib
import json
import stat
from importlib.metadata import packages_distributions

import pytest

import byoe
from byoe.tools._digests import file_digest, json_digest
from byoe.tools._listing import Listing
from byoe.tools._versions import by_package, distributions, distributions_of, installed_version, other_project
from byoe.tools._whole import whole_file, whole_folder


def test_a_file_appears_whole_and_can_be_read_by_others(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    with whole_file(target) as file:
        file.write_text("first")
        assert not target.exists()
    assert target.read_text() == "first"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(target.parent.iterdir()) == [target]


def test_a_file_stays_what_it_was_where_writing_fails(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("before")
    with pytest.raises(ZeroDivisionError), whole_file(target) as file:
        file.write_text("half")
        _ = 1 / 0
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "folder"
    with pytest.raises(ZeroDivisionError), whole_folder(target) as folder:
        (folder / "a").write_text("half")
        _ = 1 / 0
    assert list(target.parent.iterdir()) == []
    with whole_folder(target) as folder:
        (folder / "a").write_text("whole")
        assert not target.exists()
    assert (target / "a").read_text() == "whole"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert list(target.parent.iterdir()) == [target]


def test_digests(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    assert file_digest(file) == hashlib.sha256(b"abc").hexdigest()
    assert json_digest({"b": [1, 2.5], "a": None}) == json_digest(json.loads('{"a": null, "b": [1, 2.5]}'))
    assert json_digest([1]) != json_digest([1.0])
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_digest(float("nan"))


def test_a_listing_is_a_table_of_its_rows():
    listing = Listing([{"name": "a", "size": 1.25}, {"name": "longer", "size": None}])
    assert repr(listing).splitlines() == ["name    size", "a       1.25", "longer"]
    assert repr(Listing()) == "Listing([])"
    assert "<td>longer</td><td></td>" in listing._repr_html_()


def test_the_library_without_its_gpu_code_is_the_same_one():
    assert distributions_of("xgboost") == ("xgboost", "xgboost-cpu")
    assert distributions_of("catboost") == ("catboost",)


def test_versions_go_by_usual_names():
    assert installed_version("byoe") == byoe.__version__
    assert installed_version("xgboost") is not None
    assert installed_version("no-such-distribution") is None
    assert distributions("xgboost") == {"xgboost"}


def test_who_brings_a_package_is_what_the_standard_library_says():
    expected = {package: set(names) for package, names in packages_distributions().items()}
    found = {package: {one.metadata["Name"] for one in by_package().get(package, ())} for package in expected}
    assert found == expected
    assert not by_package().get("no_such_package")


def test_the_other_project_is_known_where_it_is_installed(tmp_path, monkeypatch):
    assert other_project() is None
    (tmp_path / "byoe-3.7.1.dist-info").mkdir()
    (tmp_path / "byoe-3.7.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: byoe\nVersion: 3.7.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert other_project() == "3.7.1"
