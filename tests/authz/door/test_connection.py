"""One peer: every message is answered or refused, whatever it is and however it is cut."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from authz.access.rates import Buckets, Rate
from authz.door.connection import AT_OFFICE_MAX
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.outcomes import Outcome
from authz.wire.response_codes import RESPONSE_CODES
from rules.decision import Reason
from simulators.messages import Stamp, network, purchase, repeat, reversal
from simulators.wire import Fields
from tests.authz.iso8583.strategies import field_sets, mtis
from tests.authz.peers import LIMITS, Peer, Slow, SlowOffice
from tests.road.people import Setting, card, in_memory, terminal
from tests.road.road import instant

NOON = instant("2026-11-24T12:30:00+01:00")
PLAIN = Setting()
CODES = frozenset(RESPONSE_CODES.values())


def a_peer(**changes: Any) -> Peer:
    """A peer of an engine whose clock stands at noon."""
    return Peer(replace(in_memory(PLAIN), now=NOON), **changes)


def stamp(number: int) -> Stamp:
    return Stamp(f"{number:06d}", NOON, f"{number:012d}")


def buy(number: int = 1, amount_minor: int = 1250, **changes: Any) -> Fields:
    return purchase(card(PLAIN), terminal(), stamp(number), amount_minor, **changes)


def echo(number: int = 1, code: str = "301") -> Fields:
    return network("12345", stamp(number), code)


async def test_a_purchase_is_answered_with_the_peers_own_fields() -> None:
    question = buy()
    [answer] = await a_peer().ask(question)
    for name in ("2", "3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49"):
        assert answer[name] == question[name]
    assert (answer["t"], answer["39"]) == ("0210", "00")
    assert len(answer["38"]) == 6


async def test_an_equal_repeat_gets_equal_bytes() -> None:
    peer = a_peer()
    peer.send(peer.frame(buy()))
    await peer.settled()
    first = bytes(peer.transport.written)
    peer.send(peer.frame(repeat(buy())) + peer.frame(buy()))
    await peer.settled()
    assert bytes(peer.transport.written) == first * 3


async def test_a_known_key_with_another_content_is_a_conflict() -> None:
    peer = a_peer()
    answers = await peer.ask(buy(1, 1250), buy(1, 1300), repeat(buy(1, 1250)))
    assert [answer["39"] for answer in answers] == ["00", "94", "00"]
    assert "38" not in answers[1]


@pytest.mark.parametrize("code", ["001", "002", "301"])
async def test_network_messages_are_answered(code: str) -> None:
    [answer] = await a_peer().ask(echo(code=code))
    assert (answer["t"], answer["39"], answer["70"]) == ("0810", "00", code)


async def test_keep_alives_are_passed_over() -> None:
    peer = a_peer()
    peer.send(b"\x00\x00" * 5)
    assert len(await peer.ask(buy())) == 1
    peer.send(b"\x00")
    peer.send(b"\x00")
    await peer.settled()
    assert peer.answers() == []


@pytest.mark.parametrize("mti", ["0110", "0210", "0810", "0130", "0430"])
async def test_an_answer_of_a_peer_is_never_answered(mti: str) -> None:
    peer = a_peer()
    assert await peer.ask(buy() | {"t": mti, "39": "00"}) == []
    assert not peer.transport.closed


@pytest.mark.parametrize("mti", ["0110", "0210", "0810"])
async def test_a_broken_answer_of_a_peer_is_not_answered_either(mti: str) -> None:
    peer = a_peer()
    broken = peer.frame(buy() | {"t": mti}).replace(b"000000001250", b"00000000125X")
    peer.send(broken)
    await peer.settled()
    assert peer.answers() == []


@pytest.mark.parametrize("mti", ["0103", "0600", "1200", "0280", "0299"])
async def test_an_unknown_type_is_refused_and_the_line_stays(mti: str) -> None:
    peer = a_peer()
    answers = await peer.ask(buy(1) | {"t": mti}, buy(2))
    assert [answer["39"] for answer in answers if answer["t"] == "0210"] == ["00"]
    assert {answer["39"] for answer in answers if answer["t"] != "0210"} <= {"12"}
    assert not peer.transport.closed


async def test_a_broken_field_is_a_format_error_that_echoes_what_was_readable() -> None:
    peer = a_peer()
    peer.send(peer.frame(buy()).replace(b"000000001250", b"00000000125X"))
    await peer.settled()
    [answer] = peer.answers()
    assert answer["39"] == "30"
    assert (answer["11"], answer["41"]) == ("000001", terminal().terminal.ljust(8))
    assert "4" not in answer


@pytest.mark.parametrize(
    ("mti", "clean", "broken"),
    [
        ("0200", b"987654", b"98765A"),
        ("0800", b"987654", b"9876 4"),
        ("0420", b"987654", b"98 654"),
        ("0200", b"169999", b"1_9999"),
        ("0200", b"169999", b" 69999"),
        ("0200", b"169999", b"+69999"),
    ],
)
async def test_a_fault_before_the_stan_or_in_it_is_a_format_error_and_the_line_stays(
    mti: str, clean: bytes, broken: bytes
) -> None:
    peer = a_peer()
    frame = peer.frame(buy(987654) | {"t": mti})
    assert clean in frame
    peer.send(frame.replace(clean, broken, 1))
    await peer.settled()
    [answer] = peer.answers()
    assert answer["39"] == "30" and "11" not in answer
    assert not peer.transport.closed
    [answer] = await peer.ask(buy(2))
    assert answer["39"] == "00"


async def test_a_stream_that_cannot_be_followed_is_cut_after_what_was_whole() -> None:
    peer = a_peer()
    peer.send(peer.frame(buy()) + b"\xff\xff")
    await peer.settled()
    assert [answer["39"] for answer in peer.answers()] == ["00"]
    assert peer.transport.closed


async def test_a_message_without_a_readable_type_cuts_the_line() -> None:
    peer = a_peer()
    peer.send(b"\x00\x08ABCDEFGH")
    assert peer.transport.closed


async def test_what_comes_after_the_fault_is_not_read() -> None:
    peer = a_peer(batcher=Slow())
    peer.send(peer.frame(buy()) + b"\xff\xff")
    peer.send(peer.frame(buy(2)))
    assert not peer.transport.closed, "the first is not answered yet"


async def test_a_busy_peer_is_not_read_until_there_is_room() -> None:
    slow = Slow()
    peer = a_peer(batcher=slow)
    peer.send(b"".join(peer.frame(buy(n)) for n in range(1, 9)))
    assert not peer.transport.reading
    slow.waiting[0][1](Outcome(Reason.APPROVED, 1250, 1250, approval_code="ABCDEF"))
    assert peer.transport.reading


async def test_a_peer_that_is_being_drained_is_not_read_again() -> None:
    slow = Slow()
    peer = a_peer(batcher=slow)
    peer.send(b"".join(peer.frame(buy(n)) for n in range(1, 9)))
    peer.connection.stop_reading()
    for _, done in slow.waiting:
        done(Outcome(Reason.APPROVED, 1250, 1250, approval_code="ABCDEF"))
    assert not peer.transport.reading
    await asyncio.sleep(0)
    assert len(peer.answers()) == 8


async def test_a_silence_is_no_bytes_at_all() -> None:
    slow = Slow()
    peer = a_peer(batcher=slow)
    peer.send(peer.frame(repeat(buy())))
    slow.waiting[0][1](None)
    await asyncio.sleep(0)
    assert peer.answers() == []
    assert peer.metrics.silences == 1


async def test_a_peer_that_went_away_costs_nothing_but_its_answers() -> None:
    slow = Slow()
    peer = a_peer(batcher=slow)
    peer.send(peer.frame(buy()))
    peer.connection.connection_lost(None)
    assert peer.connections == set()
    slow.waiting[0][1](Outcome(Reason.APPROVED, 1250, 1250, approval_code="ABCDEF"))
    await asyncio.sleep(0)
    assert peer.answers() == []


async def test_a_peer_that_does_not_read_its_answers_is_cut_off() -> None:
    peer = a_peer()
    peer.connection.pause_writing()
    assert peer.transport.aborted


async def test_a_peer_that_poisons_repeatedly_is_shut_out() -> None:
    slow = Slow()
    peer = a_peer(batcher=slow)
    peer.send(b"".join(peer.frame(buy(n)) for n in range(1, 4)))
    for _, done in slow.waiting:
        assert not peer.transport.closed
        done(Outcome(Reason.SYSTEM, poison=True))
    assert peer.transport.closed
    assert [answer["39"] for answer in peer.answers()] == ["96"] * 3


async def test_a_terminal_that_asks_too_often_is_told_so_and_moves_nothing() -> None:
    peer = a_peer(rates=Buckets(Rate(0.001, 2), names_max=10))
    answers = await peer.ask(*(buy(number, 100) for number in range(1, 6)))
    assert [answer["39"] for answer in answers].count("00") == 2
    assert [answer["39"] for answer in answers].count("91") == 3
    assert {answer["11"] for answer in answers if answer["39"] == "00"} == {"000001", "000002"}
    assert peer.metrics.rate_refusals == {"terminal": 3}
    assert peer.metrics.answers[Reason.APPROVED] == 2


async def test_what_91_would_be_a_lie_to_is_never_refused_for_its_rate() -> None:
    peer = a_peer(rates=Buckets(Rate(0.001, 1), names_max=10))
    first = buy(1, 100)
    [paid] = await peer.ask(first)
    [refused] = await peer.ask(buy(2, 100))
    again = await peer.ask(repeat(first), *(reversal(first, stamp(n)) for n in (3, 4)))
    assert (paid["39"], refused["39"]) == ("00", "91")
    assert [answer["39"] for answer in again] == ["00"] * 3
    assert peer.metrics.rate_refusals == {"terminal": 1}


async def test_another_terminal_has_a_rate_of_its_own() -> None:
    peer = a_peer(rates=Buckets(Rate(0.001, 1), names_max=10))
    other = buy(2, 100) | {"41": "TERM0002"}
    answers = await peer.ask(buy(1, 100), other, buy(3, 100), other | {"11": "000004"})
    assert [answer["39"] for answer in sorted(answers, key=lambda a: a["11"])] == [
        "00", "00", "91", "91",
    ]  # fmt: skip


async def test_a_crowd_of_one_peer_at_the_office_is_small() -> None:
    """Others wait there for the same few SQL connections."""
    office = SlowOffice()
    peer = a_peer(office=office, limits=replace(LIMITS, in_flight_max=100))
    asked = [echo(n, "201") for n in range(1, AT_OFFICE_MAX + 3)]
    assert [answer["39"] for answer in await peer.ask(*asked)] == ["91", "91"]
    office.waiting.pop()(Outcome(Reason.APPROVED), {})
    assert await peer.ask(echo(50, "201")) != []
    assert len(office.waiting) == AT_OFFICE_MAX


async def test_answers_of_one_turn_leave_together() -> None:
    peer = a_peer()
    await peer.ask(*(buy(n, 100) for n in range(1, 6)))
    assert peer.transport.writes == 1


async def test_our_echo_is_a_message_that_peers_can_read() -> None:
    peer = a_peer()
    peer.connection.echo()
    peer.connection.echo()
    await peer.settled()
    assert [(each["t"], each["11"], each["70"]) for each in peer.answers()] == [
        ("0800", "000001", "301"),
        ("0800", "000002", "301"),
    ]


@given(st.lists(st.binary(max_size=300), max_size=6), st.sampled_from(["ascii", "bcd"]))
def test_any_bytes_are_answered_or_refused(pieces: list[bytes], name: str) -> None:
    async def arrive() -> Peer:
        peer = a_peer(profile_name=name)
        for piece in pieces:
            peer.send(piece)
        await peer.settled()
        return peer

    peer = asyncio.run(arrive())
    assert all(answer["39"] in CODES for answer in peer.answers())


@given(st.lists(st.binary(max_size=120), max_size=6))
def test_any_framed_bytes_are_answered_or_refused(bodies: list[bytes]) -> None:
    async def arrive() -> Peer:
        peer = a_peer()
        for body in bodies:
            peer.send(len(body).to_bytes(2, "big") + body)
        await peer.settled()
        return peer

    peer = asyncio.run(arrive())
    assert all(answer["39"] in CODES for answer in peer.answers())


@given(mtis, field_sets())
def test_any_message_of_the_codec_is_answered_or_refused(mti: str, fields: dict[int, str]) -> None:
    body = profile("ascii").codec.encode(Message(mti, fields))

    async def arrive() -> Peer:
        peer = a_peer()
        peer.send(len(body).to_bytes(2, "big") + body)
        await peer.settled()
        return peer

    peer = asyncio.run(arrive())
    answers = peer.answers()
    assert len(answers) <= 1
    assert all(answer["39"] in CODES and int(answer["t"][2]) % 2 for answer in answers)


amounts = st.integers(0, 999_999_999_999)
AMOUNT = st.one_of(st.integers(0, 6_000), amounts)
purchases = st.builds(
    lambda mti, amount, eligible, partial, entry, stan: (
        purchase(
            card(PLAIN),
            terminal(),
            stamp(stan),
            amount,
            eligible_minor=eligible,
            partial=partial,
            entry=entry,
        )
        | {"t": mti}
    ),
    st.sampled_from(["0100", "0101", "0200", "0201"]),
    AMOUNT,
    st.none() | AMOUNT,
    st.booleans(),
    st.sampled_from(["051", "071", "011", "812", "901"]),
    st.integers(1, 5),
)


@given(st.lists(purchases, min_size=1, max_size=6), st.sampled_from(["ascii", "bcd"]))
def test_every_valid_purchase_is_answered_with_a_code_of_the_table(
    asked: list[Fields], name: str
) -> None:
    async def ask() -> tuple[Peer, list[Fields]]:
        peer = a_peer(profile_name=name)
        return peer, await peer.ask(*asked)

    peer, answers = asyncio.run(ask())
    assert len(answers) == len(asked)
    # A refusal overtakes what waits in a batch; per type and STAN the order is kept.
    assert sorted(a["11"] for a in answers) == sorted(q["11"] for q in asked)
    assert all(answer["39"] in CODES for answer in answers)
    approved = [a for a in answers if a["39"] in ("00", "10")]
    assert all(len(a["38"]) == 6 for a in approved)
    spent = {a["38"]: int(a["4"]) for a in approved}
    assert sum(spent.values()) == sum(peer.store.debits().values()) <= 2_500


@given(st.lists(purchases, min_size=1, max_size=5), st.data())
def test_the_same_messages_cut_anywhere_get_the_same_answers(
    asked: list[Fields], data: st.DataObject
) -> None:
    async def ask(cuts: list[int]) -> list[Fields]:
        peer = a_peer()
        stream = b"".join(map(peer.frame, asked))
        places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
        for start, end in pairwise(places):
            peer.send(stream[start:end])
        await peer.settled()
        return peer.answers()

    cuts = data.draw(st.lists(st.integers(0, 5_000), max_size=12))

    def key(answer: Fields) -> list[tuple[str, str]]:
        return sorted(answer.items())

    assert sorted(map(key, asyncio.run(ask([])))) == sorted(map(key, asyncio.run(ask(cuts))))
