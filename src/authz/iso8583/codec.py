"""Read and write whole messages: a codec is compiled once per profile from its specification.

The plan of a message (which readers in which order) depends on its bitmap alone, and peers send few
different ones: plans are cached, bounded. A message that a plan cannot read is read again slowly,
field by field, to say what is wrong and to save what can be saved for the answer.
"""

from collections.abc import Sequence
from functools import lru_cache

from authz.iso8583.fields import Fault, Field, Read, Write, field, reader, runs, writer
from authz.iso8583.forms import FORMS, Broken
from authz.iso8583.message import Message
from authz.iso8583.spec import BINARY, NUMERIC, Spec

# A peer that varies its bitmaps costs us no memory beyond this. Only runs are compiled anew: the
# tables of lengths, which are dear, belong to the readers of single fields, made once.
_PLANS_MAX = 512
_BITMAP_SIZE = 8
_NOT_A_TYPE = "a message type has four digits"


class DecodeError(Exception):
    """A peer's bytes are no message of this profile.

    `field` is None where the type, the bitmap or bytes after the last field are at fault;
    `position` is the byte of the body; `partial` holds what was read, for the echo of a refusal:
    fields before the fault, and those after it if its length was known; None without even a type.
    """

    def __init__(
        self, why: str, field: int | None, position: int, partial: Message | None = None
    ) -> None:
        """The text names the place and the fault, never a value."""
        place = f"DE{field}" if field is not None else "message"
        super().__init__(f"{place} at byte {position}: {why}")
        self.why = why
        self.field = field
        self.position = position
        self.partial = partial


class EncodeError(Exception):
    """A message of ours does not fit its profile: our bug. Names the field, never the value."""


