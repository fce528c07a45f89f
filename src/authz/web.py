"""HTTP beside the road: uvicorn on our own loop and socket, with our own signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

START_PAUSE_S = 0.005


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_web(app: FastAPI, listening: socket.socket) -> AsyncIterator[None]:
    """Answer HTTP on a bound socket for as long as the context lasts."""
    listening.listen()
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn sets a flag only
        await asyncio.sleep(START_PAUSE_S)
    try:
        yield
    finally:
        server.should_exit = True
        await task
