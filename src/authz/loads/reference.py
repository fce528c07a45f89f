"""The structured reference by which a payment finds its load: ISO 11649, `RF` and two check digits.

The check is ISO 7064 MOD 97-10 over the letters and digits with `RF` and the digits moved to the
end, letters counting from A = 10: one wrong or two swapped characters are always found.
"""

import re
from typing import Final

PREFIX: Final = "MIL"
_SHAPE: Final = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")


def reference_of(load_no: int) -> str:
    """The reference that the employer writes on the payment of this load."""
    body = f"{PREFIX}{load_no:09d}"
    return f"RF{98 - _rest(body + 'RF00'):02d}{body}"


def normalized(text: str) -> str | None:
    """The reference as people write it (in groups, small letters), or None if its check fails."""
    plain = "".join(text.split()).upper()
    if _SHAPE.fullmatch(plain) is None:
        return None
    return plain if _rest(plain[4:] + plain[:4]) == 1 else None


def _rest(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97
