"""A transfer to a merchant that the bank gave back: booked once, and owed again.

The whole of it comes back to the account that it left (pacs.004), and waits for the next run under
the settlement date of its return. What was sold is as old as it was: none of it is late (VIN-12).
"""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from authz.refusal import Refused, Unknown
from authz.settlement.closing import settlement_date
from authz.settlement.payment_file import DEBTOR_ACCOUNTS, find_payment
from authz.settlement.remit import PAID_FROM
from authz.state import HOUSE_HOLDER
from authz.storage.clock_row import civil_instant
from authz.storage.house import move_of_house
from ledger import journal
from ledger.accounts import payable_account

if TYPE_CHECKING:
    from ledger.journal import Tx

MERCHANT: Final = "select merchant_no from remittances where remittance_no = $1"
BEFORE: Final = """
    select returned_on from remittance_returns where remittance_no = $1 and source = $2
"""
ADD: Final = """
    insert into remittance_returns (remittance_no, source, minor, returned_on, booked_at)
    values ($1, $2, $3, $4, $5)
"""
# Less was settled than was paid: what is open then is paid by the run that takes this day.
OWE_AGAIN: Final = """
    insert into payable_days as was
        (merchant_no, business_day, source, vintage, presented_on, minor, settled_minor)
    values ($1, $2, $3, 0, $2, 0, -$4::bigint)
    on conflict (merchant_no, business_day, source, vintage, presented_on)
        do update set settled_minor = was.settled_minor - $4
"""


class Bounced(Struct, frozen=True):
    """A payment that came back, in cents; `fresh` unless it was booked before."""

    acquirer: str
    mid: str
    minor: int
    returned_on: date
    fresh: bool


async def take_back(tx: "Tx", end_to_end_id: str) -> Bounced:
    """Book that this transfer came back, in the caller's SQL transaction; again changes nothing.

    Raises Unknown, and Refused as NOT_PAID_YET before the day on which it was to leave.
    """
    await journal.lock(tx, HOUSE_HOLDER)  # of two at once the second sees what the first booked
    run = await find_payment(tx, end_to_end_id)
    if run is None:
        raise Unknown("no payment of ours has this end-to-end id")
    [paid], letter = run.remittances, end_to_end_id.strip()[-1]
    [source] = (each for each, account in DEBTOR_ACCOUNTS.items() if account.value == letter)
    minor, payee = paid.by_source[source], paid.payee
    if not minor:
        raise Unknown("no payment of ours has this end-to-end id")
    now = await civil_instant(tx, datetime.now(UTC))
    today = await settlement_date(tx, now)
    before = await tx.fetchval(BEFORE, paid.number, source.value)
    if before is not None:
        return Bounced(payee.acquirer, payee.mid, minor, before, fresh=False)
    if today < run.execute_on:
        raise Refused("NOT_PAID_YET", f"it leaves on {run.execute_on}")
    merchant_no = await tx.fetchval(MERCHANT, paid.number)
    await tx.execute(ADD, paid.number, source.value, minor, today, now)
    owed_to = payable_account(merchant_no)
    await move_of_house(tx, PAID_FROM[source], owed_to, minor, today, now)
    await tx.execute(OWE_AGAIN, merchant_no, today, source.value, minor)
    return Bounced(payee.acquirer, payee.mid, minor, today, fresh=True)
