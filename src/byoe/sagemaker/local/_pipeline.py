"""A pipeline on this machine: its jobs are run, its condition is looked at, and nothing is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ...errors import InputError
from ..shared._place import JobFiles
from ..shared._search import Search
from ..shared._steps import DATA, THRESHOLD, Steps, check_parameters
from ._execution import LocalExecution
from ._job import LocalJob
from ._tuning import LocalTuning


class LocalPipeline:
    """A pipeline whose executions run on this machine.

    Attributes
    ----------
    name : str
    """

    kind: ClassVar[str] = "pipeline"
    place: ClassVar[str] = "local"

    def __init__(
        self,
        files: JobFiles,
        steps: Steps,
        search: Search | None,
        launch: Callable[[JobFiles], LocalJob],
        launch_tuning: Callable[[JobFiles, Search], LocalTuning],
    ) -> None:
        self.name = steps.name
        self._files, self._of, self._search = files, steps, search
        self._launch, self._launch_tuning = launch, launch_tuning
        self._executions: list[LocalExecution] = []

    def __repr__(self) -> str:
        return f"LocalPipeline({self.name!r}, executions={len(self._executions)})"

    @property
    def parameters(self) -> dict[str, Any]:
        """What an execution can be given, with the defaults: data, and the threshold of the condition."""
        data = {DATA[channel]: str(place) for channel, place in self._files.channels.items()}
        condition = self._of.condition
        return data if condition is None else {**data, THRESHOLD: condition.threshold}

    @property
    def executions(self) -> list[dict[str, Any]]:
        """One row for each execution, the newest first: ``status`` and ``failure``."""
        return [{"status": one.status, "failure": one.failure} for one in reversed(self._executions)]

    def upsert(self) -> LocalPipeline:
        """Do nothing: the pipeline is here."""
        return self

    def start(self, **parameters: Any) -> LocalExecution:
        """Start an execution beside the caller.

        Parameters
        ----------
        **parameters
            In the place of the defaults in ``parameters``, such as ``TrainData="june.csv"``.

        Raises
        ------
        ParameterError, InputError
            For a parameter that there is not, or of another kind; for data that are not there.
        """
        given = check_parameters(parameters, self.parameters)
        channels, condition = self._channels(given), self._condition(given)  # which refuse what cannot be
        number = len(self._executions) + 1
        folder = self._files.folder / f"execution-{number}"
        folder.mkdir()
        files = replace(self._files, folder=folder, channels=channels)
        execution = LocalExecution(
            f"{self.name}/execution/{number}",
            replace(self._of, condition=condition),
            files,
            self._search,
            self._launch,
            self._launch_tuning,
        )
        self._executions.append(execution)
        return execution.start()

    def _channels(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for channel, place in self._files.channels.items():
            found[channel] = Path(given.get(DATA[channel], place))
            if not found[channel].exists():
                raise InputError(f"{DATA[channel]} is {str(found[channel])!r}, and there is no such file or folder")
        return found

    def _condition(self, given: Mapping[str, Any]) -> Any:
        if self._of.condition is None or THRESHOLD not in given:
            return self._of.condition
        return replace(self._of.condition, threshold=float(given[THRESHOLD]))

    def delete(self) -> None:
        """Stop what runs; its folders stay."""
        for execution in self._executions:
            execution.stop()
