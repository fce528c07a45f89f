"""The engine as a child process: started, waited for, asked by its own commands, stopped.

Only through the command line, as any user would.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

READY_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 20.0
COMMAND_TIMEOUT_S: Final = 120.0
POLL_S: Final = 0.05
LOG_TAIL_LINES: Final = 12

MILLESIME: Final = (sys.executable, "-m", "authz")


class EngineError(Exception):
    """The engine did not start, or one of its commands failed; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its two doors and its process."""

    iso: str
    http: str
    pid: int


def command(*arguments: str, width: int = 100) -> subprocess.CompletedProcess[str]:
    """Run one of the engine's commands to its end; the caller looks at the exit code."""
    return subprocess.run(
        [*MILLESIME, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_TIMEOUT_S,
        env=os.environ | {"COLUMNS": str(width)},
    )


def output_of(*arguments: str, width: int = 100) -> str:
    """Run a command that must succeed, for what it prints. EngineError: it did not."""
    ended = command(*arguments, width=width)
    if ended.returncode:
        words = ended.stderr.strip() or ended.stdout.strip()
        raise EngineError(f"millesime {' '.join(arguments[:2])}: {words}")
    return ended.stdout


@contextlib.contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[Engine]:
    """Run `millesime serve` for the length of a block. EngineError: it is not ready in time.

    It has a session of its own, so that a Ctrl-C is ours to handle, and leaves nothing behind.
    """
    with started(("serve", *arguments), log) as (pid, ready):
        yield Engine(ready["iso"], ready["http"], pid)


@contextlib.contextmanager
def started(arguments: Sequence[str], log: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run a command that serves, for the length of a block: its process, and what it says first."""
    with log.open("wb") as errors:
        child = subprocess.Popen(
            [*MILLESIME, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            yield child.pid, _ready(child, log)
        finally:
            _stop(child)


def _ready(child: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """Wait for the line that says that its doors are open."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    said, deadline_s = b"", time.monotonic() + READY_TIMEOUT_S
    while b"\n" not in said:
        said += _available(child.stdout)
        if child.poll() is not None:
            raise EngineError(f"it ended with {child.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline_s:
            raise EngineError(f"it is not ready:\n{_tail(log)}")
        time.sleep(POLL_S)
    ready: dict[str, Any] = json.loads(said.partition(b"\n")[0])
    return ready


def _available(pipe: IO[bytes]) -> bytes:
    return pipe.read() or b""


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Let it drain; end its whole session when it does not."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    # What it had started and was stopped before it could stop: an initdb, say.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    if child.stdout is not None:
        child.stdout.close()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


def forget(data_dir: Path) -> None:
    """Delete the data of a stopped engine, also where a link leads to it from there."""
    if not data_dir.is_dir():
        return
    for link in data_dir.iterdir():
        if link.is_symlink() and link.is_dir():
            shutil.rmtree(link.resolve())
    shutil.rmtree(data_dir)
