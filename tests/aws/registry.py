"""The model registry as the service describes it: groups, versions and approvals, in its words."""

import time

from tests.aws.service_model import faults, model

# Of a job that is registered, and a version of another account.
METRICS = {"validation:rmse": 54.25, "validation:r2": 0.5, "member:ridge:rmse": 55.5}
OTHERS = "arn:aws:sagemaker:eu-west-1:999999999999:model-package/churn/1"
_APPROVED, _PENDING = "Approved", "PendingManualApproval"
OPERATIONS = (
    *("CreateModelPackageGroup", "DescribeModelPackageGroup", "DeleteModelPackageGroup"),
    *("CreateModelPackage", "DescribeModelPackage", "UpdateModelPackage", "DeleteModelPackage", "ListModelPackages"),
)


class RefusedError(Exception):
    """What the service refuses, with its code."""

    def __init__(self, message, code="ValidationException"):
        super().__init__(message)
        self.code = code


class Registry:
    """The groups and packages of an account in a region.

    Parameters
    ----------
    account, region : str
    page : int
        Entries of a list that are told at a time.

    Attributes
    ----------
    requests : list of (operation, request)
    shared : dict
        Packages and groups of other accounts by their ARNs, as they are described.
    failing : dict
        What operations are answered with.
    """

    def __init__(self, account, region, *, page=2):
        self._where = f"arn:aws:sagemaker:{region}:{account}"
        self._page = page
        self._groups, self._packages, self._numbers = {}, {}, {}
        self.shared, self.failing, self.requests = {}, {}, []

    def call(self, operation, request):
        """Carry out a request; both it and the answer are checked against the service's own model."""
        assert faults(operation, request) == []
        self.requests.append((operation, request))
        if operation in self.failing:
            raise self.failing[operation]
        answer = getattr(self, f"_{operation}")(**{key: request[key] for key in request if key != "ClientToken"}) or {}
        shape = model("sagemaker").operation_model(operation).output_shape
        unknown = set(answer) - set(shape.members if shape else ())
        missing = set(shape.required_members if shape else ()) - set(answer)
        assert not unknown | missing, f"{operation} answers with unknown {unknown}, without {missing}"
        return answer

    def check_model(self, container):
        """Refuse a model of a version that is not approved, or of what is not there."""
        if name := container.get("ModelPackageName"):
            if set(container) & {"Image", "ModelDataUrl"}:
                raise RefusedError("ModelPackageName cannot be given together with Image or ModelDataUrl")
            found = self._package(name)
            if found["ModelApprovalStatus"] != _APPROVED:
                raise RefusedError(f"Model package {name} is not approved for deployment")

    def container_of(self, name):
        """Return the container that a version is served by."""
        return self._package(name)["InferenceSpecification"]["Containers"][0]

    @property
    def left(self):
        """The ARNs of all that is there."""
        return [*(group["ModelPackageGroupArn"] for group in self._groups.values()), *self._packages]

    def _group(self, name):
        if name in self.shared:
            return self.shared[name]
        own = name.removeprefix(f"{self._where}:model-package-group/").lower()
        if own not in self._groups:
            arn = name if name.startswith("arn:") else f"{self._where}:model-package-group/{name}"
            raise RefusedError(f"ModelPackageGroup {arn} does not exist.")
        return self._groups[own]

    def _package(self, arn):
        found = self.shared.get(arn) or self._packages.get(arn)
        if found is None:
            raise RefusedError(f"ModelPackage {arn} does not exist.")
        return found

    def _CreateModelPackageGroup(self, ModelPackageGroupName, **more):
        if ModelPackageGroupName.lower() in self._groups:
            raise RefusedError(f"Model Package Group already exists: {ModelPackageGroupName}")
        arn = f"{self._where}:model-package-group/{ModelPackageGroupName.lower()}"
        self._groups[ModelPackageGroupName.lower()] = {
            "ModelPackageGroupName": ModelPackageGroupName,
            "ModelPackageGroupArn": arn,
            "CreationTime": time.time(),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
            **{key: value for key, value in more.items() if key == "ModelPackageGroupDescription"},
        }
        return {"ModelPackageGroupArn": arn}

    def _DescribeModelPackageGroup(self, ModelPackageGroupName):
        return self._group(ModelPackageGroupName)

    def _DeleteModelPackageGroup(self, ModelPackageGroupName):
        group = self._group(ModelPackageGroupName)
        if list(self._of(group)):
            raise RefusedError("Cannot delete a model package group that has model packages", "ConflictException")
        del self._groups[group["ModelPackageGroupName"].lower()]
        self._numbers.pop(group["ModelPackageGroupName"], None)

    def _of(self, group):
        for found in self._packages.values():
            if found["ModelPackageGroupName"] == group["ModelPackageGroupName"]:
                yield found

    def _CreateModelPackage(self, ModelPackageGroupName, **more):
        group = self._group(ModelPackageGroupName)
        if "Tags" in more:
            raise RefusedError("A version has the tags of its group")
        name = group["ModelPackageGroupName"]
        number = self._numbers[name] = self._numbers.get(name, 0) + 1  # numbers are not given again
        where = group["ModelPackageGroupArn"].replace(":model-package-group/", ":model-package/")
        arn = f"{where}/{number}"
        self._packages[arn] = {
            "ModelApprovalStatus": _PENDING,
            **more,
            "ModelPackageName": name,
            "ModelPackageGroupName": name,
            "ModelPackageVersion": number,
            "ModelPackageArn": arn,
            "CreationTime": time.time(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        return {"ModelPackageArn": arn}

    def _DescribeModelPackage(self, ModelPackageName):
        return self._package(ModelPackageName)

    def _UpdateModelPackage(self, ModelPackageArn, **changes):
        self._package(ModelPackageArn).update(changes)
        return {"ModelPackageArn": ModelPackageArn}

    def _DeleteModelPackage(self, ModelPackageName):
        self._package(ModelPackageName)
        del self._packages[ModelPackageName]

    def _ListModelPackages(self, ModelPackageGroupName, SortBy, SortOrder, ModelApprovalStatus=None, NextToken="0"):
        assert SortBy == "CreationTime"
        told = set(model("sagemaker").shape_for("ModelPackageSummary").members)
        found = [
            {key: value for key, value in one.items() if key in told}
            for one in self._of(self._group(ModelPackageGroupName))
            if ModelApprovalStatus in (None, one["ModelApprovalStatus"])
        ]
        found = found[::-1] if SortOrder == "Descending" else found
        start = int(NextToken)
        more = {"NextToken": str(start + self._page)} if start + self._page < len(found) else {}
        return {"ModelPackageSummaryList": found[start : start + self._page], **more}
