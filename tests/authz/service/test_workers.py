"""When dying workers end the service: in a row, and not one by one over weeks."""

import pytest

from authz.service.workers import RESTARTS_MAX, RESTARTS_WITHIN_S, Deaths


@pytest.mark.parametrize(
    ("apart_s", "ends"), [(1.0, True), (RESTARTS_WITHIN_S / RESTARTS_MAX, False), (86_400.0, False)]
)
def test_workers_that_keep_dying_end_the_service_and_one_a_day_does_not(
    apart_s: float, ends: bool
) -> None:
    deaths = Deaths()
    told = [deaths.are_too_many(number * apart_s) for number in range(3 * RESTARTS_MAX)]
    assert told[:RESTARTS_MAX] == [False] * RESTARTS_MAX
    assert set(told[RESTARTS_MAX:]) == {ends}


def test_who_stops_dying_begins_anew() -> None:
    deaths = Deaths()
    assert not any(deaths.are_too_many(float(number)) for number in range(RESTARTS_MAX))
    assert not deaths.are_too_many(RESTARTS_WITHIN_S)
