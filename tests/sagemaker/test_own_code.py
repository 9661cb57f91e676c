"""The user's own modules and packages: shipped, imported by the job, and at the endpoint."""

import sys
import zipfile

import numpy as np
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError, ParameterError, SpecError
from byoe.plugins import register_learner
from byoe.sagemaker.source._own_code import modules_of, write_module

MODULE = """
from own_helpers_here.scaling import halved
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from byoe.plugins import EstimatorLearner


class Halved(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.model_ = Ridge().fit(halved(X), y)
        return self

    def predict(self, X):
        return self.model_.predict(halved(X))


class OwnRidge(EstimatorLearner):
    tasks = frozenset({"regression"})

    def estimator(self, task, y):
        return Halved()

    def packages(self):
        return frozenset({"own_models_here"})
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module, and a package that it imports, which only this process finds."""
    folder = tmp_path / "mine"
    (folder / "own_helpers_here" / "__pycache__").mkdir(parents=True)
    (folder / "own_helpers_here" / "__init__.py").write_text("")
    (folder / "own_helpers_here" / "__pycache__" / "old.pyc").write_bytes(b"")
    (folder / "own_helpers_here" / "scaling.py").write_text("def halved(X):\n    return X / 2\n")
    (folder / "own_models_here.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_a_job_and_its_endpoint_import_what_is_given(own, diabetes_frame, tmp_path):
    import own_models_here

    given = [own / "own_models_here.py", own / "own_helpers_here"]
    X = diabetes_frame.drop(columns="target")
    with register_learner("own-ridge", own_models_here.OwnRidge):
        ensemble = EnsembleRegressor([("halved", own_models_here.Halved()), "own-ridge"], "mean", random_state=0)
        here = ensemble.fit(X, diabetes_frame["target"])
        job = byoe.sagemaker.fit(
            ensemble, diabetes_frame, target="target", dependencies=given, output=tmp_path, logs=False
        )
        trained = job.ensemble()
        np.testing.assert_allclose(trained.predict(X), here.predict(X), rtol=1e-9)
        with byoe.sagemaker.deploy(job) as endpoint:
            assert np.array_equal(endpoint.predict(X[:5]), trained.predict(X[:5]))


def test_what_is_not_given_is_refused_with_the_advice_to_give_it(own, tmp_path):
    import own_models_here

    made = EnsembleRegressor([("halved", own_models_here.Halved())], "mean")
    with pytest.raises(SpecError, match=r"give its file or folder, dependencies=\['own_models_here.py'\]"):
        byoe.sagemaker.export(made, tmp_path / "source", target="y")
    with (
        register_learner("own-ridge", own_models_here.OwnRidge),
        pytest.raises(SpecError, match="move it to a file of its own and give that in dependencies"),
    ):
        byoe.sagemaker.export(EnsembleRegressor(["own-ridge"]), tmp_path / "source", target="y")
    assert not (tmp_path / "source").exists()


def test_a_class_of_a_notebook_is_refused_with_the_advice_to_move_it(monkeypatch, tmp_path):
    from sklearn.linear_model import Ridge

    kind = type("Mine", (Ridge,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Mine", kind, raising=False)
    with pytest.raises(SpecError, match="class 'Mine' is defined in a notebook cell, .*move it to a module of its own"):
        byoe.sagemaker.export(EnsembleRegressor([("mine", kind())], "mean"), tmp_path / "source", target="y")


def test_the_wheel_has_the_files_and_a_version_of_their_content(own, tmp_path):
    first = write_module("own_helpers_here", own / "own_helpers_here", tmp_path / "a")
    again = write_module("own_helpers_here", own / "own_helpers_here", tmp_path / "b")
    assert first.read_bytes() == again.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = [name for name in archive.namelist() if ".dist-info" not in name]
    assert names == ["own_helpers_here/__init__.py", "own_helpers_here/scaling.py"]
    (own / "own_helpers_here" / "scaling.py").write_text("def halved(X):\n    return X / 3\n")
    assert write_module("own_helpers_here", own / "own_helpers_here", tmp_path / "c").name != first.name


def test_a_module_whose_name_no_distribution_may_have(tmp_path):
    from packaging.utils import parse_wheel_filename

    (tmp_path / "_private__one_.py").write_text("")
    wheel = write_module("_private__one_", tmp_path / "_private__one_.py", tmp_path / "wheels")
    assert parse_wheel_filename(wheel.name)[0].startswith("byoe-own-private-one-")
    assert "_private__one_.py" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py", "there is no such file or folder"),
        ("data.csv", "it is no Python module"),
        ("project", "it is a project, not a package"),
        ("empty", "no Python module is in it"),
        ("my-module.py", "'my-module' is no name that can be imported"),
        ("json.py", "it would hide another module 'json'"),
        ("byoe.py", "it would hide another module 'byoe'"),
    ],
)
def test_what_is_no_module(name, message, tmp_path):
    for file in (
        "data.csv",
        "my-module.py",
        "json.py",
        "byoe.py",
        "project/pyproject.toml",
        "project/src/x.py",
        "empty/a.txt",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    with pytest.raises(ParameterError, match=message):
        modules_of([tmp_path / name])


def test_two_of_one_name(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text("")
    with pytest.raises(ParameterError, match="has the same name"):
        modules_of([tmp_path / "a" / "mine.py", tmp_path / "b" / "mine.py"])
    assert modules_of(tmp_path / "a" / "mine.py") == {"mine": (tmp_path / "a" / "mine.py").resolve()}


def test_further_requirements_are_pinned_with_what_they_need(tmp_path):
    made = EnsembleRegressor(["ridge"], "mean")
    source = byoe.sagemaker.export(made, tmp_path / "source", target="y", requirements=["rich>=1"])
    lines = (source / "requirements.txt").read_text()
    assert "rich==" in lines
    assert "pygments==" in lines
    for wrong, kind, message in (
        ("rich<1", ParameterError, r"requirements holds 'rich<1', and .* is installed here"),
        ("no spaces allowed", ParameterError, "which is no requirement"),
        (
            "no-such-distribution-at-all",
            JobError,
            "requirements needs 'no-such-distribution-at-all', which is not installed",
        ),
    ):
        with pytest.raises(kind, match=message):
            byoe.sagemaker.export(made, tmp_path / "other", target="y", requirements=[wrong])
    assert not (tmp_path / "other").exists()
