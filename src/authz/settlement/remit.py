"""Paying merchants: what is owed leaves the payable accounts, once, and stands in a file.

Voucher money is paid from the voucher account and from nowhere else (L.3262-2, L.3262-3); a bank's
money is passed through; what nobody's vouchers cover comes from the issuer's own account.

The amount is all that is owed up to a day less all that was ever paid: what came late under a day
that was paid already is paid the next time, and paying twice is as good as once.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import Struct

from authz.settlement.payables import Owed, Payables, Source
from authz.settlement.rollup import roll_up
from authz.state import HOUSE_HOLDER
from ledger import journal
from ledger.accounts import House, payable_account
from ledger.exports import csv_line
from ledger.journal import Change, Locked
from ledger.transfers import Transfer
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

PAID_FROM: Final = {
    Source.VOUCHER: House.TRUST_CASH,
    Source.BANK: House.BANK_RECEIVABLE,
    Source.LOSS: House.OWN_CASH,
}
COLUMNS: Final = (
    "remittance", "execute_on", "last_day", "acquirer", "mid", "siret", "name",
    "voucher_minor", "bank_minor", "loss_minor", "total_minor", "currency",
)  # fmt: skip
LOCK_HOUSE: Final = "select 1 from holders where holder_id = $1 for update"
NUMBERS: Final = "select nextval('remittance_nos') from generate_series(1, $1)"
ADD: Final = "insert into remittances select * from unnest($1::remittances[])"
ALREADY: Final = "select merchant_no from remittances where last_day = $1"
FILE: Final = """
    select r.remittance_no, r.execute_on, r.last_day, m.acquirer, m.mid,
        m.record->>'siret', m.record->>'name', r.voucher_minor, r.bank_minor, r.loss_minor,
        r.voucher_minor + r.bank_minor + r.loss_minor, 'EUR'
    from remittances r left join merchants m using (merchant_no)
    where r.execute_on = $1 order by r.remittance_no
"""


class Paid(Struct, frozen=True):
    """What one run did, in cents. `withheld_minor` came too late for its vintage (VIN-12)."""

    merchants: int
    paid_minor: int
    withheld_minor: int
    carried: int
    """Merchants who owe more than they are owed; it waits for their next sales."""


async def remit(
    pool: asyncpg.Pool, book: Rulebook, execute_on: date, last_day: date, now: datetime
) -> Paid:
    """Pay every merchant for all days up to `last_day`, in one SQL transaction.

    `now` is UTC. The house's lock makes two runs follow each other: the second finds nothing owed.
    """
    assert last_day < execute_on, "a day is paid when it is over"
    await roll_up(pool, book)
    async with pool.acquire() as sql, sql.transaction():
        await sql.execute(LOCK_HOUSE, HOUSE_HOLDER)
        owed = await Payables(book).owed(sql, last_day)
        already = {row[0] for row in await sql.fetch(ALREADY, last_day)}
        due = [each for each in owed if each.payable and each.merchant_no not in already]
        first_seqs = await _book(sql, due, execute_on, now)
        numbers = [row[0] for row in await sql.fetch(NUMBERS, len(due))]
        await sql.execute(
            ADD,
            [
                (number, each.merchant_no, last_day, execute_on, *_parts(each), seq, now)
                for number, each, seq in zip(numbers, due, first_seqs, strict=True)
            ],
        )
    return Paid(
        len(due),
        sum(sum(each.payable.values()) for each in due),
        sum(each.withheld_minor for each in owed),
        sum(1 for each in owed if min(each.voucher_minor, each.bank_minor, each.loss_minor) < 0),
    )


async def _book(tx: "Tx", due: Sequence[Owed], execute_on: date, now: datetime) -> list[int]:
    """Book the payments under the house; the number of each merchant's first movement."""
    first_seqs: list[int] = []

    def build(locked: Locked) -> Change:
        movements: list[Transfer] = []
        for each in due:
            first_seqs.append(locked.running.last_seq + len(movements) + 1)
            for source, minor in each.payable.items():
                seq = locked.running.last_seq + len(movements) + 1
                owed_to, cash = payable_account(each.merchant_no), PAID_FROM[source]
                movements.append(
                    Transfer.direct(HOUSE_HOLDER, seq, owed_to, cash, minor, None, execute_on, now)
                )
        return Change(movements)

    await journal.post_for_holder(tx, HOUSE_HOLDER, build)
    return first_seqs


def _parts(owed: Owed) -> tuple[int, int, int]:
    voucher, bank, loss = (owed.payable.get(source, 0) for source in Source)
    return voucher, bank, loss


async def payment_file(tx: "Tx", execute_on: date) -> Iterable[str]:
    """The payments of a day as lines of CSV, as often as it is asked for."""
    rows = await tx.fetch(FILE, execute_on)
    return [csv_line(COLUMNS), *(csv_line(tuple(row)) for row in rows)]
