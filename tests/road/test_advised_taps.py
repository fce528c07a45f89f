"""What chips say beside an advice: it happened, whatever they said (ADV-01)."""

import pytest

from authz.wire.elements import Untranslatable
from tests.road.till import Till

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.mark.parametrize(
    ("results", "said"), [(0x80, "00"), (0x90, "40"), (0x60, "40"), (0xA0, "80")]
)
def test_an_advice_is_posted_whatever_the_chip_decided(results: int, said: str) -> None:
    """9F27: it declines, approves by itself, asks its issuer."""
    till = Till()
    till.chip.results = results
    advice = till.asks(500, till.chip.tap(500, 1, {"9F27": said})) | {"t": "0120"}
    assert till.says(advice)["39"] == "00" and till.road.store.movements


@pytest.mark.parametrize(
    ("was", "now", "beside"),
    [
        ("9A03261124", "", {}),
        ("9F10070601120", "9F1007060112F", {}),
        ("", "", {"de23": "107"}),
        ("", "", {"de23": "001"}),
    ],
    ids=["an object missing", "no results", "no such number", "another number"],
)
def test_an_advice_is_posted_though_nobody_can_read_its_chip(
    was: str, now: str, beside: dict[str, str]
) -> None:
    """What asks first is refused for the same."""
    till = Till()
    data = till.chip.tap(500, 1, {"5F34": "00"})
    assert was in data
    advice = till.asks(500, data.replace(was, now), **beside) | {"t": "0120"}
    assert till.says(advice)["39"] == "00" and till.road.store.movements
    assert till.road.store.state.holders[1].counters == ()
    with pytest.raises(Untranslatable):
        till.code(500, data.replace(was, now), **beside)


def test_an_advice_is_never_declined_for_its_use_of_the_chip() -> None:
    till = Till()
    assert till.code(100, till.chip.tap(100, 9)) == "00"
    advice = till.asks(500, till.chip.tap(500, 9)) | {"t": "0120"}
    answer = till.says(advice)
    assert answer["39"] == "00" and "55" not in answer
    later = till.asks(500, till.chip.tap(500, 12)) | {"t": "0120"}
    assert till.says(later)["39"] == "00"
    assert till.code(100, till.chip.tap(100, 12)) == "82"
    assert till.code(100, till.chip.tap(100, 11)) == "00"
