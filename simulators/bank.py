"""A bank that answers ISO 8583 questions about cards, well or badly: late, twice, never, or away.

Its faults are drawn from a seed and the message, so that a run can be made again. A control port
takes one JSON object a line: `{"do": "books"}`, `{"do": "count"}`, `{"do": "set", "drop": 0.02}`,
`{"do": "restart"}`, `{"do": "die", "at": "booked:3:reverse"}`.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from simulators.bank_books import BankBooks, deed_of, identity
from simulators.bank_death import Fatality, Step, parse_death
from simulators.frames import FrameError, FrameReader, framing_of, wrap
from simulators.wire import Fields, WireError, decode, encode, profile_of

READ_SIZE: Final = 1 << 16
ECHOED: Final = ("2", "3", "4", "7", "11", "12", "13", "32", "33", "37", "41", "42", "49", "70")
FRAMING: Final = framing_of("2b")
PROFILE: Final = profile_of("ascii")


class Manners(Struct, frozen=True):
    """How the bank behaves. Rates are shares of the questions, times in milliseconds.

    `late` answers come after `late_ms`; a `drop`ped answer was booked and is never sent, a `lose`d
    question was never heard; `duplicate` answers come twice. With `silent` nothing is ever
    answered, sign-on and echo included. After every `restart_every` questions it is away for
    `away_ms`.
    """

    delay_ms: int = 0
    late: float = 0.0
    late_ms: int = 2_500
    drop: float = 0.0
    lose: float = 0.0
    duplicate: float = 0.0
    silent: bool = False
    restart_every: int = 0
    away_ms: int = 300
    seed: int = 1


class Fate(Struct, frozen=True):
    """What becomes of one question."""

    lost: bool
    dropped: bool
    twice: bool
    delay_ms: int


def fate_of(asked: Fields, manners: Manners, times: int) -> Fate:
    """Draw it from the seed, the message and how often it was sent: a repeat has another chance."""
    chance = Random(f"{manners.seed} {identity(asked)} {times}")
    lost, dropped, late, twice = (chance.random() for _ in range(4))
    return Fate(
        lost < manners.lose,
        dropped < manners.drop,
        twice < manners.duplicate,
        manners.late_ms if late < manners.late else manners.delay_ms,
    )


class BankHost:
    """The host: a door, a control door, and books behind them."""

    def __init__(
        self,
        books: BankBooks,
        manners: Manners | None = None,
        fatality: Fatality | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is opened yet; `tls` secures its door, from the next opening on if it changes."""
        self.books: Final = books
        self.manners = manners or Manners()
        self.fatality = fatality or Fatality()
        self.tls = tls
        self.questions = 0
        self.signed_on = 0
        self.restarts = 0
        self.port = 0
        self._host = "127.0.0.1"
        self._server: asyncio.Server | None = None
        self._control: asyncio.Server | None = None
        self._peers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._times: dict[str, int] = {}

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; the address, with the port that was chosen."""
        self._host, self.port = host, port
        self._server = await asyncio.start_server(self._serve, host, port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"{host}:{self.port}"

    async def open_control(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen for orders."""
        self._control = await asyncio.start_server(self._obey, host, port)
        return f"{host}:{self._control.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Hang up on everybody, listen no more."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()
        if self._control is not None:
            self._control.close()

    async def restart(self) -> None:
        """Go away without a word, stay away, come back to the same port with the same books."""
        self.restarts += 1
        await self._leave()
        await asyncio.sleep(self.manners.away_ms / 1000)
        self._server = await asyncio.start_server(self._serve, self._host, self.port, ssl=self.tls)

    async def _leave(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in tuple(self._peers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.add(writer)
        frames = FrameReader(FRAMING)
        try:
            while data := await reader.read(READ_SIZE):
                for body in frames.feed(data):
                    self._take(decode(body, PROFILE), writer)
        except (OSError, FrameError, WireError, asyncio.CancelledError):  # SSLError is an OSError
            writer.transport.abort()
        finally:
            self._peers.discard(writer)
            writer.close()

    def _take(self, asked: Fields, writer: asyncio.StreamWriter) -> None:
        if self.manners.silent or int(asked["t"][2]) & 1:
            return
        if asked["t"] == "0800":
            self.signed_on += asked.get("70") == "001"
            self._send(asked, "00", writer)
            return
        deed = deed_of(asked)
        self.fatality.passed(Step.RECEIVED, deed)
        key = identity(asked)
        self._times[key] = self._times.get(key, 0) + 1
        fate = fate_of(asked, self.manners, self._times[key])
        if fate.lost:
            return
        code = self.books.answer(asked, lambda step: self.fatality.passed(step, deed))
        self.questions += 1
        every = self.manners.restart_every
        if every and self.questions % every == 0:
            self._later(self.restart())
        if not fate.dropped:
            for _ in range(2 if fate.twice else 1):
                self._later(self._send_after(fate.delay_ms, asked, code, writer))

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_after(
        self, delay_ms: int, asked: Fields, code: str, writer: asyncio.StreamWriter
    ) -> None:
        if delay_ms:
            await asyncio.sleep(delay_ms / 1000)
        self._send(asked, code, writer)

    def _send(self, asked: Fields, code: str, writer: asyncio.StreamWriter) -> None:
        if not writer.is_closing():
            writer.write(wrap(encode(answer_to(asked, code), PROFILE), FRAMING))
            self.fatality.passed(Step.ANSWERED, deed_of(asked))

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                said = await self.obey(json.loads(line))
                writer.write(json.dumps(said).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, object]:
        """Carry one order out; what it answers."""
        match order:
            case {"do": "books"}:
                return self.books.summary()
            case {"do": "count"}:
                return {"questions": self.questions, "signed_on": self.signed_on}
            case {"do": "die", "at": str(where)}:
                self.fatality = Fatality(parse_death(where))
                return {"done": True}
            case {"do": "set", **wanted}:
                known = {k: v for k, v in wanted.items() if k in Manners.__struct_fields__}
                self.manners = replace(self.manners, **known)
                return {"done": len(known) == len(wanted)}
            case {"do": "restart"}:
                await self.restart()
                return {"done": True}
            case _:
                return {"done": False}


def answer_to(asked: Fields, code: str) -> Fields:
    """The answer's fields: what is echoed, the code, and an approval code with an approval."""
    mti = asked["t"]
    answer = {"t": f"{mti[:2]}{int(mti[2]) + 1}0", "39": code}
    answer |= {name: asked[name] for name in ECHOED if name in asked}
    if code == "00" and mti[:3] in ("010", "020"):
        answer["38"] = f"B{asked['11'][-5:]}"
    return answer


async def order(address: str, **what: Any) -> dict[str, Any]:
    """Give a bank's control port one order, from a test or a script."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(json.dumps(what).encode() + b"\n")
        said: dict[str, Any] = json.loads(await reader.readline())
        return said
    finally:
        writer.close()
