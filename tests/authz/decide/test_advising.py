"""Advices that are posted: on which day they count, where the money goes, what is told of them."""

from datetime import date

import pytest
from msgspec.structs import replace

from authz.requests import Kind, Original
from authz.state import KnownMerchant
from rules.decision import Reason
from tests.authz.builders import ACQUIRER, MID, card_ref, some_request, some_state
from tests.authz.sequels import answers, decided
from tests.rules.builders import RESTAURANT, at

OK = Reason.APPROVED


@pytest.mark.parametrize("holder_id", [1, 9])
@pytest.mark.parametrize(
    ("department", "received", "month_day", "day"),
    [
        ("75", "2026-11-24T12:30:00+01:00", "1121", "2026-11-21"),
        ("75", "2026-11-24T00:30:00+01:00", None, "2026-11-24"),
        ("972", "2026-11-24T00:30:00+01:00", None, "2026-11-23"),
    ],
)
def test_an_advice_counts_for_the_terminals_day_whoever_issued_the_card(
    holder_id: int, department: str, received: str, month_day: str | None, day: str
) -> None:
    """ADV-02: person 1 is ours; nobody issued the card of person 9."""
    place = KnownMerchant(7, replace(RESTAURANT, department=department))
    about = Original(month_day=month_day)
    told = some_request(kind=Kind.ADVICE, about=about, received_at=at(received))
    told = replace(told, card_ref=card_ref(holder_id))
    verdict = decided(told, state=some_state(merchants={(ACQUIRER, MID): place}))
    assert answers(verdict) == [(OK, 1250)]
    assert verdict.writes.movements[0][8] == date.fromisoformat(day)
    assert verdict.writes.decided[0][5] == date.fromisoformat(day)
