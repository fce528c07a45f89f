"""The movements of one account, newest first, each with the balance that it left."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.ids import public_id
from authz.state import Profile
from ledger.accounts import AccountKind, House, kind_of, lot_account

if TYPE_CHECKING:
    from ledger.journal import Tx

ACCOUNT: Final = """
    select d.holder_id, h.profile from directory d join holders h using (holder_id)
    where d.kind = 'account' and d.name = $1
"""
# What is held is not available: a hold takes from the balance, its end gives back what is over.
# The bank card's part ($5 is its account in the books, $6 ours) moves no balance of vouchers.
PAGE: Final = """
    with moved as (
        select t.*,
            case when t.credit_account = any ($2) and t.kind = 'direct' then t.amount_minor
                else 0 end
            + case when t.debit_account <> all ($2) then 0
                when t.kind in ('direct', 'hold') then -t.amount_minor
                when t.kind = 'post' then h.amount_minor - t.amount_minor
                else h.amount_minor end as change
        from transfers t
        left join transfers h on h.holder_id = t.holder_id and h.seq = t.about_seq
            and h.kind = 'hold'
        left join authorizations p on p.holder_id = $1 and p.account_no = $6
            and p.authorization_id = t.authorization_id
            and (t.debit_account = $5 or t.credit_account = $5)
        where t.holder_id = $1 and (t.debit_account = any ($2) or t.credit_account = any ($2)
            or p.holder_id is not null)
    ), stood as (
        select moved.*, sum(change) over (order by seq)::bigint as balance from moved
    )
    select s.seq, s.kind as movement, s.debit_account, s.credit_account, s.amount_minor, s.day,
        s.at, s.change, s.balance, a.kind as asked, a.mid,
        coalesce(r.about_id, a.about_id, a.authorization_id) as payment
    from stood s
    left join authorizations a
        on a.holder_id = $1 and a.authorization_id = s.authorization_id
    left join authorizations r
        on r.holder_id = $1 and r.authorization_id = a.about_id and r.kind = 'REFUND'
    where $3::bigint is null or s.seq < $3 order by s.seq desc limit $4
"""

_decode_profile: Final = msgpack.Decoder(Profile).decode


class Entry(Struct, frozen=True):
    """One movement of a lot, in cents: the amount, what it did to the balance, and that balance.

    Or of the bank card (no `vintage`), which leaves the balance as it is (TOP-13).
    `kind` is what was asked, or what moved money without a request (LOAD, EXCHANGE, EXPIRED ...).
    `movement` is `hold`, its settlement (`post`, `void`), or `direct`, which needs no other.
    `day` is the civil day that it counts for, `payment` the public id of the payment it is part of.
    """

    seq: int
    at: datetime
    day: date
    kind: str
    movement: str
    vintage: int | None
    amount_minor: int
    change_minor: int
    balance_minor: int
    payment: str | None
    mid: str | None


async def movements_of(
    tx: "Tx", account: str, count_max: int, before: int | None = None
) -> list[Entry] | None:
    """At most so many entries, older than number `before`; None where there is no such account."""
    row = await tx.fetchrow(ACCOUNT, account)
    if row is None:
        return None
    holder_id, profile = row["holder_id"], _decode_profile(row["profile"])
    number = profile.account_named(account).account.account_no
    vintages = {lot_account(holder_id, lot.lot_no): lot.vintage for lot in profile.lots_of(number)}
    bank = int(House.BANK_RECEIVABLE)
    rows = await tx.fetch(PAGE, holder_id, list(vintages), before, count_max, bank, number)
    return [_entry(holder_id, row, vintages) for row in rows]


def _entry(holder_id: int, row: Any, vintages: dict[int, int]) -> Entry:
    debit, credit = row["debit_account"], row["credit_account"]
    return Entry(
        row["seq"],
        row["at"],
        row["day"],
        row["asked"] or _kind(debit, credit),
        row["movement"],
        vintages.get(credit, vintages.get(debit)),
        row["amount_minor"],
        row["change"],
        row["balance"],
        None if row["payment"] is None else public_id(holder_id, row["payment"]),
        row["mid"] or None,
    )


def _kind(debit: int, credit: int) -> str:
    """What a movement without a request is, by the accounts between which it goes."""
    if kind_of(credit) is not AccountKind.HOLDER_LOT:
        return kind_of(credit).value
    return "LOAD" if kind_of(debit) is AccountKind.EMPLOYER_PREPAID else "EXCHANGE"
