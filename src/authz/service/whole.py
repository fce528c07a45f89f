"""What several workers count, told as one: each leaves its counters in a file that the others read.

Our counters are plain numbers of a process, so that the files of prometheus_client's multiprocess
mode do not know them; the rules are its own: counters are summed over all processes there ever
were, so that they never fall when one dies; gauges are those of the living.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

TELL_EVERY_S: Final = 1.0
"""How old what is told of another worker may be, and how much of its counts is lost in a crash."""
SUMMED: Final = frozenset(
    {"millesime_connections", "millesime_waiting", "millesime_bank_in_flight"}
)
"""Gauges of which each worker has its part; of any other, all say the same or the worst counts."""
GAUGE: Final = "gauge"
_COUNTS, _ENDED = ".json", ".ended"

Labels = tuple[tuple[str, str], ...]


class Family(Struct):
    """One metric with its samples, as it is written down."""

    name: str
    words: str
    kind: str
    samples: list[tuple[str, Labels, float]]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[Family]).decode


def families_of(own: Collector) -> list[Family]:
    """What a collector says now."""
    return [
        Family(
            metric.name,
            metric.documentation,
            metric.type,
            [(s.name, tuple(sorted(s.labels.items())), float(s.value)) for s in metric.samples],
        )
        for metric in own.collect()
    ]


def merged(living: Iterable[list[Family]], ended: Iterable[list[Family]]) -> list[Metric]:
    """All of them as one. Pure."""
    metrics: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, Labels], float]] = {}
    for lives, several in ((True, living), (False, ended)):
        for families in several:
            for family in families:
                if family.kind == GAUGE and not lives:
                    continue
                known = Metric(family.name, family.words, family.kind)
                metrics.setdefault(family.name, known)
                _add(values.setdefault(family.name, {}), family)
    for name, metric in metrics.items():
        for (sample, labels), value in values[name].items():
            metric.add_sample(sample, dict(labels), value)
    return list(metrics.values())


def _add(values: dict[tuple[str, Labels], float], family: Family) -> None:
    add = family.kind != GAUGE or family.name in SUMMED
    for sample, labels, value in family.samples:
        before = values.get((sample, labels))
        if before is None:
            values[sample, labels] = value
        else:
            values[sample, labels] = before + value if add else max(before, value)


class Whole(Collector):
    """What this worker and all others count; `folder` is where they leave it."""

    def __init__(self, own: Collector, folder: Path) -> None:
        """`own` is asked at once, the others are as they last told."""
        self._own, self._folder = own, folder

    def collect(self) -> Iterator[Metric]:
        """Everything, for one scrape."""
        told = {path.stem: path for path in self._folder.glob(f"*{_COUNTS}")}
        told.pop(str(os.getpid()), None)
        gone = {path.stem for path in self._folder.glob(f"*{_ENDED}")}
        living = [_decode(told[pid].read_bytes()) for pid in told.keys() - gone]
        ended = [_decode(told[pid].read_bytes()) for pid in told.keys() & gone]
        yield from merged([families_of(self._own), *living], ended)


@asynccontextmanager
async def telling(own: Collector, folder: Path) -> AsyncIterator[None]:
    """Leave what this worker counts for the others, as long as the context lasts and at its end."""
    path = folder / f"{os.getpid()}{_COUNTS}"

    def tell() -> None:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(_encode(families_of(own)))
        fresh.replace(path)  # whoever reads sees the one or the other, never half of it

    async def keep_telling() -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            with suppress(OSError):  # a full disk may have room again the next time
                tell()

    tell()
    task = asyncio.create_task(keep_telling())
    try:
        yield
    finally:
        task.cancel()
        with suppress(OSError):
            tell()


def note_end(folder: Path, pid: int) -> None:
    """The supervisor saw that a worker is gone: its gauges count no more."""
    (folder / f"{pid}{_ENDED}").touch()
