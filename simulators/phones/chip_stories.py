"""Stories that only chips can tell: forged, replayed and altered taps, absent holders, PINs."""

from typing import Final

from simulators.chips.manner import CONTACT, TOUCH
from simulators.messages import NO_PIN, Pin, stamped
from simulators.phones.day import Day
from simulators.phones.phone import APPLE, PLUXEE

VERIFY: Final = "1A"
WRONG_CRYPTOGRAM: Final = "82"
WRONG_PIN: Final = "55"
TRIES_USED_UP: Final = "75"
DAILY_CAP: Final = "61"
ABOVE_TOUCH_MINOR: Final = 5_001
"""One cent more than a card may pay by a touch alone (P-CONTACTLESS-NOCVM)."""
PIN_TRIES: Final = 3


async def unlocked_long_ago(day: Day) -> None:
    """After 61 seconds the phone no longer vouches for its holder, who has to show up (TOK-09)."""
    phone = day.phone(PLUXEE)
    await day.activated(phone)
    phone.unlock(day.now)
    day.passes(61)
    await day.taps(phone, "taps 61 s after unlocking", VERIFY, holder_there=False)
    await day.taps(phone, "shows a finger and taps again")


async def forged(day: Day) -> None:
    """Whoever has the number and not the key pays nothing."""
    phone = day.phone(PLUXEE)
    await day.activated(phone)
    chips = day.chips.forged()
    await day.taps(phone, "a copy taps without the key", WRONG_CRYPTOGRAM, drawer=chips)
    await day.pays(day.card.card, TOUCH, "a copy of the card", WRONG_CRYPTOGRAM, drawer=chips)
    await day.taps(phone, "the phone itself pays")


async def replayed(day: Day) -> None:
    """Whoever listened to a tap cannot use it, nor for another amount."""
    phone = day.phone(APPLE)
    await day.activated(phone)
    paid = await day.taps(phone, "pays")
    if paid is None:
        return
    heard = stamped(paid.question, day.stage.stamps.next(day.now))
    await day.sends(heard, "the same tap under another number", WRONG_CRYPTOGRAM)
    more = stamped(paid.question, day.stage.stamps.next(day.now)) | {"4": f"{1_000:012d}"}
    await day.sends(more, "the same tap for another amount", WRONG_CRYPTOGRAM)
    await day.taps(phone, "pays again")


async def pin(day: Day) -> None:
    """A large touch wants the PIN; the slot does not, its chip looked at it (AUT-01)."""
    right = day.pin_but()
    await day.pays(day.card.card, CONTACT, "puts the card into the slot")
    await day.sets_pin(right)
    await _touches(day, "touches for 50.01 and knows no PIN", VERIFY, NO_PIN)
    await _touches(day, "types a wrong PIN", WRONG_PIN, day.pin_but(right))
    await _touches(day, "types the PIN; 50.01 is more than a day may cost", DAILY_CAP, right)


async def pin_tries(day: Day) -> None:
    """Three wrong PINs, and the right one is worth nothing until there is a new one."""
    right = day.pin_but()
    await day.sets_pin(right)
    for _ in range(PIN_TRIES):
        await _touches(day, "types a wrong PIN", WRONG_PIN, day.pin_but(right))
    await _touches(day, "types the right one then", TRIES_USED_UP, right)
    await day.sets_pin(latest := day.pin_but())
    await _touches(day, "types the new PIN", DAILY_CAP, latest)


async def _touches(day: Day, step: str, expected: str, typed: Pin) -> None:
    """Ask for more than a touch is worth, which is more than a day may cost: nothing is spent."""
    await day.pays(
        day.card.card,
        TOUCH,
        step,
        expected,
        amount_minor=ABOVE_TOUCH_MINOR,
        pin=typed,
    )
