"""How the traffic of an endpoint goes over to a new model: at once or in steps, watched by alarms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...errors import ParameterError
from ..shared._limits import is_number
from ._cloud import Cloud
from ._faults import DeniedError


class _Steps(NamedTuple):
    """How many percent of the instances are a step."""

    least: int
    most: int
    usual: int


_TYPES = {"all": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
_STEPS = {"canary": _Steps(1, 50, 10), "linear": _Steps(10, 50, 20)}
_SIZES = {"canary": "CanarySize", "linear": "LinearStepSize"}
_BAKE, _LONGEST_BAKE = 10, 60  # minutes
# Seconds: of a whole update, and of these what new instances may take to get healthy.
_LONGEST, _START = 28_800, 3_600
_MOST_ALARMS, _ALARM_NAME = 10, 255


@dataclass(frozen=True)
class Rollout:
    """How the traffic goes over; the arguments are those of `Endpoint.update`.

    Examples
    --------
    >>> policy = Rollout("canary", alarms=["churn-errors"]).deployment()["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    >>> policy["TrafficRoutingConfiguration"]["CanarySize"], policy["TerminationWaitInSeconds"]
    ({'Type': 'CAPACITY_PERCENT', 'Value': 10}, 600)
    """

    rollout: str = "all"
    alarms: Sequence[str] = ()
    step_percent: int | None = None
    bake_minutes: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarms", _read_alarms(self.alarms))
        if self.rollout not in _TYPES:
            raise ParameterError(f"rollout is {self.rollout!r}, expected one of {', '.join(map(repr, _TYPES))}")
        self._check_step()
        if not is_number(self.bake) or not 0 <= self.bake <= _LONGEST_BAKE:
            raise ParameterError(f"bake_minutes is {self.bake!r}, expected 0 to {_LONGEST_BAKE}")
        if self._waiting > _LONGEST - _START:
            raise ParameterError(
                f"rollout takes {self._waiting / 60:g} minutes in steps of {self._percent} % with bake_minutes="
                f"{self.bake:g} behind each, and the service gives an update {_LONGEST // 3600} hours with the "
                "start of its instances; take a larger step_percent, or fewer bake_minutes"
            )

    def _check_step(self) -> None:
        if self.step_percent is None:
            return
        if self.rollout not in _STEPS:
            raise ParameterError("step_percent is of a rollout in steps; set rollout='canary' or 'linear'")
        steps, percent = _STEPS[self.rollout], self.step_percent
        if not isinstance(percent, int) or isinstance(percent, bool) or not steps.least <= percent <= steps.most:
            raise ParameterError(
                f"step_percent is {percent!r}, expected a whole number from {steps.least} to {steps.most} for "
                f"rollout={self.rollout!r}"
            )

    @property
    def bake(self) -> float:
        """Minutes that alarms are watched for behind each step, and behind the last one."""
        return _BAKE if self.bake_minutes is None else self.bake_minutes

    @property
    def _percent(self) -> int:
        if self.rollout not in _STEPS:
            return 100
        return self.step_percent or _STEPS[self.rollout].usual

    @property
    def _waiting(self) -> float:
        """Seconds that all steps are waited for."""
        steps = 2 if self.rollout == "canary" else -(-100 // self._percent)
        return 60 * self.bake * steps

    def deployment(self) -> dict[str, Any]:
        """Return the part of a request for ``UpdateEndpoint`` that says so; nothing for what the service does alone."""
        if self == Rollout():
            return {}
        seconds = round(60 * self.bake)
        routing: dict[str, Any] = {"Type": _TYPES[self.rollout], "WaitIntervalInSeconds": 0}
        if self.rollout in _STEPS:
            routing["WaitIntervalInSeconds"] = seconds
            routing[_SIZES[self.rollout]] = {"Type": "CAPACITY_PERCENT", "Value": self._percent}
        policy = {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": seconds,
            "MaximumExecutionTimeoutInSeconds": round(self._waiting) + _START,
        }
        watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in self.alarms]}}
        return {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy, **(watched if self.alarms else {})}}

    def check(self, endpoint: str, count: int | None, cloud: Cloud) -> None:
        """Raise a ParameterError for what an endpoint does not take.

        Parameters
        ----------
        endpoint : str
        count : int or None
            Instances that the new model gets; None for a serverless endpoint.
        cloud : Cloud
            Which is asked for the alarms.
        """
        if self == Rollout():
            return
        if count is None:
            name = next(name for name in self.__dataclass_fields__ if getattr(self, name) != getattr(Rollout(), name))
            raise ParameterError(
                f"{name} is of endpoints on instances, and {endpoint} is serverless, whose traffic the service moves "
                "at once and without alarms; leave it out, or deploy the job with an instance_type under another name"
            )
        if self.rollout in _STEPS and count < 2:
            raise ParameterError(
                f"rollout is {self.rollout!r}, and endpoint {endpoint} has {count} instance: a step is at most half of "
                "them. Give instance_count=2 or more, or leave rollout out"
            )
        states = _states(cloud, self.alarms)
        if states is None:
            return
        for name in self.alarms:
            if name not in states:
                raise ParameterError(f"there is no alarm {name!r} in {cloud.region}; alarms are named as in CloudWatch")
            if states[name] == "ALARM":
                raise ParameterError(
                    f"alarm {name!r} is in the state ALARM already, which would roll the update back; see to it first"
                )

    def tripped(self, cloud: Cloud) -> str:
        """Return what the alarms say of an update that was rolled back; nothing where none of them does."""
        rung = [name for name, state in (_states(cloud, self.alarms) or {}).items() if state == "ALARM"]
        return f"in the state ALARM: {', '.join(map(repr, rung))}" if rung else ""


def _read_alarms(alarms: Any) -> tuple[str, ...]:
    if alarms is not None and not isinstance(alarms, Iterable):
        raise ParameterError(f"alarms is {alarms!r}, expected names of CloudWatch alarms")
    names = [alarms] if isinstance(alarms, str) else list(alarms or ())
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > _ALARM_NAME:
            raise ParameterError(f"alarms holds {name!r}, expected names of at most {_ALARM_NAME} characters")
    if len(set(names)) > _MOST_ALARMS:
        raise ParameterError(f"alarms has {len(set(names))} names, and an update is watched by at most {_MOST_ALARMS}")
    return tuple(dict.fromkeys(names))


def _states(cloud: Cloud, names: Sequence[str]) -> dict[str, str] | None:
    """Return the states of the alarms that there are; None for somebody who may not look."""
    if not names:
        return {}
    with suppress(DeniedError):
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = cloud.call("cloudwatch", "describe_alarms", AlarmNames=list(names), AlarmTypes=kinds)
        return {one["AlarmName"]: one["StateValue"] for kind in kinds for one in found.get(f"{kind}s", ())}
    return None
