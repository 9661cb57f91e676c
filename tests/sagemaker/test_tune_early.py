"""Tuning jobs on this machine that end early, and what their trials print."""

import numpy as np

import byoe
from byoe import EnsembleRegressor
from byoe.sagemaker.in_job._fold_scores import FoldScores
from byoe.sagemaker.shared._metric_lines import metric_definitions, read_fold_scores, read_metrics
from byoe.scoring._metrics import find_metric

SPACE = {"ridge__alpha": [1.0, 2.0, 3.0, 1e6]}


def test_a_bad_trial_ends_after_two_folds_and_is_never_the_best(diabetes_frame, tmp_path):
    made = EnsembleRegressor(("ridge",), "mean", cv=4)
    call = {"target": "target", "output": tmp_path, "seed": 0}
    run = byoe.sagemaker.tune(made, SPACE, diabetes_frame, strategy="Grid", early_stopping=True, **call)
    assert sorted(trial["params"]["ridge__alpha"] for trial in run.trials) == sorted(SPACE["ridge__alpha"])
    for trial in run.trials:
        job = run.jobs[trial["job"]]
        scores = read_fold_scores(job.log, run.objective)
        assert list(scores) == [2]
        assert job.hyperparameters["random_state"] == 0
        assert trial["objective"] == (scores[2] if trial["status"] == "Stopped" else job.metrics[run.objective])
    assert [trial["status"] for trial in run.trials[:3]] == ["Completed"] * 3
    earlier = [read_fold_scores(run.jobs[trial["job"]].log, run.objective)[2] for trial in run.trials[:3]]
    last = read_fold_scores(run.jobs[run.trials[3]["job"]].log, run.objective)[2]
    assert (run.trials[3]["status"] == "Stopped") == (last > np.median(earlier))
    assert run.best["status"] == "Completed"
    again = byoe.sagemaker.tune(made, SPACE, diabetes_frame, max_jobs=9, stop_at=1e9, warm_start=run, **call)
    assert len(again.trials) == 1
    assert "has reached stop_at" in again.completion


def test_each_number_of_folds_is_printed_once_in_the_life_of_a_job(tmp_path, capsys, monkeypatch, diabetes_frame):
    monkeypatch.setenv("TRAINING_JOB_NAME", "byoe-1")
    from byoe.contracts._task import Task

    metric = find_metric("rmse", Task("regression"))
    for attempts in (2, 3, 4):  # the second and third attempt begin anew
        told = FoldScores(metric, tmp_path, objective="validation:rmse", each=True)
        for done in range(1, attempts):
            if told.wants(done, 5):
                told(done, 5, 0.5 + done)
    log = capsys.readouterr().out
    assert read_fold_scores(log, "validation:rmse") == {1: 1.5, 2: 2.5, 3: 3.5}
    assert len(log.splitlines()) == 3
    assert read_metrics(log, metric_definitions(["validation:rmse"])) == {"validation:rmse": 3.5}


def test_hyperband_ends_trials_after_few_folds_and_the_best_is_one_of_all(diabetes_frame, tmp_path):
    made = EnsembleRegressor(("ridge",), "mean", cv=4)
    call = {"target": "target", "output": tmp_path, "seed": 0, "max_jobs": 4}
    space = {"ridge__alpha": (1e-3, 1e6, "log")}
    run = byoe.sagemaker.tune(made, space, diabetes_frame, strategy="Hyperband", **call)
    assert [trial["status"] for trial in run.trials] == ["Completed", "Stopped", "Stopped", "Completed"]
    for trial in run.trials:
        job = run.jobs[trial["job"]]
        scores = read_fold_scores(job.log, run.objective)
        if trial["status"] == "Stopped":
            assert trial["objective"] in scores.values()
        else:
            assert list(scores) == [1, 2, 3]  # that of all folds is the metric itself
            assert trial["objective"] == job.metrics[run.objective]
    stopped = [trial["objective"] for trial in run.trials if trial["status"] == "Stopped"]
    assert min(stopped) < run.best["objective"]  # its first folds are easier than all are
    assert run.best["status"] == "Completed"
