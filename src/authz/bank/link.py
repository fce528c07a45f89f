"""The line to the bank acquirer: one connection that comes back, many questions in flight.

An answer belongs to the question with its class, STAN and terminal; one that nobody waits for (any
more) is counted and dropped. Whoever asked and lost the line does not know what the bank did.
"""

import asyncio
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, cast

import structlog
from msgspec import Struct

from authz.bank.breaker import Breaker
from authz.bank.tls import LineTls
from authz.bank.why import why_lost, why_not_reached, why_not_signed_on, why_refused
from authz.bank.words import Stamp, sign_on
from authz.door.addresses import Address
from authz.door.network import ECHO, SIGN_ON
from authz.iso8583 import numbers as de
from authz.iso8583.codec import DecodeError
from authz.iso8583.message import Message
from authz.iso8583.mti import is_response
from authz.iso8583.profiles import profile
from authz.usage import UsageError
from authz.wire.framing import FrameBuffer, FramingError, framing, wrap

CODEC: Final = profile("ascii").codec
FRAMING: Final = framing("2b")
STAN_MAX: Final = 999_999
NO_LINE: Final = "no line to the bank"
NO_ECHO: Final = "we hung up on a bank that answers no echo"

_log = structlog.get_logger()


class NotSent(Exception):
    """Nothing left for the bank: there is no line, or it does not answer."""


class Silent(Exception):
    """The question left, and no answer came: nobody knows what the bank did."""


class LineBroke(Silent):
    """The line was lost with the question on it; a new one shows whether the bank is there."""


class Patience(Struct, frozen=True):
    """How long the line is waited for, in seconds.

    After a failure the next attempt waits `back_off_s`, then twice as long, up to the maximum; a
    line that lived longer than that lets it begin anew.
    """

    connect_s: float = 2.0
    network_s: float = 2.0
    echo_idle_s: float = 30.0
    probe_s: float = 1.0
    back_off_s: float = 0.05
    back_off_max_s: float = 5.0
    handshake_s: float = 2.0


Key = tuple[str, str, str]


