"""Merchants that nobody registered: what was advised there is spent, and somebody must be found.

The money waits in an account of the house (ADV-01). It is owed within the days of R.3262-25 like
any other, and leaves only by hand: whose it is says what the advices named.
"""

from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.accounts import House

if TYPE_CHECKING:
    from ledger.journal import Tx

STANDING: Final = """
    with moved as (
        select coalesce(s.acquirer, a.acquirer) as acquirer, coalesce(s.mid, a.mid) as mid,
            coalesce(s.business_day, a.business_day) as business_day,
            case when t.credit_account = $1 then t.amount_minor else -t.amount_minor end as minor
        from transfers t
        join authorizations a
            on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
        left join transfers o on o.holder_id = t.holder_id and o.seq = t.about_seq
        left join authorizations s
            on s.holder_id = o.holder_id and s.authorization_id = o.authorization_id
        where $1 in (t.debit_account, t.credit_account) and t.kind in ('direct', 'post')
    )
    select moved.acquirer, moved.mid, min(business_day), sum(minor)::bigint,
        bool_or(m.merchant_no is not null)
    from moved left join merchants m on m.acquirer = moved.acquirer and m.mid = moved.mid
    group by 1, 2 having sum(minor) <> 0 order by 1, 2
"""


class Stranger(Struct, frozen=True):
    """A merchant as advices name it, and the cents that stand for it since its first one.

    `registered`: there is one of this name by now.
    """

    acquirer: str
    mid: str
    since: date
    minor: int
    registered: bool


async def strangers(tx: "Tx") -> list[Stranger]:
    """All of them; reads every movement of the account."""
    return [Stranger(*row) for row in await tx.fetch(STANDING, int(House.UNREGISTERED))]
