"""Messages to try: fields of every alphabet, full of the values that break codecs."""

from hypothesis import strategies as st

# Written down here again, apart from the source: a wrong table there must not pass unseen.
DIGITS = "0123456789"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
LATIN = PRINTABLE + "".join(map(chr, range(0xA0, 0x100)))
SIGNED = {28: 8, 29: 8, 30: 8, 31: 8, 97: 16}
TRACKS = {35: 37, 36: 104}
# Fixed sizes in bytes; DE55 is variable.
BINARY = {52: 8, 64: 8, 96: 8, 128: 8}
FIXED_DIGITS = {
    **{3: 6, 4: 12, 5: 12, 6: 12, 7: 10, 8: 8, 9: 8, 10: 8, 11: 6, 12: 6},
    **dict.fromkeys((13, 14, 15, 16, 17, 18, 71, 72), 4),
    **dict.fromkeys((19, 20, 21, 22, 23, 24, 68, 69, 70), 3),
    **{25: 2, 26: 2, 27: 1, 53: 16, 66: 1, 67: 2, 73: 6, 90: 42},
    **dict.fromkeys(range(74, 82), 10),
    **dict.fromkeys(range(82, 86), 12),
    **dict.fromkeys(range(86, 90), 16),
}
VARIABLE_DIGITS = {2: 19, 32: 11, 33: 11, 99: 11, 100: 11}
FIXED_TEXT = {
    **{37: 12, 38: 6, 39: 2, 40: 3, 41: 8, 42: 15, 49: 3, 50: 3, 51: 3},
    **{91: 1, 92: 2, 93: 5, 94: 7, 95: 42, 98: 25},
}
VARIABLE_TEXT = {
    **{34: 28, 44: 25, 45: 76, 54: 120, 101: 17, 102: 28, 103: 28, 104: 100},
    **dict.fromkeys((46, 47, 48, *range(56, 64), *range(105, 128)), 999),
}


def _hex(low: int, high: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=low, max_size=high).map(lambda raw: raw.hex().upper())


def _text(alphabet: str, low: int, high: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=low, max_size=high)


def value_of(number: int) -> st.SearchStrategy[str]:
    """Values that field `number` may hold."""
    if number in SIGNED:
        return st.builds("".join, st.tuples(st.sampled_from("CD"), _exactly(SIGNED[number])))
    if number in TRACKS:
        return _text(DIGITS + "=", 0, TRACKS[number])
    if number in BINARY:
        return _hex(BINARY[number], BINARY[number])
    if number in FIXED_DIGITS:
        return _exactly(FIXED_DIGITS[number])
    if number in VARIABLE_DIGITS:
        return _text(DIGITS, 0, VARIABLE_DIGITS[number])
    if number in FIXED_TEXT:
        return _text(PRINTABLE, FIXED_TEXT[number], FIXED_TEXT[number])
    if number in VARIABLE_TEXT:
        return _text(PRINTABLE, 0, min(VARIABLE_TEXT[number], 130))
    return {43: _text(LATIN, 40, 40), 55: _hex(0, 255)}[number]


def _exactly(size: int) -> st.SearchStrategy[str]:
    return _text(DIGITS, size, size)


NUMBERS = sorted(
    (
        *SIGNED,
        *TRACKS,
        *BINARY,
        *FIXED_DIGITS,
        *VARIABLE_DIGITS,
        *FIXED_TEXT,
        *VARIABLE_TEXT,
        43,
        55,
    )
)

mtis = st.text(DIGITS, min_size=4, max_size=4)


@st.composite
def field_sets(draw: st.DrawFn, numbers: tuple[int, ...] = tuple(NUMBERS)) -> dict[int, str]:
    """The fields of a message, in no order."""
    chosen = draw(st.lists(st.sampled_from(numbers), unique=True, max_size=24))
    return {number: draw(value_of(number)) for number in chosen}
