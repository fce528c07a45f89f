"""A small world and a small host, for the tests of the simulators alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from simulators.frames import ANSWERING_TPDU, OUR_TPDU, FrameReader, framing_of
from simulators.traffic import luhn
from simulators.wire import Fields, decode, encode, profile_of

Answerer = Callable[[Fields], Fields | None]
ECHOED = ("2", "3", "4", "7", "11", "12", "13", "32", "33", "37", "41", "42", "49", "70")


def pan_of(bin_number: str, serial: int) -> str:
    """A valid number of a test range."""
    digits = f"{bin_number}{serial:09d}"
    return digits + luhn(digits)


def world_json(people: int = 40, phones: int = 10, blocked: int = 2) -> bytes:
    """A world of one card each; the last ones are blocked, the first have phones."""
    accounts = [{"id": f"acc-{i}", "person": f"per-{i}"} for i in range(people)]
    cards = [
        {
            "id": f"card-{i}",
            "account": f"acc-{i}",
            "pan": pan_of("999967", i),
            "expiry": "2912",
            "psn": "00",
            "status": "BLOCKED" if i >= people - blocked else "ACTIVE",
        }
        for i in range(people)
    ]
    tokens = [
        {"card": f"card-{i}", "dpan": pan_of("999979", i), "expiry": "2912", "status": "ACTIVE"}
        for i in range(phones)
    ]
    merchants = [
        _merchant(1, "Chez Paul", "restaurant", "5812"),
        _merchant(2, "Grand Marché", "shop", "5411"),
        _merchant(3, "Au Bon Pain", "shop", "5462"),
        _merchant(4, "Bistro du Coin", "restaurant", "5812") | {"acquirer": "67890"},
    ]
    parts = {"accounts": accounts, "cards": cards, "tokens": tokens, "merchants": merchants}
    return msgspec.json.encode(parts)


def _merchant(number: int, name: str, kind: str, mcc: str) -> dict[str, object]:
    mid = f"MERCH{number:010d}"
    return {"acquirer": "12345", "mid": mid, "name": name, "class": kind, "mcc": mcc}


def approve(question: Fields) -> Fields | None:
    """Say yes to everything."""
    answer = {name: question[name] for name in ECHOED if name in question}
    answer |= {"t": f"{question['t'][:2]}{int(question['t'][2]) + 1}0", "39": "00"}
    if question["t"][:2] != "08":
        answer["38"] = f"{int(question['11']) % 1_000_000:06d}"
    return answer


class Host:
    """A host that answers with a function; keeps what it was asked."""

    def __init__(self, answerer: Answerer, profile: str, framing: str | None) -> None:
        self._answerer, self._profile = answerer, profile_of(profile)
        self._framing = framing_of(framing or self._profile.framing)
        self.asked: list[Fields] = []
        self.connections = 0
        self.address = ""
        self._peers: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = asyncio.create_task(self._answer_all(reader, writer))
        # Not in the task: one that is cancelled before its first step would close nothing.
        peer.add_done_callback(lambda _: writer.close())
        self._peers.add(peer)

    async def close(self) -> None:
        """Hang up on everybody; a fault of an answerer was meant."""
        for peer in self._peers:
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)
        # Their transports close in the loop's next turns, and the loop may be at its end.
        await asyncio.sleep(0.02)

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(self._framing, expected_tpdu=OUR_TPDU)
        while data := await reader.read(65_536):
            for body in frames.feed(data):
                question = decode(body, self._profile)
                self.asked.append(question)
                answer = self._answerer(question)
                if answer is not None:
                    writer.write(self._wrapped(encode(answer, self._profile)))

    def _wrapped(self, body: bytes) -> bytes:
        tpdu = ANSWERING_TPDU if self._framing.tpdu else b""
        inside = tpdu + body
        length = len(inside) + (self._framing.header_size if self._framing.inclusive else 0)
        head = b"%04d" % length if self._framing.digits else length.to_bytes(2, "big")
        return head + inside


@asynccontextmanager
async def hosted(
    answerer: Answerer = approve, profile: str = "ascii", framing: str | None = None
) -> AsyncIterator[Host]:
    """Run a host on an ephemeral port."""
    host = Host(answerer, profile, framing)
    server = await asyncio.start_server(host.accept, "127.0.0.1", 0)
    name, port = server.sockets[0].getsockname()[:2]
    host.address = f"{name}:{port}"
    try:
        yield host
    finally:
        # Who was accepted just now must come in first: a closed server would drop the socket open.
        await asyncio.sleep(0.02)
        server.close()
        await host.close()
