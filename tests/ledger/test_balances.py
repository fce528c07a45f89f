"""Balances and the books in memory: tables of money."""

from datetime import date

import pytest

from ledger.balances import usage_effect
from tests.ledger.books import Balance, Books, Refusal, apply
from tests.ledger.table import account, movement, play

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
        ("direct A1 -> UNREGISTERED 5", 0, 5),
        ("hold A1 -> M7 5", 0, 5),
        ("post A1 -> M7 5 of 1 seq 2", 5, 0),
        ("post A1 -> M7 2 of 1 seq 2", 5, -3),
        ("void A1 -> M7 5 of 1 seq 2", 5, -5),
        ("direct M7 -> A1 5 of 1 seq 2", 0, -5),
        ("direct UNREGISTERED -> A1 5 of 1 seq 2", 0, -5),
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
        "direct A1 -> SUSPENSE 5",
        "direct BANK_RECEIVABLE -> M7 5",
    ],
)
def test_what_is_not_spent_is_no_use_of_a_day(words: str) -> None:
    assert usage_effect(movement(words, Books())) is None


def test_every_refusal_has_its_own_words() -> None:
    assert len({refusal.value for refusal in Refusal}) == len(Refusal) == 12
