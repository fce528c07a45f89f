"""Names of authorizations: time-ordered numbers, made by the process, unlike any other's.

41 bits of milliseconds since 2020, 10 bits of node, 12 bits of counter. A number is unique under
its holder, so the public id names both.
"""

from collections.abc import Callable
from itertools import product
from typing import Final

from ledger.names import public_id as public_id

EPOCH_MS: Final = 1_577_836_800_000  # 2020-01-01T00:00:00Z
NODE_BITS: Final = 10
COUNTER_BITS: Final = 12
_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
# Written down once: six divisions for each answer would cost more than the table does.
_HALF_CODES: Final = tuple(map("".join, product(_CODE_ALPHABET, repeat=3)))


class AuthorizationIds:
    """Hands out numbers that only rise, also when the wall clock steps back."""

    def __init__(self, node: int, now_ms: Callable[[], int]) -> None:
        """`node` is this process's own (0 to 1023); `now_ms` is the wall clock in UTC ms."""
        assert 0 <= node < 1 << NODE_BITS
        self._node = node << COUNTER_BITS
        self._now_ms = now_ms
        self._ms = 0
        self._counter = 0

    def __call__(self) -> int:
        """The next number."""
        ms = self._now_ms() - EPOCH_MS
        if ms > self._ms:
            self._ms, self._counter = ms, 0
        else:
            self._counter += 1
            if self._counter >> COUNTER_BITS:
                self._ms, self._counter = self._ms + 1, 0
        return self._ms << (NODE_BITS + COUNTER_BITS) | self._node | self._counter


def parse_public_id(text: str) -> tuple[int, int] | None:
    """Holder and number of a public id, or None where the text is none."""
    holder, _, number = text.partition("-")
    try:
        pair = int(holder, 16), int(number, 16)
    except ValueError:
        return None
    is_plain = min(pair) >= 0 and max(pair) < 1 << 63 and public_id(*pair) == text
    return pair if is_plain else None


def approval_code(authorization_id: int) -> str:
    """The six characters of DE38, derived from the number so that they need no memory."""
    high, low = divmod(authorization_id, len(_HALF_CODES))
    return _HALF_CODES[high % len(_HALF_CODES)] + _HALF_CODES[low]
