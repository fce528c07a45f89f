"""Read and write single fields, and runs of neighbours that can be read in one go.

Each function here builds a closure once per profile and bitmap; the closures run per message.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from msgspec import Struct

from authz.iso8583.forms import FORMS, Broken, Form
from authz.iso8583.spec import alphabet

# Takes the whole message and where the field starts, stores values, gives where it ends.
Read = Callable[[str, int, dict[int, str]], int]
# Takes all values of a message, gives the wire text of its own, length prefixes included.
Write = Callable[[Mapping[int, str]], str]


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


def runs(fields: Sequence[Field]) -> list[list[Field]]:
    """Put neighbours of fixed length and one form together, to be read and written in one go."""
    together = groupby(fields, key=lambda f: f.form.name if f.mergeable else f.number)
    return [list(run) for _, run in together]


def reader(fields: Sequence[Field]) -> Read:
    """Read these neighbours: several of fixed length and one form, or one field alone."""
    return _variable_reader(fields[0]) if fields[0].prefix_digits else _fixed_reader(fields)


def _fixed_reader(fields: Sequence[Field]) -> Read:
    form = fields[0].form
    unfold = form.unfold
    width = sum(form.width(item.count) for item in fields)
    pads, cuts = _cuts(fields)

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


def _cuts(fields: Sequence[Field]) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Where the pads and the values are in a run once it is unfolded.

    A pad is the 0 in front of an odd count of packed digits.
    """
    form = fields[0].form
    scale = 2 * form.chars // form.nibbles  # characters unfolded from one byte
    pads: list[int] = []
    cuts: list[tuple[int, int, int]] = []
    place = 0
    for item in fields:
        end = place + (form.width(item.count) * scale if form.mergeable else item.count)
        start = end - item.count * form.chars
        pads.extend(range(place, start))
        cuts.append((item.number, start, end))
        place = end
    return pads, cuts


def _variable_reader(field: Field) -> Read:
    number, unfold, chars = field.number, field.form.unfold, field.form.chars
    # A table instead of int(): only these very digits are lengths, no sign, space or underscore.
    sizes = {
        _prefix(field, count): (field.form.width(count), count * chars)
        for count in range(field.count + 1)
    }
    prefix_width = len(_prefix(field, 0))

    def read(text: str, start: int, values: dict[int, str]) -> int:
        begin = start + prefix_width
        size = sizes.get(text[start:begin])
        if size is None:
            raise Fault("length is cut short, no number or over the maximum")
        end = begin + size[0]
        if end > len(text):
            raise Fault("cut short")
        try:
            value = unfold(text[begin:end])
        except Broken as broken:
            raise Fault(str(broken), end) from None
        if len(value) != size[1]:  # one more: the pad of an odd count
            if value[0] != "0":
                raise Fault("pad is not 0", end)
            value = value[1:]
        values[number] = value
        return end

    return read


def writer(fields: Sequence[Field]) -> Write:
    """Write these neighbours, as `reader` reads them; Broken when a value does not fit."""
    return _variable_writer(fields[0]) if fields[0].prefix_digits else _fixed_writer(fields)


def _fixed_writer(fields: Sequence[Field]) -> Write:
    form = fields[0].form
    lengths = [item.count * form.chars for item in fields]
    numbers = [item.number for item in fields]
    # Each odd count of packed digits gets its 0, so that the whole run can be packed in one go.
    odd = [form.nibbles == 1 and form.mergeable and item.count % 2 for item in fields]
    template = "".join("0%s" if pad else "%s" for pad in odd)
    get, fold = itemgetter(*numbers), form.fold

    def write_run(values: Mapping[int, str]) -> str:
        run: tuple[str, ...] = get(values)
        if list(map(len, run)) != lengths:
            raise Broken("a length is wrong")
        return fold(template % run)

    def write_one(values: Mapping[int, str]) -> str:
        value: str = get(values)
        if len(value) != lengths[0]:
            raise Broken(f"{len(value)} characters instead of {lengths[0]}")
        return fold(template % value)

    return write_run if len(numbers) > 1 else write_one


def _variable_writer(field: Field) -> Write:
    number, fold, chars = field.number, field.form.fold, field.form.chars
    prefixes = [_prefix(field, count) for count in range(field.count + 1)]

    def write(values: Mapping[int, str]) -> str:
        value = values[number]
        count = len(value) // chars
        if count >= len(prefixes):
            raise Broken(f"{len(value)} characters, over the maximum")
        return prefixes[count] + fold(value)

    return write
