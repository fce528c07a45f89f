"""Numbers that nobody can guess: device PANs, activation codes, names of tokens."""

import secrets
from typing import Final

from authz.custody.pan import Pan, luhn_check_digit
from authz.hsm import Pin

TOKEN_RANGE: Final = "999979"  # noqa: S105 - a range of card numbers
_FREE_DIGITS: Final = 9
CODE_DIGITS: Final = 6


def new_device_pan() -> Pan:
    """A number of the token range with a good check digit; the database says if it is free."""
    digits = f"{TOKEN_RANGE}{secrets.randbelow(10**_FREE_DIGITS):0{_FREE_DIGITS}d}"
    return Pan(digits + luhn_check_digit(digits))


def new_code() -> Pin:
    """A code for the holder; kept and compared like a PIN, never in clear."""
    return Pin(f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}")


def new_token_id() -> str:
    """A name for a token."""
    return f"tok-{secrets.token_hex(8)}"
