"""What a job installs."""

from email.message import Message

import pytest

from byoe.errors import JobError
from byoe.sagemaker.source import _requirements
from byoe.sagemaker.source._requirements import ALWAYS, NEWEST, Container


class Dist:
    def __init__(self, name, version="1.0", requires=(), origin=None, python=None):
        self.name, self.version, self.requires = name, version, list(requires)
        self.origin = origin
        self.metadata = Message()
        if python:
            self.metadata["Requires-Python"] = python

    def read_text(self, name):
        return self.origin


def index(*dists):
    """Return a function that finds these distributions, and those that byoe always needs."""
    known = {name: Dist(name) for name in ALWAYS} | {dist.name: dist for dist in dists}

    def find(name):
        from importlib.metadata import PackageNotFoundError

        if name not in known:
            raise PackageNotFoundError(name)
        return known[name]

    return find


def requirements(*given, **more):
    """Return the pins, where no further wheel is needed."""
    pins, wheels = _requirements.requirements(*given, **more)
    assert wheels == []
    return pins


ALONE = [f"{name}==1.0" for name in ALWAYS]


def test_what_is_needed_is_pinned_with_all_that_it_needs():
    find = index(
        Dist("a", "2.0", ["b>=1", "c[fast]; python_version >= '3.12'", "d; python_version < '3.12'", "numpy"]),
        Dist("b", "3.0", ["a"]),  # a circle does no harm
        Dist("c", "4.0", ["e; extra == 'fast'", "f; extra == 'slow'"]),
        Dist("e", "5.0"),
    )
    assert requirements(["a"], find=find) == sorted([*ALONE, "a==2.0", "b==3.0", "c==4.0", "e==5.0"])


def test_markers_are_those_of_the_container():
    find = index(Dist("a", requires=["w; sys_platform == 'win32'", "x; python_version == '3.11'"]), Dist("x", "7.0"))
    assert "x==7.0" not in requirements(["a"], find=find)
    assert "x==7.0" in requirements(["a"], container=Container("3.11"), find=find)


def test_what_another_python_asks_for_is_told():
    container = Container("3.20")
    find = index(Dist("a", requires=["b>=1; python_version >= '3.20'", "b<1.9"]), Dist("b", "1.5"))
    assert "b==1.5" in requirements(["a"], container=container, find=find)
    find = index(Dist("a", requires=["b>=2; python_version >= '3.20'"]), Dist("b", "1.5"))
    with pytest.raises(JobError, match=r"a needs b>=2 under Python 3.20, .* 1.5 is installed here"):
        requirements(["a"], container=container, find=find)


@pytest.mark.parametrize("gpu", [False, True])
def test_from_another_system(monkeypatch, gpu):
    """What has GPU code cannot be installed there."""
    from packaging import markers

    other = {**markers.default_environment(), "platform_system": "Darwin", "sys_platform": "darwin"}
    monkeypatch.setattr(markers, "default_environment", lambda: other)
    find = index(Dist("xgboost", "3.2.0", ["nvidia-nccl-cu12>=2; platform_system == 'Linux'"]))
    found = requirements(["xgboost"], gpu=gpu, find=find)
    assert [line for line in found if line not in ALONE] == ["xgboost==3.2.0" if gpu else "xgboost-cpu==3.2.0"]


@pytest.mark.parametrize("shipped", [(), ("a",)])
def test_what_the_containers_python_cannot_run_is_told(shipped):
    assert requirements(["a"], find=index(Dist("a", python=">=3.10,<3.15")), shipped=shipped)
    with pytest.raises(
        JobError, match=r"the ensemble needs a, and the installed 1.0 is for Python >=3.13; .* has 3.12"
    ):
        requirements(["a"], find=index(Dist("a", python=">=3.13")), shipped=shipped)


def test_what_the_container_brings_is_not_installed_again():
    find = index(Dist("numpy", "9.9"), Dist("pandas", "9.9", ["tzdata"]), Dist("scikit-learn", "1.9.0"))
    found = requirements(["numpy", "pandas"], find=find)
    assert found == [line for line in ALONE if not line.startswith("scikit-learn")]


def test_another_scikit_learn_is_installed():
    find = index(Dist("scikit-learn", "1.9.7", ["scipy", "joblib"]))
    assert "scikit-learn==1.9.7" in requirements([], find=find)


