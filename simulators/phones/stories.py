"""What happens to phones: one function a story, told in the verbs of `Day`.

The expectations are the law's (TOK, CRD in the words of the programme), not the engine's.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from msgspec import Struct

from simulators.phones import chip_stories
from simulators.phones.day import NO_NETWORK, SILENT, Day
from simulators.phones.phone import APPLE, PLUXEE

BLOCKED: Final = "62"
ACTIVE: Final = "ACTIVE"
DECLINED: Final = "DECLINED"


class Story(Struct, frozen=True):
    """A story, and what it takes: a `four_corners` card, `chips` with keys, a virtual `clock`.

    On a virtual clock codes may follow each other at once. A story that has to `wait` goes on
    `afterwards`, once that clock was moved so far.
    """

    name: str
    tell: Callable[[Day], Awaitable[None]]
    four_corners: bool = False
    chips: bool = False
    clock: bool = False
    wait: timedelta | None = None
    afterwards: Callable[[Day], Awaitable[None]] | None = None


async def apple_pay(day: Day) -> None:
    """A code is sent and brought; then it pays, also without a network (TOK-03, TOK-04)."""
    phone = day.phone(APPLE)
    await day.adds(phone, "adds the card to Apple Pay", "REQUIRE_CODE")
    await day.taps(phone, "taps before the code was brought", BLOCKED)
    code = await day.code(phone)
    await day.brings(phone, day.wrong(code), "types a wrong code", "WRONG_CODE")
    await day.brings(phone, code, "types the code", ACTIVE)
    await day.taps(phone, "pays")
    phone.online = False
    await day.taps(phone, "pays with the phone offline")
    await day.taps(phone, "taps without showing a face", SILENT, holder_there=False)


async def pluxee_pay(day: Day) -> None:
    """Who unlocked the phone within a minute just taps (TOK-09)."""
    phone = day.phone(PLUXEE)
    await day.adds(phone, "adds the card to Pluxee Pay", "APPROVED")
    await day.taps(phone, "taps with the phone locked", SILENT, holder_there=False)
    phone.unlock(day.now)
    day.passes(60)
    await day.taps(phone, "taps 60 s after unlocking", holder_there=False)
    phone.lock()
    await day.taps(phone, "shows a finger and pays")


async def rooted(day: Day) -> None:
    """A phone that is not itself gets no card (TOK-08)."""
    phone = day.phone(PLUXEE, rooted=True)
    await day.adds(phone, "adds the card to a rooted phone", f"{DECLINED} SECURITY, error 22")
    await day.taps(phone, "taps with it", "no token")


async def no_network(day: Day) -> None:
    """Without a network a card cannot be added; later it can."""
    phone = day.phone(PLUXEE)
    phone.online = False
    await day.adds(phone, "adds the card without a network", NO_NETWORK)
    phone.online = True
    await day.activated(phone)
    await day.adds(phone, "adds it a second time", "TOKEN_EXISTS")
    await day.taps(phone, "pays")


async def lost(day: Day) -> None:
    """A lost phone is suspended, though nobody can reach it; the card goes on (TOK-05)."""
    phone, issuer = day.phone(APPLE), day.stage.issuer
    await day.activated(phone)
    await day.taps(phone, "pays")
    phone.online = False
    await day.asks(issuer.suspend, phone, "loses the phone, suspends it", "SUSPENDED")
    await day.taps(phone, "the finder taps", BLOCKED)
    await day.pays_with_card("pays with the card meanwhile")
    await day.asks(issuer.resume, phone, "finds it again", ACTIVE)
    await day.taps(phone, "pays again")


async def deleted(day: Day) -> None:
    """A deleted card comes back as another token; the old number stays dead (TOK-06)."""
    phone, issuer = day.phone(APPLE), day.stage.issuer
    await day.activated(phone)
    old = day.held(phone)
    await day.asks(issuer.delete, phone, "deletes the card from the phone", "DELETED")
    await day.taps(phone, "taps all the same", BLOCKED)
    await day.activated(phone)
    await day.taps(phone, "pays with the new token")
    await day.taps(phone, "taps with the old number", BLOCKED, held=old)


async def many_devices(day: Day) -> None:
    """Each device has its own token and its own code (TOK-01, TOK-02)."""
    phone, watch = day.phone(APPLE), day.phone(APPLE)
    await day.activated(phone)
    await day.adds(watch, "adds the card to a second device", "REQUIRE_CODE")
    first, second = await day.code(phone), await day.code(watch)
    if first != second:
        await day.brings(watch, first, "types the first device's code", "WRONG_CODE")
    await day.taps(watch, "taps with the second device", BLOCKED)
    await day.brings(watch, second, "types its own code", ACTIVE)
    await day.taps(watch, "pays with the second device")
    await day.taps(phone, "pays with the first device")


async def blocked_card(day: Day) -> None:
    """A blocked card: Apple Pay goes on, Pluxee Pay does not, nothing new comes (TOK-07)."""
    apple, android, third = day.phone(APPLE), day.phone(PLUXEE), day.phone(PLUXEE)
    issuer = day.stage.issuer
    await day.activated(apple)
    await day.activated(android)
    await day.asks_for_card(issuer.block, "blocks the card", "BLOCKED")
    await day.pays_with_card("pays with the blocked card", BLOCKED)
    await day.taps(android, "taps with Pluxee Pay", BLOCKED)
    await day.taps(apple, "pays with Apple Pay all the same")
    await day.adds(third, "adds the blocked card", f"{DECLINED} CARD_BLOCKED")
    await day.asks_for_card(issuer.unblock, "unblocks the card", ACTIVE)
    await day.taps(android, "pays with Pluxee Pay again")


async def another_code(day: Day) -> None:
    """Only the latest code works (TOK-03)."""
    phone = day.phone(APPLE)
    await day.adds(phone, "adds the card to Apple Pay", "REQUIRE_CODE")
    first = await day.code(phone)
    await day.asks(day.stage.issuer.resend, phone, "asks for another code", "SENT")
    if first != (latest := await day.code(phone)):
        await day.brings(phone, first, "types the first code", "WRONG_CODE")
    await day.brings(phone, latest, "types the latest code", ACTIVE)
    await day.taps(phone, "pays")


async def guessed(day: Day) -> None:
    """A code can be guessed at five times; then even the right one is worth nothing."""
    phone = day.phone(APPLE)
    await day.adds(phone, "adds the card to Apple Pay", "REQUIRE_CODE")
    code = await day.code(phone)
    for _ in range(5):
        await day.brings(phone, day.wrong(code), "guesses the code", "WRONG_CODE")
    await day.brings(phone, code, "types the code after five guesses", "CODE_TRIES")
    await day.asks(day.stage.issuer.resend, phone, "asks for another code", "SENT")
    await day.brings(phone, await day.code(phone), "types the latest code", ACTIVE)


async def old_generation(day: Day) -> None:
    """A card of four corners goes into Apple Pay only (CRD-05)."""
    android = day.phone(PLUXEE)
    await day.adds(android, "adds it to Pluxee Pay", f"{DECLINED} TYPE_NOT_ALLOWED")
    phone = day.phone(APPLE)
    await day.activated(phone)
    await day.taps(phone, "pays")


async def waits_for_the_code(day: Day) -> None:
    """A code is sent, and forgotten."""
    await day.adds(day.phone(APPLE), "adds the card to Apple Pay", "REQUIRE_CODE")


async def comes_too_late(day: Day) -> None:
    """In the 31st minute the code is worth nothing, a new one is needed (TOK-03)."""
    (phone,) = day.phones
    await day.brings(
        phone, await day.code(phone), "types the code after 31 minutes", "CODE_EXPIRED"
    )
    await day.asks(day.stage.issuer.resend, phone, "asks for another code", "SENT")
    await day.brings(phone, await day.code(phone), "types the latest code", ACTIVE)
    await day.taps(phone, "pays")


STORIES: Final = (
    Story("Apple Pay", apple_pay),
    Story("Pluxee Pay", pluxee_pay),
    Story("unlocked long ago", chip_stories.unlocked_long_ago, chips=True),
    Story("rooted phone", rooted),
    Story("no network", no_network),
    Story("lost phone", lost),
    Story("deleted, added again", deleted),
    Story("many devices", many_devices),
    Story("blocked card", blocked_card),
    Story("another code", another_code, clock=True),
    Story("guessed code", guessed, clock=True),
    Story("old generation", old_generation, four_corners=True),
    Story("forged", chip_stories.forged, chips=True),
    Story("replayed", chip_stories.replayed, chips=True),
    Story("PIN", chip_stories.pin, chips=True),
    Story("PIN tries", chip_stories.pin_tries, chips=True),
    Story(
        "late code",
        waits_for_the_code,
        clock=True,
        wait=timedelta(minutes=31),
        afterwards=comes_too_late,
    ),
)
"""In the order in which they are handed out; then again from the start."""
