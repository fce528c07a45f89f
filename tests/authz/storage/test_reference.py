"""What a process remembers of the reference tables, where batches of two epochs are at work."""

from collections.abc import Callable
from typing import Any

from msgspec import json

from authz.storage.reference import Reference

RECORD = json.encode(
    {
        "class": "restaurant",
        "mcc": "5812",
        "department": "75",
        "country": "FR",
        "affiliated": True,
    }
)


class Registry:
    """A database with one table of merchants; something `happens` while it is asked."""

    def __init__(self, *mids: str, happens: Callable[[], object] = lambda: None) -> None:
        """`mids` are registered."""
        self.asked: list[list[str]] = []
        self._mids = mids
        self._happens = happens

    async def fetch(self, _statement: str, _acquirers: list[str], mids: list[str]) -> list[Any]:
        """The rows of those that are registered."""
        self.asked.append(mids)
        self._happens()
        return [
            {"acquirer": "1", "mid": mid, "merchant_no": 7, "record": RECORD}
            for mid in mids
            if mid in self._mids
        ]


async def learn(reference: Reference, epoch: int, registry: Any, *mids: str) -> set[str]:
    """The merchants that a batch of this epoch finds."""
    tables = reference.tables(epoch)
    await tables.learn_merchants(registry, [("1", mid) for mid in mids])
    return {mid for mid in mids if ("1", mid) in tables.merchants}


async def test_a_merchant_is_asked_for_once_an_epoch_registered_or_not() -> None:
    reference, registry = Reference(), Registry("A")
    for epoch in (1, 1, 2):
        assert await learn(reference, epoch, registry, "A", "B") == {"A"}
    assert [sorted(mids) for mids in registry.asked] == [["A", "B"], ["A", "B"]]


async def test_a_batch_keeps_what_it_knew_while_another_sees_the_next_epoch() -> None:
    reference = Reference()
    await learn(reference, 1, Registry("A"), "A")
    beside = Registry("A", "B", happens=lambda: reference.tables(2))
    assert await learn(reference, 1, beside, "A", "B") == {"A", "B"}


async def test_what_an_older_batch_learns_is_not_remembered_for_the_newer() -> None:
    reference = Reference()
    assert await learn(reference, 2, Registry(), "A") == set()
    assert await learn(reference, 1, Registry("A"), "A") == {"A"}
    newer = Registry("A")
    assert await learn(reference, 2, newer, "A") == set()
    assert newer.asked == []
