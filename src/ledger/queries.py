"""The reader of the books: movements, use of a day and lots, straight from the rows.

All statements filter by holder where a holder is known, so that they stay on one shard.
"""

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.accounts import SPENT, holder_of
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

OF_AUTHORIZATIONS = """
    select * from transfers
    where holder_id = any ($1) and authorization_id = any ($2) order by holder_id, seq
"""

# In the order of the primary key, behind the last one that was shown.
PAGE = """
    select * from transfers
    where ($1::bigint is null or (holder_id, seq) > ($1, $2::bigint))
        and ($3::bigint is null or holder_id = $3)
        and ($4::bigint is null or debit_account = $4 or credit_account = $4)
        and ($5::bigint is null or authorization_id = $5)
    order by holder_id, seq limit $6
"""

USAGE = """
    with used as (
        select holder_id, debit_account as lot, day, amount_minor as minor from transfers
        where holder_id = any ($1) and day between $2 and $3 and kind in ('direct', 'hold')
            and debit_account >= 4096 and (credit_account < 0 or credit_account = any ($4))
        union all
        select holder_id, credit_account, day, -amount_minor from transfers
        where holder_id = any ($1) and day between $2 and $3 and kind = 'direct'
            and credit_account >= 4096 and (debit_account < 0 or debit_account = any ($4))
        union all
        select s.holder_id, s.debit_account, s.day,
            case s.kind when 'post' then s.amount_minor else 0 end - h.amount_minor
        from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
        where s.holder_id = any ($1) and h.holder_id = any ($1) and s.day between $2 and $3
            and s.kind in ('post', 'void')
            and s.debit_account >= 4096 and (s.credit_account < 0 or s.credit_account = any ($4))
    )
    select holder_id, (lot & 4095)::int as lot_no, day, sum(minor)::bigint as used_minor
    from used group by holder_id, lot, day having sum(minor) <> 0 order by holder_id, day, lot
"""

LOTS = """
    select a.holder_id, (a.account_id & 4095)::int as lot_no, a.vintage, a.origin, a.from_vintage,
        a.loaded_on,
        coalesce(h.lot_available[(a.account_id & 4095)::int], 0) as available_minor,
        coalesce(h.lot_held[(a.account_id & 4095)::int], 0) as held_minor
    from ledger_accounts a join holders h using (holder_id)
    where a.holder_id = $1 and h.holder_id = $1 and a.kind = 'HOLDER_LOT' order by a.account_id
"""


class UsedOfLot(Struct, frozen=True):
    """Voucher money of one lot used or held on one civil day."""

    holder_id: int
    lot_no: int
    day: date
    used_minor: int


class LotRow(Struct, frozen=True):
    """A lot with its running figures, in cents."""

    holder_id: int
    lot_no: int
    vintage: int
    origin: str
    from_vintage: int | None
    loaded_on: date
    available_minor: int
    held_minor: int


async def transfers_of_authorizations(
    tx: "Tx", holder_ids: Collection[int], authorization_ids: Collection[int]
) -> list[Transfer]:
    """The movements that these authorizations made, in the order of the books."""
    rows = await tx.fetch(OF_AUTHORIZATIONS, list(holder_ids), list(authorization_ids))
    return [Transfer.from_row(row) for row in rows]


async def page_of_transfers(
    tx: "Tx",
    count_max: int,
    after: tuple[int, int] | None = None,
    *,
    holder_id: int | None = None,
    account_id: int | None = None,
    authorization_id: int | None = None,
) -> list[Transfer]:
    """Movements by holder and number, at most `count_max`, behind the pair `after`.

    Every filter narrows; one for an account of the house or of a merchant alone costs a scan.
    """
    if account_id is not None and holder_id is None:
        holder_id = holder_of(account_id) or None
    holder, seq = after or (None, None)
    rows = await tx.fetch(PAGE, holder, seq, holder_id, account_id, authorization_id, count_max)
    return [Transfer.from_row(row) for row in rows]


async def usage_of(
    tx: "Tx", holder_ids: Collection[int], first_day: date, last_day: date
) -> list[UsedOfLot]:
    """`U(D)` by holder, day and lot, from the books themselves; both days are included.

    Holds count in full from their instant (CAP-06); what fell free or was given back lowers the
    day of its original (CAP-07).
    """
    spent = [int(house) for house in SPENT]
    rows = await tx.fetch(USAGE, list(holder_ids), first_day, last_day, spent)
    return [UsedOfLot(*row) for row in rows]


async def lots_of(tx: "Tx", holder_id: int) -> list[LotRow]:
    """The lots of a holder, by number."""
    return [LotRow(*row) for row in await tx.fetch(LOTS, holder_id)]
