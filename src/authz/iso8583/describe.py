"""Print a message without what must not be seen.

Only fields that are known to be harmless are shown. Everything else, private fields of which nobody
knows what a network puts there included, is reduced to its length; a list of what to hide would
forget something one day.
"""

from collections.abc import Mapping

from authz.iso8583 import tlv

# Amounts, dates, trace numbers, places, codes, totals: no card data, no keys.
SHOWN = frozenset(
    (*range(3, 14), *range(15, 34), *range(37, 44), *range(49, 52), 54, *range(66, 96), 97, 99, 100)
)


def masked(number: int, value: str) -> str:
    """One field's value as people may see it."""
    if number in SHOWN:
        return value
    if number == 2:
        return "****" + value[-4:] if len(value) >= 12 else f"<{len(value)}>"
    if number == 48:
        return _keys_only(value)
    return f"<{len(value)}>"


def _keys_only(value: str) -> str:
    try:
        return "[" + ",".join(tlv.parse_private(value)) + "]"
    except tlv.TlvError:
        return f"<{len(value)}>"


def line(mti: str, fields: Mapping[int, str]) -> str:
    """The message in one line, for logs: `0200 2=****1234 3=000000 …`."""
    return " ".join((mti, *(f"{n}={masked(n, fields[n])}" for n in sorted(fields))))
