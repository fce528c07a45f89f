"""Payments and what is about them, decided in one batch, and what is looked at afterwards."""

from collections.abc import Mapping
from typing import Any

from authz.decide.authorize import Verdict, authorize
from authz.requests import Kind, Original, Request
from authz.state import State
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.rulebook import Rulebook
from tests.authz.builders import BOOKS, numbers, some_request, some_state


def decided(
    *requests: Request, state: State | None = None, books: Mapping[str, Rulebook] = BOOKS
) -> Verdict:
    return authorize(requests, state or some_state(), books, numbers())


def moves(verdict: Verdict) -> list[tuple[str, int, int, int]]:
    """Kind, sides and cents of every movement."""
    transfers = [Transfer(*row) for row in verdict.writes.movements]  # type: ignore[arg-type]
    return [(t.kind, t.debit_account, t.credit_account, t.amount_minor) for t in transfers]


def about(paid: Request, kind: Kind, amount_minor: int, **changes: Any) -> Request:
    """A request about a payment, naming its exact identity."""
    named = Original(keys=(paid.key_hash,), stan=paid.stan)
    return some_request(amount_minor, kind=kind, about=named, **changes)


def answers(verdict: Verdict) -> list[tuple[Reason, int]]:
    return [(outcome.reason, outcome.approved_minor) for outcome in verdict.outcomes]
