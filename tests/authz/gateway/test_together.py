"""Who asks together is answered by one look-up, which is never older than any question."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from authz.gateway import together
from authz.gateway.together import Together


class Shelf:
    """What there is, and which look-ups were made; each waits until it is let go."""

    def __init__(self) -> None:
        self.there: dict[str, int] = {"a": 1, "b": 2}
        self.asked: list[set[str]] = []
        self.open = asyncio.Semaphore(0)

    async def look_up(self, names: Collection[str]) -> Mapping[str, int]:
        self.asked.append(set(names))
        found = {name: self.there[name] for name in names if name in self.there}
        await self.open.acquire()
        if "fault" in names:
            raise OSError("the shelf fell")
        return found


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_is_alone_is_answered_without_waiting_for_anybody() -> None:
    shelf = Shelf()
    shelf.open.release()
    assert await Together(shelf.look_up).find("a") == 1
    assert shelf.asked == [{"a"}]


async def test_who_asks_while_a_look_up_is_at_work_goes_with_the_next_one() -> None:
    shelf = Shelf()
    reading = Together(shelf.look_up)
    first = asyncio.create_task(reading.find("a"))
    await settle()
    later = [asyncio.create_task(reading.find(name)) for name in ("a", "b", "b", "c")]
    await settle()
    assert shelf.asked == [{"a"}]
    shelf.open.release()
    shelf.open.release()
    assert (await first, await asyncio.gather(*later)) == (1, [1, 2, 2, None])
    assert shelf.asked == [{"a"}, {"a", "b", "c"}]


async def test_nobody_is_told_what_was_so_before_he_asked() -> None:
    shelf = Shelf()
    reading = Together(shelf.look_up)
    before = asyncio.create_task(reading.find("a"))
    await settle()
    del shelf.there["a"]
    after = asyncio.create_task(reading.find("a"))
    shelf.open.release()
    shelf.open.release()
    assert (await before, await after) == (1, None)


async def test_a_fault_is_told_to_all_who_asked_and_to_nobody_else() -> None:
    shelf = Shelf()
    reading = Together(shelf.look_up)
    first = asyncio.create_task(reading.find("a"))
    await settle()
    together_asked = [asyncio.create_task(reading.find(name)) for name in ("fault", "b")]
    await settle()
    for _ in range(3):
        shelf.open.release()
    assert await first == 1
    faults = await asyncio.gather(*together_asked, return_exceptions=True)
    assert [type(fault) for fault in faults] == [OSError, OSError]
    assert await reading.find("b") == 2


async def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    shelf = Shelf()
    reading = Together(shelf.look_up)
    gone, stays = (asyncio.create_task(reading.find("a")) for _ in range(2))
    await settle()
    gone.cancel()
    await settle()
    shelf.open.release()
    assert await stays == 1


async def test_a_look_up_that_never_ends_holds_up_the_next_one_for_so_long_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "PATIENCE_S", 0.01)
    shelf = Shelf()
    reading = Together(shelf.look_up)
    stuck = asyncio.create_task(reading.find("a"))
    await settle()
    monkeypatch.setattr(together, "PATIENCE_S", 10.0)
    waiting = asyncio.create_task(reading.find("b"))
    with pytest.raises(TimeoutError):
        await stuck
    shelf.open.release()
    assert await waiting == 2
