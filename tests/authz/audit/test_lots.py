"""Lots of the profile against what was opened: each thing that the rules or the accounts go by."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from authz.audit.lots import Opened, check_lots
from authz.audit.replay import LOTS_AS_OPENED, Proof
from authz.state import LotInfo, Profile
from rules.facts import Origin

JANUARY, MARCH = date(2026, 1, 5), date(2026, 3, 2)
CAME, LOADED, EXCHANGED = (
    LotInfo(1, 1, 2026, Origin.LOAD, JANUARY),
    LotInfo(2, 1, 2026, Origin.LOAD, MARCH, paid_by=7),
    LotInfo(3, 1, 2027, Origin.EXCHANGE, MARCH, 2026, 2, paid_by=7),
)
OPENED = (
    Opened(1, 2026, "OPENING", None, JANUARY, None, None),
    Opened(2, 2026, "LOAD", None, MARCH, 1, 7),
    Opened(3, 2027, "EXCHANGE", 2026, MARCH, None, None),
)


def broken(*lots: LotInfo, opened: tuple[Opened, ...] = OPENED) -> tuple[str, ...]:
    proof = Proof({})
    check_lots(proof, 5, Profile("per-1", lots=lots), opened)
    return next(law.violations for law in proof.results() if law.name == LOTS_AS_OPENED)


def test_what_was_opened_is_what_is_shown() -> None:
    assert broken(CAME, LOADED, EXCHANGED) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"vintage": 2028},
        {"loaded_on": date(2026, 5, 5)},
        {"from_vintage": 2025},
        {"account_no": 2},
        {"paid_by": 8},
        {"origin": Origin.EXCHANGE},
    ],
)
def test_a_load_is_shown_as_it_was_ordered(change: dict[str, Any]) -> None:
    assert "holder 5 lot 2" in broken(CAME, replace(LOADED, **change), EXCHANGED)


@pytest.mark.parametrize(
    "change",
    [{"account_no": 2}, {"paid_by": None}, {"from_lot": 1}, {"from_lot": None}, {"vintage": 2026}],
)
def test_an_exchange_is_shown_as_what_it_was_before(change: dict[str, Any]) -> None:
    assert broken(CAME, LOADED, replace(EXCHANGED, **change)) == ("holder 5 lot 3",)


def test_what_came_with_its_account_was_paid_by_no_order() -> None:
    assert broken(replace(CAME, paid_by=7), LOADED, EXCHANGED) == ("holder 5 lot 1",)
    assert broken(replace(CAME, origin=Origin.EXCHANGE), LOADED, EXCHANGED) == ("holder 5 lot 1",)


def test_none_is_missing_on_either_side() -> None:
    assert broken(CAME, LOADED) == ("holder 5 lot 3",)
    assert broken(CAME, LOADED, EXCHANGED, opened=OPENED[1:]) == ("holder 5 lot 1",)
