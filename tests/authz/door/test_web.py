"""The door of HTTP: bounded in number, and nobody holds a place without asking for anything."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from fastapi import FastAPI, Response

from authz.door import web
from authz.metrics import Metrics

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
PATIENCE_S = 10
MUCH = 1 << 20
"""Bytes: more than the buffers of a socket take in."""
VERY_MUCH = 48 * MUCH
CRUMB = MUCH >> 2


@asynccontextmanager
async def door(connections_max: int, per_host_max: int = 100) -> AsyncIterator[tuple[int, Metrics]]:
    """An application that answers to one thing; the port of its door."""
    app, metrics = FastAPI(), Metrics()

    @app.post("/")
    async def said(body: int) -> int:
        return body

    @app.get("/much")
    async def much() -> str:
        return "x" * MUCH

    @app.get("/very-much")
    async def very_much() -> Response:
        return Response(b"x" * VERY_MUCH)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        serving = web.serve_web(
            app, listening, metrics, connections_max=connections_max, per_host_max=per_host_max
        )
        async with serving:
            yield port, metrics


async def ends(reader: asyncio.StreamReader) -> bool:
    """Whether we were hung up on; the words before that do not matter."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while await reader.read(1024):
                pass
        except ConnectionResetError:
            pass
    return True


async def test_where_there_is_no_room_nobody_takes_a_place_from_the_terminals() -> None:
    async with door(connections_max=2) as (port, metrics):
        inside = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in inside:
            writer.write(HEAD)
        reader, outside = await asyncio.open_connection("127.0.0.1", port)
        assert await ends(reader) and metrics.refused_peers == {"room": 1}
        for _, writer in [*inside, (reader, outside)]:
            writer.close()


async def test_one_host_leaves_room_for_another() -> None:
    async with door(connections_max=3, per_host_max=2) as (port, metrics):
        inside = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, outside = await asyncio.open_connection("127.0.0.1", port)
        assert await ends(reader) and metrics.refused_peers == {"host": 1}
        other = ("127.0.0.2", 0)
        inside.append(await asyncio.open_connection("127.0.0.1", port, local_addr=other))
        inside[2][1].write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert b"405" in await inside[2][0].readline()
        for _, writer in [*inside, (reader, outside)]:
            writer.close()


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"\r\n1"], ids=["silent", "head", "body"])
async def test_who_does_not_come_to_the_end_of_its_request_is_hung_up_on(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SWEEP_S", 0.005)
    monkeypatch.setattr(web, "PATIENCE_S", 0.05)
    async with door(connections_max=2) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await ends(reader)
        writer.close()


async def test_who_does_not_read_its_answers_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SWEEP_S", 0.005)
    monkeypatch.setattr(web, "PATIENCE_S", 0.1)
    asked = b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n"
    async with door(connections_max=1) as (port, metrics):
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(40 * asked)
            async with asyncio.timeout(PATIENCE_S):
                while not await is_let_in(port):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        assert metrics.refused_peers["room"]


async def test_who_reads_an_answer_by_the_crumb_does_not_keep_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "SWEEP_S", 0.005)
    monkeypatch.setattr(web, "PATIENCE_S", 0.3)
    async with door(connections_max=1) as (port, _):
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(2 * b"GET /very-much HTTP/1.1\r\nhost: x\r\n\r\n")
            slow.setblocking(False)
            crumbs = 0
            async with asyncio.timeout(PATIENCE_S):
                while not await is_let_in(port):
                    with suppress(BlockingIOError, ConnectionResetError):
                        crumbs += len(slow.recv(CRUMB))
                    await asyncio.sleep(0.02)
        assert crumbs < VERY_MUCH


async def is_let_in(port: int) -> bool:
    """Whether the door has room for one who asks for little."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    try:
        return bool(await reader.read())
    except ConnectionResetError:
        return False
    finally:
        writer.close()
