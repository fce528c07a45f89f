"""The locks of a data directory: who starts or stops its server now, and who owns a running one.

Both are files that the kernel unlocks however their holder ends. flock(2) asks for no more than a
file that can be read, so that only its owner may: anybody else could hold up every command.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import structlog

from authz.postgres import postmaster
from authz.postgres.account import PostgresError
from authz.postgres.place import Place

WAIT_S_MAX: Final = postmaster.START_S_MAX + postmaster.POLITE_S_MAX + postmaster.STOP_S_MAX
"""Longer than whoever is before us may need: a start that recovers, then a stop."""

log = structlog.get_logger("millesime.postgres")


@contextlib.contextmanager
def exclusive(place: Place) -> Iterator[None]:
    """Hold the data directory's lock: starting, joining and stopping happen one at a time.

    Raises PostgresError where somebody holds it for longer than that can take.
    """
    if not place.data_dir.exists():  # deleted under a running server, which must stop all the same
        yield
        return
    path = place.data_dir / "lock"
    with _lock_file(path) as file:
        _wait_for(file, path)
        yield


def claim(place: Place, pid: int) -> IO[str] | None:
    """Become the owner of the server `pid` unless a living process is; closing gives it up."""
    mine = place.data_dir / f"owner.{pid}"
    for old in set(place.data_dir.glob("owner.*")) - {mine}:
        old.unlink()
    file = _lock_file(mine)
    if _locks(file):
        return file
    file.close()
    return None


def _lock_file(path: Path) -> IO[str]:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.fchmod(handle, 0o600)  # one of before was open to readers
    return os.fdopen(handle, "a")


def _wait_for(file: IO[str], path: Path) -> None:
    begun = told = time.monotonic()
    while not _locks(file):
        now = time.monotonic()
        if now - begun > WAIT_S_MAX:
            raise PostgresError(f"another process has kept {path} for {WAIT_S_MAX} s: end it")
        if now - told > postmaster.PROGRESS_EVERY_S:
            seconds = round(now - begun)
            log.info("another process is at the database", lock=str(path), seconds=seconds)
            told = now
        time.sleep(postmaster.POLL_S)


def _locks(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
