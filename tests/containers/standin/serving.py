"""What the scikit-learn container puts between its server and the user's module; runs in the container.

The model is loaded on a worker's first request, which is a health check.
"""

from sagemaker_containers.beta.framework import env, modules, server, transformer, worker

_made = None


def _make():
    serving = env.ServingEnv()
    module = modules.import_module(serving.module_dir, serving.module_name)
    functions = {name: getattr(module, name, None) for name in ("model_fn", "input_fn", "predict_fn", "output_fn")}
    wired = transformer.Transformer(**functions)
    wired.initialize()
    return worker.Worker(transform_fn=wired.transform, module_name=serving.module_name)


def main(environ, start_response):
    """Answer a request."""
    global _made
    if _made is None:
        _made = _make()
    return _made(environ, start_response)


if __name__ == "__main__":
    server.start("serving:main")
