"""What several workers count is told as one, and a dead one takes nothing away."""

import asyncio
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from authz.metrics import Metrics
from authz.service import whole as module
from authz.service.whole import Whole, families_of, merged, note_end, telling
from rules.decision import Reason


def told(collector: Collector) -> dict[str, float]:
    """Every sample of the text form, by its name with labels."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def counted(approved: int, *, connections: int = 0, alarm: int = 0) -> Metrics:
    metrics = Metrics()
    metrics.answers[Reason.APPROVED] = approved
    metrics.silences = approved
    metrics.connections = connections
    metrics.alarms = {"unsealed": alarm}
    for _ in range(approved):
        metrics.batch(3, 0.004)
    return metrics


class All(Collector):
    """What `merged` made of some."""

    def __init__(self, living: list[Metrics], ended: list[Metrics]) -> None:
        self._metrics = merged(map(families_of, living), map(families_of, ended))

    def collect(self) -> list:  # type: ignore[type-arg]
        return self._metrics


def test_counters_and_buckets_are_summed_over_the_living_and_the_dead() -> None:
    found = told(All([counted(2), counted(3)], [counted(10)]))
    assert found['millesime_answers_total{reason="APPROVED"}'] == 15
    assert found["millesime_silences_total"] == 15
    assert found['millesime_batch_requests_bucket{le="2"}'] == 0
    assert found['millesime_batch_requests_bucket{le="4"}'] == 15
    assert found['millesime_batch_requests_bucket{le="+Inf"}'] == 15
    assert found["millesime_batch_requests_sum"] == 45


def test_gauges_are_those_of_the_living_each_in_its_way() -> None:
    found = told(All([counted(0, connections=2, alarm=1), counted(0, connections=3, alarm=7)],
                     [counted(0, connections=90, alarm=90)]))  # fmt: skip
    assert found["millesime_connections"] == 5
    assert found['millesime_alarm{what="unsealed"}'] == 7


def test_one_alone_is_told_as_it_tells_itself() -> None:
    metrics = counted(4, connections=1)
    assert told(All([metrics], [])) == told(metrics)


def leave(folder: Path, pid: int, metrics: Metrics) -> None:
    """What another process left."""
    text = module._encode(families_of(metrics))
    (folder / f"{pid}.json").write_bytes(text)


async def test_the_others_are_read_and_we_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TELL_EVERY_S", 0.001)
    mine = counted(1, connections=1)
    leave(tmp_path, 1, counted(10, connections=10))
    leave(tmp_path, 2, counted(100, connections=100))
    async with telling(mine, tmp_path):
        note_end(tmp_path, 1)
        mine.silences, mine.connections = 2, 2
        found = told(Whole(mine, tmp_path))
        assert (found["millesime_silences_total"], found["millesime_connections"]) == (112, 102)
        kept = tmp_path / f"{os.getpid()}.json"
        before = kept.read_bytes()
        while kept.read_bytes() == before:
            mine.silences += 1
            await asyncio.sleep(0.001)
    last = mine.silences
    read = {f.name: f.samples for f in module._decode(kept.read_bytes())}
    assert read["millesime_silences"][0][2] == last, "the last word is written at the end"
