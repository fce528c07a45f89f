"""A connection without a network: what a peer sends goes in by hand, what it gets is kept.

Behind it the real batcher, engine and rules, on a store in memory.
"""

import asyncio
from typing import Any, Final, cast

from authz.access.rates import Buckets
from authz.batch.batcher import Batcher, BatchLimits
from authz.batch.batches import Done
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.door.connection import Connection, Desk, Limits
from authz.door.hosts import Hosts
from authz.door.office import Done as OfficeDone
from authz.door.office import Office
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.metrics import Metrics
from authz.requests import Request
from authz.state import State
from authz.wire.framing import framing
from simulators import wire
from simulators.frames import FrameReader, framing_of, wrap
from simulators.wire import Fields
from tests.authz.builders import BOOKS, numbers
from tests.authz.memory_store import MemoryStore
from tests.road.people import DIGESTER

LIMITS: Final = Limits(
    frame_size_max=4_096, in_flight_max=8, poison_max=3, decision_deadline_s=60.0
)


class Wire(asyncio.Transport):
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.writes = 0
        self.reading = True
        self.closed = False
        self.aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data
        self.writes += 1

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


class NoOffice:
    """Nobody who reconciles or cuts over."""

    def serves(self, message: Message) -> bool:
        return False

    async def drained(self) -> None:
        pass


class SlowOffice:
    """An office that serves whatever comes, when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[OfficeDone] = []

    def serves(self, message: Message) -> bool:
        return True

    def submit(self, message: Message, profile: str, deadline_s: float, done: OfficeDone) -> None:
        self.waiting.append(done)


class Slow:
    """A batcher that answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Request, Done]] = []

    def submit(self, request: Request, done: Done) -> None:
        self.waiting.append((request, done))


class Peer:
    """One connected peer, its connection and all that is behind it."""

    def __init__(
        self,
        state: State,
        batcher: Slow | None = None,
        profile_name: str = "ascii",
        limits: Limits = LIMITS,
        framing_name: str | None = None,
        rates: Buckets | None = None,
        office: "SlowOffice | None" = None,
        acquirers: frozenset[str] = frozenset(),
        hosts: Hosts | None = None,
    ) -> None:
        self.store = MemoryStore(state)
        self.metrics = Metrics()
        self._wire = wire.profile_of(profile_name)
        name = framing_name or self._wire.framing
        self._framing = framing_of(name)
        self._frames = FrameReader(self._framing)
        engine = Engine(self.store.as_store(), BOOKS, numbers(), self.metrics)
        room = BatchLimits(lanes=2, batch_size_max=64, waiting_max=100, repeats_reserved=10)
        self.batcher = Batcher(engine.run, Directory(known_max=0), room)
        self.connections: set[Connection] = set()
        desk = Desk(
            profile(profile_name),
            framing(name),
            cast(Batcher, batcher or self.batcher),
            cast(Office, office or NoOffice()),
            DIGESTER,
            self.metrics,
            limits,
            self.connections,
            hosts or Hosts(1_000, 1_000),
            acquirers,
            rates=rates,
        )
        self.connection = Connection(desk)
        self.transport = Wire()
        self.connection.connection_made(self.transport)

    def frame(self, question: Fields) -> bytes:
        """The bytes of a question."""
        return wrap(wire.encode(question, self._wire), self._framing)

    def send(self, data: bytes) -> None:
        """Bytes arrive, unless nobody reads any more."""
        if not self.transport.closed:
            self.connection.data_received(data)

    async def settled(self) -> None:
        """Everything that was taken in is answered, and every answer is on the wire."""
        await self.batcher.drained()
        await asyncio.sleep(0)  # answers leave at the end of the loop's turn

    def answers(self) -> list[Fields]:
        """All answers since the last look, read by pyiso8583."""
        written = bytes(self.transport.written)
        self.transport.written.clear()
        return [wire.decode(body, self._wire) for body in self._frames.feed(written)]

    async def ask(self, *questions: Fields) -> list[Fields]:
        """Questions in one go, and their answers."""
        self.send(b"".join(map(self.frame, questions)))
        await self.settled()
        return self.answers()
