"""What the database would tell of earlier payments, from a store in memory."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from authz.requests import Kind, Request
from authz.state import Completion, Payment, PaymentName, Refund, State
from ledger.transfers import Transfer
from tests.authz.memory_store import MemoryStore

Names = tuple[PaymentName, ...]
PAYMENTS = {Kind.PURCHASE.value, Kind.HOLD.value, Kind.ADVICE.value}


def all_of(store: MemoryStore) -> State:
    """The whole state: every holder and kept answer, every payment with its movements, refunds."""
    return replace(
        store.state,
        payments=payments_of(store),
        refunds=refunds_of(store),
        completions=completions_of(store),
    )


def meant_by(store: MemoryStore, requests: Sequence[Request]) -> dict[bytes, Names]:
    """The payments that came as repeats of the very messages that these reversals name."""
    found: dict[bytes, Names] = {}
    for request in requests:
        about = request.about
        if request.kind is Kind.REVERSAL and about and not set(about.keys) & set(store.state.kept):
            said = request.acquirer, request.terminal, about.first_stan, about.amount_minor
            kept = [
                store.state.kept[row[0]].outcome for row in store.loose_ends if row[1:5] == said
            ]
            found[request.key_hash] = tuple(
                (outcome.holder_id, outcome.authorization_id)
                for outcome in kept
                if outcome.holder_id
            )
    return found


def payments_of(store: MemoryStore) -> dict[PaymentName, Payment]:
    """Every payment with all that moved about it."""
    found = {}
    for row in store.decided:
        if row["kind"] in PAYMENTS and row["day"] is not None and row["about_id"] is None:
            name = row["holder_id"], row["authorization_id"]
            found[name] = _payment(store, row)
    return found


def refunds_of(store: MemoryStore) -> dict[PaymentName, Refund]:
    """Every refund with what was taken again of it."""
    found = {}
    for row in store.decided:
        holder_id, number = row["holder_id"], row["authorization_id"]
        if row["kind"] == "REFUND":
            taken = sum(o["approved_minor"] for o in store.decided if o["about_id"] == number)
            asked, given = row["requested_minor"], row["approved_minor"]
            payment = holder_id, row["about_id"]
            found[holder_id, number] = Refund(number, payment, asked, given, taken)
    return found


def completions_of(store: MemoryStore) -> dict[PaymentName, Completion]:
    """Every capture, and every advice that confirmed a payment."""
    return {
        (row["holder_id"], row["authorization_id"]): Completion(
            (row["holder_id"], row["about_id"]), row["requested_minor"], row["approved_minor"]
        )
        for row in store.decided
        if row["kind"] in ("CAPTURE", "ADVICE") and row["about_id"] and row["reason"] == "APPROVED"
    }


def _undoes(row: dict[str, Any]) -> bool:
    return row["kind"] in ("CANCEL", "REVERSAL") and row["reason"] == "APPROVED"


def _payment(store: MemoryStore, row: dict[str, Any]) -> Payment:
    number = row["authorization_id"]
    about = [other for other in store.decided if other["about_id"] == number]
    numbers = {number, *(other["authorization_id"] for other in about)}
    numbers |= {
        other["authorization_id"] for other in store.decided if other["about_id"] in numbers
    }
    movements = (Transfer(*moved) for moved in store.movements)
    return Payment(
        row["holder_id"], number, row["account_no"], Kind(row["kind"]), row["day"], row["mid"],
        row["requested_minor"], row["approved_minor"],
        tuple(t for t in movements if t.authorization_id in numbers), row["facts"],
        ceiling_minor=min((o["eligible_minor"] for o in about if _undoes(o)), default=None),
        refunded_minor=sum(
            refund.approved_minor - refund.taken_minor
            for refund in refunds_of(store).values()
            if refund.payment == (row["holder_id"], number)
        ),
        stan=row["stan"],
    )  # fmt: skip
