"""What a response code (DE39) tells the person at the till."""

from typing import Final

APPROVED: Final = "00"
APPROVED_PARTIAL: Final = "10"
VERIFY: Final = "1A"
APPROVALS: Final = frozenset({APPROVED, APPROVED_PARTIAL})

UNKEPT: Final = frozenset({"30", "91", "94", "96"})
"""No decisions: the engine keeps none of these, so a repeat after one may be decided and differ."""

MEANINGS: Final = {
    APPROVED: "approved",
    APPROVED_PARTIAL: "approved in part",
    "05": "declined",
    "12": "not a valid operation",
    "13": "not a valid amount",
    "14": "unknown card",
    VERIFY: "verification needed",
    "21": "reversed before it came",
    "25": "original not found",
    "30": "format error",
    "41": "card lost",
    "43": "card stolen",
    "51": "balance too low",
    "54": "card expired",
    "55": "wrong PIN",
    "57": "not allowed: day, place or goods",
    "58": "merchant does not accept vouchers",
    "61": "daily cap reached",
    "62": "blocked or not active",
    "63": "security check failed",
    "75": "PIN tries used up",
    "81": "authentication needed",
    "82": "wrong cryptogram",
    "91": "issuer not available",
    "94": "duplicate with other content",
    "96": "system fault",
}


def meaning(code: str | None) -> str:
    """The code in words; None is a silence."""
    if code is None:
        return "no answer"
    return MEANINGS.get(code, f"response code {code}")
