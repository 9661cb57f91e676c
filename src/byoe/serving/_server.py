"""A server on this machine over four handlers: ``/ping`` and ``/invocations``, as the platform's, and ``/metrics``."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ._exposition import CONTENT_TYPE, exposition
from ._watch import Watch

MAX_BODY = 4 * 1024 * 1024  # a serverless endpoint's limit
_MOST_PASSED_OVER = 16 * MAX_BODY
_PATIENCE = 2.0  # seconds
# Of exactly these types the platform decodes the body, come what may.
_DECODED = frozenset({"text/csv", "application/json"})


def make_server(handlers: Any, model: Any, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a loaded model; port 0 is any free one.

    Parameters
    ----------
    handlers : module or object
        With ``input_fn``, ``predict_fn`` and ``output_fn``.
    model : object
        What ``model_fn`` returned, so that ``/ping`` is healthy from the first request on.
    """
    return _Server(handlers, model, (host, port))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handlers: Any, model: Any, address: tuple[str, int]) -> None:
        self.handlers, self.model = handlers, model
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 120  # of a connection on which nothing comes
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # an answer is one packet, not one for its headers and one for its body

    def do_GET(self) -> None:
        path, watch = self.path.partition("?")[0], self._watch
        if path == "/metrics" and watch is not None:
            self._answer(200, CONTENT_TYPE, exposition(watch))
        else:
            self._answer(200 if self.path == "/ping" else 404, "text/plain", b"")

    def do_POST(self) -> None:
        if self.path != "/invocations":
            self._turn_away(404, f"there is nothing at {self.path[:100]}; post to /invocations")
            return
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self._turn_away(411, "the request has no Content-Length")
            return
        if not 0 <= length <= MAX_BODY:
            self._turn_away(413, f"the body has {length} bytes; the limit is {MAX_BODY}. Send fewer rows at a time")
            self._pass_over(length)
            return
        self._invoke(self.rfile.read(length))

    def _pass_over(self, length: int) -> None:
        # A client that is cut off while it sends would not see the answer.
        self.wfile.flush()
        self.connection.settimeout(_PATIENCE)
        left = min(length, _MOST_PASSED_OVER)
        with suppress(OSError):
            while left > 0 and (piece := self.rfile.read(min(left, 1 << 16))):
                left -= len(piece)

    def _invoke(self, body: bytes) -> None:
        content_type = self.headers.get("Content-Type") or "application/json"
        data: Any = body.decode("utf-8", errors="replace") if content_type in _DECODED else body
        handlers = self.server.handlers
        try:
            rows = handlers.input_fn(data, content_type)
            result = handlers.output_fn(handlers.predict_fn(rows, self.server.model), self.headers.get("Accept", ""))
        except Exception:
            traceback.print_exc()
            if self._watch is not None:
                self._watch.refused(500, "failed", came=False)
            self._refuse(500, "the model failed; the endpoint's log has the traceback")
            return
        if isinstance(result, tuple) and len(result) == 2:
            payload, media = result
            self._answer(200, media, payload if isinstance(payload, bytes) else payload.encode())
            return
        payload = result.body if hasattr(result, "body") else result.get_data()
        status = getattr(result, "status_code", None) or result.status
        self._answer(status, result.mimetype, payload)

    @property
    def _watch(self) -> Watch | None:
        watch = getattr(self.server.model, "watch", None)  # a model of the user's has none
        return watch if isinstance(watch, Watch) else None

    def _turn_away(self, status: int, message: str) -> None:
        """Refuse a request before the handlers see it."""
        self.close_connection = True
        if self._watch is not None:
            self._watch.refused(status, "http")
        self._refuse(status, message)

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, "application/json", json.dumps({"error": message}).encode())

    def _answer(self, status: int, media: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        print(f"{self.log_date_time_string()} {format % args}", file=sys.stderr, flush=True)
