"""Start and stop: the one module that knows all the parts of a process.

Everything that can be wrong is found before the doors open, each with one line. At SIGTERM the
doors close, what was taken in is decided, committed and answered, then the parts stop in turn.
"""

import asyncio
import gc
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
import structlog
import uvloop
from msgspec import Struct

from authz import connection as peers
from authz import database, gateway
from authz.addresses import Address, Listener
from authz.bank.desk import bank_desk, vault_for_bank
from authz.bank.enrolment import Enrolment
from authz.bank.teller import BankDesk, Teller
from authz.batcher import Batcher
from authz.batcher import Limits as BatchLimits
from authz.credentials.codes import Mailbox
from authz.digest_check import agree_on_digest_key
from authz.directory import Directory
from authz.engine import Engine
from authz.framing import framing
from authz.hsm import SecurityModule
from authz.hsm.software import SoftwareModule
from authz.ids import AuthorizationIds
from authz.iso8583.profiles import Profile, profile
from authz.jobs import timers
from authz.keys import Keys, Secret, development_keys, read_key_file
from authz.logs import configure_logs
from authz.message_auth import OFF, Authenticator
from authz.metrics import Metrics
from authz.office import Office
from authz.pan import PanDigester
from authz.retention import Retention
from authz.server import Patience, Server, listening_socket
from authz.settings import Settings
from authz.store import Store
from authz.usage import UsageError
from authz.web import serve_web
from authz.world.load import load_world
from ledger.seal import SealKey
from rules.rulebook import Rulebook, RulebookError, bundled, load_rulebook

DIRECTORY_KNOWN_MAX: Final = 1_000_000
BANK_SESSIONS: Final = 3
"""SQL connections that mark legs as asked, and what the bank has heard."""
READERS: Final = 4
"""SQL connections of the HTTP side."""
ANSWER_TIMEOUT_FACTOR: Final = 1.5
"""How much longer than the server's own statement timeout we wait before an answer is lost."""

Announce = Callable[[Mapping[str, object]], None]

_log = structlog.get_logger()


class Doors(Struct, frozen=True):
    """Sockets that another process of ours bound first, so that all workers share their ports."""

    iso: tuple[Address, ...]
    http: Address


def serve(settings: Settings) -> int:
    """Run until SIGTERM, then drain; the exit code. Raises `UsageError` and `DatabaseError`."""
    configure_logs(settings.log_level, settings.log_format)
    _ports_are_free(settings)
    url = database_url(settings)
    uvloop.run(prepare(settings, url))
    if settings.workers > 1:
        from authz.workers import supervise

        return supervise(settings, url)
    return uvloop.run(run(settings, url))


def _ports_are_free(settings: Settings) -> None:
    """A second engine must find its ports taken before it touches clock or world of the first."""
    doors = [door.address for door in settings.listeners]
    for address in (*doors, Address(settings.host, settings.http_port)):
        listening_socket(address, shared_port=False).close()


def database_url(settings: Settings) -> str:
    """Where the store is; the embedded server is started or joined. Raises `PostgresError`."""
    if settings.database_url is not None:
        return settings.database_url
    from authz.postgres import ensure_running

    return ensure_running(settings.data_dir).url


def keys_of(settings: Settings) -> Keys:
    """The key file, or the development one."""
    if settings.keys is not None:
        return read_key_file(settings.keys)
    keys, path, made = development_keys(settings.data_dir)
    _log.warning("development_keys", path=str(path), made_now=made)
    return keys


def rulebooks(paths: tuple[Path, ...]) -> dict[str, Rulebook]:
    """The rulebook of each programme; a file replaces the bundled one. Raises `UsageError`."""
    books = {"fr-meal": bundled("fr-meal")}
    for path in paths:
        try:
            book = load_rulebook(path)
        except (RulebookError, OSError) as error:
            raise UsageError(f"rulebook {path}: {error}") from None
        books[book.name] = book
    return books


