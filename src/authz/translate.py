"""Wire words to our own, and back: a Message becomes a Request, an Outcome becomes a Message.

The card number stops here: what goes on is its keyed digest. What a peer may get wrong is refused
here with its reason, so that everything behind is about money and not about text.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final

from authz.iso8583.message import Message
from authz.iso8583.mti import answer_mti, is_repeat, request_class
from authz.iso8583.profiles import Profile
from authz.iso8583.tlv import (
    AdditionalAmount,
    TlvError,
    format_amounts,
    parse_amounts,
    parse_private,
)
from authz.outcomes import Outcome
from authz.pan import Pan, PanDigester
from authz.requests import Kind, Request
from authz.response_codes import RESPONSE_CODES
from rules.decision import Reason
from rules.facts import Channel, Purchase

KINDS: Final[Mapping[str, Kind]] = {"010": Kind.HOLD, "020": Kind.PURCHASE}

# wire.md, mandatory fields of 0100 and 0200 (DE2 or DE35 is looked at apart).
_MANDATORY: Final = (3, 4, 7, 11, 22, 32, 41, 42, 49)
_EURO: Final = "978"
# DE3: a purchase, and the cash-like types that are known and never allowed (MER-04).
_PROCESSING: Final = frozenset({"00", "01", "09", "17"})
# DE22: chip, contactless or phone. Manual entry and track are refused by default (wire.md, codes),
# e-commerce over ISO 8583 is for allow-listed acquirers only.
_ENTRY_MODES: Final = frozenset({"05", "07"})
_EXPIRY_ENTRY_MODES: Final = frozenset({"01", "05", "07", "81"})
_ELIGIBLE_DIGITS: Final = 12
_BALANCE_ASKED: Final = "BA"
_TRACK_SEPARATORS: Final = ("=", "D")


class Untranslatable(Exception):
    """The peer's message cannot become a request; `reason` says what to answer."""

    def __init__(self, reason: Reason, why: str) -> None:
        """`why` is for the log and never quotes a value."""
        super().__init__(why)
        self.reason = reason


def to_request(
    message: Message,
    profile: Profile,
    digester: PanDigester,
    received_at: datetime,
    deadline_s: float,
) -> Request:
    """A purchase or a hold (0100, 0200 and repeats). Raises `Untranslatable`.

    `received_at` is UTC; `deadline_s` is on the monotonic clock.
    """
    fields = message.fields
    for number in _MANDATORY:
        if number not in fields:
            raise Untranslatable(Reason.FORMAT, f"DE{number} is missing")
    pan, expiry = _credential(fields)
    processing = fields[3][:2]
    if processing not in _PROCESSING:
        raise Untranslatable(Reason.INVALID_TRANSACTION, "DE3 names no type we know")
    if fields[22][:2] not in _ENTRY_MODES:
        raise Untranslatable(Reason.TYPE_NOT_ALLOWED, "DE22 names an entry mode not allowed")
    card_ref = digester.card_ref(pan)
    private = _private(fields)
    acquirer, terminal, mid = fields[32], fields[41].rstrip(), fields[42].rstrip()
    return Request(
        kind=KINDS[request_class(message.mti)],
        purchase=Purchase(
            int(fields[4]),
            _eligible(fields, private, profile),
            fields[49],
            processing,
            _partial_ok(private, profile),
            Channel.IN_STORE,
            expiry,
        ),
        card_ref=card_ref,
        key_hash=_hash(acquirer, terminal, fields[11], fields[7], request_class(message.mti)),
        fingerprint=_hash(card_ref.hex(), fields[3], fields[4], mid, fields[49]),
        acquirer=acquirer,
        terminal=terminal,
        mid=mid,
        stan=fields[11],
        transmitted=fields[7],
        rrn=fields.get(37),
        repeat=is_repeat(message.mti),
        received_at=received_at,
        deadline_s=deadline_s,
    )


