import json
from functools import partial

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression, RidgeClassifierCV
from sklearn.metrics import fbeta_score, make_scorer, mean_absolute_error, mean_pinball_loss
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from byoe import EnsembleClassifier, EnsembleRegressor, blender, learner
from byoe.contracts._learner import Learner
from byoe.ensemble._load import from_spec
from byoe.ensemble._spec import to_spec
from byoe.errors import SpecError

ENSEMBLES = [
    EnsembleRegressor(),
    EnsembleRegressor({"xgboost": {"max_depth": 3, "eta": np.float64(0.1)}, "ridge": {}}, "mean", cv=KFold(3, shuffle=True, random_state=1)),
    EnsembleRegressor(["log-ridge", ("other", learner("mlp", hidden_layer_sizes=(8, 4)))], "trimmed-mean", cv=TimeSeriesSplit(4, gap=2)),
    EnsembleRegressor([make_pipeline(StandardScaler(), HuberRegressor(epsilon=1.5))], GradientBoostingRegressor(), cv=GroupKFold(3)),
    EnsembleRegressor([BaggingRegressor(DecisionTreeRegressor(max_depth=2))], blender("meta-linear", passthrough=True), metric="r2"),
    EnsembleClassifier([("dropped", "drop"), "ridge"], LogisticRegression(C=2.0), finalize="refit", random_state=7),
]  # fmt: skip


def test_repeated_splitters_keep_their_folds():
    for splitter, n in (
        (RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), 6),
        (RepeatedStratifiedKFold(n_splits=4, n_repeats=2), 8),
    ):
        spec = json.loads(json.dumps(to_spec(EnsembleRegressor(("ridge",), cv=splitter))))
        assert from_spec(spec).cv.get_n_splits() == n


def test_a_splitter_that_forgets_its_parameters_is_refused():
    class Forgetful(KFold):
        def __init__(self, size):
            super().__init__(3)

    Forgetful.__qualname__ = "Forgetful"
    with pytest.raises(SpecError, match="Forgetful does not keep its parameters size"):
        to_spec(EnsembleRegressor(("ridge",), cv=Forgetful(2)))


def test_arrays_and_odd_keys_survive():
    ensemble = EnsembleClassifier(
        [LogisticRegression(class_weight={0: 1.0, 1: 3.0}), RidgeClassifierCV(alphas=np.logspace(-3, 3, 5))],
        blender("weighted", weights=np.array([0.5, 0.5])),
    )
    again = from_spec(json.loads(json.dumps(to_spec(ensemble), allow_nan=False)))
    assert again.get_params()["logisticregression__class_weight"] == {0: 1.0, 1: 3.0}
    assert np.array_equal(again.get_params()["ridgeclassifiercv__alphas"], np.logspace(-3, 3, 5))
    assert np.array_equal(again.get_params()["blender__weights"], [0.5, 0.5])


def test_types_of_numbers_survive():
    encoder = OneHotEncoder(dtype=np.int8, handle_unknown="ignore")
    casts = FunctionTransformer(kw_args={"dtype": np.dtype("float32"), "kind": float})
    made = make_pipeline(make_column_transformer((encoder, [0]), (casts, [1])), LinearRegression())
    again = from_spec(json.loads(json.dumps(to_spec(EnsembleRegressor([("own", made)]))))).learners[0][1]
    (_, one_hot, _), (_, function, _) = again.steps[0][1].transformers
    assert one_hot.dtype is np.int8
    assert function.kw_args == {"dtype": np.dtype("float32"), "kind": np.float64}


def test_an_ensemble_inside_an_ensemble_keeps_names_and_results(diabetes, tmp_path):
    X, y = diabetes
    inner = EnsembleRegressor([learner("random_forest", n_estimators=5), "ridge"], "mean", cv=3, random_state=0)
    outer = EnsembleRegressor([("inner", inner), "knn"], cv=3, random_state=0)
    outer.set_params(inner__ridge__alpha=3.0, inner__random_forest__max_depth=3)
    again = from_spec(json.loads(json.dumps(to_spec(outer))))
    assert list(again.get_params()["inner"].get_params()) == list(outer.get_params()["inner"].get_params())
    assert np.array_equal(again.fit(X, y).predict(X), outer.fit(X, y).predict(X))
    import byoe

    assert np.array_equal(byoe.load(outer.save(tmp_path / "model")).predict(X), outer.predict(X))


