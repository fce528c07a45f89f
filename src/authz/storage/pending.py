"""The SQL that reads payments that wait for the bank: their legs and what they hold."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from authz.decide.topup import BankLeg, LegState
from authz.state import PaymentName, Pending
from authz.storage.rows import columns
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

READ_PENDING: Final = """
    select l.holder_id, l.number, l.state, l.amount_minor, l.left_minor, l.refunded_minor,
           l.notices, p.account_no, p.request, p.facts, p.reversed_by is not null
    from unnest($1::bigint[], $2::bigint[]) as w (holder_id, number)
    join pending_payments p on p.holder_id = w.holder_id and p.number = w.number
    join bank_legs l on l.holder_id = p.holder_id and l.number = p.number
"""
READ_HOLDS: Final = """
    select t.* from unnest($1::bigint[], $2::bigint[]) as w (holder_id, number)
    join transfers t on t.holder_id = w.holder_id and t.holder_id = any ($1)
        and t.authorization_id = w.number and t.kind = 'hold'
    order by t.holder_id, t.seq
"""


async def read_pending(sql: "Tx", names: Collection[PaymentName]) -> dict[PaymentName, Pending]:
    """Those of the named that wait for the bank."""
    if not names:
        return {}
    wanted = columns(sorted(names))
    rows = await sql.fetch(READ_PENDING, *wanted)
    if not rows:
        return {}
    holds: dict[PaymentName, list[Transfer]] = {}
    for row in await sql.fetch(READ_HOLDS, *wanted):
        hold = Transfer.from_row(row)
        holds.setdefault((hold.holder_id, hold.authorization_id or 0), []).append(hold)
    return {
        (row[0], row[1]): Pending(
            leg_of(row), row[7], row[8], row[9], tuple(holds.get((row[0], row[1]), ())), row[10]
        )
        for row in rows
    }


def leg_of(row: Any) -> BankLeg:
    """The first seven columns of a row of a leg."""
    holder_id, number, state, *rest = row[:7]
    return BankLeg(holder_id, number, LegState(state), *rest)
