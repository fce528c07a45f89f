"""The line to the bank over TLS: whom it trusts, what it shows, what a bad handshake comes to."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from authz.bank.breaker import Breaker
from authz.bank.link import BankLink, NotSent
from authz.bank.tls import LineFiles, LineTls
from authz.door.addresses import Address
from authz.usage import UsageError
from simulators.bank import BankHost
from simulators.bank_books import BankBooks
from simulators.tls import serving_context_of
from tests.authz.bank.test_link import QUICK, running, some_question, until
from tests.certificates import Authority

HERE = "127.0.0.1"
PATIENCE = replace(QUICK, handshake_s=0.2)


class World:
    """Two authorities, the bank's certificate of the one, and ours for the bank."""

    def __init__(self, folder: Path) -> None:
        self.ours, self.foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        self.bank, self.mine = self.ours.issue("bank"), self.ours.issue("mine")
        self.trusting = LineFiles(self.ours.ca)
        self.showing = LineFiles(self.ours.ca, *self.mine)

    def served(self, *, mutual: bool = False) -> ssl.SSLContext | None:
        return serving_context_of(*self.bank, self.ours.ca if mutual else None)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@asynccontextmanager
async def a_line_to(port: int, tls: LineTls | None) -> AsyncIterator[BankLink]:
    link = BankLink(Address(HERE, port), "99", PATIENCE, Breaker(3), tls)
    async with running(link):
        yield link


@asynccontextmanager
async def a_host(served: ssl.SSLContext | None) -> AsyncIterator[BankHost]:
    host = BankHost(BankBooks(), tls=served)
    await host.open()
    try:
        yield host
    finally:
        await host.close()


@asynccontextmanager
async def a_line(
    tls: LineTls | None, served: ssl.SSLContext | None
) -> AsyncIterator[tuple[BankHost, BankLink]]:
    async with a_host(served) as host, a_line_to(host.port, tls) as link:
        yield host, link


@contextmanager
def a_doorkeeper(served: ssl.SSLContext) -> Iterator[int]:
    """A bank that says what it holds against us: asyncio's server hangs up without a word."""
    listening = socket.create_server((HERE, 0))

    def turn_away() -> None:
        with suppress(OSError):
            while True:
                peer = served.wrap_socket(
                    listening.accept()[0], server_side=True, do_handshake_on_connect=False
                )
                with peer, suppress(OSError):
                    with suppress(ssl.SSLError):
                        peer.do_handshake()
                    peer.shutdown(socket.SHUT_WR)
                    while peer.recv(4096):
                        pass

    thread = Thread(target=turn_away)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


async def said_of(tls: LineTls, port: int) -> str:
    """What the log is told of a bank that is not reached, however often it is tried."""
    with capture_logs() as logged:
        async with a_line_to(port, tls) as link:
            await until(lambda: bool(logged))
            await asyncio.sleep(4 * QUICK.back_off_max_s)
            assert not link.is_open
            assert link.breaker.opened == 0
            with pytest.raises(NotSent):
                await link.ask(some_question(), 1.0)
    (told,) = logged  # once, and nothing else
    assert (told["event"], told["log_level"]) == ("bank_not_reached", "warning")
    return str(told["why"])


async def said_of_host(tls: LineTls, served: ssl.SSLContext | None) -> str:
    async with a_host(served) as host:
        why = await said_of(tls, host.port)
        assert host.signed_on == 0
    return why


@pytest.mark.parametrize("mutual", [False, True])
async def test_questions_and_answers_go_over_tls(world: World, mutual: bool) -> None:
    tls = LineTls(world.showing if mutual else world.trusting, HERE)
    async with a_line(tls, world.served(mutual=mutual)) as (_, link):
        await until(lambda: link.is_open)
        asked = [link.ask(some_question(n, 100 + n), 2.0) for n in range(1, 21)]
        answers = await asyncio.gather(*asked)
        assert [answer.fields[4] for answer in answers] == [f"{100 + n:012d}" for n in range(1, 21)]


async def test_nothing_older_than_tls_1_2_is_spoken(world: World) -> None:
    assert world.trusting.context().minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_bank_of_another_authority_is_not_spoken_to(world: World) -> None:
    tls = LineTls(LineFiles(world.foreign.ca), HERE)
    why = await said_of_host(tls, world.served())
    assert why == "the bank's certificate comes from no authority of bank_tls_ca"


async def test_a_bank_of_another_name_is_not_spoken_to(world: World) -> None:
    for name in ("bank.example", "127.0.0.2"):
        why = await said_of_host(LineTls(world.trusting, name), world.served())
        assert why.startswith("the bank's certificate is not for the host")


async def test_a_bank_that_is_named_by_its_subject_alone_is_not_spoken_to(world: World) -> None:
    """RFC 9525, 6.1: a common name is no name of a host."""
    world.bank = world.ours.issue("bank.example", names=False)
    why = await said_of_host(LineTls(world.trusting, "bank.example"), world.served())
    assert why.startswith("the bank's certificate is not for the host")


