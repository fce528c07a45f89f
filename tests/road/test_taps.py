"""Chips, phones and PINs go the whole pure road; pyemv and psec say what is right."""

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from authz.custody.keys import KeyFile
from authz.iso8583.profiles import profile
from authz.wire.elements import Untranslatable
from rules.decision import Reason
from rules.facts import Facts, TokenStatus, Wallet
from rules.pipeline import decide, explain
from simulators.messages import CHIP, CONTACTLESS, Stamp, balance_inquiry, repeat
from tests.road import people
from tests.road.people import Setting
from tests.road.road import Road
from tests.road.taps import (
    KEYS,
    NOON,
    PROFILES,
    UNKNOWN_TAG,
    Chip,
    check_of,
    typed,
    with_pin,
)
from tests.road.till import BAD_PIN, CARD, GOOD_PIN, PHONE, Till
from tests.rules.builders import BOOK

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("cvn", [10, 18])
@pytest.mark.parametrize(("amount_minor", "code"), [(1250, "00"), (3000, "61")])
def test_the_answer_authenticates_itself_to_the_chip_that_asked(
    profile: str, cvn: int, amount_minor: int, code: str
) -> None:
    till = Till(profile=profile)
    till.chip.cvn = cvn
    question = till.asks(amount_minor, till.chip.tap(amount_minor, 1))
    answer = till.says(question)
    assert answer["39"] == code
    assert till.chip.proves(question["55"], answer["55"], code=code)


def test_a_chip_hears_an_approval_whatever_its_network_calls_it() -> None:
    till = Till()
    till.road._profile = replace(profile("ascii"), response_codes={"10": "32"})
    question = till.asks(3000, till.chip.tap(3000, 1), de48="61011")
    answer = till.says(question)
    assert (answer["39"], int(answer["4"])) == ("32", 2500)
    assert till.chip.proves(question["55"], answer["55"], code="10")


def test_a_repeat_gets_the_same_bytes_and_counts_nothing() -> None:
    till = Till()
    question = till.asks(1250, till.chip.tap(1250, 7), pin=GOOD_PIN)
    first = till.road.ask_fields([question], NOON)
    before = till.road.store.state.holders[1]
    # Another tap in the repeat is no other question, and gets no other answer.
    again = repeat(question) | {"55": till.chip.tap(1250, 8)}
    assert till.road.ask_fields([repeat(question), again], NOON) == first * 2
    restamped = repeat(question) | {"7": "1124235959"}
    assert till.says(restamped)["55"] == first[0]["55"]
    assert till.road.store.state.holders[1] == before
    assert [each.window.highest for each in before.counters] == [7]


def test_a_wrong_cryptogram_is_refused_and_has_no_effect() -> None:
    till = Till()
    forger = Chip(till.chip.pan, key=bytes(range(16)))
    answer = till.says(till.asks(1250, forger.tap(1250, 1)))
    assert answer["39"] == "82" and "55" not in answer
    assert till.road.store.movements == [] and till.road.store.state.holders[1].counters == ()
    assert till.code(1250, till.chip.tap(1250, 1)) == "00"


@pytest.mark.parametrize(
    "changed",
    [{"9F02": "000000009999"}, {"9F10": "06011203A40000"}, {"9F36": "0009"}, {"9F37": "00000000"}],
)
def test_one_object_changed_breaks_the_cryptogram(changed: dict[str, str]) -> None:
    till = Till()
    assert till.code(1250, till.chip.tap(1250, 1, changed)) == "82"


def test_a_cryptogram_over_another_amount_pays_nothing() -> None:
    till = Till()
    assert till.code(2500, till.chip.tap(100, 1)) == "82"
    assert till.code(2500, till.chip.tap(2500, 1)) == "00"


def test_an_old_use_is_taken_once_while_it_is_near() -> None:
    till = Till()
    uses = [(100, "00"), (100, "82"), (84, "00"), (84, "82"), (83, "82"), (99, "00"), (101, "00"),
            (85, "00"), (84, "82"), (100, "82")]  # fmt: skip
    assert [till.code(1, till.chip.tap(1, atc)) for atc, _ in uses] == [code for _, code in uses]


def test_a_declined_use_is_used_up() -> None:
    till = Till()
    assert till.code(3000, till.chip.tap(3000, 5)) == "61"
    assert till.code(3000, till.chip.tap(3000, 5)) == "82"
    assert till.road.store.movements == []


def test_two_taps_of_one_batch_see_each_other() -> None:
    till = Till()
    data = till.chip.tap(100, 3)
    answers = till.road.ask_fields([till.asks(100, data), till.asks(100, data)], NOON)
    assert [answer["39"] for answer in answers] == ["00", "82"]


