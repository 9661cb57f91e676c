"""Requests and answers of an endpoint: the same handlers on AWS, in the local server and in batch transform.

An ``inference.py`` of your own can wrap these four: ``model_fn``, ``input_fn``, ``predict_fn`` and
``output_fn`` have the signatures that the platform's scikit-learn container calls. `models_fn` stands in the place of
`model_fn` where several ensembles share one endpoint.
"""

from ._handlers import input_fn, model_fn, models_fn, output_fn, predict_fn

__all__ = ["input_fn", "model_fn", "models_fn", "output_fn", "predict_fn"]
