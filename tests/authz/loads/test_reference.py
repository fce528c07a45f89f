"""The structured reference: ISO 11649, held against published ones and against slips of the pen."""

from hypothesis import assume, given
from hypothesis import strategies as st

from authz.loads.reference import normalized, reference_of

numbers = st.integers(1, 10**15)


def test_published_references_are_right() -> None:
    assert normalized("RF18 5390 0754 7034") == "RF18539007547034"
    assert normalized("rf471234567890") == "RF471234567890"


@given(numbers)
def test_our_own_are_right_and_short_enough(number: int) -> None:
    reference = reference_of(number)
    assert normalized(reference) == reference
    assert len(reference) <= 25


@given(numbers, numbers)
def test_two_loads_have_two_references(one: int, other: int) -> None:
    assume(one != other)
    assert reference_of(one) != reference_of(other)


@given(numbers, st.data())
def test_one_wrong_character_is_found(number: int, data: st.DataObject) -> None:
    reference = reference_of(number)
    place = data.draw(st.integers(2, len(reference) - 1))
    digits = "0123456789" if reference[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    wrong = data.draw(st.sampled_from(digits.replace(reference[place], "")))
    assert normalized(reference[:place] + wrong + reference[place + 1 :]) is None


@given(numbers, st.data())
def test_two_swapped_neighbours_are_found(number: int, data: st.DataObject) -> None:
    reference = reference_of(number)
    place = data.draw(st.integers(7, len(reference) - 2))
    one, other = reference[place], reference[place + 1]
    assume(one != other)
    assert normalized(reference[:place] + other + one + reference[place + 2 :]) is None


def test_what_is_no_reference_is_none() -> None:
    for text in ("", "RF", "RF00", "XX18539007547034", "RF18539007547034é", "RF18 539007547O34"):
        assert normalized(text) is None
