"""The local endpoint's process: ``/ping`` and ``/invocations`` over an artifact's handlers.

Started as ``python -m byoe.sagemaker._server MODEL_FOLDER``. It prints one line,
``port=…``, once the model answers, and ends when its standard input closes, so that it
never outlives the process that started it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MAX_BODY = 4 * 1024 * 1024  # a serverless endpoint's limit


def load_handlers(artifact: Path) -> Any:
    """Import the artifact's own ``code/inference.py``."""
    file = artifact / "code" / "inference.py"
    spec = importlib.util.spec_from_file_location("inference", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {file}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_server(handlers: Any, model: Any) -> ThreadingHTTPServer:
    """Return a server on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200 if self.path == "/ping" else 404, "text/plain", b"")

        def do_POST(self) -> None:
            if self.path != "/invocations":
                self.close_connection = True
                self._answer(404, "text/plain", b"")
                return
            try:
                length = int(self.headers.get("Content-Length", ""))
            except ValueError:
                self.close_connection = True
                self._refuse(411, "the request has no Content-Length")
                return
            if not 0 <= length <= MAX_BODY:
                self.close_connection = True
                self._refuse(413, f"the body has {length} bytes; the limit is {MAX_BODY}")
                return
            self._invoke(self.rfile.read(length))

        def _invoke(self, body: bytes) -> None:
            content_type = self.headers.get("Content-Type", "")
            # The platform decodes the body for exactly these types.
            data: Any = body
            if content_type in ("text/csv", "application/json"):
                try:
                    data = body.decode("utf-8")
                except UnicodeDecodeError:
                    self._refuse(400, "the body is not UTF-8")
                    return
            try:
                rows = handlers.input_fn(data, content_type)
                result = handlers.output_fn(handlers.predict_fn(rows, model), self.headers.get("Accept", ""))
            except Exception:
                traceback.print_exc()
                self._refuse(500, "the model failed; the endpoint's log has the traceback")
                return
            if isinstance(result, tuple) and len(result) == 2:
                payload, media = result
                self._answer(200, media, payload if isinstance(payload, bytes) else payload.encode())
                return
            payload = result.body if hasattr(result, "body") else result.get_data()
            status = getattr(result, "status_code", None) or result.status
            self._answer(status, result.mimetype, payload)

        def _refuse(self, status: int, message: str) -> None:
            self._answer(status, "application/json", json.dumps({"error": message}).encode())

        def _answer(self, status: int, media: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            print(f"{self.log_date_time_string()} {format % args}", file=sys.stderr, flush=True)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    return Server(("127.0.0.1", 0), Handler)


def main() -> int:
    """Serve the artifact named on the command line until standard input closes."""
    from ._train import check_origin, end_with_owner

    check_origin()
    artifact = Path(sys.argv[1])
    handlers = load_handlers(artifact)
    server = make_server(handlers, handlers.model_fn(str(artifact)))

    end_with_owner()
    print(f"port={server.server_address[1]}", flush=True)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads the pipe from here on
    server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
