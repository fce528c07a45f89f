"""Messages to requests and outcomes to answers: what is read, what is refused, what is echoed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from authz.custody.pan import PanDigester
from authz.door.policies import CryptogramPolicy
from authz.iso8583.message import Message
from authz.iso8583.profiles import profile
from authz.outcomes import AMBIGUOUS, Outcome
from authz.requests import Kind, Request
from authz.wire.credential_check import CredentialCheck
from authz.wire.elements import Untranslatable
from authz.wire.translate import to_reply, to_request
from rules.decision import Reason
from rules.facts import Channel
from tests.authz.hsm.keys import some_module

PROFILE = profile("ascii")
DIGESTER = PanDigester(bytes(range(32)), "test")
NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
PAN = "9999670000000015"
PLAIN = {
    2: PAN,
    3: "000000",
    4: "000000001250",
    7: "1124113000",
    11: "000042",
    12: "123000",
    13: "1124",
    14: "2912",
    18: "5812",
    22: "051",
    25: "00",
    32: "12345",
    37: "632811000042",
    41: "TERM0001",
    42: "MERCH0000000001",
    43: "CHEZ PAUL",
    49: "978",
}


def message(mti: str = "0200", without: tuple[int, ...] = (), **changes: Any) -> Message:
    """A valid purchase; `de54="..."` sets a field."""
    fields = PLAIN | {int(name[2:]): value for name, value in changes.items()}
    return Message(mti, {n: value for n, value in fields.items() if n not in without})


def read(*arguments: Any, **changes: Any) -> Request:
    return to_request(message(*arguments, **changes), PROFILE, DIGESTER, NOW, 5.0)


def refused(*arguments: Any, **changes: Any) -> Reason:
    with pytest.raises(Untranslatable) as refusal:
        read(*arguments, **changes)
    assert PAN not in str(refusal.value)
    return refusal.value.reason


def answer(asked: Message, outcome: Outcome) -> dict[int, str]:
    return to_reply(asked, outcome, PROFILE).fields


def test_a_purchase_is_read() -> None:
    request = read()
    assert request.kind is Kind.PURCHASE
    assert request.purchase.amount_minor == 1250
    assert request.purchase.expiry == "2912"
    assert request.purchase.eligible_minor is None
    assert not request.purchase.partial_ok
    assert (request.acquirer, request.terminal, request.mid) == (
        "12345", "TERM0001", "MERCH0000000001",
    )  # fmt: skip
    assert (request.stan, request.transmitted, request.rrn) == (
        "000042", "1124113000", "632811000042",
    )  # fmt: skip
    assert request.received_at == NOW and request.deadline_s == 5.0


def test_the_card_number_stops_here() -> None:
    request = read()
    assert request.card_ref == DIGESTER.card_ref(PAN)
    assert PAN not in repr(request)


@pytest.mark.parametrize(
    ("mti", "kind"), [("0100", Kind.HOLD), ("0200", Kind.PURCHASE), ("0101", Kind.HOLD)]
)
def test_the_message_class_says_what_an_approval_does(mti: str, kind: Kind) -> None:
    assert read(mti).kind is kind


def test_only_the_last_digit_of_the_type_makes_a_repeat() -> None:
    assert read("0201").repeat and not read("0200").repeat
    assert read("0201").key_hash == read("0200").key_hash


@pytest.mark.parametrize("number", [32, 41, 11, 7])
def test_the_key_is_acquirer_terminal_stan_and_transmission(number: int) -> None:
    other = PLAIN[number][:-1] + "9"
    assert read(**{f"de{number}": other}).key_hash != read().key_hash
    assert read("0100").key_hash != read("0200").key_hash


@pytest.mark.parametrize("number", [12, 13, 18, 22, 25, 37, 43])
def test_a_difference_elsewhere_is_neither_key_nor_content(number: int) -> None:
    others = {22: "071", 43: "CHEZ JEAN"}
    request = read(**{f"de{number}": others.get(number, PLAIN[number][:-1] + "9")})
    assert (request.key_hash, request.fingerprint) == (read().key_hash, read().fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        {"de2": "9999670000000023"},
        {"de3": "090000"},
        {"de4": "000000001251"},
        {"de42": "MERCH0000000002"},
        {"de49": "840"},
    ],
)
def test_card_type_amount_merchant_and_currency_are_the_content(change: dict[str, str]) -> None:
    assert read(**change).fingerprint != read().fingerprint
    assert read(**change).key_hash == read().key_hash


@pytest.mark.parametrize("number", [3, 4, 7, 11, 22, 32, 41, 42, 49])
@pytest.mark.parametrize("mti", ["0100", "0200"])
def test_a_missing_mandatory_field_is_a_format_error(mti: str, number: int) -> None:
    assert refused(mti, (number,)) is Reason.FORMAT


@pytest.mark.parametrize(("number", "blank"), [(41, " " * 8), (42, " " * 15), (32, "")])
def test_a_field_of_blanks_is_as_good_as_none(number: int, blank: str) -> None:
    assert refused(**{f"de{number}": blank}) is Reason.FORMAT


def test_without_card_number_or_track_nothing_can_be_paid() -> None:
    assert refused(without=(2,)) is Reason.FORMAT


@pytest.mark.parametrize("separator", ["=", "D"])
def test_a_track_alone_names_the_card(separator: str) -> None:
    request = read(without=(2, 14), de35=f"{PAN}{separator}29122010000012300000")
    assert request.card_ref == DIGESTER.card_ref(PAN)
    assert request.purchase.expiry == "2912"


@pytest.mark.parametrize(
    "track",
    [
        "9999670000000023=29122010000",
        f"{PAN}=30012010000",
        f"{PAN}29122010000",
        f"{PAN}=29",
        "=",
    ],
)
def test_a_track_that_disagrees_or_is_none_is_a_format_error(track: str) -> None:
    assert refused(de35=track) is Reason.FORMAT


@pytest.mark.parametrize("entry", ["05", "07"])
def test_a_chip_or_a_phone_must_tell_the_expiry(entry: str) -> None:
    assert refused(without=(14,), de22=entry + "1") is Reason.FORMAT


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [("05", True), ("07", True), ("01", False), ("90", False), ("81", False), ("00", False)],
)
def test_how_the_card_was_read_is_a_question_for_the_rules(entry: str, allowed: bool) -> None:
    purchase = read(de22=entry + "1").purchase
    assert (purchase.entry, purchase.entry_allowed) == (entry, allowed)


def test_an_online_payment_is_for_acquirers_that_may_name_one() -> None:
    check = CredentialCheck(
        "ascii", CryptogramPolicy.OFF, some_module(), DIGESTER, frozenset({"12345"})
    )
    for acquirer, allowed in (("12345", True), ("54321", False)):
        asked = message(de22="812", de32=acquirer)
        purchase = to_request(asked, PROFILE, DIGESTER, NOW, 5.0, check).purchase
        assert purchase.entry_allowed is allowed
        assert purchase.channel is Channel.ECOMMERCE


@pytest.mark.parametrize("code", ["01", "09", "17"])
def test_cash_is_a_question_for_the_rules(code: str) -> None:
    assert read(de3=code + "0000").purchase.processing == code


@pytest.mark.parametrize("code", ["02", "30", "99"])
def test_an_unknown_type_is_an_invalid_transaction(code: str) -> None:
    assert refused(de3=code + "0000") is Reason.INVALID_TRANSACTION


def test_a_card_number_of_a_strange_length_is_a_format_error() -> None:
    assert refused(de2="12345678901") is Reason.FORMAT


@pytest.mark.parametrize("mti", ["0100", "0120", "0200", "0220", "0420"])
@pytest.mark.parametrize("number", ["107", "100", "999"])
def test_a_sequence_number_that_nobody_needs_refuses_nothing(mti: str, number: str) -> None:
    assert read(mti, de23=number).card_ref == read(mti).card_ref


def test_the_eligible_subtotal_travels_in_de54_or_in_de48() -> None:
    assert read(de54="0090978C000000000850").purchase.eligible_minor == 850
    assert read(de48="EA12000000000850").purchase.eligible_minor == 850
    both = read(de54="0090978C000000000850", de48="EA12000000000900")
    assert both.purchase.eligible_minor == 850
    assert read(de54="0002978C000000000850").purchase.eligible_minor is None
    assert read(de54="0090978D000000000000").purchase.eligible_minor == 0


@pytest.mark.parametrize(
    "change",
    [
        {"de54": "0090978D000000000001"},
        {"de54": "0090978C00000000085"},
        {"de54": "0090978C00000000085X"},
        {"de48": "EA11000000000850"[:15]},
        {"de48": "EA12-00000000850"},
        {"de48": "EA0385"},
        {"de48": "61"},
        {"de48": "61011610111"},
    ],
)
def test_a_subtotal_or_a_private_field_that_is_none_is_a_format_error(
    change: dict[str, str],
) -> None:
    assert refused(**change) is Reason.FORMAT


@pytest.mark.parametrize(
    ("private", "wanted"), [("61011", True), ("61031xy", True), ("61010", False), ("6200", False)]
)
def test_the_first_character_of_element_61_tells_of_partial_approval(
    private: str, wanted: bool
) -> None:
    assert read(de48=private).purchase.partial_ok is wanted


APPROVED = Outcome(Reason.APPROVED, 1250, 1250, 8750, 1250, "ABC123", 1, 2)
PARTIAL = Outcome(Reason.APPROVED_PARTIAL, 1250, 840, 160, 60, "ABC123", 1, 2)
DECLINED = Outcome(Reason.DAILY_CAP, 1250, holder_id=1, authorization_id=2)
ECHOED = (2, 3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49)


def test_an_approval_echoes_and_carries_its_codes() -> None:
    fields = answer(message(), APPROVED)
    assert fields == {n: PLAIN[n] for n in ECHOED} | {38: "ABC123", 39: "00"}


def test_the_padding_of_a_reference_is_no_part_of_it_and_is_echoed() -> None:
    padded: Any = {"de37": "ABC         ", "de41": "T1      "}
    request = read(**padded)
    assert (request.rrn, request.terminal) == ("ABC", "T1")
    assert read(de37=" " * 12).rrn is None
    about = read("0400", **padded).about
    assert about is not None and about.rrn == "ABC"
    echoed = answer(message(**padded), APPROVED)
    assert (echoed[37], echoed[41]) == (padded["de37"], padded["de41"])


def test_an_answer_echoes_the_forwarder_where_there_is_one() -> None:
    assert answer(message(de33="777"), APPROVED)[33] == "777"


def test_a_decline_echoes_the_amount_and_carries_no_approval_code() -> None:
    fields = answer(message(de48="610112BA001"[:5]), DECLINED)
    assert fields == {n: PLAIN[n] for n in ECHOED} | {39: "61"}


def test_a_partial_approval_says_how_much_of_what_and_what_is_left() -> None:
    fields = answer(message(), PARTIAL)
    assert (fields[39], fields[4]) == ("10", "000000000840")
    assert fields[54] == (
        "0002978C000000000060" "0001978C000000000160" "0057978C000000001250"
    )  # fmt: skip


def test_a_terminal_that_asks_gets_the_balance_with_its_approval_only() -> None:
    asking = message(de48="BA011")
    assert answer(asking, APPROVED)[54] == "0002978C0000000012500001978C000000008750"
    assert 54 not in answer(asking, DECLINED)
    assert 54 not in answer(message(), APPROVED)


def test_a_refund_tells_no_balance_since_none_was_looked_at() -> None:
    refund = message(de3="200000", de48="BA011", de90="0" * 42)
    assert 54 not in answer(refund, APPROVED)


def test_the_answer_to_a_repeat_is_that_to_its_first_sending() -> None:
    first, again = message("0200"), message("0201")
    assert to_reply(first, APPROVED, PROFILE) == to_reply(again, APPROVED, PROFILE)
    assert to_reply(again, APPROVED, PROFILE).mti == "0210"


@pytest.mark.parametrize(
    ("mti", "unknown", "ambiguous"),
    [("0220", "25", "00"), ("0120", "25", "00"), ("0420", "00", "00"), ("0400", "25", "25")],
)
def test_an_advice_that_could_be_of_two_payments_is_acknowledged(
    mti: str, unknown: str, ambiguous: str
) -> None:
    """INTERFACE, originals: 25 (00 for an advice); a reversal advice has 00 whatever it names."""
    nothing = Outcome(Reason.ORIGINAL_NOT_FOUND)
    assert answer(message(mti), nothing)[39] == unknown
    assert answer(message(mti), replace(nothing, alarm=AMBIGUOUS))[39] == ambiguous


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_makes_an_answer_that_can_be_written(reason: Reason) -> None:
    outcome = Outcome(reason, 1250)
    reply = to_reply(message(), outcome, PROFILE)
    assert PROFILE.codec.decode(PROFILE.codec.encode(reply)) == reply


@pytest.mark.parametrize(
    ("mti", "processing", "kind"),
    [
        ("0220", "000000", Kind.ADVICE),
        ("0120", "000000", Kind.ADVICE),
        ("0220", "200000", Kind.REFUND),
        ("0200", "200000", Kind.REFUND),
    ],
)
def test_an_advice_of_a_refund_is_a_refund_and_never_a_debit(
    mti: str, processing: str, kind: Kind
) -> None:
    request = read(mti, de3=processing)
    assert request.kind is kind
    assert request.completes is (mti == "0220")
    assert request.refusable is (mti == "0200")


@pytest.mark.parametrize("processing", ["010000", "090000", "170000", "310000", "400000", "990000"])
def test_only_a_purchase_can_have_happened_without_us(processing: str) -> None:
    expected = Reason.TYPE_NOT_ALLOWED if processing[0] in "01" else Reason.INVALID_TRANSACTION
    assert refused("0220", de3=processing) is expected
    assert refused("0220", de3=processing, de38="ABC123") is expected


@pytest.mark.parametrize(("mti", "processing"), [("0220", "000000"), ("0200", "200000")])
def test_what_the_rules_do_not_look_at_is_in_euros_or_refused(mti: str, processing: str) -> None:
    assert refused(mti, de3=processing, de49="840") is Reason.TYPE_NOT_ALLOWED


def test_a_subtotal_in_another_currency_is_no_subtotal() -> None:
    assert refused(de54="0090840C000000001000") is Reason.FORMAT


def test_only_a_reversal_may_come_without_its_card() -> None:
    original = "0200" + "000001" + "1124112959" + "00000012345" + "0" * 11
    bare = {"without": (2, 14), "de90": original}
    assert read("0420", **bare).card_ref == b""
    assert refused("0200", de3="200000", **bare) is Reason.FORMAT
    assert refused("0220", de38="ABC123", **bare) is Reason.FORMAT
