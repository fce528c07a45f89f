"""A line of an order: what is wrong with it, and what is only worth a look (LOD-02, LOD-03)."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from authz.loads.lines import Bad, Flag, Known, Line, fault_of, fault_of_account, flags_of
from rules.facts import AccountStatus
from tests.rules.builders import BOOK

GOOD = Line(3, "acc-1", 20, 1250, 700, "2026-11")
KNOWN = Known(1, 1, 7, "fr-meal", AccountStatus.ACTIVE)


def test_a_good_line_has_no_fault() -> None:
    assert fault_of(GOOD) is None
    assert fault_of(replace(GOOD, count=-1)) is None
    assert fault_of_account(GOOD, KNOWN, 7) is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"count": 0}, "count"),
        ({"count": 1001}, "count"),
        ({"count": -1001}, "count"),
        ({"face_minor": 0, "share_minor": 0}, "face_value"),
        ({"face_minor": 100_001}, "face_value"),
        ({"share_minor": -1}, "employer_share"),
        ({"share_minor": 1251}, "employer_share"),
        ({"period": "2026-13"}, "period"),
        ({"period": "11/2026"}, "period"),
        ({"period": "2026-11\n"}, "period"),
    ],
)
def test_a_fault_names_its_line_and_its_field(changes: dict[str, Any], place: str) -> None:
    fault = fault_of(replace(GOOD, **changes))
    assert fault is not None
    assert (fault.line_no, fault.place) == (3, place)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (None, "there is no such account"),
        (replace(KNOWN, employer_no=8), "the account is of another employer"),
        (replace(KNOWN, status=AccountStatus.CLOSED), "the account is closed: loads are frozen"),
    ],
)
def test_vouchers_are_for_ones_own_people(known: Known | None, why: str) -> None:
    assert fault_of_account(GOOD, known, 7) == Bad(3, "account", why)


@pytest.mark.parametrize(
    ("face_minor", "share_minor", "day", "flags"),
    [
        (1250, 700, date(2026, 11, 24), ()),
        (1464, 732, date(2026, 11, 24), ()),
        (1220, 732, date(2026, 11, 24), ()),
        (1466, 733, date(2026, 11, 24), (Flag.SHARE_ABOVE_EXEMPTION,)),
        (1000, 499, date(2026, 11, 24), (Flag.SHARE_BELOW_RANGE,)),
        (1000, 601, date(2026, 11, 24), (Flag.SHARE_ABOVE_RANGE,)),
        (2000, 1300, date(2026, 11, 24), (Flag.SHARE_ABOVE_RANGE, Flag.SHARE_ABOVE_EXEMPTION)),
        (1420, 726, date(2025, 6, 1), ()),
        (1420, 727, date(2025, 6, 1), (Flag.SHARE_ABOVE_EXEMPTION,)),
        (1250, 700, date(2027, 1, 5), (Flag.EXEMPTION_UNKNOWN,)),
    ],
)
def test_shares_are_flagged_by_the_day_of_emission_and_never_refused(
    face_minor: int, share_minor: int, day: date, flags: tuple[Flag, ...]
) -> None:
    line = replace(GOOD, face_minor=face_minor, share_minor=share_minor)
    assert fault_of(line) is None
    assert flags_of(line, BOOK.on(day), titles=20) == flags


def test_more_titles_of_a_month_than_days_are_flagged() -> None:
    on = BOOK.on(date(2026, 11, 24))
    assert flags_of(GOOD, on, titles=31) == ()
    assert flags_of(GOOD, on, titles=32) == (Flag.MORE_THAN_A_MONTH,)
    assert flags_of(replace(GOOD, count=-1), on, titles=32) == ()
