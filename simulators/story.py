"""One person's week at the till, told in six payments: the rules a holder meets, one by one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from simulators.messages import CardData, Stamp, TerminalData, purchase, repeat
from simulators.terminal import Reply, Terminal
from simulators.wire import Fields
from simulators.world_file import Person, Place, World

SetClock = Callable[[datetime], Awaitable[None]]


class Scene(Struct, frozen=True):
    """What happens, when (UTC) and for how much; `again` sends the first payment once more."""

    words: str
    at: datetime
    amount_minor: int
    partial: bool = False
    again: bool = False
    expected: str = "00"


class Told(Struct, frozen=True):
    """A scene as it was played."""

    scene: Scene
    question: Fields
    reply: Reply

    @property
    def as_expected(self) -> bool:
        """Whether the engine answered what the law says."""
        return self.reply.code == self.scene.expected


def _noon(day: int, minute: int) -> datetime:
    return datetime(2026, 11, day, 11, minute, tzinfo=UTC)


SCENES: Final = (
    Scene("Wednesday, half past twelve: lunch", _noon(25, 30), 1_250),
    Scene("a colleague's birthday cake: the day's 25.00 are used up", _noon(25, 40), 1_250),
    Scene("one cent more", _noon(25, 45), 1, expected="61"),
    Scene("the first payment again: its answer was lost", _noon(25, 30), 1_250, again=True),
    Scene("Thursday, 30.00 at a till that takes a part", _noon(26, 30), 3_000, True, expected="10"),
    Scene("Sunday lunch", _noon(29, 30), 1_250, expected="57"),
)
OVERSEAS: Final = "97"
NEEDED_MINOR: Final = 5_000
"""What the scenes cost."""


def hero(world: World) -> Person | None:
    """Find somebody the story fits: one good card, no bank card to help, no work on Sundays."""
    return next((who for who in world.people if _fits(who)), None)


def table(world: World) -> Place | None:
    """Find a restaurant for the story, on the mainland: there it is noon when the story says so."""
    return next((place for place in world.places if _serves(place)), None)


def _serves(place: Place) -> bool:
    good = place.restaurant and place.affiliated and place.lasting
    return good and not place.department.startswith(OVERSEAS)


def _fits(who: Person) -> bool:
    cards = [each for each in who.credentials if not each.phone]
    quiet = not who.top_up and not who.sundays and not who.used
    return quiet and who.lots_minor >= 2 * NEEDED_MINOR and len(cards) == 1 and cards[0].good


async def tell(
    who: Person, place: TerminalData, terminal: Terminal, set_clock: SetClock
) -> list[Told]:
    """Play the scenes in order, the engine's clock set before each."""
    card = next(each.card for each in who.credentials if not each.phone)
    questions = [_question(number, card, place, scene) for number, scene in enumerate(SCENES, 1)]
    told = []
    for scene, question in zip(SCENES, questions, strict=True):
        await set_clock(scene.at)
        asked = repeat(questions[0]) if scene.again else question
        told.append(Told(scene, asked, await terminal.pay(asked)))
    return told


def _question(number: int, card: CardData, place: TerminalData, scene: Scene) -> Fields:
    stan = f"{number:06d}"
    stamp = Stamp(stan, scene.at, f"{scene.at:%y}"[-1] + f"{scene.at:%j%H}{stan}")
    return purchase(card, place, stamp, scene.amount_minor, partial=scene.partial)
