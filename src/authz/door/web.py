"""HTTP beside the road: uvicorn's protocol on our own loop and door, with our own signals.

HTTP shares its file descriptors with the doors of payments: its peers are bounded in number, and
who takes too long over a request is hung up on, since uvicorn would wait for it for ever.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Final, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from authz.door.acceptor import OPEN, Acceptor, Entry
from authz.metrics import Metrics

START_PAUSE_S = 0.005
SWEEP_S: Final = 1.0
PATIENCE_S: Final = 30.0
"""How long a peer may take over the head of a request, or over its body."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and without its door: the service has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = []
        self.started = True

    def protocol(self) -> asyncio.Protocol:
        """What a peer talks to."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def sweep(self) -> None:
        """Hang up on peers that have begun to ask and do not come to an end, until cancelled."""
        asking: dict[tuple[H11Protocol, RequestResponseCycle | None], float] = {}
        while True:
            await asyncio.sleep(SWEEP_S)
            now = monotonic()
            peers = cast(set[H11Protocol], self.server_state.connections)
            turns = ((peer, peer.cycle) for peer in peers)
            asking = {turn: asking.get(turn, now) for turn in turns if _asks_still(turn[1])}
            for (peer, _), begun_s in asking.items():
                if now - begun_s > PATIENCE_S:
                    peer.transport.abort()


def _asks_still(cycle: RequestResponseCycle | None) -> bool:
    """Whether it is the peer's turn; `cycle` is its last request."""
    return cycle is None or cycle.response_complete or cycle.more_body


@asynccontextmanager
async def serve_web(
    app: FastAPI,
    listening: socket.socket,
    metrics: Metrics,
    entry: Entry = OPEN,
    *,
    connections_max: int,
) -> AsyncIterator[None]:
    """Answer HTTP on a bound socket for as long as the context lasts."""
    server = _Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", http="h11"
        )
    )
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn sets a flag only
        await asyncio.sleep(START_PAUSE_S)
    peers = server.server_state.connections
    acceptor = Acceptor(
        listening,
        server.protocol,
        metrics,
        entry,
        lambda coming: len(peers) + coming < connections_max,
    )
    sweeping = asyncio.create_task(server.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        acceptor.close()
        server.should_exit = True
        await task
