"""The signature of a model: the columns of the fit, what is predicted, and what may be asked for beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bundle._reader import BundleReader
from ..data._column import Column
from ..serving._media import Options
from ._client import client

_NUMBERS = {"Boolean": "boolean", "Int": "long", "UInt": "long", "Float": "double"}


def signature_of(reader: BundleReader) -> Any:
    """Return the ``ModelSignature`` of a bundle.

    MLflow holds rows to it, cell by cell. A column that its types cannot tell, such as a pandas category, takes
    anything: byoe checks the rows again.
    """
    types = client().types
    form = reader.form
    if form.names is None:
        numbers = all(column.kind == "number" and not column.was_text for column in form.columns)
        if not numbers:
            return None  # an array of mixed cells, for which MLflow has no type
        inputs = types.Schema([types.TensorSpec(np.dtype("float64"), (-1, len(form)))])
    else:
        pairs = zip(form.names, form.columns, form.dtypes, strict=True)
        inputs = types.Schema([types.ColSpec(_type(column, dtype), name) for name, column, dtype in pairs])
    options = Options()
    asked = types.ParamSchema(
        [types.ParamSpec("outputs", "string", ""), types.ParamSpec("level", "double", options.level)]
    )
    return client().models.ModelSignature(inputs, types.Schema([_predicted(reader)]), asked)


def _type(column: Column, dtype: str) -> Any:
    types = client().types.DataType
    if column.was_text or (column.kind == "category" and dtype == "String"):
        return types.string
    if column.kind == "number" and (name := _NUMBERS.get(dtype.rstrip("0123456789"))) and dtype != "UInt64":
        return types[name]
    if column.kind == "date" and (dtype == "Date" or (dtype.startswith("Datetime") and "time_zone=None" in dtype)):
        return types.datetime
    return _anything()


def _anything() -> Any:
    from mlflow.types.schema import AnyType

    return AnyType()


def _predicted(reader: BundleReader) -> Any:
    types = client().types
    if reader.task.n_outputs > 1:
        return types.TensorSpec(np.dtype("float64"), (-1, reader.task.n_outputs))
    classes = reader.classes
    kind = "f" if classes is None else classes.dtype.kind
    named = {"f": "double", "i": "long", "u": "long", "b": "boolean"}
    return types.ColSpec(named.get(kind, "string"))
