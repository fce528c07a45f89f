"""Question: what does it cost to make a request of a message, and an answer of an outcome?

The keyed digest of the card number and the two hashes of the identity are in it; shown apart.
"""

from datetime import UTC, date, datetime
from functools import partial
from typing import Final

from authz.iso8583.profiles import profile
from authz.outcomes import Outcome
from authz.pan import PanDigester
from authz.requests import Kind
from authz.translate import to_reply, to_request
from benchmarks import world
from benchmarks.frames import Traffic, cards
from benchmarks.timing import measure, report
from rules.decision import Reason

NOW: Final = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
DIGESTER: Final = PanDigester(bytes(range(32)), "benchmark")
APPROVED: Final = Outcome(
    Reason.APPROVED, 1, 1, 99_999, 2_499, "AB12CD", 7, 7, business_day=date(2026, 11, 24)
)


def main() -> None:
    """Check, then measure."""
    spoken = profile("ascii")
    message = spoken.codec.decode(Traffic(1, cards(1, 1), 1).frame(7)[2:])
    ask = partial(to_request, message, spoken, DIGESTER, NOW, 2.0)
    reply = partial(to_reply, message, APPROVED, spoken)
    if ask().kind is not Kind.PURCHASE or reply().fields[39] != "00":
        raise AssertionError("a purchase is asked and approved")
    report(
        "translate",
        measure("to a request", ask),
        measure("of which the card's digest", partial(DIGESTER.card_ref, world.pan(7))),
        measure("to an answer", reply),
    )


if __name__ == "__main__":
    main()
