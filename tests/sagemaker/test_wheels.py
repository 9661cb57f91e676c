import csv
import hashlib
import io
import subprocess
import sys
import zipfile
from importlib.metadata import distribution

import pytest

from byoe.errors import JobError, SpecError
from byoe.tools._wheels import direct_url, distribution_of, editable_source, unpack, write_wheel


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def check_record(wheel):
    """Every file stands in RECORD with its own hash and size."""
    import base64

    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rows = {row[0]: row for row in csv.reader(io.StringIO(archive.read(record).decode()))}
        assert set(rows) == set(archive.namelist())
        for name, digest, size in rows.values():
            if name != record:
                data = archive.read(name)
                assert (
                    digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                )
                assert int(size) == len(data)


@pytest.mark.parametrize(("name", "package"), [("byoe-ensemble", "byoe"), ("byoe-example", "byoe_example")])
def test_a_wheel_installs_and_holds_what_runs_here(name, package, tmp_path):
    wheel = write_wheel(name, tmp_path)
    check_record(wheel)
    info = f"{name.replace('-', '_')}-{distribution(name).version}.dist-info"
    assert {f"{info}/METADATA", f"{info}/WHEEL", f"{info}/entry_points.txt"} <= names(wheel)
    assert not [entry for entry in names(wheel) if entry.endswith((".pyc", "direct_url.json", "INSTALLER"))]
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    assert (target / package / "__init__.py").is_file()


def test_the_wheel_of_byoe_holds_all_of_it(tmp_path):
    from pathlib import Path

    import byoe

    source = Path(byoe.__file__).parent
    here = {
        f"byoe/{file.relative_to(source).as_posix()}" for file in source.rglob("*") if file.suffix in (".py", ".typed")
    }
    assert here <= names(write_wheel("byoe-ensemble", tmp_path))


def test_a_repacked_wheel_is_the_same_every_time(tmp_path):
    first = write_wheel("byoe-example", tmp_path / "a").read_bytes()
    assert write_wheel("byoe-example", tmp_path / "b").read_bytes() == first


def test_a_wheel_with_compiled_code_keeps_its_tags(tmp_path):
    wheel = write_wheel("markupsafe", tmp_path)
    assert "none-any" not in wheel.name
    assert any(name.endswith(".so") for name in names(wheel))


def test_unpacked_wheels_are_importable_and_have_their_metadata(tmp_path):
    write_wheel("byoe-example", tmp_path / "wheels")
    unpack(tmp_path / "wheels", tmp_path / "site")
    code = (
        "import byoe_example; from importlib.metadata import entry_points\n"
        "print(byoe_example.__file__, [p.name for p in entry_points(group='byoe.learners') if p.dist.name == 'byoe-example'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert done.stdout.endswith("['additive-bins', 'least-squares', 'log-ridge']\n")


def test_what_is_not_installed_is_named(tmp_path):
    with pytest.raises(JobError, match="'no-such-distribution' is not installed"):
        write_wheel("no-such-distribution", tmp_path)


class Fake:
    """A distribution made by hand."""

    name, version, files = "fake", "1.0", None

    def __init__(self, source=None, editable=True):
        self.source, self.editable = source, editable

    def read_text(self, name):
        if name == "direct_url.json" and self.source:
            return f'{{"url": "file://{self.source}", "dir_info": {{"editable": {str(self.editable).lower()}}}}}'
        return None


def test_editable_and_local_installs_are_told_apart(tmp_path):
    assert editable_source(Fake(tmp_path)) == tmp_path
    assert editable_source(Fake(tmp_path, editable=False)) is None
    assert direct_url(Fake(tmp_path, editable=False)) is not None
    assert direct_url(Fake()) is None


def test_an_editable_install_is_built_by_its_backend(tmp_path, monkeypatch):
    source = tmp_path / "project"
    (source / "fake").mkdir(parents=True)
    (source / "fake" / "__init__.py").write_text("ANSWER = 42\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "fake"\nversion = "1.0"\n'
    )
    monkeypatch.setattr("byoe.tools._wheels.distribution", lambda name: Fake(source))
    assert "fake/__init__.py" in names(write_wheel("fake", tmp_path / "wheels"))
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["absent-builder"]\nbuild-backend = "absent_builder"\n'
    )
    with pytest.raises(
        JobError, match=r"(?s)fake is an editable install.*absent_builder.*pip install 'absent-builder'"
    ):
        write_wheel("fake", tmp_path / "wheels")
    (source / "pyproject.toml").unlink()
    with pytest.raises(JobError, match="no pyproject.toml"):
        write_wheel("fake", tmp_path / "wheels")


def test_a_distribution_that_lists_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("byoe.tools._wheels.distribution", lambda name: Fake())
    with pytest.raises(JobError, match="lists no files"):
        write_wheel("fake", tmp_path)


def test_the_distribution_of_a_class():
    from byoe_example.trimmed_mean import TrimmedMean
    from sklearn.linear_model import Ridge

    import byoe

    assert distribution_of(Ridge, "x") == "scikit-learn"
    assert distribution_of(TrimmedMean, "x") == "byoe-example"
    assert distribution_of(byoe.EnsembleRegressor, "x") == "byoe-ensemble"
    stray = type("Stray", (), {"__module__": "my_local_file"})
    with pytest.raises(SpecError, match="member 's': Stray comes from the module 'my_local_file', which belongs to no"):
        distribution_of(stray, "member 's'")
