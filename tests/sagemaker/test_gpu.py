"""Members that train on a GPU where a job has one."""

import pytest

from byoe import EnsembleRegressor, learner
from byoe.ensemble._configure import configure
from byoe.registry._members import members
from byoe.sagemaker.in_job._train import on_gpu
from byoe.sagemaker.shared._checks import variant_of


def params(ensemble):
    return {label: made.own_params() for label, made in members(ensemble.learners).items()}


def test_those_that_can_train_on_it(capsys):
    made = on_gpu(variant_of(EnsembleRegressor(["xgboost", "catboost", "lightgbm", "ridge"], "mean")))
    assert params(made) == {
        "xgboost": {"device": "cuda"},
        "catboost": {"task_type": "GPU"},
        "lightgbm": {},
        "ridge": {},
    }
    assert capsys.readouterr().out == "[byoe] trains on a GPU: xgboost__device, catboost__task_type\n"


def test_what_is_set_already_stays():
    given = EnsembleRegressor([("mine", learner("xgboost", device="cpu")), "catboost"], "mean")
    made = on_gpu(variant_of(configure(given, {"catboost__task_type": "CPU"})))
    assert params(made) == {"mine": {"device": "cpu"}, "catboost": {"task_type": "CPU"}}
    assert params(on_gpu(variant_of(EnsembleRegressor(["ridge"], "mean")))) == {"ridge": {}}


@pytest.mark.parametrize(
    ("name", "params", "possible"),
    [
        ("xgboost", {"tree_method": "exact"}, False),
        ("xgboost", {"tree_method": "hist"}, True),
        ("catboost", {"colsample": 0.5}, False),
        ("catboost", {"rsm": None}, True),
        ("catboost", {"subsample": 0.5}, False),
        ("catboost", {"subsample": 0.5, "bootstrap_type": "Bernoulli"}, True),
    ],
)
def test_what_has_no_gpu_code_stays_where_it_is(name, params, possible):
    assert bool(learner(name, **params).gpu) is possible


@pytest.mark.parametrize("name", ["xgboost", "catboost"])
def test_its_parameters_are_known_to_the_library(name):
    made = learner(name)
    assert set(made.gpu) <= set(made.parameter_names())
