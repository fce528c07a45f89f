"""Faults of ours as the log has them: where one arose, and that it ended a task nobody awaits."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

_log = structlog.get_logger()


def place_of(fault: BaseException) -> str:
    """The function and the line that raised it, without a value; empty if it was never raised."""
    trace = fault.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"


def told_as(event: str) -> Callable[[asyncio.Task[Any]], None]:
    """A callback for the end of a task: an error that it raised is logged under this name."""

    def tell(task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(event, error=type(error).__name__, exc_info=error)

    return tell
