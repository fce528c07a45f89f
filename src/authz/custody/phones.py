"""A telephone number that cannot print itself: where a person gets the codes of phones (TOK-03)."""

import re
from typing import Final, NoReturn

SHAPE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus, the country, at most 15 digits."""


class Phone:
    """A number in international form that shows its last two digits at most."""

    __slots__ = ("_number",)

    def __init__(self, number: str) -> None:
        """ValueError, without the value, unless it is one of E.164."""
        if SHAPE.fullmatch(number) is None:
            raise ValueError("a telephone number is written as +33612345678")
        self._number = number

    @property
    def masked(self) -> str:
        """What its owner may be shown, to know which one it is."""
        return f"********{self._number[-2:]}"

    def reveal(self) -> str:
        """The number in clear: for the vault and the sender of codes only."""
        return self._number

    def __repr__(self) -> str:
        """Masked."""
        return f"Phone({self.masked})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle and copy."""
        raise TypeError("a telephone number is not serialized")
