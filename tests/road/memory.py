"""What the database would tell of earlier payments, from a store in memory."""

from typing import Any

from msgspec.structs import replace

from authz.requests import Kind
from authz.state import Payment, PaymentName, State
from ledger.transfers import Transfer
from tests.authz.memory_store import MemoryStore

PAYMENTS = {Kind.PURCHASE.value, Kind.HOLD.value, Kind.ADVICE.value}


def all_of(store: MemoryStore) -> State:
    """The whole state: every holder, every kept answer, every payment with its movements."""
    return replace(store.state, payments=payments_of(store))


def payments_of(store: MemoryStore) -> dict[PaymentName, Payment]:
    """Every payment with all that moved about it."""
    found = {}
    for row in store.decided:
        if row["kind"] in PAYMENTS and row["day"] is not None:
            name = row["holder_id"], row["authorization_id"]
            found[name] = _payment(store, row)
    return found


def _undoes_all(row: dict[str, Any]) -> bool:
    kind = row["kind"]
    return bool(kind == "CANCEL" or (kind == "REVERSAL" and row["eligible_minor"] == 0))


def _payment(store: MemoryStore, row: dict[str, Any]) -> Payment:
    number = row["authorization_id"]
    about = [other for other in store.decided if other["about_id"] == number]
    numbers = {number, *(other["authorization_id"] for other in about)}
    movements = (Transfer(*moved) for moved in store.movements)
    return Payment(
        row["holder_id"], number, row["account_no"], Kind(row["kind"]), row["day"], row["mid"],
        row["requested_minor"], row["approved_minor"],
        tuple(t for t in movements if t.authorization_id in numbers), row["facts"],
        reversed=any(_undoes_all(other) for other in about),
    )  # fmt: skip
