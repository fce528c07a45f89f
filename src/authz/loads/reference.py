"""The structured reference by which a payment finds its load: ISO 11649, `RF` and two check digits.

Its check is MOD 97-10: one wrong or two swapped characters are always found.
"""

import re
from typing import Final

from authz import mod97

PREFIX: Final = "MIL"
_SHAPE: Final = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")


def reference_of(load_no: int) -> str:
    """The reference that the employer writes on the payment of this load."""
    body = f"{PREFIX}{load_no:09d}"
    return f"RF{mod97.check_digits('RF', body)}{body}"


def normalized(text: str) -> str | None:
    """The reference as people write it (in groups, small letters), or None if its check fails."""
    plain = "".join(text.split()).upper()
    if _SHAPE.fullmatch(plain) is None:
        return None
    return plain if mod97.holds(plain) else None
