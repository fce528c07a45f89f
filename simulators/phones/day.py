"""One person's phones on one day: what they try, what is expected, what comes back.

A story calls these verbs in turn; each writes one line, right or wrong, and the story goes on.
"""

import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final

from simulators import codes
from simulators.chips.drawer import Drawer
from simulators.chips.manner import TOUCH, Manner
from simulators.chips.till import Paid, Purse, Sending, pay
from simulators.messages import LOCAL, NO_PIN, CardData, Pin, purchase
from simulators.phones.issuer import NO_ANSWER
from simulators.phones.phone import APPLE, Held, Phone
from simulators.phones.stage import Line, Stage
from simulators.wire import Fields
from simulators.world_file import Credential, Person

Verb = Callable[[str], Awaitable[str]]

SILENT: Final = "silent"
"""What a reader gets of a phone that does not pay."""
NO_NETWORK: Final = "no network"
FORGED: Final = "not the issuer's answer"
UNPROVED: Final = "nothing for the chip"
"""An approval that does not answer the cryptogram: this issuer looks at none."""
NOBODY: Final = "no token"
PIN_DIGITS: Final = 4
AMOUNTS_MINOR: Final = (20, 90)
"""Of one payment: a person can tell several stories before a day's cap is near."""


class Day:
    """One person, one story. `lines` are what a report is made of."""

    def __init__(self, story: str, who: Person, stage: Stage, seed: int) -> None:
        """`seed` draws amounts and wrong codes."""
        self.story, self.who, self.stage = story, who, stage
        self.lines: list[Line] = []
        self._random = Random(f"{seed}/{who.person}")
        self.phones: list[Phone] = []
        self.met: dict[str, str] = {}
        """The reference of the first payment that met each response code."""
        self._later = timedelta()

    @property
    def card(self) -> Credential:
        """The person's plastic card."""
        return next(each for each in self.who.credentials if not each.phone)

    @property
    def chips(self) -> Drawer:
        """The chips; only stories that take them are told where there are any."""
        assert self.stage.drawer is not None, "a story of chips is told without any"
        return self.stage.drawer

    @property
    def now(self) -> datetime:
        """The person's own time: the engine's clock, and the seconds that passed (TOK-09)."""
        return self.stage.clock() + self._later

    def phone(self, wallet: str, *, rooted: bool = False) -> Phone:
        """Another phone of this person."""
        maker = "iphone" if wallet == APPLE else "android"
        # The till's name is of this run alone: the same story can be told again.
        name = f"{self.who.person}/{self.stage.place.terminal}/{len(self.phones)}"
        self.phones.append(Phone(f"{maker}-{zlib.crc32(name.encode()):08x}", wallet, rooted))
        return self.phones[-1]

    def passes(self, seconds: int) -> None:
        """Let time pass for the person and the phones."""
        self._later += timedelta(seconds=seconds)

    def expects(self, step: str, expected: str, got: str) -> None:
        """Write a line."""
        self.lines.append(Line(self.story, step, expected, got))

    # ---- the wallet's and the app's side

    async def adds(self, phone: Phone, step: str, expected: str, path: str = "APP") -> None:
        """Put the card into a phone."""
        if not phone.online:
            self.expects(step, expected, NO_NETWORK)
            return
        added = await self.stage.issuer.add(phone, self.card.card_id, path)
        if added.held is not None:
            phone.cards[self.card.card_id] = added.held
        self.expects(step, expected, added.word)

    async def brings(self, phone: Phone, code: str | None, step: str, expected: str) -> None:
        """Type a code into the phone; None: there is none to type."""
        held = self.held(phone)
        if held is None or code is None:
            self.expects(step, expected, NOBODY if held is None else "no code came")
            return
        self.expects(step, expected, await self.stage.issuer.activate(held.token_id, code))

    async def code(self, phone: Phone) -> str | None:
        """What the holder was sent last for this phone."""
        held = self.held(phone)
        return None if held is None else await self.stage.issuer.mail.read(held.token_id)

    def wrong(self, code: str | None, digits: int = 6) -> str:
        """Another code than this one."""
        while (drawn := f"{self._random.randrange(10**digits):0{digits}d}") == code:
            pass
        return drawn

    def pin_but(self, pin: Pin = NO_PIN) -> Pin:
        """A PIN, another than this one."""
        return Pin(self.wrong(pin, PIN_DIGITS))

    async def sets_pin(self, pin: Pin) -> None:
        """Choose the PIN of the card in the app."""
        got = await self.stage.issuer.set_pin(self.card.card_id, pin)
        self.expects("chooses a PIN in the app", "ACTIVE", got)

    async def activated(self, phone: Phone) -> None:
        """Put the card into a phone and make it pay, as a holder does who has all at hand."""
        if phone.wallet == APPLE:
            await self.adds(phone, "adds the card to Apple Pay", "REQUIRE_CODE")
            await self.brings(phone, await self.code(phone), "types the code", "ACTIVE")
        else:
            await self.adds(phone, "adds the card to Pluxee Pay", "APPROVED")

    async def asks(self, verb: Verb, phone: Phone, step: str, expected: str) -> None:
        """Let the issuer do something to the token of a phone: suspend, resume, delete, resend."""
        held = self.held(phone)
        got = NOBODY if held is None else await verb(held.token_id)
        self.expects(step, expected, got)

    async def asks_for_card(self, verb: Verb, step: str, expected: str) -> None:
        """Let the issuer block or unblock the card itself."""
        self.expects(step, expected, await verb(self.card.card_id))

    def held(self, phone: Phone) -> Held | None:
        """The card as this phone holds it."""
        return phone.cards.get(self.card.card_id)

    # ---- at the till

    async def taps(
        self,
        phone: Phone,
        step: str,
        expected: str = codes.APPROVED,
        *,
        holder_there: bool = True,
        held: Held | None = None,
        drawer: Drawer | None = None,
    ) -> Paid | None:
        """Hold a phone to the reader; `held` is a token that it had before. None: it is silent."""
        paying, manner = held or self.held(phone), phone.manner(self.now, holder_there=holder_there)
        if paying is None or manner is None:
            self.expects(step, expected, NOBODY if paying is None else SILENT)
            return None
        return await self.pays(paying.card, manner, step, expected, drawer=drawer)

    async def pays(
        self,
        card: CardData,
        manner: Manner,
        step: str,
        expected: str = codes.APPROVED,
        *,
        amount_minor: int | None = None,
        drawer: Drawer | None = None,
        pin: Pin = NO_PIN,
    ) -> Paid:
        """Pay with a card number in some manner, by default a small amount from the right chip."""
        stage, stamp = self.stage, self.stage.stamps.next(self.now)
        asked = amount_minor or self._random.randint(*AMOUNTS_MINOR)
        question = purchase(card, stage.place, stamp, asked, entry=manner.entry)
        chips = drawer or stage.drawer
        purse = None if chips is None else Purse(chips, manner, pin, stage.profile)
        paid = await pay(stage.terminal, question, stamp, purse, Sending(known=self._known()))
        if paid.reply.code is not None:
            self.met.setdefault(paid.reply.code, paid.question["37"])
        self.lines.append(Line(self.story, step, expected, _word(paid), at_till=True))
        return paid

    async def pays_with_card(self, step: str, expected: str = codes.APPROVED) -> Paid:
        """Pay with the plastic card, held to the reader."""
        return await self.pays(self.card.card, TOUCH, step, expected)

    async def sends(self, question: Fields, step: str, expected: str) -> None:
        """Send a message as it is, as somebody does who listened to a tap."""
        reply = await self.stage.terminal.pay(question, **self._known())
        if reply.code is not None:
            self.met.setdefault(reply.code, question["37"])
        self.lines.append(Line(self.story, step, expected, reply.code or NO_ANSWER, at_till=True))

    def _known(self) -> dict[str, str]:
        day = f"{self.now.astimezone(LOCAL):%Y-%m-%d}"
        return {"person": self.who.person, "account": self.who.account, "day": day}


def _word(paid: Paid) -> str:
    """The response code, unless the chip has to doubt that the issuer gave it."""
    if paid.genuine is False:
        return FORGED
    if paid.with_chip and paid.genuine is None and paid.reply.code in codes.APPROVALS:
        return UNPROVED
    return paid.reply.code or NO_ANSWER
