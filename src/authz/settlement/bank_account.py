"""Bank accounts as they are written: IBAN (ISO 13616) and BIC (ISO 9362), checked. Pure."""

import re
from typing import Final

from authz import mod97

LENGTHS: Final = {
    "AD": 24, "AL": 28, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22,
    "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21,
    "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27,
    "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24,
    "RS": 22, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "VA": 22,
}  # fmt: skip
"""Characters of an IBAN by country, for the countries that a SEPA transfer reaches (EPC409-09)."""
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,27}")
_BIC: Final = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")


def iban_of(text: str) -> str:
    """The IBAN without blanks, in capitals. Raises ValueError, which does not quote it."""
    iban = "".join(text.split()).upper()
    if _IBAN.fullmatch(iban) is None:
        raise ValueError("an IBAN is wanted: a country, two digits, letters and digits")
    if iban[:2] not in LENGTHS:
        raise ValueError("an IBAN of a country that SEPA transfers reach is wanted")
    if len(iban) != LENGTHS[iban[:2]]:
        raise ValueError(f"an IBAN of {iban[:2]} has {LENGTHS[iban[:2]]} characters")
    if not mod97.holds(iban):
        raise ValueError("the check digits of the IBAN are wrong")
    return iban


def bic_of(text: str) -> str:
    """The BIC in capitals. Raises ValueError."""
    bic = text.strip().upper()
    if _BIC.fullmatch(bic) is None:
        raise ValueError("a BIC is wanted: eight or eleven letters and digits")
    return bic
