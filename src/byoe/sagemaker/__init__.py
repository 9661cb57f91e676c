"""One training job, one tuning job and one endpoint for any ensemble.

``instance_type="local"`` runs the generated source folder on this machine, laid out as the
platform does it, without Docker or an account.
"""

from ._api import deploy, fit, tune
from ._endpoint import LocalEndpoint
from ._local import LocalJob
from ._tune import LocalTuning

__all__ = ["LocalEndpoint", "LocalJob", "LocalTuning", "deploy", "fit", "tune"]
