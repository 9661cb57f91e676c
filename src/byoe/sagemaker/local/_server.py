"""The local endpoint's process: ``/ping`` and ``/invocations`` over an artifact's handlers.

Started as ``python -m byoe.sagemaker.local._server CODE_FOLDER``, a folder of the artifact. It prints one line,
``port=…``, once the model answers, and ends when its standard input closes, so that it
never outlives the process that started it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from ...serving._server import make_server


def load_handlers(code: Path) -> Any:
    """Import the artifact's own ``inference.py``."""
    file = code / "inference.py"
    spec = importlib.util.spec_from_file_location("inference", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Serve the artifact whose code is named on the command line until standard input closes."""
    from ..in_job._owner import check_origin, end_with_owner

    check_origin()
    code = Path(sys.argv[1])
    handlers = load_handlers(code)
    server = make_server(handlers, handlers.model_fn(str(code.parent)))

    end_with_owner()
    print(f"port={server.server_address[1]}", flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads the pipe from here on
    server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
