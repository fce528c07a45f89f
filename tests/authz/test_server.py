"""The door: ports, a cap on connections, and peers that have fallen silent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from authz import server as server_module
from authz.addresses import Address
from authz.connection import Desk
from authz.server import Patience, Server, listening_socket
from authz.usage import UsageError
from simulators.wire import decode, profile_of
from tests.authz.peers import Peer
from tests.road.people import Setting, in_memory

LOOPBACK = Address("127.0.0.1", 0)
PATIENT = Patience(idle_echo_s=60, read_timeout_s=90, connections_max=3)


@pytest.fixture
async def open_door() -> AsyncIterator[Callable[[Patience], "asyncio.Future[Address]"]]:
    """Open a door; it is shut afterwards."""
    opened: list[tuple[Server, Desk]] = []

    def opens(patience: Patience) -> "asyncio.Future[Address]":
        desk = Peer(in_memory(Setting())).connection._desk
        desk.connections.clear()
        server = Server(desk, patience)
        opened.append((server, desk))
        return asyncio.ensure_future(server.start(LOOPBACK, shared_port=False))

    yield opens
    for server, desk in opened:
        await server.stop_listening()
        for connection in list(desk.connections):
            connection.hang_up()


Door = Callable[[Patience], "asyncio.Future[Address]"]


@asynccontextmanager
async def line_to(address: Address) -> AsyncIterator[asyncio.StreamReader]:
    """A connected peer; what the door says to it."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_the_address_told_has_the_real_port(open_door: Door) -> None:
    address = await open_door(PATIENT)
    assert address.port > 0
    async with line_to(address):
        pass


async def test_a_busy_port_is_a_line_for_a_person() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(UsageError, match="is in use; choose another port"):
            listening_socket(address, shared_port=False)


def test_an_address_of_somebody_else_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        listening_socket(Address("203.0.113.7", 0), shared_port=False)


def test_workers_share_a_port_and_others_do_not() -> None:
    first = listening_socket(LOOPBACK, shared_port=True)
    same = Address("127.0.0.1", first.getsockname()[1])
    second = listening_socket(same, shared_port=True)
    first.listen()
    with pytest.raises(UsageError):
        listening_socket(same, shared_port=False)
    first.close()
    second.close()


async def test_one_peer_too_many_is_hung_up_on_and_the_others_stay(open_door: Door) -> None:
    address = await open_door(PATIENT)
    async with AsyncExitStack() as lines:
        room = PATIENT.connections_max
        peers = [await lines.enter_async_context(line_to(address)) for _ in range(room)]
        async with line_to(address) as refused:
            assert await refused.read() == b""
        assert not any(peer.at_eof() for peer in peers)


async def test_a_silent_peer_is_asked_for_an_echo(
    open_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.0)
    address = await open_door(Patience(idle_echo_s=0, read_timeout_s=90, connections_max=3))
    async with line_to(address) as peer:
        size = int.from_bytes(await peer.readexactly(2), "big")
        asked = decode(await peer.readexactly(size), profile_of("ascii"))
    assert (asked["t"], asked["70"]) == ("0800", "301")


async def test_a_peer_that_stays_silent_is_hung_up_on(
    open_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.0)
    address = await open_door(Patience(idle_echo_s=0, read_timeout_s=0, connections_max=3))
    async with line_to(address) as peer:
        await peer.read()
        assert peer.at_eof()
