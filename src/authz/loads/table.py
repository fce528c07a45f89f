"""Tables as offices send them: CSV as a French Excel writes it, row by row. Pure.

`;` or `,` or tabs between fields, any end of line, a heading in one of several languages; UTF-8
with or without BOM, UTF-16 ("texte Unicode"), or else cp1252, line by line where programs mixed
them. A row that cannot be read is named with its place; the others are there.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final

from msgspec import Struct

from authz.loads.lines import Bad
from authz.usage import UsageError

FILE_SIZE_MAX: Final = 50_000_000
NAME_MAX: Final = 64
_EUROS: Final = re.compile(r"([0-9]{1,7})(?:[.,]([0-9]{1,2}))?")
_NAME: Final = re.compile(rf"[\x21-\x7e]{{1,{NAME_MAX}}}")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BOMS: Final = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SEPARATOR: Final = re.compile(r"sep=(.)", re.IGNORECASE)


class Row(Struct, frozen=True):
    """The cells of a row by field, and the line of the file on which it begins."""

    line_no: int
    cells: Mapping[str, str]


def text_of(content: bytes) -> str:
    """The text of a file. Raises UsageError for one that is too large."""
    if len(content) > FILE_SIZE_MAX:
        raise UsageError(f"the file is larger than {FILE_SIZE_MAX:,} bytes")
    for bom, encoding in _BOMS.items():
        if content.startswith(bom):
            content = content.removeprefix(bom)
            if encoding != "utf-8":
                return content.decode(encoding, errors="replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return "".join(map(_line_of, content.splitlines(keepends=True)))


def lines_of(text: str) -> list[str]:
    """The lines without their ends, whichever system wrote them."""
    return _LINE_END.split(text)


def rows_of(text: str, columns: Mapping[str, str]) -> Iterator[Row | Bad]:
    """The rows under a heading; `columns` says which field each of its words means.

    Raises UsageError for a heading in which a field is missing or there twice.
    """
    separator, skipped = _separator(text)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    for _ in range(skipped):
        next(reader)
    try:
        heading = next((row for row in reader if any(map(str.strip, row))), None)
    except csv.Error as error:
        raise UsageError(f"the heading is not CSV: {error}") from None
    if heading is None:
        raise UsageError("the file is empty")
    return _rows(reader, _fields(heading, columns))


def name_of(cell: str) -> str | None:
    """A name as records have them, or None for what can be none."""
    name = cell.strip()
    return name if _NAME.fullmatch(name) else None


def cents_of(cell: str) -> int | None:
    """Euros as cents, without a float on the way: `1 234,5`, `12.50`, `12,50 €`."""
    match = _EUROS.fullmatch(tight(cell).removesuffix("€").removesuffix("EUR"))
    if match is None:
        return None
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def tight(cell: str) -> str:
    """Without any blank: Excel groups thousands by narrow and non-breaking ones."""
    return "".join(cell.split())


def plain(word: str) -> str:
    """Small letters, no accents, one blank between words."""
    letters = unicodedata.normalize("NFKD", word.casefold().replace("_", " "))
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def _line_of(line: bytes) -> str:
    """Excel writes cp1252 where it writes no BOM; every byte is something there."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _separator(text: str) -> tuple[str, int]:
    """The mark between fields, and how many lines only speak of it (`sep=;`)."""
    first = next((line for line in lines_of(text[:10_000]) if line.strip()), "")
    if (said := _SEPARATOR.fullmatch(first.strip())) is not None:
        return said[1], 1
    return max(";\t,", key=first.count), 0


def _fields(heading: Sequence[str], columns: Mapping[str, str]) -> list[str | None]:
    """By place; columns that mean nothing here may be missing in a row if nothing follows them."""
    fields = [columns.get(plain(name)) for name in heading]
    wanted = list(dict.fromkeys(columns.values()))
    if missing := [name for name in wanted if name not in fields]:
        raise UsageError(f"the heading lacks {', '.join(missing)}")
    if doubled := [name for name in wanted if fields.count(name) > 1]:
        raise UsageError(f"the heading has {', '.join(doubled)} twice")
    return fields


def _rows(reader: Any, fields: Sequence[str | None]) -> Iterator[Row | Bad]:
    needed = max(place for place, field in enumerate(fields, 1) if field)
    while True:
        begins = reader.line_num + 1
        try:
            row: list[str] | None = next(reader, None)
        except csv.Error as error:
            ends = f", read up to line {reader.line_num}" if reader.line_num > begins else ""
            yield Bad(begins, "line", f"is not CSV: {error}{ends}")
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue  # Excel leaves empty rows behind
        # A decimal comma between commas makes one field more, and shifts those behind it.
        more = any(cell.strip() for cell in row[len(fields) :])
        if more or len(row) < needed:
            yield Bad(begins, "line", f"has {len(row)} fields, the heading {len(fields)}")
            continue
        cells = {field: cell for field, cell in zip(fields, row, strict=False) if field}
        yield Row(begins, cells)
