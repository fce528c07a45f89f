"""Several engine processes on one port: a supervisor that starts, watches and stops them.

The kernel deals connections out among the workers (SO_REUSEPORT). Uniqueness and locks are the
database's, so nothing here is for correctness. HTTP is answered by the first worker alone; what it
tells of the counters is those of all (`whole.py`).
"""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from time import monotonic
from typing import Any, Final

import structlog
import uvloop

from authz.door.addresses import Address
from authz.door.server import listening_socket
from authz.logs import configure_logs
from authz.service.doors import Doors, addresses
from authz.service.process import announce_ready, run
from authz.service.whole import note_end
from authz.settings import Settings

RESTARTS_MAX: Final = 10
RESTARTS_WITHIN_S: Final = 600.0
"""Workers that keep dying take the service down instead of hiding it; one a day does not."""
READY_TIMEOUT_S: Final = 60.0
WATCH_S: Final = 0.2

_spawn = multiprocessing.get_context("spawn")
_log = structlog.get_logger()


def supervise(settings: Settings, url: str) -> int:
    """Run `settings.workers` engine processes until SIGTERM or SIGINT; the exit code."""
    stop = threading.Event()
    asked: list[int] = []

    def on_signal(number: int, _frame: Any) -> None:
        asked.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with tempfile.TemporaryDirectory(prefix="millesime-counts-") as counts:
        failed = _run(settings, url, Path(counts), stop)
    if failed:
        return 1
    return 130 if asked and asked[0] == signal.SIGINT else 0


def _run(settings: Settings, url: str, counts: Path, stop: threading.Event) -> bool:
    """All workers from start to end; whether they failed."""
    doors, kept = _reserve(settings, counts)
    crew = _Crew(settings, url, doors)
    signal.signal(signal.SIGHUP, lambda *_: crew.reload())
    try:
        crew.start()
        failed = not crew.ready()
        if not failed:
            announce_ready(addresses(doors.iso, doors.http))
            failed = not crew.watch(stop)
    finally:
        crew.stop()
        for reserved in kept:
            reserved.close()
    return failed


class Deaths:
    """When the last workers died, by the monotonic clock, in seconds."""

    def __init__(self) -> None:
        """Nobody has died yet."""
        self._last: deque[float] = deque(maxlen=RESTARTS_MAX + 1)

    def are_too_many(self, at_s: float) -> bool:
        """One more has died; whether they keep dying."""
        self._last.append(at_s)
        return len(self._last) > RESTARTS_MAX and at_s - self._last[0] < RESTARTS_WITHIN_S


class _Crew:
    """The workers, by number."""

    def __init__(self, settings: Settings, url: str, doors: Doors) -> None:
        self._settings, self._url, self._doors = settings, url, doors
        self._workers: dict[int, tuple[SpawnProcess, Connection]] = {}
        self._deaths = Deaths()

    def start(self) -> None:
        for number in range(self._settings.workers):
            self._start(number)

    def _start(self, number: int) -> None:
        ours, theirs = _spawn.Pipe(duplex=False)
        process = _spawn.Process(
            target=_work, args=(self._settings, self._url, self._doors, number, theirs)
        )
        # A worker is born with SIGHUP held back: until it knows what to do with it, it would die.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
        theirs.close()
        self._workers[number] = process, ours

    def ready(self) -> bool:
        """Wait until every worker has its doors open."""
        return all(_becomes_ready(pipe) for _, pipe in self._workers.values())

    def watch(self, stop: threading.Event) -> bool:
        """Replace workers that die, until told to stop; False when they die too often."""
        while not stop.wait(WATCH_S):
            for number, (process, _) in list(self._workers.items()):
                if process.is_alive():
                    continue
                if process.pid is not None:
                    note_end(self._doors.counts, process.pid)
                _log.error("worker_died", worker=number, exit_code=process.exitcode)
                if self._deaths.are_too_many(monotonic()):
                    return False
                self._start(number)
        return True

    def reload(self) -> None:
        """Let every worker read its certificates again."""
        for process, _ in self._workers.values():
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGHUP)

    def stop(self) -> None:
        """Let every worker drain."""
        for process, _ in self._workers.values():
            if process.is_alive():
                process.terminate()
        for process, _ in self._workers.values():
            process.join(self._settings.drain_timeout_ms / 1000 * 2)
            if process.is_alive():
                _log.error("worker_killed", pid=process.pid)
                process.kill()
                process.join()


def _becomes_ready(pipe: Connection) -> bool:
    try:
        return pipe.poll(READY_TIMEOUT_S) and pipe.recv() == "ready"
    except EOFError:
        return False


def _work(settings: Settings, url: str, doors: Doors, number: int, pipe: Connection) -> None:
    """The life of a worker; its exit code is that of `run`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor passes the wish on
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to read again
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
    configure_logs(settings.log_level, settings.log_format)
    code = uvloop.run(
        run(settings, url, doors, web=number == 0, announce=lambda _: pipe.send("ready"))
    )
    sys.exit(code)


def _reserve(settings: Settings, counts: Path) -> tuple[Doors, list[socket.socket]]:
    """Bind every port once, so that all workers share it even where the system chose it."""
    kept = []

    def reserve(address: Address) -> Address:
        bound = listening_socket(address, shared_port=True)
        kept.append(bound)
        return Address(address.host, bound.getsockname()[1])

    iso = tuple(reserve(door.address) for door in settings.listeners)
    return Doors(iso, reserve(Address(settings.host, settings.http_port)), counts), kept
