"""What a person writes behind an option, read or refused in one line."""

from datetime import date

import pytest

from authz.commands.options import day_of_text
from authz.usage import UsageError


@pytest.mark.parametrize("text", ["2000-01-01", "2026-11-30", "2199-12-31"])
def test_a_day_is_read(text: str) -> None:
    assert day_of_text(text) == date.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30/11/2026", "is no date, as in 2026-11-30"),
        ("2026-02-29", "is no date"),
        ("1999-12-31", "a day from 2000-01-01 to 2199-12-31 is wanted"),
        ("9999-12-31", "a day from 2000-01-01"),
        ("0001-01-01", "a day from 2000-01-01"),
    ],
)
def test_what_is_none_or_out_of_reach_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        day_of_text(text)
