"""Wire words to our own, and back: a Message becomes a Request, an Outcome becomes a Message.

The card number stops here: what goes on is its keyed digest. What a peer may get wrong is refused
here with its reason, so that everything behind is about money and not about text.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Final

from authz.custody.pan import PanDigester
from authz.identity import PAYMENT_CLASSES, fingerprint, request_key
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.iso8583.mti import answer_mti, is_advice, is_repeat, is_reversal, request_class
from authz.iso8583.profiles import Profile
from authz.iso8583.tlv import (
    AdditionalAmount,
    TlvError,
    format_amounts,
    parse_private,
)
from authz.outcomes import AMBIGUOUS, Outcome
from authz.requests import REFUND, Kind, Original, Request
from authz.wire.credential_check import ECOMMERCE, CredentialCheck
from authz.wire.elements import (
    PRESENTED,
    Untranslatable,
    card_number,
    credential,
    eligible_minor,
    partial_ok,
    private_elements,
    require,
)
from authz.wire.originals import named_by, new_total_minor
from authz.wire.response_codes import RESPONSE_CODES
from rules.decision import Reason
from rules.facts import EURO, Channel, Purchase, Tap

FAMILIES: Final = frozenset({"010", "012", "020", "022", "040", "042"})
"""The message classes that become requests."""

# DE3: a purchase, and the cash-like types that are known and never allowed (MER-04).
_PROCESSING: Final = frozenset({"00", "01", "09", "17"})
_PURCHASE: Final = "00"
_INQUIRY: Final = "31"
_TAPPED: Final = PRESENTED | {Kind.ADVICE}
"""What a chip may have made a cryptogram for."""
_BALANCE_ASKED: Final = "BA"


def to_request(
    message: Message,
    profile: Profile,
    digester: PanDigester,
    received_at: datetime,
    deadline_s: float,
    check: CredentialCheck | None = None,
) -> Request:
    """The request that a message of one of the `FAMILIES` makes. Raises `Untranslatable`.

    `received_at` is UTC; `deadline_s` is on the monotonic clock. Without `check` chip and PIN are
    not looked at.
    """
    fields, family = message.fields, request_class(message.mti)
    require(fields, family)
    kind = _kind(family, fields)
    pan, expiry = credential(fields, kind)
    card_ref = digester.card_ref(pan) if pan is not None else b""
    private = private_elements(fields)
    acquirer, terminal = fields[de.ACQUIRER], fields[de.TERMINAL].rstrip()
    mid = fields.get(de.MERCHANT, "").rstrip()
    currency = fields.get(de.CURRENCY, EURO)
    if currency != EURO and kind not in PRESENTED:  # of a purchase the rules say so (MER-04)
        raise Untranslatable(Reason.TYPE_NOT_ALLOWED, "DE49 is not the euro")
    new_total = new_total_minor(fields) if kind is Kind.REVERSAL else 0
    if new_total is None:
        raise Untranslatable(Reason.FORMAT, "DE95 does not begin with an amount")
    entry = fields.get(de.ENTRY_MODE, "")[:2]
    tap, pin_refs = _beside_the_number(fields, kind, pan, card_ref, check)
    return Request(  # by position, as every payment makes one: by name it takes thrice as long
        kind,
        Purchase(
            0 if kind is Kind.INQUIRY else int(fields[de.AMOUNT]),
            eligible_minor(fields, private, profile),
            currency,
            _PURCHASE if kind is Kind.INQUIRY else fields[de.PROCESSING][:2],
            partial_ok(private, profile),
            Channel.ECOMMERCE if entry == ECOMMERCE else Channel.IN_STORE,
            expiry,
            entry=entry,
            entry_allowed=entry in profile.entry_modes
            or (check is not None and check.allows(entry, acquirer)),
            chip_wanted=check is not None and check.wants_chip(entry),
        ),
        card_ref,
        request_key(acquirer, terminal, fields[de.STAN], fields[de.TRANSMISSION], family),
        fingerprint(card_ref, fields[de.PROCESSING], fields[de.AMOUNT], mid, currency),
        acquirer,
        terminal,
        mid,
        fields[de.STAN],
        fields[de.TRANSMISSION],
        fields.get(de.RRN, "").rstrip() or None,
        is_repeat(message.mti),
        received_at,
        deadline_s,
        _about(kind, fields),
        new_total,
        completes=family == "022",
        happened=family == "042",
        tap=tap,
        pin_refs=pin_refs,
    )


def _beside_the_number(
    fields: Mapping[int, str],
    kind: Kind,
    pan: str | None,
    card_ref: bytes,
    check: CredentialCheck | None,
) -> tuple[Tap | None, tuple[bytes, ...] | None]:
    """What chip and PIN are worth, where they may speak for the request at all.

    What has happened is not refused for a chip that nobody can read (ADV-01): it is posted without.
    """
    if check is None or pan is None or kind not in _TAPPED:
        return None, None
    try:
        tap = _tap(fields, pan, card_ref, check)
    except Untranslatable:
        if kind is not Kind.ADVICE:
            raise
        tap = None
    return tap, check.pin_refs(fields, pan, card_ref) if kind in PRESENTED else None


def _tap(
    fields: Mapping[int, str], pan: str, card_ref: bytes, check: CredentialCheck
) -> Tap | None:
    try:
        return check.tap(fields, pan, card_ref)
    except TlvError as error:
        raise Untranslatable(Reason.FORMAT, f"DE55: {error}") from None


def to_reply(
    message: Message,
    outcome: Outcome,
    profile: Profile,
    check: CredentialCheck | None = None,
) -> Message:
    """The answer: the peer's own fields echoed, and what was decided.

    With `check` it authenticates itself to the chip that asked.
    """
    asked = message.fields
    fields = {number: asked[number] for number in profile.echo if number in asked}
    fields[de.RESPONSE_CODE] = profile.response_code(_code(message.mti, outcome))
    if outcome.approval_code is not None and not is_reversal(message.mti):
        fields[de.APPROVAL_CODE] = outcome.approval_code
    if outcome.business_day is not None:
        fields[de.SETTLEMENT_DATE] = _month_and_day(outcome.business_day)
    if outcome.approved and _is_asked(message.mti):
        partial = outcome.reason is Reason.APPROVED_PARTIAL
        if partial:
            fields[de.AMOUNT] = f"{outcome.approved_minor:012d}"
        if partial or _balance_asked(asked):
            fields[de.ADDITIONAL_AMOUNTS] = _amounts(outcome, partial=partial)
    if outcome.chip is not None and check is not None and _is_asked(message.mti):
        pan, code = card_number(asked), fields[de.RESPONSE_CODE]
        fields |= check.issuer_data(outcome.chip, pan, code, approves=outcome.approved)
    return Message(answer_mti(message.mti), fields)


@lru_cache(maxsize=8)
def _month_and_day(day: date) -> str:
    """MMDD; nearly every answer of a day has the same settlement date."""
    return f"{day:%m%d}"


def _is_asked(mti: str) -> bool:
    return request_class(mti) in PAYMENT_CLASSES


def _code(mti: str, outcome: Outcome) -> str:
    """The response code; what cannot be refused is acknowledged though nothing was found.

    That is a reversal advice whatever it was about (REV-01), and any advice that could be about
    more than one payment (INTERFACE, originals).
    """
    nothing_found = outcome.reason is Reason.ORIGINAL_NOT_FOUND
    if nothing_found and is_advice(mti) and (is_reversal(mti) or outcome.alarm == AMBIGUOUS):
        return RESPONSE_CODES[Reason.APPROVED]
    return RESPONSE_CODES[outcome.reason]


def _kind(family: str, fields: Mapping[int, str]) -> Kind:
    """What is asked, by message class and DE3."""
    if family in ("040", "042"):
        return Kind.REVERSAL
    processing = fields[de.PROCESSING][:2]
    if processing == REFUND and family in ("020", "022"):
        return Kind.REFUND
    if family in ("012", "022"):
        names_hold = de.ORIGINAL in fields or de.APPROVAL_CODE in fields
        return _advised(processing, captures=family == "022" and names_hold)
    if processing != _INQUIRY and processing not in _PROCESSING:
        raise Untranslatable(Reason.INVALID_TRANSACTION, "DE3 names no type we know")
    if processing == _INQUIRY:
        return Kind.INQUIRY
    return Kind.HOLD if family == "010" else Kind.PURCHASE


def _advised(processing: str, *, captures: bool) -> Kind:
    """What an advice tells: only a purchase can have happened without us (MER-04)."""
    if processing == _PURCHASE:
        return Kind.CAPTURE if captures else Kind.ADVICE
    if processing in _PROCESSING:
        raise Untranslatable(Reason.TYPE_NOT_ALLOWED, "DE3 names a type that is not allowed")
    raise Untranslatable(Reason.INVALID_TRANSACTION, "DE3 names no type we know")


def _about(kind: Kind, fields: Mapping[int, str]) -> Original | None:
    """The payment that the message is about; the amount agrees where it is the original's own."""
    if kind in (Kind.REVERSAL, Kind.ADVICE):
        return named_by(fields, int(fields[de.AMOUNT]))
    if kind in (Kind.CAPTURE, Kind.REFUND):
        return named_by(fields, None)
    return None


def _balance_asked(asked: Mapping[int, str]) -> bool:
    processing = asked[de.PROCESSING][:2]
    if processing in (_INQUIRY, REFUND):  # what a refund leaves is not looked at
        return processing == _INQUIRY
    return de.PRIVATE in asked and _BALANCE_ASKED in parse_private(asked[de.PRIVATE])


def _amounts(outcome: Outcome, *, partial: bool) -> str:
    """DE54 of an answer: usable today, total balance, and the amount a partial approval is of."""
    amounts = [_amount("02", outcome.usable_minor), _amount("01", outcome.balance_minor)]
    if partial:
        amounts.append(_amount("57", outcome.requested_minor))
    return format_amounts(*amounts)


def _amount(amount_type: str, amount_minor: int) -> AdditionalAmount:
    return AdditionalAmount("00", amount_type, EURO, "C", amount_minor)
