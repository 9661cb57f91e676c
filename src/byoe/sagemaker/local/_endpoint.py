"""An endpoint on this machine: a server process of its own, and a client."""

from __future__ import annotations

import contextlib
import http.client
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from ...errors import JobError, ParameterError
from ...serving._server import MAX_BODY
from ...tools._wheels import unpack
from ..aws._machine import INSTEAD, OF_ENDPOINTS, SERVING_OPTIONS
from ..shared._failures import deleted, unanswered, unhealthy
from ..shared._outputs import Question
from ..shared._payload import refusal
from ..shared._place import check_options
from ..shared._runtime import RUNTIME, code_of, runtime_for, variables_of
from ._job import end_group
from ._layout import local_environment

# What an endpoint on AWS can be told with an update.
_ON_AWS = dict.fromkeys(
    (*OF_ENDPOINTS, *SERVING_OPTIONS, *INSTEAD, "role", "instance_type", "instance_count"),
    "it is for endpoints on AWS, and here one process of this machine takes the other's place; leave it out",
)
_START_SECONDS = 180.0  # a serverless endpoint must be healthy by then
_REQUEST_SECONDS = 60.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalEndpoint:
    """A served artifact; the process ends with ``delete``, the ``with`` block or its owner.

    Attributes
    ----------
    name : str
    url : str
        ``http://127.0.0.1:port``, with ``/ping`` and ``/invocations`` below it.
    """

    kind: ClassVar[str] = "endpoint"

    def __init__(self, name: str, artifact: Path, *, runtime: str = "libraries") -> None:
        self.name = name
        self._runtime, code = runtime, artifact.resolve() / code_of(runtime)
        self._folder = Path(tempfile.mkdtemp(prefix="byoe-endpoint-"))
        self._log = self._folder / "log.txt"
        unpack(code / "wheels", self._folder / "site-packages")
        environment = {**os.environ, **local_environment(self._folder / "site-packages")}
        environment = {name: value for name, value in environment.items() if name != RUNTIME} | variables_of(runtime)
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # the artifact stays as the job has left it
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "byoe.sagemaker.local._server", str(code)],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._finalizer = weakref.finalize(self, _end, self._process, self._folder)
        try:
            self.url = f"http://127.0.0.1:{self._read_port()}"
        except BaseException:
            self.delete()
            raise

    def __repr__(self) -> str:
        return f"LocalEndpoint({self.name!r}, url={self.url!r})"

    def _read_port(self) -> int:
        deadline = time.monotonic() + _START_SECONDS
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if selector.select(timeout=1.0):
                    line = self._process.stdout.readline().decode()
                    if line.startswith("port="):
                        return int(line.removeprefix("port="))
                    if not line:
                        break
        raise unhealthy(self.name, "Failed", self._why_not(), self.log)

    def _why_not(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"its process has ended, exit code {self._process.wait(timeout=1.0)}"
        return f"it did not become healthy within {_START_SECONDS:g} s"

    @property
    def log(self) -> str:
        """What the server has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.is_file() else ""

    def predict(
        self,
        data: Any,
        *,
        outputs: str | Iterable[str] | None = None,
        level: float | None = None,
        header: bool | None = None,
        reading: Mapping[str, Any] | None = None,
        variant: str | None = None,
        model: str | None = None,
    ) -> Any:
        """Predict rows; large data are sent in several requests.

        Parameters
        ----------
        data : frame or array-like of shape (n_rows, n_features), file, or folder of them
            Columns are matched by name where they have names.
        outputs : str or iterable of str, default=None
            What else is wanted of each row: ``"probabilities"``, ``"interval"``, ``"members"``,
            ``"contributions"``. The answer is a frame then.
        level : float, default=None
            Of intervals; None stands for 0.9.
        header : bool, default=None
            Whether the first row of CSV files names the columns; None looks.
        reading : mapping, default=None
            How files are read where they do not tell: ``sep``, ``decimal``, ``encoding``, ``comment``, ``sheet``.
        variant : str, default=None
            For an endpoint on AWS that has several; here there is one model.
        model : str, default=None
            Which of several that were deployed `together` is to answer.

        Returns
        -------
        array of shape (n_rows,), or frame
            Values in units of the target, or class labels. With ``outputs`` a frame of the kind that the rows are,
            else of pandas: ``prediction``, ``lower``, ``upper``, ``members_<label>`` and so on, as the columns
            of the endpoint's CSV are called.

        Raises
        ------
        InputError
            When the endpoint refuses the request, with its reason.
        """
        if variant is not None:
            raise ParameterError(f"variant is {variant!r}, and endpoint {self.name} on this machine has one model")
        question = Question.of(outputs, level, model)
        bodies = question.payloads(data, MAX_BODY, header=header, reading=reading)
        return question.read([self._invoke(*one, question.accept) for one in bodies], data)

    def _invoke(self, body: bytes, content_type: str, accept: str) -> bytes:
        if not self._finalizer.alive:
            raise deleted(self.name)
        headers, url = {"Content-Type": content_type, "Accept": accept}, self.url
        request = urllib.request.Request(f"{url}/invocations", body, headers)
        try:
            with _OPENER.open(request, timeout=_REQUEST_SECONDS) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise refusal(self.name, error.code, text) from None
        except TimeoutError:
            raise unanswered(self.name, _REQUEST_SECONDS) from None
        except (OSError, http.client.HTTPException) as error:
            if self.url != url:  # another process has taken that one's place meanwhile
                return self._invoke(body, content_type, accept)
            raise JobError(f"endpoint {self.name} does not answer ({error}); its log may tell why") from error

    @property
    def _alive(self) -> bool:
        """Whether its process is there."""
        return self._finalizer.alive and self._process.poll() is None

    def update(self, job: Any, *, rollout: str = "all", runtime: str | None = None, **options: Any) -> LocalEndpoint:
        """Serve what another job of this machine has made; its server has another port, and so ``url`` changes.

        Requests are answered by the present model until the new one is healthy.

        Parameters
        ----------
        job : LocalJob or LocalTuning
        rollout : {"all"}, default="all"
            Steps and alarms are for endpoints on AWS: here one process takes the other's place.
        runtime : {"libraries", "onnx", "auto"}, default=None
            What predicts, as for `deploy`; None stands for what does at present.
        **options
            Those of endpoints on AWS, which are refused unless they ask for nothing.

        Raises
        ------
        ParameterError
            For a job of AWS, for another rollout, and for ``"onnx"`` where the job has saved no graph.
        JobError
            When the job fails, or the new model does not get healthy: the present one goes on.
        """
        asked = {name: value for name, value in options.items() if value or name not in _ON_AWS}
        check_options(asked, ("rollout", "runtime"), "an update", instead=_ON_AWS)
        if rollout != "all":
            raise ParameterError(
                f"rollout is {rollout!r}, and endpoint {self.name} is one process of this machine, which another one "
                "replaces; on AWS there are instances to go over by steps"
            )
        if getattr(job, "place", None) != "local":
            raise ParameterError(f"job is {job!r}, expected a job or a tuning job of this machine")
        if not self._finalizer.alive:
            raise deleted(self.name)
        completed = job.completed()
        runtime = runtime_for(completed, runtime, self._runtime)
        new, end = LocalEndpoint(self.name, completed.artifact, runtime=runtime), self._finalizer
        new._finalizer.detach()
        self._folder, self._log, self._process, self._runtime = new._folder, new._log, new._process, runtime
        self._finalizer = weakref.finalize(self, _end, self._process, self._folder)
        self.url = new.url
        end()
        return self

    def delete(self) -> None:
        """Stop the server. Does nothing the second time."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.delete()


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        end_group(process)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
