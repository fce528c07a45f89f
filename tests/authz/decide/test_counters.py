"""What a credential has been through: which tap is the very same, and what is written at all."""

from typing import Any

import pytest
from msgspec import msgpack

from authz.decide.authorize import authorize
from authz.decide.counters import Counters, demand_of
from authz.requests import Request
from tests.authz.builders import BOOKS, card_ref, numbers, some_holder, some_request, some_state
from tests.rules.builders import some_tap


def tapped(**changes: Any) -> Request:
    said = {name: changes.pop(name) for name in ("atc", "arqc") if name in changes}
    return some_request(changes.pop("amount_minor", 100), tap=some_tap(**said), **changes)


def demand(request: Request) -> bytes:
    assert request.tap is not None
    return demand_of(request.tap, request)


@pytest.mark.parametrize(
    "other",
    [
        {"amount_minor": 101},
        {"atc": 41},
        {"arqc": b"another8"},
        {"terminal": "TERM0002"},
        {"acquirer": "54321"},
    ],
)
def test_another_amount_use_or_place_is_another_tap(other: dict[str, Any]) -> None:
    assert demand(tapped()) == demand(tapped())
    assert demand(tapped(**other)) != demand(tapped())


def written(*requests: Request, **holder: Any) -> list[Any]:
    """The counters in the rows that a batch writes; None where they stay as they were."""
    state = some_state(some_holder(**holder))
    verdict = authorize(requests, state, BOOKS, numbers())
    return [row[-1] for row in verdict.writes.afters]


def test_counters_are_written_when_they_moved_and_never_else() -> None:
    assert written(some_request(100)) == [None]
    (row,) = written(tapped())
    (own,) = msgpack.decode(row, type=tuple[Counters, ...])
    assert (own.card_ref, own.window.highest) == (card_ref(), 40)
    assert written(tapped(), counters=(own,)) == [None]


def test_the_counters_of_other_cards_stay_as_they_were() -> None:
    other = Counters(b"o" * 16, pin_tries=2)
    (row,) = written(tapped(), counters=(other,))
    assert other in msgpack.decode(row, type=tuple[Counters, ...])
