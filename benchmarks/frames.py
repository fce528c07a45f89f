"""Purchases as bytes, made before the run: one template, patched with what differs.

A frame's number rides in its RRN, which every answer echoes; with the STAN, the terminal and DE7 it
makes each request of a run its own. Amounts are one cent, so that a day's cap allows thousands.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.wire.framing import wrap
from benchmarks import world

STANS: Final = 1_000_000
FRAMES_MAX: Final = 60 * STANS
"""DE7 moves on by a second for each round of the STANs, through one minute."""
RUNS_MAX: Final = 10_000

# In the order of their fields; each is as long as what replaces it.
_PAN: Final = "1" * 16
_SENT, _STAN, _RRN = "1124113000", "222222", "333333333333"
_TERMINAL, _MID = "44444444", "555555555555555"


def template(amount_minor: int = 1) -> bytes:
    """A framed 0200 of 18 fields, as a pattern for `%`."""
    message = Message(
        "0200",
        {
            2: _PAN,
            3: "000000",
            4: f"{amount_minor:012d}",
            7: _SENT,
            11: _STAN,
            12: "123000",
            13: "1124",
            14: world.EXPIRY,
            18: "5812",
            22: "071",
            23: "000",
            25: "00",
            32: world.ACQUIRER,
            37: _RRN,
            41: _TERMINAL,
            42: _MID,
            43: f"{'BISTROT DU PORT':23}{'PARIS':13}  FR",
            49: "978",
        },
    )
    spoken = profile("ascii")
    frame = wrap(spoken.framing, spoken.codec.encode(message))
    for mark in (_PAN, _SENT, _STAN, _RRN, _TERMINAL, _MID):
        assert frame.count(mark.encode()) == 1, "a mark stands once"
        frame = frame.replace(mark.encode(), b"%b")
    return frame


class Traffic:
    """Who buys where: cards drawn evenly, merchants too, but for a share that goes to the first.

    `run` tells the frames of one run from those of every other against the same database.
    """

    def __init__(
        self,
        run: int,
        cards: Sequence[bytes],
        merchants: int,
        hot_share: float = 0.0,
        amount_minor: int = 1,
    ) -> None:
        """`cards` are numbers in digits; `hot_share` of the purchases is at merchant 0."""
        assert 0 <= run < RUNS_MAX
        self._run = run
        self._cards = cards
        self._mids = [world.mid(number).encode() for number in range(merchants)]
        self._hot_share = hot_share
        self._chance = Random(run)
        self._template = template(amount_minor)

    def frame(self, number: int) -> bytes:
        """The `number`-th frame of the run."""
        assert number < FRAMES_MAX
        second, stan = divmod(number, STANS)
        chance = self._chance.random
        hot = self._hot_share and chance() < self._hot_share
        return self._template % (
            self._cards[int(chance() * len(self._cards))],
            b"11241130%02d" % second,
            b"%06d" % stan,
            b"%04d%08d" % (self._run, number),
            b"%04d%04d" % (self._run, number % 10_000),
            self._mids[0 if hot else int(chance() * len(self._mids))],
        )


def cards(count: int, of: int, first: int = 0) -> list[bytes]:
    """At most `count` card numbers, from the `first`, spread over the `of` holders of the world."""
    step = max(1, of // count)
    return [world.pan(number).encode() for number in range(first, of, step)]
