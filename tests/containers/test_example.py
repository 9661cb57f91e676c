"""The example that byoe began with: tuned in one job, the best model served by one endpoint, and all of it removed."""

import numpy as np

import byoe
from byoe import EnsembleRegressor

SPACE = {"eta": (0.01, 0.3, "log"), "max_depth": (2, 5)}


def test_the_example(platform, on_aws, tables):
    train, rows = tables
    members = {"catboost": byoe.learner("catboost", n_rounds=60), "xgboost": byoe.learner("xgboost", n_rounds=60)}
    ensemble = EnsembleRegressor(members, "mean", cv=5, random_state=0)
    tuning = byoe.sagemaker.tune(ensemble, SPACE, train, target="target", max_jobs=4, seed=1, **on_aws)

    trials = tuning.trials
    assert [(trial["number"], trial["status"]) for trial in trials] == [(n, "Completed") for n in (1, 2, 3, 4)]
    assert len({trial["objective"] for trial in trials}) == 4
    assert all(0.01 <= trial["params"]["eta"] <= 0.3 for trial in trials)
    assert all(trial["params"]["max_depth"] in (2, 3, 4, 5) for trial in trials)
    best = tuning.best_job
    assert best.name == min(trials, key=lambda trial: trial["objective"])["job"]

    # What tuning has set has arrived at both members, and the objective is the cross-validated score of the blend.
    trained = best.ensemble()
    chosen = next(trial["params"] for trial in trials if trial["job"] == best.name)
    params = trained.get_params()
    assert params["catboost__learning_rate"] == params["xgboost__learning_rate"] == chosen["eta"]
    assert params["catboost__depth"] == params["xgboost__max_depth"] == chosen["max_depth"]
    assert best.metrics["validation:rmse"] == -trained.score_estimate_

    saved = best.savings(price_per_hour=0.5)
    assert saved.members == 2
    assert 0 < saved.seconds < best.billable_seconds
    assert saved.bytes > 10_000
    assert saved.money == saved.seconds / 3600 * 0.5

    with byoe.sagemaker.deploy(tuning) as endpoint:
        np.testing.assert_allclose(endpoint.predict(rows), trained.predict(rows), rtol=1e-6)
        assert len(platform.left()) == 3
    assert platform.left() == []
