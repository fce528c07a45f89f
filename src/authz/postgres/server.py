"""Run the embedded PostgreSQL of one data directory: who starts it, who joins, who stops it."""

import atexit
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Literal
from urllib.parse import quote

from authz.postgres import postmaster
from authz.postgres.account import PostgresError
from authz.postgres.cluster import (
    DATABASE,
    SUPERUSER,
    create_cluster,
    server_of,
    write_settings,
)
from authz.postgres.lock import claim, exclusive
from authz.postgres.place import Place, place_of

STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
"""https://www.postgresql.org/docs/current/server-shutdown.html"""


class Embedded:
    """A running server: its URL, and whether this process is the one to stop it.

    The process that started a server stops it at its exit; one that joined never does. After a
    SIGKILL of the starter the server stays, and the next process to come adopts it.
    """

    def __init__(self, place: Place, pid: int, child: postmaster.Child | None) -> None:
        """Take note of the postmaster `pid`, and become its owner if no living process is."""
        self.pid = pid
        self._place = place
        self._child = child
        self._process = os.getpid()
        self._claim = claim(place, pid)
        if child:  # a killed server that nobody waits for would look alive to the next one
            threading.Thread(target=child.wait, name="postmaster", daemon=True).start()

    @property
    def url(self) -> str:
        """The URL for asyncpg and libpq: our database, as its superuser, over the socket."""
        return self.url_of(DATABASE)

    def url_of(self, database: str, user: str = SUPERUSER) -> str:
        """Return the URL of another database or role of this server."""
        host = quote(str(self._place.socket_dir), safe="/")
        return f"postgresql://{user}@/{database}?host={host}&port=5432"

    @property
    def owned(self) -> bool:
        """Whether this process stops the server at its exit (a fork of it does not)."""
        return self._claim is not None and self._process == os.getpid()

    @property
    def alive(self) -> bool:
        """Whether the server is there, be it ready or not."""
        if self._child is not None:
            return self._child.poll() is None
        return postmaster.answers(self._place.socket)

    @property
    def place(self) -> Place:
        """Where its data, socket and log are."""
        return self._place

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server if it is ours and wait for its end; asking twice is harmless."""
        if self._claim is None or not self.owned:
            return
        with exclusive(self._place):
            postmaster.stop(self._place, self.pid, self._child, STOP_SIGNALS[mode])
            self._claim.close()
            self._claim = None
        atexit.unregister(self.stop)


def ensure_running(data_dir: Path, settings: Mapping[str, str] | None = None) -> Embedded:
    """Start the server of `data_dir`, making its cluster if new, or join the one that runs.

    `settings` may change any server setting but the durable ones, when it starts. Raises
    PostgresError.
    """
    place = place_of(data_dir)
    with exclusive(place):
        if not place.cluster.exists():
            create_cluster(place)
        embedded = _joined(place) or _started(place, settings or {})
    if embedded.owned:
        atexit.register(embedded.stop)
        _exit_on_signals()
    return embedded


def remove(data_dir: Path) -> None:
    """Delete a data directory whose server is stopped, wherever its data is."""
    place = place_of(data_dir)
    with exclusive(place):
        if postmaster.running(place):
            raise PostgresError(f"the server of {data_dir} is running: stop it first")
        for directory in dict.fromkeys((place.socket_dir, place.home, place.data_dir)):
            shutil.rmtree(directory)


def _joined(place: Place) -> Embedded | None:
    pid = postmaster.running(place)
    return Embedded(place, pid, None) if pid else None


def _started(place: Place, settings: Mapping[str, str]) -> Embedded:
    write_settings(place, settings)
    child = postmaster.start(place, server_of(place))
    if child:
        return Embedded(place, child.pid, child)
    if joined := _joined(place):
        return joined
    raise PostgresError(f"the server ended while we joined it: see {place.log}")


def _exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP run the exit handlers, unless the program has its own idea."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
