"""Pictures of single columns: how much each matters, and what the prediction does along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from ..data._columns_named import column_positions
from ..data._containers import as_table, rows_of
from ..data._profile import timely
from ..data._table import Table
from ..errors import ParameterError, need
from ..fitted._explanation import Importances
from ._canvas import BLUE, canvas, ink, label, name_rows, short
from ._known import checked, target_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._known import Ensemble

_MOST_ROWS = 500
_POINTS, _POINTS_OF_A_PAIR = 60, 16  # of the grid, along one column


def importances(board: Importances, *, most: int = 10, ax: Axes | None = None) -> Axes:
    """Draw how much each column matters, with the spread.

    Parameters
    ----------
    board : Importances
        Of ``ensemble.importances(X, y)``, whose spread is the standard deviation over the shuffles; or of
        ``ensemble.explain(X).importances()``, whose spread is the standard error over the rows.
    most : int, default=10
        Columns to draw.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes

    Raises
    ------
    ParameterError
        When there are no importances, or ``most`` is no positive whole number.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> ensemble = EnsembleRegressor(("ridge", "elastic_net"), random_state=0).fit(X, y)
    >>> ax = plots.importances(ensemble.importances(X, y), most=2)
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['s5', 'bmi']
    >>> plt.close(ax.figure)
    """
    if not isinstance(board, Importances) or not board:
        raise ParameterError(
            f"board is {type(board).__name__}, expected what ensemble.importances(X, y) or "
            "ensemble.explain(X).importances() returns"
        )
    if not isinstance(most, int) or most < 1:
        raise ParameterError(f"most is {most!r}, expected a positive whole number")
    shuffled = "importance" in board[0]
    value, spread = ("importance", "std") if shuffled else ("mean_absolute", "std_error")
    rows = board[:most]
    ax = canvas(ax, rows=len(rows))
    errors = [row[spread] or 0.0 for row in rows]
    ax.barh(range(len(rows)), [row[value] for row in rows], xerr=errors, color=BLUE, ecolor=ink(), height=0.7)
    note = board.notes[0].partition(": ")[2]
    name_rows(ax, [row["column"] for row in rows], note.replace(" where ", "\nwhere ") if shuffled else f"mean {note}")
    return ax


def partial_dependence(
    ensemble: Ensemble,
    X: Any,
    column: Any,
    *,
    output: Any = None,
    kind: str = "average",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean prediction where all rows have the same value in one column (Friedman, 2001), or two.

    It is scikit-learn's ``PartialDependenceDisplay``, which also takes an ensemble itself; here whole numbers
    are made fractions, categories and dates are recognised, and of many rows a sample of 500 is taken.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted.
    X : array or frame of shape (n_samples, n_features)
    column : str, int or pair of these
        Name or position; a pair gives contours.
    output : default=None
        Of more than two classes which one, by its label; of several targets which one, by its number.
    kind : {"average", "individual", "both"}, default="average"
        The mean, a line for each row (Goldstein et al., 2015), or both.
    ax : Axes, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes
        In units of the target, or of a probability.

    Raises
    ------
    ParameterError
        When there is no such column or output, or ``X`` is in a container that scikit-learn does not take.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from byoe import EnsembleRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> ensemble = EnsembleRegressor(("ridge", "knn"), random_state=0).fit(X, y)
    >>> ax = plots.partial_dependence(ensemble, X, "bmi")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('bmi', 'mean prediction of target')
    >>> plt.close(ax.figure)
    """
    checked(ensemble)
    inspection: Any = need("sklearn.inspection", "plots", "a picture")
    dates: Any = need("matplotlib.dates", "plots", "a picture")
    table = ensemble._read(X)
    pair = column if isinstance(column, (tuple, list)) else (column,)
    if len(pair) not in (1, 2):
        raise ParameterError(f"column is {column!r}, expected one column or a pair")
    if len(pair) == 2 and kind != "average":
        raise ParameterError(f"kind is {kind!r}, and of a pair of columns there is the average only")
    places = column_positions(list(pair), table.labels, len(table.columns), "column")
    rows = _rows(X, table, places)
    target = _target(ensemble, output)
    if ensemble._task.is_classification and not ensemble.blender_.gives_probabilities:
        raise ParameterError(
            f"blender {ensemble.blender_.name!r} votes for classes, and the picture is of probabilities"
        )
    ax = canvas(ax)
    inspection.PartialDependenceDisplay.from_estimator(
        ensemble,
        rows,
        [tuple(places) if len(places) == 2 else places[0]],
        categorical_features=np.array([column.kind == "category" for column in table.columns]),
        target=target,
        kind=kind,
        grid_resolution=_POINTS if len(places) == 1 else _POINTS_OF_A_PAIR,
        random_state=0,
        ax=np.array([ax]),
        line_kw={"color": BLUE} if len(places) == 1 else None,
    )
    # Labels of contours and marks of deciles, which the library draws in black.
    marks: list[Any] = [mark for mark in ax.collections if type(mark).__name__ == "LineCollection"]
    for part in [*ax.texts, *marks]:
        part.set_color(ink())
    for place, axis in zip(places, (ax.xaxis, ax.yaxis), strict=False):
        if table.columns[place].kind == "category":  # whose names are text and no formula
            texts = axis.get_ticklabels()
            names = [text.get_text() for text in texts]
            axis.set_ticks(axis.get_ticklocs(), names, parse_math=False, rotation=texts[0].get_rotation())
    labels = table.labels or [f"column {place}" for place in range(len(table.columns))]
    label(
        ax, short(labels[places[0]], 44), short(labels[places[1]], 30) if len(places) == 2 else _unit(ensemble, output)
    )
    for place, axis in zip(places, (ax.xaxis, ax.yaxis), strict=False):
        if place in timely(ensemble._form):
            axis.axis_date()  # matplotlib counts the days since 1970, too
            axis.set_major_formatter(dates.ConciseDateFormatter(axis.get_major_locator()))
    return ax


