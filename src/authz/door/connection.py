"""One peer: bytes in, frames, messages, requests; outcomes, messages, frames, bytes out.

The only module with a socket and a message in it. Nothing that one connection sends can harm
another: what cannot be read is refused or hung up on, and what waits is bounded by count and by
bytes, for a connection and for all those of one host.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Final, cast

import structlog
from msgspec import Struct

from authz.access.rates import Buckets
from authz.batch.batcher import Batcher
from authz.custody.pan import PanDigester
from authz.door import network
from authz.door.hosts import Host, Hosts
from authz.door.office import Office
from authz.iso8583 import numbers as de
from authz.iso8583.codec import DecodeError
from authz.iso8583.message import Message
from authz.iso8583.mti import ANSWERS, is_refusable, is_response, request_class
from authz.iso8583.profiles import Profile
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.requests import Request
from authz.wire.credential_check import CredentialCheck
from authz.wire.elements import Untranslatable
from authz.wire.framing import Frame, FrameBuffer, Framing, FramingError, answer_tpdu, wrap
from authz.wire.message_auth import Authenticator
from authz.wire.translate import FAMILIES, to_reply, to_request
from rules.decision import Reason

STAN_MAX: Final = 999_999
NOTHING_MORE: Final[Mapping[int, str]] = {}
"""Most answers have no fields beside those that a decision gives."""
AT_OFFICE_MAX: Final = 8
"""Messages of one connection that the office has at a time: they share very few SQL connections."""
NOWHERE: Final = Host("")
"""Where a connection comes from before it is made."""
_NETWORK: Final = "080"

_log = structlog.get_logger()


class Limits(Struct, frozen=True):
    """Bounds of one connection; `write_buffer_max` is in bytes."""

    frame_size_max: int
    in_flight_max: int
    poison_max: int
    decision_deadline_s: float
    write_buffer_max: int = 1 << 20


class Desk(Struct, frozen=True):
    """What every connection of a listener works with."""

    profile: Profile
    framing: Framing
    batcher: Batcher
    office: Office
    digester: PanDigester
    metrics: Metrics
    limits: Limits
    connections: set["Connection"]
    hosts: Hosts
    acquirers: frozenset[str] = frozenset()
    """Whose messages are taken, by DE32; empty: anybody's."""
    authenticator: Authenticator | None = None
    """None: MACs are neither looked at nor made."""
    key_guard: Authenticator | None = None
    """What key changes must prove themselves to, whatever the listener's policy; None: no key."""
    check: CredentialCheck | None = None
    """What looks at chips and PINs; None: nobody does."""
    rates: Buckets | None = None
    """How often one terminal may ask; None: as often as it likes."""


