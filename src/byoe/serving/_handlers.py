"""The four serving handlers. The endpoint's ``inference.py``, the local server and batch use no others.

A refused request never becomes an exception, which the platform would answer with an
opaque 500: ``input_fn`` and ``predict_fn`` pass a `Refusal` on, and ``output_fn`` answers
with its status and a JSON body that says what to change.
"""

from __future__ import annotations

import csv
import io
import json
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tools._keep_out import kept_out
from ._answers import Answer, answer, refused, write
from ._cells import table_of
from ._media import ANSWER_TYPES, CSV, JSON, accepted
from ._refusal import Refusal
from ._requests import Request, read_request
from ._several import Several
from ._watch import Visit, visit_of

if TYPE_CHECKING:
    from ..data._table import Table
    from ._runtime import Runtime


def model_fn(model_dir: str, *, trusted: Sequence[str] = (), lean: bool = False, runtime: str = "libraries") -> Runtime:
    """Load the model and let it predict once, so that the first request need not wait.

    Parameters
    ----------
    model_dir : str
        A bundle.
    trusted : sequence of str, default=()
        As for `byoe.load`.
    lean : bool, default=False
        For a process that does nothing but serve: keep scikit-learn and pandas from being imported
        on the way where the model does not need them. The boosters' scikit-learn classes do not
        work in such a process.
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        What predicts: the members' libraries; the bundle's graph, by ONNX Runtime alone; or the graph for few rows
        and the libraries for all else, which do everything where there is no graph or no ONNX Runtime.
    """
    return _loaded(model_dir, trusted, lean=lean, runtime=runtime)


def models_fn(model_dir: str, *, trusted: Mapping[str, Sequence[str]], runtime: str = "libraries") -> Several:
    """Find several ensembles in one folder, and load the first of them; the others are loaded when asked for.

    A request names its model as ``model=NAME`` in the content type, or as ``"model"`` in JSON. As many are held as
    fit into half of the container's memory, or into the MB that ``BYOE_MODELS_MB`` says.

    Parameters
    ----------
    model_dir : str
        With a bundle for each below ``models``.
    trusted : mapping of str to sequence of str
        Of each ensemble, as for `byoe.load`.
    runtime : {"libraries", "onnx", "auto"}, default="libraries"
        As for `model_fn`.
    """

    def load(name: str, folder: Path) -> Runtime:
        # The next one may need what a lean process keeps out.
        return _loaded(folder, trusted.get(name, ()), lean=False, runtime=runtime, called=name)

    several = Several(Path(model_dir), load)
    several.get(several.names[0])
    return several


def _loaded(folder: str | Path, trusted: Sequence[str], *, lean: bool, runtime: str, called: str = "") -> Runtime:
    from ._graph_runtime import GraphRuntime
    from ._runtimes import door

    kind, reader = door(folder, trusted, runtime=runtime)
    with kept_out() if lean and kind is not GraphRuntime and reader.lean else nullcontext():
        model = kind(reader)
        model.read_quantiles()
        _warm_up(model)
    model.begin_watching(called)
    return model


def input_fn(body: str | bytes, content_type: str) -> Request | Refusal:
    """Parse a request body, as far as that goes without the model; a refusal is passed on."""
    visit = Visit()
    try:
        return replace(read_request(body, content_type or ""), visit=visit)
    except Refusal as refusal:
        refusal.visit, refusal.reason = visit, "content type" if refusal.status == 415 else "body"
        return refusal


def predict_fn(request: Request | Refusal, model: Runtime | Several) -> Answer | Refusal:
    """Predict the parsed rows, with the outputs that the request asks for, by the model that it names."""
    if isinstance(model, Several):
        if isinstance(chosen := _chosen(request, model), Refusal):
            return chosen
        model = chosen
    elif isinstance(request, Request) and request.options.model is not None:
        refused_for = Refusal(400, "there is one model here, which has no name; leave model out")
        refused_for.visit, refused_for.reason = request.visit, "outputs"
        request = refused_for
    made, table = _predicted(request, model)
    visit, watch, log = visit_of(request), getattr(model, "watch", None), getattr(model, "log", None)
    if watch is None or log is None:  # a model of the user's, or one that is warmed up
        return made
    if visit is not None:
        visit.watch = watch
    if isinstance(made, Refusal):
        watch.refused(made.status, made.reason)
    elif table is not None:
        watch.served(table)
    log.tell()
    return made


def _chosen(request: Request | Refusal, several: Several) -> Runtime | Refusal:
    """Return the model that a request names, or why it is not answered."""
    if isinstance(request, Refusal):
        return request
    try:
        return several.get(request.options.model)
    except Refusal as refusal:
        return refusal
    except Exception:
        traceback.print_exc()
        return Refusal(500, f"model {request.options.model} cannot be loaded; the endpoint's log has the traceback")


def _predicted(request: Request | Refusal, model: Runtime) -> tuple[Answer | Refusal, Table | None]:
    """Return what is answered, and the table that it is for."""
    if isinstance(request, Refusal):
        return request, None
    reason, table = "rows", None
    try:
        table = table_of(request.rows, model.form, native=model.native)
        reason = "outputs"
        return replace(answer(model, table, request.options), visit=request.visit), table
    except Refusal as refusal:
        refused_for = refusal
    except ValueError as error:  # a member of the user's own refuses the rows, or the model has no such output
        refused_for = Refusal(400, f"these rows cannot be predicted: {str(error)[:1000]}")
    except Exception:
        traceback.print_exc()
        reason, refused_for = "failed", Refusal(500, "the model failed; the endpoint's log has the traceback")
    refused_for.visit, refused_for.reason = request.visit, reason
    return refused_for, table


def output_fn(prediction: Answer | Refusal, accept: str) -> Any:
    """Write the answer: ``(body, content type)``, or an error response."""
    visit = visit_of(prediction)
    watch = None if visit is None else visit.watch
    try:
        if isinstance(prediction, Refusal):
            raise prediction
        media, header = accepted(accept)
        if not media:
            raise Refusal(406, f"cannot answer as {accept[:100]!r}; accept one of {', '.join(ANSWER_TYPES)}")
        return write(prediction, media, header=header), media
    except Refusal as refusal:
        if watch is not None and refusal is not prediction:
            watch.refused(refusal.status, "accept", came=False)
        return refused(refusal)
    finally:
        if watch is not None and visit is not None:
            watch.answered(time.perf_counter() - visit.begun)


def _warm_up(model: Runtime) -> None:
    """Predict one row of zeros and first categories, in the two usual formats."""
    usual = {"number": 0.0, "category": None, "date": "2000-01-01"}
    row = [
        column.categories[0] if column.categories else 0.0 if "Duration" in dtype else usual[column.kind]
        for column, dtype in zip(model.form.columns, model.form.dtypes, strict=True)
    ]
    line = io.StringIO()
    csv.writer(line).writerow(row)
    for body, content_type in ((json.dumps([row]), JSON), (line.getvalue(), f"{CSV}; header=absent")):
        try:
            made = predict_fn(input_fn(body, content_type), model)
            if isinstance(made, Refusal):
                raise made
            output_fn(made, content_type.partition(";")[0])
        except Exception as error:  # no row may be like this one: requests will tell whether the model works
            print(f"[byoe] the model could not be warmed up: {error}", flush=True)
