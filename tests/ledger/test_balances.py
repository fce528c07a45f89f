"""Balances and the books in memory: tables of money, and everything thrown at them."""

from datetime import date

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.accounts import House, lot_account, payable_account
from ledger.balances import Balance, Books, Refusal, apply, usage_effect
from ledger.running import Running, after
from ledger.transfers import Kind, Transfer
from tests.ledger.table import AT, account, movement, play

DAY = date(2026, 11, 1)


def test_a_purchase_takes_the_money_at_once() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        direct A1 -> M7 999       | ok
        A1 1 0
        direct A1 -> M7 2         | BELOW_ZERO
        direct A1 -> M7 1         | ok
        A1 0 0
    """)


def test_held_money_is_not_available() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        hold A1 -> M7 600         | ok
        A1 400 600
        direct A1 -> M7 401       | BELOW_ZERO
        hold A1 -> M8 401         | BELOW_ZERO
        direct A1 -> M7 400       | ok
        A1 0 600
    """)


def test_a_post_for_less_lets_the_rest_fall_free() -> None:
    books = play("""
        direct PREPAID -> A1 1000 | ok
        hold A1 -> M7 600         | ok
        post A1 -> M7 250 of 2    | ok
        A1 750 0
    """)
    assert books.balance(account("M7")) == Balance(credits_posted=250)


def test_a_void_lets_the_whole_hold_fall_free() -> None:
    books = play("""
        direct PREPAID -> A1 1000 | ok
        hold A1 -> M7 600         | ok
        void A1 -> M7 600 of 2    | ok
        A1 1000 0
    """)
    assert books.balance(account("M7")) == Balance()


def test_a_hold_is_settled_once() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        hold A1 -> M7 100         | ok
        hold A1 -> M7 100         | ok
        post A1 -> M7 100 of 2    | ok
        post A1 -> M7 100 of 2    | ALREADY_SETTLED
        void A1 -> M7 100 of 2    | ALREADY_SETTLED
        void A1 -> M7 100 of 3    | ok
        post A1 -> M7 100 of 3    | ALREADY_SETTLED
        void A1 -> M7 100 of 3    | ALREADY_SETTLED
        A1 900 0
    """)


def test_settling_is_refused_for_the_first_reason_that_applies() -> None:
    play("""
        direct PREPAID -> A1 1000         | ok
        hold A1 -> M7 100 on 2            | ok
        post A1 -> M7 1 of 2 on 2 seq 9   | WRONG_SEQ
        post A1 -> M7 1 of 2 on 2 seq 3   | ok
        hold A1 -> M7 100 on 2            | ok
        direct B1 -> A1 500               | LOT_OF_ANOTHER
        post A1 -> M8 500 of 1            | UNKNOWN_HOLD
        post A1 -> M8 500 of 3            | UNKNOWN_HOLD
        post A1 -> M8 500 of 2            | ALREADY_SETTLED
        post A1 -> M8 500 of 4            | OTHER_ACCOUNTS
        post A2 -> M7 500 of 4            | OTHER_ACCOUNTS
        post A1 -> M7 500 of 4            | OTHER_DAY
        post A1 -> M7 500 of 4 on 2       | MORE_THAN_THE_HOLD
        void A1 -> M7 101 of 4 on 2       | MORE_THAN_THE_HOLD
        void A1 -> M7 99 of 4 on 2        | LESS_THAN_THE_HOLD
        void A1 -> M7 100 of 4 on 2       | ok
        A1 999 0
    """)


def test_money_comes_back_up_to_what_was_spent() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        direct A1 -> M7 600       | ok
        direct M7 -> A1 200 of 2  | ok
        direct M7 -> A1 401 of 2  | MORE_THAN_THE_ORIGINAL
        direct M7 -> A1 400 of 2  | ok
        direct M7 -> A1 1 of 2    | MORE_THAN_THE_ORIGINAL
        A1 1000 0
    """)


