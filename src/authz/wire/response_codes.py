"""Reasons as response codes (DE39): the one table, proved complete by a test.

Our choice on ISO 8583:1987 (INTERFACE, response codes); what a network calls differently stands in
its profile.
"""

from collections.abc import Mapping
from typing import Final

from rules.decision import Reason

RESPONSE_CODES: Final[Mapping[Reason, str]] = {
    Reason.APPROVED: "00",
    Reason.APPROVED_PARTIAL: "10",
    Reason.UNKNOWN_CARD: "14",
    Reason.CARD_EXPIRED: "54",
    Reason.CARD_BLOCKED: "62",
    Reason.NOT_ACTIVATED: "62",
    Reason.TOKEN_SUSPENDED: "62",
    Reason.LOST: "41",
    Reason.STOLEN: "43",
    Reason.WRONG_PIN: "55",
    Reason.PIN_TRIES: "75",
    Reason.VERIFY_REQUIRED: "1A",
    Reason.SECURITY: "63",
    Reason.WRONG_CRYPTOGRAM: "82",
    Reason.TAP_REPLAYED: "82",
    Reason.TYPE_NOT_ALLOWED: "57",
    Reason.MERCHANT_NOT_ELIGIBLE: "58",
    Reason.DAY_NOT_ALLOWED: "57",
    Reason.GEO_NOT_ALLOWED: "57",
    Reason.NOTHING_ELIGIBLE: "57",
    Reason.PARTIAL_NOT_SUPPORTED: "57",
    Reason.INSUFFICIENT_BALANCE: "51",
    Reason.DAILY_CAP: "61",
    Reason.INVALID_AMOUNT: "13",
    Reason.INVALID_TRANSACTION: "12",
    Reason.FORMAT: "30",
    Reason.DUPLICATE_CONFLICT: "94",
    Reason.ORIGINAL_NOT_FOUND: "25",
    Reason.REVERSED_BEFORE_REQUEST: "21",
    Reason.ISSUER_DOWN: "91",
    Reason.SYSTEM: "96",
}
