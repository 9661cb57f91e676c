"""What the service refuses is refused here, with the limit in the message."""

import pandas as pd
import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import ParameterError
from byoe.sagemaker.shared._limits import (
    METRICS,
    check_choices,
    check_hyperparameters,
    check_name,
    check_regex,
    fitting_metrics,
)
from byoe.sagemaker.shared._metric_lines import metric_definitions
from byoe.sagemaker.shared._names import new_name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({f"p{i}": i for i in range(99)}, "there are 99 hyperparameters, and a job takes 98"),
        ({"p" * 257: 1}, "has 257 characters, at most 256 fit"),
        ({"p": "x" * 2499}, "'p' has 2501 characters as JSON, at most 2500 fit"),
        ({"p": "it's"}, "an apostrophe breaks the container's command line"),
        ({"it's": 1}, "an apostrophe"),
        ({"p": ["a", "b's"]}, "an apostrophe"),
    ],
)
def test_hyperparameters(values, message):
    with pytest.raises(ParameterError, match=message):
        check_hyperparameters(values)


def test_hyperparameters_that_just_fit():
    check_hyperparameters({f"p{i}": i for i in range(98)})
    check_hyperparameters({"p" * 256: "x" * 2498})


def test_a_job_is_refused_before_anything_is_written(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    with pytest.raises(ParameterError, match="an apostrophe"):
        byoe.sagemaker.fit(
            EnsembleRegressor(("ridge",)), frame, target="y", output=tmp_path / "out", hyperparameters={"store": "it's"}
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (list(range(31)), r"space\['x'\] has 31 values, and a tuning job chooses from at most 30"),
        (["a" * 255], "holds a value of 257 characters, at most 256 fit"),
        (["it's"], "an apostrophe"),
    ],
)
def test_choices(values, message):
    with pytest.raises(ParameterError, match=message):
        check_choices("x", values)
    check_choices("x", values[:30] if len(values) > 1 else ["a" * 254])


def test_a_space_with_too_many_choices():
    from byoe.sagemaker.shared._checks import check_space

    with pytest.raises(ParameterError, match="has 31 values"):
        check_space(EnsembleRegressor(("ridge",)), {"ridge__alpha": [float(i) for i in range(1, 32)]})


@pytest.mark.parametrize("name", ["a" * 64, "", "a_b", "-a", "a-", "a b", "ä"])
def test_names_that_are_refused(name):
    with pytest.raises(ParameterError, match="cannot be the name of a training job: it may have 63 characters"):
        check_name("training job", name)


def test_names_that_byoe_makes_fit():
    assert check_name("training job", new_name())
    assert check_name("tuning job", new_name("byoe-tune"))
    with pytest.raises(ParameterError, match="it may have 32 characters"):
        check_name("tuning job", "a" * 33)


BLEND = [f"validation:{name}" for name in ("mse", "rmse", "mae", "r2")]


def members(count):
    return [f"member:m{i}:{name}" for i in range(count) for name in ("mse", "rmse", "mae", "r2")]


def test_metrics_that_fit_are_all_defined():
    assert fitting_metrics([*BLEND, *members(9)], ["mse"]) == [*BLEND, *members(9)]
    assert len([*BLEND, *members(9)]) == METRICS


def test_of_many_members_the_objective_is_defined_and_of_more_none():
    found = fitting_metrics([*BLEND, *members(10)], ["mse"])
    assert found == [*BLEND, *(f"member:m{i}:mse" for i in range(10))]
    assert fitting_metrics([*BLEND, *members(37)], ["mse"]) == BLEND
    with pytest.raises(ParameterError, match="have 41 metrics, and a job defines at most 40"):
        fitting_metrics([f"validation:m{i}" for i in range(41)], ["m1"])


def test_a_regex_that_is_too_long():
    assert check_regex("a" * 500)
    with pytest.raises(ParameterError, match="the regex of a metric has 5.. characters, at most 500 fit"):
        metric_definitions([f"member:{'m' * 450}:rmse"])
