"""Frames.

Question: what does one frame cost, cut out of a full socket read or wrapped for an answer?
Operations a second, median and 99th percentile, in microseconds.
"""

from functools import partial

from authz.iso8583.profiles import profile
from authz.wire.framing import FrameBuffer, framing, wrap
from benchmarks.timing import measure, report
from benchmarks.wire_samples import PURCHASE

FRAMES = 200


def feed_both(buffer: FrameBuffer, first: bytes, second: bytes) -> None:
    """Feed a frame in two pieces."""
    buffer.feed(first)
    buffer.feed(second)


def main() -> None:
    """Measure feeding many frames at once, one by one, in halves, and wrapping."""
    body = profile("ascii").codec.encode(PURCHASE)
    for name in ("2b", "4a-incl", "2b-tpdu"):
        chosen = framing(name)
        frame = wrap(chosen, body)
        many, half = frame * FRAMES, len(frame) // 2
        buffer = FrameBuffer(chosen)

        report(
            f"{name}, frames of {len(frame)} bytes, a frame",
            measure("one feed, one frame", partial(buffer.feed, frame)),
            measure(
                f"one feed, {FRAMES} frames",
                partial(buffer.feed, many),
                samples=300,
                group=2,
                items=FRAMES,
            ),
            measure("two feeds, one frame", partial(feed_both, buffer, frame[:half], frame[half:])),
            measure("wrap", partial(wrap, chosen, body)),
        )


if __name__ == "__main__":
    main()