def test_cards_have_counters_of_their_own() -> None:
    till = Till(PHONE)
    plastic = Chip(people.pan(1))
    question = till.asks(100, plastic.tap(100, 9)) | {"2": plastic.pan}
    assert till.says(question)["39"] == "00"
    assert till.code(100, till.chip.tap(100, 9, verified=True)) == "00"
    assert len(till.road.store.state.holders[1].counters) == 2


# ---- the PIN


def test_above_the_limit_the_same_tap_comes_again_with_the_pin() -> None:
    till = Till()
    data = till.chip.tap(5001, 1)
    assert till.code(5001, data) == "1A"
    # It is decided: more than the day's cap is declined for that, and no longer for the PIN.
    assert till.code(5001, data, pin=GOOD_PIN) == "61"
    assert till.code(5001, data, pin=GOOD_PIN) == "82"


@pytest.mark.parametrize(
    "other", [{"de41": "OTHER001"}, {"amount": "5002"}, {"atc": "2"}, {"without": "pin"}]
)
def test_only_the_very_tap_that_was_asked_for_comes_again(other: dict[str, str]) -> None:
    till = Till()
    assert till.code(5001, till.chip.tap(5001, 2)) == "1A"
    assert till.code(5001, till.chip.tap(5001, 3)) == "1A"
    amount_minor = int(other.pop("amount", "5001"))
    data = till.chip.tap(amount_minor, int(other.pop("atc", "3")))
    pin = {} if other.pop("without", None) else {"pin": GOOD_PIN}
    assert till.code(amount_minor, data, **pin, **other) == "82"


def test_someone_elses_copy_does_not_end_the_demand() -> None:
    till = Till()
    data = till.chip.tap(5001, 2)
    assert till.code(5001, data) == "1A"
    assert till.code(5001, data) == "82"
    assert till.code(5001, data, pin=GOOD_PIN) == "61"


@pytest.mark.parametrize("iso_format", [0, 3])
def test_three_wrong_pins_and_then_none_is_right(iso_format: int) -> None:
    till = Till()
    data = till.chip.tap(100, 1)
    blocks = [typed(pin, till.chip.pan, iso_format=iso_format) for pin in (BAD_PIN, GOOD_PIN)]
    for block, code in zip(blocks[:1] * 3 + blocks[1:], ("55", "55", "55", "75"), strict=True):
        assert till.code(100, data, de52=block, entry=CHIP) == code
    # That was no demand for another try.
    assert till.code(100, data, de52=blocks[1], entry=CHIP) == "82"
    assert till.code(100, till.chip.tap(100, 2), de52=blocks[1], entry=CHIP) == "75"
    assert till.road.store.movements == []
    # Without a PIN the card goes on paying small amounts.
    assert till.code(100, till.chip.tap(100, 3)) == "00"


def test_a_right_pin_gives_the_tries_back() -> None:
    till = Till()
    for pin, code in [(BAD_PIN, "55"), (BAD_PIN, "55"), (GOOD_PIN, "00")] * 2:
        assert till.code(100, pin=pin) == code


def test_a_new_pin_begins_a_new_round_of_tries() -> None:
    till = Till()
    assert [till.code(100, pin=BAD_PIN) for _ in range(4)] == ["55", "55", "55", "75"]
    store = till.road.store
    store.state = with_pin(store.state, "7777", pin_round=2)
    assert [till.code(100, pin=pin) for pin in ("7777", GOOD_PIN, "7777")] == ["00", "55", "00"]


def test_a_pin_that_was_not_looked_at_is_no_try() -> None:
    """Neither behind a wrong cryptogram nor on a blocked card: nobody burns another's tries."""
    till = Till()
    forger = Chip(till.chip.pan, key=bytes(range(16)))
    forged = [till.code(100, forger.tap(100, n), pin=BAD_PIN) for n in range(5)]
    assert forged == ["82"] * 5
    blocked = Till(Setting(blocked=True))
    assert [blocked.code(100, pin=BAD_PIN) for _ in range(5)] == ["62"] * 5
    for each in (till, blocked):
        assert each.road.store.state.holders[1].counters == ()


def test_a_block_that_is_no_pin_is_wrong_and_no_try() -> None:
    till = Till()
    assert [till.code(100, de52="0123456789ABCDEF") for _ in range(5)] == ["55"] * 5
    assert till.code(100, pin=GOOD_PIN) == "00"


def test_a_phone_has_no_pin() -> None:
    till = Till(PHONE)
    assert till.code(100, till.chip.tap(100, 1, verified=True), pin=GOOD_PIN) == "55"


# ---- phones


