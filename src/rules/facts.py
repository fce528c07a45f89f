"""What a rule may look at: the purchase, the credential, the person's money and the place.

Every record is frozen and travels as one compact MessagePack array, so that the facts of a decision
can be kept beside it and the decision made again at any time. Amounts are integer euro cents
(`*_minor`), instants are UTC, days are civil days.

Fields are only ever appended, with a default: facts stored years ago must still be readable.
"""

from datetime import date, datetime
from enum import Enum

from msgspec import Struct

EURO = "978"
"""DE49 (ISO 4217): the one currency there is."""


class Channel(Enum):
    """Where the purchase takes place."""

    IN_STORE = "IN_STORE"
    ECOMMERCE = "ECOMMERCE"


class CardStatus(Enum):
    """The life of a plastic or virtual card (CRD-02)."""

    ISSUED = "ISSUED"
    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"
    OPPOSED = "OPPOSED"
    EXPIRED = "EXPIRED"
    REPLACED = "REPLACED"


class OpposedAs(Enum):
    """Why a card is opposed for good."""

    LOST = "LOST"
    STOLEN = "STOLEN"


class Wallet(Enum):
    """Whose wallet holds a token (TOK-01)."""

    APPLE_PAY = "APPLE_PAY"
    PLUXEE_PAY = "PLUXEE_PAY"


class TokenStatus(Enum):
    """The life of a token (TOK-01)."""

    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class AccountStatus(Enum):
    """Whether the account may spend at all."""

    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


class GeoScope(Enum):
    """Where the employer lets the vouchers be used (GEO-01)."""

    DEPT_AND_NEIGHBOURS = "DEPT_AND_NEIGHBOURS"
    FRANCE = "FRANCE"


class MerchantClass(Enum):
    """The two merchant classes that the dated rules distinguish (P-CAP, P-DAY)."""

    __hash__ = object.__hash__  # members are singletons; their own goes through the name

    RESTAURANT = "restaurant"
    SHOP = "shop"


class Origin(Enum):
    """Where the money of a lot came from."""

    LOAD = "LOAD"
    EXCHANGE = "EXCHANGE"


class CryptogramCheck(Enum):
    """What the security module makes of a chip's cryptogram (EMV Book 2, 8.1)."""

    GOOD = "GOOD"
    WRONG = "WRONG"
    OTHER_AMOUNT = "OTHER_AMOUNT"
    """A good one, but over another amount or currency than the message asks for."""
    OTHER_CARD = "OTHER_CARD"
    """Of a card with this number and another sequence number, whatever it is worth."""
    NO_KEY = "NO_KEY"
    """Nobody here can tell: there is no master key of this range of cards."""


class PinCheck(Enum):
    """What became of a PIN that the terminal sent on (DE52)."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    UNREADABLE = "UNREADABLE"
    """No PIN could be read: no key of this network, or no block under it."""
    NOT_SET = "NOT_SET"
    """The card has no PIN; a phone never has (TOK-04)."""


class HolderProof(Struct, frozen=True, gc=False, array_like=True):
    """The holder's own yes to an online payment, of so much at most, until an instant (UTC)."""

    account_id: str
    amount_max_minor: int
    expires_at: datetime


class Purchase(Struct, frozen=True, gc=False, array_like=True):
    """What the merchant asks: `amount_minor` is `A`, `eligible_minor` the subtotal, if sent.

    `proof` is of this merchant; it is looked at only where `proof_wanted` (online, API-01).
    """

    amount_minor: int
    eligible_minor: int | None = None
    currency: str = EURO
    processing: str = "00"
    partial_ok: bool = False
    channel: Channel = Channel.IN_STORE
    expiry: str | None = None
    """DE14 as presented, YYMM."""
    proof_wanted: bool = False
    proof: HolderProof | None = None
    entry: str | None = None
    """How the card was read: the first two digits of DE22. None: not at a till."""
    entry_allowed: bool = True
    """Whether this network may read cards in this way."""
    chip_wanted: bool = False
    """Whether such a card must be read by its chip (DE55)."""


class ChipUse(Struct, frozen=True, gc=False, array_like=True):
    """One use of a chip, to which the answer authenticates itself (tag 91).

    `sequence` tells cards of one number apart, `cvn` how the cryptogram `arqc` was computed; `atc`
    is the chip's own counter of its uses.
    """

    sequence: str
    cvn: int
    atc: int
    arqc: bytes


class Tap(Struct, frozen=True, gc=False, array_like=True):
    """What a chip or phone said at the till (DE55), and what the security module made of it.

    `verified` is its own word that it verified the holder (CVR in 9F10), to be believed only where
    `check` is GOOD; `asks`: it left the decision to its issuer (ARQC). `objects` is DE55 as it
    came, unknown tags included, less what spells out the card number or its holder; 9F34, 9F6C and
    9F6E are in there and prove nothing.
    """

    check: CryptogramCheck
    use: ChipUse
    verified: bool
    objects: bytes = b""
    asks: bool = True


