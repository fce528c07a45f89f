"""Cut the byte stream of one peer into frames, and wrap bodies into frames.

A frame is a length header and that many bytes: `2b` two bytes big-endian, `4a` four ASCII digits.
With `-incl` the length counts its own header; with `-tpdu` the first five of the counted bytes are
a TPDU (one byte id, two bytes destination, two bytes source). A frame without a body is a
keep-alive: dropped here, never echoed.
"""

from typing import Any

from msgspec import Struct

FRAME_SIZE_MAX = 4096
TPDU_SIZE = 5
# For a message that we originate towards a peer that has not shown its addresses yet.
TPDU_NEUTRAL = bytes.fromhex("6000000000")


class Framing(Struct, frozen=True):
    """How one listener, or one link, marks where its frames begin and end."""

    name: str
    header_size: int
    digits: bool
    inclusive: bool
    tpdu: bool


class Frame(Struct, frozen=True, gc=False):
    """One message as it travelled; `tpdu` is empty where the framing has none."""

    body: bytes
    tpdu: bytes = b""

    def __repr__(self) -> str:
        """Sizes only: the body holds card data."""
        return f"Frame({len(self.body)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Sizes only for rich too: a Struct's own version would show the bytes."""
        return [("body_size", len(self.body))]


class FramingError(Exception):
    """The stream cannot be followed any longer: hang up.

    `frames` are those completed in the same feed before the fault; they still deserve an answer.
    """

    def __init__(self, why: str, frames: list[Frame] | None = None) -> None:
        """The text says what is wrong with the header and never quotes the stream."""
        super().__init__(why)
        self.frames = frames if frames is not None else []


def _framings() -> dict[str, Framing]:
    table = {}
    for base, header_size, digits in (("2b", 2, False), ("4a", 4, True)):
        for inclusive in (False, True):
            for tpdu in (False, True):
                name = base + "-incl" * inclusive + "-tpdu" * tpdu
                table[name] = Framing(name, header_size, digits, inclusive, tpdu)
    return table


FRAMINGS = _framings()


def framing(name: str) -> Framing:
    """Find a framing, what it adds named in any order; ValueError lists the names there are."""
    base, *added = name.split("-")
    try:
        return FRAMINGS["-".join((base, *sorted(added)))]
    except KeyError:
        raise ValueError(f"unknown framing {name!r}; choose among {', '.join(FRAMINGS)}") from None


class FrameBuffer:
    """Collect what one peer sends and hand out whole frames, however the stream was cut.

    Holds at most one incomplete frame, so never more than `frame_size_max` and a header.
    """

    def __init__(self, framing: Framing, frame_size_max: int = FRAME_SIZE_MAX) -> None:
        """`frame_size_max` bounds the bytes after the length header, TPDU included."""
        self._framing = framing
        self._frame_size_max = frame_size_max
        self._rest = b""

    @property
    def waiting(self) -> int:
        """Bytes of a frame that has begun and not ended: a read time-out may look at it."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames they complete. FramingError: the stream is lost for good."""
        stream = self._rest + data if self._rest else data
        header_size = self._framing.header_size
        frames: list[Frame] = []
        start = 0  # moves along one buffer: no copy of the remainder per frame
        try:
            while start + header_size <= len(stream):
                begin = start + header_size
                end = begin + self._size(stream[start:begin])
                if end > len(stream):
                    break
                if end > begin:
                    self._append(frames, stream[begin:end])
                start = end
        except FramingError as fault:
            self._rest = stream[start:]
            fault.frames = frames
            raise
        self._rest = stream[start:]
        return frames

    def _size(self, header: bytes) -> int:
        """Bytes that follow this header."""
        if not self._framing.digits:
            size = int.from_bytes(header, "big")
        elif header.isdigit():  # of bytes: ASCII 0 to 9 only, no sign, space or underscore
            size = int(header)
        else:
            raise FramingError("length header is not four digits")
        if self._framing.inclusive and size:  # a bare zero is a keep-alive here too
            size -= len(header)
        if size < 0:
            raise FramingError("length is shorter than its own header")
        if size > self._frame_size_max:
            raise FramingError(f"frame of {size} bytes, over the cap of {self._frame_size_max}")
        return size

    def _append(self, frames: list[Frame], content: bytes) -> None:
        if not self._framing.tpdu:
            frames.append(Frame(content))
        elif len(content) < TPDU_SIZE:
            raise FramingError("frame has no room for its TPDU")
        elif len(content) > TPDU_SIZE:
            frames.append(Frame(content[TPDU_SIZE:], content[:TPDU_SIZE]))


def answer_tpdu(tpdu: bytes) -> bytes:
    """The TPDU of the answer: source and destination swapped. Empty stays empty."""
    return tpdu[:1] + tpdu[3:5] + tpdu[1:3]


def wrap(framing: Framing, body: bytes, tpdu: bytes = b"") -> bytes:
    """Make a frame; `tpdu` is written as given (see `answer_tpdu`), neutral where one is missing.

    ValueError when the length does not fit its header: our own bug, since bodies are bounded.
    """
    content = (tpdu or TPDU_NEUTRAL) + body if framing.tpdu else body
    size = len(content) + framing.header_size * framing.inclusive
    if size > (9999 if framing.digits else 0xFFFF):
        raise ValueError(f"frame of {size} bytes does not fit the length header of {framing.name}")
    return (b"%04d" % size if framing.digits else size.to_bytes(2, "big")) + content
