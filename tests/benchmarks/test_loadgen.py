"""What the load generator counts, against a peer that answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import iso8583
import pytest
from iso8583.specs import default_ascii

from benchmarks.loadgen import Load, Order, Peer, due, offsets, run

ECHOED = ("2", "3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49")
Answers = Callable[[list[bytes]], list[bytes]]


def an_answer(asked: bytes, code: str = "00", **more: str) -> bytes:
    """The answer to a framed request, by pyiso8583."""
    fields, _ = iso8583.decode(asked[2:], default_ascii)
    reply = {"t": "0210", "39": code} | {n: fields[n] for n in ECHOED}
    reply |= {name.removeprefix("de"): value for name, value in more.items()}
    body, _ = iso8583.encode(reply, default_ascii)
    return len(body).to_bytes(2, "big") + bytes(body)


def an_order(port: int = 0, **more: object) -> Order:
    fields = {"seconds": 0.2, "warm_up_s": 0.05, "connections": 2, "in_flight": 6} | more
    return Order("127.0.0.1", port, 3, 20, merchants=2, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more", [{}, {"de38": "AB12CD"}, {"de15": "1124"}, {"de15": "1124", "de38": "AB12CD"}]
)
def test_reference_and_code_are_found_whatever_else_is_answered(more: dict[str, str]) -> None:
    load = Load(an_order(frames_max=4))
    frame = an_answer(load.frames[2], "51", **more)
    rrn, code = offsets(frame[6:22])

    assert frame[rrn : rrn + 12] == b"000300000002"
    assert frame[code : code + 2] == b"51"


def test_answers_are_matched_in_any_order_and_once() -> None:
    load = Load(an_order(frames_max=3))
    load.start_clock()
    load.take(3, 1.0)

    assert load.answer(an_answer(load.frames[2], "51"), 0, 1.5)
    assert load.answer(b"xx" + an_answer(load.frames[0]), 2, 1.5)
    assert not load.answer(an_answer(load.frames[2], "51"), 0, 1.6)
    assert (load.answered, load.strays) == (2, 1)
    assert load.codes == {b"51": 1, b"00": 1}


def test_only_answers_within_the_counted_time_are_timed() -> None:
    load = Load(an_order(frames_max=3))
    load.begin, load.end = 10.0, 20.0
    load.take(3, 9.0)

    for number, now in enumerate((9.5, 12.0, 20.0)):
        load.answer(an_answer(load.frames[number]), 0, now)

    assert load.took == [3.0]
    assert load.answered == 3


def test_a_request_of_the_engine_is_no_answer() -> None:
    load = Load(an_order(frames_max=1))
    echo, _ = iso8583.encode({"t": "0800", "11": "000001", "70": "301"}, default_ascii)

    assert not load.answer(len(echo).to_bytes(2, "big") + bytes(echo), 0, 1.0)
    assert load.strays == 0


@pytest.mark.parametrize("cut", [1, 2, 30, 200])
def test_an_answer_that_comes_in_pieces_is_one_answer(cut: int) -> None:
    load = Load(an_order(rate=100.0))
    load.start_clock()
    load.take(2, 1.0)
    peer = Peer(load)
    stream = b"".join(an_answer(frame) for frame in load.frames[:2])

    peer.data_received(stream[:cut])
    peer.data_received(stream[cut:])

    assert (load.answered, load.strays, peer.rest) == (2, 0, b"")


def test_an_open_loop_owes_what_its_rate_says() -> None:
    assert [due(elapsed_s, 100.0) for elapsed_s in (0.0, 0.005, 0.01, 1.0)] == [1, 1, 2, 101]


@asynccontextmanager
async def a_peer(answers: Answers) -> AsyncIterator[int]:
    """A server that answers what came in one read, in pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(4_096):
            asked, rest = _cut(rest + data)
            whole = b"".join(answers(asked))
            writer.write(whole[:100])
            await writer.drain()
            writer.write(whole[100:])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def _cut(stream: bytes) -> tuple[list[bytes], bytes]:
    frames = []
    while len(stream) >= 2 and len(stream) >= 2 + (size := int.from_bytes(stream[:2], "big")):
        frames.append(stream[: 2 + size])
        stream = stream[2 + size :]
    return frames, stream


def backwards(asked: list[bytes]) -> list[bytes]:
    """Out of order, every fifth declined."""
    return [
        an_answer(frame, "51" if int(frame[:66][-1:]) % 5 == 0 else "00")
        for frame in reversed(asked)
    ]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"connections": 1, "in_flight": 4},
        {"connections": 9, "in_flight": 3},
        {"rate": 400.0},
    ],
)
async def test_every_request_is_answered_and_counted_once(more: dict[str, object]) -> None:
    async with a_peer(backwards) as port:
        result = await run(an_order(port, frames_max=2_000, **more))

    assert result.sent > 0
    assert sum(result.codes.values()) == result.sent
    assert (result.unanswered, result.strays) == (0, 0)
    assert result.answers <= result.sent


async def test_the_open_loop_sends_what_its_rate_says() -> None:
    async with a_peer(backwards) as port:
        result = await run(an_order(port, rate=200.0))

    assert result.sent <= 200 * 0.25 + 1
    assert not result.ran_out


async def test_a_closed_loop_that_runs_out_of_frames_says_so() -> None:
    async with a_peer(backwards) as port:
        result = await run(an_order(port, frames_max=8, seconds=5.0))

    assert result.ran_out
    assert result.sent == 8
