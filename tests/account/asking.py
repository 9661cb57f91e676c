"""Requests meanwhile."""

import threading


class Asking:
    """Requests to an endpoint, one after the other, while something else is done."""

    def __init__(self, endpoint, rows):
        self._endpoint, self._rows = endpoint, rows
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.asked, self.failures = 0, []

    def _run(self):
        while not self._ended.wait(1.0):
            self.asked += 1
            try:
                self._endpoint.predict(self._rows)
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
