"""The records of a world file, checked as they are parsed. Amounts are cents, dates civil days.

Unknown fields are refused, so that a misspelt one cannot be overlooked. Card numbers become `Pan`
at once. Of a card's `pin` or `pin_block` is kept what the security module makes of it.
"""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import force_setattr

from authz.custody.pan import Pan
from authz.custody.phones import Phone
from authz.instants import day_within_reach
from authz.iso8583.numbers import AMOUNT_MAX
from authz.settlement.bank_account import bic_of, iban_of
from rules.facts import (
    AccountStatus,
    CardStatus,
    Derogation,
    GeoScope,
    MerchantClass,
    OpposedAs,
    TokenStatus,
    Wallet,
)
from rules.geography import ZONES
from rules.rulebook import FIRST_VINTAGE

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Text = Annotated[str, Meta(max_length=200)]
Siret = Annotated[str, Meta(pattern=r"^[0-9]{14}$")]
Expiry = Annotated[str, Meta(pattern=r"^[0-9]{2}(0[1-9]|1[0-2])$")]
Minor = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
"""Cents, at most what DE4 can say."""
Generation = Literal[
    "hybrid", "hybride", "3-corners", "3 corners", "3 coins", "4-corners", "4 corners", "4 coins"
]
"""What a card is called that is made for the vouchers' network, or for that of the banks (CRD-05).

A word beyond these would be no card of four corners, and open every wallet.
"""
Vintage = Annotated[int, Meta(ge=FIRST_VINTAGE, le=2099)]


class DerogationRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """The employer's leave to use vouchers on Sundays or holidays; both ends are included."""

    first: date = field(name="from")
    last: date | None = field(name="to", default=None)
    sunday: bool = False
    holiday: bool = False
    dates: tuple[date, ...] | None = None

    def __post_init__(self) -> None:
        """An end before its beginning is a slip of the pen."""
        if self.last is not None and self.last < self.first:
            raise ValueError("`to` is before `from`")

    def facts(self) -> Derogation:
        """As the rules see it."""
        return Derogation(self.first, self.last, self.sunday, self.holiday, self.dates)


class EmployerRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """An employer's establishment: the workplace of its employees."""

    id: Name
    department: str
    name: Text = ""
    siret: Siret | None = None
    commune: Annotated[str, Meta(pattern=r"^[0-9AB]{5}$")] | None = None
    good_friday: bool | None = None
    """Whether the commune has a protestant temple (L.3134-13); None: not known."""
    geo_scope: GeoScope = GeoScope.DEPT_AND_NEIGHBOURS
    derogations: tuple[DerogationRecord, ...] = ()
    paper: bool = False
    """Whether those of its people who work mainly outside may have paper (VIN-11)."""

    def __post_init__(self) -> None:
        """The department rules holidays and legal time, so it has to exist."""
        _refuse_unknown_department(self.department)


class BankAccountRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A bank account; its number may be written in groups and is kept without blanks."""

    iban: Annotated[str, Meta(max_length=64)]
    bic: Annotated[str, Meta(max_length=16)] | None = None

    def __post_init__(self) -> None:
        """A number whose check fails would send money nowhere."""
        force_setattr(self, "iban", iban_of(self.iban))
        if self.bic is not None:
            force_setattr(self, "bic", bic_of(self.bic))


class IssuerRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """Who pays merchants, and from which accounts: one record, it has no name.

    Voucher money has an account of its own (L.3262-2): none of the others may be the same.
    """

    name: Annotated[str, Meta(min_length=1, max_length=70)]
    vouchers: BankAccountRecord
    own: BankAccountRecord
    """Pays what nobody's vouchers cover; without `bank` what was collected on bank cards too."""
    bank: BankAccountRecord | None = None

    def __post_init__(self) -> None:
        """Money that may not be mixed does not lie on one account."""
        if self.vouchers.iban in {self.own.iban, self.bank and self.bank.iban}:
            raise ValueError("`vouchers` needs an account of its own (L.3262-2)")


class LotRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """Vouchers of one load; without `loaded_on` they came on the first day of their vintage."""

    vintage: Vintage
    amount: Minor
    loaded_on: date | None = None
    id: Name | None = None

    def __post_init__(self) -> None:
        """What was booked for a day that no calendar knows could never be carried forward."""
        if self.loaded_on is not None:
            day_within_reach(self.loaded_on)


class UsedRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """Voucher money spent on a day before these books began."""

    day: date
    amount: Minor

    def __post_init__(self) -> None:
        """As of a lot."""
        day_within_reach(self.day)


class TopUpRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """The linked bank card (TOP-08). Its number is kept encrypted, and goes to the bank only."""

    bank_expiry: Expiry | None = None
    """None: one that is off and has no card, which an account keeps as no top-up."""
    enabled: bool = True
    verified: bool = False
    bank_pan: Pan | None = None

    def __post_init__(self) -> None:
        """The bank is never asked without the expiry of its card."""
        if self.bank_expiry is None and (self.enabled or self.bank_pan is not None):
            raise ValueError("`bank_expiry` is wanted, unless `enabled` is false without a card")

    @property
    def expiry(self) -> str:
        """Of the linked card, YYMM; every top-up of an account has one."""
        assert self.bank_expiry is not None, "off and without a card is no top-up"
        return self.bank_expiry


class AccountRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A meal-voucher account: one person, one employer, one programme."""

    id: Name
    employer: Name
    person: Name
    programme: Name = "fr-meal"
    status: AccountStatus = AccountStatus.ACTIVE
    lots: tuple[LotRecord, ...] = ()
    derogations: tuple[DerogationRecord, ...] = ()
    works_outside: bool = False
    geo_scope: GeoScope | None = None
    """None: as the employer says of all (GEO-01)."""
    topup: TopUpRecord | UnsetType | None = UNSET
    """None: no top-up. Left out: none to begin with, and later whatever the holder linked."""
    used: tuple[UsedRecord, ...] = ()
    phone: Phone | None = None
    """Where the person gets codes (TOK-03); kept encrypted. None leaves what is known as it is."""

    def __post_init__(self) -> None:
        """A top-up that is off and has no card is none."""
        if self.topup and self.topup.bank_expiry is None:
            force_setattr(self, "topup", None)


class CardRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A card of an account."""

    id: Name
    account: Name
    pan: Pan
    expiry: Expiry
    psn: Annotated[str, Meta(pattern=r"^[0-9]{2}$")] = "00"
    status: CardStatus = CardStatus.ACTIVE
    opposed_as: OpposedAs | None = None
    generation: Generation = "hybrid"
    visa_logo: bool = False
    conecs_logo: bool = True
    direct_wallet_add: bool = False
    pin: Annotated[str, Meta(pattern=r"^[0-9]{4,12}$")] | None = None
    pin_block: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{16}$")] | None = None
    """ISO 9564-1 format 0 or 3, enciphered under the PIN key of the zone `ascii`."""

    def __post_init__(self) -> None:
        """Lost and stolen are answered differently, so an opposed card says which; one PIN."""
        if self.pin is not None and self.pin_block is not None:
            raise ValueError("`pin` or `pin_block`, not both")
        if (self.status is CardStatus.OPPOSED) != (self.opposed_as is not None):
            raise ValueError("`opposed_as` goes with the status OPPOSED, and with no other")


class TokenRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A card in a phone: its own number, bound to one card and one device (TOK-01)."""

    id: Name
    card: Name
    dpan: Pan
    expiry: Expiry
    wallet: Wallet
    status: TokenStatus = TokenStatus.ACTIVE
    device: Annotated[str, Meta(max_length=64)] = ""


class MerchantRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """An establishment as its acquirer names it, with its agreement (MER-01)."""

    acquirer: Annotated[str, Meta(pattern=r"^[0-9]{1,11}$")]
    mid: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,15}$")]
    merchant_class: MerchantClass = field(name="class")
    mcc: Annotated[str, Meta(pattern=r"^[0-9]{4}$")]
    name: Text = ""
    siret: Siret | None = None
    department: Annotated[str, Meta(max_length=3)] = ""
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] = "FR"
    agreement_from: date | None = None
    agreement_to: date | None = None
    affiliated: bool = True
    iban: Annotated[str, Meta(max_length=64)] | None = None
    """Where it is paid; None: it stays owed what it is owed, but for the CSV."""
    bic: Annotated[str, Meta(max_length=16)] | None = None

    def __post_init__(self) -> None:
        """Only French establishments lie in a department; an account's check has to hold."""
        if self.iban is not None:
            force_setattr(self, "iban", iban_of(self.iban))
        if self.bic is not None:
            force_setattr(self, "bic", bic_of(self.bic))
        if self.country == "FR" and self.department:
            _refuse_unknown_department(self.department)
        begin, end = self.agreement_from, self.agreement_to
        if begin and end and end < begin:
            raise ValueError("`agreement_to` is before `agreement_from`")


Record = IssuerRecord | EmployerRecord | AccountRecord | CardRecord | TokenRecord | MerchantRecord

KINDS: Final[dict[str, type[Record]]] = {
    "issuer": IssuerRecord,
    "employer": EmployerRecord,
    "merchant": MerchantRecord,
    "account": AccountRecord,
    "card": CardRecord,
    "token": TokenRecord,
}
"""Every kind, in the order in which it can be loaded: nobody comes before what they refer to."""


class WorldFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole world in one JSON object."""

    issuers: Annotated[tuple[IssuerRecord, ...], Meta(max_length=1)] = ()
    employers: tuple[EmployerRecord, ...] = ()
    merchants: tuple[MerchantRecord, ...] = ()
    accounts: tuple[AccountRecord, ...] = ()
    cards: tuple[CardRecord, ...] = ()
    tokens: tuple[TokenRecord, ...] = ()


def _refuse_unknown_department(department: str) -> None:
    if department not in ZONES:
        raise ValueError(f"{department[:4]!r} is no French department")
