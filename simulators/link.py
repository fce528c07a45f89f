"""One TCP connection of an acquirer: many messages in flight, answers matched to their questions.

An answer belongs to the question with the same class (0210 to 0200 and 0201), STAN and terminal.
The same question may be under way twice (a repeat): answers go to the one that waits longest.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Final, Self

from simulators.frames import FrameError, FrameReader, framing_of, wrap
from simulators.wire import Fields, WireError, WireProfile, decode, encode, profile_of

ANSWER_TIMEOUT_S: Final = 5.0
CONNECT_TIMEOUT_S: Final = 5.0
READ_SIZE: Final = 1 << 16

Key = tuple[str, str, str]


class LinkDownError(Exception):
    """The connection is gone, or could not be made: nobody knows what became of the question."""


class UnansweredError(Exception):
    """No answer came in time: nobody knows what became of the question."""


def key_of(fields: Fields) -> Key:
    """Class, STAN and terminal; an answer's type is brought back to its question's."""
    mti = fields["t"]
    function = int(mti[2]) & ~1
    return f"{mti[:2]}{function}", fields.get("11", ""), fields.get("41", "").rstrip()


def split_address(address: str) -> tuple[str, int]:
    """Take HOST:PORT apart; ValueError where it is something else."""
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit()):
        raise ValueError(f"an address is HOST:PORT, not {address!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


class Link:
    """A client connection that comes back by itself when it is next used."""

    def __init__(
        self,
        address: str,
        profile: str = "ascii",
        framing: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`address` is HOST:PORT, `framing` by default the profile's own. Nothing is opened yet."""
        self._host, self._port = split_address(address)
        self._tls = tls
        self.profile: WireProfile = profile_of(profile)
        self._framing = framing_of(framing or self.profile.framing)
        self._waiting: dict[Key, deque[asyncio.Future[Fields]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self.strays = 0
        """Answers that nobody waited for (any more)."""

    async def __aenter__(self) -> Self:
        """Connect. LinkDownError: refused."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self.close()

    @property
    def in_flight(self) -> int:
        """Questions that still wait."""
        return sum(len(waiting) for waiting in self._waiting.values())

    async def open(self) -> None:
        """Connect unless connected. LinkDownError: refused, or nobody there in time."""
        async with self._opening:
            if self._writer is not None:
                return
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    reader, writer = await asyncio.open_connection(
                        self._host, self._port, ssl=self._tls
                    )
            except ssl.SSLCertVerificationError as refused:
                why = f"its certificate is not trusted here ({refused.verify_message})"
                raise LinkDownError(
                    f"{self._host}:{self._port}: {why}; name its authority with --tls-ca"
                ) from refused
            except OSError as refused:  # TimeoutError and SSLError are some
                raise LinkDownError(f"cannot connect to {self._host}:{self._port}") from refused
            self._writer = writer
            self._reading = asyncio.create_task(self._read(reader, writer))

    async def close(self) -> None:
        """Hang up; whoever still waits gets LinkDownError."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.wait([reading])
        # A reading task that was cancelled before its first step has closed nothing.
        writer, self._writer = self._writer, None
        if writer is not None:
            await _closed(writer)

    async def ask(self, fields: Fields, timeout_s: float = ANSWER_TIMEOUT_S) -> Fields:
        """Send a question and wait for its answer.

        LinkDownError: the connection broke. UnansweredError: silence. WireError: it does not fit.
        """
        raw = wrap(encode(fields, self.profile), self._framing)
        await self.open()
        answer: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(key_of(fields), deque())
        waiting.append(answer)
        try:
            await self._send(raw)
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise UnansweredError(f"no answer within {timeout_s:g} s") from None
        finally:
            with contextlib.suppress(ValueError):
                waiting.remove(answer)
            if not waiting:
                self._waiting.pop(key_of(fields), None)

    async def send_raw(self, raw: bytes) -> None:
        """Send bytes as they are: a keep-alive, or something broken on purpose."""
        await self.open()
        await self._send(raw)

    async def _send(self, raw: bytes) -> None:
        if self._writer is None:
            raise LinkDownError("the connection closed before the question left")
        try:
            self._writer.write(raw)
            await self._writer.drain()
        except ConnectionError as lost:
            raise LinkDownError("the connection closed under the question") from lost

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand out answers until the peer hangs up, or speaks so that we must."""
        frames = FrameReader(self._framing)
        why = "the peer hung up"
        try:
            while data := await reader.read(READ_SIZE):
                for body in frames.feed(data):
                    self._deliver(decode(body, self.profile))
        except (ConnectionError, FrameError, WireError) as fault:
            why = str(fault)
        finally:
            if self._writer is writer:
                self._writer = None
            self._give_up(why)
            await _closed(writer)

    def _deliver(self, answer: Fields) -> None:
        waiting = self._waiting.get(key_of(answer))
        future = next((each for each in waiting or () if not each.done()), None)
        if future is None:
            self.strays += 1
        else:
            future.set_result(answer)

    def _give_up(self, why: str) -> None:
        for waiting in self._waiting.values():
            for future in waiting:
                if not future.done():
                    future.set_exception(LinkDownError(why))


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close and see it closed: a loop that ends sooner would leave the socket open."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