def _rows(X: Any, table: Table, places: list[int]) -> Any:
    """Return a sample of the rows as the library takes them: it refuses whole numbers, dates and missing cells.

    In the columns in question numbers are fractions, dates are days, and a missing cell is that of another row.
    """
    X = as_table(X)
    if not hasattr(X, "iloc") and not isinstance(X, (np.ndarray, list)):
        try:
            X = nw.from_native(X, eager_only=True).to_pandas()
        except TypeError as error:
            raise ParameterError(
                f"X is {type(X).__name__}, and scikit-learn's partial dependence takes frames and arrays"
            ) from error
    X = X if hasattr(X, "iloc") else np.array(X)
    if len(table) > _MOST_ROWS:
        chosen = np.sort(np.random.default_rng(0).choice(len(table), _MOST_ROWS, replace=False))
        X, table = rows_of(X, chosen), table.some(chosen)
    if not hasattr(X, "iloc"):
        X = X.astype(np.float64) if X.dtype.kind in "iub" else X
        for place in places:
            X[:, place] = X[_known(table, place), place]
        return X
    X = X.copy()
    for place in places:
        cells = X.iloc[_known(table, place), place].set_axis(X.index)
        if table.columns[place].kind == "date":
            cells = table.values[_known(table, place), place]
        X.isetitem(place, cells.astype(np.float64) if cells.dtype.kind in "iu" else cells)
    return X


def _known(table: Table, place: int) -> Any:
    """Return for each row the position of a row whose cell of a column is known: its own where it is."""
    missing = np.isnan(table.values[:, place])
    known, rows = np.flatnonzero(~missing), np.arange(len(table))
    if not len(known):
        name = place if table.labels is None else table.labels[place]
        raise ParameterError(f"column {name!r} has no known cell in these rows, along which it could be drawn")
    return np.where(missing, known[rows % len(known)], rows)


def _target(ensemble: Ensemble, output: Any) -> Any:
    task = ensemble._task
    known = list(ensemble.class_labels) if task.n_outputs == 1 and task.is_classification else range(task.n_outputs)
    if len(known) <= (2 if task.is_classification else 1):
        if output is not None:
            raise ParameterError(f"output is {output!r}, and there is only one; leave it out")
        return None
    if output is None or output not in known:
        asked = "missing" if output is None else repr(output)
        raise ParameterError(f"output is {asked}, expected one of {', '.join(map(str, known))}")
    return output


def _unit(ensemble: Ensemble, output: Any) -> str:
    if not ensemble._task.is_classification:
        return f"mean prediction of {short(target_name(ensemble) or f'target {output}', 20)}"
    name = ensemble.class_names[1] if output is None else output
    return f"mean probability of {short(name, 20)}"
