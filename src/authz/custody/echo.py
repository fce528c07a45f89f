"""What may be said back of what was sent: a card number may stand even in a name. Pure."""

import re
from typing import Final

from authz.iso8583.numbers import AMOUNT_MAX

UNSAID: Final = "(a name that is not repeated here)"
MASK: Final = "****"
# Names of ours are lower case words, classes and headers; digits are no part of any but a few.
_OWN: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}[0-9]{0,2}")
_OUR_LIMIT: Final = str(AMOUNT_MAX)
"""A refusal that tells it tells nothing of what was sent."""
_NUMBER: Final = re.compile(r"[0-9](?:[ ._-]?[0-9]){11,}")
_UNKNOWN_FIELD: Final = re.compile(r"(unknown field )`(.*)`", re.DOTALL)


def own_name(name: str) -> str:
    """A field's name if it looks like one of ours, so that a slip of the pen can be told."""
    return name if _OWN.fullmatch(name) else UNSAID


def without_numbers(words: str) -> str:
    """Words without any run of twelve digits or more, however it is grouped, but our own limit."""
    return _NUMBER.sub(lambda found: found[0] if found[0] == _OUR_LIMIT else MASK, words)


def refusal_of(words: str) -> str:
    """A refusal of msgspec; the name of an unknown field only if it looks like one of ours."""
    named = _UNKNOWN_FIELD.sub(lambda m: f"{m[1]}`{own_name(m[2])}`", words)
    return without_numbers(named)
