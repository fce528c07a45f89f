"""A card number shows its last four digits at most, and its digest needs the key."""

import copy
import hashlib
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.custody.pan import Pan, PanDigester, luhn_check_digit

DIGITS = "9999670000000012"
KEY = bytes(range(32))


@pytest.mark.parametrize("digits", ["9" * 12, DIGITS, "9" * 19])
def test_twelve_to_nineteen_digits_are_a_card_number(digits: str) -> None:
    assert Pan(digits).reveal() == digits


@pytest.mark.parametrize(
    "digits", ["", "9" * 11, "9" * 20, "99996700000000A5", "９" * 16, "²" * 16, " " * 16]
)
def test_anything_else_is_refused_without_being_repeated(digits: str) -> None:
    with pytest.raises(ValueError, match="12 to 19 digits") as caught:
        Pan(digits)
    assert not digits or digits not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        repr(Pan(DIGITS)),
        str(Pan(DIGITS)),
        f"{Pan(DIGITS)}",
        f"{Pan(DIGITS)!r:>30}",
        f"{Pan(DIGITS):>30}",
        "%s" % Pan(DIGITS),  # noqa: UP031
        str([Pan(DIGITS)]),
    ],
)
def test_every_way_of_printing_masks(text: str) -> None:
    assert "Pan(****0012)" in text
    assert DIGITS[:12] not in text


def test_no_serializer_takes_it() -> None:
    pan = Pan(DIGITS)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            attempt(pan)
    for encode in (msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError):
            encode(pan)
    with pytest.raises(TypeError):
        vars(pan)


def test_equal_numbers_are_equal_and_cannot_be_keys() -> None:
    assert Pan(DIGITS) == Pan(DIGITS)
    assert Pan(DIGITS) != Pan("9999670000000023")
    assert Pan(DIGITS) != DIGITS
    with pytest.raises(TypeError):
        hash(Pan(DIGITS))


@pytest.mark.parametrize(
    ("digits", "check"),
    # By hand: 2+7+8+9+6+7+4+9+9+5 + 1 = 67; 2+7+3+9+9+9+9 = 48.
    [("7992739871", "3"), ("999967000000001", "2"), ("0" * 15, "0")],
)
def test_the_check_digit_is_luhns(digits: str, check: str) -> None:
    assert luhn_check_digit(digits) == check


def test_a_false_check_digit_is_told_and_not_refused() -> None:
    assert Pan("9999670000000012").luhn_ok
    assert not Pan("9999670000000013").luhn_ok


@given(st.text("0123456789", min_size=11, max_size=18), st.data())
def test_a_changed_digit_breaks_the_check(digits: str, data: st.DataObject) -> None:
    whole = digits + luhn_check_digit(digits)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != whole[place]]))
    assert Pan(whole).luhn_ok
    assert not Pan(whole[:place] + other + whole[place + 1 :]).luhn_ok


def test_the_digest_is_keyed_blake2b_of_the_digits() -> None:
    expected = hashlib.blake2b(DIGITS.encode(), key=KEY, digest_size=16).digest()
    digester = PanDigester(KEY, "2026-11")
    assert digester.card_ref(DIGITS) == expected
    assert digester.card_ref(DIGITS) == expected  # the keyed state is not used up
    assert len(expected) == 16


def test_another_key_gives_another_digest_and_another_check_value() -> None:
    one, other = PanDigester(KEY, "a"), PanDigester(KEY[::-1], "b")
    assert one.card_ref(DIGITS) != other.card_ref(DIGITS)
    assert one.check_value() != other.check_value()
    assert len(one.check_value()) == 6
    assert one.check_value() == PanDigester(KEY, "c").check_value()


def test_a_content_is_told_apart_with_the_key_and_is_no_card_number() -> None:
    one, other = PanDigester(KEY, "a"), PanDigester(KEY[::-1], "b")
    assert one.content_ref(b"4826") == one.content_ref(b"4826") != one.content_ref(b"4827")
    assert one.content_ref(b"4826") != other.content_ref(b"4826")
    assert one.content_ref(b"9999670000000012") != one.card_ref("9999670000000012")


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_key_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        PanDigester(bytes(size), "x")


def test_the_digester_does_not_show_or_give_away_its_key() -> None:
    digester = PanDigester(KEY, "2026-11")
    assert repr(digester) == "PanDigester('2026-11')"
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            attempt(digester)
