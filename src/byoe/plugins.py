"""The door for those who extend byoe: the contracts and the registry.

A learner is a subclass of `Learner`, or any scikit-learn estimator class or factory; a
blender is a subclass of `Blender`. Either is registered by an entry point in the groups
``byoe.learners`` or ``byoe.blenders`` of the distribution that brings it::

    [project.entry-points."byoe.learners"]
    log-ridge = "my_package:log_ridge"
"""

from ._blending import OOF, Blender, Linear
from ._cancelling import cancelled
from ._contracts import Explains, Learner, Model, Moments, Prepares, SolvesMoments, StopRows, Task
from ._estimators import EstimatorLearner
from ._registry import Plugin, blender, find, installed, learner
from .errors import PluginError

__all__ = [
    "OOF",
    "Blender",
    "EstimatorLearner",
    "Explains",
    "Learner",
    "Linear",
    "Model",
    "Moments",
    "Plugin",
    "PluginError",
    "Prepares",
    "SolvesMoments",
    "StopRows",
    "Task",
    "blender",
    "cancelled",
    "find",
    "installed",
    "learner",
]
