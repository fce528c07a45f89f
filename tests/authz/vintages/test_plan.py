"""The plan of 1 March: cents are kept, twice is once, and the order of the runs does not matter."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from authz.state import HolderAccount, LotInfo, Profile
from authz.vintages.plan import Plan, Where, Why, plan
from ledger.accounts import House, is_lot, lot_no_of
from ledger.running import Running, after
from rules.facts import Account, AccountStatus, Lot, Origin
from rules.geography import PARIS
from rules.parameters import ExchangeMode
from rules.rulebook import Rulebook
from rules.vouchers import usable_lots
from tests.rules.builders import BOOK

AT = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
MODES = {mode: BOOK.derive(exchange_mode=mode.value) for mode in ExchangeMode}
ACCOUNT = HolderAccount(Account(1, "acc-1", "fr-meal", AccountStatus.ACTIVE), 1)

vintages = st.integers(2019, 2027)
lots = st.lists(st.tuples(vintages, st.integers(0, 300), st.integers(1, 9_999)), max_size=6)
days = st.dates(date(2019, 1, 1), date(2030, 12, 31))


class Purse:
    """A holder whose plans are booked one after the other."""

    def __init__(self, loaded: list[tuple[int, int, int]]) -> None:
        self.profile = Profile(
            "per-1",
            (ACCOUNT,),
            lots=tuple(
                LotInfo(no, 1, vintage, Origin.LOAD, date(vintage, 1, 1) + timedelta(days=day))
                for no, (vintage, day, _) in enumerate(loaded, 1)
            ),
        )
        minors = tuple(minor for _, _, minor in loaded)
        self.running = Running(
            7, 1, 3, date.min, lot_available=minors, lot_held=tuple(0 for _ in minors)
        )

    def run(self, day: date, book: Rulebook = BOOK, *, closed: bool = False) -> Plan:
        where = {1: Where(1, day, PARIS, book, closed)}
        due = plan(self.running, self.profile, where, AT)
        transfers = [move.transfer for move in due.moves]
        self.running = after(self.running, transfers, {}, {})
        self.profile = replace(self.profile, lots=due.lots)
        return due

    @property
    def total_minor(self) -> int:
        return sum(self.running.lot_available)

    def full(self) -> Counter[tuple[int, Origin, int | None, date, int]]:
        """What is in the lots that hold something, whatever their numbers."""
        return Counter(
            (lot.vintage, lot.origin, lot.from_vintage, lot.loaded_on, minor)
            for lot, minor in zip(self.profile.lots, self.running.lot_available, strict=True)
            if minor
        )

    def usable(self, day: date) -> dict[tuple[int, Origin, date], int]:
        """What the rules could spend on a day, by what they order it by."""
        shown = [
            Lot(lot.lot_no, lot.vintage, lot.origin, lot.loaded_on, minor)
            for lot, minor in zip(self.profile.lots, self.running.lot_available, strict=True)
        ]
        sums: dict[tuple[int, Origin, date], int] = {}
        for lot in usable_lots(shown, day, BOOK.on(day)):
            key = lot.vintage, lot.origin, lot.loaded_on
            sums[key] = sums.get(key, 0) + lot.available_minor
        return sums


@given(lots, days, st.sampled_from(ExchangeMode))
def test_total_before_is_total_after(
    loaded: list[tuple[int, int, int]], day: date, mode: ExchangeMode
) -> None:
    purse = Purse(loaded)
    before = purse.total_minor
    due = purse.run(day, MODES[mode])
    outside = {House.EXPIRED: 0, House.LOST: 0}
    for move in due.moves:
        for account, sign in ((move.transfer.debit_account, -1), (move.transfer.credit_account, 1)):
            if not is_lot(account):
                outside[House(account)] += sign * move.transfer.amount_minor
    assert before == purse.total_minor + sum(outside.values())
    assert all(minor >= 0 for minor in (*outside.values(), *purse.running.lot_available))
    assert not any(outside.values()) or mode is not ExchangeMode.AUTO


@given(lots, days)
def test_twice_is_once(loaded: list[tuple[int, int, int]], day: date) -> None:
    purse = Purse(loaded)
    purse.run(day)
    assert purse.run(day).moves == ()


@given(lots, st.lists(days, min_size=1, max_size=5))
def test_any_order_of_runs_ends_in_the_same_lots(
    loaded: list[tuple[int, int, int]], runs: list[date]
) -> None:
    often, once = Purse(loaded), Purse(loaded)
    for day in runs:
        often.run(day)
    once.run(max(runs))
    assert often.full() == once.full()


@given(lots, days, st.lists(days, max_size=3))
def test_what_can_be_spent_is_the_same_before_and_after(
    loaded: list[tuple[int, int, int]], day: date, runs: list[date]
) -> None:
    purse = Purse(loaded)
    before = purse.usable(day)
    for run in runs:
        purse.run(min(run, day))
    purse.run(day)
    assert purse.usable(day) == before
    assert list(purse.usable(day)) == list(before)


@given(lots, days)
def test_each_lot_has_one_successor_and_years_are_never_skipped(
    loaded: list[tuple[int, int, int]], day: date
) -> None:
    purse = Purse(loaded)
    due = purse.run(day)
    sources = [lot.from_lot for lot in due.lots if lot.from_lot is not None]
    assert len(sources) == len(set(sources))
    for lot in due.lots:
        if lot.from_lot is not None:
            assert (
                lot.vintage == due.lots[lot.from_lot - 1].vintage + 1 == (lot.from_vintage or 0) + 1
            )
    for earlier, later in pairwise(due.moves):
        assert later.transfer.seq == earlier.transfer.seq + 1


def test_the_last_day_of_a_leap_year_is_the_29th() -> None:
    purse = Purse([(2027, 0, 100)])
    assert purse.run(date(2028, 2, 29)).moves == ()
    (move,) = purse.run(date(2028, 3, 1)).moves
    assert (move.why, move.vintage, lot_no_of(move.transfer.credit_account)) == (
        Why.EXCHANGED,
        2027,
        2,
    )


def test_vintage_2020_lived_until_the_end_of_august() -> None:
    purse = Purse([(2020, 0, 100)])
    assert purse.run(date(2021, 8, 31)).moves == ()
    assert len(purse.run(date(2021, 9, 1)).moves) == 1


def test_a_closed_account_gives_everything_back_whatever_its_vintage() -> None:
    purse = Purse([(2025, 0, 100), (2026, 0, 50)])
    due = purse.run(date(2026, 2, 1), closed=True)
    assert [(m.why, m.transfer.credit_account, m.transfer.amount_minor) for m in due.moves] == [
        (Why.RETURNED, House.RETURNED_TO_EMPLOYER, 100),
        (Why.RETURNED, House.RETURNED_TO_EMPLOYER, 50),
    ]


def test_what_comes_back_to_an_exchanged_lot_follows_into_its_one_successor() -> None:
    purse = Purse([(2026, 0, 100)])
    purse.run(date(2027, 3, 1))
    purse.running = replace(purse.running, lot_available=(40, 100))
    due = purse.run(date(2027, 3, 10))
    assert due.opened == ()
    assert purse.running.lot_available == (0, 140)
