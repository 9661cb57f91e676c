"""One training job, one tuning job and one endpoint for any ensemble.

``instance_type="local"`` runs the generated source folder on this machine, laid out as the
platform does it, without Docker or an account. The type of an instance runs it on AWS.
"""

from ._attach import attach
from ._deploy import deploy
from ._doctor import doctor
from ._export import dockerfile, export
from ._fit import fit
from ._pipeline import pipeline
from ._policy import policy
from ._together import together
from ._trainer import model_trainer, tuner
from ._transform import transform
from ._tuning import tune
from .aws._endpoint import Endpoint
from .aws._execution import Execution
from .aws._finding import Finding, Findings
from .aws._job import Job
from .aws._models import Models
from .aws._package import Package, PackageGroup
from .aws._pipeline import Pipeline
from .aws._transform import Transform
from .aws._tuning import Tuning
from .local._endpoint import LocalEndpoint
from .local._execution import LocalExecution
from .local._job import LocalJob
from .local._models import LocalModels
from .local._pipeline import LocalPipeline
from .local._tuning import LocalTuning

__all__ = [
    "Endpoint",
    "Execution",
    "Finding",
    "Findings",
    "Job",
    "LocalEndpoint",
    "LocalExecution",
    "LocalJob",
    "LocalModels",
    "LocalPipeline",
    "LocalTuning",
    "Models",
    "Package",
    "PackageGroup",
    "Pipeline",
    "Transform",
    "Tuning",
    "attach",
    "deploy",
    "dockerfile",
    "doctor",
    "export",
    "fit",
    "model_trainer",
    "pipeline",
    "policy",
    "together",
    "transform",
    "tune",
    "tuner",
]