@pytest.mark.parametrize("wallet", list(Wallet))
def test_a_phone_must_say_that_its_holder_is_there(wallet: Wallet) -> None:
    till = Till(Setting(phone=wallet))
    assert till.code(100, till.chip.tap(100, 1)) == "1A"
    # What the till says of it is kept and proves nothing.
    boast = {"9F34": "020000", "9F6C": "3EC0", "9F6E": "20700000"}
    assert till.code(100, till.chip.tap(100, 2, boast)) == "1A"
    assert bytes.fromhex("9F6C023EC0") in till.kept()
    assert till.code(5500, till.chip.tap(5500, 3, verified=True)) == "61"
    assert till.code(100, till.chip.tap(100, 4, verified=True)) == "00"


def test_a_suspended_phone_pays_nothing_and_its_use_is_used_up() -> None:
    till = Till(PHONE)
    till.change(token=TokenStatus.SUSPENDED)
    data = till.chip.tap(100, 1, verified=True)
    assert till.code(100, data) == "62"
    till.change(token=TokenStatus.ACTIVE)
    assert till.code(100, data) == "82"
    assert till.code(100, till.chip.tap(100, 2, verified=True)) == "00"


def test_a_card_declines_for_its_state_before_its_chip() -> None:
    till = Till(Setting(blocked=True))
    forger = Chip(till.chip.pan, key=bytes(range(16)))
    assert till.code(100, forger.tap(100, 1)) == "62"


# ---- what is wanted, and what is kept


@pytest.mark.parametrize(
    ("policy", "chip", "entry", "code"),
    [
        ("off", "wrong", CONTACTLESS, "00"),
        ("when_present", "wrong", CONTACTLESS, "82"),
        ("when_present", "none", CONTACTLESS, "00"),
        ("when_present", "unknown tags", CONTACTLESS, "00"),
        ("require", "unknown tags", CONTACTLESS, "1A"),
        ("require", "none", CONTACTLESS, "1A"),
        ("require", "none", CHIP, "1A"),
        ("require", "good", CONTACTLESS, "00"),
        ("require", "good", CHIP, "00"),
        ("require", "none", "901", "57"),
        ("require", "none", "011", "57"),
        ("when_present", "none", "812", "57"),
    ],
)
def test_chip_data_are_wanted_as_the_listener_says(
    policy: str, chip: str, entry: str, code: str
) -> None:
    till = Till(policy=policy)
    chips = {"good": till.chip, "wrong": Chip(till.chip.pan, key=bytes(range(16)))}
    others = {"unknown tags": "DF7F03C0FFEE"}
    data = chips[chip].tap(1250, 1) if chip in chips else others.get(chip)
    answer = till.says(till.asks(1250, data, entry=entry))
    assert answer["39"] == code
    assert ("55" in answer) is (chip == "good")


@pytest.mark.parametrize(("policy", "code"), [("when_present", "00"), ("require", "82")])
def test_a_chip_whose_key_nobody_has_is_believed_nothing(policy: str, code: str) -> None:
    till = Till(policy=policy)
    keys = KeyFile(KEYS.pan_digest, zone=KEYS.zone)
    till.road = Road(till.road.store.state, BOOK, "ascii", check_of("ascii", policy, keys))
    data = till.chip.tap(1250, 1, verified=True)
    assert [till.code(1250, data), till.code(1250, data)] == [code, code]
    assert till.code(5001, till.chip.tap(5001, 2, verified=True)) == {"00": "1A"}.get(code, code)
    assert till.road.store.state.holders[1].counters == ()


def test_unknown_objects_are_kept_and_card_numbers_are_not() -> None:
    till = Till()
    pan = till.chip.pan
    track = f"{pan}D{people.EXPIRY}201"
    other = {UNKNOWN_TAG: "C0FFEE", "5A": pan, "57": track, "5F20": "4D4152494520"}
    other |= {"DF01": pan.encode().hex().upper(), "9F34": "1F0300"}
    assert till.code(1250, till.chip.tap(1250, 1, other)) == "00"
    kept = till.kept().hex().upper()
    assert f"{UNKNOWN_TAG}03C0FFEE" in kept and "9F34031F0300" in kept
    assert pan not in kept and pan.encode().hex() not in kept.lower() and "4D4152" not in kept


def test_the_sequence_number_leads_to_the_key() -> None:
    till = Till()
    till.issue(psn="01")
    second = Chip(till.chip.pan, sequence="01")
    assert till.code(100, second.tap(100, 1)) == "82"
    assert till.code(100, second.tap(100, 1), de23="001") == "00"
    assert till.code(100, second.tap(100, 2, {"5F34": "01"})) == "00"
    assert till.code(100, second.tap(100, 3, {"5F34": "01"}), de23="001") == "00"
    # The message's own and the chip's must be one.
    with pytest.raises(Untranslatable, match="DE23") as refused:
        till.code(100, second.tap(100, 4, {"5F34": "01"}), de23="000")
    assert refused.value.reason is Reason.FORMAT


