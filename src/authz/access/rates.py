"""How often somebody may ask: a token bucket for each name, in one number a name. Pure."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

MICROSECONDS: Final = 6
"""Digits of a second that count; a clock of years keeps them."""


class Rate(Struct, frozen=True):
    """`per_s` requests a second in the long run, `burst_max` of them at once."""

    per_s: float
    burst_max: int


class Buckets:
    """The buckets of all names; of a bucket only the instant is kept at which it is full again.

    That says as much as its tokens (generic cell rate algorithm, ITU-T I.371, annex A). Of more
    than `names_max` names the one that asked longest ago is forgotten: its bucket is full again.
    """

    def __init__(self, rate: Rate, names_max: int) -> None:
        """All buckets are full."""
        self._token_s = 1 / rate.per_s
        self._depth_s = (rate.burst_max - 1) * self._token_s
        self._names_max = names_max
        self._full_at_s: OrderedDict[object, float] = OrderedDict()

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._full_at_s)

    def wait_s(self, name: object, now_s: float) -> float:
        """0.0 if there is a token, else the seconds until there is; none is taken."""
        wait_s = self._full_at_s.get(name, now_s) - now_s - self._depth_s
        return max(round(wait_s, MICROSECONDS), 0.0)  # sums of floats: nothing may come to little

    def take(self, name: object, now_s: float) -> float:
        """Take one token; 0.0 if there was one, else the seconds until there is, and none taken.

        `now_s` is of a clock that never goes back.
        """
        wait_s = self.wait_s(name, now_s)
        if wait_s:
            return wait_s
        self._full_at_s[name] = max(self._full_at_s.get(name, now_s), now_s) + self._token_s
        self._full_at_s.move_to_end(name)
        if len(self._full_at_s) > self._names_max:
            self._full_at_s.popitem(last=False)
        return 0.0
