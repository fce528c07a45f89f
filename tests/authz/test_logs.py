"""What libraries say: one line of our shape, and not again and again."""

import json
import logging
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import structlog
from structlog.typing import EventDict

from authz import logs
from authz.logs import Foreign, Seldom


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Lines that were written."""
    lines: list[dict[str, object]] = []

    class Log:
        def log(self, level: int, event: str, **more: object) -> None:
            lines.append({"level": level, "event": event, **more})

    monkeypatch.setattr(logs, "_log", Log())
    return lines


def record(line: int, error: Exception | None = None) -> logging.LogRecord:
    info = None if error is None else (type(error), error, None)
    return logging.LogRecord("asyncpg.pool", 30, "pool.py", line, "no %s", ("floor",), info)


def test_the_same_thing_is_written_once_a_second_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch, said: list[dict[str, object]]
) -> None:
    instants = iter((100.0, 100.1, 100.9, 100.95, 101.0))
    monkeypatch.setattr(logs, "monotonic", lambda: next(instants))
    handler = Foreign()
    for line in (1, 1, 1, 2, 1):
        handler.emit(record(line))
    assert [line["left_out"] for line in said] == [0, 0, 2]


def test_a_refusal_of_the_system_is_named_without_a_traceback(
    said: list[dict[str, object]],
) -> None:
    handler = Foreign()
    handler.emit(record(1, ConnectionRefusedError()))
    bug = ValueError()
    handler.emit(record(2, bug))
    assert [line["error"] for line in said] == ["ConnectionRefusedError", "ValueError"]
    assert [line["exc_info"] for line in said] == [None, bug]
    assert said[0]["said"] == "no floor"


def test_libraries_write_lines_of_our_shape(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "from authz.logs import configure_logs; import logging; configure_logs('info', 'json');"
        "logging.getLogger('asyncio').error('accept', exc_info=ValueError('x'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    [line] = capfd.readouterr().err.splitlines()
    assert json.loads(line).keys() >= {"event", "said", "level", "timestamp", "exception"}


def test_what_cannot_be_written_ends_nobodys_work() -> None:
    """Standard error on a full disk: /dev/full refuses every write with ENOSPC."""
    code = (
        "from authz.logs import LINES, configure_logs; import structlog;"
        "configure_logs('info', 'json'); log = structlog.get_logger();"
        "log.error('alarm'); log.error('alarm'); print(LINES.lost)"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.stdout == b"2\n"


def test_what_peers_can_make_us_say_does_not_fill_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(logs, "monotonic", lambda: now)
    seldom = Seldom()

    def written(level: str, event: str, times: int) -> list[EventDict]:
        lines = []
        for _ in range(times):
            with suppress(structlog.DropEvent):
                lines.append(seldom(None, level, {"event": event}))
        return lines

    burst = logs.EVENT_RATE.burst_max
    assert len(written("info", "unreadable", burst + 7)) == burst
    assert len(written("warning", "wrong_mac", 1)) == 1
    assert len(written("error", "alarm", burst + 7)) == burst + 7
    now += 1
    assert written("info", "unreadable", 2) == [
        {"event": "unreadable", "left_out": 7},
        {"event": "unreadable"},
    ]
