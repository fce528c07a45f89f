"""0500 and 0520: an acquirer's counts and amounts of a settlement date, held against the books.

The figures are read from the movements that the acquirer's payments made, never from what was
answered: the answer says in balance only if the money is where the acquirer believes it to be.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import astuple

from authz.iso8583 import numbers as de
from ledger.accounts import House

if TYPE_CHECKING:
    from ledger.journal import Tx

IN_BALANCE: Final = "1"
OUT_OF_BALANCE: Final = "2"
COUNTS: Final = (74, 75, 76, 77, 81)
AMOUNTS: Final = (86, 87, 88, 89)
UNREGISTERED: Final = [int(House.UNREGISTERED), int(House.SUSPENSE)]
"""What merchants that nobody registered are owed; once it stood in the employers' suspense."""
MANDATORY: Final = (7, 11, 15, 32, de.SETTLEMENT_CODE, *COUNTS, *AMOUNTS, de.NET)

# What an acquirer calls a debit is a movement towards a merchant (or, for an advice of a merchant
# that nobody registered, towards what such are owed: $3); a credit or a reversal is one away from
# there; an advice about a payment gives back what that was cleared for less (ADV-03), and never
# pays. What came over HTTP, without a terminal, is not in an acquirer's figures. The movements of
# an authorization stand within a day of it, so that both tables are read by their blocks.
TOTALS: Final = """
    with decided as materialized (
        select holder_id, authorization_id, at,
            case when kind = 'ADVICE' and about_id is not null then 'REVERSAL' else kind end as kind
        from authorizations
        where business_day = $2 and acquirer = $1 and reason in ('APPROVED', 'APPROVED_PARTIAL')
            and terminal <> ''
    ), moved as (
        select holder_id, authorization_id,
            coalesce(sum(amount_minor) filter
                (where credit_account < 0 or credit_account = any ($3)), 0)::bigint as paid_minor,
            coalesce(sum(amount_minor) filter
                (where debit_account < 0 or debit_account = any ($3)), 0)::bigint as back_minor
        from transfers
        where kind in ('direct', 'post') and authorization_id is not null
            and at >= (select min(at) - interval '1 day' from decided)
            and at <= (select max(at) + interval '1 day' from decided)
        group by holder_id, authorization_id
    ), effects as (
        select d.kind, coalesce(m.paid_minor, 0) as paid_minor,
            coalesce(m.back_minor, 0) as back_minor
        from decided d left join moved m using (holder_id, authorization_id)
    )
    select
        count(*) filter (where kind = 'REFUND' and back_minor > 0) as credits,
        count(*) filter (where kind = 'REFUND_REVERSAL' and paid_minor > 0) as credit_reversals,
        count(*) filter (where kind = 'PURCHASE'
            or (kind in ('CAPTURE', 'ADVICE') and paid_minor > 0)) as debits,
        count(*) filter (where kind = 'REVERSAL' and back_minor > 0) as debit_reversals,
        count(*) filter (where kind = 'HOLD') as authorizations,
        coalesce(sum(back_minor) filter (where kind = 'REFUND'), 0)::bigint,
        coalesce(sum(paid_minor) filter (where kind = 'REFUND_REVERSAL'), 0)::bigint,
        coalesce(sum(paid_minor) filter
            (where kind in ('PURCHASE', 'CAPTURE', 'ADVICE')), 0)::bigint,
        coalesce(sum(back_minor) filter (where kind = 'REVERSAL'), 0)::bigint
    from effects
"""


class Totals(Struct, frozen=True):
    """Counts and amounts from the acquirer's view, in cents, in the order of their fields.

    Credits are refunds, debits are purchases and completions; a reversal of a hold moved no money
    and counts nowhere.
    """

    credits: int = 0
    credit_reversals: int = 0
    debits: int = 0
    debit_reversals: int = 0
    authorizations: int = 0
    credits_minor: int = 0
    credit_reversals_minor: int = 0
    debits_minor: int = 0
    debit_reversals_minor: int = 0

    @property
    def net_minor(self) -> int:
        """What is due to the acquirer, above zero when purchases outweigh what came back."""
        due_minor = self.debits_minor + self.credit_reversals_minor
        return due_minor - self.credits_minor - self.debit_reversals_minor


def told_totals(fields: Mapping[int, str]) -> Totals:
    """The acquirer's own figures; all the `MANDATORY` fields are there and are digits."""
    return Totals(*(int(fields[number]) for number in (*COUNTS, *AMOUNTS)))


def told_net_minor(fields: Mapping[int, str]) -> int:
    """DE97: D and an amount where the debits outweigh, C and an amount where they do not."""
    amount_minor = int(fields[de.NET][1:])
    return amount_minor if fields[de.NET][0] == "D" else -amount_minor


def agrees(fields: Mapping[int, str], ours: Totals) -> bool:
    """Whether the acquirer's figures are ours, its net included."""
    return told_totals(fields) == ours and told_net_minor(fields) == ours.net_minor


def as_fields(ours: Totals) -> dict[int, str]:
    """Our figures as fields: they show an acquirer that is out of balance by how much it is."""
    values = astuple(ours)
    counts = zip(COUNTS, values, strict=False)
    amounts = zip(AMOUNTS, values[len(COUNTS) :], strict=True)
    sign = "D" if ours.net_minor > 0 else "C"
    return {
        **{number: f"{count:010d}" for number, count in counts},
        **{number: f"{amount_minor:016d}" for number, amount_minor in amounts},
        de.NET: f"{sign}{abs(ours.net_minor):016d}",
    }


async def totals_of(tx: "Tx", acquirer: str, business_day: date) -> Totals:
    """What the books say of an acquirer's payments of one settlement date; one statement."""
    row = await tx.fetchrow(TOTALS, acquirer, business_day, UNREGISTERED)
    assert row is not None, "an aggregate is always one row"
    return Totals(*row)