def to_reply(message: Message, outcome: Outcome, profile: Profile) -> Message:
    """The answer: the peer's own fields echoed, and what was decided."""
    asked = message.fields
    fields = {number: asked[number] for number in profile.echo if number in asked}
    fields[39] = profile.response_code(RESPONSE_CODES[outcome.reason])
    if outcome.approval_code is not None:
        fields[38] = outcome.approval_code
        partial = outcome.reason is Reason.APPROVED_PARTIAL
        if partial:
            fields[4] = f"{outcome.approved_minor:012d}"
        if partial or _balance_asked(asked):
            fields[54] = _amounts(outcome, partial=partial)
    return Message(answer_mti(message.mti), fields)


def _credential(fields: Mapping[int, str]) -> tuple[str, str | None]:
    """Card number and expiry (YYMM), from DE2 and DE14, from DE35, or from both in agreement."""
    pan, expiry = fields.get(2), fields.get(14)
    track = fields.get(35)
    if track is not None:
        track_pan, track_expiry = _track(track)
        if pan not in (None, track_pan) or expiry not in (None, track_expiry):
            raise Untranslatable(Reason.FORMAT, "DE35 does not agree with DE2 and DE14")
        pan, expiry = track_pan, track_expiry
    if pan is None:
        raise Untranslatable(Reason.FORMAT, "neither DE2 nor DE35 is there")
    if expiry is None and fields[22][:2] in _EXPIRY_ENTRY_MODES:
        raise Untranslatable(Reason.FORMAT, "DE14 is missing")
    try:
        return Pan(pan).reveal(), expiry
    except ValueError:
        raise Untranslatable(Reason.FORMAT, "the card number is not 12 to 19 digits") from None


def _track(track: str) -> tuple[str, str]:
    """Card number and expiry of a track 2 image (ISO/IEC 7813)."""
    for separator in _TRACK_SEPARATORS:
        pan, found, rest = track.partition(separator)
        if found and len(rest) >= 4 and rest[:4].isdigit():
            return pan, rest[:4]
    raise Untranslatable(Reason.FORMAT, "DE35 is no track 2")


def _private(fields: Mapping[int, str]) -> Mapping[str, str]:
    text = fields.get(48)
    if text is None:
        return {}
    try:
        return parse_private(text)
    except TlvError as error:
        raise Untranslatable(Reason.FORMAT, f"DE48: {error}") from None


def _eligible(
    fields: Mapping[int, str], private: Mapping[str, str], profile: Profile
) -> int | None:
    """The eligible subtotal in cents, from the first place of the profile that has one (ELI-01)."""
    if 54 not in fields and not private:
        return None
    for place in profile.eligible_from:
        field, _, tag = place.partition(".")
        if field == "DE48" and tag in private:
            return _twelve_digits(private[tag])
        if field == "DE54" and 54 in fields and (found := _amount_of(fields[54], tag)) is not None:
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
            return amount.amount_minor
    return None


def _partial_ok(private: Mapping[str, str], profile: Profile) -> bool:
    """Whether the terminal accepts a partial approval: first character `1` of the element."""
    if not private:
        return False
    tags = (place.partition(".")[2] for place in profile.partial_from)
    return any(private.get(tag, "")[:1] == "1" for tag in tags)


def _balance_asked(asked: Mapping[int, str]) -> bool:
    return 48 in asked and _BALANCE_ASKED in parse_private(asked[48])


def _amounts(outcome: Outcome, *, partial: bool) -> str:
    """DE54 of an answer: usable today, total balance, and the amount a partial approval is of."""
    amounts = [_amount("02", outcome.usable_minor), _amount("01", outcome.balance_minor)]
    if partial:
        amounts.append(_amount("57", outcome.requested_minor))
    return format_amounts(*amounts)


def _amount(amount_type: str, amount_minor: int) -> AdditionalAmount:
    return AdditionalAmount("00", amount_type, _EURO, "C", amount_minor)


def _hash(*parts: str) -> bytes:
    """Sixteen bytes that stand for these texts; none of them can hold the separator."""
    return blake2b("\x1f".join(parts).encode(), digest_size=16).digest()
