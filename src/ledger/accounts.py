"""The chart of accounts: whose money a number of the books means, and on which side it grows.

Three families share one number line. A lot of a holder is `holder_id * 4096 + lot_no`, so that
the person can be read off the number; the house has its accounts from 1 to 4095; what is owed to
a merchant is `-merchant_no`. Nothing else is an account.
"""

from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Any, Final, Self

from msgspec import Struct
from msgspec.structs import astuple

LOT_BITS: Final = 12
LOT_NO_MAX: Final = (1 << LOT_BITS) - 1
"""Lots of one holder are numbered from 1 to here: a load a week for 78 years."""

HOLDER_ID_MAX: Final = (1 << (63 - LOT_BITS)) - 1
MERCHANT_NO_MAX: Final = (1 << 63) - 1

assert LOT_NO_MAX == 4095
assert (HOLDER_ID_MAX << LOT_BITS) + LOT_NO_MAX == (1 << 63) - 1  # a PostgreSQL bigint, full


class Side(Enum):
    """The side of the books on which an account normally stands."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class AccountKind(StrEnum):
    """What an account is for; the words of `ledger_accounts.kind`."""

    HOLDER_LOT = "HOLDER_LOT"
    MERCHANT_PAYABLE = "MERCHANT_PAYABLE"
    TRUST_CASH = "TRUST_CASH"
    EMPLOYER_PREPAID = "EMPLOYER_PREPAID"
    RETURNED_TO_EMPLOYER = "RETURNED_TO_EMPLOYER"
    SUSPENSE = "SUSPENSE"
    BANK_RECEIVABLE = "BANK_RECEIVABLE"
    OWN_CASH = "OWN_CASH"
    EXPIRED = "EXPIRED"
    LOST = "LOST"
    PAPER = "PAPER"
    CHARITY = "CHARITY"
    UNREGISTERED = "UNREGISTERED"
    OPENING_SPEND = "OPENING_SPEND"
    ISSUER_LOSS = "ISSUER_LOSS"
    FEES = "FEES"


class House(IntEnum):
    """The numbers of the house accounts. A number, once used, never changes its meaning."""

    TRUST_CASH = 100
    BANK_RECEIVABLE = 110
    OWN_CASH = 120
    EMPLOYER_PREPAID = 200
    RETURNED_TO_EMPLOYER = 210
    SUSPENSE = 220
    CHARITY = 230
    UNREGISTERED = 240
    EXPIRED = 300
    LOST = 310
    PAPER = 320
    OPENING_SPEND = 400
    ISSUER_LOSS = 500
    FEES = 600


class Entry(Struct, frozen=True):
    """One line of the chart. `number` is None for the two families that have many members."""

    kind: AccountKind
    number: House | None
    name: str
    normal: Side
    meaning: str
    source: str = ""


K, D, C = AccountKind, Side.DEBIT, Side.CREDIT

CHART: Final = (
    Entry(K.HOLDER_LOT, None, "Vouchers of one emission of a holder", C,
          "what the holder may still spend of one load, one vintage", "R.3262-1-1 4°"),
    Entry(K.MERCHANT_PAYABLE, None, "Owed to a merchant", C,
          "what was paid with vouchers or topped up there and is to be reimbursed", "L.3262-3"),
    Entry(K.TRUST_CASH, House.TRUST_CASH, "Voucher bank account", D,
          "the bank account that holds employers' money and nothing else", "L.3262-2"),
    Entry(K.BANK_RECEIVABLE, House.BANK_RECEIVABLE, "Due from holders' bank cards", D,
          "bank legs of top-ups: never voucher money", "L.3262-2 al. 3, TOP-13"),
    Entry(K.OWN_CASH, House.OWN_CASH, "Own bank account", D,
          "the issuer's own money, which pays merchants for its losses", "L.3262-2"),
    Entry(K.EMPLOYER_PREPAID, House.EMPLOYER_PREPAID, "Employers' prepayments", C,
          "paid by employers, not yet delivered as vouchers", "R.3262-22"),
    Entry(K.RETURNED_TO_EMPLOYER, House.RETURNED_TO_EMPLOYER, "To return to employers", C,
          "loads taken back while unspent, or paid and not delivered", "LOD-04, CRD-06"),
    Entry(K.SUSPENSE, House.SUSPENSE, "Employers' suspense", C,
          "refunds to accounts that have been closed", "REF-05"),
    Entry(K.CHARITY, House.CHARITY, "Given to charities", C,
          "vouchers that holders gave away, to be paid out to charities we know"),
    Entry(K.UNREGISTERED, House.UNREGISTERED, "Owed to merchants nobody registered", C,
          "advices of payments at merchants we do not know: spent, and still to be reimbursed",
          "ADV-01"),
    Entry(K.EXPIRED, House.EXPIRED, "Expired vouchers", C,
          "past their last day of use, exchangeable on request until 31 March",
          "R.3262-5 al. 3, R.3262-12"),
    Entry(K.LOST, House.LOST, "Lost vouchers", C,
          "never exchanged: to be shared out to works councils", "R.3262-14"),
    Entry(K.PAPER, House.PAPER, "Converted to paper", C,
          "for employees who work mainly outside the premises", "R.3262-1-2 6°, VIN-11"),
    Entry(K.OPENING_SPEND, House.OPENING_SPEND, "Spent before these books", C,
          "voucher use of earlier days that came in with an opening balance"),
    Entry(K.ISSUER_LOSS, House.ISSUER_LOSS, "Loss of the issuer", D,
          "offline approvals beyond the holder's funds", "ADV-01"),
    Entry(K.FEES, House.FEES, "Fees", C, "what employers and merchants pay for the service"),
)  # fmt: skip

SPENT: Final = (House.UNREGISTERED, House.OPENING_SPEND)
"""Accounts of the house where vouchers that went there are spent.

