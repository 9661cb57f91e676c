"""``byoe demo``: the whole job on real data, on this machine.

scikit-learn's diabetes data (Efron et al., 2004): train CatBoost + XGBoost, tune a little,
serve, call, clean up. Rows are held out from all of it for the closing comparison.
"""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .. import EnsembleRegressor, learner, sagemaker
from ..ensemble._base import BaseEnsemble
from ..errors import JobError, need
from ._runs import remove_older

SPACE: dict[str, Any] = {"eta": (0.01, 0.1, "log"), "max_depth": (2, 4)}
_RUNS = 3  # whose files are kept
_HELD_OUT = 89  # a fifth of the 442 rows


def run(output: Path, *, max_jobs: int = 4, console: Console | None = None) -> dict[str, float]:
    """Run the demonstration.

    Parameters
    ----------
    output : Path
        Folder for the jobs' files.
    max_jobs : int, default=4
        Trials of the tuning job.
    console : rich.console.Console, default=None

    Returns
    -------
    dict
        Root mean squared error on the held-out rows, by name: every member, ``blend`` and
        ``mean predictor``.

    Raises
    ------
    JobError
        When a job fails, the endpoint's predictions differ from the saved ensemble's, or the
        blend does not beat the mean predictor.
    """
    need("pandas", "data", "byoe demo")
    console = console or Console(highlight=False)
    remove_older(output, 2 * (_RUNS - 1))  # a run is a job and a tuning job
    train, test = _data()
    features, truth = test.drop(columns="target"), test["target"].to_numpy()
    ensemble = EnsembleRegressor(
        [
            learner("catboost", n_rounds=300),
            # Few rows: sampling rows and columns keeps the trees from learning the noise.
            learner("xgboost", n_rounds=150, subsample=0.5, colsample_bytree=0.5, min_child_weight=10),
        ],
        blender="mean",
        cv=5,
        random_state=0,
    )
    console.print(
        f"CatBoost + XGBoost on scikit-learn's diabetes data: {len(train)} rows to train on, {len(test)} held out",
        soft_wrap=True,
    )
    seconds: dict[str, float] = {}
    with _Stopwatch(seconds, "train"):
        job = _train(ensemble, train, output, console)
    with _Stopwatch(seconds, "tune"):
        tuning = _tune(ensemble, train, output, console, max_jobs)
    best = tuning.best_job
    with _Stopwatch(seconds, "serve"):
        endpoint = sagemaker.deploy(tuning)
    with endpoint:
        console.print(f"serve   {endpoint.url}, healthy after {seconds['serve']:.1f} s")
        with _Stopwatch(seconds, "call"):
            served = endpoint.predict(features)
        loaded = best.ensemble()
        if not np.array_equal(served, loaded.predict(features)):
            raise JobError("the endpoint's predictions differ from those of the saved ensemble")
        console.print(
            f"call    {len(served)} rows in {1000 * seconds['call']:.0f} ms, equal to the saved ensemble's own"
        )
    console.print("delete  the endpoint is gone")
    errors = {
        label: _rmse(truth, column) for label, column in zip(loaded.members_, loaded.transform(features).T, strict=True)
    }
    errors["blend"] = _rmse(truth, served)
    errors["mean predictor"] = _rmse(truth, np.full(len(truth), train["target"].mean()))
    _show(console, errors, best, tuning.objective, seconds)
    console.print(f"first job    {job.base}\nbest trial   {best.base}", soft_wrap=True)
    _tell_what_next(console, output, best.artifact, train)
    if not errors["blend"] < errors["mean predictor"]:
        raise JobError(
            f"the blend (RMSE {errors['blend']:.2f}) does not beat the mean predictor "
            f"({errors['mean predictor']:.2f}) on the held-out rows"
        )
    return errors


