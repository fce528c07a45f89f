"""Lines of CSV, for programs and for spreadsheets."""

import csv
import io

import pytest

from ledger.exports import csv_line


def test_a_line_is_read_back_as_it_was_meant() -> None:
    line = csv_line((1, -250, None, 'Chez "Paul", Lyon', "a=b"))
    assert line.endswith("\r\n")
    assert next(csv.reader(io.StringIO(line, newline=""))) == [
        "1", "-250", "", 'Chez "Paul", Lyon', "a=b",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+33", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_from_outside_is_no_formula_of_a_spreadsheet(text: str) -> None:
    assert next(csv.reader(io.StringIO(csv_line((text, -2)), newline=""))) == [f"'{text}", "-2"]
