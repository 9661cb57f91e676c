"""A real tracking server of MLflow, in a process of its own."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.request

from tests.ports import reserved


@contextlib.contextmanager
def tracking_server(folder):
    """Run a server that keeps everything in a folder; its address."""
    keeper = reserved()
    port = keeper.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts")),
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # processes that nothing here needs
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, folder / "log.txt")
        yield address
    finally:
        process.terminate()
        process.wait(30)
        keeper.close()


def _wait(address, process, log):
    for _ in range(240):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(log.read_text())