def _tell_what_next(console: Console, output: Path, model: Path, train: Any) -> None:
    data, mine = output / "diabetes.csv", output / "model"
    train.to_csv(data, index=False)
    words = [
        ["byoe", "leaderboard", model],
        ["byoe", "fit", data, "--target", "target", "--learners", "ridge,knn,lightgbm", "--force", "--out", mine],
        ["byoe", "predict", mine, data, "--interval", "0.9", "--out", output / "predictions.csv"],
    ]
    lines = [f"  {shlex.join(map(str, line))}" for line in words]
    console.print("what to try next:", *lines, sep="\n", soft_wrap=True)


class _Stopwatch:
    def __init__(self, seconds: dict[str, float], step: str) -> None:
        self.seconds, self.step = seconds, step

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self.seconds[self.step] = time.perf_counter() - self.started


def _data() -> tuple[Any, Any]:
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame.sample(frac=1.0, random_state=0, ignore_index=True)
    return frame.iloc[_HELD_OUT:], frame.iloc[:_HELD_OUT]


def _rmse(truth: Any, prediction: Any) -> float:
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<7}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _train(ensemble: BaseEnsemble, train: Any, output: Path, console: Console) -> Any:
    with _bar(console) as bar:
        task = bar.add_task("train", total=len(ensemble.learners) * ensemble.cv, note="starting the job")

        def show(line: str) -> None:
            found = re.match(r"\[byoe\] (\d+)/(\d+) (\S+) ", line)
            if found:
                bar.update(task, completed=int(found[1]), total=int(found[2]), note=found[3])

        job = sagemaker.fit(ensemble, train, target="target", output=output, wait=False)
        job.wait(on_line=show)
        note = f"cross-validated RMSE {job.metrics['validation:rmse']:.2f}"
        bar.update(task, note=note)
    if not console.is_terminal:
        console.print(f"train   {job.name}: {note} in {job.seconds:.1f} s", soft_wrap=True)
    return job


def _tune(ensemble: BaseEnsemble, train: Any, output: Path, console: Console, max_jobs: int) -> Any:
    best = float("inf")
    with _bar(console) as bar:
        task = bar.add_task("tune", total=max_jobs, note="eta and max_depth")

        def show(row: dict[str, Any]) -> None:
            nonlocal best
            best = min(best, row["objective"] or float("inf"))
            bar.update(task, advance=1, note=f"best cross-validated RMSE {best:.2f}")
            if not console.is_terminal:
                told = "failed" if row["objective"] is None else f"RMSE {row['objective']:.2f}"
                params = ", ".join(f"{name}={value:.3g}" for name, value in row["params"].items())
                console.print(
                    f"tune    {row['number']}/{max_jobs} {params}: {told} in {row['seconds']:.1f} s", soft_wrap=True
                )

        return sagemaker.tune(
            ensemble, SPACE, train, target="target", output=output, max_jobs=max_jobs, seed=0, on_trial=show
        )


def _show(console: Console, errors: dict[str, float], best: Any, objective: str, seconds: dict[str, float]) -> None:
    metrics = best.metrics
    table = Table(title=f"RMSE, best trial: {', '.join(f'{k}={v:.3g}' for k, v in best.hyperparameters.items())}")
    table.add_column("")
    table.add_column("cross-validated", justify="right")
    table.add_column(f"{_HELD_OUT} held-out rows", justify="right")
    lines = []
    for name, error in errors.items():
        key = objective if name == "blend" else f"member:{name}:rmse"
        cross = f"{metrics[key]:.2f}" if key in metrics else "-"
        table.add_row(name, cross, f"{error:.2f}", style="bold" if name == "blend" else "")
        lines.append(f"{name:<16} RMSE cross-validated {cross:>6}, held-out {error:.2f}")
    if console.is_terminal:
        console.print(table)
    else:  # a row per line, nothing drawn or cut
        console.print("\n".join(lines), soft_wrap=True)
    took = ", ".join(f"{step} {value:.1f}" for step, value in seconds.items())
    console.print(f"seconds      {sum(seconds.values()):.1f} ({took})", soft_wrap=True)
