"""What training held, in the form of SageMaker Model Monitor's baselines: statistics and constraints of each column.

The form is documented as "Schema for Statistics" and "Schema for Constraints".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data._form import TableForm
from ..data._summary import BUCKETS, Numbers, Summary, of_answers, of_column
from ..data._table import Table, as_float64
from ..errors import InputError

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
_VERSION = 0.0
_SHRINKING, _SIZE = 0.64, 2048  # of the service's own sketches
_MOST_NUMBERS, _LEAST_SIZE = 400_000, 64  # of many columns smaller ones will do
_MONITORING = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
    },
}


class Baseline(NamedTuple):
    """Where the two files of a baseline are.

    Attributes
    ----------
    statistics, constraints : Path or str
        Files of this machine, or addresses in S3.
    """

    statistics: Path | str
    constraints: Path | str


def baseline(form: TableForm, table: Table, predictions: NDArray[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return statistics and constraints of rows and of what is predicted for them, as JSON values.

    Parameters
    ----------
    form : TableForm
    table : Table
    predictions : array of shape (n_known,) or (n_known, n_outputs)
        As an endpoint answers them; of some of the rows, where not all have one.

    Raises
    ------
    InputError
        For a sparse matrix.
    """
    if table.sparse:
        raise InputError("the rows are a sparse matrix, and a baseline describes columns of a table; pass them dense")
    answers = predictions if predictions.ndim == 2 else predictions[:, None]
    names = _names(form, answers.shape[1])
    size = max(_LEAST_SIZE, min(_SIZE, _MOST_NUMBERS // len(names)))
    columns = list(zip(names, _summaries(form, table, answers, size), strict=True))
    statistics = {
        "version": _VERSION,
        "dataset": {"item_count": len(table)},
        "features": [_statistics(name, summary, size) for name, summary in columns],
    }
    constraints = {
        "version": _VERSION,
        "features": [_constraints(name, summary) for name, summary in columns],
        "monitoring_config": _MONITORING,
    }
    return statistics, constraints


def _summaries(form: TableForm, table: Table, answers: NDArray[Any], size: int) -> Iterator[Summary]:
    """Yield what columns hold in the order of what is captured: of answers, then of requests."""
    for answer in answers.T:
        yield of_answers(answer, size)
    for i, (column, dtype) in enumerate(zip(form.columns, form.dtypes, strict=True)):
        yield of_column(as_float64(table.values[:, i]), column, dtype, size)


def _names(form: TableForm, n_answers: int) -> list[str]:
    """Return what columns are called: as in JSON Lines, or as the service calls columns without names."""
    labels = form.labels or form.names
    if labels is None:
        return [f"_c{i}" for i in range(n_answers + len(form))]
    own = ["predictions"] if n_answers == 1 else [f"prediction_{i}" for i in range(n_answers)]
    return [f"{name}_of_endpoint" if name in labels else name for name in own] + list(labels)


def _statistics(name: str, summary: Summary, size: int) -> dict[str, Any]:
    common = {"common": {"num_present": summary.present, "num_missing": summary.missing}}
    told = {"name": name, "inferred_type": _type(summary)}
    if not summary.present:
        return told
    if isinstance(summary, Numbers):
        numbers = {
            "mean": summary.mean,
            "sum": summary.total,
            "std_dev": summary.deviation,
            "min": summary.low,
            "max": summary.high,
            "distribution": {"kll": _sketch(summary, size)},
        }
        return {**told, "numerical_statistics": common | numbers}
    texts: dict[str, Any] = {**common, "distinct_count": float(summary.distinct)}
    if summary.times is not None:
        buckets = [{"value": value, "count": count} for value, count in summary.times.items()]
        texts["distribution"] = {"categorical": {"buckets": buckets}}
    return {**told, "string_statistics": texts}


def _sketch(summary: Numbers, size: int) -> dict[str, Any]:
    bounds = (summary.low + (summary.high - summary.low) * np.arange(BUCKETS + 1) / BUCKETS).tolist()
    buckets = [
        {"lower_bound": bounds[i], "upper_bound": bounds[i + 1], "count": int(count)}
        for i, count in enumerate(summary.counts)
    ]
    parameters = {"c": _SHRINKING, "k": float(size)}
    data = [level.tolist() for level in summary.levels]
    return {"buckets": buckets, "sketch": {"parameters": parameters, "data": data}}


def _constraints(name: str, summary: Summary) -> dict[str, Any]:
    rows = summary.present + summary.missing
    told = {"name": name, "inferred_type": _type(summary), "completeness": summary.present / rows if rows else 1.0}
    if not summary.present:
        return told
    if isinstance(summary, Numbers):
        return {**told, "num_constraints": {"is_non_negative": summary.low >= 0}}
    return {**told, "string_constraints": {"domains": list(summary.times or ())}} if summary.closed else told


def _type(summary: Summary) -> str:
    if not summary.present:
        return "Unknown"
    if isinstance(summary, Numbers):
        return "Integral" if summary.whole else "Fractional"
    return "String"
