"""What the statements over many payments share: their arguments turned round, their rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from authz.requests import Request
from authz.state import HOUSE_HOLDER, PaymentName


def books_of(request: Request, holder_of: Mapping[bytes, int]) -> int:
    """Under whom the request's payment is booked: a card that nobody issued is the house's."""
    return holder_of.get(request.card_ref, HOUSE_HOLDER)


def grouped(rows: Sequence[Any]) -> dict[bytes, tuple[PaymentName, ...]]:
    """Rows of (key, holder, number) as the payments found under each key."""
    found: dict[bytes, tuple[PaymentName, ...]] = {}
    for key_hash, holder_id, number in rows:
        found[key_hash] = (*found.get(key_hash, ()), (holder_id, number))
    return found


def columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The rows turned round, as `unnest` wants them."""
    return [list(column) for column in zip(*rows, strict=True)]
