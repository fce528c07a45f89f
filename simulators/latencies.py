"""Latencies counted in buckets one per cent apart: any quantile, right to 1 %, in little memory."""

import math
from collections import Counter
from typing import Final

_STEP: Final = math.log(1.01)


class Latencies:
    """Counts microseconds; asks nothing of how many there are."""

    def __init__(self) -> None:
        """Start empty."""
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.max_us = 0

    def add(self, us: int) -> None:
        """Count one latency."""
        self._buckets[math.ceil(math.log(us) / _STEP) if us > 1 else 0] += 1
        self.count += 1
        self.max_us = max(self.max_us, us)

    def quantile_us(self, share: float) -> int:
        """What `share` (0 to 1) of all latencies stay within; 0 when there is none."""
        wanted = math.ceil(share * self.count)
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                return min(self.max_us, round(1.01**bucket))
        return self.max_us

    def summary_ms(self) -> dict[str, float]:
        """The usual quantiles in milliseconds."""
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        found = {name: self.quantile_us(share) / 1_000 for name, share in shares.items()}
        return found | {"max": self.max_us / 1_000}
