"""A till on the pure road, with a chip at hand."""

from collections.abc import Iterator

from msgspec import msgpack
from msgspec.structs import replace

from rules.facts import Facts, TokenStatus, Wallet
from simulators.wire import Fields
from tests.road import people
from tests.road.people import Setting
from tests.road.road import Road
from tests.road.taps import NOON, Chip, asked, check_of, with_pin
from tests.rules.builders import BOOK

CARD, PHONE = Setting(), Setting(phone=Wallet.PLUXEE_PAY)
GOOD_PIN, BAD_PIN = "4826", "1111"


class Till:
    """Asks one message after another of the road, each with a STAN of its own."""

    def __init__(
        self, setting: Setting = CARD, profile: str = "ascii", policy: str = "when_present"
    ) -> None:
        state = with_pin(people.in_memory(setting), GOOD_PIN)
        self.setting = setting
        self.road = Road(state, BOOK, profile, check_of(profile, policy))
        self.chip = Chip(people.card(setting).pan)
        self._stans: Iterator[int] = iter(range(1, 10_000))

    def asks(self, amount_minor: int, chip_data: str | None = None, **changes: str) -> Fields:
        return asked(self.setting, 1, next(self._stans), amount_minor, chip_data, **changes)

    def says(self, question: Fields) -> Fields:
        return self.road.ask_fields([question], NOON)[0]

    def code(self, amount_minor: int, chip_data: str | None = None, **changes: str) -> str:
        return self.says(self.asks(amount_minor, chip_data, **changes))["39"]

    def kept(self) -> bytes:
        """What was kept of the chip's last objects."""
        facts = msgpack.decode(self.road.store.decided[-1]["facts"], type=Facts)
        assert facts.tap is not None
        return facts.tap.objects

    def issue(self, psn: str) -> None:
        """Give the person's cards this sequence number."""
        holder = self.road.store.state.holders[1]
        cards = tuple(replace(each, psn=psn) for each in holder.profile.cards)
        profile = replace(holder.profile, cards=cards)
        self.road.store.state.holders[1] = replace(holder, profile=profile)

    def change(self, token: TokenStatus) -> None:
        """Change the person's token as another office would."""
        holder = self.road.store.state.holders[1]
        tokens = tuple(replace(each, status=token) for each in holder.profile.tokens)
        profile = replace(holder.profile, tokens=tokens)
        self.road.store.state.holders[1] = replace(holder, profile=profile)
