"""Endpoints: containers that serve models, between which requests are shared."""

import threading
import time

from tests.containers.standin.captures import Capture

_MB = 1024 * 1024
_SERVERLESS_MB, _INSTANCE_MB, _ASYNCHRONOUS_MB = 4, 6, 1024
_HURRY = 1 / 200  # of the seconds that an update waits behind its steps
_STEPS = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


class _Turns:
    """Whose turn it is, so that after every few turns each has had its share."""

    def __init__(self, shares):
        self._due = dict.fromkeys(shares, 0.0)
        self.shares = dict(shares)

    def next(self):
        for name, share in self.shares.items():
            self._due[name] += share
        chosen = max((name for name, share in self.shares.items() if share), key=self._due.get)
        self._due[chosen] -= sum(self.shares.values())
        return chosen


class Fleet:
    """All that serves a configuration: one container for each variant, whatever the number of its instances.

    Parameters
    ----------
    endpoint : str
    config : dict
        As described by the service.
    start : callable
        Starts to serve the model of a variant.
    place : Place
    """

    def __init__(self, endpoint, config, start, place):
        self.config = config
        variants = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
        self._served = {}
        try:
            for variant in variants:
                self._served[variant["VariantName"]] = start(endpoint, variant)
        except Exception:
            self.close()
            raise
        self._shadows = [variant["VariantName"] for variant in config.get("ShadowProductionVariants", [])]
        self._turns = _Turns(
            {
                variant["VariantName"]: variant.get("InitialVariantWeight", 1.0)
                for variant in config["ProductionVariants"]
            }
        )
        wanted = config.get("DataCaptureConfig")
        self._capture = Capture(wanted, endpoint, place) if wanted else None

    def wait(self):
        """Wait until all are healthy; close them all if one is not."""
        for name, served in self._served.items():
            try:
                served.wait()
            except Exception as error:
                self.close()
                raise type(error)(f"The variant {name} {error}") from error
        return self

    @property
    def weights(self):
        return self._turns.shares

    def describe(self):
        """Return what is told of each variant that answers."""
        return [self._described(variant) for variant in self.config["ProductionVariants"]]

    def _described(self, variant):
        weight = self.weights[variant["VariantName"]]
        told = {"VariantName": variant["VariantName"], "CurrentWeight": weight, "DesiredWeight": weight}
        if count := variant.get("InitialInstanceCount"):
            told |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
        return told

    def shift(self, weights):
        self._turns = _Turns(self.weights | weights)

    def container(self, variant="AllTraffic"):
        return self._served[variant]

    def ask(self, body, content_type, accept, variant=None):
        """Return the name of who has answered, status, type and body of the answer."""
        variant = variant or self._turns.next()
        captured = self._capture and self._capture.is_due()
        for name in (variant, *self._shadows):
            status, media, answer = self._served[name].ask(
                "POST", "/invocations", body, Content_Type=content_type, Accept=accept
            )
            if captured and status == 200:
                self._capture.write(name, (content_type, body), (media, answer))
            if name == variant:
                answered = status, media, answer
        return variant, *answered

    def close(self):
        for served in self._served.values():
            served.close()


class Endpoint:
    """An endpoint.

    Parameters
    ----------
    name, arn : str
    start : callable
        Starts to serve the model of a variant.
    place : Place
    """

    def __init__(self, name, arn, start, place):
        self.name, self._arn, self._start, self._place = name, arn, start, place
        self.status, self.config, self.more = "Creating", None, {}
        self.fleet, self._turns = None, None
        self.created = self.modified = time.time()

    def change(self, name, config, deployment=None):
        """Serve another configuration as soon as that is healthy; go on with the present one else."""

        def run():
            new = None
            try:
                new = Fleet(self.name, config, self._start, self._place).wait()
                if self.fleet:
                    self._go_over(new, deployment or {})
            except Exception as error:
                self._turns = None
                if new:
                    new.close()
                self.more["FailureReason"] = str(error)
                self.status = "InService" if self.fleet else "Failed"
            else:
                before, self.fleet, self._turns = self.fleet, new, None
                self.config = name
                self.more.pop("FailureReason", None)
                self.status = "InService"
                if before:
                    before.close()
            self.modified = time.time()

        self.config = self.config or name
        self.status = "Updating" if self.fleet else "Creating"
        threading.Thread(target=run, daemon=True).start()
        return self

    def _go_over(self, new, deployment):
        """Give the new one more and more of the requests; raise an error as soon as an alarm rings."""
        policy = deployment.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
        alarms = [one["AlarmName"] for one in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]
        size = routing[_STEPS[routing["Type"]]]["Value"] if routing["Type"] in _STEPS else 100
        steps = [size, 100] if routing["Type"] == "CANARY" else [*range(size, 100, size), 100]
        for percent in steps:
            self._turns = _Turns({new: percent, self.fleet: 100 - percent})
            last = percent == 100
            seconds = policy.get("TerminationWaitInSeconds", 0) if last else routing["WaitIntervalInSeconds"]
            until = time.monotonic() + seconds * _HURRY
            while True:
                if rung := self._place.rung(alarms):
                    raise RuntimeError(f"The update was rolled back, as alarms are in the state ALARM: {rung}")
                if time.monotonic() >= until:
                    break
                time.sleep(0.1)

    def shift(self, weights):
        self.fleet.shift(weights)
        self.modified = time.time()

    def describe(self):
        variants = self.fleet.describe() if self.fleet else []
        return {
            "EndpointName": self.name,
            "EndpointArn": self._arn,
            "EndpointConfigName": self.config,
            "EndpointStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            **({"ProductionVariants": variants} if variants else {}),
            **self.more,
        }

    def ask(self, body, content_type, accept, *, variant=None, asynchronous=False):
        """Return the name of who has answered, status, type and body of the answer."""
        turns = self._turns
        fleet = turns.next() if turns else self.fleet
        limit = _SERVERLESS_MB if "ServerlessConfig" in fleet.config["ProductionVariants"][0] else _INSTANCE_MB
        limit = _ASYNCHRONOUS_MB if asynchronous else limit
        if len(body) > limit * _MB:
            raise ValueError(f"the body has {len(body)} bytes, at most {limit} MB are taken")
        if variant and variant not in fleet.weights:
            raise ValueError(f"Variant {variant} is not found in endpoint {self.name}")
        return fleet.ask(body, content_type, accept, variant)

    def close(self):
        if self.fleet:
            self.fleet.close()
