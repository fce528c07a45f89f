"""Messages as acquirers build them, with every field that the dialect asks for.

Amounts are cents, instants UTC. Nothing here knows a socket or a clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from simulators.wire import Fields

EURO: Final = "978"
LOCAL: Final = ZoneInfo("Europe/Paris")
CHIP, CONTACTLESS, ONLINE = "051", "071", "812"

SIGN_ON, SIGN_OFF, CUTOVER, ECHO = "001", "002", "201", "301"

_REFUND: Final = "200000"
_BALANCE: Final = "310000"


@dataclass(frozen=True, slots=True)
class CardData:
    """What the terminal reads from a card or a phone; prints only the last four digits."""

    pan: str
    expiry: str
    """YYMM."""
    psn: str = ""

    def __repr__(self) -> str:
        """A card number never shows whole."""
        return f"CardData({masked(self.pan)})"


class Pin(str):
    """What the holder knows: digits that no repr shows, not even how many."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Pin(****)"


NO_PIN: Final = Pin()


@dataclass(frozen=True, slots=True)
class TerminalData:
    """Where a payment takes place: the acquirer's name for the terminal and for the merchant."""

    acquirer: str
    terminal: str
    merchant: str
    mcc: str = "5812"
    name: str = "MILLESIME TEST"


@dataclass(frozen=True, slots=True)
class Stamp:
    """The identity of one message: its STAN, its transmission instant and its reference."""

    stan: str
    at: datetime
    rrn: str


def masked(pan: str) -> str:
    """The last four digits of a card number, the rest stars."""
    return "*" * max(0, len(pan) - 4) + pan[-4:]


def purchase(
    card: CardData,
    terminal: TerminalData,
    stamp: Stamp,
    amount_minor: int,
    *,
    eligible_minor: int | None = None,
    partial: bool = False,
    hold: bool = False,
    entry: str = CONTACTLESS,
) -> Fields:
    """0200, debited at once; with `hold` 0100, to be captured later."""
    name = terminal.name.encode("latin-1", "replace").decode("latin-1")
    fields = (
        _dated(stamp)
        | _placed(terminal)
        | {
            "t": "0100" if hold else "0200",
            "2": card.pan,
            "3": "000000",
            "4": f"{amount_minor:012d}",
            "14": card.expiry,
            "18": terminal.mcc,
            "22": entry,
            "25": "00",
            "43": f"{name[:22]:23}{'PARIS':13}{'':2}FR",
            "49": EURO,
        }
    )
    if card.psn:
        fields["23"] = f"{card.psn:0>3}"
    if partial:
        fields["48"] = private({"61": "1"})
    if eligible_minor is not None:
        fields["54"] = amount_of("90", eligible_minor)
    return fields


def balance_inquiry(card: CardData, terminal: TerminalData, stamp: Stamp) -> Fields:
    """0200 with DE3 31: how much is there, and how much of it may be used today."""
    return purchase(card, terminal, stamp, 0) | {"3": _BALANCE}


def repeat(fields: Fields) -> Fields:
    """The same message once more, saying so in the last digit of its type: 0200 -> 0201."""
    return fields | {"t": fields["t"][:3] + "1"}


def stamped(fields: Fields, stamp: Stamp) -> Fields:
    """The same message under another identity: not a repeat, a question of its own."""
    return fields | _dated(stamp)


def capture(original: Fields, stamp: Stamp, amount_minor: int, approval_code: str) -> Fields:
    """0220: complete a hold with its final amount."""
    return _follow_up(original, stamp) | {
        "t": "0220",
        "4": f"{amount_minor:012d}",
        "38": approval_code,
    }


def refund(original: Fields, stamp: Stamp, amount_minor: int) -> Fields:
    """0200 with DE3 20: give back some or all of a purchase."""
    return _follow_up(original, stamp) | {
        "t": "0200",
        "3": _REFUND,
        "4": f"{amount_minor:012d}",
    }


def reversal(
    original: Fields, stamp: Stamp, *, advice: bool = True, kept_minor: int | None = None
) -> Fields:
    """0420 (or 0400): undo a message; with `kept_minor` only down to that new total (DE95)."""
    fields = _follow_up(original, stamp) | {"t": "0420" if advice else "0400"}
    if kept_minor is not None:
        fields["95"] = f"{kept_minor:012d}{0:012d}C{0:08d}C{0:08d}"
    return fields


def network(acquirer: str, stamp: Stamp, code: str = ECHO) -> Fields:
    """0800: sign-on, sign-off, cutover, echo."""
    return {
        "t": "0800",
        "7": f"{stamp.at.astimezone(UTC):%m%d%H%M%S}",
        "11": stamp.stan,
        "32": acquirer,
        "70": code,
    }


def original_data(original: Fields) -> str:
    """DE90: type, STAN, transmission time, acquirer and forwarder of the message it names."""
    acquirer, forwarder = original["32"], original.get("33", "")
    return f"{original['t']}{original['11']}{original['7']}{acquirer:0>11}{forwarder:0>11}"


def private(elements: Mapping[str, str]) -> str:
    """DE48: `tag(2) length(2) value` one after another."""
    return "".join(f"{tag}{len(value):02d}{value}" for tag, value in elements.items())


def elements_in(private_data: str) -> dict[str, str]:
    """Take the elements of a DE48 apart."""
    elements, rest = {}, private_data
    while rest:
        end = 4 + int(rest[2:4])
        elements[rest[:2]], rest = rest[4:end], rest[end:]
    return elements


def amount_of(kind: str, amount_minor: int) -> str:
    """One amount of DE54: account type 00, `kind`, currency, sign, twelve digits."""
    return f"00{kind}{EURO}{'C' if amount_minor >= 0 else 'D'}{abs(amount_minor):012d}"


def amounts_in(additional: str) -> Iterator[tuple[str, int]]:
    """The amounts of a DE54 as (kind, cents); debit amounts are negative."""
    for start in range(0, len(additional), 20):
        part = additional[start : start + 20]
        yield part[2:4], int(part[8:20]) * (-1 if part[7] == "D" else 1)


def _dated(stamp: Stamp) -> Fields:
    local = stamp.at.astimezone(LOCAL)
    return {
        "7": f"{stamp.at.astimezone(UTC):%m%d%H%M%S}",
        "11": stamp.stan,
        "12": f"{local:%H%M%S}",
        "13": f"{local:%m%d}",
        "37": stamp.rrn,
    }


def _placed(terminal: TerminalData) -> Fields:
    return {
        "32": terminal.acquirer,
        "41": f"{terminal.terminal:8}",
        "42": f"{terminal.merchant:15}",
    }


def _follow_up(original: Fields, stamp: Stamp) -> Fields:
    """What a later message repeats of its original, under a STAN of its own."""
    kept = ("2", "3", "4", "14", "18", "22", "25", "32", "41", "42", "43", "49")
    fields = {name: original[name] for name in kept if name in original}
    return fields | _dated(stamp) | {"90": original_data(original)}
