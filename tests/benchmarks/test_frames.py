"""The load generator's purchases, read back by pyiso8583."""

from datetime import datetime

import iso8583
from iso8583.specs import default_ascii

from benchmarks import world
from benchmarks.frames import STANS, Traffic, cards
from rules.geography import PARIS


def a_traffic(run: int = 7, hot_share: float = 0.0) -> Traffic:
    return Traffic(run, cards(10, 100), merchants=50, hot_share=hot_share)


def decoded(frame: bytes) -> dict[str, str]:
    assert int.from_bytes(frame[:2], "big") == len(frame) - 2
    fields, _ = iso8583.decode(frame[2:], default_ascii)
    return dict(fields)


def test_a_frame_is_a_purchase_of_one_cent_with_its_number_in_the_rrn() -> None:
    fields = decoded(a_traffic(7).frame(42))

    assert (fields["t"], fields["4"], fields["49"]) == ("0200", "000000000001", "978")
    assert fields["37"] == "000700000042"
    assert fields["11"] == "000042"
    assert fields["2"] in {world.pan(number) for number in range(100)}


def test_no_two_frames_of_two_runs_have_the_same_identity() -> None:
    identities = set()
    numbers = (0, 1, 9_999, 10_000, STANS - 1, STANS, STANS + 1, 2 * STANS)
    for run in (1, 2):
        for number in numbers:
            fields = decoded(a_traffic(run).frame(number))
            identities.add((fields["32"], fields["41"], fields["11"], fields["7"]))

    assert len(identities) == 2 * len(numbers)


def test_the_hot_share_goes_to_the_first_merchant() -> None:
    everything, nothing = a_traffic(hot_share=1.0), a_traffic()

    assert {decoded(everything.frame(n))["42"] for n in range(20)} == {world.mid(0)}
    assert len({decoded(nothing.frame(n))["42"] for n in range(20)}) > 1


def test_cards_are_spread_over_the_whole_world() -> None:
    few = cards(10, 1_000)

    assert few == [world.pan(number).encode() for number in range(0, 1_000, 100)]
    assert len(cards(10, 3)) == 3


def test_the_clock_of_the_worlds_is_that_of_the_frames() -> None:
    noon = datetime.fromisoformat(world.NOON).astimezone(PARIS)

    assert decoded(a_traffic().frame(0))["13"] == f"{noon:%m%d}"
    assert noon.isoweekday() == 2
