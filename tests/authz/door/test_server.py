"""The door: ports, a cap on connections, and peers that have fallen silent."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import uvloop

from authz.door import server as server_module
from authz.door.addresses import Address
from authz.door.connection import Connection, Desk
from authz.door.hosts import Hosts
from authz.door.server import Patience, Server, listening_socket
from authz.outcomes import Outcome
from authz.usage import UsageError
from rules.decision import Reason
from simulators.messages import Stamp, purchase
from simulators.wire import decode, profile_of
from tests.authz.peers import Peer, Slow
from tests.road.people import Setting, card, in_memory, terminal
from tests.road.road import instant

LOOPBACK = Address("127.0.0.1", 0)
FIRST = 1.0
PATIENT = Patience(idle_echo_s=60, read_timeout_s=90, connections_max=3)


@pytest.fixture
async def open_door() -> AsyncIterator[Callable[..., "asyncio.Future[Address]"]]:
    """Open a door; it is shut afterwards."""
    opened: list[tuple[Server, Desk]] = []

    def opens(patience: Patience, hosts: Hosts | None = None) -> "asyncio.Future[Address]":
        desk = Peer(in_memory(Setting()), hosts=hosts).connection._desk
        desk.connections.clear()
        server = Server(desk, patience)
        opened.append((server, desk))
        return asyncio.ensure_future(server.start(LOOPBACK, shared_port=False))

    yield opens
    for server, desk in opened:
        await server.stop_listening()
        for connection in list(desk.connections):
            connection.hang_up()


Door = Callable[..., "asyncio.Future[Address]"]


@asynccontextmanager
async def line_to(address: Address, ours: str = "127.0.0.1") -> AsyncIterator[asyncio.StreamReader]:
    """A connected peer; what the door says to it."""
    reader, writer = await asyncio.open_connection(address.host, address.port, local_addr=(ours, 0))
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def is_refused(address: Address, ours: str = "127.0.0.1") -> bool:
    """Whether one who says nothing is hung up on at once."""
    async with line_to(address, ours) as peer:
        try:
            async with asyncio.timeout(0.1):
                return await peer.read(1) == b""
        except TimeoutError:
            return False


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


async def test_one_host_leaves_room_for_another(open_door: Door) -> None:
    address = await open_door(Patience(60, 90, connections_max=4), Hosts(2, 1))
    async with AsyncExitStack() as lines:
        peers = [await lines.enter_async_context(line_to(address)) for _ in range(2)]
        async with line_to(address) as refused:
            assert await refused.read() == b""
        peers.append(await lines.enter_async_context(line_to(address, "127.0.0.2")))
        assert not await is_refused(address, "127.0.0.2")
        assert not any(peer.at_eof() for peer in peers)
    async with asyncio.timeout(10):  # they have left, and leave their places
        while await is_refused(address):
            pass


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


async def test_a_frame_that_grows_byte_by_byte_is_hung_up_on_however_busy_its_sender_is(
    open_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SWEEP_S", 0.0)
    patience = Patience(60, 90, connections_max=3, frame_timeout_s=0.05)
    address = await open_door(patience)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    ended = asyncio.ensure_future(reader.read())
    writer.write(b"\x0f\xff")
    async with asyncio.timeout(10):
        while not ended.done():
            writer.write(b"0")
            await asyncio.wait([ended], timeout=0.01)
    with suppress(ConnectionError):  # our last byte may have met a closed door
        assert await ended == b""
    writer.close()


async def test_frames_that_come_in_halves_each_have_the_time_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also keep-alives, which are frames without a body."""
    ticks = itertools.count(FIRST)
    peer = Peer(in_memory(Setting()))
    monkeypatch.setattr("authz.door.connection.monotonic", lambda: next(ticks))
    begun = []
    for cut in (b"\x00", b"\x00\x00", b"\x00\x00", b"\x00", b"\x00\x09", b"a"):
        peer.send(cut)
        begun.append(peer.connection.frame_begun_s)
    assert begun == [FIRST, FIRST + 1, FIRST + 2, None, FIRST + 4, FIRST + 4]


Run = Callable[[Coroutine[None, None, None]], None]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_who_stops_sending_is_answered_and_then_hung_up_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCP lets a peer shut its sending side and listen on (RFC 9293, half-closed)."""
    shut: list[Connection] = []
    noticed = Connection.eof_received

    def notice(connection: Connection) -> bool | None:
        shut.append(connection)
        return noticed(connection)

    monkeypatch.setattr(Connection, "eof_received", notice)
    run(_asks_and_stops_sending(shut))


async def _asks_and_stops_sending(shut: list[Connection]) -> None:
    slow = Slow()
    peer = Peer(in_memory(Setting()), slow)
    server = Server(peer.connection._desk, PATIENT)
    peer.connections.clear()
    address = await server.start(LOOPBACK, shared_port=False)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    stamp = Stamp("000001", instant("2026-11-24T12:30:00+01:00"), "000000000001")
    writer.write(peer.frame(purchase(card(Setting()), terminal(), stamp, 1250)))
    writer.write_eof()
    async with asyncio.timeout(10):
        while not (shut and slow.waiting):  # noqa: ASYNC110 - both are told without an event
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)  # a turn of the loop, in which a transport would close
        [(_, done)] = slow.waiting
        done(Outcome(Reason.SYSTEM))
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = decode(await reader.readexactly(size), profile_of("ascii"))
        assert await reader.read() == b""
    assert (answer["t"], answer["11"]) == ("0210", "000001")
    assert not peer.connections
    writer.close()
    await writer.wait_closed()
    await server.stop_listening()


async def test_who_stops_sending_with_nothing_open_is_hung_up_on_at_once(open_door: Door) -> None:
    address = await open_door(PATIENT)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