class Codec:
    """Bytes to Message and back, for one specification."""

    def __init__(self, spec: Spec) -> None:
        """`spec` is a pyiso8583 specification dict (see `authz.iso8583.spec`)."""
        self.spec = spec
        self._fields: dict[int, Field] = {
            int(key): field(int(key), entry)
            for key, entry in spec.items()
            if key.isdigit() and key != "1"
        }
        self._readers: dict[int, Read] = {n: reader([f]) for n, f in self._fields.items()}
        self._writers: dict[int, Write] = {n: writer([f]) for n, f in self._fields.items()}
        self._mti = FORMS[NUMERIC, spec["t"]["data_enc"] == "b"]
        self._mti_width = self._mti.width(4)
        self._bitmap = FORMS[BINARY, spec["p"]["data_enc"] == "b"]
        self._bitmap_width = _BITMAP_SIZE * 2 // self._bitmap.chars
        # The greatest first character of a bitmap without its first bit (which adds a second one).
        self._lone_last = "7" if self._bitmap.chars == 1 else "\x7f"
        self._read_plan = lru_cache(maxsize=_PLANS_MAX)(self._compile_read)
        self._write_plan = lru_cache(maxsize=_PLANS_MAX)(self._compile_write)

    def decode(self, body: bytes) -> Message:
        """Read a message; DecodeError for anything that is not exactly one."""
        text = body.decode("latin-1")
        values: dict[int, str] = {}
        try:
            mti = self._read_mti(text)
            bitmap = self._bitmap_text(text)
            place = self._mti_width + len(bitmap)
            for read in self._read_plan(bitmap):
                place = read(text, place, values)
        except Fault:
            raise self._diagnose(text) from None
        if place != len(text):
            raise self._diagnose(text)
        return Message(mti, values)

    def encode(self, message: Message) -> bytes:
        """Write a message. The bitmaps follow from its fields. EncodeError: our bug."""
        fields = message.fields
        bitmap, writers = self._write_plan(tuple(fields))
        if len(message.mti) != 4:
            raise EncodeError(_NOT_A_TYPE)
        try:
            mti = self._mti.fold(message.mti)
            parts = [write(fields) for write in writers]
        except Broken:
            raise self._blame(message) from None
        return (mti + bitmap + "".join(parts)).encode("latin-1")

    @property
    def plans_kept(self) -> int:
        """How many plans are in memory, of both directions."""
        return self._read_plan.cache_info().currsize + self._write_plan.cache_info().currsize

    # Reading

    def _read_mti(self, text: str) -> str:
        wire = text[: self._mti_width]
        if len(wire) != self._mti_width:
            raise Fault("message type is cut short")
        try:
            return self._mti.unfold(wire)
        except Broken:
            raise Fault("message type is not four digits") from None

    def _bitmap_text(self, text: str) -> str:
        """The wire text of one bitmap, or of two when the first bit says so."""
        start = self._mti_width
        bitmap = text[start : start + self._bitmap_width]
        if bitmap[:1] > self._lone_last:
            return text[start : start + 2 * self._bitmap_width]
        return bitmap

    def _numbers(self, bitmap: str) -> list[int]:
        """The fields that a bitmap announces, in order. An all-zero second bitmap is fine."""
        try:
            bits = self._bitmap.unfold(bitmap)
        except Broken:
            raise Fault("bitmap is not hexadecimal") from None
        expected = 32 if bits[:1] >= "8" else 16
        if len(bits) != expected:
            raise Fault("bitmap is cut short")
        width = 4 * expected
        flags = f"{int(bits, 16):0{width}b}"
        return [n for n, flag in enumerate(flags, 1) if flag == "1" and n != 1]

    def _compile_read(self, bitmap: str) -> tuple[Read, ...]:
        """Readers for what a bitmap announces."""
        fields = [self._field(number) for number in self._numbers(bitmap)]
        return tuple(
            reader(run) if len(run) > 1 else self._readers[run[0].number] for run in runs(fields)
        )

    def _field(self, number: int) -> Field:
        try:
            return self._fields[number]
        except KeyError:
            raise Fault(f"field {number} is not specified") from None

    def _diagnose(self, text: str) -> DecodeError:
        """Read slowly what the plan could not: name the first fault, keep what is readable."""
        try:
            mti = self._read_mti(text)
        except Fault as fault:
            return DecodeError(fault.why, None, 0)
        partial = Message(mti, {})
        bitmap = self._bitmap_text(text)
        try:
            numbers = self._numbers(bitmap)
        except Fault as fault:
            return DecodeError(fault.why, None, self._mti_width, partial)
        place = self._mti_width + len(bitmap)
        return self._first_fault(text, place, numbers, partial)

    def _first_fault(
        self, text: str, place: int, numbers: Sequence[int], partial: Message
    ) -> DecodeError:
        first: DecodeError | None = None
        for number in numbers:
            try:
                self._field(number)
                place = self._readers[number](text, place, partial.fields)
            except Fault as fault:
                first = first or DecodeError(fault.why, number, place, partial)
                if fault.resume is None:
                    return first
                place = fault.resume
        return first or DecodeError("bytes after the last field", None, place, partial)

    # Writing

    def _compile_write(self, numbers: tuple[int, ...]) -> tuple[str, tuple[Write, ...]]:
        ordered = sorted(numbers)
        try:
            fields = [self._fields[number] for number in ordered]
        except KeyError as missing:
            raise EncodeError(f"field {missing} is not specified") from None
        writers = tuple(
            writer(run) if len(run) > 1 else self._writers[run[0].number] for run in runs(fields)
        )
        bits = 0
        for number in ordered:
            bits |= 1 << (128 - number)
        if ordered and ordered[-1] > 64:
            return self._bitmap.fold(f"{bits | 1 << 127:032X}"), writers
        return self._bitmap.fold(f"{bits >> 64:016X}"), writers

    def _blame(self, message: Message) -> EncodeError:
        """Which field of ours does not fit."""
        for number in sorted(message.fields):
            try:
                self._writers[number](message.fields)
            except Broken as broken:
                return EncodeError(f"DE{number}: {broken}")
        return EncodeError(_NOT_A_TYPE)
