"""Question: what does it cost to make a request of a message, and an answer of an outcome?

The keyed digest of the card number and the two hashes of the identity are in it; shown apart. With
a tap DE55 is read and its cryptogram checked, a new counter every time, and the answer has one too.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from time import monotonic
from typing import Final

from msgspec.structs import replace

from authz.custody.keys import EmvMasterKey, KeyFile, PanDigestKey, Secret
from authz.custody.pan import PanDigester
from authz.door.policies import CryptogramPolicy
from authz.hsm.software import SoftwareModule
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.outcomes import Outcome
from authz.requests import Kind
from authz.wire.credential_check import CredentialCheck
from authz.wire.translate import to_reply, to_request
from benchmarks import world
from benchmarks.frames import Traffic, cards
from benchmarks.timing import measure, report
from rules.decision import Reason
from rules.facts import CryptogramCheck
from simulators.chips.chip import Asked, Chip
from simulators.messages import CardData

NOW: Final = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
DIGESTER: Final = PanDigester(bytes(range(32)), "benchmark")
APPROVED: Final = Outcome(
    Reason.APPROVED, 1, 1, 99_999, 2_499, "AB12CD", 7, 7, business_day=date(2026, 11, 24)
)


ISSUER: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
TAPS: Final = 500
GROUP: Final = 10


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
    check = _check()
    for cvn in (10, 18):
        tapped = _tapped(message, cvn)
        first = partial(to_request, tapped(), spoken, DIGESTER, NOW, 2.0, check)
        tap = first().tap
        if tap is None or tap.check is not CryptogramCheck.GOOD:
            raise AssertionError("the cryptogram is good")
        answered = partial(to_reply, message, replace(APPROVED, chip=tap.use), spoken, check)
        report(
            f"translate, with a tap of CVN {cvn}",
            measure("to a request", partial(_ask, tapped, check), samples=TAPS, group=GROUP),
            measure("the same tap again", first),
            measure("to an answer", answered),
        )


def _ask(message: Callable[[], Message], check: CredentialCheck) -> object:
    return to_request(message(), profile("ascii"), DIGESTER, NOW, 2.0, check)


def _check() -> CredentialCheck:
    keys = KeyFile(
        PanDigestKey("digest", Secret(bytes(32))),
        emv_master=(EmvMasterKey("999967", "cards", Secret(ISSUER)),),
    )
    module = SoftwareModule(keys, monotonic)
    return CredentialCheck("ascii", CryptogramPolicy.REQUIRE, module, DIGESTER)


def _tapped(message: Message, cvn: int) -> Callable[[], Message]:
    """The purchase with another tap every time, made before the clock runs."""
    fields = message.fields
    chip = Chip(CardData(fields[2], fields[14]), ISSUER, cvn)
    asked = Asked(int(fields[4]), NOW.date(), bytes(4))
    taps = [
        chip.tap(asked, bytes(2), verified=False).data({}) for _ in range((TAPS + 21) * GROUP + 1)
    ]
    numbers = count()
    return lambda: Message(message.mti, fields | {55: taps[next(numbers)]})


if __name__ == "__main__":
    main()
