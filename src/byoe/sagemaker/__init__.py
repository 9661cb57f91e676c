"""One training job, one tuning job and one endpoint for any ensemble.

``instance_type="local"`` runs the generated source folder on this machine, laid out as the
platform does it, without Docker or an account. The type of an instance runs it on AWS.
"""

from ._api import fit, tune
from ._aws import attach
from ._batch import transform
from ._cloud_endpoint import Endpoint
from ._cloud_job import Job
from ._cloud_transform import Transform
from ._cloud_tuning import Tuning
from ._deploy import deploy
from ._endpoint import LocalEndpoint
from ._export import dockerfile, export
from ._local import LocalJob
from ._tune import LocalTuning

__all__ = [
    "Endpoint",
    "Job",
    "LocalEndpoint",
    "LocalJob",
    "LocalTuning",
    "Transform",
    "Tuning",
    "attach",
    "deploy",
    "dockerfile",
    "export",
    "fit",
    "transform",
    "tune",
]
