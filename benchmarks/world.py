"""A world of any number of holders, written by the database itself from the shape of one of them.

Every holder has one account, one card and one opening load, enough for a day of one-cent purchases.
Only the card references need us, since their key is no business of the database. What names a
person outside the road (the directory) is left out: no authorization reads it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import islice
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct, msgpack

from authz.custody.digest_check import agree_on_digest_key
from authz.custody.pan import PanDigester
from authz.state import Credential, HolderAccount, LotInfo, Profile
from authz.world.generate import MEAL_BIN, card_number
from authz.world.records import EmployerRecord, MerchantRecord
from ledger.accounts import House
from rules.facts import (
    Account,
    AccountStatus,
    Card,
    CardStatus,
    GeoScope,
    MerchantClass,
    Origin,
    TopUp,
)

FIRST_HOLDER: Final = 2
"""Holder 1 is the house."""
FIRST_EMPLOYER: Final = 256
"""MessagePack writes numbers from here to 32,767 in one form, which the database can make too."""
ACQUIRER: Final = "12345"
EXPIRY: Final = "2912"
OPENING_MINOR: Final = 100_000
LOADED_ON: Final = date(2026, 1, 5)
NOON: Final = "2026-11-24T12:30:00+01:00"
"""The clock begins on a plain Tuesday, so that no benchmark runs into Sunday or midnight."""
OPENED_AT: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
SEED: Final = 1
REFS_PER_COPY: Final = 100_000

CONTROL: Final = "update control set reference_epoch = reference_epoch + 1, test_clock = $1"
SEQUENCES: Final = """
    select setval('holder_ids', $1), setval('merchant_nos', $2), setval('employer_nos', $3)
"""
CREDENTIALS: Final = "insert into credentials select card_ref, n + $1 from refs order by card_ref"
HOUSE: Final = """
    insert into ledger_accounts (holder_id, account_id, kind, opened_at)
    select 0, number, kind, $3 from unnest($1::bigint[], $2::text[]) as h (number, kind)
"""
PAYABLES: Final = """
    insert into ledger_accounts (holder_id, account_id, kind, opened_at)
    select 0, -merchant_no, 'MERCHANT_PAYABLE', $1 from merchants
"""
LOTS: Final = """
    insert into ledger_accounts
    select n + $1, (n + $1) << 12 | 1, 'HOLDER_LOT', extract(year from $2::date), 'OPENING', null,
           $2, $3
    from refs order by n
"""
LOADS: Final = """
    insert into transfers
    select n + $1, m.seq, 'direct', coalesce(m.debit, (n + $1) << 12 | 1),
           coalesce(m.credit, (n + $1) << 12 | 1), $4, null, null, $2, $3
    from refs, (values (1, $5::bigint, $6::bigint), (2, $6, null)) as m (seq, debit, credit)
    order by n, m.seq
"""
HOLDERS: Final = """
    insert into holders
    select n + $1, 1, 2, '0001-01-01', '{}', '{}', '{}', array[$2::bigint], array[0]::bigint[],
           ($5::bytea[])[1] || number || ($5::bytea[])[2] || number || ($5::bytea[])[3]
           || '\\xcd' || int2send(($3::bigint + n % $4)::int2)
           || ($5::bytea[])[4] || number || ($5::bytea[])[5] || card_ref
           || ($5::bytea[])[6] || number || ($5::bytea[])[7]
    from refs, lateral (select convert_to(lpad(n::text, 8, '0'), 'UTF8') as number) as written
    order by n
"""

# What differs between two holders stands in these marks, each found once or twice in a profile.
_NUMBER: Final = "########"
_EMPLOYER: Final = 0x7E7F
_CARD_REF: Final = b"\xee" * 16


class Size(Struct, frozen=True):
    """How large a world is. With one employer all holders are its employees."""

    holders: int
    merchants: int = 1_000
    employers: int = 400
    linked: bool = False
    """Whether every holder has a bank card for the top-up."""


def pan(number: int) -> str:
    """The card number of the `number`-th holder, from 0."""
    return card_number(MEAL_BIN, number, SEED).reveal()


def mid(number: int) -> str:
    """The merchant identifier of the `number`-th merchant, from 0."""
    return f"BENCH{number:010}"


async def generate(url: str, size: Size, digester: PanDigester) -> None:
    """Fill the migrated, empty database at `url`; its owner's role is needed."""
    sql = await asyncpg.connect(url)
    try:
        async with sql.transaction():
            await agree_on_digest_key(sql, digester)
            await _reference(sql, size)
            await _card_refs(sql, size, digester)
            await _books(sql, size)
        await sql.execute("vacuum (analyze)")
    finally:
        await sql.close()


