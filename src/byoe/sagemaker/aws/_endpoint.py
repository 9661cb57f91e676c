"""An endpoint on AWS: made whole or not at all, and removed with all that belongs to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any, ClassVar, Self

from ...errors import JobError, ParameterError
from ..shared._failures import deleted, ending, unhealthy
from ..shared._names import is_made
from ..shared._outputs import Question
from . import _asynchronous
from ._alarms import remove_alarms, set_alarm
from ._capture import Capture
from ._cloud import Cloud
from ._execution import Execution
from ._faults import NotFoundError, with_cure
from ._job import Job
from ._machine import VARIANT
from ._models import Models
from ._package import Package, PackageGroup, registered
from ._rollout import Rollout
from ._scaling import unscale
from ._sdk import is_resource, read_resource
from ._tuning import Tuning
from ._update import Changes, exchange
from ._variants import check_set, check_variant, models_of, set_weights
from ._waiting import CHANGING, until

_LOG_GROUP = "/aws/sagemaker/Endpoints"
_MB = 1024 * 1024
# Of a request; an asynchronous endpoint takes more, which its container would have to hold.
_SERVERLESS_BYTES, _INSTANCE_BYTES, _ASYNCHRONOUS_BYTES = 4 * _MB, 6 * _MB, 100 * _MB
_AT_ONCE = 4


class Endpoint:
    """An endpoint on AWS; use it in a ``with`` block, or call ``delete()``.

    Parameters
    ----------
    name : str
        There need be none of that name, or none any more.
    cloud : Cloud, default=None
        By default what the environment and ``~/.aws`` say.

    Attributes
    ----------
    name : str
    url : str
    """

    kind: ClassVar[str] = "endpoint"

    def __init__(self, name: str, cloud: Cloud | None = None) -> None:
        cloud = cloud or Cloud()
        self.name = name
        self.url = f"https://runtime.sagemaker.{cloud.region}.amazonaws.com/endpoints/{name}/invocations"
        self._cloud = cloud
        self._config: dict[str, Any] = {}
        self._leaving: tuple[str, dict[str, Any]] | None = None  # the parts of what is being removed

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, status={self.status!r})"

    def describe(self) -> dict[str, Any]:
        """Return what the service says of the endpoint."""
        return self._cloud.call("sagemaker", "describe_endpoint", EndpointName=self.name)

    @property
    def resource(self) -> Any:
        """The SDK's ``Endpoint``, with what the service says of the endpoint now."""
        return self._cloud.resource(self.kind, self.name)

    @property
    def status(self) -> str:
        """The platform's word: Creating, InService, Updating, Failed, Deleting or Deleted."""
        try:
            return str(self.describe()["EndpointStatus"])
        except NotFoundError:
            return "Deleted"

    @property
    def log(self) -> str:
        """What its containers have printed."""
        return self._cloud.log(f"{_LOG_GROUP}/{self.name}")

    def wait(self) -> Endpoint:
        """Wait until the endpoint is in service.

        Raises
        ------
        JobError
            When it does not get healthy; with the reason and the last error of its log.
        """
        status = until(lambda: self.status, lambda status: status not in CHANGING)
        if status == "InService":
            return self
        reason = ""
        with suppress(NotFoundError):
            reason = self.describe().get("FailureReason", "")
        raise unhealthy(self.name, status, with_cure(reason), self.log)

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
        """Predict rows; large data are sent in several requests, some of them at a time.

        Parameters
        ----------
        data : frame or array-like of shape (n_rows, n_features), file, or folder of them
            Columns are matched by name where they have names.
        outputs : str or iterable of str, default=None
            What else is wanted of each row: ``"probabilities"``, ``"interval"``, ``"members"``,
            ``"contributions"``. The answer is a frame then.
        level : float, default=None
            Of intervals; None stands for 0.9.
        header : bool, default=None
            Whether the first row of CSV files names the columns; None looks.
        reading : mapping, default=None
            How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.
        variant : str, default=None
            Which of several is to answer; None leaves it to their weights, for each request anew.
        model : str, default=None
            Which of several that were deployed `together` is to answer.

        Returns
        -------
        array of shape (n_rows,), or frame
            Values in units of the target, or class labels. With ``outputs`` a frame of the kind that the rows are,
            else of pandas: ``prediction``, ``lower``, ``upper``, ``members_<label>`` and so on, as the columns
            of the endpoint's CSV are called.

        Raises
        ------
        InputError
            When the endpoint refuses the request, with its reason.
        JobError
            When it fails, or there is none of its name.
        """
        question = Question.of(outputs, level, model)
        if not self._config:
            self._config = self._parts()[1]
        if not self._config:
            raise NotFoundError(f"there is no endpoint {self.name} in {self._cloud.region}; deploy its job again")
        if variant is not None:
            check_variant(variant, self.name, self._config)
        serverless = _serverless(self._config)
        asynchronous = self._config.get("AsyncInferenceConfig")
        if asynchronous:
            bodies = question.payloads(data, _ASYNCHRONOUS_BYTES, header=header, reading=reading)
            return question.read(
                _asynchronous.ask(
                    self._cloud, self.name, asynchronous, bodies, self._check_alive, accept=question.accept
                ),
                data,
            )
        limit = _SERVERLESS_BYTES if serverless else _INSTANCE_BYTES
        bodies = question.payloads(data, limit, header=header, reading=reading)
        at_once = min(_AT_ONCE, serverless.get("MaxConcurrency", _AT_ONCE), len(bodies))
        with ThreadPoolExecutor(at_once) as pool:
            answers = pool.map(
                lambda body: self._cloud.invoke(self.name, *body, accept=question.accept, variant=variant or ""), bodies
            )
            return question.read(list(answers), data)

    def _check_alive(self) -> None:
        status = self.status
        if status in ("Deleting", "Deleted"):
            raise deleted(self.name)
        if status == "Failed":
            raise JobError(
                ending(self.kind, self.name, status, "it will not answer; delete it and deploy its job again")
            )

    def _parts(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the description of its configuration, which goes by its own name if it is gone."""
        name = self.name
        with suppress(NotFoundError):
            name = self.describe()["EndpointConfigName"]
        with suppress(NotFoundError):
            return name, self._cloud.call("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
        return name, {}

    def update(
        self,
        job: Job | Tuning | Package | PackageGroup | Execution | Models | str,
        *,
        role: str | None = None,
        instance_type: str | None = None,
        instance_count: int | tuple[int, int] | None = None,
        requests_per_instance: float | None = None,
        memory_mb: int | None = None,
        max_concurrency: int | None = None,
        provisioned_concurrency: int | None = None,
        runtime: str | None = None,
        rollout: str = "all",
        alarms: Sequence[str] = (),
        step_percent: int | None = None,
        bake_minutes: float | None = None,
        data_capture: bool | str | None = None,
        capture_percent: int | None = None,
        watch: bool | None = None,
        **options: Any,
    ) -> Endpoint:
        """Serve what another job has made, without an interruption, and wait for it.

        Requests are answered by the present model until the new one is healthy; then the present one
        and its configuration are removed. What is not given stays as it is. An interrupt ends the
        waiting, not the update, and the former model is left then.

        Parameters
        ----------
        job : Job, Tuning, Package, PackageGroup, Execution, Models or str
            On AWS. Of a tuning job the best one, of a group its newest approved version, of a pipeline's execution what
            it has registered; a text is the ARN of a package or a group, or such as ``"churn/3"``. Or the SDK's
            resource of any of them.
        role : str, default=None
            Name or ARN of the role that the endpoint takes on from now on.
        instance_type, instance_count, requests_per_instance, memory_mb, max_concurrency, \
provisioned_concurrency, runtime, **options
            As in `deploy`. An endpoint stays serverless or on instances, and ``tags`` are added.
        rollout : {"all", "canary", "linear"}, default="all"
            How requests go over to the new model's instances, which start beside the present ones: all at once; a
            part, and then the others; or in equal steps. Only where there are at least two instances.
        alarms : sequence of str, default=()
            Names of at most 10 CloudWatch alarms. When one of them rings behind a step, the service goes back to the
            present model.
        step_percent : int, default=None
            Of the instances: the canary, 1 to 50, or a linear step, 10 to 50. None stands for 10 and for 20.
        bake_minutes : float, default=None
            How long alarms are watched behind each step and the last one, at most 60; the present instances are
            there, and paid for, until then. None stands for 10, and for none without a rollout or alarms.
        data_capture, capture_percent, watch
            As in `deploy`; False ends it.

        Raises
        ------
        ParameterError
            When the endpoint has several variants, or a model that byoe has not made; for a rollout of a serverless
            endpoint, and an alarm that is not there or rings already; where the endpoint predicts by the graph, or is
            to, and there is none.
        JobError
            When the job fails, the new model does not get healthy, or the service goes back: the present one goes
            on, and nothing is left of the new one.
        """
        changes = Changes(
            role,
            instance_type,
            instance_count,
            requests_per_instance,
            memory_mb,
            max_concurrency,
            provisioned_concurrency,
            runtime,
            options,
            Rollout(rollout, alarms, step_percent, bake_minutes),
            Capture(data_capture, capture_percent),
            watch,
        )
        changes.check()
        exchange(self, self._cloud, _trained(job, self._cloud).completed(), changes)
        self._config = {}
        return self

    def shift(self, weights: Mapping[str, float]) -> Endpoint:
        """Share requests among the variants by other weights, and wait for it.

        Parameters
        ----------
        weights : mapping of str to float
            Of each variant, relative to the others: ``{"current": 1, "new": 1}`` halves the requests, and one with 0
            gets none but those that name it.

        Raises
        ------
        ParameterError
            When a variant is not there or is left out, or the endpoint has one alone.
        JobError
            When the service goes back to the former weights.
        """
        set_weights(self._cloud, self.name, weights, self.describe())
        check_set(self.name, weights, self.wait().describe())
        return self

    def alarm(
        self,
        metric: str = "RowsOutside",
        above: float = 0,
        *,
        minutes: int = 5,
        actions: Sequence[str] = (),
        variant: str | None = None,
    ) -> str:
        """Set a CloudWatch alarm, which goes with the endpoint; one of the same metric is changed.

        Parameters
        ----------
        metric : str, default="RowsOutside"
            Or ``"Refused"``, ``"Invocation4XXErrors"``, ``"Invocation5XXErrors"``, ``"ModelLatency"``.
            The first two are of the containers, which write them with ``watch=True``: rows with a value outside of
            what training held, and refused requests. The others are the service's.
        above : float, default=0
            It rings above so many in the time, of ``ModelLatency`` so many microseconds of a request on average.
        minutes : int, default=5
            The time that is looked at.
        actions : sequence of str, default=()
            At most 5 ARNs, such as that of a topic of SNS, which are told.
        variant : str, default=None
            Which of several.

        Returns
        -------
        str
            The alarm's name, as ``alarms`` of `update` takes it.
        """
        config = self._parts()[1]
        if not config:
            raise NotFoundError(f"there is no endpoint {self.name} in {self._cloud.region}; deploy its job again")
        how: dict[str, Any] = {"above": above, "minutes": minutes, "actions": actions, "variant": variant}
        return set_alarm(self._cloud, self.name, config, metric, **how)

    def delete(self) -> None:
        """Remove the endpoint, its configuration and its model. Does nothing for what is gone."""
        there, self._config = self._exists(), {}
        if not (there or self._leaving or is_made(self.name)):
            # Its parts had names that nobody can tell any more, and what has its own name is not of it.
            unscale(self._cloud, self.name, asynchronous=True)
            remove_alarms(self._cloud, self.name, [VARIANT])
            return
        if there or not self._leaving:
            self._leaving = self._parts()
        name, config = self._leaving  # known still where a delete broke off behind the endpoint itself
        names = [one["VariantName"] for one in config.get("ProductionVariants", ())] or [VARIANT]
        until(self._delete_alone, bool)  # one that stays keeps its parts
        with ExitStack() as last:  # whatever fails, the others are removed
            last.callback(remove_alarms, self._cloud, self.name, names)
            if not _serverless(config):
                waits = not config or "AsyncInferenceConfig" in config
                last.callback(unscale, self._cloud, self.name, asynchronous=waits, variants=names)
            own = {self.name} if is_made(self.name) else set()
            last.callback(self._remove, name, models_of(config) or own)
        self._leaving = None

    def _exists(self) -> bool:
        with suppress(NotFoundError):
            return bool(self.describe())
        return False

    def _delete_alone(self) -> bool:
        """Return whether the endpoint could be deleted: not while it is being made or changed."""
        try:
            self._cloud.call("sagemaker", "delete_endpoint", EndpointName=self.name)
        except NotFoundError:
            return True
        except JobError as error:
            if "in-progress" not in str(error):
                raise
            return False
        return True

    def _remove(self, config: str, models: set[str]) -> None:
        """Remove a configuration and models. Does nothing for what is gone."""

        def _gone(operation: str, **request: str) -> None:
            with suppress(NotFoundError):
                self._cloud.call("sagemaker", operation, **request)

        with ExitStack() as last:  # whatever fails, the others are removed
            for model in sorted(models, reverse=True):
                last.callback(_gone, "delete_model", ModelName=model)
            last.callback(_gone, "delete_endpoint_config", EndpointConfigName=config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.delete()


def _trained(job: Any, cloud: Cloud) -> Any:
    """Return the handle of what a name in the registry, an ARN of it or a resource of the SDK stands for."""
    if is_resource(job):
        resource = read_resource(job)
        if resource.kind in (Job.kind, Tuning.kind):
            name = cloud.of_arn(resource.name)[1] if resource.name.startswith("arn:") else resource.name
            return Job(name, cloud) if resource.kind == Job.kind else Tuning(name, cloud)
        if resource.kind == Execution.kind:
            return Execution(resource.name, cloud)
        job = resource.name
    if isinstance(job, str):
        return registered(job, cloud)
    if getattr(job, "place", None) != Job.place:
        raise ParameterError(
            f"job is {job!r}, expected one job, tuning job, model package, group of them or execution of a pipeline, "
            "on AWS"
        )
    return job


def _serverless(config: dict[str, Any]) -> dict[str, Any]:
    """Return the sizes of a serverless endpoint, nothing for another one."""
    (variant, *_) = config.get("ProductionVariants") or [{}]
    found: dict[str, Any] = variant.get("ServerlessConfig", {})
    return found
