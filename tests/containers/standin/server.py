"""The platform's API over HTTP; every request and every answer is checked against the service's own model."""

import io
import json
import logging
import re
import threading
import time
import traceback
import uuid

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from tests.aws.pipelines import OPERATIONS as OF_PIPELINES
from tests.aws.pipelines import Pipelines
from tests.aws.registry import OPERATIONS as OF_REGISTRY
from tests.aws.registry import RefusedError as RefusedByRegistryError
from tests.aws.registry import Registry
from tests.aws.service_model import faults, model
from tests.containers.standin.endpoints import Endpoint
from tests.containers.standin.jobs import ENDED, TrainingJob
from tests.containers.standin.place import Place
from tests.containers.standin.served import serving
from tests.containers.standin.transforms import TransformJob
from tests.containers.standin.tunings import TuningJob
from werkzeug import Request, Response
from werkzeug.serving import make_server

REGION, ACCOUNT = "eu-west-1", "123456789012"
logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for each call
_INVOCATION = re.compile(r"/endpoints/([^/]+)/(async-)?invocations")
_LOG = "Logs_20140328.FilterLogEvents"
_KINDS = {
    "TrainingJob": "training-job",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
    "Model": "model",
    "EndpointConfig": "endpoint-config",
    "Endpoint": "endpoint",
    "TransformJob": "transform-job",
}


class RefusedError(Exception):
    """A request that the service refuses."""

    def __init__(self, message, code="ValidationException"):
        super().__init__(message)
        self.code = code


