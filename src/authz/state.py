"""What a batch knows before it decides: holders, kept answers, merchants, workplaces, the clock.

Everything here was read under the holder's version; the save refuses to write when it moved on.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from authz.decide.counters import Counters
from authz.decide.topup import BankLeg
from authz.outcomes import Later, Outcome
from authz.requests import Kind
from ledger.transfers import Transfer
from rules.facts import Account, Card, Derogation, GeoScope, Merchant, Origin, Token, Workplace


class Credential(Struct, frozen=True, gc=False, array_like=True):
    """One card number that the person may present: the card's own, or a token's.

    `pin_ref` is what the security module makes of the card's PIN (`pin_ref`, `pin_holds`), on the
    card's own number only. `pin_round` moves when the PIN is set or its tries are given back: wrong
    PINs are counted beside the profile (`Counters`), each count for one round only.
    """

    card_ref: bytes
    card_id: str
    token_id: str | None = None
    pin_ref: bytes | None = None
    pin_round: int = 0


class HolderAccount(Struct, frozen=True, gc=False, array_like=True):
    """One account of the person, with its employer and what was derogated for it alone."""

    account: Account
    employer_no: int
    derogations: tuple[Derogation, ...] = ()
    works_outside: bool = False
    """Mainly away from the premises: may have paper where the employer says so too (VIN-11)."""
    geo_scope: GeoScope | None = None
    """Where the vouchers of this employee alone are good (GEO-01); None: as all others'."""


class LotInfo(Struct, frozen=True, gc=False, array_like=True):
    """What never changes of a lot; its money is in the holder's arrays at `lot_no` - 1."""

    lot_no: int
    account_no: int
    vintage: int
    origin: Origin
    loaded_on: date
    from_vintage: int | None = None
    from_lot: int | None = None
    """The lot whose rest this one is, after an exchange; there is one for each lot."""
    late: bool = False
    """Exchanged when nobody could ask for it any more: flagged for accounting (VIN-09)."""
    paid_by: int | None = None
    """The employer whose order paid it, whoever employs the person since; None: the account's."""


class Profile(Struct, frozen=True, gc=False, array_like=True):
    """All that the rules may see of a person, kept as one MessagePack value in the holder's row."""

    person: str
    accounts: tuple[HolderAccount, ...] = ()
    cards: tuple[Card, ...] = ()
    tokens: tuple[Token, ...] = ()
    credentials: tuple[Credential, ...] = ()
    lots: tuple[LotInfo, ...] = ()

    # Whoever names one of these read the name here: a name without its thing is a fault of ours, a
    # KeyError. Loops, since a generator costs five times as much and the road goes by here.

    def account(self, account_no: int) -> HolderAccount:
        """The account of this number."""
        for held in self.accounts:
            if held.account.account_no == account_no:
                return held
        raise KeyError(account_no)

    def account_named(self, account_id: str) -> HolderAccount:
        """The account of this outside name."""
        for held in self.accounts:
            if held.account.account_id == account_id:
                return held
        raise KeyError(account_id)

    def card(self, card_id: str) -> Card:
        """The card of this name."""
        for card in self.cards:
            if card.card_id == card_id:
                return card
        raise KeyError(card_id)

    def token(self, token_id: str) -> Token:
        """The token of this name."""
        for token in self.tokens:
            if token.token_id == token_id:
                return token
        raise KeyError(token_id)

    def lots_of(self, account_no: int) -> Iterator[LotInfo]:
        """All lots that the account ever had, oldest first."""
        return (lot for lot in self.lots if lot.account_no == account_no)

    def with_account(self, after: HolderAccount) -> "Profile":
        """The person with the account of this number as it is now."""
        number = after.account.account_no
        accounts = (after if h.account.account_no == number else h for h in self.accounts)
        return replace(self, accounts=tuple(accounts))

    def with_card(self, after: Card) -> "Profile":
        """The person with the card of this name as it is now."""
        cards = (after if card.card_id == after.card_id else card for card in self.cards)
        return replace(self, cards=tuple(cards))


class UsedDay(Struct, frozen=True, gc=False):
    """Voucher money that one account used or holds on one civil day."""

    account_no: int
    day: date
    used_minor: int


class Holder(Struct, frozen=True, gc=False):
    """A holder's row as it was read. Days before `usage_since` count in the books only."""

    holder_id: int
    version: int
    last_seq: int
    usage_since: date
    used: tuple[UsedDay, ...]
    lot_available: tuple[int, ...]
    lot_held: tuple[int, ...]
    profile: Profile
    counters: tuple[Counters, ...] = ()