def test_what_was_posted_comes_back_by_its_post_and_not_by_its_hold() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        hold A1 -> M7 600         | ok
        post A1 -> M7 500 of 2    | ok
        direct M7 -> A1 100 of 2  | UNKNOWN_ORIGINAL
        direct M7 -> A1 501 of 3  | MORE_THAN_THE_ORIGINAL
        direct M7 -> A1 500 of 3  | ok
        A1 1000 0
    """)


def test_giving_back_is_refused_for_the_first_reason_that_applies() -> None:
    play("""
        direct PREPAID -> A1 1000     | ok
        direct A1 -> M7 100 on 2      | ok
        direct M7 -> A1 500           | NAMES_NO_ORIGINAL
        direct SPEND -> A1 500        | NAMES_NO_ORIGINAL
        direct M8 -> A1 500 of 2      | OTHER_ACCOUNTS
        hold   M7 -> A1 500 of 2      | OTHER_ACCOUNTS
        direct M7 -> A1 500 of 2      | OTHER_DAY
        direct M7 -> A1 101 of 2 on 2 | MORE_THAN_THE_ORIGINAL
        direct M7 -> A1 100 of 2 on 2 | ok
    """)


def test_a_refund_taken_back_leaves_the_purchase_to_be_refunded_again() -> None:
    play("""
        direct PREPAID -> A1 1000 | ok
        direct A1 -> M7 300       | ok
        direct M7 -> A1 300 of 2  | ok
        direct A1 -> M7 300 of 3  | ok
        direct A1 -> M7 1 of 3    | MORE_THAN_THE_ORIGINAL
        direct M7 -> A1 300 of 4  | MORE_THAN_THE_ORIGINAL
        direct M7 -> A1 300 of 2  | ok
        direct M7 -> A1 1 of 2    | MORE_THAN_THE_ORIGINAL
        A1 1000 0
    """)


def test_a_refund_that_was_spent_cannot_be_taken_back() -> None:
    play("""
        direct PREPAID -> A1 100 | ok
        direct A1 -> M7 100      | ok
        direct M7 -> A1 100 of 2 | ok
        direct A1 -> M8 1        | ok
        direct A1 -> M7 100 of 3 | BELOW_ZERO
        A1 99 0
    """)


def test_a_refund_may_reach_the_lot_that_took_the_place_of_an_expired_one() -> None:
    play("""
        direct PREPAID -> A1 100 | ok
        direct A1 -> M7 60       | ok
        direct A1 -> A2 40       | ok
        direct M7 -> A2 60 of 2  | ok
        A1 0 0
        A2 100 0
    """)


def test_holders_have_their_own_numbers_and_lots() -> None:
    play("""
        direct PREPAID -> A1 100   | ok
        direct PREPAID -> B1 100   | ok
        direct A1 -> B1 10         | LOT_OF_ANOTHER
        direct B1 -> M7 10 seq 2   | ok
        direct B1 -> M7 10 seq 2   | WRONG_SEQ
        direct B1 -> M7 10 seq 4   | WRONG_SEQ
        A1 100 0
        B1 90 0
    """)


def test_a_refused_movement_changes_nothing() -> None:
    books = play("direct PREPAID -> A1 100 | ok")
    before = dict(books.balances), dict(books.last_seq), dict(books.left_minor)
    play("direct A1 -> M7 101 | BELOW_ZERO", books)
    assert (books.balances, books.last_seq, books.left_minor) == before


def test_a_table_that_expects_the_wrong_answer_is_caught() -> None:
    with pytest.raises(AssertionError, match="M7 101"):
        play("direct PREPAID -> A1 100 | ok\n direct A1 -> M7 101 | ok")
    with pytest.raises(AssertionError, match="A1 99 0"):
        play("direct PREPAID -> A1 100 | ok\n A1 99 0")


@pytest.mark.parametrize("debits_posted", [-1, -100])
def test_a_sum_is_never_negative(debits_posted: int) -> None:
    with pytest.raises(AssertionError, match="unsigned"):
        Balance(debits_posted=debits_posted)


def test_a_transfer_is_applied_to_its_own_accounts_only() -> None:
    purchase = movement("direct A1 -> M7 5", Books())
    with pytest.raises(AssertionError, match="does not touch"):
        apply(Balance(), account("A2"), purchase)


@pytest.mark.parametrize(
    ("words", "hold_minor", "change"),
    [
        ("direct A1 -> M7 5", 0, 5),
        ("direct A1 -> SPEND 5", 0, 5),
        ("hold A1 -> M7 5", 0, 5),
        ("post A1 -> M7 5 of 1 seq 2", 5, 0),
        ("post A1 -> M7 2 of 1 seq 2", 5, -3),
        ("void A1 -> M7 5 of 1 seq 2", 5, -5),
        ("direct M7 -> A1 5 of 1 seq 2", 0, -5),
    ],
)
def test_the_use_of_a_day_counts_what_is_spent_or_held(
    words: str, hold_minor: int, change: int
) -> None:
    assert usage_effect(movement(words, Books()), hold_minor) == (account("A1"), change)


@pytest.mark.parametrize(
    "words",
    [
        "direct PREPAID -> A1 5",
        "direct A1 -> A2 5",
        "direct A1 -> EXPIRED 5",
        "direct A1 -> PAPER 5",
        "direct BANK_RECEIVABLE -> M7 5",
    ],
)
def test_what_is_not_spent_is_no_use_of_a_day(words: str) -> None:
    assert usage_effect(movement(words, Books())) is None


LOTS = [lot_account(1, 1), lot_account(1, 2)]
SHOPS = [payable_account(7), payable_account(8)]
amounts = st.integers(1, 60)


class PlainRow:
    """A movement as the plain model keeps it: words and numbers, no structure of ours."""

    def __init__(self, verb: str, lot: int, shop: int, amount: int, about: int, day: int) -> None:
        self.verb, self.lot, self.shop = verb, lot, shop
        self.amount, self.about, self.day = amount, about, day


class BooksAgainstAPlainModel(RuleBasedStateMachine):
    """Every step is asked of the books and of a model that counts its whole history each time."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.running = Running(1, 0, 0, date(2026, 11, 1))
        self.rows: list[PlainRow] = []

    # The plain model: sums over all that ever happened, by definition.

    def open_holds(self, lot: int) -> int:
        settled = {row.about for row in self.rows if row.verb in ("post", "void")}
        return sum(
            row.amount
            for seq, row in enumerate(self.rows, 1)
            if row.verb == "hold" and row.lot == lot and seq not in settled
        )

    def free(self, lot: int) -> int:
        signs = {"load": 1, "back": 1, "buy": -1, "post": -1}
        moved = sum(signs.get(r.verb, 0) * r.amount for r in self.rows if r.lot == lot)
        return moved - self.open_holds(lot)

    def used(self, day: int) -> int:
        signs = {"buy": 1, "post": 1, "back": -1}
        spent = sum(signs.get(r.verb, 0) * r.amount for r in self.rows if r.day == day)
        settled = {row.about for row in self.rows if row.verb in ("post", "void")}
        held = [r for seq, r in enumerate(self.rows, 1) if r.verb == "hold" and seq not in settled]
        return spent + sum(row.amount for row in held if row.day == day)

    def may(self, row: PlainRow) -> bool:
        about = self.rows[row.about - 1] if row.about else None
        match row.verb:
            case "load":
                return True
            case "buy" | "hold":
                return row.amount <= self.free(row.lot)
            case "back":
                came_back = sum(
                    r.amount for r in self.rows if r.verb == "back" and r.about == row.about
                )
                return (
                    about is not None
                    and about.verb in ("buy", "post")
                    and about.shop == row.shop
                    and about.day == row.day
                    and came_back + row.amount <= about.amount
                )
            case _:
                return (
                    about is not None
                    and about.verb == "hold"
                    and (about.lot, about.shop, about.day) == (row.lot, row.shop, row.day)
                    and not any(
                        r.verb in ("post", "void") and r.about == row.about for r in self.rows
                    )
                    and row.amount <= about.amount
                    and (row.verb == "post" or row.amount == about.amount)
                )

    def step(self, row: PlainRow) -> None:
        seq = len(self.rows) + 1
        debit, credit, kind = {
            "load": (int(House.EMPLOYER_PREPAID), row.lot, Kind.DIRECT),
            "buy": (row.lot, row.shop, Kind.DIRECT),
            "back": (row.shop, row.lot, Kind.DIRECT),
            "hold": (row.lot, row.shop, Kind.HOLD),
            "post": (row.lot, row.shop, Kind.POST),
            "void": (row.lot, row.shop, Kind.VOID),
        }[row.verb]
        transfer = Transfer(
            1, seq, kind, debit, credit, row.amount, None, row.about or None,
            date(2026, 11, row.day), AT,
        )  # fmt: skip
        refusal = self.books.post(transfer)
        assert (refusal is None) == self.may(row), refusal
        if refusal is None:
            self.rows.append(row)
            holds = {n: r.amount for n, r in enumerate(self.rows, 1) if r.verb == "hold"}
            self.running = after(self.running, [transfer], holds, {1: 1, 2: 2})

    @initialize(amount=st.integers(100, 300))
    def load_once(self, amount: int) -> None:
        self.step(PlainRow("load", LOTS[0], 0, amount, 0, 1))

    @rule(lot=st.sampled_from(LOTS), amount=amounts)
    def load(self, lot: int, amount: int) -> None:
        self.step(PlainRow("load", lot, 0, amount, 0, 1))

    @rule(
        verb=st.sampled_from(["buy", "hold"]),
        lot=st.sampled_from(LOTS),
        shop=st.sampled_from(SHOPS),
        amount=amounts,
        day=st.integers(1, 2),
    )
    def spend(self, verb: str, lot: int, shop: int, amount: int, day: int) -> None:
        self.step(PlainRow(verb, lot, shop, amount, 0, day))

    @rule(
        verb=st.sampled_from(["post", "void", "back"]),
        data=st.data(),
        faithful=st.integers(0, 3),
        lot=st.sampled_from(LOTS),
        shop=st.sampled_from(SHOPS),
        amount=amounts,
    )
    def follow(
        self, verb: str, data: st.DataObject, faithful: int, lot: int, shop: int, amount: int
    ) -> None:
        """Settle or give back something; mostly what would be right, else anything."""
        about = data.draw(st.integers(1, len(self.rows)))
        row = self.rows[about - 1]
        if faithful == 0:
            self.step(PlainRow(verb, lot, shop, amount, about, 1))
        else:
            share = row.amount if faithful < 3 else max(1, row.amount // 2)
            self.step(PlainRow(verb, row.lot, row.shop or shop, share, about, row.day))

    @invariant()
    def no_lot_is_below_zero_and_all_say_the_same(self) -> None:
        for index, lot in enumerate(LOTS):
            balance = self.books.balance(lot)
            assert balance.available_minor == self.free(lot) >= 0
            assert balance.held_minor == self.open_holds(lot) >= 0
            if index < len(self.running.lot_available):
                assert self.running.lot_available[index] == self.free(lot)
                assert self.running.lot_held[index] == self.open_holds(lot)

    @invariant()
    def debits_are_credits(self) -> None:
        sums = self.books.balances.values()
        assert sum(b.debits_pending for b in sums) == sum(b.credits_pending for b in sums)
        assert sum(b.debits_posted for b in sums) == sum(b.credits_posted for b in sums)

    @invariant()
    def the_use_of_each_day_is_what_was_spent_or_held_for_it(self) -> None:
        days = zip(self.running.usage_days, self.running.usage_minor, strict=True)
        by_day = {1: 0, 2: 0}
        for day, minor in days:
            by_day[day.day] += minor
        assert by_day == {day: self.used(day) for day in (1, 2)}


TestBooksAgainstAPlainModel = BooksAgainstAPlainModel.TestCase


def test_every_refusal_has_its_own_words() -> None:
    assert len({refusal.value for refusal in Refusal}) == len(Refusal) == 12
