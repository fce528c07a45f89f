"""HTTP beside the road: uvicorn's protocol on our own loop and door, with our own signals.

HTTP shares its file descriptors with the doors of payments: its peers are bounded in number, and
who takes too long over a request, or over the answer, is hung up on: uvicorn would wait for ever.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Set
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Final, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from authz.door.acceptor import CROWDED, FULL, OPEN, Acceptor, Entry, Refuses
from authz.metrics import Metrics

START_PAUSE_S = 0.005
SWEEP_S: Final = 1.0
PATIENCE_S: Final = 30.0
"""How long a peer may take over the head of a request, over its body, or over an answer."""
Turn = tuple[H11Protocol, RequestResponseCycle | None, bool]
"""What a peer is to do: end its request, or read what it was answered."""


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
        """Hang up on peers that do not come to an end of asking, or of reading, until cancelled."""
        waited_for: dict[Turn, float] = {}
        while True:
            await asyncio.sleep(SWEEP_S)
            now = monotonic()
            peers = cast(set[H11Protocol], self.server_state.connections)
            turns = [turn for peer in peers if (turn := _turn_of(peer)) is not None]
            waited_for = {turn: waited_for.get(turn, now) for turn in turns}
            for (peer, *_), begun_s in waited_for.items():
                if now - begun_s > PATIENCE_S:
                    peer.transport.abort()


def _turn_of(peer: H11Protocol) -> Turn | None:
    """What is waited for from a peer; None where it is our turn. `cycle` is its last request."""
    cycle = cast(RequestResponseCycle | None, peer.cycle)
    if cycle is None or cycle.response_complete or cycle.more_body:
        return peer, cycle, False
    return (peer, cycle, True) if peer.flow.write_paused else None


def _room(peers: Set[H11Protocol], connections_max: int, per_host_max: int) -> Refuses:
    """Who has no room beside the peers that are here."""

    def refuses(host: str, coming: int, its_own: int) -> str | None:
        if len(peers) + coming >= connections_max:
            return FULL
        here = sum(peer.client is not None and peer.client[0] == host for peer in peers)
        return CROWDED if here + its_own >= per_host_max else None

    return refuses


@asynccontextmanager
async def serve_web(
    app: FastAPI,
    listening: socket.socket,
    metrics: Metrics,
    entry: Entry = OPEN,
    *,
    connections_max: int,
    per_host_max: int,
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
    peers = cast(set[H11Protocol], server.server_state.connections)
    refuses = _room(peers, connections_max, per_host_max)
    acceptor = Acceptor(listening, server.protocol, metrics, entry, refuses)
    sweeping = asyncio.create_task(server.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        acceptor.close()
        server.should_exit = True
        await task
