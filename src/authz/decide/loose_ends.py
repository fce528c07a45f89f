"""What a batch leaves for messages that come under another DE7: tombstones, and repeats. Pure.

A peer may stamp a repeat anew, and a reversal may name a message that never came. Later batches
find these rows by terminal, acquirer and STAN (`restamped.py`); this batch asks here.
"""

from datetime import datetime
from typing import Final

from authz.decide.writes import Row
from authz.identity import NO_CONTENT
from authz.outcomes import Outcome
from authz.requests import TURNED_OUT, Kind, Request
from authz.state import KeptAnswer
from rules.decision import Reason

TOMBSTONE: Final = KeptAnswer(NO_CONTENT, Outcome(Reason.REVERSED_BEFORE_REQUEST))
"""What stands under the key of a payment that was reversed before it came."""
STOPPABLE: Final = frozenset({Kind.PURCHASE, Kind.HOLD, Kind.REFUND, Kind.ADVICE})
"""What a tombstone stops. What happened is stopped only where its reversal named an advice: after a
request that was lost and reversed, the sale may have gone on without us."""
NOBODY: Final = 0
"""The holder of a tombstone's key: the payment it stops may be anybody's."""


class LooseEnds:
    """The loose ends of one batch."""

    def __init__(self, now: datetime | None) -> None:
        """`now` is the test clock's; without one a row is of the instant of its message."""
        self.rows: Final[list[Row]] = []
        """In the order of their table."""
        self._now = now
        self._overtaken: list[Request] = []

    def note_repeat(self, request: Request) -> None:
        """A reversal may name the first sending of a repeat, which never came."""
        if request.repeat and request.kind in (Kind.PURCHASE, Kind.HOLD):
            stan, amount_minor = request.stan, request.purchase.amount_minor
            self._note(request.key_hash, request, stan, amount_minor, advised=False)

    def note_tombstone(self, key_hash: bytes, reversal: Request) -> None:
        """The message that a reversal names may come after all, stamped anew."""
        about = reversal.about
        assert about is not None, "a reversal is about something"
        self._overtaken.append(reversal)
        stan, amount_minor = about.first_stan or "", about.amount_minor or 0
        self._note(key_hash, reversal, stan, amount_minor, advised=about.advised)

    def was_overtaken(self, repeat: Request) -> bool:
        """Whether a reversal of this batch named the message that this is a repeat of."""
        if repeat.kind not in STOPPABLE:
            return False
        return any(_overtook(reversal, repeat) for reversal in self._overtaken)

    def _note(
        self, key_hash: bytes, said: Request, stan: str, amount_minor: int, *, advised: bool
    ) -> None:
        at, card_ref = self._now or said.received_at, said.card_ref
        self.rows.append(
            (key_hash, said.acquirer, said.terminal, stan, amount_minor, card_ref, at, advised)
        )


def is_same_message(sent: Request, repeat: Request) -> bool:
    """Whether they share what a repeat keeps where its DE7 or DE37 was written anew."""
    own = sent.fingerprint, sent.stan, sent.terminal, sent.acquirer
    its = repeat.fingerprint, repeat.stan, repeat.terminal, repeat.acquirer
    return own == its and sent.kind in (repeat.kind, TURNED_OUT.get(repeat.kind))


def _overtook(reversal: Request, repeat: Request) -> bool:
    about = reversal.about
    assert about is not None, "a reversal is about something"
    named = reversal.acquirer, reversal.terminal, about.first_stan, about.amount_minor
    return (*named, about.advised) == (
        repeat.acquirer,
        repeat.terminal,
        repeat.stan,
        repeat.purchase.amount_minor,
        repeat.tells,
    ) and reversal.card_ref in (b"", repeat.card_ref)
