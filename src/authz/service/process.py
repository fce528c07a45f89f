"""The life of one engine process: its parts, its doors, its timers, and its end.

At SIGTERM the doors close, what was taken in is decided, committed and answered, then the parts
stop in turn.
"""

import asyncio
import gc
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, nullcontext
from datetime import UTC, datetime

import structlog

from authz.holders.notices import NoticeSender
from authz.jobs.timers import Work, road_of, timers
from authz.senders.choice import notice_sender
from authz.service.doors import Doors, addresses, open_iso, open_web
from authz.service.parts import Parts
from authz.service.whole import telling
from authz.settings import Settings

Announce = Callable[[Mapping[str, object]], None]

_log = structlog.get_logger()


def announce_ready(addresses: Mapping[str, object]) -> None:
    """The one line on standard output that scripts wait for."""
    sys.stdout.write(json.dumps({"event": "ready", **addresses}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def run(
    settings: Settings,
    url: str,
    doors: Doors | None = None,
    *,
    web: bool = True,
    announce: Announce = announce_ready,
) -> int:
    """One engine process, until SIGTERM or SIGINT; `announce` is told when its doors are open."""
    stop = _stop_signals()
    async with AsyncExitStack() as parts:
        engine = await Parts.start(settings, url, parts)
        notices = await notice_sender(settings, engine.webhook_key, parts)
        work = _work(settings, engine, notices)
        opened = await open_iso(settings, engine, doors, parts)
        http = await open_web(settings, engine, doors, parts) if web else None
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        announce(addresses(opened, http))
        counting = nullcontext() if doors is None else telling(engine.metrics, doors.counts)
        async with counting, timers(work, every=web):
            number = await stop
        _log.info("draining", signal=signal.Signals(number).name, waiting=engine.batcher.waiting)
        await _drain(engine, settings.drain_timeout_ms / 1000)
    return 130 if number == signal.SIGINT else 0


def _work(settings: Settings, engine: Parts, notices: NoticeSender) -> Work:
    """What the jobs of this process are given; each of their runs has an instant of its own."""
    return Work(
        engine.job_pool,
        road_of(engine.batcher),
        engine.books,
        datetime.now(UTC),
        seal_key=engine.seal_key,
        retention=settings.retention,
        metrics=engine.metrics,
        bank=engine.bank,
        close_time=settings.settlement_close_time,
        rhythm=settings.rhythm,
        vault=engine.safe.vault,
        audit_holders=settings.audit_slice_holders,
        notices=notices,
    )


async def _drain(engine: Parts, timeout_s: float) -> None:
    """Take nothing new, answer what was taken, hang up."""
    engine.draining = True
    for server in engine.servers:
        await server.stop_listening()
    for peer in list(engine.connections):
        peer.stop_reading()
    try:
        async with asyncio.timeout(timeout_s):
            await engine.batcher.drained()
            await engine.office.drained()
    except TimeoutError:
        _log.error("drain_timed_out", waiting=engine.batcher.waiting)
    for peer in list(engine.connections):
        peer.hang_up()
    await asyncio.sleep(0)  # one turn of the loop, in which the transports close


def _stop_signals() -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def asked(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop
