"""A purchase with a chip in it: DE55 for the first sending, DE52 when the issuer asks for a PIN."""

import zlib
from random import Random

from msgspec import Struct

from simulators.chips import pin_block
from simulators.chips.chip import Asked, Chip, Tap
from simulators.chips.manner import Manner, tags_with_online_pin
from simulators.messages import LOCAL, Stamp, stamped
from simulators.wire import Fields


class Presented(Struct, frozen=True):
    """A question with the cryptogram of one tap in it."""

    question: Fields
    tap: Tap
    manner: Manner

    def with_pin(self, stamp: Stamp, zone_key: bytes, pin: str, *, format_3: bool) -> Fields:
        """The same tap once more under a new identity, with the PIN typed at the till."""
        fill = Random(stamp.stan) if format_3 else None
        return stamped(self.question, stamp) | {
            "52": pin_block.sealed(zone_key, pin, self.question["2"], fill=fill),
            "55": self.tap.data(tags_with_online_pin(self.manner)),
        }


def present(question: Fields, stamp: Stamp, chip: Chip, manner: Manner) -> Presented:
    """Let a chip pay what the question asks. WornOutError: its counter is at its end."""
    asked = Asked(
        amount_minor=int(question["4"]),
        day=stamp.at.astimezone(LOCAL).date(),
        unpredictable=_unpredictable(question),
        kind=question["3"][:2],
        tvr=manner.tvr,
    )
    tap = chip.tap(asked, manner.interchange, verified=manner.verified)
    fields = question | {"22": manner.entry, "55": tap.data(manner.tags())}
    return Presented(fields, tap, manner)


def _unpredictable(question: Fields) -> bytes:
    """The till's number: another for each message, and the same when a seed is played again."""
    return zlib.crc32(f"{question['41']}{question['11']}{question['7']}".encode()).to_bytes(4)


def genuine(presented: Presented, answer: Fields | None) -> bool | None:
    """Whether the issuer itself answered; None where the answer has nothing for the chip."""
    if answer is None or "55" not in answer:
        return None
    return presented.tap.genuine(answer["55"])