async def prepare(settings: Settings, url: str) -> None:
    """Once for all workers: schema, keys, clock and world."""
    if settings.database_url is None:
        await database.upgrade(url)
    keys = keys_of(settings)
    digester, vault = keys.digester(), vault_for_bank(settings, keys)
    rulebooks(settings.rulebook)
    sql = await database.connect(url)
    try:
        await database.check(sql)
        await agree_on_digest_key(sql, digester)
        await _set_clock(sql, settings.test_clock)
        if settings.world is not None:
            report = await load_world(sql, settings.world, digester, vault=vault)
            _log.info("world_loaded", loaded=report.loaded, skipped=report.skipped)
    finally:
        await sql.close()


def announce_ready(addresses: Mapping[str, object]) -> None:
    """The one line on standard output that scripts wait for."""
    sys.stdout.write(json.dumps({"event": "ready", **addresses}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


async def run(
    settings: Settings,
    url: str,
    doors: Doors | None = None,
    *,
    web: bool = True,
    announce: Announce = announce_ready,
) -> int:
    """One engine process, until SIGTERM or SIGINT; `announce` is told when its doors are open."""
    stop = _stop_signals()
    async with AsyncExitStack() as parts:
        engine = await _Parts.start(settings, url, parts)
        opened = await _open_iso(settings, engine, doors, parts)
        http = await _open_web(settings, engine, doors, parts) if web else None
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        announce(addresses(opened, http))
        async with _timers(settings, engine) if web else nullcontext():
            number = await stop
        _log.info("draining", signal=signal.Signals(number).name, waiting=engine.batcher.waiting)
        await _drain(engine, settings.drain_timeout_ms / 1000)
    return 130 if number == signal.SIGINT else 0


def _timers(settings: Settings, engine: "_Parts") -> AbstractAsyncContextManager[None]:
    return timers(
        engine.readers,
        engine.batcher,
        engine.books,
        seal_key=engine.seal_key,
        retention=Retention(settings.keep_keys_days, settings.keep_facts_days),
        metrics=engine.metrics,
        bank=engine.bank,
    )


class _Parts(Struct):
    """What one process holds while it runs."""

    batcher: Batcher
    office: Office
    digester: PanDigester
    module: SecurityModule
    proof_key: Secret | None
    seal_key: SealKey | None
    metrics: Metrics
    readers: asyncpg.Pool
    books: Mapping[str, Rulebook]
    connections: set[peers.Connection]
    servers: list[Server]
    bank: BankDesk | None = None
    enrolment: Enrolment | None = None
    draining: bool = False

    @classmethod
    async def start(cls, settings: Settings, url: str, parts: AsyncExitStack) -> "_Parts":
        books = rulebooks(settings.rulebook)
        patience_s = settings.statement_timeout_ms / 1000 * ANSWER_TIMEOUT_FACTOR
        pool = await database.open_pool(
            url,
            size=settings.lanes + 2,
            statement_timeout_ms=settings.statement_timeout_ms,
            answer_timeout_s=patience_s,
            hot=True,
        )
        parts.push_async_callback(_close_pool, pool)
        readers = await database.open_pool(url, size=READERS)
        parts.push_async_callback(_close_pool, readers)
        node = await readers.fetchval("select nextval('node_nos')")
        metrics = Metrics()
        keys = keys_of(settings)
        sessions = readers
        if settings.bank is not None:  # people who read must not keep the bank waiting
            sessions = await database.open_pool(url, size=BANK_SESSIONS)
            parts.push_async_callback(_close_pool, sessions)
        bank = await parts.enter_async_context(bank_desk(settings, keys, sessions))
        next_id = AuthorizationIds(node, lambda: time.time_ns() // 1_000_000)
        engine = Engine(
            Store(pool, answer_timeout_s=patience_s),
            books,
            next_id,
            metrics,
            bank_open=lambda: bank is not None and bank.link.is_open,
        )
        directory = Directory(pool, known_max=DIRECTORY_KNOWN_MAX, answer_timeout_s=patience_s)
        limits = BatchLimits(
            settings.lanes,
            settings.batch_size_max,
            settings.waiting_max,
            settings.repeats_reserved,
        )
        batcher = Batcher(engine.run, directory, limits)
        metrics.waiting = lambda: batcher.waiting
        office = Office(readers, metrics)
        Teller(batcher, bank)
        proof_key = None if keys.holder_proof is None else keys.holder_proof.key
        digester = keys.digester()
        return cls(
            batcher,
            office,
            digester,
            SoftwareModule(keys, time.monotonic),
            proof_key,
            keys.seal_key(),
            metrics,
            readers,
            books,
            set(),
            [],
            bank,
            None if bank is None else Enrolment(bank, next_id),
        )


async def _open_iso(
    settings: Settings, engine: _Parts, doors: Doors | None, parts: AsyncExitStack
) -> list[Address]:
    patience = Patience(settings.idle_echo_s, settings.read_timeout_s, settings.connections_max)
    opened = []
    for index, door in enumerate(settings.listeners):
        server = Server(_desk(settings, engine, door), patience)
        engine.servers.append(server)
        address = doors.iso[index] if doors else door.address
        opened.append(await server.start(address, shared_port=doors is not None))
        parts.push_async_callback(server.stop_listening)
    return opened


async def _open_web(
    settings: Settings, engine: _Parts, doors: Doors | None, parts: AsyncExitStack
) -> Address:
    wanted = doors.http if doors else Address(settings.host, settings.http_port)
    listening = listening_socket(wanted, shared_port=doors is not None)
    app = gateway.create_app(
        gateway.Deps(
            pool=engine.readers,
            metrics=engine.metrics,
            rulebooks=engine.books,
            ready=lambda: not engine.draining,
            test_clock=settings.test_clock is not None,
            road=gateway.Road(
                engine.batcher.ask,
                engine.digester,
                engine.proof_key,
                settings.proof_wanted,
                settings.decision_deadline_ms / 1000,
            ),
            vault=gateway.Vault(
                engine.digester,
                engine.module,
                # Nothing is sent to anybody in a test; outside of one, no sender is built yet.
                Mailbox() if settings.test_clock is not None else None,
            ),
            enrolment=engine.enrolment,
        )
    )
    await parts.enter_async_context(serve_web(app, listening))
    return Address(wanted.host, listening.getsockname()[1])


def addresses(iso: Sequence[Address], http: Address | None) -> dict[str, object]:
    """What the ready line says."""
    more = {"listen": [str(address) for address in iso[1:]]} if iso[1:] else {}
    return {"iso": str(iso[0]), "http": str(http), **more}


def _desk(settings: Settings, engine: _Parts, door: Listener) -> peers.Desk:
    try:
        spoken, cut = profile(door.profile), framing(door.framing)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return peers.Desk(
        spoken,
        cut,
        engine.batcher,
        engine.office,
        engine.digester,
        engine.metrics,
        peers.Limits(
            settings.frame_size_max,
            settings.in_flight_per_connection_max,
            settings.poison_per_connection_max,
            settings.decision_deadline_ms / 1000,
        ),
        engine.connections,
        # Keys change in one process only: of several, the others would not know.
        engine.module if settings.workers == 1 else None,
        _authenticator(spoken, door, engine.module),
    )


def _authenticator(spoken: Profile, door: Listener, module: SecurityModule) -> Authenticator | None:
    policy = door.mac or spoken.mac
    if policy == OFF:
        return None
    if not module.has_mac_key(spoken.name):
        raise UsageError(f"{door}: mac={policy} needs a [[mac]] key of {spoken.name} in --keys")
    return Authenticator(spoken, policy, module)


async def _drain(engine: _Parts, timeout_s: float) -> None:
    """Take nothing new, answer what was taken, hang up."""
    engine.draining = True
    for server in engine.servers:
        await server.stop_listening()
    for peer in list(engine.connections):
        peer.stop_reading()
    try:
        async with asyncio.timeout(timeout_s):
            await engine.batcher.drained()
            await engine.office.drained()
    except TimeoutError:
        _log.error("drain_timed_out", waiting=engine.batcher.waiting)
    for peer in list(engine.connections):
        peer.hang_up()
    await asyncio.sleep(0)  # one turn of the loop, in which the transports close


async def _set_clock(sql: asyncpg.Connection, test_clock: datetime | None) -> None:
    """The clock is a row that every process reads; a real engine never runs on a stopped one."""
    before = await sql.fetchval("select test_clock from control")
    if before is not None and test_clock is None:
        _log.warning("test_clock_removed", was=before.isoformat())
    await sql.execute("update control set test_clock = $1", test_clock)


async def _close_pool(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), timeout=5)
    except TimeoutError:
        pool.terminate()


def _stop_signals() -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def asked(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop
