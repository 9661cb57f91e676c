"""``python -m byoe.serving MODEL``: serve a bundle in a process that loads what predictions need, and no more."""

from __future__ import annotations

import argparse
import sys

from ..errors import ByoeError
from . import _handlers
from ._server import make_server


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m byoe.serving", description="Serve an ensemble until Ctrl-C.")
    parser.add_argument("model", help="folder of a fitted ensemble")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes any that is free (%(default)s)")
    parser.add_argument("--trusted", action="append", default=[], help="module.Class or package.* that it may hold")
    parser.add_argument("--runtime", default="libraries", help="libraries, onnx or auto (%(default)s)")
    asked = parser.parse_args()
    try:
        model = _handlers.model_fn(asked.model, trusted=asked.trusted, lean=True, runtime=asked.runtime)
        server = make_server(_handlers, model, asked.host, asked.port)
    except (ByoeError, OSError) as error:
        sys.exit(f"error: {error}")
    name, number = server.server_address[:2]
    print(f"serving {asked.model} at http://{name!s}:{number}: post rows to /invocations; Ctrl-C ends it", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("ended")
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
