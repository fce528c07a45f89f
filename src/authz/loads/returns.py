"""What is to go back to employers, and what went: taken back, left by who left, never loaded.

The money stands on one account of the house (LOD-04, CRD-06); whose it is say the rows that explain
it. It is paid out by hand: here it is told, and booked once it has been.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from authz.loads import statements as sql
from authz.refusal import Refused, Unknown
from authz.state import HOUSE_HOLDER
from authz.storage.house import move_of_house
from authz.storage.reference import employer_of
from ledger import journal
from ledger.accounts import House
from rules.geography import civil_day, zone_of

if TYPE_CHECKING:
    from ledger.journal import Tx


class Owed(Struct, frozen=True):
    """What is to go back to one employer, in cents.

    What corrections took back, closed accounts left and frozen lines were paid for, less what was
    returned before.
    """

    employer: str
    name: str | None
    corrected_minor: int
    left_minor: int
    frozen_minor: int
    returned_minor: int
    owed_minor: int


async def owed_to_employers(tx: "Tx") -> list[Owed]:
    """By employer, those to whom something is owed; reads every booked line."""
    return [Owed(*row) for row in await tx.fetch(sql.OWED, None)]


async def return_to(tx: "Tx", employer: str, amount_minor: int, reference: str) -> bool:
    """So much was paid back to an employer by the transfer of this reference: book it, once.

    False where it was booked before. Runs in the caller's SQL transaction. Raises Unknown, and
    Refused as REFERENCE_USED (for another amount), MORE_THAN_OWED, or EMPLOYER_STOPPED while a
    payment of its own is to be made good.
    """
    row = await tx.fetchrow(sql.EMPLOYER, employer)
    if row is None:
        raise Unknown(f"there is no employer {employer}")
    number = row["employer_no"]
    await journal.lock(tx, HOUSE_HOLDER)  # of two at once the second sees what the first returned
    if (before_minor := await tx.fetchval(sql.RETURNED, number, reference)) is not None:
        if before_minor != amount_minor:
            raise Refused("REFERENCE_USED", f"{reference} was booked before, for {before_minor}")
        return False
    if (stopped := await tx.fetchval(sql.STOPPED, number)) is not None:
        raise Refused("EMPLOYER_STOPPED", f"the payment of {stopped} bounced: nothing goes back")
    owed = await tx.fetchrow(sql.OWED, number)
    owed_minor = 0 if owed is None else Owed(*owed).owed_minor
    if amount_minor > owed_minor:
        raise Refused("MORE_THAN_OWED", f"{owed_minor} cents are owed to {employer}")
    now = row["test_clock"] or datetime.now(UTC)
    day = civil_day(now, zone_of(employer_of(row["record"]).workplace.department))
    await tx.execute(sql.ADD_RETURN, number, reference, amount_minor, now)
    money = House.RETURNED_TO_EMPLOYER, House.TRUST_CASH, amount_minor
    await move_of_house(tx, *money, day, now)
    return True
