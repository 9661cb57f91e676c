"""One container: the image's environment with a layer of its own, a folder for ``/opt/ml``, and a process."""

import contextlib
import functools
import os
import signal
import subprocess
import threading
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = Path(os.environ.get("BYOE_CONTAINER_PYTHON", ROOT / ".venv-container" / "bin" / "python"))
TRAIN = ("-m", "sagemaker_training.cli.train")
SERVE = (str(HERE / "serving.py"),)
# What a container has of its host: where to find packages, and nothing of this process's own settings.
_KEPT = ("HOME", "LANG", "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_KEPT_BEGINNINGS = ("PIP_", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# An index that nobody answers from, whatever pip is configured to use.
_NO_NETWORK = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RETRIES": "0",
    "http_proxy": "http://127.0.0.1:9/",
    "https_proxy": "http://127.0.0.1:9/",
    "no_proxy": "localhost",
}
# collections.Mapping: the real container has its toolkit patched in this place.
_LAYER = """\
import site; site.addsitedir({site!r})
import collections, collections.abc; collections.Mapping = collections.abc.Mapping
"""
_GUNICORN = """\
#!{python}
from gunicorn.app.wsgiapp import run
run()
"""


class Container:
    """A container.

    Parameters
    ----------
    folder : Path
        For all that it writes; ``ml`` in it stands for ``/opt/ml``.
    environment : mapping of str to str
        Variables, in which ``/opt/ml`` means that folder.
    isolated : bool
        Whether it finds no packages elsewhere.
    on_line : callable
        Called with each line that it prints.
    """

    def __init__(self, folder, environment, on_line, *, isolated=False):
        if not PYTHON.exists():
            raise RuntimeError(f"there is no container at {PYTHON}; `make test-containers` makes one")
        self.base = folder / "ml"
        for name in ("code", "input/config", "input/data", "model", "output/data"):
            (self.base / name).mkdir(parents=True)
        (folder / "tmp").mkdir()
        self._python = self._layer(folder / "layer")
        kept = {key: value for key, value in os.environ.items() if key in _KEPT or key.startswith(_KEPT_BEGINNINGS)}
        if isolated:
            kept = {key: value for key, value in kept.items() if not key.startswith("PIP_")} | _NO_NETWORK
        self._environment = {
            **kept,
            "PATH": f"{self._python.parent}:{kept['PATH']}",
            "TMPDIR": str(folder / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "PIP_NO_COMPILE": "1",  # a layer is used once: what is imported is compiled then, and the rest never
            "SAGEMAKER_BASE_DIR": str(self.base),
            # Toolkits ask for buckets where a job would have the credentials of its role.
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            **self.placed(environment),
        }
        self._on_line = on_line
        self._process = None

    def placed(self, values):
        """Return texts with this container's folder in the place of ``/opt/ml``."""
        return {name: value.replace("/opt/ml", str(self.base)) for name, value in values.items()}

    def _layer(self, place):
        """Make an environment on top of the image's: what is installed in it is gone with the container."""
        subprocess.run([str(PYTHON), "-m", "venv", "--without-pip", str(place)], check=True, capture_output=True)
        image = site_of(PYTHON.parent.parent)
        Path(site_of(place), "image.pth").write_text(_LAYER.format(site=image))
        python = place / "bin" / "python"
        gunicorn = place / "bin" / "gunicorn"
        gunicorn.write_text(_GUNICORN.format(python=python))
        gunicorn.chmod(0o755)
        return python

    def start(self, command, **variables):
        """Start the container's program."""
        self._process = subprocess.Popen(
            [str(self._python), *command],
            env={**self._environment, **variables},
            cwd=self.base,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self._process.stdout as lines:
            for line in lines:
                self._on_line(line.rstrip("\n"))

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    def wait(self):
        """Wait until the program ends; return its exit code."""
        code = self._process.wait()
        self.kill()  # what it has left behind
        return code

    def kill(self):
        """End all processes.

        The platform sends SIGTERM first. The toolkit is the container's first process: such a one is
        spared by signals that it does not handle, and it tells its script nothing, so that this is
        what a script gets in the end.
        """
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reader.join()


def site_of(place):
    """Return the folder of an environment's packages."""
    return str(place / "lib" / _version() / "site-packages")


@functools.cache
def _version():
    return subprocess.run(
        [str(PYTHON), "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
