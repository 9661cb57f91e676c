"""What a fit was, in a few words each: on what, of what, how good, and with which versions."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from ..fitted._models import BOTH, FittedMember
from ..fitted._out_of_fold import OutOfFold
from ..scoring._leaderboard import BASELINE, Leaderboard
from ..tools._listing import Listing, digits, shown
from ..tools._sizes import tell_duration
from ..tools._versions import distributions, installed_version

if TYPE_CHECKING:
    from ..plots._known import Ensemble

_MOST_CLASSES = 12


def target_of(ensemble: Ensemble) -> str:
    """Return what the targets are called; empty where they have no names."""
    names = ensemble._record.target.get("names") or ()
    return ", ".join(str(name) for name in names if name is not None)


def fitted_on(ensemble: Ensemble) -> dict[str, str]:
    """Return what the ensemble was fitted on."""
    oof, profile = ensemble._out_of_fold, ensemble._profile
    told: dict[str, str] = {}
    rows = len(oof.y) if oof is not None else profile.rows if profile is not None else None
    kinds = [row["kind"] for row in ensemble.columns_]
    each = ", ".join(f"{kinds.count(kind)} {_plural(kind, kinds.count(kind))}" for kind in dict.fromkeys(kinds))
    if rows is not None:
        told["rows"] = f"{rows:,}"
    told["columns"] = f"{len(kinds):,}: {each}"
    told["target"] = f"{target_of(ensemble) or 'without a name'}{_of_target(ensemble, oof)}"
    if oof is not None:
        told |= _of_rows(oof)
        told["folds"] = _of_folds(oof)
    told["blend"] = _blend(ensemble)
    seconds = sum(ensemble._record.fit_seconds.values())
    told["fitted in"] = f"{tell_duration(seconds)}, members and folds added up"
    return told


def _blend(ensemble: Ensemble) -> str:
    """Return which blender is in use, as the leaderboard tells, and of which members."""
    told = [note.removeprefix("blend: ") for note in ensemble.leaderboard_.notes if note.startswith("blend: ")]
    return f"{', '.join(ensemble.members_)}; {told[0] if told else ensemble.blender_.name}"


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else "categories" if kind == "category" else f"{kind}s"


def _of_target(ensemble: Ensemble, oof: OutOfFold | None) -> str:
    task = ensemble._task
    if task.is_multilabel:
        return f"; {task.n_outputs} labels, each yes or no"
    if task.is_classification:
        names = ensemble.class_names
        if oof is None:
            return f"; {len(names)} classes: {_listed(names)}"
        counts = np.bincount(oof.y, minlength=len(names))
        shares = [f"{name}: {100 * count / len(oof.y):.3g} %" for name, count in zip(names, counts, strict=True)]
        return f"; {len(names)} classes: {_listed(shares)}"
    if oof is None:
        return f"; {task.n_outputs} numbers" if task.n_outputs > 1 else ""
    if task.n_outputs > 1:
        return f"; {task.n_outputs} numbers"
    return (
        f"; {shown(float(oof.y.min()))} to {shown(float(oof.y.max()))}, mean {shown(float(oof.y.mean()))}, "
        f"median {shown(float(np.median(oof.y)))}"
    )


def _listed(names: list[str]) -> str:
    rest = len(names) - _MOST_CLASSES
    return ", ".join(names[:_MOST_CLASSES]) + (f" and {rest} more" if rest > 0 else "")


def _of_rows(oof: OutOfFold) -> dict[str, str]:
    told = {}
    if oof.weight is not None:
        zero = int((oof.weight == 0).sum())
        told["weights"] = "of each row" + (f"; {zero:,} rows weigh nothing" if zero else "")
    if oof.plan.groups is not None:
        told["groups"] = f"{len(np.unique(oof.plan.groups)):,}"
    return told


def _of_folds(oof: OutOfFold) -> str:
    plan = oof.plan
    kind = ""
    if plan.is_time_ordered:
        kind = ", each of rows that come after those it was trained on"
    elif plan.groups is not None:
        kind = ", which keep groups together" if plan.whole_groups is not None else ", which split groups"
    covered = "" if plan.coverage.all() else f"; they predict {int(plan.coverage.sum()):,} of {plan.n_rows:,} rows"
    return f"{len(plan.folds)}{kind}{covered}"


def headline(board: Leaderboard, metric: str, what: str) -> tuple[list[tuple[str, str, str]], str]:
    """Return what is seen first: numbers with their names and remarks, and a sentence.

    Parameters
    ----------
    board : Leaderboard
    metric : str
    what : str
        Of which rows the scores are.
    """
    blend, *rest = board
    members = [row for row in rest if row["predict_ms"] is not None and row[metric] is not None]
    told = [(f"blend, {metric}", _number(blend[metric]), what)]
    if not members:
        return told, ""
    best = members[0]
    told.append((f"best member, {metric}", _number(best[metric]), best["member"]))
    base = board[-1] if board[-1]["member"] == BASELINE else None
    if base is not None and base[metric] is not None:
        told.append((f"guess, {metric}", _number(base[metric]), "which knows no features"))
    if blend["vs_best"] is None:
        return told, _of_guess(blend[metric], base, metric, board)
    off = digits(abs(blend["vs_best"]), 3)
    error = "" if blend["std_error"] is None else f" ± {digits(blend['std_error'], 2)} (standard error)"
    sentence = {
        "better": f"the blend is better than its best member, by {off}{error}",
        "worse": f"the blend is worse than its best member, by {off}{error}; see below how it was chosen",
        "noise": f"the blend and its best member cannot be told apart: the difference of {off}{error} is noise",
        "equal": "the blend is its best member",
    }.get(blend["verdict"] or "", f"the difference to the best member is {off}")
    return told, f"On {what} {sentence}.{_of_guess(blend[metric], base, metric, board)}"


def _of_guess(value: float | None, base: dict[str, Any] | None, metric: str, board: Leaderboard) -> str:
    """Return a warning where a guess without features is better."""
    if not board.notes or value is None or base is None or base[metric] is None or value == base[metric]:
        return ""
    if (value > base[metric]) == board.greater_is_better:
        return ""
    return " A guess that knows no features does better there: of these rows the ensemble knows nothing."


def _number(value: Any) -> str:
    return "not defined" if value is None else shown(value)


class _Members(Listing):
    def _tooltip(self, key: str) -> str:
        return {
            "learner": "with the parameters that were set",
            "rounds": "of the models that are served: of a booster as many as early stopping found",
        }.get(key, "")


def members(ensemble: Ensemble) -> Listing:
    """Return the members as they are served, with the rounds that early stopping found."""
    rows = []
    for label, member in ensemble.members_.items():
        rounds = [number for model in member.models for number in getattr(model, "rounds", ())]
        rows.append(
            {
                "member": label,
                "learner": " ".join(repr(member.learner).split()),
                "rounds": " to ".join(str(number) for number in sorted({min(rounds), max(rounds)})) if rounds else "",
                "served": _served(member),
                "fitted in": tell_duration(ensemble._record.fit_seconds[label]),
            }
        )
    if not any(row["rounds"] for row in rows):
        rows = [{key: row[key] for key in row if key != "rounds"} for row in rows]
    return _Members(rows)


def _served(member: FittedMember) -> str:
    count = len(member.models)
    if member.has_folds:
        count = member.repeats * member.n_folds
        repeated = f", {member.repeats} for every fold" if member.repeats > 1 else ""
        beside = ", and one of all rows, which counts as much as these" if member.finalize == BOTH else ""
        return f"{count} models, each of a fold{repeated}{beside}"
    return "a model of all rows" if count == 1 else f"{count} models of all rows"


def versions(ensemble: Ensemble) -> dict[str, str]:
    """Return the versions here of what the ensemble is made of."""
    learners = [member.learner for member in ensemble.members_.values()]
    named = {name for one in learners for name in one.needs}
    named |= {name for one in learners for package in one.packages() for name in distributions(package)}
    told = {"byoe": __version__, "Python": platform.python_version()}
    libraries = {name: installed_version(name) for name in sorted({"numpy", "scikit-learn", *named})}
    return told | {name: version for name, version in libraries.items() if version is not None}
