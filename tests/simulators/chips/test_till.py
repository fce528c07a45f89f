"""A till pays by the chip: PIN on demand under the same cryptogram, no answer taken on trust."""

from collections.abc import Callable

import pytest

from simulators.chips import tlv
from simulators.chips.manner import CONTACT, PHONE, PHONE_ALONE, TOUCH, Manner
from simulators.chips.till import Paid, Purse, Sending, pay
from simulators.journal import Journal
from simulators.link import Link
from simulators.messages import NO_PIN, CardData, Pin, TerminalData, purchase
from simulators.terminal import Stamps, Terminal
from simulators.wire import Fields
from tests.simulators.chips.issuers import (
    WARNS,
    careful,
    format_of,
    is_right,
    pin_in,
    some_drawer,
    with_proof,
)
from tests.simulators.worlds import approve, hosted

pytestmark = pytest.mark.filterwarnings(WARNS)
PLACE = TerminalData("12345", "TERM0001", "MERCH0000000001")
CARDS = tuple(CardData(pan, "2912", "00") for pan in ("9999670000000012", "9999670000000020"))
"""One of each version."""
SENDING = Sending()
PIN = Pin("4826")


async def paid(
    answerer: Callable[[Fields], Fields | None],
    card: CardData = CARDS[0],
    manner: Manner = TOUCH,
    pin: Pin = NO_PIN,
    first_stan: int = 1,
    times: int = 1,
) -> tuple[list[Paid], list[Fields]]:
    stamps, drawer, results = Stamps(first_stan), some_drawer(), []
    async with hosted(answerer) as host, Link(host.address) as link:
        till = Terminal(link, Journal(), 0.3)
        for _ in range(times):
            stamp = stamps.next()
            question = purchase(card, PLACE, stamp, 1_250, entry=manner.entry)
            results.append(await pay(till, question, stamp, Purse(drawer, manner, pin), SENDING))
    return results, host.asked


def demanding(question: Fields) -> Fields | None:
    """Ask for the PIN, then look at it."""
    answer = approve(question) or {}
    if "52" not in question:
        return with_proof(question, answer | {"39": "1A"})
    return with_proof(question, answer | {"39": "00" if pin_in(question) == "4826" else "55"})


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("manner", [CONTACT, TOUCH])
async def test_an_issuer_knows_its_card_and_the_card_its_issuer(
    card: CardData, manner: Manner
) -> None:
    results, asked = await paid(careful, card, manner, times=3)
    assert [(each.reply.code, each.genuine) for each in results] == [("00", True)] * 3
    assert [tlv.read(each["55"])["9F36"].hex() for each in asked] == ["0001", "0002", "0003"]
    assert {each["22"] for each in asked} == {manner.entry}


@pytest.mark.parametrize("first_stan", [1, 2])
@pytest.mark.parametrize("card", CARDS)
async def test_the_pin_goes_with_the_same_tap_under_a_new_number(
    card: CardData, first_stan: int
) -> None:
    (result,), (first, second) = await paid(demanding, card, pin=PIN, first_stan=first_stan)
    assert (result.reply.code, result.genuine, result.with_pin) == ("00", True, True)
    assert result.question.items() <= second.items()
    changed = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    assert changed == {"p", "11", "37", "52", "55"}
    assert is_right(second)
    before, after = tlv.read(first["55"]), tlv.read(second["55"])
    assert {tag for tag in before if before[tag] != after[tag]} == {"9F34"}


def test_a_pin_shows_in_no_record() -> None:
    assert "4826" not in repr(Purse(some_drawer(), TOUCH, PIN))


async def test_pins_travel_in_both_formats() -> None:
    _, asked = await paid(demanding, pin=PIN, times=4)
    with_pin = [each for each in asked if "52" in each]
    assert [pin_in(each) for each in with_pin] == ["4826"] * 4
    assert [format_of(each) for each in with_pin] == [0, 3, 0, 3]


async def test_a_wrong_pin_is_the_end_of_it() -> None:
    (result,), asked = await paid(demanding, pin=Pin("4827"))
    assert (result.reply.code, len(asked)) == ("55", 2)


async def test_who_knows_no_pin_is_declined() -> None:
    (result,), asked = await paid(demanding)
    assert (result.reply.code, result.with_pin, len(asked)) == ("1A", False, 1)


async def test_nobody_types_a_pin_after_a_silence() -> None:
    (result,), asked = await paid(lambda question: None, pin=PIN)
    assert (result.reply.answer, result.genuine, len(asked)) == (None, None, 1)


async def test_an_answer_of_somebody_else_is_seen() -> None:
    def impostor(question: Fields) -> Fields | None:
        return (approve(question) or {}) | {"55": "910A00112233445566773030"}

    for card in CARDS:
        (result,), _ = await paid(impostor, card)
        assert (result.reply.code, result.genuine) == ("00", False)


async def test_an_answer_without_a_word_for_the_chip_is_neither() -> None:
    (result,), _ = await paid(approve)
    assert (result.reply.code, result.genuine) == ("00", None)


async def test_a_card_without_a_key_pays_without_a_chip() -> None:
    (result,), (question,) = await paid(approve, CardData("9999490000000015", "2912"))
    assert result.reply.code == "00" and "55" not in question


@pytest.mark.parametrize(("manner", "bit"), [(PHONE, 0xA4), (PHONE_ALONE, 0xA0)])
async def test_a_phone_vouches_for_its_holder_under_the_cryptogram(
    manner: Manner, bit: int
) -> None:
    (result,), (question,) = await paid(careful, CardData("9999790000000018", "2912"), manner)
    told = tlv.read(question["55"])
    assert (result.reply.code, result.genuine) == ("00", True)
    assert told["9F10"][4] == bit
    assert told["9F6E"].hex() == "20700000"
