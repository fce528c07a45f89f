"""Bank cards of records: linked through the vault, renewed, removed, or refused in words."""

from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from authz.bank.kept import Wallet
from authz.custody.safe import Safe
from authz.refusal import Refused
from authz.world.change import put_record
from authz.world.read import WorldError, record_of
from tests.authz.hsm.keys import some_module, some_safe
from tests.database.branch import NAME_ONE, Branch, a_branch, forty
from tests.database.roads import buys
from tests.road.people import DIGESTER, Setting, as_world, bank_pan

LINKED = {"bank_pan": bank_pan(1), "bank_expiry": "2912", "verified": True}
CARDS = "select last4, expiry, removed_at is null from bank_cards order by card_no"
PLAIN = Setting()


async def put(branch: Branch, safe: Safe | None = None, **more: Any) -> str:
    """Put the account's record, changed."""
    record = as_world((1, PLAIN))["accounts"][0] | more
    async with branch.pool.acquire() as sql:
        return await put_record(
            cast("asyncpg.Connection", sql),
            record_of("body", "account", record), DIGESTER, safe=safe or some_safe(),
        )  # fmt: skip


async def cards(branch: Branch) -> list[tuple[str, str, bool]]:
    """Last digits, expiry, and whether it is linked."""
    return [tuple(row) for row in await branch.pool.fetch(CARDS)]


async def test_a_card_that_is_put_is_asked_at_the_next_payment(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        assert await put(branch, topup=LINKED) == "changed"
        assert (await branch.pay(forty())).approved
        assert await branch.state() == ("APPROVED", 1500)
        rows = repr(await branch.pool.fetch("select * from bank_cards, sealed_numbers"))
        assert bank_pan(1) not in rows and bank_pan(1).encode().hex() not in rows


async def test_an_account_is_made_with_its_card(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        assert await put(branch, id="acc-new", person="per-new", topup=LINKED) == "created"
        assert await cards(branch) == [(bank_pan(1)[-4:], "2912", True)]


@pytest.mark.parametrize("none", [None, {"enabled": False}])
async def test_who_does_not_speak_of_the_card_leaves_it_and_null_removes_it(
    calendar_url: str, tmp_path: Path, none: dict[str, Any] | None
) -> None:
    sundays = [{"from": "2026-01-01", "sunday": True}]
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        await put(branch, topup=LINKED)
        assert await put(branch, derogations=sundays) == "changed"
        await branch.pay(forty())
        assert await branch.state() == ("APPROVED", 1500)
        assert await put(branch, topup=none) == "changed"
        assert (await cards(branch))[0][2] is False
        told = await branch.pool.fetch("select what from holder_notices")  # TOP-12
        assert [what for (what,) in told] == ["BANK_CARD_REMOVED"]
        (answer,) = await branch.run(buys(1000))
        assert answer is not None and not answer.approved


async def test_the_same_record_links_again_what_was_unlinked_meanwhile(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        assert [await put(branch, topup=LINKED) for _ in range(2)] == ["changed", "unchanged"]
        await branch.unlink(Wallet(await branch.pool.fetchval(NAME_ONE), 1))
        assert not [linked for *_, linked in await cards(branch) if linked]
        assert [await put(branch, topup=LINKED) for _ in range(2)] == ["changed", "unchanged"]
        assert [linked for *_, linked in await cards(branch)] == [False, True]
        assert (await branch.pay(forty())).approved
        assert await branch.state() == ("APPROVED", 1500)


async def test_a_card_may_be_renewed_or_replaced(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        with pytest.raises(Refused, match="no bank card is linked"):
            await put(branch, topup={"bank_expiry": "3012", "verified": True})
        await put(branch, topup=LINKED)
        await put(branch, topup={"bank_expiry": "3012", "verified": True})
        assert await cards(branch) == [(bank_pan(1)[-4:], "3012", True)]
        await put(branch, topup=LINKED | {"bank_pan": bank_pan(2)})
        assert await cards(branch) == [
            (bank_pan(1)[-4:], "3012", False),
            (bank_pan(2)[-4:], "2912", True),
        ]


async def test_without_a_key_for_it_a_card_is_refused_in_words(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path, PLAIN) as branch:
        with pytest.raises(WorldError, match=r"body\.topup\.bank_pan.*pan_encryption") as refused:
            await put(branch, Safe(some_module()), topup=LINKED)
        assert bank_pan(1) not in str(refused.value)
