"""Reading a message.

Question: what does reading a message of twenty fields cost, beside pyiso8583 in one run?
Operations a second, median and 99th percentile, in microseconds.
"""

from functools import partial

import iso8583

from authz.iso8583.codec import Codec, DecodeError
from authz.iso8583.profiles import profile
from authz.iso8583.spec import SPECS
from benchmarks.timing import measure, report
from benchmarks.wire_samples import PROFILES, PURCHASE


def refuse(codec: Codec, body: bytes) -> None:
    """Read a message that is broken, which takes the slow way."""
    try:
        codec.decode(body)
    except DecodeError:
        return
    raise AssertionError("a broken message was read")


def main() -> None:
    """Measure each profile, and a refusal in the first."""
    for name in PROFILES:
        codec, spec = profile(name).codec, SPECS[name]
        body = codec.encode(PURCHASE)
        timings = [
            measure("ours", partial(codec.decode, body)),
            measure("pyiso8583", partial(iso8583.decode, body, spec), samples=500),
        ]
        if name == "ascii":
            broken = body.replace(b"000000001250", b"00000000125O")
            timings.append(measure("ours, refused", partial(refuse, codec, broken)))
        report(f"decode {name}, {len(PURCHASE.fields)} fields, {len(body)} bytes", *timings)


if __name__ == "__main__":
    main()