def test_a_third_digit_of_the_sequence_number_is_not_passed_over() -> None:
    till = Till()
    till.issue(psn="07")
    seventh = Chip(till.chip.pan, sequence="07")
    with pytest.raises(Untranslatable, match="DE23") as refused:
        till.code(100, seventh.tap(100, 1), de23="107")
    assert refused.value.reason is Reason.FORMAT
    assert till.code(100, seventh.tap(100, 1), de23="007") == "00"


@pytest.mark.parametrize("policy", ["when_present", "require"])
@pytest.mark.parametrize(("own", "other"), [("00", "07"), ("01", "00")])
def test_a_good_chip_of_another_sequence_pays_nothing(policy: str, own: str, other: str) -> None:
    """Plastic before or after this one, under the same number; its uses are none of this card's."""
    till = Till(policy=policy)
    till.issue(psn=own)
    stray = Chip(till.chip.pan, sequence=other)
    answer = till.says(till.asks(100, stray.tap(100, 40), de23=f"0{other}"))
    assert answer["39"] == "82" and "55" not in answer
    advice = till.asks(500, stray.tap(500, 41), de23=f"0{other}") | {"t": "0120"}
    assert till.says(advice)["39"] == "00"
    assert till.road.store.state.holders[1].counters == ()
    assert till.code(100, Chip(till.chip.pan, sequence=own).tap(100, 1), de23=f"0{own}") == "00"


def test_a_phone_has_a_sequence_of_its_own() -> None:
    till = Till(PHONE)
    till.issue(psn="07")
    assert till.code(100, till.chip.tap(100, 1, verified=True)) == "00"
    as_plastic = Chip(till.chip.pan, sequence="07")
    assert till.code(100, as_plastic.tap(100, 2, verified=True), de23="007") == "82"


AAC, TC, ARQC = "00", "40", "80"
"""9F27 of a chip that declines, that approves by itself, that asks its issuer."""


@pytest.mark.parametrize("cvn", [10, 18])
@pytest.mark.parametrize("policy", ["when_present", "require"])
@pytest.mark.parametrize(
    ("results", "told", "code"),
    [
        (0xA0, {}, "00"), (0xA0, {"9F27": ARQC}, "00"), (0xA0, {"9F27": "A8"}, "00"),
        (0xA0, {"9F27": AAC}, "82"), (0xA0, {"9F27": TC}, "82"), (0xA0, {"9F27": "C0"}, "82"),
        (0x80, {}, "82"), (0x80, {"9F27": AAC}, "82"), (0x90, {"9F27": TC}, "82"),
        (0xB0, {}, "82"), (0x20, {}, "82"), (0x60, {}, "82"),
    ],
)  # fmt: skip
def test_only_a_chip_that_asks_its_issuer_is_approved(
    cvn: int, policy: str, results: int, told: dict[str, str], code: str
) -> None:
    till = Till(policy=policy)
    till.chip.cvn, till.chip.results = cvn, results
    assert till.code(100, till.chip.tap(100, 1, told)) == code
    assert bool(till.road.store.movements) is (code == "00")


def test_an_inquiry_counts_like_a_payment_and_its_repeat_does_not() -> None:
    till = Till()
    stamp = Stamp("000900", NOON, "000000000900")
    question = balance_inquiry(people.card(CARD), people.terminal(), stamp)
    question["55"] = till.chip.tap(0, 4)
    first = till.says(question)
    assert first["39"] == "00" and till.chip.proves(question["55"], first["55"], code="00")
    assert till.says(repeat(question)) == first
    other = question | {"11": "000901"}
    assert till.says(other)["39"] == "82"
    guess = question | {"11": "000902", "52": typed(BAD_PIN, till.chip.pan)}
    del guess["55"]
    codes = [till.says(guess | {"11": f"{n:06d}"})["39"] for n in range(910, 914)]
    assert codes == ["55", "55", "55", "75"]


def test_the_facts_that_were_kept_decide_again() -> None:
    till = Till()
    data = till.chip.tap(5001, 1)
    codes = [till.code(5001, data), till.code(5001, data, pin=BAD_PIN),
             till.code(5001, data, pin=GOOD_PIN), till.code(5001, data)]  # fmt: skip
    assert codes == ["1A", "55", "61", "82"]
    for row in till.road.store.decided:
        facts = msgpack.decode(row["facts"], type=Facts)
        assert decide(facts, BOOK).reason.value == row["reason"]
        assert explain(facts, BOOK).decision == decide(facts, BOOK)
