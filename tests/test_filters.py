"""Warning filters belong to the process, and are put back."""

import threading
import warnings

from sklearn.datasets import load_diabetes

from byoe import EnsembleRegressor
from byoe._filters import warnings_filtered


def test_rules_hold_inside_and_not_after():
    before = list(warnings.filters)
    with warnings_filtered(("ignore", "quiet please"), ("error", "", DeprecationWarning)):
        warnings.warn("quiet please", stacklevel=1)
        assert warnings.filters[0][0] == "error"
    assert warnings.filters == before


def test_other_threads_change_nothing():
    before, inside = list(warnings.filters), []

    def look():
        with warnings_filtered(("ignore",)):
            inside.append(list(warnings.filters))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert inside == [before]


def test_ensembles_that_are_fitted_in_threads_leave_the_filters_alone():
    X, y = load_diabetes(return_X_y=True)
    before = list(warnings.filters)
    inner = EnsembleRegressor(["ridge", "knn"], "mean", cv=3, random_state=0)
    EnsembleRegressor([("a", inner), ("b", inner), "svm"], "weighted", random_state=0, n_jobs=2).fit(X, y)
    assert warnings.filters == before
