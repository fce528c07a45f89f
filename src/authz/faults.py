"""A task in the background that a fault of ours ends: whoever awaits nothing of it is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

_log = structlog.get_logger()


def told_as(event: str) -> Callable[[asyncio.Task[Any]], None]:
    """A callback for the end of a task: an error that it raised is logged under this name."""

    def tell(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(event, error=type(error).__name__, exc_info=error)

    return tell
