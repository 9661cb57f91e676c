"""What ends trials and tuning jobs early: the rules alone."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit

from byoe import EnsembleRegressor
from byoe.errors import ParameterError
from byoe.sagemaker.local._early_ends import MedianRule, why_complete
from byoe.sagemaker.shared._search import Search, by_fold

SEARCH = {"space": {"alpha": (0.1, 1.0)}, "objective": "validation:rmse", "greater_is_better": False, "max_jobs": 9}
values = st.floats(-100, 100, allow_nan=False)
curves = st.lists(st.lists(values, min_size=1, max_size=4), min_size=0, max_size=6)


@given(curves, st.lists(values, min_size=1, max_size=4), st.booleans())
def test_a_trial_ends_where_it_is_worse_than_the_median_of_running_averages(earlier, own, greater):
    rule = MedianRule(greater)
    for curve in earlier:
        rule.add(dict(enumerate(curve, 1)))
    stops = rule.stops_after(dict(enumerate(own, 1)))
    expected = None
    for done, value in reversed(list(enumerate(own, 1))):
        averages = [sum(curve[:done]) / done for curve in earlier if len(curve) >= done]
        if len(averages) < 3:
            continue
        median = statistics.median(averages)
        if abs(value - median) < 1e-9:
            return  # the last bit decides
        if (value < median) if greater else (value > median):
            expected = done
    assert stops == expected
    if stops is not None:  # what comes later changes nothing
        assert rule.stops_after(dict(enumerate(own[:stops], 1))) == stops
        assert rule.stops_after(dict(enumerate(own[: stops - 1], 1))) is None


@pytest.mark.parametrize(
    ("more", "greater", "objectives", "why"),
    [
        ({"stop_at": 2.0}, False, [5.0, 2.5], ""),
        ({"stop_at": 2.0}, False, [5.0, 2.0], "validation:rmse 2 has reached stop_at=2"),
        ({"stop_at": 0.9}, True, [0.5, 0.95, 0.1], "validation:rmse 0.95 has reached stop_at=0.9"),
        ({"stop_at": 0.9}, True, [0.5], ""),
        ({"patience": 3}, False, [5.0, 4.99, 6.0], ""),
        ({"patience": 3}, False, [5.0, 4.99, 6.0, 4.98], "3 trials have not improved validation:rmse by 1%"),
        ({"patience": 3}, False, [5.0, 4.99, 6.0, 4.9], ""),
        ({"patience": 3}, True, [-2.0, -1.99, -3.0, -2.5], "3 trials have not improved validation:rmse by 1%"),
        ({"patience": 3, "stop_at": 1.0}, False, [], ""),
        ({}, False, [1.0] * 20, ""),
    ],
)
def test_a_search_is_complete(more, greater, objectives, why):
    assert why_complete(Search(**{**SEARCH, "greater_is_better": greater, **more}), objectives) == why


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"strategy": "Baysian"}, "strategy is 'Baysian', expected one of 'Bayesian', 'Random', 'Grid', 'Hyperband'"),
        ({"strategy": None}, "strategy is None"),
        ({"strategy": "Hyperband", "early_stopping": True}, "a rule of its own; leave early_stopping out"),
        ({"early_stopping": "Auto"}, "early_stopping is 'Auto', expected True or False"),
        ({"autotune": 1}, "autotune is 1, expected True or False"),
        ({"autotune": True, "strategy": "Random"}, "autotune leaves the strategy to the service"),
        ({"autotune": True, "max_cost": 1, "price_per_hour": 1}, "no max_cost holds"),
        ({"max_cost": 1}, "max_cost and price_per_hour belong together"),
        ({"price_per_hour": 1}, "max_cost and price_per_hour belong together"),
        ({"max_cost": -1, "price_per_hour": 1}, "max_cost is -1, expected a positive amount of money"),
        ({"max_cost": 1, "price_per_hour": 0}, "price_per_hour is 0, expected a positive amount"),
        ({"time_limit": "1h"}, "time_limit is '1h', expected a positive amount of seconds"),
        ({"stop_at": float("nan")}, "stop_at is nan, expected a value of validation:rmse"),
        ({"patience": 2}, "patience is 2, expected a number of trials from 3 on, 'auto' or None"),
        ({"patience": True}, "patience is True"),
        ({"warm_start_type": "identical"}, "warm_start_type is for a warm_start"),
        ({"warm_start": "a", "warm_start_type": "same"}, "expected one of 'transfer', 'identical'"),
        ({"warm_start": 5}, "warm_start holds 5, expected the handle or name of a tuning job, or several"),
        ({"warm_start": ["a", 5]}, "warm_start holds 5, expected"),
        ({"warm_start": None}, "warm_start holds None, expected"),
        ({"seed": -1}, "seed is -1, expected an integer from 0 to 4294967295, or None"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"seed": True}, "seed is True"),
        ({"seed": 1.0}, "seed is 1.0"),
        ({"warm_start": [*"abcdef"]}, "warm_start names 6 tuning jobs, at most 5"),
    ],
)
def test_wrong_words_are_told(more, message):
    with pytest.raises(ParameterError, match=message):
        Search(**{**SEARCH, **more})


def test_a_grid_is_no_larger_than_max_jobs():
    grid = {**SEARCH, "strategy": "Grid", "space": {"alpha": [*range(30)], "cv": [*range(30)]}}
    with pytest.raises(ParameterError, match="the grid has 900 trials, .* and max_jobs is 9; set max_jobs=900"):
        Search(**grid)
    assert Search(**{**grid, "max_jobs": 900}).n_trials == 900
    assert Search(**{**grid, "space": {"alpha": [*range(9)]}}).n_trials == 9


def test_words_of_the_service_are_understood():
    search = Search(
        **SEARCH, strategy="hyperBAND", warm_start="byoe-tune-1", warm_start_type="IdenticalDataAndAlgorithm"
    )
    assert (search.strategy, search.warm_start_type, search.parents) == ("Hyperband", "identical", ["byoe-tune-1"])


class Groups:
    """A splitter that must see the groups to know how many folds there are."""

    def get_n_splits(self, X=None, y=None, groups=None):
        raise ValueError("The 'groups' parameter should not be None.")

    def split(self, X, y=None, groups=None):
        return iter(())


@pytest.mark.parametrize(
    ("more", "ensemble", "channels", "message"),
    [
        ({}, {}, ["train", "validation"], "leave the validation data out"),
        ({"space": {"cv": [3, 5]}}, {}, ["train"], "the space holds 'cv'; set it on the ensemble"),
        ({}, {"time_limit": 60}, ["train"], "with a time_limit they are fitted member by member"),
        ({}, {"cv": [([0], [1])]}, ["train"], "cv has one; give more"),
        ({"space": {"random_state": [0, 1]}}, {}, ["train"], "the space holds 'random_state'; set it on the ensemble"),
        ({}, {"cv": KFold(3, shuffle=True)}, ["train"], "which draws others for each; give it a random_state"),
        ({}, {"cv": ShuffleSplit(3)}, ["train"], "which draws others for each; give it a random_state"),
        ({}, {"cv": RepeatedKFold()}, ["train"], "which draws others for each; give it a random_state"),
    ],
)
@pytest.mark.parametrize("what", [{"strategy": "Hyperband"}, {"early_stopping": True}, {"autotune": True}])
def test_what_cannot_be_compared_is_refused_or_not_printed(what, more, ensemble, channels, message):
    search = Search(**{**SEARCH, **what, **more})
    made = EnsembleRegressor(("ridge",), **ensemble)
    if "autotune" in what:
        assert by_fold(search, made, channels) is None
    else:
        with pytest.raises(ParameterError, match=f"^({what.get('strategy')}|early_stopping) .*{message}"):
            by_fold(search, made, channels)


@pytest.mark.parametrize("cv", [KFold(3), KFold(3, shuffle=True, random_state=0), ShuffleSplit(3, random_state=0)])
def test_a_splitter_that_draws_the_same_folds_is_fine(cv):
    made = EnsembleRegressor(("ridge",), cv=cv)
    assert by_fold(Search(**SEARCH, strategy="Hyperband"), made, ["train"]).n_folds == 3


def test_hyperband_must_know_how_many_folds_there_are():
    made = EnsembleRegressor(("ridge",), cv=Groups())
    with pytest.raises(ParameterError, match="must know the number of folds beforehand"):
        by_fold(Search(**SEARCH, strategy="Hyperband"), made, ["train"])
    assert by_fold(Search(**SEARCH, early_stopping=True), made, ["train"]).n_folds is None
    assert by_fold(Search(**SEARCH, strategy="Hyperband"), EnsembleRegressor(("ridge",), cv=7), ["train"]).n_folds == 7
    assert by_fold(Search(**SEARCH), EnsembleRegressor(("ridge",)), ["train"]) is None