class Connection(asyncio.Protocol):
    """A peer that is connected, from its first byte to its last answer."""

    __slots__ = (
        "_at_office",
        "_buffer",
        "_closing",
        "_desk",
        "_flushing",
        "_host",
        "_in_flight",
        "_out",
        "_poison",
        "_stan",
        "_stopped",
        "_transport",
        "echoed",
        "frame_begun_s",
        "heard_s",
    )  # fmt: skip

    def __init__(self, desk: Desk) -> None:
        """`desk` is shared by all connections of the listener."""
        self._desk = desk
        self._buffer = FrameBuffer(desk.framing, desk.limits.frame_size_max)
        self._out: list[bytes] = []
        self._flushing = False
        self._closing = False
        self._stopped = False
        self._in_flight = 0
        self._at_office = 0
        self._poison = 0
        self._stan = 0
        self._transport: asyncio.Transport | None = None
        self._host = NOWHERE
        self.heard_s = monotonic()
        self.echoed = False
        self.frame_begun_s: float | None = None

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has come."""
        # uvloop's transports have the methods and not the base class.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=self._desk.limits.write_buffer_max)
        self._desk.connections.add(self)
        self._host = self._desk.hosts.enter(str(transport.get_extra_info("peername", [""])[0]))
        self._desk.metrics.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone; what it asked is decided all the same, the answers are dropped."""
        self._transport = None
        self._desk.connections.discard(self)
        self._desk.hosts.leave(self._host)
        self._desk.metrics.connections -= 1

    def pause_writing(self) -> None:
        """The peer does not read its answers: take nothing more from it, and hang up."""
        _log.warning("peer_does_not_read")
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._closing:
            return
        self.heard_s, self.echoed = monotonic(), False
        received_at = datetime.now(UTC)
        unfinished = self._buffer.waiting
        try:
            frames = self._buffer.feed(data)
        except FramingError as error:
            frames = error.frames
            self._desk.metrics.refused_frames += 1
            _log.warning("stream_lost", why=str(error))
            self._closing = True
        self._note_begin(unfinished + len(data))
        for frame in frames:
            self._take(frame, received_at)
        if self._closing:
            self.leave()

    def eof_received(self) -> bool:
        """The peer has said its last word and may still listen: what it asked is answered first."""
        self.leave()
        return True  # or the transport would close at once, and the answers be lost

    # ---- in

    def _note_begin(self, stream_size: int) -> None:
        """Since when an incomplete frame is there, of `stream_size` bytes that were at hand."""
        waiting = self._buffer.waiting
        if not waiting:
            self.frame_begun_s = None
        elif waiting < stream_size or self.frame_begun_s is None:
            self.frame_begun_s = self.heard_s

    def _take(self, frame: Frame, received_at: datetime) -> None:
        try:
            message = self._desk.profile.codec.decode(frame.body)
        except DecodeError as error:
            self._refuse_unreadable(error, frame)
            return
        if is_response(message.mti):
            return
        authenticator = self._desk.authenticator
        if authenticator is not None and authenticator.refuses(message, frame.body):
            self._refuse_unproved("wrong_mac", message, frame)
            return
        if self._is_foreign(message):
            self._refuse_unproved("foreign_acquirer", message, frame)
            return
        family = request_class(message.mti)
        if message.mti in self._desk.profile.mtis and self._desk.office.serves(message):
            self._consult(message, frame)
        elif family == _NETWORK:
            self._reply(message, frame, network.answer(message))
        elif family in FAMILIES and message.mti in self._desk.profile.mtis:
            self._submit(message, frame, received_at)
        elif _answerable(message):
            self._reply(message, frame, Outcome(Reason.INVALID_TRANSACTION))
        else:
            self._desk.metrics.refused_frames += 1

    def _submit(self, message: Message, frame: Frame, received_at: datetime) -> None:
        desk = self._desk
        deadline_s = self.heard_s + desk.limits.decision_deadline_s
        try:
            request = to_request(
                message, desk.profile, desk.digester, received_at, deadline_s, desk.check
            )
        except Untranslatable as error:
            _log.info("refused", reason=error.reason.value, why=str(error))
            self._reply(message, frame, Outcome(error.reason))
            return
        if self._asks_too_much(request):
            self._reply(message, frame, Outcome(Reason.ISSUER_DOWN))
            return
        self._taken_in()
        desk.batcher.submit(request, partial(self._answer, message, frame, self.heard_s))

    def _asks_too_much(self, request: Request) -> bool:
        """Only what may be told 91 is refused, and counted (ARCHITECTURE, corner 7)."""
        if not request.refusable:
            return False
        rates, terminal = self._desk.rates, (request.acquirer, request.terminal)
        if self._desk.hosts.has_too_much(self._host):
            self._desk.metrics.rate_refusals["host"] += 1
        elif rates is not None and rates.take(terminal, self.heard_s):
            self._desk.metrics.rate_refusals["terminal"] += 1
        else:
            return False
        return True

    def _consult(self, message: Message, frame: Frame) -> None:
        """What the office answers is no payment: it never waits in a batch."""
        guard = self._desk.key_guard
        changes_key = message.fields.get(de.NETWORK_CODE) == network.KEY_CHANGE
        if changes_key and guard is not None and guard.refuses(message, frame.body):
            self._refuse_unproved("wrong_mac", message, frame)
            return
        if self._at_office >= AT_OFFICE_MAX:
            self._desk.metrics.rate_refusals["office"] += 1
            if is_refusable(message.mti):
                self._reply(message, frame, Outcome(Reason.ISSUER_DOWN))
            else:
                self._desk.metrics.silences += 1
            return
        self._taken_in()
        self._at_office += 1
        deadline_s = self.heard_s + self._desk.limits.decision_deadline_s
        done = partial(self._leave_office, message, frame, self.heard_s)
        self._desk.office.submit(message, self._desk.profile.name, deadline_s, done)

    def _leave_office(
        self,
        message: Message,
        frame: Frame,
        heard_s: float,
        outcome: Outcome | None,
        more: Mapping[int, str],
    ) -> None:
        self._at_office -= 1
        self._answer(message, frame, heard_s, outcome, more)

    def _taken_in(self) -> None:
        """Count what waits, and read no more while that is enough."""
        self._in_flight += 1
        self._host.in_flight += 1
        if self._in_flight >= self._desk.limits.in_flight_max and self._transport is not None:
            self._transport.pause_reading()

    def _is_foreign(self, message: Message) -> bool:
        """Whether it speaks for an acquirer that is not one of this door's."""
        served, named = self._desk.acquirers, message.fields.get(de.ACQUIRER)
        return bool(served) and named is not None and named not in served

    def _refuse_unproved(self, why: str, message: Message, frame: Frame) -> None:
        """Not what its sender may say or wrote, whatever it asks: 63, and nothing happens."""
        _log.warning(why, mti=message.mti)
        if _answerable(message):
            self._reply(message, frame, Outcome(Reason.SECURITY))
        else:
            self._desk.metrics.refused_frames += 1

    def _refuse_unreadable(self, error: DecodeError, frame: Frame) -> None:
        """30 with what was readable; without even a type the line is cut (ARCHITECTURE, stage 3).

        So it is where the type has no answer, and no STAN says that the sender means ISO 8583.
        """
        self._desk.metrics.refused_frames += 1
        _log.info("unreadable", why=str(error))
        message = error.partial
        if message is not None and _answerable(message):
            self._reply(message, frame, Outcome(Reason.FORMAT))
        elif message is None or de.STAN not in message.fields:
            self._closing = True

    # ---- out

    def _answer(
        self,
        message: Message,
        frame: Frame,
        heard_s: float,
        outcome: Outcome | None,
        more: Mapping[int, str] = NOTHING_MORE,
    ) -> None:
        self._in_flight -= 1
        self._desk.hosts.answered(self._host)
        made_room = self._in_flight == self._desk.limits.in_flight_max - 1
        if made_room and self._transport is not None and not (self._closing or self._stopped):
            self._transport.resume_reading()
        if outcome is None:
            self._desk.metrics.silences += 1
        else:
            self._desk.metrics.latency.observe(monotonic() - heard_s)
            self._desk.metrics.replays += outcome.replayed
            self._reply(message, frame, outcome, more)
            self._poison += outcome.poison
        if self._poison >= self._desk.limits.poison_max:
            _log.error("peer_poisons", times=self._poison)
            self._closing = True
        if self._closing:
            self.leave()

    def _reply(
        self,
        message: Message,
        frame: Frame,
        outcome: Outcome,
        more: Mapping[int, str] = NOTHING_MORE,
    ) -> None:
        self._desk.metrics.answers[outcome.reason] += 1
        answer = to_reply(message, outcome, self._desk.profile, self._desk.check)
        answer.fields.update(more)
        self._write(answer, answer_tpdu(frame.tpdu), message)

    def _write(self, message: Message, tpdu: bytes, asked: Message | None = None) -> None:
        """Queue a message; all that one turn of the loop produces leaves in one write."""
        if self._transport is None:
            return
        authenticator = self._desk.authenticator
        if authenticator is not None and authenticator.seals(asked):
            body = authenticator.sealed(message)
        else:
            body = self._desk.profile.codec.encode(message)
        self._out.append(wrap(self._desk.framing, body, tpdu))
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and self._out:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def echo(self) -> None:
        """Ask a silent peer whether it is there."""
        self._stan = self._stan % STAN_MAX + 1
        self.echoed = True
        self._write(network.echo(self._stan, datetime.now(UTC)), b"")

    def stop_reading(self) -> None:
        """Take nothing more from the peer; what was taken is still answered."""
        self._stopped = True
        if self._transport is not None:
            self._transport.pause_reading()

    def leave(self) -> None:
        """Listen no more; hang up once everything that was taken in is answered."""
        self._closing = True
        if not self._in_flight:
            self.hang_up()

    def hang_up(self) -> None:
        """Send what is ready, then close."""
        self._closing = True
        self._flush()
        if self._transport is not None:
            self._transport.close()


def _answerable(message: Message) -> bool:
    return message.mti[:3] + "0" in ANSWERS
