"""Bulk files of loads: a table in euros, or JSON Lines in cents. Pure: bytes in, lines out.

Each line is read for itself: one that cannot be is named with its place in the file.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import msgspec

from authz.loads.lines import Bad, Line
from authz.loads.table import Row, cents_of, lines_of, name_of, plain, rows_of, text_of, tight

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

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan janv", "feb fev fevr", "mar mars", "apr avr", "may mai", "jun juin",
            "jul juil", "aug aou aout", "sep sept", "oct", "nov", "dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_COUNT: Final = re.compile(r"(-?[0-9]{1,6})(?:[.,]0{1,2})?")
_MONTH_FIRST: Final = re.compile(r"(?:[0-9]{2}/)?([0-9]{2})/([0-9]{4})")
_MONTH_NAMED: Final = re.compile(r"([a-z]{3,5})\.?[- ](?:20)?([0-9]{2})")
_DAY: Final = re.compile(r"(20[0-9]{2}-[0-9]{2})-[0-9]{2}(?:[T ]00:00(?::00)?)?")


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,64}$")]
    count: int
    face_value: int
    employer_share: int
    period: str


_decode_record: Final = msgspec.json.Decoder(_Record).decode


def read_file(content: bytes) -> Iterator[Line | Bad]:
    """The lines of a file, each or why not. Raises UsageError for what is no such file at all."""
    text = text_of(content)
    if text.lstrip().startswith("{"):
        return _json_lines(text)
    return (row if isinstance(row, Bad) else _line(row) for row in rows_of(text, COLUMNS))


def _json_lines(text: str) -> Iterator[Line | Bad]:
    for line_no, written in enumerate(lines_of(text), 1):
        if written.strip():
            yield _record(line_no, written)


def _record(line_no: int, written: str) -> Line | Bad:
    try:
        record = _decode_record(written)
    except msgspec.ValidationError as error:
        why, _, place = str(error).partition(" - at `$.")
        return Bad(line_no, place.rstrip("`") or "line", why)
    except (msgspec.DecodeError, RecursionError) as error:
        return Bad(line_no, "line", f"is not JSON: {error}")
    return Line(
        line_no,
        record.account,
        record.count,
        record.face_value,
        record.employer_share,
        record.period,
    )


def _line(row: Row) -> Line | Bad:
    cells, line_no = row.cells, row.line_no
    count, face = _count(cells["count"]), cents_of(cells["face_value"])
    share, account = cents_of(cells["employer_share"]), name_of(cells["account"])
    if account is None:
        return Bad(line_no, "account", "is empty" if not cells["account"].strip() else "is no name")
    if count is None:
        return Bad(line_no, "count", "is no whole number")
    if face is None:
        return Bad(line_no, "face_value", "is no amount in euros, as 12,50")
    if share is None:
        return Bad(line_no, "employer_share", "is no amount in euros, as 7,00")
    return Line(line_no, account, count, face, share, _period(cells["period"]))


def _count(cell: str) -> int | None:
    """A whole number, also where a column was formatted with decimals: `20,00`."""
    match = _COUNT.fullmatch(tight(cell).replace("\N{MINUS SIGN}", "-"))
    return int(match[1]) if match else None


def _period(cell: str) -> str:
    """`2026-11`; Excel likes to turn that into 11/2026, 01/11/2026, nov-26 or nov.-26."""
    written = cell.strip()
    if (match := _MONTH_FIRST.fullmatch(written)) is not None:
        return f"{match[2]}-{match[1]}"
    if (match := _DAY.fullmatch(written)) is not None:
        return match[1]
    match = _MONTH_NAMED.fullmatch(plain(written))
    if match is not None and (month := MONTHS.get(match[1])) is not None:
        return f"20{match[2]}-{month:02}"
    return written
