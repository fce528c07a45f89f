"""Logs: structured lines on standard error, the same shape from every module and library."""

import logging
import sys
from time import monotonic
from typing import Final

import structlog

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FOREIGN_EVERY_S: Final = 1.0
"""What a library says again and again is written so often at most."""

_log = structlog.get_logger()


def configure_logs(level: str, form: str) -> None:
    """Set level (`debug` to `error`) and form (`json` or `console`) for the process."""
    rendered = (
        structlog.dev.ConsoleRenderer()
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # A line in one write: those of several workers must not run into each other.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[Foreign()], level=max(LEVELS[level], logging.WARNING), force=True)


class Foreign(logging.Handler):
    """What libraries say (asyncio, asyncpg, uvicorn), as lines of our shape.

    When a database or the file descriptors are gone they say the same for every connection: one
    line a second, and how many were left out since the last one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record unless its like was written just now."""
        key = (record.pathname, record.lineno)  # where it is said, so that they stay few
        written_s, left_out = self._said.get(key, (-FOREIGN_EVERY_S, 0))
        now = monotonic()
        if now - written_s < FOREIGN_EVERY_S:
            self._said[key] = written_s, left_out + 1
            return
        self._said[key] = now, 0
        error = record.exc_info[1] if record.exc_info else None
        _log.log(
            record.levelno,
            record.name,
            said=record.getMessage(),
            left_out=left_out,
            error=None if error is None else type(error).__name__,
            # That the system refuses something is no fault of ours: where it happened says nothing.
            exc_info=None if isinstance(error, OSError) else error,
        )