@pytest.mark.parametrize(
    "metric",
    [
        make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False),
        make_scorer(fbeta_score, beta=2, pos_label=1),
        mean_absolute_error,
        partial(mean_pinball_loss, alpha=0.1),
    ],
)
def test_scorers_of_scikit_learns_functions_are_expressed(metric):
    kind = EnsembleClassifier if "fbeta" in str(metric) else EnsembleRegressor
    ensemble = kind(("ridge",), metric=metric)
    again = from_spec(json.loads(json.dumps(to_spec(ensemble), allow_nan=False))).metric
    assert repr(again) == repr(metric)
    with pytest.raises(SpecError, match="'tempnam' is no metric of this version"):
        from_spec({**to_spec(ensemble), "params": {"metric": {"$metric": "tempnam", "params": {}}}})


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_a_spec_means_the_same_after_a_round_trip(ensemble):
    spec = json.loads(json.dumps(to_spec(ensemble), allow_nan=False))
    again = from_spec(spec)
    assert type(again) is type(ensemble)
    assert to_spec(again) == spec


def test_a_spec_gives_the_same_predictions(diabetes):
    X, y = diabetes
    ensemble = EnsembleRegressor({"ridge": {"alpha": 3.0}, "knn": {}}, cv=KFold(4), random_state=3)
    first = ensemble.fit(X, y).predict(X)
    assert np.array_equal(from_spec(json.loads(json.dumps(to_spec(ensemble)))).fit(X, y).predict(X), first)


class Unregistered(Learner):
    """A learner of this module, which nobody registered."""


def local_class():
    class Local(HuberRegressor):
        pass

    return Local()


REFUSED = {
    "a callable parameter": (
        EnsembleRegressor([("f", make_pipeline(FunctionTransformer(lambda x: x), HuberRegressor()))]),
        "member 'f'.*function.*cannot be expressed in JSON",
    ),
    "index pairs": (EnsembleRegressor(("ridge",), cv=[(np.arange(5), np.arange(5, 9))]), "cv: a ndarray"),
    "a predefined split": (EnsembleRegressor(("ridge",), cv=PredefinedSplit([0, 1])), "cv, test_fold: a ndarray"),
    "a scorer of one's own": (EnsembleRegressor(("ridge",), metric=make_scorer(lambda y, p: 0.0)), "metric"),
    "a callback": (EnsembleRegressor(("ridge",), callbacks=print), "callbacks are functions of this process"),
    "a random state": (
        EnsembleRegressor(("ridge",), random_state=np.random.RandomState(0)),
        "random_state: a RandomState",
    ),
    "a class inside a function": (
        EnsembleRegressor([("mine", local_class())]),
        "member 'mine': class .*Local.*notebook cell",
    ),
    "an unregistered learner": (EnsembleRegressor([("mine", Unregistered())]), "member 'mine' is not registered"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_json_cannot_express_is_refused_by_label(case):
    ensemble, message = REFUSED[case]
    with pytest.raises(SpecError, match=message):
        to_spec(ensemble)


def test_a_class_of_a_notebook_cell_is_refused():
    cell = type("Cell", (HuberRegressor,), {"__module__": "__main__"})
    with pytest.raises(SpecError, match="member 'c': class 'Cell' is defined in a notebook cell"):
        to_spec(EnsembleRegressor([("c", cell())]))


def test_a_fitted_ensemble_is_described_without_what_it_no_longer_needs():
    spec = to_spec(EnsembleRegressor(("ridge",), cv=[(np.arange(5), np.arange(5, 9))], callbacks=print), lenient=True)
    assert spec["left_out"] == ["cv", "callbacks"]
    assert from_spec(spec).cv == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": 99}, "spec format 99; this version of byoe reads format 1"),
        ({"learners": [{"label": "x", "estimator": {"$object": "os:system", "params": {}}}]}, "not a scikit-learn estimator"),
        ({"learners": [{"label": "x", "estimator": {"$object": "subprocess:Popen", "params": {"args": "ls"}}}]}, "not a scikit-learn estimator"),
        ({"learners": [{"label": "x", "estimator": {"$object": "no_such_module:X", "params": {}}}]}, "cannot be imported here"),
    ],
)  # fmt: skip
def test_a_wrong_spec_is_refused(change, message):
    with pytest.raises(SpecError, match=message):
        from_spec({**to_spec(EnsembleRegressor(("ridge",))), **change})


def test_ensembles_inside_are_written_under_their_public_name_and_read_under_the_first_one():
    inner = EnsembleRegressor(["ridge"], "mean", cv=3)
    spec = to_spec(EnsembleRegressor([("inner", inner)], "mean"))
    text = json.dumps(spec)
    assert '"byoe:EnsembleRegressor"' in text
    old = json.loads(text.replace("byoe:", "byoe._ensemble:"))
    assert isinstance(from_spec(old, ()).learners[0][1], EnsembleRegressor)
    assert to_spec(from_spec(old, ())) == spec
