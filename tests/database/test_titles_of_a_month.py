"""More titles than a month has days are flagged, over all orders of an account (LOD-02)."""

from pathlib import Path

from authz.loads.lines import Flag, Line
from tests.database.test_loads import ONE, TWO, order, paid
from tests.database.town import Town, town


async def flagged(t: Town, *counts: int, month: str = "11") -> list[bool]:
    """Whether each of these lines of one order is more than a month has days."""
    lines = [
        Line(n, "acc-1", count, 1000, 500, f"2026-{month}") for n, count in enumerate(counts, 1)
    ]
    placed = await order(t, *lines)
    return [Flag.MORE_THAN_A_MONTH in each.flags for each in placed.taken]


async def test_lod_02_titles_are_counted_by_account_and_month(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        assert await flagged(t, 20, 11, 1) == [False, False, True]
        assert await flagged(t, 1) == [True]  # though nothing of it is paid yet
        assert await flagged(t, 31, month="12") == [False]


async def test_lod_02_what_was_taken_back_counts_no_more(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t, Line(1, "acc-1", 31, 1000, 500, "2026-11")))
        await t.pay(2400)
        assert await flagged(t, 2, -2) == [False, False]
        assert await flagged(t, -31) == [False]  # 26 whole titles are left to be taken
        assert await flagged(t, 26) == [False]
        assert await flagged(t, 1) == [True]


async def test_lod_02_what_went_back_frozen_counts_not_at_all(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        placed = await order(t, Line(1, "acc-1", 31, 1000, 500, "2026-11"))
        mine, theirs = (
            {"id": "acc-1", "person": "per-1", "employer": f"emp-{n}", "programme": "fr-meal"}
            for n in (1, 2)
        )
        assert await t.put("account", theirs) == "changed"
        await paid(t, placed)
        assert await t.put("account", mine) == "changed"
        assert await flagged(t, 31) == [False]
