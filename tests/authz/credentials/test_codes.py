"""A code is good for as long as its programme says on the day it is sent (P-AP-CODE-TTL)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from authz.credentials.codes import valid_until
from rules.rulebook import rulebook_of
from tests.rules.builders import BOOK

ROWS: list[dict[str, Any]] = [
    {"to": date(2026, 11, 24), "value": 30, "source": "x"},
    {"from": date(2026, 11, 25), "value": 15, "source": "x"},
]
SHORTER = rulebook_of({**BOOK._content, "activation_code_minutes": ROWS}, "shorter.toml")


@pytest.mark.parametrize(
    ("sent_at", "until"),
    [
        ("2026-11-24T09:00:00", "2026-11-24T09:30:00"),
        ("2026-11-24T22:59:59", "2026-11-24T23:29:59"),
        ("2026-11-24T23:00:00", "2026-11-24T23:15:00"),
    ],
)
def test_a_code_is_good_for_what_was_in_force_in_paris_when_it_was_sent(
    sent_at: str, until: str
) -> None:
    sent = datetime.fromisoformat(sent_at).replace(tzinfo=UTC)
    assert valid_until(sent, SHORTER) == datetime.fromisoformat(until).replace(tzinfo=UTC)
