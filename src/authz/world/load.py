"""Loads a world file in one SQL transaction: all of it, or nothing when one record does not fit.

The number of statements does not grow with the file but for the chunks that bound our memory.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct, field

from authz.custody.digest_check import agree_on_digest_key
from authz.custody.pan import PanDigester
from authz.custody.safe import Safe
from authz.holders.closures import note_closures
from authz.state import Profile
from authz.storage.clock_row import civil_instant
from authz.world import statements as sql
from authz.world.fold import (
    Part,
    closures_of,
    decode_profile,
    figures,
    fold,
    new_running,
)
from authz.world.linked import Linked, keep_linked, linked_of
from authz.world.read import Placed, WorldError, read_world
from authz.world.stage import Staged, stage
from ledger import journal
from ledger.accounts import AccountRow, House, payable_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer

RECORDS_PER_COPY: Final = 10_000
HOLDERS_PER_CHUNK: Final = 1_000
PROGRAMMES: Final = frozenset({"fr-meal"})

Progress = Callable[[str, int], None]
"""Told what is being done and how many records or holders are done."""


class WorldReport(Struct):
    """What a load did, in records by kind; a second load of the same file skips everything."""

    loaded: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    holders_opened: int = 0
    holders_changed: int = 0
    movements: int = 0


class _Beside(Struct):
    """What is kept beside the profiles of a chunk: links, and since when accounts are closed."""

    linked: list[Linked] = field(default_factory=list)
    closures: list[tuple[int, int]] = field(default_factory=list)

    def add(self, holder_id: int, change: Change, parts: Sequence[Part]) -> None:
        """Of one person."""
        self.linked.extend(linked_of(holder_id, change, parts))
        self.closures.extend(closures_of(holder_id, change, parts))


class _Person(Struct):
    """The staged rows of one person."""

    holder_id: int
    known: bool
    person: str
    parts: list[Part]


async def load_world(
    tx: asyncpg.Connection,
    path: Path,
    digester: PanDigester,
    *,
    programmes: frozenset[str] = PROGRAMMES,
    progress: Progress = lambda _what, _done: None,
    safe: Safe | None = None,
) -> WorldReport:
    """Load the file over an SQL connection in the engine's role, in one (nested) transaction.

    Raises WorldError with the place of the first record that cannot be loaded, UsageError where
    the digest key is not the database's. Movements are booked at the test clock, where one is set.
    Card numbers, PINs, linked bank cards and telephone numbers are kept as the `safe` keeps them;
    without one they are left out.
    """
    records = read_world(path)
    return await load_records(
        tx, records, digester, programmes=programmes, progress=progress, safe=safe
    )


async def load_records(
    tx: asyncpg.Connection,
    records: Iterable[Placed],
    digester: PanDigester,
    *,
    programmes: frozenset[str] = PROGRAMMES,
    progress: Progress = lambda _what, _done: None,
    safe: Safe | None = None,
) -> WorldReport:
    """The same for records that did not come from a file."""
    async with tx.transaction():
        await tx.execute("set local statement_timeout = 0")
        await agree_on_digest_key(tx, digester)
        await tx.execute(sql.ALONE)
        staging = (stage(n, p, digester, programmes, safe) for n, p in enumerate(records))
        await _stage_all(tx, staging, progress)
        report = WorldReport()
        await _drop_what_is_known(tx, report)
        at = await civil_instant(tx, datetime.now(UTC))
        await _add_reference(tx, at)
        await _check_references(tx)
        await _add_names(tx)
        await _open_house(tx, at)
        await _fold_all(tx, at, report, progress, safe)
        report.loaded = {row["kind"]: row["count"] for row in await tx.fetch(sql.COUNT_BY_KIND)}
        await tx.execute(sql.DROP_STAGE)
    return report


async def _stage_all(tx: asyncpg.Connection, staged: Iterator[Staged], progress: Progress) -> None:
    await tx.execute(sql.STAGE)
    done = 0
    while chunk := [_row(each) for each in islice(staged, RECORDS_PER_COPY)]:
        try:
            await tx.copy_records_to_table("world_stage", records=chunk, columns=_COLUMNS)
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError):
            raise WorldError("a text holds a character that no database keeps (NUL)") from None
        done += len(chunk)
        progress("records read", done)
    for statement in sql.INDEX:
        await tx.execute(statement)


_COLUMNS: Final = Staged.__struct_fields__


def _row(staged: Staged) -> tuple[Any, ...]:
    return tuple(getattr(staged, column) for column in _COLUMNS)


async def _drop_what_is_known(tx: asyncpg.Connection, report: WorldReport) -> None:
    """Same name and same content is no news; same name and other content is refused."""
    if row := await tx.fetchrow(sql.DIFFERS_IN_FILE):
        place, kind, name, first = row
        raise WorldError(f"{place}: {kind} {name} is written otherwise at {first}")
    if row := await tx.fetchrow(sql.DIFFERS_FROM_KNOWN):
        place, kind, name = row
        raise WorldError(f"{place}: {kind} {name} was loaded before with other content")
    for statement in (sql.DROP_REPEATED, *sql.DROP_KNOWN):
        for (kind,) in await tx.fetch(statement):
            report.skipped[kind] = report.skipped.get(kind, 0) + 1


async def _add_reference(tx: asyncpg.Connection, at: datetime) -> None:
    """Issuer, employers and merchants; every engine forgets what it remembered of them."""
    await tx.execute(sql.ADD_ISSUER)
    employers = await tx.fetch(sql.ADD_EMPLOYERS)
    merchants = [row["merchant_no"] for row in await tx.fetch(sql.ADD_MERCHANTS)]
    payables = [AccountRow.house(payable_account(number), at) for number in merchants]
    await journal.open_accounts(tx, payables)
    if employers or merchants:
        await tx.execute(sql.NEXT_EPOCH)


async def _check_references(tx: asyncpg.Connection) -> None:
    parents = {"account": "employer", "card": "account", "token": "card"}
    if row := await tx.fetchrow(sql.ORPHAN):
        place, kind, parent = row
        raise WorldError(f"{place}.{parents[kind]}: there is no {parents[kind]} {parent}")
    if place := await tx.fetchval(sql.SAME_NUMBER):
        raise WorldError(f"{place}: the card number belongs to another card or token already")


async def _add_names(tx: asyncpg.Connection) -> None:
    await tx.execute(sql.ADD_PERSONS)
    for kind, above in (("account", "person"), ("card", "account"), ("token", "card")):
        await tx.execute(sql.FIND_HOLDER, kind, above)
        await tx.execute(sql.ADD_NAMES, kind)
    await tx.execute(sql.ADD_CREDENTIALS)
    await tx.execute(sql.ADD_NUMBERS)


async def _open_house(tx: asyncpg.Connection, at: datetime) -> None:
    """Open the accounts of the house that no load before this one has opened."""
    there = {row["account_id"] for row in await tx.fetch(sql.OPEN_HOUSE)}
    rows = [AccountRow.house(house, at) for house in House if house not in there]
    await journal.open_accounts(tx, rows)


async def _fold_all(
    tx: asyncpg.Connection,
    at: datetime,
    report: WorldReport,
    progress: Progress,
    safe: Safe | None,
) -> None:
    chunk: list[_Person] = []
    async for person in _persons(tx):
        chunk.append(person)
        if len(chunk) == HOLDERS_PER_CHUNK:
            await _fold_chunk(tx, chunk, at, report, progress, safe)
            chunk = []
    await _fold_chunk(tx, chunk, at, report, progress, safe)


async def _persons(tx: asyncpg.Connection) -> AsyncIterator[_Person]:
    """The staged rows gathered by person, in the order of holder ids."""
    person: _Person | None = None
    async for row in tx.cursor(sql.PARTS, prefetch=RECORDS_PER_COPY):
        if person is None or person.holder_id != row["holder_id"]:
            if person is not None:
                yield person
            person = _Person(row["holder_id"], row["known"], row["person"] or "", [])
        person.parts.append(
            Part(
                row["kind"],
                row["parent"],
                row["card_ref"],
                row["body"],
                row["employer_no"],
                row["pin_ref"],
            )
        )
    if person is not None:
        yield person


async def _fold_chunk(
    tx: asyncpg.Connection,
    chunk: Iterable[_Person],
    at: datetime,
    report: WorldReport,
    progress: Progress,
    safe: Safe | None,
) -> None:
    new = [person for person in chunk if not person.known]
    known = {person.holder_id: person for person in chunk if person.known}
    beside = _Beside()
    await _open_persons(tx, new, at, report, beside)
    if known:

        def build(locked: Locked) -> Change:
            parts = known[locked.running.holder_id].parts
            change = fold(locked.running, decode_profile(locked.profile), parts, at)
            report.movements += len(change.transfers)
            beside.add(locked.running.holder_id, change, parts)
            return change

        await journal.post_many(tx, list(known), build)
    await note_closures(tx, beside.closures, at, "it came closed")
    if beside.linked:
        assert safe is not None, "nothing is linked without a safe"
        assert safe.vault is not None, "nor without a vault"
        await keep_linked(tx, beside.linked, safe.vault, at)
    report.holders_opened += len(new)
    report.holders_changed += len(known)
    progress("holders written", report.holders_opened + report.holders_changed)


async def _open_persons(
    tx: asyncpg.Connection,
    new: Iterable[_Person],
    at: datetime,
    report: WorldReport,
    beside: _Beside,
) -> None:
    opened: list[Locked] = []
    accounts: list[AccountRow] = []
    transfers: list[Transfer] = []
    for person in new:
        running = new_running(person.holder_id)
        change = fold(running, Profile(person.person), person.parts, at)
        assert change.profile is not None, "folding always writes a profile"
        opened.append(Locked(figures(running, change), change.profile))
        accounts.extend(change.accounts)
        beside.add(person.holder_id, change, person.parts)
        transfers.extend(change.transfers)
    if opened:
        await journal.open_accounts(tx, accounts)
        await journal.post(tx, transfers)
        await journal.open_holders(tx, opened)
        report.movements += len(transfers)