class BankLink:
    """The client. `run` keeps the line up; `ask` uses it."""

    def __init__(
        self,
        address: Address,
        institution: str,
        patience: Patience | None = None,
        breaker: Breaker | None = None,
        tls: LineTls | None = None,
    ) -> None:
        """Nothing is opened before `run`; without `tls` the line is in clear."""
        self._address = address
        self._institution = institution
        self._patience = patience or Patience()
        self._tls = tls
        self.breaker: Final = breaker or Breaker()
        self._waiting: dict[Key, asyncio.Future[Message]] = {}
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._why_lost = NO_LINE
        self._why_told: str | None = None
        """Why there is no line, as the log was last told."""
        self.signed_on = False
        """Whether the bank has taken our sign-on."""
        self._network_stan = 0
        self._heard_s = 0.0
        self.strays = 0
        """Answers that came twice or too late."""

    @property
    def is_open(self) -> bool:
        """Whether a payment may count on the bank now."""
        return self.signed_on and self.breaker.admits

    @property
    def in_flight(self) -> int:
        """Questions that wait for their answer."""
        return len(self._waiting)

    async def run(self) -> None:
        """Keep the line up until cancelled."""
        pause_s = self._patience.back_off_s
        try:
            while True:
                if await self._connect() and await self._lives():
                    pause_s = self._patience.back_off_s
                self._hang_up()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._patience.back_off_max_s)
        finally:
            self._hang_up()

    async def ask(self, message: Message, timeout_s: float) -> Message:
        """The bank's answer. Raises `NotSent`, or `Silent` once the question may have left."""
        if not self.is_open:
            raise NotSent("no line to the bank, or no answers on it")
        self.breaker.asked()
        try:
            answer = await self._ask(message, timeout_s)
        except LineBroke:
            raise
        except Silent:
            self.breaker.fell_silent()
            raise
        self.breaker.answered()
        return answer

    async def _ask(self, message: Message, timeout_s: float) -> Message:
        transport, key = self._transport, _key(message)
        if transport is None:
            raise NotSent(self._why_lost)
        assert key not in self._waiting, "a STAN is in flight once"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        transport.write(wrap(FRAMING, CODEC.encode(message)))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Silent("no answer in time") from None
        finally:
            self._waiting.pop(key, None)

    async def _connect(self) -> bool:
        """Connect and sign on; whether the bank said yes."""
        self._lost.clear()
        try:
            await self._dial()
            code = (await self._network(SIGN_ON)).fields.get(de.RESPONSE_CODE)
        except (LineBroke, NotSent) as ended:
            self._tell(why_not_signed_on(str(ended), secured=self._tls is not None))
            return False
        except (OSError, UsageError, Silent) as error:  # TimeoutError and SSLError are OSErrors
            self._tell(why_not_reached(error))
            return False
        if code != "00":
            self._tell(why_refused(code))
            return False
        self._why_told = None
        self.signed_on = True
        _log.info("bank_signed_on")
        self.breaker.greeted()
        return True

    async def _lives(self) -> bool:
        """Keep the line up until it is lost; whether it lived longer than the longest pause.

        A bank that signs on and hangs up is not called the more often for having signed on.
        """
        since_s = monotonic()
        await self._keep()
        why = self._why_lost if self._lost.is_set() else NO_ECHO
        _log.warning("bank_line_lost", bank=str(self._address), why=why)
        return monotonic() - since_s > self._patience.back_off_max_s

    async def _dial(self) -> None:
        """A connection, secured where it is to be. OSError: there is none; UsageError: no files."""
        patience, within_s = self._patience, self._patience.connect_s
        secured: dict[str, Any] = {}
        if self._tls is not None:
            secured = {"ssl": self._tls.context(), "server_hostname": self._tls.name}
            secured["ssl_handshake_timeout"] = patience.handshake_s
            within_s += patience.handshake_s
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().create_connection(
                lambda: _Line(self), self._address.host, self._address.port, **secured
            )

    def _tell(self, why: str) -> None:
        """Once, however often it is tried: whoever mends it reads the first line."""
        if why != self._why_told:
            _log.warning("bank_not_reached", bank=str(self._address), why=why)
        self._why_told = why

    async def _keep(self) -> None:
        """Until the line is lost: echo when idle, and while the breaker is open, as a probe."""
        while not self._lost.is_set():
            due_s = self._patience.probe_s
            if self.breaker.closed:
                due_s = self._heard_s + self._patience.echo_idle_s - monotonic()
            if due_s > 0 and await self._lost_within(min(due_s, self._patience.probe_s)):
                return
            idle_s = monotonic() - self._heard_s
            if self.breaker.closed and idle_s < self._patience.echo_idle_s:
                continue
            try:
                await self._network(ECHO)
            except (Silent, NotSent):
                if self.breaker.closed:
                    return
            else:
                self.breaker.greeted()

    async def _lost_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._lost.wait()
        except TimeoutError:
            return False

    async def _network(self, code: str) -> Message:
        self._network_stan = self._network_stan % STAN_MAX + 1
        stamp = Stamp(f"{self._network_stan:06d}", datetime.now(UTC))
        message = sign_on(stamp, self._institution, code)
        return await self._ask(message, self._patience.network_s)

    # ---- what the line tells

    def connected(self, transport: asyncio.Transport) -> None:
        """There is a connection."""
        self._transport = transport
        self._heard_s = monotonic()

    def heard(self, message: Message) -> None:
        """A message came; an answer goes to who waits for it."""
        self._heard_s = monotonic()
        waiting = self._waiting.get(_key(message))
        if waiting is None or waiting.done() or not is_response(message.mti):
            self.strays += 1
        else:
            waiting.set_result(message)

    def lost(self, why: str = NO_LINE) -> None:
        """The connection ended."""
        self._why_lost = why
        self.signed_on = False
        self._transport = None
        self._lost.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LineBroke(why))

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.lost()


class _Line(asyncio.Protocol):
    """One connection: bytes to messages."""

    def __init__(self, link: BankLink) -> None:
        self._link = link
        self._buffer = FrameBuffer(FRAMING)
        self._unreadable: str | None = None
        """Why it was us who hung up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods and not the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._link.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._buffer.feed(data)
            for frame in frames:
                self._link.heard(CODEC.decode(frame.body))
        except (FramingError, DecodeError) as error:
            self._unreadable = f"we hung up on bytes that cannot be read: {error}"
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.lost(self._unreadable or why_lost(exc))


def _key(message: Message) -> Key:
    """Class, STAN and terminal; a repeat waits like its first sending."""
    fields = message.fields
    function = int(message.mti[2]) & ~1
    terminal = fields.get(de.TERMINAL, "").rstrip()
    return f"{message.mti[:2]}{function}", fields.get(de.STAN, ""), terminal
