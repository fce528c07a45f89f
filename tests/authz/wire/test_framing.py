"""Frames come out whole, however the stream was cut, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.wire.framing import (
    FRAMINGS,
    TPDU_NEUTRAL,
    Frame,
    FrameBuffer,
    FramingError,
    answer_tpdu,
    framing,
    wrap,
)

TPDU = bytes.fromhex("6000120034")
bodies = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


def tpdu_of(name: str) -> bytes:
    return TPDU if framing(name).tpdu else b""


def fed(name: str, *pieces: bytes, frame_size_max: int = 4096) -> list[Frame]:
    buffer = FrameBuffer(framing(name), frame_size_max)
    return [frame for piece in pieces for frame in buffer.feed(piece)]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("2b", "0003"),
        ("2b-incl", "0005"),
        ("2b-tpdu", "0008"),
        ("2b-incl-tpdu", "000A"),
        ("4a", "30303033"),
        ("4a-incl", "30303037"),
        ("4a-tpdu", "30303038"),
        ("4a-incl-tpdu", "30303132"),
    ],
)
def test_each_framing_counts_what_its_name_says(name: str, header: str) -> None:
    wire = wrap(framing(name), b"abc", tpdu_of(name))
    assert wire == bytes.fromhex(header) + tpdu_of(name) + b"abc"
    assert fed(name, wire) == [Frame(b"abc", tpdu_of(name))]


@pytest.mark.parametrize("base", ["2b", "4a"])
def test_what_a_framing_adds_may_be_named_in_any_order(base: str) -> None:
    assert framing(f"{base}-tpdu-incl") is FRAMINGS[f"{base}-incl-tpdu"]


@pytest.mark.parametrize("name", ["2b-incl-incl", "2b-", "tpdu-2b", "", "3b"])
def test_what_is_no_framing_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match="choose among 2b, 2b-tpdu, "):
        framing(name)


def test_every_framing_is_tried_above() -> None:
    assert len(FRAMINGS) == 8


@given(name=st.sampled_from(sorted(FRAMINGS)), sent=bodies, data=st.data())
def test_any_cutting_of_the_stream_gives_the_same_frames(
    name: str, sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(wrap(framing(name), body, tpdu_of(name)) for body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    expected = [Frame(body, tpdu_of(name)) for body in sent]
    assert fed(name, *pieces) == expected
    assert fed(name, *(bytes([byte]) for byte in stream)) == expected


@given(name=st.sampled_from(sorted(FRAMINGS)), stream=st.binary(max_size=200), cut=st.integers(0))
def test_any_bytes_give_the_same_frames_and_the_same_end_in_one_piece_or_two(
    name: str, stream: bytes, cut: int
) -> None:
    def outcome(*pieces: bytes) -> tuple[list[Frame], str]:
        buffer, frames = FrameBuffer(framing(name), 100), list[Frame]()
        try:
            for piece in pieces:
                frames += buffer.feed(piece)
        except FramingError as fault:
            return frames + fault.frames, str(fault)
        return frames, f"{buffer.waiting} waiting"

    cut %= len(stream) + 1
    assert outcome(stream) == outcome(stream[:cut], stream[cut:])


@pytest.mark.parametrize("name", ["2b", "4a", "2b-tpdu", "2b-incl", "4a-incl-tpdu"])
def test_frames_without_a_body_are_keep_alives_and_dropped(name: str) -> None:
    keep_alive = wrap(framing(name), b"", tpdu_of(name))
    body = wrap(framing(name), b"x", tpdu_of(name))
    assert fed(name, keep_alive * 3 + body + keep_alive) == [Frame(b"x", tpdu_of(name))]


def test_a_bare_zero_is_a_keep_alive_even_where_lengths_include_themselves() -> None:
    assert fed("2b-incl", b"\0\0\0\x03x") == [Frame(b"x")]


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("4a", b" 003abc"),
        ("4a", b"+003abc"),
        ("4a", b"0_03abc"),
        ("4a", b"00\xb33abc"),
        ("4a", b"0x03abc"),
        ("2b-incl", b"\0\x01"),
        ("4a-incl", b"0003"),
        ("2b-tpdu", b"\0\x04abcd"),
        ("2b", b"\x10\x01"),
        ("4a", b"4097"),
    ],
)
def test_a_header_that_cannot_be_followed_ends_the_stream(name: str, stream: bytes) -> None:
    buffer = FrameBuffer(framing(name))
    with pytest.raises(FramingError):
        buffer.feed(stream)
    with pytest.raises(FramingError):  # and it stays ended
        buffer.feed(b"")


def test_the_cap_is_allowed_and_one_more_is_not() -> None:
    assert len(fed("2b", wrap(framing("2b"), b"x" * 10), frame_size_max=10)) == 1
    with pytest.raises(FramingError, match="cap of 10"):
        fed("2b", wrap(framing("2b"), b"x" * 11), frame_size_max=10)


def test_the_frames_before_a_fault_are_not_lost() -> None:
    with pytest.raises(FramingError) as caught:
        fed("4a", b"0002ab0001cjunk")
    assert caught.value.frames == [Frame(b"ab"), Frame(b"c")]


def test_the_fault_does_not_quote_the_stream() -> None:
    with pytest.raises(FramingError) as caught:
        fed("4a", b"9999670000000012")
    assert "9996" not in str(caught.value)


def test_a_body_too_long_for_its_header_is_our_bug() -> None:
    with pytest.raises(ValueError, match="10000"):
        wrap(framing("4a"), b"x" * 10_000)
    with pytest.raises(ValueError, match="65536"):
        wrap(framing("2b"), b"x" * 65_536)


def test_the_answer_goes_back_where_the_request_came_from() -> None:
    assert answer_tpdu(bytes.fromhex("6000120034")) == bytes.fromhex("6000340012")
    assert answer_tpdu(b"") == b""


def test_a_message_of_ours_to_an_unknown_address_has_a_neutral_tpdu() -> None:
    assert fed("2b-tpdu", wrap(framing("2b-tpdu"), b"x")) == [Frame(b"x", TPDU_NEUTRAL)]


def test_an_unknown_framing_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"'3b'.*2b-incl-tpdu.*4a"):
        framing("3b")


def test_a_frame_prints_its_size_and_not_its_bytes() -> None:
    assert repr(Frame(b"9999670000000012")) == "Frame(16 bytes)"
    assert "9999" not in str(Frame(b"9999670000000012").__rich_repr__())


def test_a_large_feed_takes_linear_work() -> None:
    # Counted, not timed: every byte is copied once into its frame, none is carried along.
    class Counting(bytes):
        copied = 0

        def __getitem__(self, key):  # type: ignore[no-untyped-def]
            piece = super().__getitem__(key)
            Counting.copied += len(piece)
            return piece

    stream = wrap(framing("2b"), b"x" * 50) * 2_000
    assert len(FrameBuffer(framing("2b")).feed(Counting(stream))) == 2_000
    assert Counting.copied <= len(stream)
