import pytest
from sklearn.linear_model import Lasso

from byoe import EnsembleRegressor, learner
from byoe.ensemble._configure import configure
from byoe.errors import ParameterError, UnknownNameError
from byoe.registry._members import members

BOOSTERS = ("catboost", "xgboost", "lightgbm", "hist_gradient_boosting", "ridge")


def own(ensemble, label):
    return members(ensemble.learners)[label].own_params()


@pytest.mark.parametrize(("name", "value"), [("eta", 0.07), ("learning_rate", 0.07)])
def test_a_shared_name_reaches_every_learner_that_declares_it(name, value):
    made = configure(EnsembleRegressor(BOOSTERS), {name: value})
    for label in BOOSTERS[:-1]:
        assert own(made, label) == {"learning_rate": value}
    assert own(made, "ridge") == {}


@pytest.mark.parametrize("name", ["n_rounds", "num_round", "iterations", "n_estimators", "num_boost_round"])
def test_rounds_go_by_the_librarys_own_name(name):
    made = configure(EnsembleRegressor(BOOSTERS), {name: 33})
    found = {label: own(made, label) for label in BOOSTERS}
    assert found == {
        "catboost": {"iterations": 33},
        "xgboost": {"n_estimators": 33},
        "lightgbm": {"n_estimators": 33},
        "hist_gradient_boosting": {"max_iter": 33},
        "ridge": {},
    }


def test_a_prefixed_value_wins_over_a_shared_one_in_any_order():
    for values in ({"eta": 0.1, "xgboost__eta": 0.5}, {"xgboost__learning_rate": 0.5, "eta": 0.1}):
        made = configure(EnsembleRegressor(BOOSTERS), values)
        assert own(made, "xgboost") == {"learning_rate": 0.5}
        assert own(made, "catboost") == {"learning_rate": 0.1}


def test_a_shared_name_replaces_what_the_member_was_made_with():
    made = configure(EnsembleRegressor([learner("xgboost", eta=0.9)]), {"learning_rate": 0.2})
    assert own(made, "xgboost") == {"learning_rate": 0.2}


def test_constructor_names_and_the_blender():
    made = configure(EnsembleRegressor(("ridge",)), {"cv": 7, "blender": "meta-linear", "blender__alpha": 2.0})
    assert made.cv == 7
    assert made.blender.get_params()["alpha"] == 2.0


def test_dashes_booleans_and_estimators():
    made = configure(
        EnsembleRegressor([("my_lasso", Lasso())]), {"my-lasso--alpha".replace("--", "__"): 2.0, "verbose": "True"}
    )
    assert made.learners[0][1].user_estimator.alpha == 2.0
    assert made.verbose is True
    assert (
        configure(EnsembleRegressor(("ridge",), "meta-linear"), {"blender__passthrough": "false"}).blender.passthrough
        is False
    )


def test_the_ensemble_that_was_given_stays_as_it_is():
    original = EnsembleRegressor(("xgboost", ("l", Lasso())))
    configure(original, {"eta": 0.1, "l__alpha": 9.0, "cv": 3})
    assert original.learners[0] == "xgboost"
    assert original.learners[1][1].alpha == 1.0
    assert original.cv == 5


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"etaa": 1}, UnknownNameError, "nobody knows the parameter 'etaa'.*Did you mean 'eta'"),
        ({"xgboost__etaa": 1}, UnknownNameError, "xgboost has no parameter 'etaa'"),
        ({"xgbost__eta": 1}, UnknownNameError, "nobody knows"),
        ({"blender__foo": 1}, UnknownNameError, "auto has no parameter 'foo'"),
        ({"eta": 0.1, "learning_rate": 0.2}, ParameterError, "a second time"),
        ({"xgboost__eta": 0.1, "xgboost__learning_rate": 0.2}, ParameterError, "a second time"),
        ({"n-jobs": 1, "n_jobs": 2}, ParameterError, "given twice"),
    ],
)
def test_wrong_names_say_so(values, error, message):
    with pytest.raises(error, match=message):
        configure(EnsembleRegressor(BOOSTERS), values)


def test_one_parameter_under_two_names_is_an_error():
    with pytest.raises(ParameterError, match="'eta' and 'learning_rate' are the same parameter"):
        learner("xgboost", eta=0.1, learning_rate=0.2)


def test_the_default_space_is_what_the_learners_propose():
    from byoe.ensemble._configure import default_space

    found = default_space([("trees", learner("xgboost")), "knn", ("plain", Lasso())])
    assert found["trees__max_depth"] == (3, 10)
    assert found["knn__weights"] == ["uniform", "distance"]
    assert not [name for name in found if name.startswith("plain")]
    with pytest.raises(ParameterError, match="none of the learners proposes anything to search"):
        default_space([("plain", Lasso())])


def test_what_is_set_is_not_searched():
    from byoe.ensemble._configure import default_space

    made = configure(EnsembleRegressor(("xgboost", "lightgbm")), {"eta": 0.1, "xgboost__max_depth": 3})
    found = default_space(made.learners)
    assert not {"xgboost__learning_rate", "lightgbm__learning_rate", "xgboost__max_depth"} & set(found)
    assert {"xgboost__subsample", "lightgbm__num_leaves"} <= set(found)
