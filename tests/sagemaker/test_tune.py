import time
from types import SimpleNamespace

import pytest

import byoe
from byoe import EnsembleRegressor, learner
from byoe.errors import InputError, JobError, ParameterError, UnknownNameError
from byoe.sagemaker.local._tuning import LocalTuning
from byoe.sagemaker.shared._checks import check_space

sm = byoe.sagemaker
SPACE = {
    "eta": (0.01, 0.3, "log"),
    "xgboost__max_depth": (2, 5),
    "blender": ["mean", "weighted"],
    "subsample": (0.5, 1.0),
}


def ensemble():
    return EnsembleRegressor([learner("xgboost", n_estimators=5), "ridge"], random_state=0)


@pytest.fixture(scope="module")
def tuning(split, tmp_path_factory):
    train, validation = split
    output = tmp_path_factory.mktemp("tuning")
    return sm.tune(ensemble(), SPACE, train, validation, target="target", output=output, max_jobs=3, seed=1)


def test_every_trial_is_a_job_with_its_own_parameters(tuning):
    assert len(tuning.trials) == 3
    for trial in tuning.trials:
        job = tuning.jobs[trial["job"]]
        assert trial["status"] == job.status == "Completed"
        assert trial["objective"] == job.metrics["validation:rmse"]
        assert set(trial["params"]) == set(SPACE)
        assert job.hyperparameters == trial["params"]
        assert 0.01 <= trial["params"]["eta"] <= 0.3
        assert isinstance(trial["params"]["xgboost__max_depth"], int)
        assert 2 <= trial["params"]["xgboost__max_depth"] <= 5
        made = job.ensemble()
        assert made.blender_.name == trial["params"]["blender"]
        assert made.members_["xgboost"].learner.own_params()["learning_rate"] == trial["params"]["eta"]
    assert len({str(trial["params"]) for trial in tuning.trials}) == 3


def test_the_best_job_has_the_lowest_loss(tuning):
    best = min(trial["objective"] for trial in tuning.trials)
    assert tuning.best_job.metrics[tuning.objective] == best
    assert tuning.objective == "validation:rmse"
    assert tuning.wait() is tuning


def test_the_best_job_is_deployed(tuning, split):
    import numpy as np

    X = split[1].drop(columns="target")
    with sm.deploy(tuning) as endpoint:
        assert np.array_equal(endpoint.predict(X), tuning.best_job.ensemble().predict(X))


def test_the_search_is_seeded_and_parallel_trials_share_the_cores(split, tmp_path):
    runs = [
        sm.tune(
            EnsembleRegressor(("ridge",), random_state=0),
            {"ridge__alpha": (0.1, 9.0)},
            split[0],
            target="target",
            output=tmp_path,
            max_jobs=2,
            seed=5,
            max_parallel_jobs=2,
        )
        for _ in range(2)
    ]
    first, second = ([(trial["params"], trial["objective"]) for trial in run.trials] for run in runs)
    assert first == second
    job = next(iter(runs[0].jobs.values()))
    assert job.hyperparameters["n_jobs"] == 1


def test_a_score_is_maximised(split, tmp_path):
    space = {"ridge__alpha": [1e-3, 1e6]}
    made = EnsembleRegressor(("ridge",), metric="r2", random_state=0)
    run = sm.tune(made, space, split[0], target="target", output=tmp_path, max_jobs=2, seed=0)
    assert {trial["params"]["ridge__alpha"] for trial in run.trials} == {1e-3, 1e6}, "the seed must try both"
    assert run.objective == "validation:r2"
    assert run.greater_is_better
    assert run.best_job.hyperparameters == {"ridge__alpha": 1e-3}


