"""Which payment a message is about, as its fields say it (INTERFACE, originals)."""

from collections.abc import Mapping
from typing import Final

from authz.identity import PAYMENT_CLASSES, request_key
from authz.iso8583 import numbers as de
from authz.iso8583.mti import is_advice
from authz.requests import Original

# ISO 8583:1987 DE90: original MTI (4), STAN (6), transmission (10), acquirer (11), forwarder (11).
_MTI: Final = slice(0, 4)
_STAN: Final = slice(4, 10)
_TRANSMITTED: Final = slice(10, 20)
# DE95: the new amount comes first of four.
_NEW_AMOUNT: Final = slice(0, 12)


def named_by(fields: Mapping[int, str], amount_minor: int | None) -> Original:
    """How these fields name the original; without DE90 the message may carry its very identity.

    `amount_minor` is what the original asked for, where the message says it.
    """
    if de.ORIGINAL in fields:  # it says just which one: what else fits could only contradict it
        return Original(
            keys=_keys(fields),
            amount_minor=amount_minor,
            first_stan=fields[de.ORIGINAL][_STAN],
            advised=is_advice(fields[de.ORIGINAL][_MTI]),
        )
    return Original(
        keys=_keys(fields),
        rrn=_reference(fields.get(de.RRN, "")),
        approval_code=fields.get(de.APPROVAL_CODE),
        stan=fields[de.STAN],
        month_day=fields.get(de.LOCAL_DATE),
        amount_minor=amount_minor,
        first_stan=fields[de.STAN],
    )


def _reference(rrn: str) -> str | None:
    """DE37 without its padding, unless it is what peers write who have none.

    That are blanks, zeros, or one character all over.
    """
    return rrn.rstrip() if len(set(rrn.strip())) > 1 else None


def new_total_minor(fields: Mapping[int, str]) -> int | None:
    """What a partial reversal leaves standing (DE95); 0 for a full one, None if it is no amount."""
    replacement = fields.get(de.REPLACEMENT)
    if replacement is None:
        return 0
    digits = replacement[_NEW_AMOUNT]
    return int(digits) if digits.isascii() and digits.isdigit() else None


def _keys(fields: Mapping[int, str]) -> tuple[bytes, ...]:
    acquirer, terminal = fields[de.ACQUIRER], fields[de.TERMINAL].rstrip()
    original = fields.get(de.ORIGINAL)
    if original is not None:
        stan, transmitted = original[_STAN], original[_TRANSMITTED]
        return (request_key(acquirer, terminal, stan, transmitted, original[_MTI][:3]),)
    stan, transmitted = fields[de.STAN], fields[de.TRANSMISSION]
    return tuple(
        request_key(acquirer, terminal, stan, transmitted, family) for family in PAYMENT_CLASSES
    )
