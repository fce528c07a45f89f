"""The load generator: a process of its own that only sends, matches and counts.

Frames are made before the clock starts. Closed loop: so many in flight, an answer makes room for
the next request. Open loop: a constant rate, latency counted from the scheduled instant, so that a
stall shows in every request that it delayed. Prints one JSON object.

It says how busy it was itself: beyond `BUSY_MAX` of a core it is the generator that was measured.
"""

import asyncio
import gc
import resource
import sys
from array import array
from collections import Counter, deque
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Final, cast

import msgspec
import uvloop
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from msgspec import Struct

from benchmarks.frames import Traffic, cards

BUSY_MAX: Final = 0.85
TICK_S: Final = 0.001
LOOK_S: Final = 0.01
DRAIN_S: Final = 5.0
CONNECT_AT_ONCE: Final = 200
CLOSED_LOOP_MAX: Final = 30_000
"""Frames a second that are made for a closed loop, unless `frames_max` says how many."""
LATENCY_MAX_US: Final = 60_000_000

# An answer as `ascii` writes it, after its two bytes of length: type, bitmap, then the fields.
_HEAD: Final = 2
_BITMAP: Final = slice(6, 22)
_ANSWER: Final = b"0210"
_WIDTHS: Final = {3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 15: 4, 37: 12, 38: 6, 39: 2}


class Order(Struct, frozen=True):
    """What to do. `rate` a second makes it an open loop; else `in_flight` requests are under way.

    Counting begins after `warm_up_s` and lasts `seconds`. `holders` and `cards` say how large the
    world is and how many of its cards are used; `idle` only connects.
    """

    host: str
    port: int
    run: int
    holders: int
    seconds: float
    warm_up_s: float = 2.0
    in_flight: int = 256
    connections: int = 16
    rate: float = 0.0
    frames_max: int = 0
    cards: int = 200_000
    merchants: int = 1_000
    first_card: int = 0
    amount_minor: int = 1
    hot_share: float = 0.0
    idle: bool = False


class Result(Struct, frozen=True):
    """What came of it; latencies are microseconds, of the answers within the counted time.

    `sent` and `codes` are of the whole run, so that they can be held against the books. `late_us`
    is how late the open loop was at worst, which is the generator's own doing.
    """

    seconds: float
    answers: int
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    sent: int
    unanswered: int
    strays: int
    codes: dict[str, int]
    cpu_s: float
    cpu_share: float
    bottleneck: bool
    ran_out: bool
    late_us: float
    histogram: str


def offsets(bitmap: bytes) -> tuple[int, int]:
    """Where RRN and response code stand in an answer with this bitmap, from the frame's start."""
    present = [n for n in range(2, 65) if int(bitmap, 16) >> (64 - n) & 1]
    place, found = _BITMAP.stop, {}
    for number in present:
        found[number] = place
        if number == 39:
            break
        if number == 2:
            place += 2 + 16
        elif number == 32:
            place += 2 + 5
        else:
            place += _WIDTHS[number]
    return found[37], found[39]


class Load:
    """One run: the frames, what was sent when, what came back."""

    def __init__(self, order: Order) -> None:
        """Make all frames now: nothing of that is to happen while the clock runs."""
        self.order = order
        traffic = Traffic(
            order.run,
            cards(order.cards, order.holders, order.first_card),
            order.merchants,
            order.hot_share,
            order.amount_minor,
        )
        wanted = order.frames_max
        if not wanted:
            rate = order.rate or CLOSED_LOOP_MAX
            wanted = int(rate * (order.warm_up_s + order.seconds)) + 1
        self.frames = [traffic.frame(number) for number in range(wanted)]
        self.sent_at = array("d", bytes(8 * wanted))
        self.next = 0
        self.codes: Counter[bytes] = Counter()
        self.took: list[float] = []
        self.strays = 0
        self.late_s = 0.0
        self.begin = self.end = self.last = 0.0
        self.idle: deque[Peer] = deque()
        self.places: dict[bytes, tuple[int, int]] = {}
        self.answered = 0

    def start_clock(self) -> None:
        """Counting begins after the warm-up."""
        self.begin = perf_counter() + self.order.warm_up_s
        self.end = self.begin + self.order.seconds

    def take(self, count: int, now: float) -> list[bytes]:
        """The next frames, as sent at `now`; fewer or none at the end."""
        first = self.next
        if now >= self.end:
            return []
        frames = self.frames[first : first + count]
        self.next = first + len(frames)
        for number in range(first, self.next):
            self.sent_at[number] = now
        return frames

    def answer(self, frame: bytes, start: int, now: float) -> bool:
        """Match the answer that begins at `start`; False where it is none of ours."""
        if frame[start + _HEAD : start + _HEAD + 4] != _ANSWER:
            return False
        bitmap = frame[start + _BITMAP.start : start + _BITMAP.stop]
        places = self.places.get(bitmap)
        if places is None:
            places = self.places[bitmap] = offsets(bitmap)
        rrn, code = start + places[0], start + places[1]
        number = int(frame[rrn + 4 : rrn + 12])
        sent_at = self.sent_at[number]
        if not sent_at:
            self.strays += 1
            return False
        self.sent_at[number] = 0.0
        self.answered += 1
        self.codes[frame[code : code + 2]] += 1
        if self.begin <= now < self.end:
            self.took.append(now - sent_at)
        return True


