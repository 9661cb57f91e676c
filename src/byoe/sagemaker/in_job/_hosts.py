"""A job on several hosts: the first one fits, and all of them carry out its tasks.

Each host has the table before that, so that tasks travel and rows do not.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import joblib

from ...data._table import Table
from ...engine._shared_data import is_there, there_already
from ...errors import JobError, need

_PORT = 8786  # Dask's usual one
_LEAVING = 2  # seconds
_TOGETHER_WITHIN = 900  # seconds: hosts install what they need at their own pace
_EXTRA, _PURPOSE = "dask", "a job on several instances"


def hosts_of_job() -> tuple[list[str], str]:
    """Return the names of all hosts, and that of this one; the first fits, and the others work for it."""
    names: list[str] = sorted(json.loads(os.environ.get("SM_HOSTS", "[]")))
    return names, os.environ.get("SM_CURRENT_HOST", "")


@contextmanager
def leading(hosts: Sequence[str], digest: str) -> Iterator[None]:
    """Let what is fitted inside be carried out by all hosts; ``digest`` is of the table that every host has.

    Raises
    ------
    JobError
        When one of them has read other rows, too: Dask would try for ever to send it tasks.
    """
    with all_hosts(hosts, _PORT) as client, there_already(digest):
        names = _names(hosts)
        others = [_host_of(worker, names) for worker, same in client.run(is_there, digest).items() if not same]
        if others:
            raise JobError(
                f"{', '.join(sorted(others))} has read other rows than {hosts[0]}; all have to get the same files, "
                "which nobody may change while the job starts"
            )
        with joblib.parallel_config(backend="dask"):
            yield


def _quiet() -> Any:
    """Return Dask's library, which would tell of every connection that ends."""
    distributed = need("distributed", _EXTRA, _PURPOSE)
    logging.getLogger("distributed").setLevel(logging.ERROR)
    return distributed


def _names(hosts: Sequence[str]) -> dict[str, str]:
    return {socket.gethostbyname(host): host for host in hosts}


def _host_of(worker: str, names: Mapping[str, str]) -> str:
    """Return the host that an address such as ``tcp://10.0.0.1:1234`` is of."""
    address = worker.rpartition("/")[2].rpartition(":")[0]
    return names.get(address, address)


@contextmanager
def all_hosts(hosts: Sequence[str], port: int) -> Iterator[Any]:
    """Yield Dask's client of a cluster of all hosts.

    Parameters
    ----------
    hosts : sequence of str
        The first is this one.
    port : int
        That this host takes the others in at.

    Raises
    ------
    JobError
        When the other hosts do not come, or one of them is lost: the platform fails such a job.
    """
    distributed = _quiet()
    import dask

    with (
        # A library may keep a process from answering for longer than Dask waits; connections tell who is lost.
        dask.config.set({"distributed.scheduler.worker-ttl": None}),
        distributed.LocalCluster(
            n_workers=1,
            processes=False,
            threads_per_worker=joblib.cpu_count(),
            memory_limit=0,
            host=socket.gethostbyname(hosts[0]),
            scheduler_port=port,
            protocol="tcp://",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        distributed.Client(cluster) as client,
        _together(cluster, hosts),
    ):
        try:
            client.wait_for_workers(len(hosts), timeout=_TOGETHER_WITHIN)
        except TimeoutError as error:
            there = len(client.nthreads())
            raise JobError(
                f"{there} of {len(hosts)} hosts were there after {_TOGETHER_WITHIN} s; in a VPC its security groups "
                "must let hosts of a job speak to each other on all ports"
            ) from error
        yield client


class _Lost(BaseException):
    """A host has left before the end. No task catches this."""


@contextmanager
def _together(cluster: Any, hosts: Sequence[str]) -> Iterator[None]:
    """Raise a JobError as soon as a host is lost; only the main thread can use this."""
    from distributed import SchedulerPlugin

    names = _names(hosts)
    main, lost, over = threading.get_ident(), list[str](), False

    class _Watch(SchedulerPlugin):
        def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
            """Interrupt what the main thread does."""
            if not over and not lost:
                lost.append(_host_of(worker, names))
                signal.pthread_kill(main, signal.SIGUSR1)

    def _stop(*_: Any) -> None:
        raise _Lost

    before = signal.signal(signal.SIGUSR1, _stop)
    cluster.scheduler.add_plugin(_Watch())
    try:
        yield
        over = True
    except _Lost:
        time.sleep(_LEAVING)  # when all are told to leave, one may be faster
        raise JobError(
            f"host {lost[0]} was lost before the end, perhaps out of memory; the end of its log may tell why"
        ) from None
    finally:
        over = True
        signal.signal(signal.SIGUSR1, before)


def work(leader: str, table: Table) -> None:
    """Carry out tasks for the first host until that has ended."""
    with there_already(table.digest(), table):
        join(leader, _PORT)


def join(leader: str, port: int) -> None:
    """Be one of the cluster of the first host until that ends it."""
    distributed = _quiet()

    async def until_the_end() -> None:
        address = f"tcp://{socket.gethostbyname(leader)}:{port}"
        worker = distributed.Worker(
            address,
            nthreads=joblib.cpu_count(),
            memory_limit=0,
            host=socket.gethostbyname(os.environ["SM_CURRENT_HOST"]),
            death_timeout=2 * _TOGETHER_WITHIN,  # the leader is the one to say what is wrong
            dashboard=False,
        )
        async with worker:
            await worker.finished()

    asyncio.run(until_the_end())