async def _reference(sql: asyncpg.Connection, size: Size) -> None:
    encode = msgspec.json.encode
    employers = (
        (FIRST_EMPLOYER + n, f"emp-{n}", encode(_employer(n)).decode())
        for n in range(size.employers)
    )
    merchants = (
        (ACQUIRER, mid(n), n + 1, encode(_merchant(n)).decode()) for n in range(size.merchants)
    )
    await sql.executemany("insert into employers values ($1, $2, $3)", employers)
    await sql.executemany("insert into merchants values ($1, $2, $3, $4)", merchants)


def _employer(number: int) -> EmployerRecord:
    return EmployerRecord(f"emp-{number}", "75", geo_scope=GeoScope.FRANCE)


def _merchant(number: int) -> MerchantRecord:
    return MerchantRecord(
        acquirer=ACQUIRER,
        mid=mid(number),
        merchant_class=MerchantClass.RESTAURANT,
        mcc="5812",
        department="75",
        agreement_from=date(2020, 1, 1),
    )


async def _books(sql: asyncpg.Connection, size: Size) -> None:
    await sql.execute(CONTROL, datetime.fromisoformat(NOON))
    await sql.fetchrow(
        SEQUENCES, size.holders + FIRST_HOLDER, size.merchants + 1, FIRST_EMPLOYER + size.employers
    )
    await sql.execute(CREDENTIALS, FIRST_HOLDER)
    house = list(House)
    await sql.execute(HOUSE, [int(h) for h in house], [h.name for h in house], OPENED_AT)
    await sql.execute(PAYABLES, OPENED_AT)
    await sql.execute(LOTS, FIRST_HOLDER, LOADED_ON, OPENED_AT)
    prepaid, cash = int(House.EMPLOYER_PREPAID), int(House.TRUST_CASH)
    await sql.execute(LOADS, FIRST_HOLDER, LOADED_ON, OPENED_AT, OPENING_MINOR, cash, prepaid)
    await sql.execute(
        HOLDERS,
        FIRST_HOLDER,
        OPENING_MINOR,
        FIRST_EMPLOYER,
        size.employers,
        constant_pieces(linked=size.linked),
    )


async def _card_refs(sql: asyncpg.Connection, size: Size, digester: PanDigester) -> None:
    await sql.execute("create temporary table refs (n bigint, card_ref bytea) on commit drop")
    rows = _refs(size.holders, digester)
    while chunk := list(islice(rows, REFS_PER_COPY)):
        await sql.copy_records_to_table("refs", records=chunk)


def _refs(holders: int, digester: PanDigester) -> Iterator[tuple[int, bytes]]:
    for number in range(holders):
        yield number, digester.card_ref(pan(number))


def _profile(number: str, employer_no: int, card_ref: bytes, *, linked: bool) -> Profile:
    top_up = TopUp(enabled=True, verified=True, expiry=EXPIRY) if linked else None
    account = Account(1, f"acc-{number}", "fr-meal", AccountStatus.ACTIVE, top_up)
    card = Card(f"card-{number}", 1, CardStatus.ACTIVE, EXPIRY)
    return Profile(
        f"per-{number}",
        (HolderAccount(account, employer_no),),
        (card,),
        (),
        (Credential(card_ref, card.card_id),),
        (LotInfo(1, 1, LOADED_ON.year, Origin.LOAD, LOADED_ON),),
    )


def constant_pieces(*, linked: bool = False) -> list[bytes]:
    """A profile cut at its marks, which come in the order that `HOLDERS` puts in between."""
    packed = msgpack.encode(_profile(_NUMBER, _EMPLOYER, _CARD_REF, linked=linked))
    number, employer = _NUMBER.encode(), b"\xcd" + _EMPLOYER.to_bytes(2, "big")
    pieces = []
    for mark in (number, number, employer, number, _CARD_REF, number):
        piece, found, packed = packed.partition(mark)
        assert found, "every mark is there"
        pieces.append(piece)
    return [*pieces, packed]
