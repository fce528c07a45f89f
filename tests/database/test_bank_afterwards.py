"""What becomes of bank legs after the answer: holds that end, refunds in parts, short captures."""

from pathlib import Path

from authz.bank.matters import Matters, read_matters
from authz.movements import movements_of
from authz.requests import Kind, Original
from authz.topup import BankWord
from tests.database.branch import a_branch, forty
from tests.database.roads import buys
from tests.road.people import Setting

TUESDAY = "2026-11-24T12:30:00+01:00"
NINTH_DAY = "2026-12-03T12:30:00+01:00"
CAP_USED = Setting(top_up=True, used={"2026-11-24": 2500})


async def test_a_hold_that_the_bank_card_pays_alone_ends_like_any_other(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path, CAP_USED) as branch:
        await branch.at(TUESDAY)
        await branch.pay(forty(1500, kind=Kind.HOLD))
        assert await branch.state() == ("APPROVED", 1500)
        await branch.at(NINTH_DAY)
        assert await branch.job("expire-holds") == {"expired": 1, "unanswered": 0}
        await branch.recover()
        assert await branch.state() == ("REVERSED", 0)
        assert await branch.job("expire-holds") == {"expired": 0, "unanswered": 0}


async def test_what_is_open_is_counted_with_its_age(calendar_url: str, tmp_path: Path) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        await branch.at(TUESDAY)
        assert await read_matters(branch.pool) == Matters()
        asked = forty(received_at=branch.now)
        reserved = await branch.reserve(asked)
        await branch.ask(asked, reserved)
        await branch.at("2026-11-24T12:31:30+01:00")
        assert await read_matters(branch.pool) == Matters(waiting=1, waiting_s=90.0)
        await branch.finish(asked, reserved, BankWord.SILENT)
        await branch.at("2026-11-24T12:33:00+01:00")
        assert await read_matters(branch.pool) == Matters(untold=1, untold_s=90.0, unknown=1)
        await branch.recover()
        assert await read_matters(branch.pool) == Matters()


async def test_the_statement_shows_both_legs_and_the_balance_of_vouchers(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        paid = await branch.pay(forty())
        name = Original(name=(paid.holder_id, paid.authorization_id))
        (back,) = await branch.run(buys(500, kind=Kind.REFUND, about=name, card_ref=b""))
        assert back is not None and back.approved
        await branch.recover()
        async with branch.pool.acquire() as sql:
            entries = await movements_of(sql, "acc-1", 10)
        assert entries is not None
        told = [(e.kind, e.vintage, e.amount_minor, e.change_minor, e.balance_minor)
                for e in entries]  # fmt: skip
        assert told == [
            ("REFUND", None, 500, 0, 7500),
            ("PURCHASE", None, 1500, 0, 7500),
            ("PURCHASE", 2026, 2500, 0, 7500),
            ("PURCHASE", 2026, 2500, -2500, 7500),
            ("LOAD", 2026, 10_000, 10_000, 10_000),
        ]
        assert len({e.payment for e in entries[:-1]}) == 1
