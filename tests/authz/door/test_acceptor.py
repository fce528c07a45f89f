"""The way in: networks, room, TLS with and without client certificates, and no descriptors left."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from authz.access.networks import parse_networks
from authz.access.tls import Tls, TlsFiles
from authz.door import acceptor as module
from authz.door.acceptor import CROWDED, FULL, Acceptor, Entry, Refuses
from authz.door.addresses import Address
from authz.door.server import listening_socket
from authz.metrics import Metrics
from tests.certificates import Authority

LOOPBACK = Address("127.0.0.1", 0)


class Parrot(asyncio.Protocol):
    """Says everything again, and remembers what it heard."""

    heard: list[bytes]

    def __init__(self, heard: list[bytes]) -> None:
        self.heard = heard

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)
        self._transport.write(data)


class Door:
    """An open acceptor, what was said at it, and what it counts."""

    def __init__(self, entry: Entry, refuses: Refuses) -> None:
        self.heard: list[bytes] = []
        self.metrics = Metrics()
        listening = listening_socket(LOOPBACK, shared_port=False)
        self.port: int = listening.getsockname()[1]
        self.acceptor = Acceptor(
            listening, lambda: Parrot(self.heard), self.metrics, entry, refuses
        )

    async def say(self, word: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """What the door answers; nothing where it hangs up."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
            writer.write(word)
            return await reader.read(100)
        except (ConnectionError, ssl.SSLError):
            return b""
        finally:
            if writer is not None:
                writer.close()
                with suppress(ConnectionError, ssl.SSLError):
                    await writer.wait_closed()

    async def counted(self, why: str) -> None:
        """Wait until somebody was refused for this."""
        while not self.metrics.refused_peers[why]:  # noqa: ASYNC110 - a counter only
            await asyncio.sleep(0.001)


@asynccontextmanager
async def opened(
    entry: Entry = module.OPEN, refuses: Refuses = lambda _host, _coming, _its_own: None
) -> AsyncIterator[Door]:
    door = Door(entry, refuses)
    yield door
    door.acceptor.close()


