"""A phone: whose wallet it has, what it holds, and how it presents itself to a reader."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from simulators.chips.manner import PHONE, PHONE_ALONE, Manner
from simulators.messages import CardData

APPLE: Final = "APPLE_PAY"
PLUXEE: Final = "PLUXEE_PAY"
UNLOCK_COUNTS: Final = timedelta(seconds=60)
"""How long an Android phone takes its last unlocking for the holder's presence (TOK-09)."""


class Held(Struct, frozen=True):
    """A card in a phone: the engine's name for the token, and its number."""

    token_id: str
    card: CardData


@dataclass
class Phone:
    """One device of one person. It pays without a network; it cannot be set up without one."""

    device: str
    wallet: str
    rooted: bool = False
    online: bool = True
    unlocked_at: datetime | None = None
    cards: dict[str, Held] = field(default_factory=dict)

    @property
    def attested(self) -> bool:
        """Whether it can prove that it is itself (TOK-08)."""
        return not self.rooted

    def unlock(self, at: datetime) -> None:
        """Its holder unlocks it."""
        self.unlocked_at = at

    def lock(self) -> None:
        """The screen goes dark."""
        self.unlocked_at = None

    def manner(self, at: datetime, *, holder_there: bool) -> Manner | None:
        """How it pays at `at`; None: it stays silent at the reader.

        `holder_there`: somebody shows a face, a finger or a code at this very tap.
        """
        if holder_there:
            self.unlock(at)
            return PHONE
        if self.wallet == APPLE or self.unlocked_at is None:
            return None
        return PHONE if at - self.unlocked_at <= UNLOCK_COUNTS else PHONE_ALONE
