"""The ensembles inside scikit-learn's meta-estimators, as people put them there."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401  # they enable
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import RANSACRegressor
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from byoe import EnsembleClassifier, EnsembleRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
y = X @ [1.0, 2.0, 3.0, 0.0] + rng.normal(0, 0.3, 120)
kind = np.array(["a", "b", "c"])[np.digitize(y, [-1.5, 1.5])]
two = np.where(y > 0, "yes", "no")
line = EnsembleRegressor(["ridge", "elastic_net"], "mean", cv=2, random_state=0)
classes = EnsembleClassifier(["ridge", "hist_gradient_boosting"], "mean", cv=2, random_state=0)
classes.set_params(hist_gradient_boosting__max_iter=5)


def by_importance(fitted):
    return permutation_importance(fitted, X, y if not is_classifier(fitted) else two, random_state=0).importances_mean


CASES = {
    "Bagging": (BaggingRegressor(line, 2, random_state=0), y),
    "Bagging of columns": (BaggingRegressor(line, 2, max_features=0.8, bootstrap_features=True, random_state=0), y),
    "BaggingClassifier": (BaggingClassifier(classes, 2, random_state=0), two),
    "AdaBoost": (AdaBoostRegressor(line, n_estimators=2, random_state=0), y),
    "AdaBoostClassifier": (AdaBoostClassifier(classes, n_estimators=2, random_state=0), two),
    "Calibrated": (CalibratedClassifierCV(classes, cv=2), two),
    "Voting": (VotingRegressor([("a", line), ("b", clone(line))]), y),
    "VotingClassifier": (VotingClassifier([("a", classes), ("b", clone(classes))], voting="soft"), two),
    "Stacking": (StackingRegressor([("a", line)], cv=2), y),
    "StackingClassifier": (StackingClassifier([("a", classes)], cv=2), two),
    "Stacking with it on top": (StackingRegressor([("a", clone(line)), ("b", clone(line))], line, cv=2), y),
    "OneVsRest": (OneVsRestClassifier(classes), kind),
    "OneVsOne": (OneVsOneClassifier(classes), kind),
    "OutputCode": (OutputCodeClassifier(classes, code_size=2, random_state=0), kind),
    "MultiOutput": (MultiOutputRegressor(line), np.column_stack([y, X[:, 0]])),
    "MultiOutputClassifier": (MultiOutputClassifier(classes), np.column_stack([two, X[:, 0] > 0])),
    "RegressorChain": (RegressorChain(line), np.column_stack([y, X[:, 0]])),
    "ClassifierChain": (ClassifierChain(classes), np.column_stack([y > 0, X[:, 0] > 0]).astype(int)),
    "RFE": (RFE(line, n_features_to_select=3, importance_getter=lambda fitted: np.arange(fitted.n_features_in_)), y),
    "RFECV": (RFECV(line, cv=2, importance_getter=lambda fitted: np.arange(fitted.n_features_in_)), y),
    "SelectFromModel": (make_pipeline(SelectFromModel(line, importance_getter=by_importance), clone(line)), y),
    "Sequential": (make_pipeline(SequentialFeatureSelector(line, n_features_to_select=3, cv=2), clone(line)), y),
    "Target": (TransformedTargetRegressor(line, transformer=StandardScaler()), y),
    "Tuned": (TunedThresholdClassifierCV(classes, cv=2, scoring="accuracy"), two),
    "Fixed": (FixedThresholdClassifier(classes, threshold=0.4, pos_label="yes"), two),
    "SelfTraining": (SelfTrainingClassifier(classes), np.where(np.arange(120) % 9, (y > 0).astype(int), -1)),
    "RANSAC": (RANSACRegressor(line, min_samples=60, max_trials=3, random_state=0), y),
    "GridSearch": (GridSearchCV(line, {"ridge__alpha": [1.0, 2.0], "blender": ["mean", "weighted"]}, cv=2), y),
    "Halving": (HalvingGridSearchCV(line, {"ridge__alpha": [1.0, 2.0]}, cv=2, random_state=0, min_resources=40), y),
    "Pipeline": (make_pipeline(StandardScaler(), line), y),
    "FeatureUnion": (make_pipeline(FeatureUnion([("a", line), ("b", StandardScaler())]), clone(line)), y),
}


@pytest.mark.filterwarnings("ignore::byoe.errors.LeakageWarning")  # AdaBoost draws rows twice
@pytest.mark.parametrize("name", CASES)
def test_ensemble_inside(name):
    around, target = CASES[name]
    fitted = clone(around).fit(X, target)
    if target.ndim == 1 and name != "SelfTraining":
        assert fitted.score(X, target) > 0.6
    assert len(fitted.predict(X)) == len(X)


def test_ensemble_under_inspection():
    fitted = clone(line).fit(X, y)
    assert np.argmax(by_importance(fitted)) == 2
    assert partial_dependence(fitted, X, [2])["average"].shape[0] == 1
    assert partial_dependence(clone(classes).fit(X, two), X, [2], response_method="predict_proba")["average"].size
    assert FrozenEstimator(fitted).fit(X, y).score(X, y) == fitted.score(X, y)


def test_ensemble_under_validation():
    assert learning_curve(line, X, y, cv=2, train_sizes=[0.5, 1.0])[1].shape == (2, 2)
    assert validation_curve(line, X, y, param_name="ridge__alpha", param_range=[1, 2], cv=2)[1].shape == (2, 2)
    assert cross_val_predict(classes, X, two, cv=2, method="predict_proba").shape == (120, 2)
    assert (cross_validate(classes, X, two, cv=2, scoring=["accuracy", "roc_auc"])["test_roc_auc"] > 0.8).all()


def test_ensemble_fills_holes():
    holed = np.where(rng.uniform(size=X.shape) < 0.05, np.nan, X)
    filled = IterativeImputer(line, max_iter=2, random_state=0, tol=10.0).fit_transform(holed)
    assert np.isfinite(filled).all()