def test_failed_trials_are_counted_and_passed_over(split, tmp_path):
    space = {"ridge__alpha": [1.0, -1.0]}
    heard = []
    run = sm.tune(
        EnsembleRegressor(("ridge",), random_state=0),
        space,
        split[0],
        target="target",
        output=tmp_path,
        max_jobs=2,
        seed=0,
        on_trial=heard.append,
    )
    by_alpha = {trial["params"]["ridge__alpha"]: trial for trial in run.trials}
    assert set(by_alpha) == {1.0, -1.0}, "the seed must try both"
    assert by_alpha[-1.0]["status"] == "Failed"
    assert by_alpha[-1.0]["objective"] is None
    assert by_alpha[-1.0]["failure"].startswith("MemberError: member 'ridge' failed")
    assert by_alpha[1.0]["failure"] == ""
    assert run.best_job.hyperparameters == {"ridge__alpha": 1.0}
    assert heard == run.trials


def test_when_every_trial_fails_it_is_an_error_with_the_reason(split, tmp_path):
    call = {"target": "target", "output": tmp_path, "max_jobs": 2}
    text = r"no trial of tuning job .* has a result \(status Completed\): the first one: MemberError: member 'ridge' failed"
    with pytest.raises(JobError, match=text):
        sm.tune(EnsembleRegressor(("ridge",)), {"ridge__alpha": (-2.0, -1.0)}, split[0], **call)
    run = sm.tune(
        EnsembleRegressor(("ridge",)), {"ridge__alpha": (-2.0, -1.0)}, split[0], **call | {"max_jobs": 1}, wait=False
    )
    with pytest.raises(JobError, match=text):
        run.wait()
    with pytest.raises(JobError, match=text):
        _ = run.best_job


def test_a_search_shows_its_trials_and_takes_the_seed_of_the_ensemble(split, tmp_path, capsys):
    space, call = {"ridge__alpha": (0.1, 9.0)}, {"target": "target", "output": tmp_path, "max_jobs": 2}
    first, second = (
        sm.tune(EnsembleRegressor(("ridge",), random_state=4, verbose=verbose), space, split[0], **call, **seed)
        for verbose, seed in ((1, {}), (0, {"seed": 4}))
    )
    assert [trial["params"] for trial in first.trials] == [trial["params"] for trial in second.trials]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("[byoe] trial 1 of 2: validation:rmse ")
    assert f"(best {first.best['objective']:.4g}, trial {first.best['number']})" in lines[1]
    assert first.jobs[first.best["job"]] is first.best_job
    assert f"best=trial {first.best['number']} in {str(first.best_job.base)!r}" in repr(first)


def test_an_interrupted_search_stops_its_jobs(split, tmp_path):
    def interrupt(row):
        raise KeyboardInterrupt

    slow = EnsembleRegressor([learner("catboost", iterations=1)], random_state=0)
    space = {"catboost__iterations": [1, 200_000], "catboost__depth": (2, 4)}
    run = sm.tune(
        slow,
        space,
        split[0],
        target="target",
        output=tmp_path,
        max_jobs=8,
        max_parallel_jobs=8,
        seed=0,
        on_trial=interrupt,
        wait=False,
    )
    while len(run.jobs) < 8:
        time.sleep(0.01)
    first = next(iter(run.jobs.values()))
    if first.hyperparameters["catboost__iterations"] > 1:
        first.stop()
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert "InProgress" not in {job.status for job in run.jobs.values()}
    assert "Stopped" in {job.status for job in run.jobs.values()}


def test_the_parts_of_every_choice_are_shipped_and_one_metric_is_for_all(split, tmp_path):
    space = {"blender": ["trimmed-mean"]}
    base = EnsembleRegressor(("ridge",), "mean", random_state=0)
    run = sm.tune(
        base, space, split[0], target="target", output=tmp_path, max_jobs=1, hyperparameters={"metric": "mse"}
    )
    assert run.objective == "validation:mse"
    run.stop()
    assert run.status == "Completed"  # it had ended
    assert run.best_job.metrics["validation:mse"] == run.trials[0]["objective"]
    wheels = {wheel.name.partition("-")[0] for wheel in (run.best_job.base / "code" / "wheels").iterdir()}
    assert wheels == {"byoe_ensemble", "byoe_example"}
    with pytest.raises(ParameterError, match="the space holds 'metric'"):
        sm.tune(base, {"metric": ["mse", "mae"]}, split[0], target="target", output=tmp_path)


