"""Writing a message.

Question: what does writing a message of twenty fields cost, beside pyiso8583 in one run?
Operations a second, median and 99th percentile, in microseconds.
"""

from functools import partial

import iso8583

from authz.iso8583.profiles import profile
from authz.iso8583.spec import SPECS
from benchmarks.timing import measure, report
from benchmarks.wire_samples import PROFILES, PURCHASE


def main() -> None:
    """Measure each profile."""
    for name in PROFILES:
        codec, spec = profile(name).codec, SPECS[name]
        body = codec.encode(PURCHASE)
        document = {"t": PURCHASE.mti, **{str(n): v for n, v in PURCHASE.fields.items()}}
        if name == "bcd":  # pyiso8583 takes the separator as its nibble
            document["35"] = document["35"].replace("=", "D")
        theirs, _ = iso8583.encode(document, spec)
        if bytes(theirs) != body:
            raise AssertionError("the two do not write the same")
        report(
            f"encode {name}, {len(PURCHASE.fields)} fields, {len(body)} bytes",
            measure("ours", partial(codec.encode, PURCHASE)),
            measure("pyiso8583", partial(iso8583.encode, document, spec), samples=500),
        )


if __name__ == "__main__":
    main()
