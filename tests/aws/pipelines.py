"""SageMaker Pipelines: what its definitions may be, and a stand-in that runs them by the requests in their steps.

The schema of definitions is the service's of 2020-12-01, as far as byoe uses it; what a step may read of another one is what
the service describes of that.
"""

import copy
import json
import re
import threading
import time

from tests.aws.registry import RefusedError
from tests.aws.service_model import faults, model

OPERATIONS = (
    *("CreatePipeline", "UpdatePipeline", "DescribePipeline", "DeletePipeline", "StartPipelineExecution"),
    *("ListPipelineExecutions", "DescribePipelineExecution", "ListPipelineExecutionSteps", "StopPipelineExecution"),
)
NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_TYPES = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
_KEYS = {
    "Training": {"CacheConfig"},
    "Tuning": {"CacheConfig"},
    "RegisterModel": set(),
    "Condition": set(),
    "Fail": set(),
}
# The request that a step makes, the name that the service gives, and what other steps read of it.
_MADE_BY = {
    "Training": ("CreateTrainingJob", "TrainingJobName", "DescribeTrainingJob"),
    "Tuning": ("CreateHyperParameterTuningJob", "HyperParameterTuningJobName", "DescribeHyperParameterTuningJob"),
    "RegisterModel": ("CreateModelPackage", None, "DescribeModelPackage"),
}
_COMPARE = {
    "LessThan": float.__lt__,
    "LessThanOrEqualTo": float.__le__,
    "GreaterThan": float.__gt__,
    "GreaterThanOrEqualTo": float.__ge__,
}
_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+S)?)?")
_PART = re.compile(r"\.?([A-Za-z0-9]+)|\['([^']+)'\]")
_SAMPLES = {"string": "s3://bucket/sample", "float": 0.5, "integer": 1}


def wrong_in(definition):
    """Return what is wrong with a definition, as texts; none for one that the service takes."""
    return list(_wrong(definition))


def _wrong(definition):
    if set(definition) != {"Version", "Metadata", "Parameters", "Steps"} or definition["Version"] != "2020-12-01":
        yield f"a definition has no {sorted(definition)}"
    defaults, kinds, used = {}, {}, set()

    def sample(path):
        root, _, rest = path.partition(".")
        if root == "Parameters":
            used.add(rest)
            return defaults[rest]
        assert root == "Steps", path
        step_name, _, inner = rest.partition(".")
        return _SAMPLES[_shape_of(kinds[step_name], inner)]  # of a step before

    for one in definition["Parameters"]:
        if not NAME.fullmatch(one["Name"]) or set(one) - {"Name", "Type", "DefaultValue", "Description"}:
            yield f"parameter {one}"
        if type(one["DefaultValue"]) is not _TYPES[one["Type"]]:
            yield f"parameter {one['Name']} is no {one['Type']}"
        defaults[one["Name"]] = one["DefaultValue"]
    for step in _all_steps(definition):
        name, kind = step["Name"], step["Type"]
        if not NAME.fullmatch(name) or name in kinds:
            yield f"step {name} is there twice, or cannot be called so"
        if set(step) - {"Name", "Type", "Arguments", "DependsOn"} - _KEYS[kind]:
            yield f"step {name} has {sorted(step)}"
        cached = step.get("CacheConfig", {"Enabled": True, "ExpireAfter": "P1D"})
        if cached["Enabled"] is not True or not _DURATION.fullmatch(cached["ExpireAfter"]):
            yield f"step {name} is cached by {cached}"
        if set(step["Arguments"]) & {"TrainingJobName", "HyperParameterTuningJobName", "ModelPackageName"}:
            yield f"step {name} names what it makes"
        arguments = {key: value for key, value in step["Arguments"].items() if key not in ("IfSteps", "ElseSteps")}
        try:
            filled = resolved(arguments, sample)
        except (KeyError, AssertionError) as error:
            yield f"step {name} reads {error!r}, which is not there"
            continue
        if kind in _MADE_BY:
            operation, key, _ = _MADE_BY[kind]
            yield from faults(operation, {**filled, **({key: "sample"} if key else {})})
        elif kind == "Condition":
            for one in filled["Conditions"]:
                if set(one) != {"Type", "LeftValue", "RightValue"} or one["Type"] not in _COMPARE:
                    yield f"condition {one}"
                if {type(one["LeftValue"]), type(one["RightValue"])} != {float}:
                    yield f"condition {one} compares what is no number"
        elif set(filled) != {"ErrorMessage"} or not isinstance(filled["ErrorMessage"], str):
            yield f"step {name} fails with {filled}"
        kinds[name] = kind
    if unused := set(defaults) - used:
        yield f"nothing reads the parameters {sorted(unused)}"


def _all_steps(definition):
    for step in definition["Steps"]:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            inner = step["Arguments"].get(branch, []) if step["Type"] == "Condition" else []
            # The schema's branches have these alone.
            assert {one["Type"] for one in inner} <= {"Training", "Fail", "Processing", "Transform", "RegisterModel"}
            yield from inner