class AtcWindow(Struct, frozen=True, gc=False, array_like=True):
    """Which uses of a chip were seen: the `highest`, and bit n of `seen` for `highest` - 1 - n."""

    highest: int = -1
    seen: int = 0


class Card(Struct, frozen=True, gc=False, array_like=True):
    """The card that pays, or that the paying token is bound to. `expiry` is YYMM, included."""

    card_id: str
    account_no: int
    status: CardStatus
    expiry: str
    opposed_as: OpposedAs | None = None
    psn: str = "00"
    generation: str = "hybrid"
    visa_logo: bool = False
    conecs_logo: bool = True
    last4: str = ""
    replaces: str | None = None
    """The card in whose place it was issued (CRD-04)."""
    direct_wallet_add: bool = False
    """Whether the phone's own wallet takes it without a Visa logo, as the "carte JO" (F-26)."""


class Token(Struct, frozen=True, gc=False, array_like=True):
    """The token presented instead of the card (TOK-01). `active_before_block`: TOK-07.

    Renewed with its card it has the new card's `expiry` (CRD-04). Nobody can make a phone fetch
    that: one that was given a `former` expiry goes on presenting it, and means the same token.
    """

    token_id: str
    card_id: str
    wallet: Wallet
    status: TokenStatus
    expiry: str
    device: str = ""
    active_before_block: bool = True
    former: tuple[str, ...] = ()
    attested: bool = True
    """Whether its phone last proved that it is itself (TOK-08)."""


class Derogation(Struct, frozen=True, gc=False, array_like=True):
    """The employer's decision for people who work on Sundays or holidays (R.3262-8, DAY-03).

    `first` and `last` are included; `dates`, where given, narrows the derogation to those days.
    """

    first: date
    last: date | None
    sunday: bool
    holiday: bool
    dates: tuple[date, ...] | None = None


class Workplace(Struct, frozen=True, gc=False, array_like=True):
    """Where the employee works: its department rules holidays and geography (DAY-08, GEO-01)."""

    department: str
    commune: str | None = None
    good_friday: bool | None = None
    geo_scope: GeoScope = GeoScope.DEPT_AND_NEIGHBOURS


class TopUp(Struct, frozen=True, gc=False, array_like=True):
    """The linked bank card (TOP-01, TOP-08, TOP-12). `expiry` is YYMM."""

    enabled: bool
    verified: bool
    expiry: str


class Account(Struct, frozen=True, gc=False, array_like=True):
    """One meal-voucher account of the person: one employer, one programme."""

    account_no: int
    account_id: str
    programme: str
    status: AccountStatus
    top_up: TopUp | None = None


class Merchant(Struct, frozen=True, gc=False, array_like=True):
    """The establishment (MER-01); the agreement's dates are both included."""

    merchant_class: MerchantClass
    mcc: str
    department: str
    country: str
    affiliated: bool
    agreement_from: date | None
    agreement_to: date | None = None


class Lot(Struct, frozen=True, gc=False, array_like=True):
    """Vouchers of one vintage (VIN-01). `vintage` is the year they count as, after any exchange."""

    lot_no: int
    vintage: int
    origin: Origin
    loaded_on: date
    available_minor: int


class Usage(Struct, frozen=True, gc=False, array_like=True):
    """Voucher money used or held on one civil day, `U(D)` (CAP-06)."""

    day: date
    used_minor: int


class Facts(Struct, frozen=True, gc=False, array_like=True):
    """Everything one decision sees. `now` is the instant of receipt in UTC (DAY-01).

    `card`, `account` and `workplace` are None for a credential nobody issued, `merchant` for a
    merchant nobody registered. `derogations` unites the employer's and the account's. `lots` are
    the paying account's, in any order; `usage` is already of the scope of P-CAP-SCOPE.
    `bank_open` says whether a bank leg could be asked at all.
    `tap` and `pin` are what was presented beside the number; `window` and `pin_tries` (wrong PINs
    since the last right one) are as they stood before. `asked_again` marks the very tap to which
    our last answer was a demand for the PIN.
    """

    now: datetime
    purchase: Purchase
    card: Card | None = None
    token: Token | None = None
    account: Account | None = None
    workplace: Workplace | None = None
    derogations: tuple[Derogation, ...] = ()
    merchant: Merchant | None = None
    lots: tuple[Lot, ...] = ()
    usage: tuple[Usage, ...] = ()
    bank_open: bool = False
    tap: Tap | None = None
    window: AtcWindow = AtcWindow()
    asked_again: bool = False
    pin: PinCheck | None = None
    pin_tries: int = 0
