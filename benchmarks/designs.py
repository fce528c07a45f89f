"""The other designs, behind the same door: what most teams would build, and no database at all.

`plain`: each authorization is an SQL transaction of its own over a pool: begin, lock, read, decide
with the same rules, save with the same statement, commit. `echo`: the same codec and translation,
and a constant outcome. Both speak through the product's own connection, so that what differs
between the contestants is what happens behind `submit`.
"""

import asyncio
import gc
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from msgspec import Struct

from authz.batch.batches import Done
from authz.batch.directory import Directory
from authz.custody.keys import read_key_file
from authz.decide.authorize import authorize
from authz.door.addresses import Address
from authz.door.connection import Desk, Limits
from authz.door.hosts import Hosts
from authz.door.office import Office
from authz.door.server import Patience, Server
from authz.ids import AuthorizationIds
from authz.iso8583.profiles import profile
from authz.metrics import Metrics
from authz.outcomes import Outcome, refusal
from authz.requests import Request
from authz.storage import database
from authz.storage.store import Conflict, Store
from authz.wire.framing import framing
from rules.decision import Reason
from rules.rulebook import Rulebook, bundled

PATIENCE_S: Final = 5.0
ATTEMPTS: Final = 5
DEADLINE_S: Final = 10.0


class Order(Struct, frozen=True):
    """Which design to serve, and with what."""

    design: str
    keys: str
    database_url: str = ""
    pool: int = 16


class Echo:
    """Approves everything at once and keeps nothing."""

    def submit(self, request: Request, done: Done) -> None:
        """Answer."""
        done(
            Outcome(
                Reason.APPROVED,
                requested_minor=request.purchase.amount_minor,
                approved_minor=request.purchase.amount_minor,
                approval_code="ECHO00",
            )
        )


class Plain:
    """One SQL transaction for each request."""

    def __init__(self, store: Store, directory: Directory, books: Mapping[str, Rulebook]) -> None:
        """`directory` remembers holders as the product's does: the comparison is of batches."""
        self._store = store
        self._directory = directory
        self._books = books
        self._next_id = AuthorizationIds(1, lambda: time.time_ns() // 1_000_000)
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, request: Request, done: Done) -> None:
        """Decide in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._answer(request, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, done: Done) -> None:
        holder_id = self._directory.known(request.card_ref)
        holder_of = {request.card_ref: holder_id} if holder_id else {}
        for _ in range(ATTEMPTS):
            try:
                done(await self._decide(request, holder_of))
                return
            except Conflict:
                continue
        done(refusal(request))

    async def _decide(self, request: Request, holder_of: Mapping[bytes, int]) -> Outcome:
        async with self._store.exclusive([request], holder_of) as (state, save):
            verdict = authorize([request], state, self._books, self._next_id)
            if verdict.writes.keys:
                await save(verdict.writes)
        return verdict.outcomes[0]


async def serve(order: Order) -> None:
    """Listen until SIGTERM; print where, as the product does."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    metrics = Metrics()
    pool: Any = None
    batcher: Any = Echo()
    if order.design == "plain":
        pool = await database.open_pool(order.database_url, size=order.pool, hot=True)
        directory = Directory(known_max=1_000_000)
        store = Store(pool, directory, answer_timeout_s=PATIENCE_S)
        batcher = Plain(store, directory, {"fr-meal": bundled("fr-meal")})
    desk = Desk(
        profile("ascii"),
        framing("2b"),
        batcher,
        Office(pool, metrics),  # nobody asks it anything here
        read_key_file(Path(order.keys)).digester(),
        metrics,
        Limits(4_096, 1_024, 3, DEADLINE_S),
        set(),
        Hosts(10_000, 20_000),
    )
    server = Server(desk, Patience(60, 90, 10_000))
    address = await server.start(Address("127.0.0.1", 0), shared_port=False)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    sys.stdout.write(json.dumps({"event": "ready", "iso": str(address)}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop_listening()
    for peer in list(desk.connections):
        peer.hang_up()
    if pool is not None:
        await pool.close()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(sys.argv[1], type=Order)))
