"""The load generator of the HTTP door: a process of its own that pays online, and counts.

Closed loop: each kept-alive connection has one payment under way. Bodies, holder's proofs and keys
are made before the clock starts, so that what is measured is the service. Prints one JSON object,
a result as `loadgen` has it; `codes` are response codes, or the status where that is not 201.
"""

import asyncio
import sys
from array import array
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Final, cast

import msgspec
import uvloop
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from msgspec import Struct

from authz.custody.keys import Secret, read_key_file
from authz.gateway.proofs import Claim, make_proof
from benchmarks.loadgen import BUSY_MAX, LATENCY_MAX_US, Result
from benchmarks.world import ACQUIRER, EXPIRY, NOON, mid, pan

AMOUNT_MINOR: Final = 150
"""The least that is taken online (P-ONLINE-MIN): sixteen payments fill a holder's day."""
A_DAY: Final = 16
_CODE: Final = b'"response_code":"'


class Order(Struct, frozen=True):
    """What to do. Counting begins after `warm_up_s` and lasts `seconds`."""

    host: str
    port: int
    run: int
    keys: str
    api_key: str
    holders: int
    merchants: int
    seconds: float
    warm_up_s: float = 2.0
    connections: int = 64
    payments_max: int = 40_000


class Payer(asyncio.Protocol):
    """One connection: sends a payment, waits for its answer, sends the next."""

    def __init__(self, load: "Load") -> None:
        """`load` has the payments and takes the answers."""
        self._load = load
        self._sent_at = 0.0
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first payment goes when the clock starts."""
        self.transport = cast(asyncio.Transport, transport)

    def pay(self) -> None:
        """Send the next payment, if there is time for one."""
        self._sent_at = perf_counter()
        payment = self._load.take(self._sent_at)
        if payment is not None:
            self.transport.write(payment)

    def data_received(self, data: bytes) -> None:
        """Wait until the answer is whole: its length is in its head."""
        self._read += data
        head, found, body = bytes(self._read).partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._read.clear()
        self._load.answer(_code(head, body), self._sent_at, perf_counter())
        self.pay()


class Load:
    """All payments, made before; and what came of those that were sent."""

    def __init__(self, order: Order) -> None:
        """Make as many payments as could be needed."""
        named = read_key_file(Path(order.keys)).holder_proof
        assert named is not None, "a new key file has all keys"
        proof_key = named.key
        count = min(order.payments_max, order.holders * A_DAY)
        self.payments = [_payment(order, number, proof_key) for number in range(count)]
        self.order, self.next, self.answered = order, 0, 0
        self.codes: Counter[str] = Counter()
        self.took = array("d")
        self.begin = self.end = 0.0

    def start_clock(self) -> None:
        """From now on it counts, after the warm-up."""
        self.begin = perf_counter() + self.order.warm_up_s
        self.end = self.begin + self.order.seconds

    def take(self, now: float) -> bytes | None:
        """The next payment, or None when it is over."""
        if now >= self.end or self.next >= len(self.payments):
            return None
        self.next += 1
        return self.payments[self.next - 1]

    def answer(self, code: str, sent_at: float, now: float) -> None:
        """Count an answer; its latency, if it came within the counted time."""
        self.answered += 1
        self.codes[code] += 1
        if self.begin <= now < self.end:
            self.took.append(now - sent_at)


async def run(order: Order) -> Result:
    """Connect, pay, and look at what came back."""
    load, loop = Load(order), asyncio.get_running_loop()
    payers = [
        (await loop.create_connection(lambda: Payer(load), order.host, order.port))[1]
        for _ in range(order.connections)
    ]
    load.start_clock()
    wall_s, cpu_s = perf_counter(), process_time()
    for payer in payers:
        payer.pay()
    await asyncio.sleep(load.end - perf_counter())
    cpu_s, lasted_s = process_time() - cpu_s, perf_counter() - wall_s
    await asyncio.sleep(order.warm_up_s)  # what is under way comes back
    for payer in payers:
        payer.transport.close()
    return _result(load, cpu_s, cpu_s / lasted_s)


def _payment(order: Order, number: int, proof_key: Secret) -> bytes:
    """One POST, whole: every payment has a key, an order and a proof of its own."""
    holder, merchant = number % order.holders, mid(number % order.merchants)
    expires_at = datetime.fromisoformat(NOON).astimezone(UTC) + timedelta(hours=1)
    claim = Claim(f"acc-{holder:08d}", ACQUIRER, merchant, AMOUNT_MINOR, expires_at)
    body = msgspec.json.encode(
        {
            "credential": {"pan": pan(holder), "expiry": EXPIRY},
            "merchant": {"acquirer": ACQUIRER, "mid": merchant},
            "amount": AMOUNT_MINOR,
            "order_ref": f"R{order.run}-{number}",
            "authentication": make_proof(claim, proof_key),
        }
    )
    head = (
        f"POST /v1/authorizations HTTP/1.1\r\nHost: {order.host}:{order.port}\r\n"
        f"Authorization: Bearer {order.api_key}\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: r{order.run}-{number}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without its length")


def _code(head: bytes, body: bytes) -> str:
    status = head[9:12].decode()
    place = body.find(_CODE) + len(_CODE)
    return body[place : place + 2].decode() if status == "201" else f"HTTP {status}"


def _result(load: Load, cpu_s: float, cpu_share: float) -> Result:
    histogram = HdrHistogram(1, LATENCY_MAX_US, 3)
    for took in load.took:
        histogram.record_value(max(1, round(took * 1e6)))
    at = histogram.get_value_at_percentile
    return Result(
        seconds=load.order.seconds,
        answers=len(load.took),
        per_second=len(load.took) / load.order.seconds,
        p50_us=at(50),
        p99_us=at(99),
        p999_us=at(99.9),
        max_us=histogram.get_max_value() if load.took else 0,
        sent=load.next,
        unanswered=load.next - load.answered,
        strays=0,
        codes=dict(sorted(load.codes.items())),
        cpu_s=cpu_s,
        cpu_share=cpu_share,
        bottleneck=cpu_share > BUSY_MAX,
        ran_out=load.next >= len(load.payments),
        late_us=0.0,
        histogram=histogram.encode().decode(),
    )


if __name__ == "__main__":
    ordered = msgspec.json.decode(sys.argv[1], type=Order)
    sys.stdout.write(msgspec.json.encode(uvloop.run(run(ordered))).decode() + "\n")
