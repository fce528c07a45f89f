"""The books as files: they add up to the books, and their numbers have no gap."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from ledger.audit import audit_books
from ledger.exports import entries, journal, trial_lines
from ledger.passes import Mark, Portion
from ledger.rollup import ROLLING_UP, fold, trial_balance
from tests.database.books import DAY, a_small_world, books_url, tx

if TYPE_CHECKING:
    from ledger.journal import Tx

__all__ = ["books_url", "tx"]

ZONE = "Europe/Paris"
YEAR = date(2026, 1, 1), date(2026, 12, 31)
NEXT_YEAR = date(2027, 1, 1), date(2027, 12, 31)


async def read(lines: AsyncIterator[str], delimiter: str = ",") -> list[dict[str, str]]:
    text = "".join([line async for line in lines])
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


async def test_the_entries_are_numbered_without_a_gap_and_balance(tx: "Tx") -> None:
    await a_small_world(tx)
    rows = await read(entries(tx, *YEAR, ZONE), "\t")
    numbers = [int(row["EcritureNum"]) for row in rows]
    assert numbers == [n for n in range(1, len(rows) // 2 + 1) for _ in range(2)]
    sums = {
        side: sum(Decimal(row[side].replace(",", ".")) for row in rows)
        for side in ("Debit", "Credit")
    }
    moved = await tx.fetchval(
        "select sum(amount_minor) from transfers where kind in ('direct', 'post')"
    )
    assert sums == {"Debit": Decimal(moved) / 100, "Credit": Decimal(moved) / 100}
    assert (await audit_books(tx)).holds


async def test_the_journal_holds_every_movement_of_its_days(tx: "Tx") -> None:
    await a_small_world(tx)
    rows = await read(journal(tx, *YEAR, ZONE))
    told = {(int(row["holder_id"]), int(row["seq"]), int(row["amount_minor"])) for row in rows}
    there = await tx.fetch("select holder_id, seq, amount_minor from transfers")
    assert told == {tuple(row) for row in there} and len(rows) == 45
    assert await read(journal(tx, date(2026, 11, 23), date(2026, 11, 30), ZONE)) == []
    assert len(await read(journal(tx, DAY, DAY, ZONE))) == 45
    assert (await audit_books(tx)).holds


async def test_the_exports_name_an_authorization_as_everybody_does(tx: "Tx") -> None:
    await a_small_world(tx)
    there = await tx.fetch(
        "select holder_id, seq, to_hex(holder_id) || '-' || to_hex(authorization_id) as name"
        " from transfers where authorization_id is not null"
    )
    named = {(row["holder_id"], row["seq"]): row["name"] for row in there}
    rows = await read(journal(tx, *YEAR, ZONE))
    told = {(int(r["holder_id"]), int(r["seq"])): r["authorization"] for r in rows}
    assert {place: name for place, name in told.items() if name} == named
    assert named
    pieces = {row["PieceRef"] for row in await read(entries(tx, *YEAR, ZONE), "\t")}
    assert pieces & set(named.values())
    assert all(piece in named.values() or piece[0] == "M" for piece in pieces)


async def test_a_movement_after_midnight_in_paris_is_of_the_next_year(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    await tx.execute("update transfers set at = '2026-12-31T23:30Z' where seq = 15")
    await tx.execute("update transfers set kind = 'direct' where seq = 15")
    *_, debit, _ = await read(entries(tx, *NEXT_YEAR, ZONE), "\t")
    assert (debit["EcritureNum"], debit["EcritureDate"]) == ("2", "20270101")


async def test_a_year_begins_with_what_the_year_before_left(tx: "Tx") -> None:
    """A.47 A-1 LPF: the balances taken over come first, account by account, and balance."""
    await a_small_world(tx)
    before, after = [await read(entries(tx, *year, ZONE), "\t") for year in (YEAR, NEXT_YEAR)]
    assert {row["JournalCode"] for row in after} == {"AN"}
    assert {(row["EcritureNum"], row["EcritureDate"]) for row in after} == {("1", "20270101")}
    left: Counter[tuple[str, str, str]] = Counter()
    for row in before:
        on_the_balance_sheet = row["CompteNum"][0] in "12345"
        name = row["CompteNum"], row["CompAuxNum"], row["CompAuxLib"]
        left[name if on_the_balance_sheet else ("110000", "", "")] += cents(row)
    taken_over = {
        (row["CompteNum"], row["CompAuxNum"], row["CompAuxLib"]): cents(row) for row in after
    }
    assert taken_over == {name: minor for name, minor in left.items() if minor}
    assert len(taken_over) == len(after) > 3
    assert sum(taken_over.values()) == 0


def cents(row: dict[str, str]) -> int:
    debit, credit = [int(row[side].replace(",", "")) for side in ("Debit", "Credit")]
    return debit - credit


async def test_the_trial_balance_ends_with_equal_sums(tx: "Tx") -> None:
    await a_small_world(tx)
    every = 1 << 62
    await fold(tx, ZONE, Portion(Mark(0, []), Mark(every, [])))
    await tx.execute("update pass_marks set below = $1 where name = $2", every, ROLLING_UP)
    text = "".join(trial_lines(await trial_balance(tx)))
    *lines, total = list(csv.DictReader(io.StringIO(text, newline="")))
    assert total["line"] == "TOTAL"
    assert int(total["debits_posted"]) == int(total["credits_posted"]) > 0
    assert int(total["debits_pending"]) == int(total["credits_pending"]) == 1800
    assert {"HOLDER_LOT", "MERCHANT_PAYABLE", "EXPIRED"} <= {line["line"] for line in lines}
    assert await trial_balance(tx, date(2026, 11, 21)) == []
    assert (await audit_books(tx)).holds
