"""The bank's own books: cards with money, what was asked of them, and what stands in the end.

Pure but for the file that it may be written to, one line a change, so that a bank that is killed
comes back with what it had promised. Shares nothing with the engine but the messages. In cents.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from simulators.bank_death import Step
from simulators.bank_file import BookFile
from simulators.wire import Fields

BANK_CARDS: Final = "999949"
APPROVED, DECLINED = "00", "05"
EXPIRED, NO_SUCH_CARD, NO_MONEY, OVER_LIMIT = "54", "14", "51", "61"
NOT_FOUND, BAD_AMOUNT, UNSUPPORTED = "25", "13", "12"
_REFUND: Final = "20"


class BankRules(Struct, frozen=True):
    """What the bank grants: money on every card, a limit a payment, cards it declines by code."""

    balance_minor: int = 100_000_000
    limit_minor: int = 1_000_000
    declines: Mapping[str, str] = {}


class Leg(Struct):
    """One payment as the bank sees it. `left_minor` was not reversed; `net_minor` is charged."""

    key: str
    reference: str
    pan: str
    kind: str
    amount_minor: int
    left_minor: int
    refunded_minor: int = 0
    captured: bool = False
    reversed_first: bool = False
    """Its reversal came before it: a tombstone."""

    @property
    def net_minor(self) -> int:
        """What the card's owner pays in the end."""
        return self.left_minor - self.refunded_minor


class Kept(Struct):
    """One line of the file: an answer that stands, and the leg as it is after it."""

    key: str
    code: str
    leg: Leg | None = None


Passed = Callable[[Step], None]
"""Told how far a question came."""


