"""Tuning jobs that end early, start warm and fail: trials in the containers' toolkit, ended by what they print."""

import pytest

import byoe
from byoe import EnsembleRegressor
from byoe.errors import JobError

LIBRARY = '''
import time

from sklearn.tree import DecisionTreeRegressor


class SlowTree(DecisionTreeRegressor):
    """A tree that takes a while, so that a trial can be ended between two folds."""

    def fit(self, X, y, **more):
        time.sleep(2.0 if self.min_samples_leaf == 300 else 0.5)
        if self.min_samples_leaf == 13:
            raise RuntimeError("thirteen rows in a leaf bring bad luck")
        return super().fit(X, y, **more)
'''
# With more rows in a leaf than there are, a tree predicts the mean. That of 300 leaves time to be ended.
GOOD, BETTER, USELESS, FAILS = 40, 10, 300, 13


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    file = tmp_path_factory.mktemp("library") / "slow_trees.py"
    file.write_text(LIBRARY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(file.parent)
        yield file


@pytest.fixture
def tune(platform, on_aws, tables, library):
    def tune(leaves, **given):
        from slow_trees import SlowTree

        ensemble = EnsembleRegressor([("tree", SlowTree())], "mean", cv=3, n_jobs=1, random_state=0)
        space, own = {"tree__min_samples_leaf": leaves}, {"dependencies": [library], "max_jobs": 6, "strategy": "Grid"}
        return byoe.sagemaker.tune(ensemble, space, tables[0], target="target", **on_aws, **{**own, **given})

    return tune


def told(tuning):
    """Return the status of each trial by its rows in a leaf."""
    return {trial["params"]["tree__min_samples_leaf"]: trial["status"] for trial in tuning.trials}


def lines(platform, trial):
    return [line for line in platform.job(trial["job"]).lines if "validation:rmse=" in line]


def test_a_trial_that_is_worse_after_two_folds_is_ended(platform, tune):
    tuning = tune([GOOD, BETTER, USELESS, 20], early_stopping=True)
    assert tuning.status == "Completed"
    assert told(tuning) == {GOOD: "Completed", BETTER: "Completed", USELESS: "Stopped", 20: "Completed"}
    *_, ended, last = tuning.trials
    assert [len(lines(platform, trial)) for trial in (ended, last)] == [1, 2]
    assert "fold 2 of 3" in lines(platform, ended)[0]
    assert ended["objective"] > 70 > last["objective"]
    whole = [trial for trial in tuning.trials if trial["status"] == "Completed"]
    assert tuning.best_job.name == min(whole, key=lambda trial: trial["objective"])["job"]


def test_hyperband_ends_trials_fold_by_fold(platform, tune):
    tuning = tune([GOOD, USELESS], strategy="Hyperband", seed=1, max_jobs=4, max_parallel_jobs=2)
    assert tuning.status == "Completed"
    by_status = {status: [t for t in tuning.trials if t["status"] == status] for status in ("Completed", "Stopped")}
    assert all(len(lines(platform, trial)) == 3 for trial in by_status["Completed"])
    assert all("fold 1 of 3" in lines(platform, trial)[-1] for trial in by_status["Stopped"])
    assert {trial["params"]["tree__min_samples_leaf"] for trial in by_status["Stopped"]} == {USELESS}
    assert tuning.best_job.metrics["validation:rmse"] == min(trial["objective"] for trial in by_status["Completed"])


def test_a_tuning_job_is_complete_at_a_target_or_where_nothing_gets_better(tune):
    at_target = tune([GOOD, BETTER], stop_at=70.0)
    assert at_target.status == "Completed"
    assert told(at_target) == {GOOD: "Completed"}
    tired = tune([GOOD, 299, 298, 297, BETTER], patience=3)
    assert tired.status == "Completed"
    assert list(told(tired)) == [GOOD, 299, 298, 297]


def test_after_an_identical_start_the_best_job_may_be_an_earlier_one(tune):
    first = tune([GOOD])
    again = tune([299], warm_start=first, warm_start_type="identical")
    assert again.best_job.name == first.best_job.name != again.trials[0]["job"]
    other = tune([299], warm_start=[first.name])
    assert other.best_job.name == other.trials[0]["job"]


def test_trials_that_fail_say_why(tune):
    with pytest.raises(JobError, match=r"the first one: .*thirteen rows in a leaf bring bad luck"):
        tune([FAILS])
    half = tune([FAILS, GOOD])
    assert told(half) == {FAILS: "Failed", GOOD: "Completed"}
    assert "thirteen rows" in half.trials[0]["failure"]
    assert half.best_job.name == half.trials[1]["job"]
