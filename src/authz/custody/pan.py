"""A card number that cannot print itself, and the keyed digest that replaces it.

The PAN (or device PAN) stops at `translate`; behind it only the `card_ref` goes on.
"""

import hmac
from hashlib import blake2b
from typing import NoReturn

CARD_REF_SIZE = 16
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn_check_digit(digits: str) -> str:
    """The digit that makes `digits` + it a valid card number (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += int(digit) if place % 2 else _LUHN_DOUBLED[int(digit)]
    return str(-total % 10)


class Pan:
    """A card number of 12 to 19 digits that shows its last four at most.

    Printing, formatting and `repr` mask; pickling, copying and serializing are refused; equality
    takes constant time and there is no hash, so that it never becomes a key of a dict.
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """ValueError, without the value, unless 12 to 19 ASCII digits (ISO/IEC 7812-1)."""
        if not (12 <= len(digits) <= 19 and digits.isascii() and digits.isdigit()):
            raise ValueError("a card number is 12 to 19 digits")
        self._digits = digits

    @property
    def last4(self) -> str:
        """The last four digits: all that people may see."""
        return self._digits[-4:]

    @property
    def luhn_ok(self) -> bool:
        """Whether the check digit holds. A false one is an unknown card, not a format error."""
        return luhn_check_digit(self._digits[:-1]) == self._digits[-1]

    def reveal(self) -> str:
        """The digits in clear: for the digest and the bank leg only, never a log or an error."""
        return self._digits

    def __eq__(self, other: object) -> bool:
        """Same digits, compared in constant time."""
        if not isinstance(other, Pan):
            return NotImplemented
        return hmac.compare_digest(self._digits, other._digits)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Masked: `Pan(****1234)`."""
        return f"Pan(****{self.last4})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Masked like `repr`, whatever the format asks for."""
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle, copy and deepcopy: each would carry the digits somewhere unseen."""
        raise TypeError("a card number is not serialized")


class PanDigester:
    """Turns card numbers into `card_ref`s under one secret key.

    Keyed, because card numbers are few: behind a known BIN and the check digit a 16-digit PAN hides
    nine digits, and a plain hash of all of them is a minute's work. BLAKE2b has a keyed mode of its
    own (RFC 7693, 2.9), no HMAC around it is needed.
    """

    __slots__ = ("_keyed", "key_id")

    def __init__(self, key: bytes, key_id: str) -> None:
        """`key` is 16 to 64 bytes; `key_id` names it beside every digest that it made."""
        if not 16 <= len(key) <= 64:
            raise ValueError("a digest key is 16 to 64 bytes")
        # The key block is compressed once, here; every digest starts from a copy.
        self._keyed = blake2b(key=key, digest_size=CARD_REF_SIZE)
        self.key_id = key_id

    def card_ref(self, pan_digits: str) -> bytes:
        """The 16 bytes that stand for this card number everywhere behind `translate`."""
        state = self._keyed.copy()
        state.update(pan_digits.encode())
        return state.digest()

    def content_ref(self, content: bytes) -> bytes:
        """The 16 bytes that stand for a content which may hold card numbers or PINs."""
        state = self._keyed.copy()
        state.update(b"content ")  # no card number begins so
        state.update(content)
        return state.digest()

    def check_value(self) -> str:
        """Six hex digits by which two installations see that they hold the same key."""
        return self.card_ref("key check value")[:3].hex().upper()

    def __repr__(self) -> str:
        """The key's name, never the key."""
        return f"PanDigester({self.key_id!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle and copy: the key stays where it was loaded."""
        raise TypeError("a digest key is not serialized")