Before `UNREGISTERED` there was, what went to merchants that nobody registered went to `SUSPENSE`
and did not count. It is left so: what was decided then was shown that use, and no other.
"""

KIND_OF_HOUSE: Final[dict[int, AccountKind]] = {
    entry.number: entry.kind for entry in CHART if entry.number is not None
}

assert [entry.kind for entry in CHART if entry.number is None] == [
    K.HOLDER_LOT,
    K.MERCHANT_PAYABLE,
]
assert set(KIND_OF_HOUSE) == set(House)
assert {entry.kind for entry in CHART} == set(AccountKind)
assert all(1 <= house <= LOT_NO_MAX for house in House)


def lot_account(holder_id: int, lot_no: int) -> int:
    """The account of a holder's lot; `lot_no` counts from 1."""
    assert 1 <= holder_id <= HOLDER_ID_MAX, "no such holder"
    assert 1 <= lot_no <= LOT_NO_MAX, "no such lot"
    return holder_id << LOT_BITS | lot_no


def payable_account(merchant_no: int) -> int:
    """The account of what is owed to a merchant."""
    assert 1 <= merchant_no <= MERCHANT_NO_MAX, "no such merchant"
    return -merchant_no


def is_lot(account_id: int) -> bool:
    """Whether the number means a lot of a holder."""
    return account_id > LOT_NO_MAX and account_id & LOT_NO_MAX != 0


def is_payable(account_id: int) -> bool:
    """Whether the number means what is owed to a merchant."""
    return account_id < 0


def is_spending(account_id: int) -> bool:
    """Whether vouchers that go there are spent, so that they count in `U(D)` (CAP-06)."""
    return account_id < 0 or account_id in SPENT


def holder_of(account_id: int) -> int:
    """The holder whose lot this is; 0 for accounts of the house and of merchants."""
    return account_id >> LOT_BITS if account_id > LOT_NO_MAX else 0


def lot_no_of(account_id: int) -> int:
    """The number of the lot within its holder, from 1. Only lots have one."""
    assert is_lot(account_id), "not a lot"
    return account_id & LOT_NO_MAX


def kind_of(account_id: int) -> AccountKind:
    """What the account is for. Raises ValueError where the number is no account at all."""
    if is_payable(account_id):
        return AccountKind.MERCHANT_PAYABLE
    if is_lot(account_id):
        return AccountKind.HOLDER_LOT
    kind = KIND_OF_HOUSE.get(account_id)
    if kind is None:
        raise ValueError("no such account in the chart")
    return kind


class AccountRow(Struct, frozen=True, gc=False):
    """One row of `ledger_accounts`, its fields in the order of the table's columns.

    A lot keeps what never changes of it: the `vintage` it counts as, whether it came from a load,
    from an exchange or with its account out of other books (`origin` LOAD, EXCHANGE, OPENING), the
    vintage it was before (`from_vintage`) and the day it was loaded.
    """

    holder_id: int
    account_id: int
    kind: AccountKind
    vintage: int | None
    origin: str | None
    from_vintage: int | None
    loaded_on: date | None
    opened_at: datetime

    @classmethod
    def lot(
        cls,
        holder_id: int,
        lot_no: int,
        vintage: int,
        loaded_on: date,
        opened_at: datetime,
        *,
        from_vintage: int | None = None,
        opening: bool = False,
    ) -> Self:
        """A lot of a holder; with `from_vintage` it is what an exchange made of an older one.

        `opening`: no order loaded it here, it came with its account.
        """
        origin = "OPENING" if opening else "LOAD" if from_vintage is None else "EXCHANGE"
        account_id = lot_account(holder_id, lot_no)
        kind = AccountKind.HOLDER_LOT
        return cls(holder_id, account_id, kind, vintage, origin, from_vintage, loaded_on, opened_at)

    @classmethod
    def house(cls, account_id: int, opened_at: datetime) -> Self:
        """An account of the house or of a merchant, which live under no holder."""
        kind = kind_of(account_id)
        assert kind is not AccountKind.HOLDER_LOT, "a lot is opened under its holder"
        return cls(0, account_id, kind, None, None, None, None, opened_at)

    def as_row(self) -> tuple[Any, ...]:
        """The values of the row, in the table's order."""
        return astuple(self)
