"""What single data elements of a message say: what must be there, card and expiry, amounts beside.

A value that a peer got wrong is refused with its reason; the text of a refusal never quotes it.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Final

from authz.custody.pan import Pan
from authz.iso8583 import numbers as de
from authz.iso8583.profiles import Profile
from authz.iso8583.tlv import TlvError, parse_amounts, parse_private
from authz.requests import Kind
from rules.decision import Reason
from rules.facts import EURO

# INTERFACE, mandatory fields (DE2 or DE35 is looked at apart).
_ASKED: Final = (3, 4, 7, 11, 22, 32, 41, 42, 49)
_ADVISED: Final = (3, 4, 7, 11, 12, 13, 22, 32, 41, 42, 49)
_REVERSED: Final = (3, 4, 7, 11, 32, 41)
_MANDATORY: Final[Mapping[str, tuple[int, ...]]] = {
    "010": _ASKED,
    "020": _ASKED,
    "012": _ADVISED,
    "022": _ADVISED,
    "040": _REVERSED,
    "042": _REVERSED,
}
_TAKE_MANDATORY: Final = {family: itemgetter(*n) for family, n in _MANDATORY.items()}
PRESENTED: Final = frozenset({Kind.PURCHASE, Kind.HOLD, Kind.INQUIRY})
"""What a card is presented for, so that its expiry must be there."""
_EXPIRY_ENTRY_MODES: Final = frozenset({"01", "05", "07", "81"})
_ELIGIBLE_DIGITS: Final = 12
_TRACK_SEPARATORS: Final = ("=", "D")


class Untranslatable(Exception):
    """The peer's message cannot become a request; `reason` says what to answer."""

    def __init__(self, reason: Reason, why: str) -> None:
        """`why` is for the log and never quotes a value."""
        super().__init__(why)
        self.reason = reason


def require(fields: Mapping[int, str], family: str) -> None:
    """See that what is mandatory in a class of messages is there. Raises `Untranslatable`.

    One of no length, or of blanks, would make a key that is not one terminal's alone.
    """
    try:
        if all(map(str.strip, _TAKE_MANDATORY[family](fields))):
            return
    except KeyError:
        pass
    missing = next(n for n in _MANDATORY[family] if not fields.get(n, "").strip())
    raise Untranslatable(Reason.FORMAT, f"DE{missing} is missing")


def credential(fields: Mapping[int, str], kind: Kind) -> tuple[str | None, str | None]:
    """Card number and expiry (YYMM), from DE2 and DE14, from DE35, or from both in agreement.

    A message that names its original by DE90 may come without a card.
    """
    pan, expiry = fields.get(de.PAN) or None, fields.get(de.EXPIRY)
    track = fields.get(de.TRACK_2)
    if track:
        track_pan, track_expiry = _track(track)
        if pan not in (None, track_pan) or expiry not in (None, track_expiry):
            raise Untranslatable(Reason.FORMAT, "DE35 does not agree with DE2 and DE14")
        pan, expiry = track_pan, track_expiry
    if pan is None:
        if kind is Kind.REVERSAL and de.ORIGINAL in fields:
            return None, expiry
        raise Untranslatable(Reason.FORMAT, "neither DE2 nor DE35 is there")
    if expiry is None and kind in PRESENTED and fields[de.ENTRY_MODE][:2] in _EXPIRY_ENTRY_MODES:
        raise Untranslatable(Reason.FORMAT, "DE14 is missing")
    try:
        return Pan(pan).reveal(), expiry
    except ValueError:
        raise Untranslatable(Reason.FORMAT, "the card number is not 12 to 19 digits") from None


def card_number(fields: Mapping[int, str]) -> str:
    """The card number of a message that was translated."""
    return fields.get(de.PAN) or _track(fields[de.TRACK_2])[0]


def sequence_number(fields: Mapping[int, str]) -> str | None:
    """The card's sequence number, two digits out of the three of DE23; None without one.

    EMV knows two digits (Book 3, annex A, 5F34): a third one names no card that there is. It is
    asked for beside a chip alone; what has happened is not refused for a number that nobody needs.
    """
    said = fields.get(de.CARD_SEQUENCE)
    if said is None:
        return None
    if not said.startswith("0"):
        raise Untranslatable(Reason.FORMAT, "DE23 is above 099")
    return said[1:]


def _track(track: str) -> tuple[str, str]:
    """Card number and expiry of a track 2 image (ISO/IEC 7813)."""
    for separator in _TRACK_SEPARATORS:
        pan, found, rest = track.partition(separator)
        if found and len(rest) >= 4 and rest[:4].isdigit():
            return pan, rest[:4]
    raise Untranslatable(Reason.FORMAT, "DE35 is no track 2")


def private_elements(fields: Mapping[int, str]) -> Mapping[str, str]:
    """What DE48 holds, by tag. Raises `Untranslatable`."""
    text = fields.get(de.PRIVATE)
    if text is None:
        return {}
    try:
        return parse_private(text)
    except TlvError as error:
        raise Untranslatable(Reason.FORMAT, f"DE48: {error}") from None


def eligible_minor(
    fields: Mapping[int, str], private: Mapping[str, str], profile: Profile
) -> int | None:
    """The eligible subtotal in cents, from the first place of the profile that has one (ELI-01)."""
    amounts = fields.get(de.ADDITIONAL_AMOUNTS)
    if amounts is None and not private:
        return None
    for place in profile.eligible_from:
        field, _, tag = place.partition(".")
        if field == "DE48" and tag in private:
            return _twelve_digits(private[tag])
        if field == "DE54" and amounts is not None:
            found = _amount_of(amounts, tag)
            if found is not None:
                return found
    return None


def _twelve_digits(text: str) -> int:
    if len(text) != _ELIGIBLE_DIGITS or not (text.isascii() and text.isdigit()):
        raise Untranslatable(Reason.FORMAT, "the eligible subtotal is not twelve digits")
    return int(text)


def _amount_of(text: str, amount_type: str) -> int | None:
    try:
        amounts = parse_amounts(text)
    except TlvError as error:
        raise Untranslatable(Reason.FORMAT, f"DE54: {error}") from None
    for amount in amounts:
        if amount.amount_type == amount_type:
            if amount.sign == "D" and amount.amount_minor:
                raise Untranslatable(Reason.FORMAT, "the eligible subtotal is below zero")
            if amount.currency != EURO:
                raise Untranslatable(Reason.FORMAT, "the eligible subtotal is not in euros")
            return amount.amount_minor
    return None


def partial_ok(private: Mapping[str, str], profile: Profile) -> bool:
    """Whether the terminal accepts a partial approval: first character `1` of the element."""
    if not private:
        return False
    tags = (place.partition(".")[2] for place in profile.partial_from)
    return any(private.get(tag, "")[:1] == "1" for tag in tags)
