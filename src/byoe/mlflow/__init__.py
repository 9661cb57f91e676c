"""Fits and models in MLflow: a fit becomes parameters, metrics and files of a run, an ensemble a model without pickle.

Needs the extra ``mlflow``. The functions work as those of MLflow's own flavours: in the active run, or in a new one
where there is none, at the tracking server that ``mlflow.set_tracking_uri`` names.
"""

from ._log import log_fit
from ._model import load_model, log_model, save_model
from ._served import _load_pyfunc  # which MLflow looks for by this name

__all__ = ["_load_pyfunc", "load_model", "log_fit", "log_model", "save_model"]