class Peer(asyncio.Protocol):
    """One connection; in the closed loop each answer makes it send the next request."""

    def __init__(self, load: Load) -> None:
        """All connections of a run share its frames."""
        self.load = load
        self.rest = b""
        self.transport: asyncio.Transport
        self.closed_loop = not load.order.rate
        self.rotate = load.order.connections > load.order.in_flight

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Match every whole answer in one go, then send as many requests in one write."""
        now = perf_counter()
        if self.rest:
            data = self.rest + data
        load, start, size, answers = self.load, 0, len(data), 0
        while start + _HEAD <= size:
            end = start + _HEAD + (data[start] << 8 | data[start + 1])
            if end > size:
                break
            answers += load.answer(data, start, now)
            start = end
        self.rest = data[start:]
        if answers and self.closed_loop:
            if self.rotate:
                self.pass_on(answers, now)
            else:
                self.send(load.take(answers, now))

    def send(self, frames: list[bytes]) -> None:
        """One write for all of them."""
        if frames:
            self.transport.write(b"".join(frames))

    def pass_on(self, answers: int, now: float) -> None:
        """More connections than requests under way: the one that was quiet longest is next."""
        waiting = self.load.idle
        for _ in range(answers):
            waiting.append(self)
            while (peer := waiting.popleft()).transport.is_closing():
                pass  # hung up on: another goes in its place
            peer.send(self.load.take(1, now))


async def connect(load: Load) -> list[Peer]:
    """Open the connections, some at a time: the engine's backlog has a bound."""
    loop, order = asyncio.get_running_loop(), load.order
    peers: list[Peer] = []
    while len(peers) < order.connections:
        count = min(CONNECT_AT_ONCE, order.connections - len(peers))
        opening = (
            loop.create_connection(lambda: Peer(load), order.host, order.port) for _ in range(count)
        )
        peers.extend(peer for _, peer in await asyncio.gather(*opening))
    return peers


async def closed_loop(load: Load, peers: list[Peer]) -> None:
    """Put the first requests under way and let the answers do the rest."""
    order = load.order
    if order.connections > order.in_flight:
        load.idle.extend(peers[order.in_flight :])
        peers = peers[: order.in_flight]
    share, more = divmod(order.in_flight, len(peers))
    for place, peer in enumerate(peers):
        peer.send(load.take(share + (place < more), perf_counter()))
    await _while(lambda: perf_counter() < load.end and load.next < len(load.frames))


def due(elapsed_s: float, rate: float) -> int:
    """How many requests should have left by now; the first leaves at once."""
    return int(elapsed_s * rate) + 1


async def open_loop(load: Load, peers: list[Peer]) -> None:
    """Send what is due at each tick, over the connections in turn."""
    rate, started = load.order.rate, perf_counter()
    while load.next < len(load.frames) and (now := perf_counter()) < load.end:
        upto = min(due(now - started, rate), len(load.frames))
        for number in range(load.next, upto):
            scheduled = started + number / rate
            load.late_s = max(load.late_s, now - scheduled)
            load.sent_at[number] = scheduled
            peers[number % len(peers)].transport.write(load.frames[number])
        load.next = upto
        await asyncio.sleep(TICK_S)


async def drained(load: Load) -> None:
    """Wait a while for the answers that are still under way."""
    until = perf_counter() + DRAIN_S
    await _while(lambda: load.answered < load.next and perf_counter() < until)


async def _while(going: Callable[[], bool]) -> None:
    """Look from time to time: the hot path has no event to set."""
    while going():  # noqa: ASYNC110 - an event for each answer would cost what is measured
        await asyncio.sleep(LOOK_S)


async def run(order: Order) -> Result:
    """Connect, load, drain, and look at what came back."""
    load = Load(order)
    peers = await connect(load)
    gc.collect()
    gc.freeze()
    gc.disable()
    load.start_clock()
    wall_s, cpu_s = perf_counter(), process_time()
    await (open_loop if order.rate else closed_loop)(load, peers)
    stopped = perf_counter()
    cpu_s = process_time() - cpu_s
    await drained(load)
    for peer in peers:
        peer.transport.close()
    return result_of(load, min(stopped, load.end) - load.begin, cpu_s, cpu_s / (stopped - wall_s))


async def stand_idle(order: Order) -> None:
    """Open the connections, say so, and keep them until standard input ends."""
    peers = await connect(Load(msgspec.structs.replace(order, frames_max=1)))
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for peer in peers:
        peer.transport.close()


def result_of(load: Load, seconds: float, cpu_s: float, cpu_share: float) -> Result:
    """Count and sort."""
    histogram = HdrHistogram(1, LATENCY_MAX_US, 3)
    for took in load.took:
        histogram.record_value(max(1, round(took * 1e6)))
    at = histogram.get_value_at_percentile
    return Result(
        seconds=seconds,
        answers=len(load.took),
        per_second=len(load.took) / seconds if seconds > 0 else 0.0,
        p50_us=at(50),
        p99_us=at(99),
        p999_us=at(99.9),
        max_us=histogram.get_max_value() if load.took else 0,
        sent=load.next,
        unanswered=load.next - load.answered,
        strays=load.strays,
        codes={code.decode(): count for code, count in sorted(load.codes.items())},
        cpu_s=cpu_s,
        cpu_share=cpu_share,
        bottleneck=cpu_share > BUSY_MAX,
        ran_out=not load.order.rate and load.next >= len(load.frames),
        late_us=load.late_s * 1e6,
        histogram=histogram.encode().decode(),
    )


def main() -> None:
    """Read the order from the command line, print the result."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if order.idle:
        uvloop.run(stand_idle(order))
        return
    sys.stdout.write(msgspec.json.encode(uvloop.run(run(order))).decode() + "\n")


if __name__ == "__main__":
    main()
