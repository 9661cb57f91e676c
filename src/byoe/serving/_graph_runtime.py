"""A bundle that its graph predicts: with NumPy and ONNX Runtime alone, and no library of a member."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import cache, cached_property
from typing import Any, NoReturn

from ..bundle._reader import BundleReader
from ..contracts._blender import Blender
from ..contracts._task import FloatArray
from ..data._table import Table
from ..errors import BundleError, ParameterError, PluginError
from ..fitted._intervals import method_of, predict_interval, width_of
from ..fitted._models import FittedMember, models_of_a_repeat
from ..fitted._quantiles import QUANTILES
from ._runtime import Runtime

Said = Callable[[], Mapping[str, FloatArray]]


class GraphRuntime(Runtime):
    """A bundle whose graph predicts tables.

    It gives predictions, probabilities and intervals, and refuses what only the members themselves tell.
    """

    def _read(self, reader: BundleReader) -> None:
        self._graph = reader.graph()
        self.blender_ = _InGraph(gives_probabilities=self._graph.gives_probabilities)
        self.members_ = {
            entry["label"]: _MemberInGraph(
                entry["label"],
                entry["finalize"],
                models_of_a_repeat(len(entry["models"]), entry["finalize"], entry.get("repeats", 1)),
                dict,
            )
            for entry in reader.manifest["members"]
        }

    def _blended(self, table: Table, predictions: FloatArray | None = None) -> FloatArray:
        return self._graph(table.values, self._threads(table))

    @cached_property
    def native(self) -> bool:
        """Whether rows are wanted in the container of the fit, which no graph sees."""
        return False

    def read_quantiles(self) -> None:
        """Read nothing: the models of quantiles are not in the graph."""

    def ask_members(self, table: Table) -> FloatArray:
        """Raise a ParameterError."""
        _refuse("predictions of members")

    def contributions(self, table: Table) -> NoReturn:
        """Raise a ParameterError."""
        _refuse("contributions of columns")

    def interval(
        self, table: Table, level: float, blended: FloatArray | None = None, *, width: Any = "auto"
    ) -> FloatArray:
        """Return the bounds of prediction intervals, as a `Runtime` does.

        Raises
        ------
        ParameterError
            Where they need what the graph does not hold.
        """
        if self._task.is_classification:
            return super().interval(table, level, blended)
        told = copy(self._blending)
        if QUANTILES in (width_of(told) if width == "auto" else [width]):
            _refuse(f"intervals of the width {QUANTILES!r}")
        said = cache(lambda: self._graph.of_models(table.values, self._threads(table)))
        told.members_ = {
            label: _MemberInGraph(label, member.finalize, member.n_folds, said)
            for label, member in self.members_.items()
        }
        return predict_interval(told, table, level, blended, width=width)

    @property
    def interval_method_(self) -> str:
        """As that of `EnsembleRegressor`."""
        return method_of(self._blending)

    @property
    def interval_width_(self) -> str | list[str]:
        """As that of `EnsembleRegressor`."""
        return width_of(self._blending)

    @cached_property
    def _blending(self) -> GraphRuntime:
        """The same with the blender itself, which intervals ask, and with what is learned for them once."""
        try:
            self._reader.check(self._reader.manifest["blender_libraries"])
            blender = self._reader.blender()
        except (BundleError, PluginError) as error:
            _refuse(f"intervals here ({error})")
        made = copy(self)
        made.blender_ = blender
        _ = width_of(made), method_of(made)
        return made


class _InGraph(Blender):
    """Stands for a blender that the graph is."""

    name = "graph"

    def __init__(self, gives_probabilities: bool) -> None:
        super().__init__()
        self._gives_probabilities = gives_probabilities

    @property
    def gives_probabilities(self) -> bool:
        return self._gives_probabilities


class _MemberInGraph(FittedMember):
    """A member of whose models the graph predicts those of the first folds; ``said`` returns that of all, by label."""

    def __init__(self, label: str, finalize: str, n_folds: int, said: Said) -> None:
        self.label, self.finalize, self.models = label, finalize, [None] * n_folds
        self._said = said

    @property
    def n_folds(self) -> int:
        """How many models the graph tells of."""
        return len(self.models)

    def predict_by(
        self, number: int, table: Any, threads: int, known: dict[str, FloatArray] | None = None
    ) -> FloatArray:
        """Return what one of the models predicts; one model alone is that of every number."""
        said = self._said()
        if not said:
            _refuse("intervals that ask the members of two layers one by one")
        if self.label not in said:
            _refuse(f"intervals that ask member {self.label!r}, which the blend of all rows does not use")
        return said[self.label][:, number % len(self.models)]


def _refuse(what: str) -> NoReturn:
    libraries = "runtime='libraries', or 'auto' where they are served"  # `byoe.load` gives the graph for 'auto', too
    raise ParameterError(f"the graph gives no {what}; ask the libraries for them: {libraries}")