def _shape_of(kind, path):
    """Return the type of what another step reads of a step, as the service describes it."""
    shape = model("sagemaker").operation_model(_MADE_BY[kind][2]).output_shape
    for name, index in _PART.findall(path):
        inner = shape.value if shape.type_name == "map" else getattr(shape, "member", None)
        shape = inner if index else shape.members[name]
    return shape.type_name


def resolved(value, get):
    """Return JSON with what ``get`` tells in the place of references."""
    if isinstance(value, list):
        return [resolved(one, get) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Get"}:
        return get(value["Get"])
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return join["On"].join(str(resolved(one, get)) for one in join["Values"])
    return {key: resolved(one, get) for key, one in value.items()}


def _read(described, path):
    for name, index in _PART.findall(path):
        if name:
            described = described[name]
        elif isinstance(described, list):
            (described,) = [one for one in described if one["MetricName"] == index]
        else:
            described = described[index]
    return described


class Pipelines:
    """The pipelines of an account in a region; an execution is over when its start is answered, unless it is beside that.

    Parameters
    ----------
    call : callable
        Carries out a request of a step: ``call(operation, request)``.
    where : str
        What ARNs begin with.
    beside : bool, default=False
        Whether executions go on while other requests are answered.

    Attributes
    ----------
    there : dict
        Pipelines as they are described.
    names : dict
        Of the jobs of steps, by what ARNs have in their place.
    """

    def __init__(self, call, where, *, beside=False):
        self._call, self._where, self._beside = call, where, beside
        self.there, self.names, self._executions, self._cache = {}, {}, {}, {}

    def call(self, operation, request):
        """Carry out a request of somebody who has a pipeline."""
        assert faults(operation, request) == []
        more = {key: value for key, value in request.items() if key != "ClientRequestToken"}
        return getattr(self, f"_{operation}")(**more)

    def _pipeline(self, name):
        if name not in self.there:
            raise RefusedError(f"Pipeline '{self._where}:pipeline/{name}' does not exist.", "ResourceNotFound")
        return self.there[name]

    def _CreatePipeline(self, PipelineName, PipelineDefinition, RoleArn, Tags=()):
        if PipelineName in self.there:
            raise RefusedError("Pipeline names must be unique within an AWS account and region.")
        arn = f"{self._where}:pipeline/{PipelineName.lower()}"
        self.there[PipelineName] = {"PipelineArn": arn, "PipelineName": PipelineName, "PipelineStatus": "Active"}
        return self._UpdatePipeline(PipelineName, PipelineDefinition, RoleArn)

    def _UpdatePipeline(self, PipelineName, PipelineDefinition, RoleArn):
        found = self._pipeline(PipelineName)
        if wrong := wrong_in(json.loads(PipelineDefinition)):
            raise RefusedError(f"Unable to parse pipeline definition: {'; '.join(wrong)}")
        found |= {"PipelineDefinition": PipelineDefinition, "RoleArn": RoleArn}
        return {"PipelineArn": found["PipelineArn"]}

    def _DescribePipeline(self, PipelineName):
        return self._pipeline(PipelineName)

    def _DeletePipeline(self, PipelineName):
        return {"PipelineArn": self._pipeline(PipelineName) and self.there.pop(PipelineName)["PipelineArn"]}

    def _ListPipelineExecutions(self, PipelineName):
        self._pipeline(PipelineName)
        told = ("PipelineExecutionArn", "PipelineExecutionStatus", "StartTime")
        of_it = [one for one in self._executions.values() if one["PipelineName"] == PipelineName]
        return {
            "PipelineExecutionSummaries": [
                {**{key: one[key] for key in told}, "PipelineExecutionFailureReason": one.get("FailureReason", "")}
                for one in reversed(of_it)
            ]
        }

    def _StartPipelineExecution(self, PipelineName, PipelineParameters=()):
        found = self._pipeline(PipelineName)
        definition = json.loads(found["PipelineDefinition"])
        values = {one["Name"]: one["DefaultValue"] for one in definition["Parameters"]}
        kinds = {one["Name"]: _TYPES[one["Type"]] for one in definition["Parameters"]}
        values |= {one["Name"]: kinds[one["Name"]](one["Value"]) for one in PipelineParameters}
        number = f"x{len(self._executions) + 1:011}"
        arn = f"{found['PipelineArn']}/execution/{number}"
        execution = {
            "PipelineName": PipelineName,
            "PipelineExecutionArn": arn,
            "StartTime": time.time(),
            "PipelineExecutionStatus": "Executing",
            "steps": [],
        }
        self._executions[arn] = execution

        def run():
            self._run(definition["Steps"], execution, values, {}, number)
            if execution["PipelineExecutionStatus"] == "Executing":
                execution["PipelineExecutionStatus"] = "Succeeded"

        thread = threading.Thread(target=run, daemon=True)
        (thread.start if self._beside else run)()
        return {"PipelineExecutionArn": arn}

    def _execution(self, arn):
        if arn not in self._executions:
            raise RefusedError(f"Pipeline execution '{arn}' does not exist.", "ResourceNotFound")
        return self._executions[arn]

    def _DescribePipelineExecution(self, PipelineExecutionArn):
        found = self._execution(PipelineExecutionArn)
        told = ("PipelineExecutionArn", "PipelineExecutionStatus", "FailureReason")
        return {key: found[key] for key in told if key in found}

    def _ListPipelineExecutionSteps(self, PipelineExecutionArn, SortOrder, NextToken="0"):
        steps = self._execution(PipelineExecutionArn)["steps"]
        steps = steps if SortOrder == "Ascending" else steps[::-1]
        start = int(NextToken)
        more = {"NextToken": str(start + 2)} if start + 2 < len(steps) else {}  # small pages, so that there are several
        return {"PipelineExecutionSteps": steps[start : start + 2], **more}

    def _StopPipelineExecution(self, PipelineExecutionArn):
        self._execution(PipelineExecutionArn)["PipelineExecutionStatus"] = "Stopped"
        return {"PipelineExecutionArn": PipelineExecutionArn}

    def _run(self, steps, execution, values, made, number):
        def get(path):
            root, _, rest = path.partition(".")
            if root == "Parameters":
                return values[rest]
            name, _, inner = rest.partition(".")
            return _read(made[name], inner)

        for step in steps:
            row = {"StepName": step["Name"], "StartTime": time.time(), "StepStatus": "Executing", "Metadata": {}}
            execution["steps"].append(row)
            try:
                branch = self._step(step, row, get, made, number)
            except Exception as error:  # the stand-in's own faults are to be seen
                row |= {
                    "StepStatus": "Failed",
                    "FailureReason": f"InternalServerError: {type(error).__name__}: {error}",
                }
                branch = []
            row["EndTime"] = time.time()
            if row["StepStatus"] == "Executing":
                row["StepStatus"] = "Succeeded"
            if row["StepStatus"] == "Failed":
                failure = f"Step failure: One or multiple steps failed. ({step['Name']})"
                execution |= {"PipelineExecutionStatus": "Failed", "FailureReason": failure}
                return
            self._run(branch, execution, values, made, number)
            if execution["PipelineExecutionStatus"] != "Executing":
                return

    def _step(self, step, row, get, made, number):
        """Carry out a step; return those that follow from it."""
        kind, arguments = step["Type"], copy.deepcopy(step["Arguments"])
        if kind == "Fail":
            row |= {"StepStatus": "Failed", "Metadata": {"Fail": {"ErrorMessage": arguments["ErrorMessage"]}}}
            return []
        if kind == "Condition":
            conditions = resolved(arguments["Conditions"], get)
            holds = all(_COMPARE[one["Type"]](one["LeftValue"], one["RightValue"]) for one in conditions)
            row["Metadata"] = {"Condition": {"Outcome": str(holds)}}
            return arguments["IfSteps"] if holds else arguments["ElseSteps"]
        arguments = resolved(arguments, get)
        key = json.dumps([step["Name"], arguments])
        if "CacheConfig" in step and key in self._cache:
            made[step["Name"]], row["Metadata"], source = self._cache[key]
            row["CacheHitResult"] = {"SourcePipelineExecutionArn": source}
            return []
        row["CacheHitResult"] = {"SourcePipelineExecutionArn": ""}  # as people are told of those that were run
        made[step["Name"]], row["Metadata"] = self._request(kind, step["Name"], arguments, number)
        described = made[step["Name"]]
        failed = {described.get("TrainingJobStatus"), described.get("HyperParameterTuningJobStatus")} & {"Failed"}
        if failed:
            row |= {"StepStatus": "Failed", "FailureReason": f"ClientError: {described.get('FailureReason', '')}"}
        elif "CacheConfig" in step:
            self._cache[key] = made[step["Name"]], row["Metadata"], f"{self._where}:pipeline/any/execution/{number}"
        return []

    def _request(self, kind, step, arguments, number):
        operation, key, described_by = _MADE_BY[kind]
        if kind == "RegisterModel":
            arn = self._call(operation, arguments)["ModelPackageArn"]
            return {"ModelPackageArn": arn}, {"RegisterModel": {"Arn": arn}}
        name = f"pipelines-{number}-{step}" if kind == "Training" else f"{number}-{step}"
        self.names[name.lower()] = name
        self._call(operation, {**arguments, key: name})
        while True:
            described = self._call(described_by, {key: name})
            status = described.get("TrainingJobStatus") or described["HyperParameterTuningJobStatus"]
            if status in ("Completed", "Failed", "Stopped"):
                break
            time.sleep(0.2)
        arn = described.get("TrainingJobArn") or described["HyperParameterTuningJobArn"]
        where, _, own = arn.rpartition("/")
        return described, {"TrainingJob" if kind == "Training" else "TuningJob": {"Arn": f"{where}/{own.lower()}"}}
