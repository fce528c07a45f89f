"""A proxy that fails on command: between terminal and engine, or between engine and PostgreSQL.

Listens on TCP or on a unix socket and passes bytes both ways until it is told otherwise: cut now,
wait, swallow everything, or, by a rule that sees the bytes as they pass, cut in the middle
of a frame or after a COMMIT has left and before its answer comes back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Self

from simulators.link import split_address

READ_SIZE: Final = 1 << 16


class Way(Enum):
    """Which way the bytes go."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


@dataclass(frozen=True, slots=True)
class Pass:
    """Let the bytes through."""


@dataclass(frozen=True, slots=True)
class Swallow:
    """Drop these bytes and go on."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Let the first `size` of these bytes through (None: all), then cut the connection."""

    size: int | None = 0


Verdict = Pass | Swallow | Cut
Rule = Callable[[Way, bytes], Verdict]

PASS: Final = Pass()


def cut_after(way: Way, size: int) -> Rule:
    """Cut once `size` bytes went this way in all: in the middle of a frame, say."""
    left = size

    def rule(this_way: Way, data: bytes) -> Verdict:
        nonlocal left
        if this_way is not way:
            return PASS
        if len(data) >= left:
            return Cut(left)
        left -= len(data)
        return PASS

    return rule


def cut_once_forwarded(needle: bytes, nth: int = 1) -> Rule:
    """Cut when the client's bytes held `needle` for the nth time: they arrive, the answer does not.

    A needle that straddles two reads is found too.
    """
    return _cut_at(needle, nth, Cut(None))


def cut_instead(needle: bytes, nth: int = 1) -> Rule:
    """Cut when the client's bytes hold `needle` for the nth time: they do not arrive any more."""
    return _cut_at(needle, nth, Cut(0))


def once(proxy: "Proxy", rule: Rule) -> Rule:
    """Follow a rule until it cuts; afterwards the proxy has no rule and passes everything."""

    def following(way: Way, data: bytes) -> Verdict:
        verdict = rule(way, data)
        if isinstance(verdict, Cut):
            proxy.rule = None
        return verdict

    return following


def _cut_at(needle: bytes, nth: int, cut: Cut) -> Rule:
    tail, seen = b"", 0

    def rule(way: Way, data: bytes) -> Verdict:
        nonlocal tail, seen
        if way is not Way.TO_SERVER:
            return PASS
        seen += (tail + data).count(needle)
        tail = (tail + data)[-(len(needle) - 1) :] if len(needle) > 1 else b""
        if seen < nth:
            return PASS
        seen = 0
        return cut

    return rule


class Proxy:
    """Stands in for a server; every connection to it has one to the server behind it."""

    def __init__(self, target: str) -> None:
        """`target` is HOST:PORT, or the path of a unix socket."""
        self._target = target
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.address = ""
        """Where clients connect: HOST:PORT, or a path."""
        self.rule: Rule | None = None
        """Looks at all bytes of all connections; its own exception would cut the connection."""
        self.delay_s = 0.0
        self.black_hole = False
        """Swallow everything, both ways, and keep the connections open."""
        self.refusing = False
        """Hang up on new connections at once."""
        self.cuts = 0

    async def __aenter__(self) -> Self:
        """Listen on an ephemeral port of the loopback, unless `listen` was called."""
        if self._server is None:
            await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut everything and stop listening."""
        await self.close()

    async def listen(self, at: str | Path = "127.0.0.1:0") -> None:
        """Listen on HOST:PORT or, given a Path, on a unix socket (for PostgreSQL its own name)."""
        if isinstance(at, Path):
            self._server = await asyncio.start_unix_server(self._accept, at)
            self.address = str(at)
            return
        asked_host, asked_port = split_address(at)
        self._server = await asyncio.start_server(self._accept, asked_host, asked_port)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    async def close(self) -> None:
        """Cut everything and stop listening."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._serving:
            await asyncio.wait(self._serving)

    def cut(self) -> None:
        """Cut every connection now, as a pulled cable that comes back would."""
        for pair in tuple(self._pairs):
            pair.cut()

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._pairs)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(self, (reader, writer), server)
        self._pairs.add(pair)
        try:
            await pair.run()
        finally:
            self._pairs.discard(pair)

    async def _connect(self) -> "_Stream":
        if "/" in self._target:
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*split_address(self._target))


_Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pair:
    """One client's connection and the one behind it."""

    def __init__(self, proxy: Proxy, client: _Stream, server: _Stream) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Pass bytes both ways until one side is done."""
        ways = (
            self._pump(Way.TO_SERVER, self._client[0], self._server[1]),
            self._pump(Way.TO_CLIENT, self._server[0], self._client[1]),
        )
        self.tasks = [asyncio.create_task(self._until_lost(way)) for way in ways]
        await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        self.stop()

    def cut(self) -> None:
        """End both sides, each after what was already forwarded to it."""
        self._proxy.cuts += 1
        self.stop()

    def stop(self) -> None:
        """End both sides; what was forwarded still goes out."""
        for task in self.tasks:
            task.cancel()
        for _, writer in (self._client, self._server):
            writer.close()

    async def _until_lost(self, pump: Awaitable[None]) -> None:
        with contextlib.suppress(ConnectionError):
            await pump

    async def _pump(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(READ_SIZE):
            if self._proxy.delay_s:
                await asyncio.sleep(self._proxy.delay_s)
            match self._verdict(way, data):
                case Pass():
                    writer.write(data)
                    await writer.drain()
                case Cut(size):
                    writer.write(data if size is None else data[:size])
                    await writer.drain()
                    self.cut()
                    return
                case Swallow():
                    pass

    def _verdict(self, way: Way, data: bytes) -> Verdict:
        if self._proxy.black_hole:
            return Swallow()
        return PASS if self._proxy.rule is None else self._proxy.rule(way, data)
