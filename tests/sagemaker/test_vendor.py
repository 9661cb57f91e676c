"""Wheels that travel with a job; pip looks for them in a folder here."""

import zipfile

import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError
from byoe.sagemaker.source._vendor import download


def wheel(folder, name, version, tag="py3-none-any"):
    file = folder / f"{name.replace('-', '_')}-{version}-{tag}.whl"
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        packed.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        packed.writestr(f"{info}/RECORD", "")
    return file.name


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Return the folder that pip finds wheels in."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_wheels_are_those_of_the_container(index, tmp_path):
    plain = wheel(index, "plain-one", "1.0")
    mine = wheel(index, "fast", "2.0", "cp312-cp312-manylinux_2_28_x86_64")
    wheel(index, "fast", "2.0", "cp311-cp311-manylinux_2_28_x86_64")
    wheel(index, "fast", "2.0", "cp312-cp312-macosx_11_0_arm64")
    stable = wheel(index, "stable", "3.0", "cp39-abi3-manylinux2014_x86_64")
    found = download(["fast==2.0", "plain-one==1.0", "stable==3.0"], tmp_path / "out")
    assert found == {"fast==2.0": mine, "plain-one==1.0": plain, "stable==3.0": stable}
    assert {file.name for file in (tmp_path / "out").iterdir()} == set(found.values())
    assert download([], tmp_path / "none") == {}


@pytest.mark.parametrize("tag", ["cp313-cp313-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_39_x86_64"])
def test_a_wheel_that_does_not_run_there_is_none(index, tmp_path, tag):
    wheel(index, "fast", "2.0", tag)
    with pytest.raises(JobError, match=r"vendor=True needs a wheel for Python 3.12 .* fast==2.0"):
        download(["fast==2.0"], tmp_path / "out")


@pytest.mark.parametrize(("graph", "names"), [(False, 2), (True, 3)])
def test_a_source_folder_with_wheels_of_all_its_requirements(index, tmp_path, graph, names):
    ensemble, more = EnsembleRegressor(["ridge"], "mean"), {"instance_count": 2, "graph": graph}
    plain = byoe.sagemaker.export(ensemble, tmp_path / "plain", target="y", **more)
    lists = {file.name: file.read_text().splitlines() for file in plain.glob("*.txt")}
    assert len(lists) == names
    for pin in {line for lines in lists.values() for line in lines if "==" in line}:
        wheel(index, *pin.split("=="))
    made = byoe.sagemaker.export(ensemble, tmp_path / "made", target="y", vendor=True, **more)
    for name, lines in lists.items():
        files = (made / name).read_text().splitlines()
        assert len(files) == len(lines)
        assert all((made / file).is_file() for file in files)


def test_nothing_is_written_when_a_wheel_is_not_there(index, tmp_path):
    with pytest.raises(JobError, match="vendor=True needs a wheel"):
        byoe.sagemaker.export(EnsembleRegressor(["ridge"]), tmp_path / "made", target="y", vendor=True)
    assert list(tmp_path.iterdir()) == [index]


def test_a_local_job_has_no_use_for_wheels(diabetes_frame):
    with pytest.raises(ParameterError, match="vendor is for jobs on AWS"):
        byoe.sagemaker.fit(EnsembleRegressor(["ridge"]), diabetes_frame, target="target", vendor=True)