async def test_the_name_that_is_wanted_need_not_be_that_of_the_host(world: World) -> None:
    world.bank = world.ours.issue("bank", host="bank.example")
    async with a_line(LineTls(world.trusting, "bank.example"), world.served()) as (_, link):
        await until(lambda: link.is_open)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_bank_that_wants_a_certificate_gets_one_or_says_so(
    world: World, newest: ssl.TLSVersion
) -> None:
    """With TLS 1.3 it says so when the handshake is over for us: the sign-on is what fails."""
    served = world.served(mutual=True)
    assert served is not None
    served.maximum_version = newest
    with a_doorkeeper(served) as port:
        why = await said_of(LineTls(world.trusting, HERE), port)
    assert why.startswith("the bank refuses our handshake: ")
    assert why.endswith("; see bank_tls_cert")


async def test_a_bank_that_hangs_up_on_our_certificate_leaves_a_hint(world: World) -> None:
    """With TLS 1.3 the handshake is over for us when it looks for ours."""
    strange = LineFiles(world.ours.ca, *world.foreign.issue("stranger"))
    for files in (world.trusting, strange):
        why = await said_of_host(LineTls(files, HERE), world.served(mutual=True))
        assert why == (
            "the bank hung up before it took our sign-on:"
            " does it want another certificate of ours (bank_tls_cert)?"
        )


async def test_a_bank_in_clear_is_not_spoken_to(world: World) -> None:
    why = await said_of_host(LineTls(world.trusting, HERE), None)
    assert "does it speak TLS" in why


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"", "silent during the handshake: does it speak TLS?"), (b"0800 what?\n", "is no TLS")],
)
async def test_who_answers_with_something_else_or_not_at_all_is_no_bank_with_tls(
    world: World, answer: bytes, words: str
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say, HERE, 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert words in await said_of(LineTls(world.trusting, HERE), port)


async def test_a_line_in_clear_is_not_taken_by_a_bank_with_tls(world: World) -> None:
    async with a_line(None, world.served()) as (host, link):
        await asyncio.sleep(0.3)
        assert not link.is_open and host.signed_on == 0


async def test_renewed_files_are_used_at_the_next_connection(world: World) -> None:
    """Both sides go over to another authority; ours is told by its files alone."""
    tls = LineTls(world.showing, HERE)
    async with a_line(tls, world.served(mutual=True)) as (host, link):
        await until(lambda: link.is_open)
        renewed = world.foreign.issue("bank-renewed")
        host.tls = serving_context_of(*renewed, world.foreign.ca)
        await host.restart()
        await until(lambda: not link.signed_on)
        await asyncio.sleep(0.2)
        assert not link.is_open, "it trusts a stranger"
        for there, new in zip(world.mine, world.foreign.issue("mine-renewed"), strict=True):
            there.write_bytes(new.read_bytes())
        world.ours.ca.write_bytes(world.foreign.ca.read_bytes())
        await until(lambda: link.is_open)
        assert host.signed_on == 2


async def test_torn_files_are_not_taken_and_what_there_was_goes_on(world: World) -> None:
    tls = LineTls(world.showing, HERE)
    async with a_line(tls, world.served(mutual=True)) as (host, link):
        await until(lambda: link.is_open)
        world.mine[0].write_text("torn")
        world.ours.ca.unlink()
        with capture_logs() as logged:
            for times in (2, 3):
                await host.restart()
                await until(lambda: link.is_open and host.signed_on == times)  # noqa: B023
    kept = [line for line in logged if line["event"] == "certificate_kept"]
    assert len(kept) == 1, "once, not at every connection"
    assert "bank_tls_ca" in str(kept[0]["why"])


async def test_an_engine_that_comes_up_beside_torn_files_has_no_line_until_they_are_mended(
    world: World,
) -> None:
    """A worker that takes a dead one's place meanwhile must not die of them."""
    whole = world.ours.ca.read_bytes()
    world.ours.ca.write_text("torn")
    tls = LineTls(world.trusting, HERE)
    why = await said_of_host(tls, world.served())
    assert why.startswith("bank_tls_ca wants the authorities of the bank's certificate (PEM): ")
    async with a_line(tls, world.served()) as (_, link):
        world.ours.ca.write_bytes(whole)
        await until(lambda: link.is_open)


def test_files_that_cannot_be_used_are_a_line_that_names_the_setting(
    world: World, tmp_path: Path
) -> None:
    nothing, empty = tmp_path / "nothing.pem", tmp_path / "empty.pem"
    empty.touch(mode=0o600)
    ca, (cert, key) = world.ours.ca, world.mine
    bad: dict[str, tuple[Any, ...]] = {
        "bank_tls_ca wants .*: authorities .*nothing.pem: No such file": (nothing,),
        "bank_tls_ca wants .*: authorities .*empty.pem: not usable PEM": (empty,),
        "bank_tls_cert and bank_tls_key want .*: certificate .*nothing.pem": (ca, nothing, key),
        "bank_tls_cert and bank_tls_key want .*: private key .*nothing.pem": (ca, cert, nothing),
        "KEY_VALUES_MISMATCH": (ca, cert, world.bank[1]),
    }
    for words, files in bad.items():
        with pytest.raises(UsageError, match=words):
            LineTls(LineFiles(*files), HERE).context()
    key.chmod(0o604)
    with pytest.raises(UsageError, match=r"bank_tls_key want .*chmod 600"):
        LineTls(world.showing, HERE).context()


@pytest.mark.parametrize("name", ["", ".example", "bank..example", "x" * 64 + ".example"])
def test_a_name_that_no_host_can_have_is_refused(world: World, name: str) -> None:
    with pytest.raises(UsageError, match="bank_tls_name"):
        LineTls(world.trusting, name)
