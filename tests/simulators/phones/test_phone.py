"""A phone pays for whom it knows: at once, for a minute, or not at all (TOK-04, TOK-09, TOK-10)."""

from datetime import UTC, datetime, timedelta

import pytest

from simulators.chips.manner import PHONE, PHONE_ALONE, Manner
from simulators.phones.phone import APPLE, PLUXEE, Phone

NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "manner"), [(0, PHONE), (60, PHONE), (61, PHONE_ALONE)])
def test_pluxee_pay_takes_an_unlocking_for_its_holder_for_sixty_seconds(
    seconds: int, manner: Manner
) -> None:
    phone = Phone("android-1", PLUXEE)
    phone.unlock(NOON)
    assert phone.manner(NOON + timedelta(seconds=seconds), holder_there=False) is manner


def test_a_locked_phone_stays_silent() -> None:
    phone = Phone("android-1", PLUXEE)
    assert phone.manner(NOON, holder_there=False) is None
    phone.unlock(NOON)
    phone.lock()
    assert phone.manner(NOON, holder_there=False) is None


def test_who_shows_up_at_the_tap_unlocks_the_phone() -> None:
    phone = Phone("android-1", PLUXEE)
    assert phone.manner(NOON, holder_there=True) is PHONE
    assert phone.manner(NOON + timedelta(seconds=60), holder_there=False) is PHONE


def test_apple_pay_wants_its_holder_at_each_tap() -> None:
    phone = Phone("iphone-1", APPLE)
    phone.unlock(NOON)
    assert phone.manner(NOON, holder_there=False) is None
    assert phone.manner(NOON, holder_there=True) is PHONE


def test_a_rooted_phone_cannot_prove_that_it_is_itself() -> None:
    assert not Phone("android-1", PLUXEE, rooted=True).attested
    assert Phone("android-1", PLUXEE).attested
