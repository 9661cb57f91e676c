"""The report: what was fitted on what, how good it is, what it looks at, and how to do it again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import plots
from ..errors import ByoeError
from ..scoring._diagnosis import Diagnosis
from ..scoring._leaderboard import Leaderboard
from ..tools._listing import Listing, shown
from . import _facts
from ._columns import columns_section
from ._html import Section, cards, code, facts, folded, gallery, items, page, table, text
from ._pictures import Album
from ._rows import Rows

if TYPE_CHECKING:
    from ..plots._known import Ensemble

Pictures = tuple[tuple[Callable[..., Any], str], ...]

_UNSEEN = "rows that neither members nor blender saw"
_TOLD_OF_MEMBERS = ("in_sample", "finalize", "models", "fit_seconds")
_MOST_DEPENDENCES, _MOST_OUTPUTS = 4, 4
_OF_MEMBERS: Pictures = (
    (plots.leaderboard, "Scores, with their spread over the folds."),
    (plots.weights, "Weights in the blend, with 90 % bootstrap intervals."),
    (plots.error_correlation, "How alike the members' errors are: a blend gains where they are not."),
    (plots.greedy_path, "What each step of the selection gained."),
)
_OF_NUMBERS: Pictures = ((plots.predictions, "Predictions"), (plots.residuals, "Residuals"))
_OF_CLASSES: Pictures = (
    (plots.confusion, "Classes"),
    (plots.reliability, "How often a class is there, by its probability,"),
    (plots.roc, "ROC curve"),
    (plots.precision_recall, "Precision and recall"),
)
_NO_PICTURES = "Pictures are left out, since there is nothing that draws them: pip install 'byoe-ensemble[plots]'."


@dataclass(frozen=True)
class Recipe:
    """How an ensemble is made.

    Attributes
    ----------
    code : str
        Statements of Python.
    spec : dict or None
        The JSON form, if there is one.
    left_out : sequence of str
        Parameters that neither of them tells.
    """

    code: str
    spec: Mapping[str, Any] | None = None
    left_out: Sequence[str] = ()


def report(
    ensemble: Ensemble,
    recipe: Recipe,
    rows: Rows | None = None,
    *,
    metrics: Mapping[str, float] | None = None,
    pictures: bool = True,
) -> str:
    """Return the page of a fitted ensemble.

    Parameters
    ----------
    ensemble : EnsembleRegressor or EnsembleClassifier
        Fitted, or loaded.
    recipe : Recipe
        Of the unfitted one.
    rows : Rows or None
    metrics : mapping of str to float, default=None
        What a job has printed.
    pictures : bool, default=True
    """
    album = Album(pictures)
    target = _facts.target_of(ensemble)
    sections = [
        _warnings(ensemble),
        _scores(ensemble, album),
        _of_rows(rows),
        _predictions(ensemble, rows, album),
        _why(ensemble, rows, album),
        _columns(ensemble),
        _of_job(metrics),
        _again(ensemble, recipe),
    ]
    title = f"{type(ensemble).__name__}{f': {target}' if target else ''}"
    hint = text(_NO_PICTURES) if album.wanted and not album.able else ""
    return page(title, _summary(ensemble, rows) + hint, [one for one in sections if one is not None])


def _summary(ensemble: Ensemble, rows: Rows | None) -> str:
    metric = ensemble._record.metric
    told, sentence = _facts.headline(ensemble.leaderboard_, metric, _UNSEEN)
    if rows is not None and rows.board is not None:
        blend = rows.board[0]
        more = f"of the blend on the {rows.count:,} rows passed"
        name = list(blend)[1]
        told.append((f"new rows, {name}", "not defined" if blend[name] is None else shown(blend[name]), more))
    unit = [note for note in ensemble.leaderboard_.notes if note.startswith(f"{metric}: ")]
    body = cards(told) + (text(sentence) if sentence else "") + "".join(map(text, unit))
    return f'{body}<div class="facts">{facts(_facts.fitted_on(ensemble))}</div>'


def _warnings(ensemble: Ensemble) -> Section | None:
    told = items(ensemble._record.warnings)
    return Section("warnings", "What the fit warned of", f'<div class="warnings">{told}</div>') if told else None


def _scores(ensemble: Ensemble, album: Album) -> Section:
    """Return the leaderboard, with what a diagnosis adds where there is one, and the members."""
    board: Leaderboard = _diagnosis(ensemble, album) or ensemble.leaderboard_
    figures = [
        album.draw(partial(_paint, picture, ensemble, (), {}), told, rows=len(board))
        for picture, told in _OF_MEMBERS
        if len(ensemble.members_) > 1 or picture is plots.leaderboard
    ]
    correlation = table(board._table()) if isinstance(board, Diagnosis) and not album.able else ""
    members = f'<h3>Members</h3><div class="members">{table(_facts.members(ensemble))}</div>'
    body = table(_narrow(board), board.notes) + correlation + gallery(filter(None, figures))
    return Section("scores", "Scores", body + members)


def _diagnosis(ensemble: Ensemble, album: Album) -> Diagnosis | None:
    """Return what takes long, and is mostly drawn; None for a page without pictures, as those of jobs are."""
    if not album.wanted or ensemble._out_of_fold is None or len(ensemble.members_) < 2:
        return None
    try:
        return ensemble.diagnose()
    except ByoeError:  # a blender that wants features, or a metric that a bundle cannot hold
        return None


def _narrow(board: Leaderboard) -> Leaderboard:
    """Return a board without what the table of the members tells, and columns in which no row has anything."""
    there = [key for key in board[0] if key not in _TOLD_OF_MEMBERS and any(row.get(key) is not None for row in board)]
    return Leaderboard([{key: row.get(key) for key in there} for row in board])


def _of_rows(rows: Rows | None) -> Section | None:
    if rows is None:
        return None
    parts = []
    if rows.of_fit:
        parts.append(
            text(
                "The rows passed are those of the fit. Scores on them would flatter, so there are none here; pass rows "
                "that were not in the fit for these. What follows below shows what the ensemble looks at."
            )
        )
    if rows.board is not None:
        _, sentence = _facts.headline(rows.board, list(rows.board[0])[1], "these rows")
        parts.append((text(sentence) if sentence else "") + table(_narrow(rows.board), rows.board.notes))
    if rows.drift is not None:
        other = [row for row in rows.drift if row["verdict"] != "same"]
        parts.append("<h3>Beside the training</h3>")
        if other:
            told = type(rows.drift)(other)
            parts.append(table(told, rows.drift.notes))
        if len(other) < len(rows.drift):
            same = len(rows.drift) - len(other)
            parts.append(text(f"{same} of {len(rows.drift)} columns, predictions included, are as in training."))
    return Section("rows", f"{rows.count:,} rows that were passed", "".join(parts))


def _predictions(ensemble: Ensemble, rows: Rows | None, album: Album) -> Section | None:
    """Return pictures of what is predicted: of new rows where their target is known, else of those of the fit."""
    new = rows is not None and rows.y is not None and not rows.of_fit
    given = (rows.some, rows.y) if rows is not None and new else ()
    if not given and ensemble._out_of_fold is None:
        return None
    of = "of the rows passed" if new else "of the fit's rows, each by models that did not see it"
    figures = filter(None, _painted(ensemble, given, of, album))
    body = gallery(figures)
    return Section("predictions", "Predictions", body) if body else None


def _painted(ensemble: Ensemble, given: tuple[Any, ...], of: str, album: Album) -> Iterator[str]:
    """Yield figures, with several targets or labels those of the first few."""
    task = ensemble._task
    pictures = _OF_CLASSES if task.is_classification else _OF_NUMBERS
    pictures = _OF_CLASSES[:1] if task.is_multilabel else pictures  # the others are of one target
    names = ensemble._record.target.get("names") or ()
    for output in range(min(task.n_outputs, _MOST_OUTPUTS)):
        one: dict[str, Any] = {"output": output} if task.n_outputs > 1 else {}
        name = names[output] if output < len(names) and names[output] is not None else f"target {output}"
        which = f"{of}, {name}" if one else of
        for picture, told in pictures:
            yield album.draw(partial(_paint, picture, ensemble, given, one), f"{told} {which}.", square=True)


def _paint(picture: Callable[..., Any], ensemble: Ensemble, given: Any, output: Mapping[str, Any], ax: Any) -> None:
    picture(ensemble, *given, **output, ax=ax)


def _why(ensemble: Ensemble, rows: Rows | None, album: Album) -> Section | None:
    """Return what the ensemble looks at: as far as rows tell, since it keeps none of its own."""
    if rows is None:
        return None
    parts, figures = [], []
    board, explanation = rows.importances, rows.explanation
    if board is not None:
        few = min(len(board), 15)
        figures.append(
            album.draw(
                lambda ax: plots.importances(board, most=few, ax=ax),
                "How much worse the blend predicts where one column is shuffled.",
                rows=few,
            )
        )
    if explanation is not None:
        figures.append(
            album.draw(
                lambda ax: plots.contributions(explanation, kind="beeswarm", ax=ax),
                "What columns add to predictions: a dot for each row, coloured by its cell.",
                rows=10,
            )
        )
    names: list[Any] = []
    if board is not None:
        names = [row["column"] for row in board if row["importance"] > row["std"]]
    elif explanation is not None:
        names = [row["column"] for row in explanation.importances()]
    labels = ensemble._form.labels or range(len(ensemble._form))
    known = [name for name in names if name in labels]
    figures += [
        album.draw(_dependence(ensemble, rows.few, name), f"The mean prediction along {name}.")
        for name in known[:_MOST_DEPENDENCES]
    ]
    told: Listing | None = board if board is not None else None if explanation is None else explanation.importances()
    if told:
        parts.append(folded("Importances of all columns", table(told, getattr(told, "notes", ()))))
    body = gallery(filter(None, figures)) + "".join(parts)
    return Section("why", "What it looks at", body) if body else None


def _dependence(ensemble: Ensemble, X: Any, column: Any) -> Any:
    task = ensemble._task
    several = task.n_outputs > 1 or (task.is_classification and len(ensemble.class_names) > 2)
    output = (0 if task.n_outputs > 1 else ensemble.class_labels[0]) if several else None
    return lambda ax: plots.partial_dependence(ensemble, X, column, output=output, ax=ax)


def _columns(ensemble: Ensemble) -> Section:
    try:
        importances = ensemble.feature_importances_
    except AttributeError:  # no member tells
        importances = None
    spreads = None if ensemble._profile is None else ensemble._profile.spreads
    return Section("columns", "Columns", columns_section(ensemble.columns_, ensemble._form, spreads, importances))


def _of_job(metrics: Mapping[str, float] | None) -> Section | None:
    if not metrics:
        return None
    rows: Iterable[dict[str, Any]] = ({"metric": name, "value": str(value)} for name, value in metrics.items())
    return Section("job", "Metrics of the job", table(Listing(rows)))


def _again(ensemble: Ensemble, recipe: Recipe) -> Section:
    """Return how the fit is done again."""
    seed = getattr(ensemble, "random_state", None)
    repeats = (
        "With the same rows in the same order, the same versions and random_state, a fit gives the same ensemble."
        if seed is not None
        else "random_state was not set: another fit draws other folds, and its scores differ a little. Set it to "
        "repeat a fit."
    )
    missing = f" Not written here: {', '.join(recipe.left_out)}." if recipe.left_out else ""
    spec = "" if recipe.spec is None else json.dumps(recipe.spec, indent=1)
    body = (
        text(repeats + missing)
        + code(recipe.code)
        + facts({"fingerprint of X": ensemble._record.table[:16], **_facts.versions(ensemble)})
        + (folded("As a file, for byoe fit DATA --target … --spec ensemble.json", code(spec)) if spec else "")
    )
    return Section("again", "To do it again", f'<div class="facts">{body}</div>')
