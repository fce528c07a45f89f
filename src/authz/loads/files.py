"""Bulk files of loads: CSV as a French Excel writes it, or JSON Lines. Pure: bytes in, lines out.

CSV: `;` or `,` or tabs between fields, a heading in English or French, amounts in euros with a
comma or a point, UTF-8 with or without BOM, or else cp1252. JSON Lines: amounts in cents. Each line
is read for itself: one that cannot be is named with its place in the file, the others are there.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Annotated, Any, Final

import msgspec

from authz.loads.lines import Bad, Line
from authz.usage import UsageError

FILE_SIZE_MAX: Final = 50_000_000

COLUMNS: Final[Mapping[str, str]] = {
    "account": "account",
    "compte": "account",
    "count": "count",
    "nombre": "count",
    "quantite": "count",
    "face value": "face_value",
    "valeur faciale": "face_value",
    "employer share": "employer_share",
    "part employeur": "employer_share",
    "period": "period",
    "periode": "period",
    "mois": "period",
}
"""What a heading may be called, without accents and capitals, and the field it means."""

WANTED: Final = ("account", "count", "face_value", "employer_share", "period")
_EUROS: Final = re.compile(r"([0-9]{1,7})(?:[.,]([0-9]{1,2}))?")
_COUNT: Final = re.compile(r"-?[0-9]{1,6}")
_MONTH_FIRST: Final = re.compile(r"(?:[0-9]{2}/)?([0-9]{2})/([0-9]{4})")


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    count: int
    face_value: int
    employer_share: int
    period: str


_decode_record: Final = msgspec.json.Decoder(_Record).decode


def read_file(content: bytes) -> Iterator[Line | Bad]:
    """The lines of a file, each or why not. Raises UsageError for what is no such file at all."""
    if len(content) > FILE_SIZE_MAX:
        raise UsageError(f"the file is larger than {FILE_SIZE_MAX:,} bytes")
    text = _text(content)
    if text.lstrip().startswith("{"):
        return _json_lines(text)
    return _csv(text)


def _text(content: bytes) -> str:
    """Excel marks UTF-8 by a BOM and writes cp1252 otherwise; every byte is something there."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _json_lines(text: str) -> Iterator[Line | Bad]:
    for line_no, written in enumerate(text.split("\n"), 1):
        if written.strip():
            yield _record(line_no, written)


def _record(line_no: int, written: str) -> Line | Bad:
    try:
        record = _decode_record(written)
    except msgspec.ValidationError as error:
        why, _, place = str(error).partition(" - at `$.")
        return Bad(line_no, place.rstrip("`") or "line", why)
    except msgspec.DecodeError as error:
        return Bad(line_no, "line", f"is not JSON: {error}")
    return Line(
        line_no,
        record.account,
        record.count,
        record.face_value,
        record.employer_share,
        record.period,
    )


def _csv(text: str) -> Iterator[Line | Bad]:
    rows = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        heading = next(rows, None)
    except csv.Error as error:
        raise UsageError(f"the heading is not CSV: {error}") from None
    if heading is None:
        raise UsageError("the file is empty")
    return _rows(rows, _fields(heading))


def _delimiter(text: str) -> str:
    heading = text.split("\n", 1)[0]
    return max(";\t,", key=heading.count)


def _fields(heading: list[str]) -> list[str | None]:
    fields = [COLUMNS.get(_plain(name)) for name in heading]
    missing = [name for name in WANTED if name not in fields]
    if missing:
        raise UsageError(f"the heading lacks {', '.join(missing)}")
    doubled = [name for name in WANTED if fields.count(name) > 1]
    if doubled:
        raise UsageError(f"the heading has {', '.join(doubled)} twice")
    return fields


def _plain(name: str) -> str:
    """Small letters, no accents, one blank between words."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("_", " "))
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def _rows(rows: Any, fields: list[str | None]) -> Iterator[Line | Bad]:
    """`line_num` is the place in the file, also where a quoted field holds a line break."""
    while True:
        try:
            row: list[str] | None = next(rows, None)
        except csv.Error as error:
            yield Bad(rows.line_num, "line", f"is not CSV: {error}")
            continue
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue  # Excel leaves empty rows behind
        if len(row) < len(fields):
            yield Bad(rows.line_num, "line", f"has {len(row)} fields, the heading {len(fields)}")
            continue
        cells = {field: cell for field, cell in zip(fields, row, strict=False) if field}
        yield _line(rows.line_num, cells)


def _line(line_no: int, cells: Mapping[str, str]) -> Line | Bad:
    count, face = _count(cells["count"]), _cents(cells["face_value"])
    share, period = _cents(cells["employer_share"]), _period(cells["period"])
    if not (account := cells["account"].strip()):
        return Bad(line_no, "account", "is empty")
    if count is None:
        return Bad(line_no, "count", "is no whole number")
    if face is None:
        return Bad(line_no, "face_value", "is no amount in euros, as 12,50")
    if share is None:
        return Bad(line_no, "employer_share", "is no amount in euros, as 7,00")
    return Line(line_no, account, count, face, share, period)


def _count(cell: str) -> int | None:
    written = _tight(cell).replace("\N{MINUS SIGN}", "-")
    return int(written) if _COUNT.fullmatch(written) else None


def _cents(cell: str) -> int | None:
    """Euros as cents, without a float on the way: `1 234,5`, `12.50`, `12,50 €`."""
    match = _EUROS.fullmatch(_tight(cell).removesuffix("€").removesuffix("EUR"))
    if match is None:
        return None
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _tight(cell: str) -> str:
    """Without any blank: Excel groups thousands by narrow and non-breaking ones."""
    return "".join(cell.split())


def _period(cell: str) -> str:
    """`2026-11`; Excel likes to turn that into 11/2026 or 01/11/2026."""
    match = _MONTH_FIRST.fullmatch(cell.strip())
    return f"{match[2]}-{match[1]}" if match else cell.strip()
