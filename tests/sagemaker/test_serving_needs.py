"""An endpoint installs what the members that count need, and no more."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import byoe
from byoe import EnsembleRegressor, blender, learner
from byoe.sagemaker.in_job._serving_needs import libraries_in_use, needed_lines

LINES = [
    "catboost==1.2.10",
    "joblib==1.5.2",
    "lightgbm==4.7.0",
    "narwhals==2.0",
    "packaging==26.0",
    "prettytable==3.1",
    "scikit-learn==1.9.1",
    "six==1.17.0",
    "skops==0.16.0",
    "threadpoolctl==3.6",
    "xgboost-cpu==3.2.0",
    "./wheels/byoe_ensemble-0.1.0-py3-none-any.whl",
    "./wheels/byoe_example-0.5.0-py3-none-any.whl",
    "./wheels/byoe_own_features-0-py3-none-any.whl",
]
WITHOUT_OWN = LINES[:-1]


def names(lines):
    return [line.rpartition("/")[2].partition("=")[0].partition("-0")[0] for line in lines]


def test_boosters_need_neither_scikit_learn_nor_skops():
    kept = names(needed_lines(WITHOUT_OWN, {"xgboost", "lightgbm"}))
    assert {"xgboost-cpu", "lightgbm", "narwhals", "joblib", "byoe_ensemble"} <= set(kept)
    assert not {"catboost", "six", "scikit-learn", "skops", "threadpoolctl", "byoe_example"} & set(kept)


def test_linear_models_need_nothing_further():
    assert names(needed_lines(WITHOUT_OWN, set())) == ["joblib", "byoe_ensemble"]


def test_estimators_need_what_reads_and_runs_them():
    kept = names(needed_lines(WITHOUT_OWN, {"scikit-learn", "skops"}))
    assert {"scikit-learn", "skops", "packaging", "prettytable", "joblib", "threadpoolctl", "byoe_ensemble"} <= set(
        kept
    )
    assert not {"catboost", "lightgbm", "byoe_example"} & set(kept)


def test_a_plugin_may_count_on_what_byoe_depends_on():
    kept = names(needed_lines(WITHOUT_OWN, {"byoe-example"}))
    assert {"byoe_example", "scikit-learn", "skops", "narwhals", "joblib"} <= set(kept)
    assert not {"catboost", "lightgbm", "xgboost-cpu"} & set(kept)


def test_what_was_asked_for_stays():
    kept = names(needed_lines(WITHOUT_OWN, {"lightgbm"}, asked=["six"]))
    assert {"six", "lightgbm"} <= set(kept)
    assert "catboost" not in kept


def test_code_of_the_users_own_may_import_anything():
    assert needed_lines(LINES, {"lightgbm"}) == LINES


def test_where_it_cannot_be_told_all_stays():
    assert needed_lines(LINES, {"no-such-distribution"}) == LINES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    frame = load_diabetes(as_frame=True).frame
    members = ["ridge", learner("lightgbm", n_estimators=5), "svm", learner("xgboost", n_estimators=5)]
    ensemble = EnsembleRegressor(members, blender("weighted", weights=[1, 1, 0, 0]), cv=3, random_state=0)
    folder = tmp_path_factory.mktemp("jobs")
    job = byoe.sagemaker.fit(ensemble, frame, target="target", instance_type="local", output=str(folder))
    return job, frame.drop(columns="target")


def test_a_job_leaves_out_what_its_blend_does_not_use(trained):
    job, X = trained
    lines = (job.artifact / "code" / "requirements.txt").read_text().splitlines()
    found = names(lines)
    assert {"lightgbm", "narwhals", "byoe_ensemble"} <= set(found)
    assert not {"xgboost-cpu", "xgboost", "skops", "scikit-learn"} & set(found)
    assert "an endpoint does not need" in job.log
    assert "xgboost" in (job.base / "code" / "requirements.txt").read_text()
    with byoe.sagemaker.deploy(job, instance_type="local") as endpoint:
        assert np.array_equal(endpoint.predict(X.head()), job.ensemble().predict(X.head()))


def test_what_intervals_use_is_in_use(diabetes, tmp_path):
    X, y = diabetes
    members = [
        learner("lightgbm", n_estimators=5),
        learner("xgboost", n_estimators=5),
        learner("catboost", iterations=5),
    ]
    ensemble = EnsembleRegressor(members, "best", finalize="bag", random_state=0).fit(X, y)
    chosen = {int(blender.weights_.argmax()) for blender in (ensemble.blender_, *ensemble._held_out)}
    expected = {["lightgbm", "xgboost", "catboost"][i] for i in chosen}
    assert libraries_in_use(ensemble, ensemble.save(tmp_path / "model")) == expected
    lean = ensemble.save(tmp_path / "lean", oof=False)
    assert libraries_in_use(byoe.load(lean), lean) == {
        list(ensemble.members_)[int(ensemble.blender_.weights_.argmax())]
    }
