"""What handles can do wherever their job, tuning job or endpoint is: the doors use nothing else of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from numpy.typing import NDArray

from ...scoring._baseline import Baseline


class Handle(Protocol):
    """What has a name and prints a log.

    Attributes
    ----------
    kind : str
        ``"job"``, ``"tuning job"``, ``"endpoint"`` or ``"transform job"``.
    name : str
    """

    kind: ClassVar[str]
    name: str

    @property
    def log(self) -> str:
        """What was printed so far."""
        ...


class Ends(Handle, Protocol):
    """A handle of what comes to an end."""

    @property
    def status(self) -> str:
        """The platform's word: InProgress, Completed, Failed, Stopping or Stopped."""
        ...

    def stop(self) -> None:
        """End it before its time. Does nothing when it has ended."""
        ...


class JobHandle(Ends, Protocol):
    """A training job.

    Attributes
    ----------
    place : str
        Name of the place that it runs at.
    """

    place: ClassVar[str]

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """What overrides parameters of the ensemble."""
        ...

    @property
    def seconds(self) -> float:
        """How long it has worked."""
        ...

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that the log holds."""
        ...

    @property
    def failure(self) -> str:
        """Why it has failed; empty when it has not."""
        ...

    @property
    def artifact(self) -> Path | str:
        """Where the model of a completed job is."""
        ...

    @property
    def has_graph(self) -> bool:
        """Whether the bundle of a completed job holds a graph."""
        ...

    def ensemble(self, *, trusted: Sequence[str] = ()) -> Any:
        """Load the fitted ensemble of a completed job."""
        ...

    def baseline(self) -> Baseline:
        """Return where the baseline is that a completed job has written."""
        ...

    def wait(self, *, logs: bool = False, on_line: Callable[[str], None] | None = None) -> Self:
        """Wait for the end; raise a JobError when the job has failed."""
        ...

    def completed(self) -> JobHandle:
        """Wait, and return the job."""
        ...


class TuningHandle(Protocol):
    """A tuning job, whose trials are jobs with logs of their own.

    Attributes
    ----------
    kind, name : str
    place : str
        Name of the place that it runs at.
    """

    kind: ClassVar[str]
    place: ClassVar[str]
    name: str

    @property
    def status(self) -> str:
        """The platform's word, as of a job."""
        ...

    @property
    def objective(self) -> str:
        """The metric that trials are compared by."""
        ...

    @property
    def trials(self) -> list[dict[str, Any]]:
        """One row for each trial."""
        ...

    @property
    def best_job(self) -> JobHandle:
        """The job with the best objective."""
        ...

    def wait(self) -> Self:
        """Wait for the last trial."""
        ...

    def stop(self) -> None:
        """Stop the trials, and start no more."""
        ...

    def completed(self) -> JobHandle:
        """Wait, and return the best job."""
        ...


class ModelsHandle(Protocol):
    """What several jobs have made, in one artifact.

    Attributes
    ----------
    kind, name, place : str
    artifact : Path or str
        Where it is.
    models : list of str
        The names that they are asked for by.
    has_graph : bool
        Whether each holds a graph.
    """

    kind: ClassVar[str]
    place: ClassVar[str]
    name: str
    artifact: Any
    models: list[str]
    has_graph: bool

    def completed(self) -> ModelsHandle:
        """Return it."""
        ...


class PipelineHandle(Protocol):
    """A pipeline: a training or tuning job, and what is done with its model.

    Attributes
    ----------
    kind, name, place : str
    """

    kind: ClassVar[str]
    place: ClassVar[str]
    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        """What an execution can be given, with the defaults."""
        ...

    @property
    def executions(self) -> list[dict[str, Any]]:
        """One row for each execution."""
        ...

    def upsert(self) -> Self:
        """Let the place have the pipeline."""
        ...

    def start(self, **parameters: Any) -> ExecutionHandle:
        """Start an execution."""
        ...

    def delete(self) -> None:
        """Remove the pipeline. Does nothing for one that is gone."""
        ...


class ExecutionHandle(Protocol):
    """An execution of a pipeline.

    Attributes
    ----------
    kind, place : str
    """

    kind: ClassVar[str]
    place: ClassVar[str]

    @property
    def name(self) -> str:
        """Name of the pipeline and of the execution."""
        ...

    @property
    def status(self) -> str:
        """The platform's word: Executing, Stopping, Stopped, Failed or Succeeded."""
        ...

    @property
    def steps(self) -> list[dict[str, Any]]:
        """One row for each step that has begun."""
        ...

    @property
    def tuning(self) -> TuningHandle | None:
        """The tuning job, if there is one."""
        ...

    @property
    def job(self) -> JobHandle:
        """The training job whose model it is about."""
        ...

    def wait(self) -> Self:
        """Wait for the end; raise a JobError when it has not succeeded."""
        ...

    def completed(self) -> Any:
        """Wait, and return what may be served."""
        ...

    def stop(self) -> None:
        """End it before its time. Does nothing when it has ended."""
        ...


class EndpointHandle(Handle, Protocol):
    """A served ensemble, for a ``with`` block.

    Attributes
    ----------
    url : str
    """

    url: str

    def predict(
        self,
        data: Any,
        *,
        outputs: str | Iterable[str] | None = None,
        level: float | None = None,
        header: bool | None = None,
        reading: Mapping[str, Any] | None = None,
        variant: str | None = None,
        model: str | None = None,
    ) -> Any:
        """Predict rows; with ``outputs`` the answer is a frame."""
        ...

    def delete(self) -> None:
        """Remove the endpoint. Does nothing for what is gone."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class TransformHandle(Ends, Protocol):
    """A job that predicts many rows."""

    @property
    def output(self) -> str:
        """Where the predictions are."""
        ...

    def wait(self) -> Self:
        """Wait for the end; raise a JobError when the job has failed."""
        ...

    def predictions(self) -> NDArray[Any]:
        """Wait, and return the predictions."""
        ...
