"""The messages of a bank leg, as ISO 8583 fields (INTERFACE, line to the bank). Pure.

A card number is in clear here and nowhere behind: it goes on the line and into no log.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

from authz.custody.pan import Pan
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from rules.facts import EURO
from rules.geography import PARIS

MANUAL_NO_PIN: Final = "101"
"""DE22: the number is on file, nobody can type a PIN."""
_PURCHASE: Final = "000000"
_REFUND: Final = "200000"
_REFERENCE_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_REFERENCE_LENGTH: Final = 12
APPROVED: Final = "00"
ORIGINAL_NOT_FOUND: Final = "25"


class BankCard(Struct, frozen=True):
    """The linked bank card; `expiry` is YYMM. Prints no number."""

    pan: Pan
    expiry: str


class Stamp(Struct, frozen=True, gc=False):
    """What makes a message of ours one and no other: STAN and DE7 (MMDDhhmmss, UTC).

    `at` is when it is sent, by the machine's clock: a test clock stands still and may go back.
    """

    stan: str
    at: datetime

    @property
    def transmitted(self) -> str:
        """DE7."""
        return f"{self.at:%m%d%H%M%S}"


class Place(Struct, frozen=True, gc=False):
    """Where and when something is paid, and who asks: DE32 ours, DE37 naming the leg, DE41, DE42.

    `at` (UTC) is by the clock of everything civil, and told in Paris's time (DE12, DE13).
    """

    institution: str
    reference: str
    terminal: str
    mid: str
    at: datetime


def reference_of(number: int) -> str:
    """DE37 of a payment: its number in base 36, twelve characters."""
    text = ""
    for _ in range(_REFERENCE_LENGTH):
        number, digit = divmod(number, len(_REFERENCE_DIGITS))
        text = _REFERENCE_DIGITS[digit] + text
    return text


def question(
    card: BankCard, place: Place, stamp: Stamp, amount_minor: int, *, hold: bool
) -> Message:
    """0200: charge the card; 0100 where the payment is a hold."""
    fields = _fields(card, place, stamp, amount_minor, _PURCHASE)
    return Message("0100" if hold else "0200", fields)


def reversal(
    card: BankCard,
    place: Place,
    stamp: Stamp,
    original: tuple[str, Stamp],
    amounts_minor: tuple[int, int],
    *,
    again: bool,
) -> Message:
    """0420, or 0421 when it is not the first time; `amounts_minor` are the original's and its rest.

    A rest above zero is the new total (DE95).
    """
    amount_minor, left_minor = amounts_minor
    fields = _fields(card, place, stamp, amount_minor, _PURCHASE)
    fields[de.ORIGINAL] = _named(original, place)
    if left_minor:
        fields[de.REPLACEMENT] = f"{left_minor:012d}{0:012d}C{0:08d}C{0:08d}"
    return Message("0421" if again else "0420", fields)


def completion(
    card: BankCard,
    place: Place,
    stamp: Stamp,
    original: tuple[str, Stamp],
    amount_minor: int,
    *,
    again: bool,
) -> Message:
    """0220, or 0221: a held leg is captured for this amount."""
    fields = _fields(card, place, stamp, amount_minor, _PURCHASE)
    fields[de.ORIGINAL] = _named(original, place)
    return Message("0221" if again else "0220", fields)


def refund(
    card: BankCard,
    place: Place,
    stamp: Stamp,
    original: tuple[str, Stamp],
    amount_minor: int,
    *,
    again: bool,
) -> Message:
    """0200 with DE3 20, or 0201: give so much back."""
    fields = _fields(card, place, stamp, amount_minor, _REFUND)
    fields[de.ORIGINAL] = _named(original, place)
    return Message("0201" if again else "0200", fields)


def sign_on(stamp: Stamp, institution: str, code: str) -> Message:
    """0800: sign-on or echo."""
    sent = {de.TRANSMISSION: stamp.transmitted, de.STAN: stamp.stan}
    return Message("0800", sent | {de.ACQUIRER: institution, de.NETWORK_CODE: code})


def _fields(
    card: BankCard, place: Place, stamp: Stamp, amount_minor: int, processing: str
) -> dict[int, str]:
    local = place.at.astimezone(PARIS)
    return {
        de.PAN: card.pan.reveal(),
        de.PROCESSING: processing,
        de.AMOUNT: f"{amount_minor:012d}",
        de.TRANSMISSION: stamp.transmitted,
        de.STAN: stamp.stan,
        de.LOCAL_TIME: f"{local:%H%M%S}",
        de.LOCAL_DATE: f"{local:%m%d}",
        de.EXPIRY: card.expiry,
        de.ENTRY_MODE: MANUAL_NO_PIN,
        de.ACQUIRER: place.institution,
        de.RRN: place.reference,
        de.TERMINAL: f"{place.terminal:8}",
        de.MERCHANT: f"{place.mid:15}",
        de.CURRENCY: EURO,
    }


def _named(original: tuple[str, Stamp], place: Place) -> str:
    """DE90: type, STAN, DE7 and acquirer of the original, no forwarder."""
    mti, stamp = original
    return f"{mti}{stamp.stan}{stamp.transmitted}{place.institution:0>11}{0:011d}"
