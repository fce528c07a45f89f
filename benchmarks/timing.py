"""Time one pure function: operations a second, median and 99th percentile, garbage collector off.

Calls are timed in small groups, so that reading the clock does not weigh; a group's mean is one
sample. Compare only what ran in one run: this measures the machine's mood as well.
"""

import gc
from collections.abc import Callable
from time import perf_counter_ns

from msgspec import Struct
from rich.console import Console
from rich.table import Table


class Timing(Struct, frozen=True):
    """What one function took, in microseconds a call."""

    name: str
    calls: int
    mean_us: float
    p50_us: float
    p99_us: float

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return 1e6 / self.mean_us


def measure(
    name: str, call: Callable[[], object], samples: int = 2_000, group: int = 10, items: int = 1
) -> Timing:
    """Call it `samples` times `group` times; `items` is how many operations one call does."""
    for _ in range(group * 20):
        call()
    took: list[float] = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(samples):
            start = perf_counter_ns()
            for _ in range(group):
                call()
            took.append((perf_counter_ns() - start) / 1_000 / group / items)
    finally:
        gc.enable()
    took.sort()
    mean = sum(took) / samples
    return Timing(name, samples * group, mean, took[samples // 2], took[samples * 99 // 100])


def report(title: str, *timings: Timing) -> None:
    """Print them; the last column is how often the first is faster than each (by the median)."""
    table = Table("what", "per second", "mean µs", "p50 µs", "p99 µs", "ratio", title=title)
    for timing in timings:
        table.add_row(
            timing.name,
            f"{timing.per_second:,.0f}",
            f"{timing.mean_us:.2f}",
            f"{timing.p50_us:.2f}",
            f"{timing.p99_us:.2f}",
            f"{timing.p50_us / timings[0].p50_us:.2f}",
        )
    Console(width=100).print(table)
