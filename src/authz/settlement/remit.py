"""Paying merchants: what is owed leaves the payable accounts, once, in a run that is kept.

Voucher money is paid from the voucher account and from nowhere else (L.3262-2, L.3262-3); a bank's
money is passed through; what nobody's vouchers cover comes from the issuer's own account.

A run pays all that is open up to a day: what came late under a day that was paid already is paid by
the next one. Days that a run has paid are never paid by another; its files can be written again.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
from msgspec import Struct

from authz.settlement.payables import Owed, Payables, Source
from authz.settlement.payment_file import Payee
from authz.settlement.rollup import roll_up
from authz.state import HOUSE_HOLDER
from ledger import journal
from ledger.accounts import House, payable_account
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
TRIES: Final = 5
"""How often a run begins again that another one, or the roll-up, came in the way of."""

PAID_UNTIL: Final = "select max(last_day) from payment_runs"
PAYEES: Final = """
    select merchant_no, record from merchants where merchant_no = any ($1)
"""
ADD_RUN: Final = """
    insert into payment_runs (run_no, last_day, execute_on, payer, made_at)
    values (nextval('payment_run_nos'), $1, $2, (select record from issuer), $3) returning run_no
"""
NUMBERS: Final = "select nextval('remittance_nos') from generate_series(1, $1)"
ADD: Final = "insert into remittances select * from unnest($1::remittances[])"


class Unpaid(Struct, frozen=True):
    """A merchant that has no bank account here: it stays owed what it is owed."""

    acquirer: str
    mid: str
    owed_minor: int


class Paid(Struct, frozen=True):
    """What one run did, in cents. `withheld_minor` came too late for its vintage (VIN-12)."""

    merchants: int
    paid_minor: int
    withheld_minor: int
    carried: int
    """Merchants who owe more than they are owed; it waits for their next sales."""
    unpaid: tuple[Unpaid, ...] = ()


NOTHING: Final = Paid(0, 0, 0, 0)


async def remit(
    pool: asyncpg.Pool,
    book: Rulebook,
    execute_on: date,
    last_day: date,
    now: datetime,
    *,
    to_accounts: bool = False,
) -> Paid:
    """Pay every merchant for all days up to `last_day`, in one SQL transaction.

    `now` is UTC. Days that a run has paid before are not paid again: NOTHING. With `to_accounts`
    only those with an IBAN are paid, the others stay open for a later run.
    """
    assert last_day < execute_on, "a day is paid when it is over"
    await roll_up(pool, book)
    for _ in range(TRIES - 1):
        try:
            return await _remit(pool, book, execute_on, last_day, now, to_accounts=to_accounts)
        except asyncpg.SerializationError:
            continue
    return await _remit(pool, book, execute_on, last_day, now, to_accounts=to_accounts)


async def _remit(
    pool: asyncpg.Pool,
    book: Rulebook,
    execute_on: date,
    last_day: date,
    now: datetime,
    *,
    to_accounts: bool,
) -> Paid:
    """In one snapshot: what was read as owed is just what is noted as settled."""
    async with pool.acquire() as sql, sql.transaction(isolation="repeatable_read"):
        await journal.lock(sql, HOUSE_HOLDER)
        until = await sql.fetchval(PAID_UNTIL)
        if until is not None and last_day <= until:
            return NOTHING
        owed = await Payables(book).owed(sql, last_day)
        wanted = [each for each in owed if each.payable]
        payees = await payees_of(sql, wanted)
        due = [e for e in wanted if not to_accounts or payees[e.merchant_no].iban is not None]
        if due:
            await _pay(sql, book, due, payees, execute_on, last_day, now)
    return Paid(
        len(due),
        sum(sum(each.payable.values()) for each in due),
        sum(each.withheld_minor for each in owed),
        sum(1 for each in owed if min(each.voucher_minor, each.bank_minor, each.loss_minor) < 0),
        tuple(
            Unpaid(payee.acquirer, payee.mid, sum(each.payable.values()))
            for each in wanted
            if to_accounts and (payee := payees[each.merchant_no]).iban is None
        ),
    )


async def missed(tx: "Tx", book: Rulebook, due: date) -> list[Owed]:
    """Who could be paid for the days up to `due`; nobody once a run has paid those days."""
    until = await tx.fetchval(PAID_UNTIL)
    if until is not None and due <= until:
        return []
    return [each for each in await Payables(book).owed(tx, due) if each.payable]


async def payees_of(tx: "Tx", owed: Sequence[Owed]) -> Mapping[int, Payee]:
    """The merchants that are owed something, as they are now, by their number."""
    rows = await tx.fetch(PAYEES, [each.merchant_no for each in owed])
    return {number: msgspec.json.decode(record, type=Payee) for number, record in rows}


async def _pay(
    tx: "Tx",
    book: Rulebook,
    due: Sequence[Owed],
    payees: Mapping[int, Payee],
    execute_on: date,
    last_day: date,
    now: datetime,
) -> None:
    run_no = await tx.fetchval(ADD_RUN, last_day, execute_on, now)
    await Payables(book).settle(tx, last_day, due)
    first_seqs = await _book(tx, due, execute_on, now)
    numbers = [row[0] for row in await tx.fetch(NUMBERS, len(due))]
    rows = []
    for number, each, seq in zip(numbers, due, first_seqs, strict=True):
        payee = msgspec.json.encode(payees[each.merchant_no]).decode()
        rows.append((number, run_no, each.merchant_no, *_parts(each), seq, payee))
    await tx.execute(ADD, rows)


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
        return Change(transfers=movements)

    await journal.post_for_holder(tx, HOUSE_HOLDER, build)
    return first_seqs


def _parts(owed: Owed) -> tuple[int, int, int]:
    voucher, bank, loss = (owed.payable.get(source, 0) for source in Source)
    return voucher, bank, loss
