"""Logs: structured lines on standard error, the same shape from every module and library.

Nobody's work depends on them: a line that cannot be written is lost and counted. Nor can a peer
fill a disk with them: what is said very often is left out, and how often is said.
"""

import logging
import sys
from collections import Counter
from time import monotonic
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from authz.access.rates import Buckets, Rate

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
FOREIGN_RATE: Final = Rate(per_s=1, burst_max=1)
"""How often a library writes from one place of its code."""
EVENT_RATE: Final = Rate(per_s=10, burst_max=200)
"""How often one event of ours is written that is less than an error."""
SAYINGS_MAX: Final = 1_000

_log = structlog.get_logger()


class Lines:
    """Standard error as lines are written to it: on a full disk, or when its reader is gone, lost.

    An `OSError` here would end whatever wanted to say something: a batch, a timer, a peer.
    """

    def __init__(self) -> None:
        self.lost = 0

    def write(self, text: str) -> None:
        """Write and flush."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self.lost += 1

    def flush(self) -> None:
        """Nothing: every line is flushed as it is written."""


LINES: Final = Lines()
"""Those of this process."""


class Throttle:
    """Leaves out what is said too often, and knows how often."""

    def __init__(self, rate: Rate) -> None:
        self._buckets = Buckets(rate, SAYINGS_MAX)
        self._left_out: Counter[object] = Counter()

    def too_often(self, saying: object) -> bool:
        """Whether this is to be left out: then it is counted."""
        if not self._buckets.take(saying, monotonic()):
            return False
        self._left_out[saying] += 1
        return True

    def left_out(self, saying: object) -> int:
        """How many like it were left out since this was asked last."""
        return self._left_out.pop(saying, 0)


class Seldom:
    """Leaves out what is said too often, unless it is an error: peers can make us say it."""

    def __init__(self) -> None:
        self._throttle = Throttle(EVENT_RATE)

    def __call__(self, _logger: WrappedLogger, level: str, said: EventDict) -> EventDict:
        """Of a line, itself, with how many like it were left out. Raises `DropEvent`."""
        event = str(said["event"])
        if LEVELS.get(level, 0) < LEVELS["error"] and self._throttle.too_often(event):
            raise structlog.DropEvent
        left_out = self._throttle.left_out(event)
        return {**said, "left_out": left_out} if left_out else said


def configure_logs(level: str, form: str) -> None:
    """Set level (`debug` to `error`) and form (`json` or `console`) for the process."""
    rendered = (
        structlog.dev.ConsoleRenderer()
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            Seldom(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # A line in one write: those of several workers must not run into each other.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, LINES)),
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
        self._throttle = Throttle(FOREIGN_RATE)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record unless its like was written just now."""
        place = record.pathname, record.lineno  # and not the words, so that they stay few
        if self._throttle.too_often(place):
            return
        error = record.exc_info[1] if record.exc_info else None
        _log.log(
            record.levelno,
            record.name,
            said=record.getMessage(),
            left_out=self._throttle.left_out(place),
            error=None if error is None else type(error).__name__,
            # That the system refuses something is no fault of ours: where it happened says nothing.
            exc_info=None if isinstance(error, OSError) else error,
        )
