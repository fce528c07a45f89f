"""The replay of one holder: what an advice gives back opens nothing in the day's cap."""

from datetime import UTC, date, datetime
from typing import Any

from authz.audit.replay import Proof, Replay
from authz.state import Profile
from ledger.accounts import lot_account
from ledger.transfers import Transfer
from tests.authz.builders import BOOKS

DAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
LOT, MERCHANT = lot_account(1, 1), -1


def spent(seq: int, amount_minor: int, number: int) -> Transfer:
    return Transfer.direct(1, seq, LOT, MERCHANT, amount_minor, number, DAY, NOON)


def answer(number: int, kind: str, approved_minor: int) -> dict[str, Any]:
    return {
        "authorization_id": number,
        "kind": kind,
        "reason": "APPROVED",
        "approved_minor": approved_minor,
        "facts": b"",
    }


def broken(*movements: Transfer, answers: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    proof = Proof({book.version: book for book in BOOKS.values()})
    Replay(proof, 1, Profile("ps-1")).run(list(movements), answers)
    return {law.name: law.violations for law in proof.results() if law.violations}


def test_what_an_advice_took_counts_apart_from_the_cap() -> None:
    taken, told = spent(1, 2000, 1), spent(2, 2000, 2)
    answers = [answer(1, "PURCHASE", 2000), answer(2, "ADVICE", 2000)]
    assert broken(taken, told, answers=answers) == {}
    answers[1]["kind"] = "PURCHASE"
    assert list(broken(taken, told, answers=answers)) == ["cap_is_kept"]


def test_what_an_advice_gave_back_does_not() -> None:
    taken = spent(1, 2000, 1)
    given_back = Transfer.give_back(taken, 2, 1900, 2, NOON)
    again = spent(3, 4000, 3)
    answers = [
        answer(1, "PURCHASE", 2000),
        answer(2, "ADVICE", 1900),
        answer(3, "PURCHASE", 4000),
    ]
    assert list(broken(taken, given_back, again, answers=answers)) == ["cap_is_kept"]
