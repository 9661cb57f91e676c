"""The door for those who extend byoe: the contracts, the registry and the conformance kit.

A learner is a subclass of `Learner`, or any scikit-learn estimator class or factory; a
blender is a subclass of `Blender`. Either is registered by an entry point in the groups
``byoe.learners`` or ``byoe.blenders`` of the distribution that brings it::

    [project.entry-points."byoe.learners"]
    log-ridge = "my_package:log_ridge"

`check_learner` and `check_blender` find out whether it keeps the promises of the contract.
"""

from .conformance import check_blender, check_learner, checks
from .contracts._blender import OOF, Blender, Linear
from .contracts._cancelling import cancelled
from .contracts._constant import ConstantModel
from .contracts._deadline import cut_short, out_of_time, rounds_in_time, seconds_left
from .contracts._learner import Explains, Learner, Model, StopRows
from .contracts._onnx import BlenderToOnnx, ModelToOnnx, OnnxGraph
from .contracts._optional import Moments, Prepares, SolvesMoments
from .contracts._row_loss import RowLoss, SquaredError
from .contracts._task import Task
from .contracts._unit import Unit
from .errors import PluginError
from .learners._estimator import EstimatorLearner, EstimatorModel
from .registry._overview import overview
from .registry._plugin import Plugin
from .registry._registry import Registration, blender, find, installed, learner, register_blender, register_learner
from .tools._estimators import set_seed

__all__ = [
    "OOF",
    "Blender",
    "BlenderToOnnx",
    "ConstantModel",
    "EstimatorLearner",
    "EstimatorModel",
    "Explains",
    "Learner",
    "Linear",
    "Model",
    "ModelToOnnx",
    "Moments",
    "OnnxGraph",
    "Plugin",
    "PluginError",
    "Prepares",
    "Registration",
    "RowLoss",
    "SolvesMoments",
    "SquaredError",
    "StopRows",
    "Task",
    "Unit",
    "blender",
    "cancelled",
    "check_blender",
    "check_learner",
    "checks",
    "cut_short",
    "find",
    "installed",
    "learner",
    "out_of_time",
    "overview",
    "register_blender",
    "register_learner",
    "rounds_in_time",
    "seconds_left",
    "set_seed",
]
