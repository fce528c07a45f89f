"""Start the embedded server again when it dies under a running service."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import structlog

from authz.postgres.account import PostgresError
from authz.postgres.server import Embedded, ensure_running

WATCH_S: Final = 0.5
PAUSE_S: Final = 1.0
PAUSE_S_MAX: Final = 60.0
STEADY_S: Final = 300.0
"""A server that lived so long did not die of its start: the next death is the first again."""
LEAVE_S_MAX: Final = 10.0
"""How long a service that ends waits for a start that is under way."""

_log = structlog.get_logger("millesime.postgres")


@contextmanager
def guarding(server: Embedded) -> Iterator[None]:
    """Look after a running server, in a thread, for the length of a block.

    SQL connections are lost with a server, not committed batches: the new one recovers its log, and
    pools connect again by themselves.
    """
    leaving = threading.Event()
    guard = _Guard(server, leaving)
    thread = threading.Thread(target=guard.watch, name="postgres-guard", daemon=True)
    thread.start()
    try:
        yield
    finally:
        leaving.set()
        thread.join(LEAVE_S_MAX)


class _Guard:
    """One server, and how often it died."""

    def __init__(self, server: Embedded, leaving: threading.Event) -> None:
        self._server = server
        self._leaving = leaving
        self._since_s = monotonic()
        self._deaths = 0

    def watch(self) -> None:
        """Until told to leave."""
        while not self._leaving.wait(WATCH_S):
            if self._server.alive:
                continue
            self._deaths = 0 if monotonic() - self._since_s > STEADY_S else self._deaths
            pause_s = min(PAUSE_S * (2**self._deaths - 1), PAUSE_S_MAX)
            self._deaths += 1
            _log.error("database_died", pid=self._server.pid, times=self._deaths, pause_s=pause_s)
            if self._leaving.wait(pause_s):
                return
            self._start()

    def _start(self) -> None:
        place = self._server.place
        if not place.cluster.exists():  # an empty new one would be no help
            _log.error("database_deleted", directory=str(place.cluster))
            return
        try:
            self._server = ensure_running(place.data_dir)
        except (PostgresError, OSError) as error:
            _log.error("database_does_not_start", why=str(error))
        else:
            self._since_s = monotonic()
            _log.warning("database_back", pid=self._server.pid)
