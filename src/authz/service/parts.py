"""What one engine process is made of, put together in order and taken apart backwards."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import asyncpg
from msgspec import Struct

from authz.access.rates import Buckets, Rate
from authz.access.tls import Certificates
from authz.bank.desk import bank_desk
from authz.bank.enrolment import Enrolment
from authz.bank.teller import BankDesk, Teller
from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.custody.key_changes import DatabaseBook, NetworkKeys
from authz.custody.keys import Secret
from authz.custody.pan import PanDigester
from authz.custody.safe import Safe
from authz.door import connection as peers
from authz.door.hosts import Hosts, share
from authz.door.office import Office
from authz.door.server import Server
from authz.ids import AuthorizationIds
from authz.logs import LINES
from authz.metrics import Metrics
from authz.settings import Settings
from authz.sources import keys_of, rulebooks
from authz.storage import database
from authz.storage.sessions import KeptSessions
from authz.storage.store import Store
from ledger.seal import SealKey
from rules.rulebook import Rulebook

DIRECTORY_KNOWN_MAX: Final = 1_000_000
SPARE_LANES: Final = 2
"""SQL connections of the road beside one for each batch at work: while one of those is replaced."""
BANK_SESSIONS: Final = 3
"""SQL connections that mark legs as asked, and what the bank has heard."""
READERS: Final = 4
"""SQL connections of the HTTP side."""
READ_TIMEOUT_MS: Final = 10_000
"""How long a statement of the HTTP side may take; nobody reads the whole of a table for ever."""
PROMPT: Final = 2
"""SQL connections of HTTP for what never takes long: API keys, and payments by their names."""
CLERKS: Final = 2
"""SQL connections of the office."""
KEEPERS: Final = 1
"""SQL connections of the network's keys: no crowd at the office keeps a change from spreading."""
JOB_SESSIONS: Final = 4
"""SQL connections of the jobs: a long one takes none from payments over HTTP."""
ANSWER_TIMEOUT_FACTOR: Final = 1.5
"""How much longer than the server's own statement timeout we wait before an answer is lost."""


class Parts(Struct):
    """What one process holds while it runs."""

    batcher: Batcher
    office: Office
    digester: PanDigester
    safe: Safe
    proof_key: Secret | None
    webhook_key: Secret | None
    seal_key: SealKey | None
    metrics: Metrics
    readers: asyncpg.Pool
    prompt: asyncpg.Pool
    job_pool: asyncpg.Pool
    books: Mapping[str, Rulebook]
    connections: set[peers.Connection]
    hosts: Hosts
    servers: list[Server]
    certificates: Certificates
    terminal_rates: Buckets | None
    bank: BankDesk | None = None
    enrolment: Enrolment | None = None
    draining: bool = False

    @classmethod
    async def start(cls, settings: Settings, url: str, parts: AsyncExitStack) -> "Parts":
        """Build everything; what must be closed is left with `parts`. Raises as `prepare` does."""
        certificates = Certificates()
        await parts.enter_async_context(certificates.fresh())
        books = rulebooks(settings.rulebook)
        patience_s = settings.statement_timeout_ms / 1000 * ANSWER_TIMEOUT_FACTOR
        pool = partial(_opened, parts, url)
        hot = await pool(
            size=settings.lanes + SPARE_LANES,
            statement_timeout_ms=settings.statement_timeout_ms,
            answer_timeout_s=patience_s,
            hot=True,
        )
        road = KeptSessions(hot)
        parts.push_async_callback(road.close)
        readers = await pool(size=READERS, statement_timeout_ms=READ_TIMEOUT_MS)
        prompt = await pool(size=PROMPT, statement_timeout_ms=settings.decision_deadline_ms)
        job_pool = await pool(size=JOB_SESSIONS)
        clerks = await pool(size=CLERKS, statement_timeout_ms=settings.decision_deadline_ms)
        keepers = await pool(size=KEEPERS, statement_timeout_ms=settings.decision_deadline_ms)
        node = await readers.fetchval("select nextval('node_nos')")
        metrics = Metrics()
        keys = keys_of(settings)
        sessions = readers
        if settings.bank is not None:  # people who read must not keep the bank waiting
            sessions = await pool(size=BANK_SESSIONS)
        bank = await parts.enter_async_context(bank_desk(settings, keys, sessions, certificates))
        next_id = AuthorizationIds(node, lambda: time.time_ns() // 1_000_000)
        directory = Directory(known_max=DIRECTORY_KNOWN_MAX)
        engine = Engine(
            Store(road, directory, answer_timeout_s=patience_s),
            books,
            next_id,
            metrics,
            bank_open=lambda: bank is not None and bank.link.is_open,
        )
        batcher = Batcher(engine.run, directory, batch_limits(settings))
        metrics.waiting = lambda: batcher.waiting
        metrics.lost_lines = lambda: LINES.lost
        safe = Safe.of(keys)
        network_keys = NetworkKeys(DatabaseBook(keepers), safe.module)
        await parts.enter_async_context(network_keys.kept_up())
        office = Office(clerks, metrics, network_keys)
        batcher.wait_for_bank = Teller(batcher, bank).take
        metrics.bank = None if bank is None else bank.gauges
        proof_key = None if keys.holder_proof is None else keys.holder_proof.key
        digester = keys.digester()
        return cls(
            batcher,
            office,
            digester,
            safe,
            proof_key,
            None if keys.code_webhook is None else keys.code_webhook.key,
            keys.seal_key(),
            metrics,
            readers,
            prompt,
            job_pool,
            books,
            set(),
            room_of_hosts(settings),
            [],
            certificates,
            terminal_rates(settings),
            bank,
            None if bank is None else Enrolment(bank, next_id),
        )


def sql_sessions(settings: Settings) -> int:
    """All SQL connections that the workers of these settings hold."""
    bank = BANK_SESSIONS if settings.bank is not None else 0
    road = settings.lanes + SPARE_LANES
    return settings.workers * (road + READERS + PROMPT + JOB_SESSIONS + CLERKS + KEEPERS + bank)


def batch_limits(settings: Settings) -> BatchLimits:
    """How much may wait, and how much of it goes together."""
    return BatchLimits(
        settings.lanes, settings.batch_size_max, settings.waiting_max, settings.repeats_reserved
    )


def room_of_hosts(settings: Settings) -> Hosts:
    """What each host may have at the ISO 8583 doors of a process."""
    return Hosts(
        share(settings.connections_per_host_max, settings.connections_max),
        share(settings.in_flight_per_host_max, settings.waiting_max),
    )


def terminal_rates(settings: Settings) -> Buckets | None:
    """How often one terminal may ask, at all doors of this process together."""
    per_s = settings.terminal_requests_per_s
    if per_s is None:
        return None
    return Buckets(Rate(per_s, settings.terminal_burst_max), settings.rate_names_max)


async def _opened(parts: AsyncExitStack, url: str, **wanted: Any) -> asyncpg.Pool:
    """A pool that is closed with `parts`; `wanted` is as `database.open_pool` has it."""
    pool = await database.open_pool(url, **wanted)
    parts.push_async_callback(_close_pool, pool)
    return pool


async def _close_pool(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), timeout=5)
    except TimeoutError:
        pool.terminate()