class World:
    """An authority of ours, one of others, a server, and clients of both."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        self.server = self.ours.issue("server")
        self.known, self.stranger = self.ours.issue("known"), self.foreign.issue("stranger")

    def files(self, *, mutual: bool = False) -> TlsFiles:
        return TlsFiles(*self.server, self.ours.ca if mutual else None)

    def client(self, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ours.ca)
        if shown is not None:
            context.load_cert_chain(*shown)
        return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Any:
    """Both loops: tests run on the one, the service on the other."""
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


def test_a_peer_of_no_named_network_is_hung_up_on_unheard(runner: asyncio.Runner) -> None:
    async def scene() -> None:
        async with opened(Entry(parse_networks(["192.0.2.0/24"]))) as door:
            assert await door.say(b"hello") == b""
            assert (door.heard, door.metrics.refused_peers) == ([], {"network": 1})
        async with opened(Entry(parse_networks(["192.0.2.0/24", "127.0.0.0/8"]))) as door:
            assert await door.say(b"hello") == b"hello"

    runner.run(scene())


def test_where_there_is_no_room_nobody_comes_in(runner: asyncio.Runner) -> None:
    async def scene() -> None:
        async with opened(refuses=lambda _host, _coming, _its_own: FULL) as door:
            assert await door.say(b"hello") == b""
            assert (door.heard, door.metrics.refused_peers) == ([], {"room": 1})

    runner.run(scene())


def test_who_is_on_the_way_in_counts_for_its_own_host(runner: asyncio.Runner, world: World) -> None:
    told: list[tuple[str, int, int]] = []

    def refuses(host: str, coming: int, its_own: int) -> str | None:
        told.append((host, coming, its_own))
        return CROWDED if its_own == 2 else None

    async def comes(door: Door, host: str) -> None:
        """Connect from a host, and say nothing of the handshake."""
        before = len(told)
        line = socket.create_connection(("127.0.0.1", door.port), source_address=(host, 0))
        lines.append(line)
        while len(told) == before:  # noqa: ASYNC110 - a list only
            await asyncio.sleep(0.001)

    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files())), refuses) as door:
            for host in ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"):
                await comes(door, host)
            assert door.metrics.refused_peers == {"host": 1}
            for line in lines:
                line.close()
            await door.counted("gone")

    lines: list[socket.socket] = []
    runner.run(scene())
    assert told == [
        ("127.0.0.1", 0, 0), ("127.0.0.1", 1, 1), ("127.0.0.1", 2, 2), ("127.0.0.2", 2, 0),
    ]  # fmt: skip


def test_clear_words_are_not_heard_at_a_secured_door(runner: asyncio.Runner, world: World) -> None:
    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files()))) as door:
            assert b"hello" not in await door.say(b"hello")
            await door.counted("tls")
            assert await door.say(b"hello", world.client()) == b"hello"
            assert door.heard == [b"hello"]

    runner.run(scene())


def test_a_client_needs_a_certificate_of_the_right_authority(
    runner: asyncio.Runner, world: World
) -> None:
    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files(mutual=True)))) as door:
            for shown in (None, world.stranger):
                assert await door.say(b"hello", world.client(shown)) == b""
            await door.counted("tls")
            assert door.heard == []
            assert await door.say(b"hello", world.client(world.known)) == b"hello"

    runner.run(scene())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_check_the_client(
    runner: asyncio.Runner, world: World, version: ssl.TLSVersion
) -> None:
    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files(mutual=True)))) as door:
            for shown, answer in ((world.stranger, b""), (world.known, b"hello")):
                context = world.client(shown)
                context.minimum_version = context.maximum_version = version
                assert await door.say(b"hello", context) == answer
            assert door.heard == [b"hello"]

    runner.run(scene())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_an_old_version_is_refused(runner: asyncio.Runner, world: World) -> None:
    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files()))) as door:
            old = world.client()
            old.minimum_version = ssl.TLSVersion.TLSv1_1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            assert await door.say(b"hello", old) == b""
            await door.counted("tls")
            assert door.heard == []

    runner.run(scene())


def test_a_new_certificate_is_shown_to_the_next_and_the_others_go_on(
    runner: asyncio.Runner, world: World, tmp_path: Path
) -> None:
    mine = World(tmp_path)
    tls = Tls(mine.files(mutual=True))

    async def serial_of(line: asyncio.StreamWriter) -> int:
        shown = line.get_extra_info("ssl_object").getpeercert()
        return int(shown["serialNumber"], 16)

    async def scene() -> None:
        async with opened(Entry(tls=tls)) as door:
            context = mine.client(mine.known)
            reader, before = await asyncio.open_connection("127.0.0.1", door.port, ssl=context)
            mine.ours.issue("server", serial=77)
            mine.ours.ca.write_bytes(mine.foreign.ca.read_bytes())  # other clients from now on
            tls.reload_if_changed()
            trusting = ssl.create_default_context(cafile=tmp_path / "kept.pem")
            trusting.load_cert_chain(*mine.stranger)
            _, after = await asyncio.open_connection("127.0.0.1", door.port, ssl=trusting)
            assert await serial_of(before) != 77
            assert await serial_of(after) == 77
            assert await door.say(b"no more", context) == b""
            before.write(b"still here")
            assert await reader.read(100) == b"still here"
            assert door.heard == [b"still here"]
            for line in (before, after):
                line.close()
                with suppress(ConnectionError, ssl.SSLError):
                    await line.wait_closed()

    (tmp_path / "kept.pem").write_bytes(mine.ours.ca.read_bytes())
    runner.run(scene())


def test_without_descriptors_nobody_comes_in_it_is_told_and_then_it_goes_on(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.01)
    full = [errno.EMFILE, errno.ENFILE, errno.ENOMEM]

    class Full(socket.socket):
        def accept(self) -> Any:
            if full:
                raise OSError(full[0], os.strerror(full.pop(0)))
            return super().accept()

    async def scene() -> None:
        listening = Full(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", 0))
        heard: list[bytes] = []
        metrics = Metrics()
        door = Acceptor(listening, lambda: Parrot(heard), metrics)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
        assert metrics.accept_failures == 3
        door.close()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    runner.run(scene())


def test_who_was_turned_away_leaves_no_descriptor_behind(
    runner: asyncio.Runner, world: World
) -> None:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("descriptors are counted in /proc")

    async def scene() -> None:
        async with opened(Entry(tls=Tls(world.files(mutual=True)))) as door:
            await door.say(b"hello", world.client(world.stranger))
            before = len(list(folder.iterdir()))
            for _ in range(20):
                await door.say(b"hello", world.client(world.stranger))
                await door.say(b"hello")
            while door.metrics.refused_peers.total() < 41:  # noqa: ASYNC110 - a counter only
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            assert len(list(folder.iterdir())) <= before + 2

    runner.run(scene())
