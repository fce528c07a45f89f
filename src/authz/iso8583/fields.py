"""Read and write single fields, and runs of neighbours that can be read in one go.

Each function here builds a closure once per profile and bitmap; the closures run per message.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from authz.iso8583.forms import FORMS, Broken, Form
from authz.iso8583.spec import alphabet

# Takes the whole message and where the field starts, stores values, gives where it ends.
Read = Callable[[str, int, dict[int, str]], int]
# Takes a value, gives its wire text, length prefix included.
Write = Callable[[str], str]


class Fault(Exception):
    """A field cannot be read; `resume` is where the next one starts, if that is known."""

    def __init__(self, why: str, resume: int | None = None) -> None:
        """`why` never holds the value."""
        super().__init__(why)
        self.why = why
        self.resume = resume


class Field(Struct, frozen=True):
    """One field of one profile: its form, and its length if fixed, else its greatest."""

    number: int
    form: Form
    count: int
    prefix_digits: int  # 0 fixed, 2 LLVAR, 3 LLLVAR
    prefix_packed: bool

    @property
    def mergeable(self) -> bool:
        """Whether a run of neighbours may hold it."""
        return self.form.mergeable and not self.prefix_digits


def field(number: int, entry: Mapping[str, Any]) -> Field:
    """What one entry of a pyiso8583 specification says, in our words."""
    packed = entry["len_enc"] == "bcd"
    digits = entry["len_type"]
    if packed and digits:
        digits = {1: 2, 2: 3}[digits]
    form = FORMS[alphabet(number), entry["data_enc"] == "b"]
    return Field(number, form, entry["max_len"], digits, packed)


def _prefix(field: Field, count: int) -> str:
    digits = f"{count:0{field.prefix_digits}d}"
    if not field.prefix_packed:
        return digits
    return bytes.fromhex("0" * (len(digits) % 2) + digits).decode("latin-1")


def reader(fields: Sequence[Field]) -> Read:
    """Read these neighbours: several of fixed length and one form, or one field alone."""
    return _variable_reader(fields[0]) if fields[0].prefix_digits else _fixed_reader(fields)


def _fixed_reader(fields: Sequence[Field]) -> Read:
    form = fields[0].form
    unfold = form.unfold
    scale = 2 * form.chars // form.nibbles  # characters unfolded from one byte
    cuts: list[tuple[int, int, int]] = []
    pads: list[int] = []
    place = width = 0
    for item in fields:
        end = place + form.width(item.count) * scale if form.mergeable else item.count
        start = end - item.count * form.chars
        cuts.append((item.number, start, end))
        pads.extend(range(place, start))  # the 0 in front of an odd count of packed digits
        width += form.width(item.count)
        place = end

    def read(text: str, start: int, values: dict[int, str]) -> int:
        end = start + width
        if end > len(text):
            raise Fault("cut short")
        try:
            unfolded = unfold(text[start:end])
        except Broken as broken:
            raise Fault(str(broken), end) from None
        for pad in pads:
            if unfolded[pad] != "0":
                raise Fault("pad is not 0", end)
        for number, first, last in cuts:
            values[number] = unfolded[first:last]
        return end

    return read


def _variable_reader(field: Field) -> Read:
    number, unfold, chars = field.number, field.form.unfold, field.form.chars
    # A table instead of int(): only these very digits are lengths, no sign, space or underscore.
    counts = {_prefix(field, count): count for count in range(field.count + 1)}
    widths = [field.form.width(count) for count in range(field.count + 1)]
    prefix_width = len(_prefix(field, 0))

    def read(text: str, start: int, values: dict[int, str]) -> int:
        begin = start + prefix_width
        count = counts.get(text[start:begin])
        if count is None:
            raise Fault("length is cut short, no number or over the maximum")
        end = begin + widths[count]
        if end > len(text):
            raise Fault("cut short")
        try:
            value = unfold(text[begin:end])
        except Broken as broken:
            raise Fault(str(broken), end) from None
        if len(value) != count * chars:  # one more: the pad of an odd count
            if value[0] != "0":
                raise Fault("pad is not 0", end)
            value = value[1:]
        values[number] = value
        return end

    return read


def writer(field: Field) -> Write:
    """Write one value; Broken when it does not fit its field."""
    fold, chars = field.form.fold, field.form.chars
    if not field.prefix_digits:
        length = field.count * chars

        def write_fixed(value: str) -> str:
            if len(value) != length:
                raise Broken(f"{len(value)} characters instead of {length}")
            return fold(value)

        return write_fixed

    prefixes = [_prefix(field, count) for count in range(field.count + 1)]

    def write_variable(value: str) -> str:
        count = len(value) // chars
        if count >= len(prefixes):
            raise Broken(f"{len(value)} characters, over the maximum")
        return prefixes[count] + fold(value)

    return write_variable
