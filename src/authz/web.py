"""HTTP beside the road: uvicorn's protocol on our own loop and door, with our own signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from authz.acceptor import OPEN, Acceptor, Entry
from authz.metrics import Metrics

START_PAUSE_S = 0.005


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


@asynccontextmanager
async def serve_web(
    app: FastAPI, listening: socket.socket, metrics: Metrics, entry: Entry = OPEN
) -> AsyncIterator[None]:
    """Answer HTTP on a bound socket for as long as the context lasts."""
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    )
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn sets a flag only
        await asyncio.sleep(START_PAUSE_S)
    acceptor = Acceptor(listening, server.protocol, metrics, entry)
    try:
        yield
    finally:
        acceptor.close()
        server.should_exit = True
        await task
