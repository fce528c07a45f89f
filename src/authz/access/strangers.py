"""How often keys that do not open may be looked up: a token bucket of failures a peer. Pure."""

from collections import OrderedDict
from typing import Final

from authz.access.api_keys import ApiKey, Presented
from authz.access.rates import Buckets, Rate

FAILURES: Final = Rate(per_s=5, burst_max=50)
"""Failed look-ups of one peer: a deployment with an old key comes through, a search does not."""
REMEMBERED_MAX: Final = 10_000
"""Peers, and keys, of which more is not kept than this."""


class Strangers:
    """Peers that come with API keys which do not open, and the keys that did open.

    A key that opened before is looked up whatever its peer has done since: behind one address
    (a proxy's, a shop's) nobody shuts another out. What is remembered lets nobody in.
    """

    def __init__(self, rate: Rate = FAILURES, remembered_max: int = REMEMBERED_MAX) -> None:
        """Nobody has come yet."""
        self._failures, self._remembered_max = Buckets(rate, remembered_max), remembered_max
        self._opened: OrderedDict[str, ApiKey] = OrderedDict()

    def wait_s(self, peer: str, presented: Presented, now_s: float) -> float:
        """The seconds until this key may be looked up for this peer; 0.0 if it may be now."""
        wait_s = self._failures.wait_s(peer, now_s)
        return wait_s if wait_s and not self._has_opened(presented) else 0.0

    def failed(self, peer: str, presented: Presented, now_s: float) -> None:
        """It was looked up and does not open, or does so no more."""
        self._failures.take(peer, now_s)
        if self._has_opened(presented):
            del self._opened[presented.key_id]

    def opened(self, key: ApiKey) -> None:
        """It was looked up, with its secret, and opens."""
        self._opened[key.key_id] = key
        self._opened.move_to_end(key.key_id)
        if len(self._opened) > self._remembered_max:
            self._opened.popitem(last=False)

    def _has_opened(self, presented: Presented) -> bool:
        key = self._opened.get(presented.key_id)
        return key is not None and key.is_of(presented.secret.reveal())
