"""What goes back to employers: told by what it is of, and booked once (LOD-04, CRD-06)."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from authz.commands.loads import app
from authz.holders.leaving import close_account
from authz.loads.lines import Line
from authz.loads.payments import bounce
from authz.loads.returns import Owed, owed_to_employers, return_to
from authz.refusal import Refused, Unknown
from ledger.accounts import House
from tests.database.test_bounces import until_they_wait
from tests.database.test_loads import ONE, TWO, order, paid, standing
from tests.database.town import Town, town


async def owed(t: Town) -> list[Owed]:
    async with t.pool.acquire() as sql:
        return await owed_to_employers(sql)


async def returned(
    t: Town, amount_minor: int, reference: str = "SCT 1", employer: str = "emp-1"
) -> bool:
    async with t.pool.acquire() as sql, sql.transaction():
        return await return_to(sql, employer, amount_minor, reference)


async def refusal(t: Town, amount_minor: int, reference: str = "SCT 1") -> str:
    """The code with which it is refused."""
    with pytest.raises(Refused) as refused:
        await returned(t, amount_minor, reference)
    return refused.value.code


async def one_leaves(t: Town) -> None:
    """12.50 taken back, 87.50 left, and 100.00 paid for nothing."""
    await paid(t, await order(t))
    late = await order(t)
    await order(t, Line(1, "acc-1", -1, 1250, 700, "2026-11"))
    async with t.pool.acquire() as sql, sql.transaction():
        await close_account(sql, "acc-1", "left", t.books)
    await paid(t, late)


async def test_all_of_it_is_told_by_employer_and_goes_back_once(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, TWO) as t:
        await one_leaves(t)
        assert await owed(t) == [Owed("emp-1", "", 1250, 8750, 10_000, 0, 20_000)]
        assert await standing(t, House.RETURNED_TO_EMPLOYER) == 20_000
        assert await refusal(t, 20_001) == "MORE_THAN_OWED"
        assert [await returned(t, 20_000) for _ in "ab"] == [True, False]
        assert await refusal(t, 1) == "REFERENCE_USED"
        assert await refusal(t, 1, "SCT 2") == "MORE_THAN_OWED"
        assert await owed(t) == []
        assert await standing(t, House.RETURNED_TO_EMPLOYER) == 0
        assert await standing(t, House.TRUST_CASH) == 0


async def test_what_comes_later_goes_back_later(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await paid(t, await order(t))
        less = Line(1, "acc-1", -1, 1250, 700, "2026-11")
        await order(t, less)
        assert await returned(t, 1250)
        await order(t, less)
        assert await owed(t) == [Owed("emp-1", "", 2500, 0, 0, 1250, 1250)]
        assert [await returned(t, minor, f"{minor}") for minor in (250, 1000)] == [True, True]


async def test_two_at_once_return_it_once(calendar_url: str, tmp_path: Path) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        await one_leaves(t)
        async with t.pool.acquire() as first, first.transaction():
            assert await return_to(first, "emp-1", 20_000, "SCT 1")
            second = asyncio.create_task(returned(t, 20_000))
            await until_they_wait(first)
        assert not await second


async def test_nothing_goes_back_to_whom_a_payment_was_taken_back(
    calendar_url: str, tmp_path: Path
) -> None:
    async with town(calendar_url, tmp_path, ONE) as t:
        placed = await order(t)
        await paid(t, placed)
        await order(t, Line(1, "acc-1", -1, 1250, 700, "2026-11"))
        async with t.pool.acquire() as sql, sql.transaction():
            await bounce(sql, placed.load_no, "AM04")
        assert await refusal(t, 1250) == "EMPLOYER_STOPPED"
        await paid(t, placed)
        assert await returned(t, 1250)
        with pytest.raises(Unknown):
            await returned(t, 1250, employer="emp-9")


def test_the_commands_tell_it_and_book_it(calendar_url: str, tmp_path: Path) -> None:
    async def prepare() -> None:
        async with town(calendar_url, tmp_path, ONE) as t:
            await one_leaves(t)

    asyncio.run(prepare())
    where = ["--database-url", calendar_url]
    told = CliRunner().invoke(app, ["owed", *where])
    assert told.exit_code == 0
    for cell in ("emp-1", "1,250", "8,750", "10,000", "20,000"):
        assert cell in told.output
    for state in ("emp-1", "emp-1, booked before"):
        done = CliRunner().invoke(app, ["return", "emp-1", "20000", "SCT 1", *where])
        assert f"20,000 cents went back to {state}\n" in done.output
    for wrong in (["emp-9", "1", "SCT 2"], ["emp-1", "1", "SCT 2"], ["emp-1", "1", "x" * 36]):
        assert CliRunner().invoke(app, ["return", *wrong, *where]).exit_code != 0
