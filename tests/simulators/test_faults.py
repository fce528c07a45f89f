"""The proxy passes bytes until it is told otherwise, and cuts exactly where it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.faults import (
    Cut,
    Pass,
    Proxy,
    Verdict,
    Way,
    cut_after,
    cut_instead,
    cut_once_forwarded,
    once,
)
from simulators.link import Link, LinkDownError, UnansweredError
from tests.simulators.test_wire import some_purchase
from tests.simulators.worlds import hosted


class Recorder:
    """A server that keeps what it is sent and answers `ok` to each line."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1_024):
            self.heard += data
            if data.endswith(b"\n"):
                writer.write(b"ok\n")
        writer.close()
        self.ended.set()


@asynccontextmanager
async def recording(at: Path | None = None) -> AsyncIterator[tuple[Recorder, str]]:
    recorder = Recorder()
    if at is None:
        server = await asyncio.start_server(recorder.accept, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(recorder.accept, at)
        address = str(at)
    yield recorder, address
    server.close()


async def said(address: str, *parts: bytes) -> bytes:
    """Say the parts, one answer awaited after each; return all that came back until the end."""
    host, _, port = address.rpartition(":")
    reader, writer = (
        await asyncio.open_unix_connection(address)
        if "/" in address
        else await asyncio.open_connection(host, int(port))
    )
    heard = b""
    try:
        for part in parts:
            writer.write(part)
            if not (back := await reader.read(1_024)):
                break
            heard += back
    except ConnectionError:
        pass
    writer.close()
    return heard


async def test_bytes_pass_both_ways() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        assert await said(proxy.address, b"one\n", b"two\n") == b"ok\nok\n"
        assert recorder.heard == b"one\ntwo\n"
        assert proxy.cuts == 0


async def test_a_unix_socket_stands_in_for_another(tmp_path: Path) -> None:
    async with recording(tmp_path / "server") as (recorder, address):
        proxy = Proxy(address)
        await proxy.listen(tmp_path / ".s.PGSQL.5432")
        async with proxy:
            assert await said(proxy.address, b"one\n") == b"ok\n"
        assert recorder.heard == b"one\n"


async def test_a_cut_in_the_middle_lets_just_so_much_through() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        proxy.rule = cut_after(Way.TO_SERVER, 6)
        assert await said(proxy.address, b"one\n", b"two\n", b"three\n") == b"ok\n"
        await recorder.ended.wait()
        assert recorder.heard == b"one\ntw"
        assert proxy.cuts == 1


async def test_after_the_commit_left_no_answer_comes_back() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        proxy.rule = cut_once_forwarded(b"COMMIT")
        assert await said(proxy.address, b"BEGIN\n", b"COMMIT\n", b"BEGIN\n") == b"ok\n"
        await recorder.ended.wait()
        assert recorder.heard == b"BEGIN\nCOMMIT\n", "the server got all of it"


async def test_a_commit_can_be_kept_from_arriving() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        proxy.rule = once(proxy, cut_instead(b"COMMIT"))
        assert await said(proxy.address, b"BEGIN\n", b"COMMIT\n") == b"ok\n"
        await recorder.ended.wait()
        assert recorder.heard == b"BEGIN\n"
        assert await said(proxy.address, b"COMMIT\n") == b"ok\n", "only once"


async def test_the_second_commit_can_be_chosen() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        proxy.rule = cut_once_forwarded(b"COMMIT", nth=2)
        assert await said(proxy.address, b"COMMIT\n", b"COMMIT\n", b"late\n") == b"ok\n"
        await recorder.ended.wait()
        assert recorder.heard == b"COMMIT\nCOMMIT\n"


def test_a_needle_between_two_reads_is_found() -> None:
    rule = cut_once_forwarded(b"COMMIT")
    seen: list[Verdict] = [rule(Way.TO_SERVER, part) for part in (b"..COM", b"MIT;")]
    assert seen == [Pass(), Cut(None)]
    assert rule(Way.TO_CLIENT, b"COMMIT") == Pass()


async def test_a_black_hole_answers_nothing_and_keeps_the_line() -> None:
    async with hosted() as host, Proxy(host.address) as proxy, Link(proxy.address) as link:
        await link.ask(some_purchase())
        proxy.black_hole = True
        with pytest.raises(UnansweredError):
            await link.ask(some_purchase(), timeout_s=0.1)
        assert proxy.connections == 1
        proxy.black_hole = False
        assert (await link.ask(some_purchase()))["39"] == "00"


async def test_a_delay_is_longer_than_the_patience_of_a_terminal() -> None:
    async with hosted() as host, Proxy(host.address) as proxy, Link(proxy.address) as link:
        proxy.delay_s = 0.2
        with pytest.raises(UnansweredError):
            await link.ask(some_purchase(), timeout_s=0.05)


async def test_a_pulled_cable_is_told_to_who_waits_and_then_all_is_well() -> None:
    async with hosted() as host, Proxy(host.address) as proxy, Link(proxy.address) as link:
        proxy.black_hole = True
        asking = asyncio.create_task(link.ask(some_purchase(), timeout_s=5))
        await asyncio.sleep(0.3)
        assert proxy.connections == 1
        proxy.cut()
        with pytest.raises(LinkDownError):
            await asking
        proxy.black_hole = False
        assert (await link.ask(some_purchase()))["39"] == "00"


async def test_who_is_refused_is_hung_up_on() -> None:
    async with recording() as (recorder, address), Proxy(address) as proxy:
        proxy.refusing = True
        assert await said(proxy.address, b"one\n") == b""
        assert recorder.heard == b""


async def test_without_a_server_behind_it_a_connection_ends_at_once() -> None:
    async with recording() as (_, address):
        pass
    async with Proxy(address) as proxy:
        assert await said(proxy.address, b"one\n") == b""
