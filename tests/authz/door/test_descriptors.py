"""File descriptors: raised as far as the system allows, and never promised beyond."""

import resource
from typing import Any

import pytest

from authz.door.descriptors import RESERVED, fit_connections
from authz.settings import Settings
from authz.usage import UsageError


class System:
    """A system that allows a process `hard` descriptors."""

    def __init__(self, soft: int, hard: int) -> None:
        self.limits = soft, hard

    def getrlimit(self, _which: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _which: int, limits: tuple[int, int]) -> None:
        self.limits = limits


def fit(monkeypatch: pytest.MonkeyPatch, system: System, **chosen: Any) -> int:
    """The connections that are allowed on this system."""
    monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
    return fit_connections(Settings(lanes=2, http_connections_max=40, **chosen)).connections_max


@pytest.mark.parametrize("hard", [resource.RLIM_INFINITY, 1 << 20])
def test_the_soft_limit_is_raised_to_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, hard: int
) -> None:
    system = System(256, hard)
    assert fit(monkeypatch, system, connections_max=5_000) == 5_000
    assert system.limits == (5_000 + RESERVED + 42, hard)


def test_a_limit_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    system = System(20_000, 20_000)
    assert fit(monkeypatch, system) == 10_000
    assert system.limits == (20_000, 20_000)


def test_where_too_few_are_allowed_the_usual_number_of_connections_is_lowered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = System(256, 1_024)
    assert fit(monkeypatch, system) == 1_024 - RESERVED - 42
    assert system.limits == (1_024, 1_024)


def test_a_number_that_somebody_chose_is_refused_and_both_numbers_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match=r"connections_max 2000 needs 2202 .* allows 1024"):
        fit(monkeypatch, System(256, 1_024), connections_max=2_000)


def test_without_room_for_a_single_connection_nothing_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match="allows 100"):
        fit(monkeypatch, System(100, 100))