class BankBooks:
    """Answers questions about cards. The same question has the same answer, and moves once."""

    def __init__(self, rules: BankRules | None = None, path: Path | None = None) -> None:
        """Start from what `path` holds, if it is given and there."""
        self.rules: Final = rules or BankRules()
        self.legs: dict[str, Leg] = {}
        self.answers: dict[str, str] = {}
        self._of_card: dict[str, set[str]] = {}
        self.messages: Counter[str] = Counter()
        """Questions by the class of their message, each counted once."""
        self._file = None if path is None else BookFile(path)
        for line in () if self._file is None else self._file.lines:
            self._learn(msgspec.json.decode(line, type=Kept))

    def answer(self, asked: Fields, passed: Passed = lambda _: None) -> str:
        """The response code; everything it means is booked, and on the file, before it is told."""
        key = identity(asked)
        known = self.answers.get(key)
        if known is not None:
            return known
        code, leg = _DEEDS[deed_of(asked)](self, asked)
        kept = Kept(key, code, leg)
        if self._file is not None:
            self._file.append(msgspec.json.encode(kept), lambda: passed(Step.TORN))
        self._learn(kept)
        passed(Step.BOOKED)
        return code

    def spent_minor(self, pan: str) -> int:
        """What stands against a card."""
        return sum(self.legs[key].net_minor for key in self._of_card.get(pan, ()))

    def summary(self) -> dict[str, object]:
        """The books for others to compare theirs with: legs by reference, no card number."""
        legs = [leg for leg in self.legs.values() if not leg.reversed_first]
        return {
            "legs": [
                {
                    "reference": leg.reference,
                    "kind": leg.kind,
                    "amount": leg.amount_minor,
                    "left": leg.left_minor,
                    "refunded": leg.refunded_minor,
                    "captured": leg.captured,
                    "net": leg.net_minor,
                }
                for leg in legs
            ],
            "charged": sum(leg.net_minor for leg in legs),
            "messages": self.messages,
        }

    def pay(self, asked: Fields) -> tuple[str, Leg | None]:
        """0100, 0200: charge a card, or set the money aside on it."""
        key, pan, amount_minor = identity(asked), asked["2"], int(asked["4"])
        if key in self.legs:  # a tombstone
            return DECLINED, None
        if not pan.startswith(BANK_CARDS):
            return NO_SUCH_CARD, None
        if pan in self.rules.declines:
            return self.rules.declines[pan], None
        if amount_minor > self.rules.limit_minor:
            return OVER_LIMIT, None
        if self.spent_minor(pan) + amount_minor > self.rules.balance_minor:
            return NO_MONEY, None
        kind = asked["t"][:3] + "0"
        return APPROVED, Leg(key, asked.get("37", ""), pan, kind, amount_minor, amount_minor)

    def reverse(self, asked: Fields) -> tuple[str, Leg | None]:
        """0420: the original stands for DE95 only, nothing without it; it need not have come."""
        leg = self.legs.get(original_of(asked))
        left_minor = int(asked["95"][:12]) if "95" in asked else 0
        if leg is None:
            stone = Leg(original_of(asked), asked.get("37", ""), asked.get("2", ""), "", 0, 0)
            stone.reversed_first = True
            return APPROVED, stone
        return APPROVED, msgspec.structs.replace(leg, left_minor=min(leg.left_minor, left_minor))

    def capture(self, asked: Fields) -> tuple[str, Leg | None]:
        """0220: complete what was set aside, for at most that; the rest is free again."""
        leg = self.legs.get(original_of(asked))
        amount_minor = int(asked["4"])
        if leg is None or leg.captured or leg.kind != "0100":
            return NOT_FOUND, None
        if amount_minor > leg.left_minor:
            return BAD_AMOUNT, None
        return APPROVED, msgspec.structs.replace(leg, left_minor=amount_minor, captured=True)

    def refund(self, asked: Fields) -> tuple[str, Leg | None]:
        """0200 with DE3 20: give back at most what stands."""
        leg = self.legs.get(original_of(asked))
        amount_minor = int(asked["4"])
        if leg is None:
            return NOT_FOUND, None
        if amount_minor > leg.net_minor:
            return BAD_AMOUNT, None
        refunded_minor = leg.refunded_minor + amount_minor
        return APPROVED, msgspec.structs.replace(leg, refunded_minor=refunded_minor)

    def refuse(self, asked: Fields) -> tuple[str, Leg | None]:
        """Anything else."""
        return UNSUPPORTED, None

    def _learn(self, kept: Kept) -> None:
        self.answers[kept.key] = kept.code
        self.messages[kept.key[:3]] += 1
        if kept.leg is not None:
            self.legs[kept.leg.key] = kept.leg
            self._of_card.setdefault(kept.leg.pan, set()).add(kept.leg.key)


Deed = Callable[[BankBooks, Fields], tuple[str, Leg | None]]
_DEEDS: Final[Mapping[str, Deed]] = {
    "pay": BankBooks.pay,
    "hold": BankBooks.pay,
    "reverse": BankBooks.reverse,
    "capture": BankBooks.capture,
    "refund": BankBooks.refund,
    "": BankBooks.refuse,
}


def deed_of(asked: Fields) -> str:
    """What a message asks for, in the words of `bank_death.DEEDS`; nothing where it is none."""
    match asked["t"][:3]:
        case "020" if asked.get("3", "")[:2] == _REFUND:
            return "refund"
        case "020":
            return "pay"
        case "010":
            return "hold"
        case "042" | "040":
            return "reverse"
        case "022":
            return "capture"
        case _:
            return ""


def identity(asked: Fields) -> str:
    """What makes a message this one and no other, sent again or not."""
    return _joined(asked["t"][:3], asked["11"], asked["7"], asked.get("32", ""))


def original_of(asked: Fields) -> str:
    """The identity of the message that DE90 names."""
    named = asked.get("90", "")
    return _joined(named[:3], named[4:10], named[10:20], named[20:31].lstrip("0"))


def _joined(message_class: str, stan: str, transmitted: str, acquirer: str) -> str:
    return f"{message_class}-{stan}-{transmitted}-{acquirer.lstrip('0')}"
