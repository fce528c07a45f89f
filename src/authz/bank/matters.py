"""What is open between the bank and us, by number and age: for `/metrics`, and for the alarms."""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    import asyncpg

    from ledger.journal import Tx

WAITING_MAX_S: Final = 60
"""What still waits then has met neither its process nor the recovery."""
UNTOLD_MAX_S: Final = 600
"""A notice that the bank has not acknowledged by then needs somebody who calls them."""
# Each reads an index of open rows only. Ages are by the clock that the rows were written with: a
# payment's is the virtual one, a verification's (TOP-08) never is.
READ: Final = """
    with clock as (select coalesce(test_clock, clock_timestamp()) as now from control),
    waiting as (
        select count(*) as n, max(age) as age from (
            select c.now - reserved_at as age from pending_payments, clock c
            union all
            select clock_timestamp() - asked_at from bank_legs
            where state = 'ASKED' and kind = 'VERIFY'
        ) as each
    ),
    untold as (
        select count(*) as n, min(since) as since,
            count(*) filter (where response_code is not null) as refused
        from bank_notices where acknowledged_at is null
    ), unknown as (select count(*) as n from bank_legs where state = 'UNKNOWN')
    select w.n, coalesce(extract(epoch from w.age), 0)::float8,
        u.n, coalesce(extract(epoch from c.now - u.since), 0)::float8, u.refused, k.n
    from clock c, waiting w, untold u, unknown k
"""


class Matters(Struct, frozen=True):
    """Payments and verifications that wait, notices not acknowledged, legs that nobody knows.

    `refused` notices were answered by the bank, and not with yes.
    """

    waiting: int = 0
    waiting_s: float = 0.0
    untold: int = 0
    untold_s: float = 0.0
    refused: int = 0
    unknown: int = 0

    def alarms(self) -> dict[str, int]:
        """What somebody has to look at, by name and number."""
        return {
            "bank_payments_stuck": self.waiting if self.waiting_s > WAITING_MAX_S else 0,
            "bank_not_told": self.untold if self.untold_s > UNTOLD_MAX_S else 0,
            "bank_refuses_notices": self.refused,
        }


async def read_matters(tx: "Tx | asyncpg.Pool") -> Matters:
    """As it stands now."""
    row = await tx.fetchrow(READ)
    assert row is not None, "there is one clock"
    return Matters(*row)