def test_without_a_gpu_there_is_one_xgboost_and_it_is_the_small_one():
    find = index(
        Dist("xgboost", "3.2.0", ["numpy", "nvidia-nccl-cu12; platform_system == 'Linux'"]),
        Dist("nvidia-nccl-cu12", "2.0"),
    )
    found = requirements(["xgboost"], find=find)
    assert [line for line in found if line not in ALONE] == ["xgboost-cpu==3.2.0"]
    found = requirements(["xgboost"], gpu=True, find=find)
    assert [line for line in found if line not in ALONE] == ["nvidia-nccl-cu12==2.0", "xgboost==3.2.0"]


def test_an_installed_xgboost_cpu_is_xgboost_too():
    assert "xgboost-cpu==3.3.0" in requirements(["xgboost"], find=index(Dist("xgboost-cpu", "3.3.0")))
    assert "xgboost==3.3.0" in requirements(["xgboost"], gpu=True, find=index(Dist("xgboost-cpu", "3.3.0")))


def test_what_catboost_wants_for_plots_is_left_out():
    find = index(Dist("catboost", "1.2", ["graphviz", "matplotlib", "plotly", "six"]), Dist("six", "1.17"))
    assert [line for line in requirements(["catboost"], find=find) if line not in ALONE] == [
        "catboost==1.2",
        "six==1.17",
    ]


def test_a_shipped_wheel_brings_what_it_needs_but_not_itself_and_not_byoe():
    find = index(Dist("my-plugin", requires=["byoe-ensemble", "helper>=1"]), Dist("helper", "2.5"))
    found = requirements(["my_plugin"], ["byoe-ensemble", "My_Plugin"], find=find)
    assert [line for line in found if line not in ALONE] == ["helper==2.5"]


@pytest.mark.parametrize(("name", "version"), [("protobuf", "5.29.0"), ("setuptools", "82.0")])
def test_what_would_break_the_serving_stack_is_refused(name, version):
    find = index(Dist("a", requires=[name]), Dist(name, version))
    with pytest.raises(
        JobError, match=f"a needs {name}, and {version} is installed here; an endpoint does not start with"
    ):
        requirements(["a"], find=find)


@pytest.mark.parametrize(("name", "version"), [("protobuf", "3.20.2"), ("setuptools", "80.9.0")])
def test_what_does_not_break_it_is_taken(name, version):
    find = index(Dist("a", requires=[name]), Dist(name, version))
    assert f"{name}=={version}" in requirements(["a"], find=find)


def test_what_is_not_installed_here_is_named_with_its_owner():
    with pytest.raises(JobError, match="a needs 'b', which is not installed here"):
        requirements(["a"], find=index(Dist("a", requires=["b"])))


def test_what_is_installed_here_makes_a_complete_list():
    """Of the real distributions: every requirement of a line is on the list, or in the container."""
    from importlib.metadata import distribution

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found = dict(line.split("==") for line in requirements(["xgboost", "catboost", "lightgbm"]))
    assert {"xgboost-cpu", "catboost", "lightgbm", "skops", "prettytable", "wcwidth", "six"} <= set(found)
    assert not {"xgboost", "matplotlib", "plotly", "graphviz", "numpy", "pandas"} & set(found)
    for name in set(found) - {"xgboost-cpu"}:
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate(NEWEST.environment()):
                known = {*found, *NEWEST.brings, "matplotlib", "plotly", "graphviz"}
                assert canonicalize_name(needed.name) in known, (name, text)


def test_what_came_from_a_folder_is_shipped_too_and_its_needs_are_pinned():
    find = index(Dist("a", requires=["b"], origin='{"url": "file:///somewhere"}'), Dist("b", "2.0"))
    pins, wheels = _requirements.requirements(["a"], find=find)
    assert wheels == ["a"]
    assert [line for line in pins if line not in ALONE] == ["b==2.0"]


def test_a_build_of_ones_own_is_refused():
    with pytest.raises(JobError, match=r"a needs torch, and 2.3.0\+cpu is installed here, a build of its own"):
        requirements(["a"], find=index(Dist("a", requires=["torch"]), Dist("torch", "2.3.0+cpu")))


def test_a_plugin_that_requires_the_other_project_of_that_name_is_refused():
    find = index(Dist("my-plugin", requires=["byoe>=3"]))
    with pytest.raises(
        JobError, match=r"my-plugin requires 'byoe>=3', which on an index is another project.*'byoe-ens"
    ):
        requirements(["my_plugin"], ["byoe-ensemble", "My_Plugin"], find=find)
