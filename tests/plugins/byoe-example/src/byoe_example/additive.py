"""An additive model of step functions: a learner that uses every optional part of the contract."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byoe.plugins import Learner, OnnxGraph, StopRows, Task, out_of_time

Floats = NDArray[np.float64]
INT64 = 7  # the number of this type in ONNX


class Binned(NamedTuple):
    """A table in bins.

    ``edges`` has shape (n_columns, bins - 1). ``codes`` has shape (n_rows, n_columns); a missing
    cell has the code ``bins``.
    """

    edges: Floats
    codes: NDArray[np.int64]


def codes_of(X: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return the bin of every cell."""
    columns = [np.searchsorted(own, column, side="right") for own, column in zip(edges, X.T, strict=True)]
    return np.where(np.isnan(X), edges.shape[1] + 1, np.column_stack(columns))


class AdditiveModel:
    """A base value, and what each bin of each column adds to it."""

    def __init__(self, edges: Floats, effects: Floats, base: float, rounds: int) -> None:
        self.edges, self.effects, self.base, self.rounds = edges, effects, base, rounds

    def contributions(self, X: Floats, *, threads: int = 1) -> Floats:
        """Return what each column adds, and last the base value."""
        codes = codes_of(X, self.edges)
        parts = [own[code] for own, code in zip(self.effects, codes.T, strict=True)]
        return np.column_stack([*parts, np.full(len(X), self.base)])

    def predict(self, X: Floats, *, threads: int = 1) -> Floats:
        """Return the sums of the contributions."""
        return self.contributions(X).sum(axis=1)

    def importances(self) -> Floats:
        """Return how far the bins of each column lie apart."""
        return np.ptp(self.effects, axis=1)

    def to_onnx(self, graph: OnnxGraph, x: str) -> str:
        """Add for each column what its bin adds: the bin is the number of edges that a cell reaches."""
        parts = []
        for place, (edges, effects) in enumerate(zip(self.edges, self.effects, strict=True)):
            cell = graph.columns(x, [place])
            reached = graph.op("GreaterOrEqual", cell, graph.constant(edges))
            missing = graph.constant(float(len(edges) + 1))
            code = graph.op("Where", graph.op("IsNaN", cell), missing, graph.total(graph.cast(reached)))
            code = graph.op("Reshape", graph.cast(code, to=INT64), graph.integers(-1))
            parts.append(graph.op("Gather", graph.constant(effects[:, None]), code, axis=0))
        return graph.add(graph.op("Sum", *parts), self.base)

    def save(self, folder: Path) -> None:
        """Write arrays, which need no pickle."""
        base, rounds = np.float64(self.base), np.int64(self.rounds)
        np.savez(folder / "model.npz", edges=self.edges, effects=self.effects, base=base, rounds=rounds)


class AdditiveBins(Learner):
    """Step functions of single columns, fitted in rounds: each one moves every bin towards its mean residual."""

    tasks = frozenset({"regression"})
    finalize = "bag"
    weights = "approximate"  # edges of bins count rows
    missing = stops = leaves_rows_alone = lean = ends_in_time = True
    shared = {"learning_rate": "learning_rate", "n_rounds": "n_rounds"}
    space = {"learning_rate": (0.05, 0.5, "log"), "bins": (4, 64, "log")}

    def parameter_names(self) -> frozenset[str]:
        return frozenset({"bins", "learning_rate", "n_rounds"})

    def can_prepare(self, X: Any) -> bool:
        """Return True: bins are made of any table."""
        return True

    def prepare(self, X: Floats, y: Floats, **_: Any) -> Binned:
        """Return bins with about as many rows each."""
        shares = np.linspace(0.0, 1.0, self.own_params().get("bins", 16) + 1)[1:-1]
        known = [column[~np.isnan(column)] for column in X.T]
        edges = np.array([np.quantile(own, shares) if len(own) else np.zeros(len(shares)) for own in known])
        return Binned(edges, codes_of(X, edges))

    def fit(self, X: Floats, y: Floats, *, stop: StopRows | None = None, **given: Any) -> AdditiveModel:
        """Fit on copies of the rows: where byoe has not prepared the table."""
        made = self.prepare(X, y)
        if stop is not None:
            codes = np.vstack([made.codes, codes_of(stop.X, made.edges)])
            made = Binned(made.edges, codes)
            stop = StopRows(np.arange(len(X), len(codes)), stop.y, stop.sample_weight, stop.patience)
        return self.fit_rows(made, np.arange(len(X)), y, stop=stop, **given)

    def fit_rows(
        self,
        prepared: Binned,
        rows: NDArray[np.int64],
        y: Floats,
        *,
        task: Task,
        sample_weight: Floats | None,
        seed: int,
        threads: int,
        stop: StopRows | None = None,
        rounds: int | None = None,
    ) -> AdditiveModel:
        """Fit on rows of the prepared table; the X of ``stop`` holds numbers of rows, too."""
        if len(y) != len(rows):
            raise ValueError(f"{len(y)} targets for {len(rows)} rows")
        given = self.own_params()
        rate, most = given.get("learning_rate", 0.2), rounds or given.get("n_rounds", 100)
        codes, weight = prepared.codes[rows], np.ones(len(y)) if sample_weight is None else sample_weight
        effects = np.zeros((codes.shape[1], prepared.edges.shape[1] + 2))
        totals = np.array([np.bincount(code, weight, effects.shape[1]) for code in codes.T])
        base = float(np.average(y, weights=weight))
        residual = y - base
        best, best_effects, best_round, done = np.inf, effects, 0, 0
        while done < most and not (done and out_of_time(done)):
            done += 1
            for column, code in enumerate(codes.T):
                sums = np.bincount(code, weight * residual, effects.shape[1])
                step = rate * sums / np.where(totals[column] > 0, totals[column], 1.0)
                effects[column] += step
                residual -= step[code]
            if stop is None:
                continue
            watched = base + sum(own[code] for own, code in zip(effects, prepared.codes[stop.X].T, strict=True))
            loss = float(np.average((stop.y - watched) ** 2, weights=stop.sample_weight))
            if loss < best:
                best, best_effects, best_round = loss, effects.copy(), done
            elif done - best_round >= stop.patience:
                break
        if stop is None:
            best_effects, best_round = effects, done
        return AdditiveModel(prepared.edges, best_effects, base, best_round)

    def load(self, folder: Path, *, task: Task, trusted: Sequence[str] = ()) -> AdditiveModel:
        with np.load(folder / "model.npz", allow_pickle=False) as found:
            return AdditiveModel(found["edges"], found["effects"], float(found["base"]), int(found["rounds"]))
