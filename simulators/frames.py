"""Frames as an acquirer sends them: a length header, perhaps a TPDU, a body.

Names as in the engine's `--listen ...,framing=NAME`: `2b` (two bytes, big-endian) or `4a` (four
ASCII digits), then `-incl` where the length counts itself, then `-tpdu` where five bytes lead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FRAME_SIZE_MAX: Final = 4_096
TPDU_SIZE: Final = 5
OUR_TPDU: Final = bytes.fromhex("6000010002")
"""Protocol id, destination 0001, source 0002: an answer must come back with both swapped."""

ANSWERING_TPDU: Final = OUR_TPDU[:1] + OUR_TPDU[3:] + OUR_TPDU[1:3]


class FrameError(Exception):
    """The peer's stream cannot be cut into frames; the text never quotes it."""


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to mark where a message ends."""

    digits: bool
    inclusive: bool
    tpdu: bool

    @property
    def header_size(self) -> int:
        """Bytes of the length header."""
        return 4 if self.digits else 2


def framing_of(name: str) -> Framing:
    """Read a framing's name; ValueError for one that does not exist."""
    base, *extras = name.split("-")
    wanted = [extra for extra in ("incl", "tpdu") if extra in extras]
    if base not in ("2b", "4a") or extras != wanted:
        raise ValueError(f"unknown framing {name!r}: 2b or 4a, then -incl, then -tpdu")
    return Framing(base == "4a", "incl" in extras, "tpdu" in extras)


def wrap(body: bytes, framing: Framing) -> bytes:
    """Make the frame of one message body."""
    inside = OUR_TPDU + body if framing.tpdu else body
    length = len(inside) + (framing.header_size if framing.inclusive else 0)
    if len(inside) > FRAME_SIZE_MAX:
        raise ValueError(f"a frame holds at most {FRAME_SIZE_MAX} bytes, not {len(inside)}")
    return (b"%04d" % length if framing.digits else length.to_bytes(2, "big")) + inside


class FrameReader:
    """Gathers bytes and gives out the bodies of whole frames; keep-alives are passed over."""

    def __init__(self, framing: Framing, expected_tpdu: bytes = ANSWERING_TPDU) -> None:
        """Start at the beginning of a stream, ours by default: its TPDUs must lead back to us."""
        self._framing, self._expected_tpdu = framing, expected_tpdu
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the bodies that are complete now. FrameError: a header that makes no sense."""
        self._buffer += data
        header = self._framing.header_size
        while len(self._buffer) >= header:
            end = header + self._length()
            if len(self._buffer) < end:
                return
            inside = bytes(self._buffer[header:end])
            del self._buffer[:end]
            if inside:
                yield self._body(inside)

    def _length(self) -> int:
        head = bytes(self._buffer[: self._framing.header_size])
        if self._framing.digits and not head.isdigit():
            raise FrameError("the length header is not made of digits")
        counted = int(head) if self._framing.digits else int.from_bytes(head, "big")
        length = counted - (len(head) if self._framing.inclusive and counted else 0)
        if not 0 <= length <= FRAME_SIZE_MAX:
            raise FrameError(f"a frame of {length} bytes")
        return length

    def _body(self, inside: bytes) -> bytes:
        if not self._framing.tpdu:
            return inside
        if inside[:TPDU_SIZE] != self._expected_tpdu:
            raise FrameError("the TPDU of an answer does not lead back to us")
        return inside[TPDU_SIZE:]
