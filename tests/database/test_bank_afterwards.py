"""What becomes of bank legs after the answer: holds that end, refunds in parts, short captures."""

import asyncio
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from authz.bank.forwarding import tell_the_bank
from authz.bank.kept import Wallet
from authz.bank.matters import Matters, read_matters
from authz.bank.stans import NoStanLeft, Stans
from authz.bank.words import Stamp
from authz.custody.phones import Phone
from authz.custody.vault import Vault
from authz.decide.topup import BankWord
from authz.holders.contacts import keep_phone
from authz.holders.movements import movements_of
from authz.holders.notices import NoticeMessage, tell_holders
from authz.requests import Kind, Original
from authz.senders.kinds import NotSent
from rules.facts import TopUp
from simulators.bank import Manners
from tests.authz.hsm.keys import VAULT, some_safe
from tests.database.branch import NAME_ONE, Branch, a_branch, forty
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
        reserved = await branch.reserve_and_ask(asked)
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


async def test_ref_04_a_refund_goes_back_to_the_bank_card_that_paid_though_it_was_unlinked(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        paid = await branch.pay(forty())
        await branch.unlink(Wallet(paid.holder_id, 1))
        name = Original(name=(paid.holder_id, paid.authorization_id))
        (back,) = await branch.run(buys(2000, kind=Kind.REFUND, about=name, card_ref=b""))
        assert back is not None and back.approved
        await branch.recover()
        assert (await branch.state())[1] == 0
        assert await branch.available() == 8000


@pytest.mark.parametrize(
    ("card", "what"),
    [
        (TopUp(enabled=True, verified=True, expiry="2610"), "BANK_CARD_EXPIRED"),
        (TopUp(enabled=True, verified=False, expiry="2912"), "BANK_CARD_UNVERIFIED"),
    ],
)
async def test_a_holder_hears_once_a_day_that_the_bank_card_is_no_good(
    card: TopUp, what: str, calendar_url: str, tmp_path: Path
) -> None:
    setting = Setting(top_up=True, bank_card=card)
    async with a_branch(calendar_url, tmp_path, setting) as branch:
        await branch.at(TUESDAY)
        for asked in (forty(), forty(), forty(2500), forty(9000)):
            await branch.run(asked)
        told = await branch.pool.fetch("select what, day, told_at is null from holder_notices")
        assert [tuple(row) for row in told] == [(what, date(2026, 11, 24), True)]
        listener = Listener()
        assert await tell_holders(branch.pool, listener, VAULT) == 1
        (message,) = listener.heard
        assert message.type == "millesime.holder_notice"
        assert message.said() == {
            "account": "acc-1", "phone": None, "what": what, "day": "2026-11-24"
        }  # fmt: skip
        assert await branch.job("tell-holders") == {"told": 0}


async def test_who_misses_nothing_hears_nothing(calendar_url: str, tmp_path: Path) -> None:
    expired = TopUp(enabled=True, verified=True, expiry="2610")
    setting = Setting(top_up=True, bank_card=expired, lots={})
    async with a_branch(calendar_url, tmp_path, setting) as branch:
        await branch.at(TUESDAY)
        await branch.run(forty())  # without a cent of vouchers no card would have helped (TOP-02)
        assert await branch.job("tell-holders") == {"told": 0}


async def test_a_notice_is_kept_until_it_is_told_and_tried_again_ever_later(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        owner = await branch.pool.fetchval(NAME_ONE)
        async with branch.pool.acquire() as sql:
            await keep_phone(sql, some_safe(), owner, Phone("+33612345678"))
        await branch.unlink(Wallet(owner, 1))
        listener = Listener(deaf=True)
        waits = []
        for attempts in (0, 1, 2, 3, 12, 999):
            await branch.pool.execute(DUE_AGAIN, attempts)
            assert await tell_holders(branch.pool, listener, VAULT) == 0
            assert await tell_holders(branch.pool, listener, VAULT) == 0  # not due
            waits.append(await branch.pool.fetchval(WAIT))
        assert waits == [10, 20, 40, 80, 3600, 3600]
        listener.deaf = False
        await branch.pool.execute(DUE_AGAIN, 1)
        assert await tell_holders(branch.pool, listener, VAULT) == 1
        assert len(listener.heard) == 7
        assert len({message.name for message in listener.heard}) == 1, "a repeat says so"
        assert listener.heard[0].said()["phone"] == "+33612345678"
        assert "612345678" not in repr(listener.heard)
        await branch.pool.execute("update holder_notices set due_at = '2000-01-01'")
        assert await branch.job("tell-holders") == {"told": 0}


async def test_a_number_that_nobody_can_read_keeps_no_notice_back(
    calendar_url: str, tmp_path: Path
) -> None:
    """Sealed under a key of the same name and other bytes; the account tells who is meant."""
    other = Vault([(VAULT.key_id, b"another key of the same name ...")])
    async with a_branch(calendar_url, tmp_path) as branch:
        owner = await branch.pool.fetchval(NAME_ONE)
        async with branch.pool.acquire() as sql:
            await keep_phone(sql, some_safe(), owner, Phone("+33612345678"))
        await branch.unlink(Wallet(owner, 1))
        listener = Listener()
        assert await tell_holders(branch.pool, listener, other) == 1
        assert [message.said()["phone"] for message in listener.heard] == [None]


DUE_AGAIN = "update holder_notices set due_at = '2000-01-01', attempts = $1"
WAIT = "select round(extract(epoch from due_at - clock_timestamp()), -1)::int from holder_notices"


class Listener:
    """A sender that takes notices, or hears them and takes none."""

    needs_phone = False

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.heard: list[NoticeMessage] = []

    async def send(self, message: NoticeMessage) -> None:
        self.heard.append(message)
        if self.deaf:
            raise NotSent("no network", surely=False)


class Counted(Stans):
    """Says how many numbers were drawn, and has no more than it is given."""

    def __init__(self, branch: Branch, left: int) -> None:
        super().__init__(branch.pool, "99")
        self.left = left

    async def stamps(self, count: int) -> list[Stamp]:
        if count > self.left:
            raise NoStanLeft("all STANs of the day are used")
        self.left -= count
        return await super().stamps(count)


async def test_only_what_is_said_first_draws_a_number_and_a_day_without_one_is_waited_out(
    calendar_url: str, tmp_path: Path
) -> None:
    async with a_branch(calendar_url, tmp_path) as branch:
        asked = forty()
        reserved = await branch.reserve_and_ask(asked)
        await branch.finish(asked, reserved, BankWord.SILENT)
        stans = Counted(branch, 0)
        desk = replace(branch.desk, stans=stans)
        assert await tell_the_bank(desk) == 0  # tomorrow
        stans.left = 1
        branch.bank.manners = Manners(delay_ms=200)
        link = branch.desk.link
        telling = asyncio.create_task(tell_the_bank(desk))
        while not link.in_flight:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
        link.lost()  # the answer to the first sending is lost
        assert await telling == 0
        branch.bank.manners = Manners()
        await branch.recover_notices(desk)
        assert (await branch.state(), stans.left) == (("REVERSED", 0), 0)
