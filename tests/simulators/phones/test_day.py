"""A day writes down every step, and what came otherwise is a difference."""

import msgspec
import pytest

from simulators.chips.manner import CONTACT, TOUCH
from simulators.phones.day import AMOUNTS_MINOR, Day
from simulators.phones.phone import APPLE, PLUXEE
from simulators.phones.stage import Line
from simulators.wire import Fields
from tests.simulators.chips.issuers import WARNS, some_drawer, with_proof
from tests.simulators.phones.engines import Tokens, some_person, staged
from tests.simulators.worlds import approve


async def test_a_card_is_added_activated_and_pays() -> None:
    tokens = Tokens()
    async with staged(tokens) as (stage, asked):
        day = Day("a day", some_person(), stage, seed=1)
        phone = day.phone(APPLE)
        await day.activated(phone)
        await day.taps(phone, "pays")
    assert [(line.step, line.got) for line in day.lines] == [
        ("adds the card to Apple Pay", "REQUIRE_CODE"),
        ("types the code", "ACTIVE"),
        ("pays", "00"),
    ]
    assert all(line.as_expected for line in day.lines)
    body = msgspec.json.decode(tokens.asked[0].content)
    assert body | {"device": ""} == {
        "initiator": "WALLET",
        "channel": "WALLET",
        "card": "card-0",
        "wallet": "APPLE_PAY",
        "device": "",
        "path": "APP",
        "attested": True,
    }
    (question,) = asked
    assert question["2"].startswith("999979") and question["41"] == "W0000001"
    assert AMOUNTS_MINOR[0] <= int(question["4"]) <= AMOUNTS_MINOR[1]


async def test_what_comes_otherwise_is_a_difference_and_the_day_goes_on() -> None:
    def never(question: Fields) -> Fields | None:
        return (approve(question) or {}) | {"39": "51"}

    async with staged(Tokens(), never) as (stage, _):
        day = Day("a day", some_person(), stage, seed=1)
        await day.pays_with_card("pays with the card")
        await day.pays(day.card.card, CONTACT, "tries again", "51")
    assert [line.as_expected for line in day.lines] == [False, True]
    assert day.lines[0] == Line("a day", "pays with the card", "00", "51", True)


async def test_a_silence_is_no_answer_and_never_an_approval() -> None:
    async with staged(Tokens(), lambda question: None) as (stage, _):
        day = Day("a day", some_person(), stage, seed=1)
        await day.pays(day.card.card, TOUCH, "pays")
    assert day.lines == [Line("a day", "pays", "00", "no answer", True)]


@pytest.mark.filterwarnings(WARNS)
async def test_with_chips_an_approval_has_to_answer_the_cryptogram() -> None:
    def careless(question: Fields) -> Fields | None:
        answer = approve(question) or {}
        match int(question["4"]):
            case 1:
                return with_proof(question, answer)
            case 2:
                return answer
            case _:
                return answer | {"55": "910A00112233445566773030"}

    async with staged(Tokens(), careless, some_drawer()) as (stage, _):
        day = Day("a day", some_person(), stage, seed=1)
        for amount_minor in (1, 2, 3):
            await day.pays(day.card.card, TOUCH, "pays", amount_minor=amount_minor)
    assert [line.got for line in day.lines] == [
        "00",
        "nothing for the chip",
        "not the issuer's answer",
    ]


async def test_a_decline_needs_no_proof_and_the_first_of_a_code_is_remembered() -> None:
    def never(question: Fields) -> Fields | None:
        return (approve(question) or {}) | {"39": "82"}

    async with staged(Tokens(), never, some_drawer()) as (stage, asked):
        day = Day("a day", some_person(), stage, seed=1)
        await day.pays_with_card("pays", "82")
        await day.sends(asked[0], "somebody sends it again", "82")
    assert [line.got for line in day.lines] == ["82", "82"]
    assert day.met == {"82": asked[0]["37"]}
    assert all(line.at_till for line in day.lines)


async def test_a_rooted_phone_says_so_and_a_phone_offline_says_nothing() -> None:
    tokens = Tokens()
    async with staged(tokens) as (stage, _):
        day = Day("a day", some_person(), stage, seed=1)
        offline = day.phone(PLUXEE)
        offline.online = False
        await day.adds(offline, "adds it offline", "no network")
        assert tokens.asked == []
        await day.adds(day.phone(PLUXEE, rooted=True), "adds it", "APPROVED")
    assert msgspec.json.decode(tokens.asked[0].content)["attested"] is False
    assert [line.got for line in day.lines] == ["no network", "APPROVED"]


async def test_a_phone_that_stays_silent_sends_nothing() -> None:
    async with staged(Tokens()) as (stage, asked):
        day = Day("a day", some_person(), stage, seed=1)
        phone = day.phone(PLUXEE)
        await day.taps(phone, "taps an empty phone", "no token")
        await day.activated(phone)
        phone.lock()
        await day.taps(phone, "taps a locked phone", "silent", holder_there=False)
        assert asked == []
        phone.unlock(day.now)
        day.passes(60)
        await day.taps(phone, "taps it unlocked", holder_there=False)
        assert len(asked) == 1
    assert all(line.as_expected for line in day.lines)


async def test_every_device_of_every_run_has_a_name_of_its_own() -> None:
    async with staged(Tokens()) as (stage, _):
        later = msgspec.structs.replace(
            stage, place=stage.place.__class__("12345", "W0000002", "MERCH0000000001")
        )
        days = [Day("a day", some_person(), each, seed=1) for each in (stage, later)]
        names = [day.phone(APPLE).device for day in days for _ in range(3)]
    assert len(set(names)) == 6


async def test_a_wrong_code_is_never_the_right_one() -> None:
    async with staged(Tokens()) as (stage, _):
        day = Day("a day", some_person(), stage, seed=1)
        assert all(day.wrong("000001") != "000001" for _ in range(50))
