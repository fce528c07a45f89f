"""Vouchers given to a charity: debited as a purchase would be, outside the daily cap (VIN-03).

Only charities that the issuer knows can be given to; what they are owed stands on one account.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.reference import employer_of
from authz.refusal import Refused, Unknown
from authz.state import HolderAccount, Profile
from ledger import journal
from ledger.accounts import House, lot_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer
from rules.facts import AccountStatus, Lot
from rules.geography import civil_day, zone_of
from rules.rulebook import Rulebook
from rules.vouchers import take, usable_lots

if TYPE_CHECKING:
    from datetime import date

    from ledger.journal import Tx

ACCOUNT: Final = """
    select c.test_clock, h.holder_id, h.profile from directory d join holders h using (holder_id)
    cross join control c where d.kind = 'account' and d.name = $1
"""
EMPLOYER: Final = "select record from employers where employer_no = $1"
CHARITY: Final = "select name from charities where charity_id = $1"
ADD_CHARITY: Final = """
    insert into charities (charity_id, name) values ($1, $2) on conflict do nothing
"""
NOTE: Final = """
    insert into gifts (holder_id, last_seq, account_no, charity_id, amount_minor, given_at)
    values ($1, $2, $3, $4, $5, $6)
"""

_decode: Final = msgpack.Decoder(Profile).decode


class Gift(Struct, frozen=True):
    """A gift as it was booked, in cents, with what is left to spend."""

    charity: str
    amount_minor: int
    balance_minor: int


async def add_charity(tx: "Tx", charity_id: str, name: str) -> None:
    """Let people give to this charity; a known one keeps its name."""
    await tx.execute(ADD_CHARITY, charity_id, name)


async def give(
    tx: "Tx", account: str, charity: str, amount_minor: int, books: Mapping[str, Rulebook]
) -> Gift:
    """Give so much, oldest vouchers first, in the caller's SQL transaction.

    Raises Unknown and Refused.
    """
    row = await tx.fetchrow(ACCOUNT, account)
    if row is None:
        raise Unknown("there is no such account")
    name = await tx.fetchval(CHARITY, charity)
    if name is None:
        raise Refused("UNKNOWN_CHARITY", "this charity is not known here")
    held = next(h for h in _decode(row["profile"]).accounts if h.account.account_id == account)
    if held.account.status is AccountStatus.CLOSED:
        raise Refused("ACCOUNT_CLOSED", "the account is closed")
    now = row["test_clock"] or datetime.now(UTC)
    day = await _day(tx, held, now)
    book = books[held.account.programme]
    left: list[int] = []

    def build(locked: Locked) -> Change:
        lots = usable_lots(_lots(locked, held), day, book.on(day))
        left.append(sum(lot.available_minor for lot in lots) - amount_minor)
        if left[0] < 0:
            raise Refused("INSUFFICIENT_BALANCE", "there are not so many vouchers left")
        return _change(locked, take(lots, amount_minor), day, now)

    running = await journal.post_for_holder(tx, row["holder_id"], build)
    numbers = running.holder_id, running.last_seq, held.account.account_no
    await tx.execute(NOTE, *numbers, charity, amount_minor, now)
    return Gift(name, amount_minor, left[0])


async def _day(tx: "Tx", held: HolderAccount, now: datetime) -> "date":
    record = await tx.fetchval(EMPLOYER, held.employer_no)
    return civil_day(now, zone_of(employer_of(record).workplace.department))


def _lots(locked: Locked, held: HolderAccount) -> list[Lot]:
    available = locked.running.lot_available
    return [
        Lot(lot.lot_no, lot.vintage, lot.origin, lot.loaded_on, available[lot.lot_no - 1])
        for lot in _decode(locked.profile).lots
        if lot.account_no == held.account.account_no
    ]


def _change(locked: Locked, debits: Any, day: "date", at: datetime) -> Change:
    running = locked.running
    moves = [
        Transfer.direct(
            running.holder_id,
            running.last_seq + place,
            lot_account(running.holder_id, debit.lot_no),
            House.CHARITY,
            debit.amount_minor,
            None,
            day,
            at,
        )
        for place, debit in enumerate(debits, 1)
    ]
    return Change(moves)
