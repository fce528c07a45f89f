"""Names of authorizations rise, are nobody else's, and travel as text without loss."""

from hypothesis import given
from hypothesis import strategies as st

from authz.ids import (
    COUNTER_BITS,
    EPOCH_MS,
    AuthorizationIds,
    approval_code,
    parse_public_id,
    public_id,
)

bigints = st.integers(0, (1 << 63) - 1)


@given(st.lists(st.integers(EPOCH_MS, EPOCH_MS + 10_000), min_size=2, max_size=50))
def test_numbers_rise_whatever_the_wall_clock_does(clock: list[int]) -> None:
    ticks = iter(clock)
    next_id = AuthorizationIds(3, lambda: next(ticks))
    numbers = [next_id() for _ in clock]
    assert numbers == sorted(set(numbers))


def test_more_numbers_than_the_counter_holds_still_rise_in_one_millisecond() -> None:
    next_id = AuthorizationIds(3, lambda: EPOCH_MS + 1)
    numbers = [next_id() for _ in range((1 << COUNTER_BITS) + 10)]
    assert numbers == sorted(set(numbers))


def test_two_processes_never_share_a_number() -> None:
    made = [AuthorizationIds(node, lambda: EPOCH_MS + 1) for node in (0, 1, 2, 1023)]
    numbers = [next_id() for next_id in made for _ in range(1 << COUNTER_BITS)]
    assert len(set(numbers)) == len(numbers)


def test_numbers_fit_a_bigint_until_2089() -> None:
    late_ms = 3_765_000_000_000  # April 2089
    assert AuthorizationIds(1023, lambda: late_ms)() < 1 << 63


@given(bigints, bigints)
def test_a_public_id_is_read_back(holder_id: int, number: int) -> None:
    assert parse_public_id(public_id(holder_id, number)) == (holder_id, number)


@given(st.text(alphabet="0123456789abcdefABCDEFx_-+ .", max_size=40))
def test_any_other_text_is_no_public_id(text: str) -> None:
    pair = parse_public_id(text)
    assert pair is None or (public_id(*pair) == text and min(pair) >= 0)


def test_signs_blanks_and_capitals_make_no_public_id() -> None:
    for text in ("5--3", "+5-3", "-5-3", " 5-3", "0x5-3", "5-03", "A-b", "5", "", "5-3-1"):
        assert parse_public_id(text) is None, text


@given(bigints)
def test_an_approval_code_is_six_characters_of_de38(number: int) -> None:
    code = approval_code(number)
    assert len(code) == 6
    assert set(code) <= set("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ")


def test_numbers_in_a_row_have_different_approval_codes() -> None:
    next_id = AuthorizationIds(3, lambda: EPOCH_MS + 1)
    assert len({approval_code(next_id()) for _ in range(1000)}) == 1000
