"""Handles here and on AWS are used alike: what one side has beyond the other is listed here."""

import inspect
import re

import pytest

from byoe.errors import ParameterError
from byoe.sagemaker import (
    Endpoint,
    Execution,
    Job,
    LocalEndpoint,
    LocalExecution,
    LocalJob,
    LocalModels,
    LocalPipeline,
    LocalTuning,
    Models,
    Pipeline,
    Transform,
    Tuning,
    deploy,
    transform,
)
from byoe.sagemaker._places import _PLACES
from byoe.sagemaker.shared import _handles
from byoe.sagemaker.shared._place import Place

HANDLES = {
    "JobHandle": {
        LocalJob: {"base", "register"},
        Job: {
            *("cloud", "describe", "billable_seconds", "image", "serving_image", "savings"),
            *("register", "origin", "role", "instance_type", "resource"),
        },
    },
    "TuningHandle": {
        LocalTuning: {"greater_is_better", "jobs", "start", "run", "best", "line", "completion", "register"},
        Tuning: {"cloud", "describe", "register", "resource"},
    },
    "ModelsHandle": {LocalModels: set(), Models: {"cloud", "origin", "serving_image", "role", "instance_type"}},
    "EndpointHandle": {
        LocalEndpoint: {"update"},
        Endpoint: {"describe", "status", "wait", "update", "shift", "alarm", "resource"},
    },
    "TransformHandle": {Transform: {"describe", "resource"}},
    "PipelineHandle": {
        LocalPipeline: set(),
        Pipeline: {"cloud", "describe", "status", "definition", "to_json", "resource"},
    },
    "ExecutionHandle": {
        LocalExecution: {"start", "failure"},
        Execution: {"arn", "cloud", "describe", "package", "resource"},
    },
}
PAIRS = [(name, cls) for name, classes in HANDLES.items() for cls in classes]


def public(cls):
    """Return the names of a class and of the attributes that it sets on itself."""
    on_itself = re.findall(r"\bself\.(\w+)(?:: [^=\n]+)? = ", inspect.getsource(cls))
    names = {*dir(cls), *on_itself, *getattr(cls, "__annotations__", ())}
    return {name for name in names if not name.startswith("_")}


def promised(name):
    protocol = getattr(_handles, name)
    return {one for part in protocol.__mro__ for one in (public(part) if part.__module__ == _handles.__name__ else ())}


@pytest.mark.parametrize(("name", "cls"), PAIRS)
def test_a_handle_has_what_its_protocol_says_and_what_is_listed(name, cls):
    assert public(cls) == promised(name) | HANDLES[name][cls]


@pytest.mark.parametrize(("name", "cls"), PAIRS)
def test_methods_take_the_same_arguments(name, cls):
    for method, own in inspect.getmembers(getattr(_handles, name), inspect.isfunction):
        if method in promised(name):
            parameters = inspect.signature(getattr(cls, method)).parameters.values()
            assert [str(one) for one in parameters] == [str(one) for one in inspect.signature(own).parameters.values()]


@pytest.mark.parametrize(("name", "cls"), PAIRS)
def test_what_is_asked_without_a_call_is_so_on_both_sides(name, cls):
    """A property here is no method there."""
    for one in promised(name):
        own = inspect.getattr_static(getattr(_handles, name), one, None)
        assert inspect.isfunction(own) == inspect.isfunction(inspect.getattr_static(cls, one, None)), one


def test_handles_say_what_they_are_and_where():
    assert [cls.kind for _, cls in PAIRS] == [
        *["job", "job", "tuning job", "tuning job"],
        *["set of models", "set of models", "endpoint", "endpoint", "transform job"],
        *["pipeline", "pipeline", "pipeline execution", "pipeline execution"],
    ]
    assert {cls.place for cls in (LocalJob, LocalTuning, LocalModels, LocalPipeline, LocalExecution)} == {"local"}
    assert {cls.place for cls in (Job, Tuning, Models, Pipeline, Execution)} == {"aws"}
    assert set(_PLACES) == {"local", "aws"}


@pytest.mark.parametrize("place", _PLACES.values())
def test_a_place_does_all_that_places_do(place):
    assert issubclass(place, Place)
    assert not place.__abstractmethods__
    for name in Place.__abstractmethods__:
        own, general = (list(inspect.signature(getattr(one, name)).parameters) for one in (place, Place))
        assert own == general


@pytest.mark.parametrize("use", [deploy, lambda job: transform(job, [[1.0]])])
@pytest.mark.parametrize("job", ["byoe-1", Endpoint])
def test_what_is_no_job_is_told(use, job):
    with pytest.raises(ParameterError, match="job is .*, expected a (handle|job, a tuning job or a model package)"):
        use(job)
