"""The life of one PostgreSQL server process: is it there, is it ready, start it, stop it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import structlog

from authz.postgres.account import PostgresError, spawn_as
from authz.postgres.cluster import reason
from authz.postgres.place import Place

START_S_MAX = 3600
"""Crash recovery replays what came since the last checkpoint, up to half of max_wal_size (32 GB at
most); ending it half-way only starts it again."""
DYING_S_MAX = 20
"""How long a killed server's last processes may keep a new one from starting."""
POLITE_S_MAX = 60
"""How long a shutdown with its last checkpoint may take before it is cut short."""
STOP_S_MAX = 60
POLL_S = 0.02
PROGRESS_EVERY_S = 5
LOG_BYTES_MAX = 16 * 1024 * 1024

log = structlog.get_logger("millesime.postgres")

Child = subprocess.Popen[bytes]


def running(place: Place) -> int | None:
    """Return the pid of the server on our socket once it is ready; None if there is none."""
    deadline = time.monotonic() + START_S_MAX
    while answers(place.socket):
        pid, status = _pid_and_status(place)
        if status == "ready":
            return pid
        if time.monotonic() > deadline:
            raise PostgresError(f"the server is not ready after {START_S_MAX} s: see {place.log}")
        time.sleep(POLL_S)
    return None


def start(place: Place, server: Path) -> Child | None:
    """Start the server and wait until it takes connections; None if another was quicker.

    A server that was killed leaves processes that need a moment to notice: until they are gone
    PostgreSQL refuses a new one, and we ask again.
    """
    _turn_log(place.log)
    deadline = time.monotonic() + DYING_S_MAX
    while True:
        offset = place.log.stat().st_size if place.log.exists() else 0
        child = spawn_as(place.account, [server, "-D", place.cluster], place.log)
        if _becomes_ready(place, child):
            return child
        said = place.log.read_bytes()[offset:].decode(errors="replace")
        passing = "pre-existing shared memory block" in said or "lock file" in said
        if not passing or time.monotonic() > deadline:
            raise PostgresError(reason(said, place))
        if running(place):
            return None
        time.sleep(10 * POLL_S)


def stop(place: Place, pid: int, child: Child | None, how: signal.Signals) -> None:
    """Ask the server to end and wait for it; nothing to do if it has ended already.

    One that does not is told to drop everything: nothing that was committed is lost, the next start
    recovers. A fast shutdown that is asked during crash recovery may never end otherwise.
    """
    for signal_number, seconds in ((how, POLITE_S_MAX), (signal.SIGQUIT, STOP_S_MAX)):
        if _alive(place, pid, child):
            os.kill(pid, signal_number)
        deadline = time.monotonic() + seconds
        while _alive(place, pid, child):
            if time.monotonic() > deadline:
                log.warning("the server does not stop", pid=pid, asked=signal_number.name)
                break
            time.sleep(POLL_S)
        else:
            return
    raise PostgresError(f"the server {pid} has not stopped: see {place.log}")


def _alive(place: Place, pid: int, child: Child | None) -> bool:
    """Whether the server `pid` is there; a server that we joined is not our child."""
    if child is not None:
        return child.poll() is None
    if _pid_and_status(place)[0] != pid:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def _becomes_ready(place: Place, child: Child) -> bool:
    """Wait until the server takes connections (True) or gives up (False)."""
    begun = told = time.monotonic()
    while child.poll() is None:
        if _pid_and_status(place) == (child.pid, "ready"):
            return True
        now = time.monotonic()
        if now - begun > START_S_MAX:
            child.terminate()
            raise PostgresError(f"no start within {START_S_MAX} s: see {place.log}")
        if now - told > PROGRESS_EVERY_S:
            log.info("the database is recovering", seconds=round(now - begun))
            told = now
        time.sleep(POLL_S)
    return False


def _pid_and_status(place: Place) -> tuple[int, str]:
    """Read postmaster.pid: its first line and its eighth, or (0, "") when it is not complete.

    It is what `pg_ctl` waits on: PostgreSQL's src/include/utils/pidfile.h.
    """
    try:
        lines = (place.cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return 0, ""
    return (int(lines[0]), lines[7].strip()) if len(lines) > 7 else (0, "")


def answers(path: Path) -> bool:
    """Whether somebody listens on a socket."""
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _turn_log(path: Path) -> None:
    """Keep one old log; written while nobody runs, so that nothing writes to it."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(path.with_suffix(".log.1"))
