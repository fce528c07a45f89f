"""Vouchers that leave an account and are no purchase: oldest first, outside the daily cap (VIN-03).

Gifts and paper share the counter: who stands there, what they may spend on the workplace's day, and
the movements to one account of the house. Each has a row of its own that says what it was.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, msgpack

from authz.refusal import Refused, Unknown
from authz.state import HolderAccount, Profile
from authz.storage.reference import employer_of
from ledger import journal
from ledger.accounts import House, lot_account
from ledger.journal import Change, Locked
from ledger.laws import Law
from ledger.transfers import Transfer
from rules.decision import Debit
from rules.facts import AccountStatus, Lot
from rules.geography import civil_day, zone_of
from rules.rulebook import Rulebook
from rules.vouchers import take, usable_lots

if TYPE_CHECKING:
    from ledger.journal import Tx

ACCOUNT: Final = """
    select c.test_clock, h.holder_id, h.profile from directory d join holders h using (holder_id)
    cross join control c where d.kind = 'account' and d.name = $1
"""
EMPLOYER: Final = "select record from employers where employer_no = $1"
WITHDRAWALS_ARE_NOTED: Final = Law(
    "withdrawals_are_noted",
    "what left a holder as gift or paper is what its gifts and conversions say",
    """
    with booked as (
        select holder_id, credit_account, sum(amount_minor) as minor from transfers
        where kind = 'direct' and credit_account = any ($2) group by 1, 2
    ), noted as (
        select holder_id, ($2::int[])[1]::bigint as credit_account, sum(amount_minor) as minor
        from gifts group by 1
        union all
        select holder_id, ($2::int[])[2]::bigint, sum(amount_minor)
        from paper_conversions group by 1
    ), compared as (
        select holder_id, credit_account, b.minor as booked, n.minor as noted
        from booked b full join noted n using (holder_id, credit_account)
    )
    select (select count(*) from compared), array(
        select format('holder %s, account %s: booked %s, noted %s',
            holder_id, credit_account, booked, noted)
        from compared where booked is distinct from noted order by 1 limit $1)
    """,
    ([int(House.CHARITY), int(House.PAPER)],),
)

_decode: Final = msgpack.Decoder(Profile).decode


class Customer(Struct, frozen=True):
    """Who stands at the counter: the account, the employer's record, and when it is there."""

    holder_id: int
    held: HolderAccount
    employer_record: str
    book: Rulebook
    now: datetime

    @property
    def day(self) -> date:
        """The civil day of the workplace."""
        return civil_day(self.now, zone_of(employer_of(self.employer_record).workplace.department))


class Withdrawn(Struct, frozen=True):
    """What was taken, by lot, and what is left to spend, in cents. `last_seq` is its last move."""

    last_seq: int
    debits: tuple[Debit, ...]
    left_minor: int


async def customer_of(tx: "Tx", account: str, books: Mapping[str, Rulebook]) -> Customer:
    """The account's holder. Raises Unknown, and Refused as ACCOUNT_CLOSED."""
    row = await tx.fetchrow(ACCOUNT, account)
    if row is None:
        raise Unknown("there is no such account")
    held = _decode(row["profile"]).account_named(account)
    if held.account.status is AccountStatus.CLOSED:
        raise Refused("ACCOUNT_CLOSED", "the account is closed")
    record = await tx.fetchval(EMPLOYER, held.employer_no)
    book, now = books[held.account.programme], row["test_clock"] or datetime.now(UTC)
    return Customer(row["holder_id"], held, record, book, now)


async def withdraw(
    tx: "Tx",
    customer: Customer,
    amount_minor: int,
    to: House,
    fit: Callable[[Sequence[Debit]], None] = lambda _debits: None,
) -> Withdrawn:
    """Take so much, in the caller's SQL transaction; `fit` may refuse what would be taken.

    Raises Refused as INSUFFICIENT_BALANCE.
    """
    day, done = customer.day, []

    def build(locked: Locked) -> Change:
        lots = usable_lots(_lots(locked, customer.held), day, customer.book.on(day))
        left_minor = sum(lot.available_minor for lot in lots) - amount_minor
        if left_minor < 0:
            raise Refused("INSUFFICIENT_BALANCE", "there are not so many vouchers left")
        debits = take(lots, amount_minor)
        fit(debits)
        done.append((debits, left_minor))
        return _change(locked, debits, to, day, customer.now)

    running = await journal.post_for_holder(tx, customer.holder_id, build)
    return Withdrawn(running.last_seq, *done[-1])


def _lots(locked: Locked, held: HolderAccount) -> list[Lot]:
    available = locked.running.lot_available
    return [
        Lot(lot.lot_no, lot.vintage, lot.origin, lot.loaded_on, available[lot.lot_no - 1])
        for lot in _decode(locked.profile).lots_of(held.account.account_no)
    ]


def _change(locked: Locked, debits: Sequence[Debit], to: House, day: date, at: datetime) -> Change:
    holder_id, last_seq = locked.running.holder_id, locked.running.last_seq
    moves = []
    for seq, debit in enumerate(debits, last_seq + 1):
        lot = lot_account(holder_id, debit.lot_no)
        moves.append(Transfer.direct(holder_id, seq, lot, to, debit.amount_minor, None, day, at))
    return Change(transfers=moves)