class KeptAnswer(Struct, frozen=True, gc=False):
    """What was answered under a request key, and to which content."""

    fingerprint: bytes
    outcome: Outcome

    @property
    def undecided(self) -> bool:
        """Whether the payment, which the outcome names, still waits for the bank."""
        return isinstance(self.outcome, Later)


class Employer(Struct, frozen=True, gc=False):
    """The workplace's place and the derogations for all its employees."""

    workplace: Workplace
    derogations: tuple[Derogation, ...]


class KnownMerchant(Struct, frozen=True, gc=False):
    """A registered establishment; `merchant_no` leads to its payable account."""

    merchant_no: int
    facts: Merchant


HOUSE_HOLDER: Final = 1
"""Whose books take what belongs to no cardholder: advices of cards that nobody issued."""

PaymentName = tuple[int, int]
"""Holder and number of a payment."""


class Payment(Struct, frozen=True, gc=False):
    """A payment that others are about: what was answered, and all its movements so far.

    `facts` are as they were kept, empty once they are forgotten. `ceiling_minor` is the least total
    that reversals left it, None where none came; `refunded_minor` is what refunds gave back and
    their reversals did not take again. `leg` is its part on the bank card, if any. `stan` is of the
    message that asked for it.
    """

    holder_id: int
    number: int
    account_no: int
    kind: Kind
    day: date
    mid: str
    requested_minor: int
    approved_minor: int
    movements: tuple[Transfer, ...]
    facts: bytes
    ceiling_minor: int | None = None
    refunded_minor: int = 0
    leg: BankLeg | None = None
    stan: str = ""

    @property
    def name(self) -> PaymentName:
        """What it is called among all payments."""
        return self.holder_id, self.number

    @property
    def reversed(self) -> bool:
        """Whether all of it was to be undone."""
        return self.ceiling_minor == 0


class Refund(Struct, frozen=True, gc=False):
    """A refund that a reversal may be about, and the `payment` that it gave money back of.

    Cents: what was asked, what was given back, and what reversals have taken again of it.
    """

    number: int
    payment: PaymentName
    requested_minor: int
    approved_minor: int
    taken_minor: int = 0


class Completion(Struct, frozen=True, gc=False):
    """What told of a payment that was there already: its capture, or an advice that confirmed it.

    Who names it means the `payment`. Cents: what it told of, what it moved.
    """

    payment: PaymentName
    requested_minor: int
    approved_minor: int


class Pending(Struct, frozen=True, gc=False):
    """A payment that waits for the bank: its leg, what was asked, and the vouchers that it holds.

    `request` and `facts` are as they were kept; `reversed` says whether it is to be undone.
    """

    leg: BankLeg
    account_no: int
    request: bytes
    facts: bytes
    holds: tuple[Transfer, ...]
    reversed: bool = False

    @property
    def name(self) -> PaymentName:
        """What it is called among all payments."""
        return self.leg.holder_id, self.leg.number


class State(Struct, frozen=True, gc=False):
    """What was read for one batch. `now` is the test clock, or None for the real one.

    `business_day` is the settlement date that the last cutover began, or None while there was none.

    `originals` maps the key of a request about a payment to the payments that its reference names,
    all of them in `payments`, `pending`, `refunds` or `completions` (whose payments are there
    too). `restamped` are the first sendings of repeats, by the key of the repeat, where that is
    not in `kept`. `bank_open`: a bank leg could be asked now.
    """

    holders: dict[int, Holder]
    holder_of: dict[bytes, int]
    kept: dict[bytes, KeptAnswer]
    merchants: dict[tuple[str, str], KnownMerchant]
    employers: dict[int, Employer]
    now: datetime | None = None
    payments: dict[PaymentName, Payment] = {}
    originals: dict[bytes, tuple[PaymentName, ...]] = {}
    business_day: date | None = None
    pending: dict[PaymentName, Pending] = {}
    refunds: dict[PaymentName, Refund] = {}
    completions: dict[PaymentName, Completion] = {}
    restamped: dict[bytes, KeptAnswer] = {}
    bank_open: bool = False


def has_moved(state: State) -> bool:
    """Whether movements were read that the row of their holder does not know yet.

    The row is read first: somebody has booked in between, and the version would not agree.
    """
    payments = (payment.movements for payment in state.payments.values())
    holds = (pending.holds for pending in state.pending.values())
    return any(
        last.seq > state.holders[last.holder_id].last_seq
        for movements in (*payments, *holds)
        for last in movements[-1:]
    )
