"""What was lost, by employer: to be shared out to the works councils (R.3262-14)."""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from ledger.journal import Tx

SHARES: Final = """
    select e.employer_id, e.record ->> 'name' as name, m.vintage,
        count(distinct m.holder_id)::int as holders, sum(m.amount_minor)::bigint as lost_minor
    from vintage_moves m join employers e using (employer_no)
    where m.reason = 'LOST' and m.vintage = $1
    group by e.employer_id, name, m.vintage order by e.employer_id
"""


class Share(Struct, frozen=True):
    """One employer's part of a lost vintage, in cents."""

    employer: str
    name: str | None
    vintage: int
    holders: int
    lost_minor: int


async def shares_of(tx: "Tx", vintage: int) -> list[Share]:
    """The shares of a vintage, by employer; those who lost nothing are not named."""
    return [Share(*row) for row in await tx.fetch(SHARES, vintage)]