class Platform:
    """What there is in one account and region.

    Parameters
    ----------
    folder : Path
        For the containers.

    Attributes
    ----------
    url : str
        Address of all services.
    requests : list of (operation, request)
    registry : Registry
    """

    def __init__(self, folder):
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.session = boto3.Session("testing", "testing", region_name=REGION)
        self._folder = folder
        self.requests = []
        self.registry = Registry(ACCOUNT, REGION)
        self.pipelines = Pipelines(self._called, f"arn:aws:sagemaker:{REGION}:{ACCOUNT}", beside=True)
        self._there = {kind: {} for kind in _KINDS}
        self._tags = {}

    def open(self):
        """Make what needs the address of the services."""
        self.place = Place(self.session)
        self._for_endpoint, self._for_transform = serving(self._folder, self.place, REGION, self._model)
        return self

    def close(self):
        for endpoint in self._there["Endpoint"].values():
            endpoint.close()
        self._server.shutdown()

    def job(self, name):
        """Return a training job, to be interrupted or looked at."""
        return self._there["TrainingJob"][name]

    def left(self):
        """Return the names of all that is paid for or in the way: endpoints, configurations and models."""
        return [name for kind in ("Endpoint", "EndpointConfig", "Model") for name in self._there[kind]]

    def _answer(self, environ, start_response):
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        invoked = _INVOCATION.fullmatch(environ["PATH_INFO"])
        if target == _LOG and not self._chosen_streams(environ):
            return _json({"events": []})(environ, start_response)
        if not target.startswith("SageMaker.") and not invoked:
            return self._moto(environ, start_response)
        request = Request(environ)
        try:
            if invoked:
                answer = (self._invoke_by_files if invoked[2] else self._invoke)(invoked[1], request)
            else:
                operation = target.removeprefix("SageMaker.")
                answer = _json(self._called(operation, json.loads(request.get_data() or b"{}")))
        except (RefusedError, RefusedByRegistryError) as error:
            answer = _json({"__type": error.code, "message": str(error)}, 400)
        except Exception as error:
            traceback.print_exc()
            answer = _json({"__type": "InternalFailure", "message": f"{type(error).__name__}: {error}"}, 500)
        return answer(environ, start_response)

    def _chosen_streams(self, environ):
        """Put the names of log streams in the place of the beginning of their names, which moto does not look at."""
        request = json.loads(Request(environ).get_data())
        beginning = request.pop("logStreamNamePrefix", "")
        there = self.place.streams.get(request["logGroupName"], [])
        request["logStreamNames"] = [name for name in there if name.startswith(beginning)]
        body = json.dumps(request).encode()
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return request["logStreamNames"]

    def _invoke(self, name, request):
        endpoint = self._found("Endpoint", name)
        if endpoint.status not in ("InService", "Updating"):
            raise RefusedError(f"Endpoint {name} of account {ACCOUNT} not found.")
        try:
            variant, status, kind, body = endpoint.ask(
                request.get_data(),
                request.headers["Content-Type"],
                request.headers.get("Accept", "*/*"),
                variant=request.headers.get("X-Amzn-SageMaker-Target-Variant"),
            )
        except ValueError as error:
            raise RefusedError(str(error)) from error
        if status == 200:
            return Response(body, content_type=kind, headers={"x-Amzn-Invoked-Production-Variant": variant})
        told = {
            "Message": f"Received error ({status}) from primary",
            "OriginalStatusCode": status,
            "OriginalMessage": body.decode(errors="replace"),
        }
        answer = _json(told, 424)
        answer.headers["x-amzn-errortype"] = "ModelError"
        return answer

    def _invoke_by_files(self, name, request):
        """Take an address, and put the answer at another one some time later."""
        endpoint, number = self._found("Endpoint", name), uuid.uuid4().hex
        asked = {key: request.headers.get(f"X-Amzn-SageMaker-{key}", "") for key in ("InputLocation", "Accept")}
        where = self._found("EndpointConfig", endpoint.config)["AsyncInferenceConfig"]["OutputConfig"]
        answers, failures = (f"{where[f'S3{kind}Path']}/{number}.out" for kind in ("Output", "Failure"))

        def run():
            body = self.place.get(asked["InputLocation"])
            kind = request.headers["X-Amzn-SageMaker-Content-Type"]
            _, status, _, answer = endpoint.ask(body, kind, asked["Accept"], asynchronous=True)
            self.place.put(answers if status == 200 else failures, answer)

        threading.Thread(target=run, daemon=True).start()
        told = _json({"InferenceId": number}, 202)
        told.headers |= {"X-Amzn-SageMaker-OutputLocation": answers, "X-Amzn-SageMaker-FailureLocation": failures}
        return told

    def _called(self, operation, request):
        wrong = faults(operation, request)
        if wrong:
            raise RefusedError(f"{len(wrong)} validation error detected: {'; '.join(wrong)}")
        self.requests.append((operation, request))
        if operation in OF_REGISTRY:
            return self.registry.call(operation, request)
        if operation in OF_PIPELINES:
            return self.pipelines.call(operation, request)
        answer = getattr(self, f"_{operation}", self._by_name)(operation, request) or {}
        shape = model("sagemaker").operation_model(operation).output_shape
        unknown = set(answer) - set(shape.members if shape else ())
        missing = set(shape.required_members if shape else ()) - set(answer)
        assert not unknown | missing, f"{operation} answers with unknown {unknown}, without {missing}"
        return answer

    def _by_name(self, operation, request):
        """Describe, delete or stop something by its name."""
        verb, kind = re.match("(Describe|Delete|Stop)(.*)", operation).groups()
        name = request[f"{kind}Name"]
        found = self._found(kind, name)
        if verb == "Stop":
            found.stop()
        elif verb == "Delete":
            if kind == "Endpoint":
                found.close()
            del self._there[kind][name]
        else:
            return found if isinstance(found, dict) else found.describe()
        return None

    def _found(self, kind, name):
        if kind in ("TrainingJob", "HyperParameterTuningJob"):  # which are found as ARNs have them, too
            name = next((one for one in self._there[kind] if one.lower() == name.lower()), name)
        if name not in self._there[kind]:
            # In the service's own words, which differ: that of a training job is no other code (boto3 #2808).
            if kind == "TrainingJob":
                raise RefusedError("Requested resource not found.")
            if kind == "HyperParameterTuningJob":
                raise RefusedError(f"Amazon SageMaker can't find a tuning job called {name}.", "ResourceNotFound")
            raise RefusedError(f'Could not find {_KINDS[kind]} "{_arn(kind, name)}".')
        return self._there[kind][name]

    def _new(self, kind, request, make):
        name = request[f"{kind}Name"]
        if name in self._there[kind]:
            code = "ResourceInUse" if kind.endswith("Job") else "ValidationException"
            raise RefusedError(f"{_KINDS[kind]} {name} already exists", code)
        arn = _arn(kind, name)
        self._tags[arn] = request.get("Tags", [])
        self._there[kind][name] = make(arn)
        return {f"{kind}Arn": arn}

    def _job(self, request, arn):
        return TrainingJob(
            request, arn, self._folder / request["TrainingJobName"], self.place, s3=self.url, region=REGION
        ).start()

    def _CreateTrainingJob(self, _, request):
        return self._new("TrainingJob", request, lambda arn: self._job(request, arn))

    def _CreateHyperParameterTuningJob(self, _, request):
        def launch(trial):
            self._CreateTrainingJob(None, trial)
            return self.job(trial["TrainingJobName"])

        asked = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
        parents = [self._found("HyperParameterTuningJob", one["HyperParameterTuningJobName"]) for one in asked]
        if running := [parent.name for parent in parents if parent.status not in ENDED]:
            raise RefusedError(f"Parent tuning jobs {running} have not ended.")
        kind = "HyperParameterTuningJob"
        return self._new(kind, request, lambda arn: TuningJob(request, arn, launch, parents).start())

    def _ListTrainingJobsForHyperParameterTuningJob(self, _, request):
        found = self._found("HyperParameterTuningJob", request["HyperParameterTuningJobName"]).summaries()
        size, start = 2, int(request.get("NextToken", 0))  # a small page, so that there are several
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"TrainingJobSummaries": found[start : start + size], **more}

    def _CreateModel(self, _, request):
        self.registry.check_model(request["PrimaryContainer"])
        kept = {name: value for name, value in request.items() if name != "Tags"}
        return self._new("Model", request, lambda arn: {**kept, "ModelArn": arn, "CreationTime": time.time()})

    def _model(self, name):
        """Return a model with what its package says of the container."""
        found = self._found("Model", name)
        container = found["PrimaryContainer"]
        if package := container.get("ModelPackageName"):
            base = self.registry.container_of(package)
            environment = {**base["Environment"], **container.get("Environment", {})}
            return {**found, "PrimaryContainer": {**base, "Environment": environment}}
        return found

    def _CreateEndpointConfig(self, _, request):
        for variant in request["ProductionVariants"] + request.get("ShadowProductionVariants", []):
            self._found("Model", variant["ModelName"])
        kept = {name: value for name, value in request.items() if name != "Tags"}
        return self._new(
            "EndpointConfig", request, lambda arn: {**kept, "EndpointConfigArn": arn, "CreationTime": time.time()}
        )

    def _ListModels(self, _, request):
        return {"Models": self._summaries("Model", request)}

    def _ListEndpointConfigs(self, _, request):
        return {"EndpointConfigs": self._summaries("EndpointConfig", request)}

    def _summaries(self, kind, request):
        words = (f"{kind}Name", f"{kind}Arn", "CreationTime")
        found = [one for name, one in self._there[kind].items() if request["NameContains"] in name]
        return [{word: one[word] for word in words} for one in found]

    def _CreateEndpoint(self, _, request):
        name = request["EndpointConfigName"]
        config = self._found("EndpointConfig", name)
        return self._new(
            "Endpoint",
            request,
            lambda arn: Endpoint(request["EndpointName"], arn, self._for_endpoint, self.place).change(name, config),
        )

    def _UpdateEndpoint(self, _, request):
        endpoint = self._found("Endpoint", request["EndpointName"])
        if endpoint.status != "InService":
            raise RefusedError(f'Cannot update in-progress endpoint "{endpoint.name}".')
        name = request["EndpointConfigName"]
        endpoint.change(name, self._found("EndpointConfig", name), request.get("DeploymentConfig"))
        return {"EndpointArn": _arn("Endpoint", endpoint.name)}

    def _UpdateEndpointWeightsAndCapacities(self, _, request):
        endpoint = self._found("Endpoint", request["EndpointName"])
        endpoint.shift({one["VariantName"]: one["DesiredWeight"] for one in request["DesiredWeightsAndCapacities"]})
        return {"EndpointArn": _arn("Endpoint", endpoint.name)}

    def _CreateTransformJob(self, _, request):
        self._found("Model", request["ModelName"])
        return self._new(
            "TransformJob",
            request,
            lambda arn: TransformJob(request, arn, self._for_transform, self.place).start(),
        )

    def _AddTags(self, _, request):
        there = {tag["Key"]: tag for tag in self._tags.get(request["ResourceArn"], []) + request["Tags"]}
        self._tags[request["ResourceArn"]] = list(there.values())
        return {"Tags": self._tags[request["ResourceArn"]]}

    def _ListTags(self, _, request):
        return {"Tags": self._tags.get(request["ResourceArn"], [])}


def _arn(kind, name):
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{_KINDS[kind]}/{name.lower()}"


def _json(content, status=200):
    return Response(json.dumps(content), status, content_type="application/x-amz-json-1.1")
