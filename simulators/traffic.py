"""The lunch rush, drawn from a seed: who pays what, where and when. Pure: same seed, same day.

Out of a thousand payments, about (`SHARES`, `PARTIAL_TERMINALS`, `SUBTOTALS`):
  10 show a card that nobody issued, 10 a card that is blocked, lost or not activated (where the
  world has one), 30 ask for more than a day may cost (25.01 to 42.00 EUR), the others are ordinary;
  20 are sent a second time as repeats of themselves, whatever they are.
Seven terminals in twenty accept a partial approval; three baskets in five of a supermarket carry an
eligible subtotal, half of them the whole amount, the others 60 to 99 % of it. Who has a phone pays
with it half of the time.
People come in shuffled rounds: nobody eats twice before everyone ate once. Nobody eats on a Sunday.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from random import Random
from typing import Final

from msgspec import Struct

from simulators.chips.manner import CONTACT, PHONE, TOUCH, Manner
from simulators.messages import (
    LOCAL,
    CardData,
    Pin,
    Stamp,
    TerminalData,
    purchase,
)
from simulators.wire import Fields
from simulators.world_file import Credential, Person, Place, World

CAP_MINOR: Final = 2_500
EVENING: Final = 0.06
REPEATS: Final = 0.02
PARTIAL_TERMINALS: Final = 7, 20
SUBTOTALS: Final = 0.6
ALL_FOOD: Final = 0.5
PHONES: Final = 0.5
TOUCHES: Final = 0.7
"""Of the cards, how many touch the reader; the others go into the slot."""
TERMINALS_MAX: Final = 3
STANS: Final = 999_999
STANS_PER_SEED: Final = 10_000
TEST_BIN: Final = "999967"

SUPERMARKETS: Final = frozenset({"5411", "5422", "5451", "5499"})
SMALL_SHOPS: Final = frozenset({"5441", "5462", "5814", "5921"})


class Sort(Enum):
    """Why a payment is in the traffic."""

    ORDINARY = "ordinary"
    ABOVE_CAP = "above the cap"
    UNKNOWN_CARD = "unknown card"
    BAD_CARD = "blocked card"


SHARES: Final = {
    Sort.UNKNOWN_CARD: 0.01,
    Sort.BAD_CARD: 0.01,
    Sort.ABOVE_CAP: 0.03,
}


class Payment(Struct, frozen=True):
    """One person at one till. Amounts are cents; `repeated` asks for a second sending."""

    sort: Sort
    card: CardData
    person: str
    account: str
    terminal: TerminalData
    stamp: Stamp
    amount_minor: int
    eligible_minor: int | None
    partial: bool
    manner: Manner
    pin: Pin
    wallet: str
    repeated: bool

    def message(self) -> Fields:
        """The purchase as it leaves the terminal."""
        return purchase(
            self.card,
            self.terminal,
            self.stamp,
            self.amount_minor,
            eligible_minor=self.eligible_minor,
            partial=self.partial,
            entry=self.manner.entry,
        )


def lunch_rush(world: World, payments: int, seed: int, day: date) -> list[Payment]:
    """Draw the payments of one civil day, in the order of their instants.

    ValueError: nobody to pay, nowhere to pay, or a Sunday.
    """
    if day.isoweekday() == 7:
        raise ValueError("nobody eats on meal vouchers on a Sunday")
    return list(_Rush(world, seed, day).draw(payments))


def luhn(digits: str) -> str:
    """The check digit that makes a card number of these digits (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


class _Rush:
    """The draw: one random generator, one counter per terminal."""

    def __init__(self, world: World, seed: int, day: date) -> None:
        self._random = Random(seed)
        self._day = day
        good = [(who, c) for who in world.people for c in who.credentials if c.good]
        self._bad = [(who, c) for who in world.people for c in who.credentials if not c.good]
        self._people = list({who.account: who for who, _ in good}.values())
        self._places = [place for place in world.places if place.affiliated]
        if not self._people or not self._places:
            raise ValueError("the world has nobody with a good card, or no affiliated merchant")
        self._known = world.pans()
        self._queue: list[Person] = []
        # A till counts on from where it was: another seed, other numbers, no key met again.
        self._first_stan = seed * STANS_PER_SEED
        self._stans: dict[tuple[str, str], int] = {}

    def draw(self, payments: int) -> Iterator[Payment]:
        for at in sorted(self._instant() for _ in range(payments)):
            yield self._payment(at)

    def _payment(self, at: datetime) -> Payment:
        sort, random = self._sort(), self._random
        place_no = random.randrange(len(self._places))
        place = self._places[place_no]
        lane = random.randrange(TERMINALS_MAX)
        amount, eligible = self._basket(sort, place)
        who, credential = self._payer(sort)
        terminal = TerminalData(
            place.acquirer, f"T{place_no:05d}{lane:02d}", place.mid, place.mcc, place.name
        )
        return Payment(
            sort=sort,
            card=credential.card,
            person=who.person,
            account=who.account,
            terminal=terminal,
            stamp=self._stamp(terminal, at),
            amount_minor=amount,
            eligible_minor=eligible,
            # A property of the till, not of the payment: every basket there has it.
            partial=(place_no * TERMINALS_MAX + lane) % PARTIAL_TERMINALS[1] < PARTIAL_TERMINALS[0],
            manner=self._manner(credential),
            pin=credential.pin,
            wallet=credential.wallet,
            repeated=random.random() < REPEATS,
        )

    def _sort(self) -> Sort:
        drawn = self._random.random()
        for sort, share in SHARES.items():
            if drawn < share:
                return Sort.ORDINARY if sort is Sort.BAD_CARD and not self._bad else sort
            drawn -= share
        return Sort.ORDINARY

    def _payer(self, sort: Sort) -> tuple[Person, Credential]:
        if sort is Sort.BAD_CARD:
            return self._random.choice(self._bad)
        if sort is Sort.UNKNOWN_CARD:
            stranger = CardData(self._unknown_pan(), "2912", "00")
            return Person("", "", ()), Credential(stranger, phone=False, good=False)
        if not self._queue:
            self._queue = self._random.sample(self._people, len(self._people))
        who = self._queue.pop()
        good = [each for each in who.credentials if each.good]
        phones = [each for each in good if each.phone]
        if phones and (len(phones) == len(good) or self._random.random() < PHONES):
            return who, phones[0]
        return who, next(each for each in good if not each.phone)

    def _manner(self, credential: Credential) -> Manner:
        if credential.phone:
            return PHONE
        return TOUCH if self._random.random() < TOUCHES else CONTACT

    def _unknown_pan(self) -> str:
        while True:
            digits = f"{TEST_BIN}{self._random.randrange(10**9):09d}"
            if (pan := digits + luhn(digits)) not in self._known:
                return pan

    def _basket(self, sort: Sort, place: Place) -> tuple[int, int | None]:
        """Amount and eligible subtotal in cents."""
        random = self._random
        if sort is Sort.ABOVE_CAP:
            return random.randint(CAP_MINOR + 1, 4_200), None
        if place.mcc in SMALL_SHOPS:
            return _between(random, 400, 900, 620), None
        if place.restaurant or place.mcc not in SUPERMARKETS:
            return _between(random, 900, 1_900, 1_420), None
        amount = _between(random, 500, 3_200, 1_300)
        if random.random() < SUBTOTALS:
            share = 100 if random.random() < ALL_FOOD else random.randint(60, 99)
            return amount, amount * share // 100
        # A till that sends no subtotal asks for the eligible goods alone (ELI-03).
        return min(amount, CAP_MINOR), None

    def _instant(self) -> datetime:
        """A bell over lunch, 11:30 to 14:00 with its top at 12:30, and a few in the evening."""
        if self._random.random() < EVENING:
            minutes = self._random.triangular(18.5 * 60, 21.5 * 60, 20 * 60)
        else:
            minutes = self._random.triangular(11.5 * 60, 14 * 60, 12.5 * 60)
        midnight = datetime(self._day.year, self._day.month, self._day.day, tzinfo=LOCAL)
        return (midnight + timedelta(seconds=int(minutes * 60))).astimezone(UTC)

    def _stamp(self, terminal: TerminalData, at: datetime) -> Stamp:
        key = terminal.acquirer, terminal.terminal
        number = self._stans[key] = self._stans.get(key, self._first_stan) + 1
        stan = f"{(number - 1) % STANS + 1:06d}"
        # RRN by habit: last digit of the year, day of the year, hour, then the STAN.
        return Stamp(stan, at, f"{at:%y}"[-1] + f"{at:%j%H}{stan}")


def _between(random: Random, low: int, high: int, usual: int) -> int:
    """An amount that is most often near `usual` and never outside the bounds, in cents."""
    return min(high, max(low, round(random.gauss(usual, (high - low) / 5))))