def test_a_search_can_run_beside_the_caller_and_be_stopped(split, tmp_path):
    run = sm.tune(ensemble(), {"eta": (0.01, 0.3)}, split[0], target="target", output=tmp_path, max_jobs=50, wait=False)
    while not run.jobs:
        time.sleep(0.01)
    run.stop()
    assert len(run.trials) < 50
    assert {job.status for job in run.jobs.values()} <= {"Completed", "Stopped"}
    assert run.wait() is run


@pytest.mark.parametrize(
    ("space", "error", "message"),
    [
        ({}, ParameterError, "the space is empty"),
        ({"eta": 0.1}, ParameterError, r"space\['eta'\] is 0.1; expected \(low, high\)"),
        ({"eta": (0.3, 0.1)}, ParameterError, "low < high"),
        ({"eta": (0.1,)}, ParameterError, "expected"),
        ({"eta": (0, 0.1, "log")}, ParameterError, "needs low > 0"),
        ({"eta": (0.01, 0.1, "sqrt")}, ParameterError, "a third item is 'log'"),
        ({"eta": ("a", "b")}, ParameterError, "expected"),
        ({"eta": (True, False)}, ParameterError, "expected"),
        ({"eta": []}, ParameterError, "empty list"),
        ({"eta": [object()]}, ParameterError, "a choice is a number, a text, a boolean or None"),
        ({"etaa": (0.1, 0.2)}, UnknownNameError, "nobody knows the parameter 'etaa'. *|Did you mean 'eta'"),
        ({"xgboost__foo": (1, 2)}, UnknownNameError, "xgboost has no parameter 'foo'"),
        ({"eta": (0.1, 0.2), "learning_rate": (0.1, 0.2)}, ParameterError, "a second time"),
    ],
)
def test_a_wrong_space_is_refused_before_anything_runs(space, error, message, split, tmp_path):
    with pytest.raises(error, match=message):
        sm.tune(ensemble(), space, split[0], target="target", output=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_wrong_arguments(split, tmp_path):
    call = {"target": "target", "output": tmp_path}
    with pytest.raises(ParameterError, match="eta is both fixed and in the space"):
        sm.tune(ensemble(), {"eta": (0.1, 0.2)}, split[0], hyperparameters={"eta": 0.1}, **call)
    with pytest.raises(ParameterError, match="max_jobs is 0, expected a positive integer"):
        sm.tune(ensemble(), {"eta": (0.1, 0.2)}, split[0], max_jobs=0, **call)
    with pytest.raises(InputError, match="there is no file"):
        sm.tune(ensemble(), {"eta": (0.1, 0.2)}, "nowhere.csv", **call)
    with pytest.raises(UnknownNameError, match="No blender is registered as 'meen'"):
        check_space(ensemble(), {"blender": ["mean", "meen"]})
    assert list(tmp_path.iterdir()) == []


def test_without_a_space_what_the_learners_propose_is_searched(split, tmp_path):
    made = EnsembleRegressor([("ols", learner("least-squares")), "knn"], "mean", random_state=0)
    fixed = {"knn__weights": "distance"}
    run = sm.tune(made, None, split[0], target="target", output=tmp_path, max_jobs=1, seed=0, hyperparameters=fixed)
    assert [set(trial["params"]) for trial in run.trials] == [{"ols__l2", "knn__n_neighbors"}]


@pytest.mark.parametrize(
    ("objective", "failure", "told"),
    [(0.25, "", "r2 0.25"), (None, "no rows", "Failed (no rows)"), (None, "", "Failed")],
)
def test_a_line_tells_of_a_trial_with_a_result_and_without(objective, failure, told):
    row = {"number": 2, "objective": objective, "status": "Failed", "failure": failure, "seconds": 1.0}
    tuning = SimpleNamespace(objective="r2", best=None)
    assert LocalTuning.line(tuning, row, 3) == f"trial 2 of 3: {told} in 1.0 s"
