"""Bulk files: as a French Excel writes them, as programs write them, and as neither should."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.loads.files import read_file
from authz.loads.lines import Bad, Line
from authz.usage import UsageError

HEAD = "Compte;Nombre;Valeur faciale;Part employeur;Période\r\n"
NOVEMBER = Line(2, "acc-1", 20, 1250, 700, "2026-11")


def read(content: str | bytes) -> list[Line | Bad]:
    return list(read_file(content.encode() if isinstance(content, str) else content))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_excel_writes_three_encodings(encoding: str) -> None:
    content = (HEAD + "acc-1;20;12,50 €;7,00;2026-11\r\n").encode(encoding)
    assert read(content) == [NOVEMBER]


@pytest.mark.parametrize(
    "cell", ["12,50", "12.50", "12,5", " 12,50 ", "12,50€", "12,50\N{NO-BREAK SPACE}€", "12,50 EUR"]
)
def test_amounts_as_people_write_them(cell: str) -> None:
    assert read(f"{HEAD}acc-1;20;{cell};7;2026-11\n") == [NOVEMBER]


@pytest.mark.parametrize("blank", [" ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"])
def test_thousands_may_stand_apart(blank: str) -> None:
    (line,) = read(f"{HEAD}acc-1;1{blank}000;1{blank}000,00;600;2026-11\n")
    assert isinstance(line, Line)
    assert (line.count, line.face_minor) == (1000, 100_000)


@pytest.mark.parametrize("period", ["2026-11", "11/2026", "01/11/2026", " 2026-11 "])
def test_months_survive_excel(period: str) -> None:
    assert read(f"{HEAD}acc-1;20;12,50;7,00;{period}\n") == [NOVEMBER]


def test_columns_stand_in_any_order_under_either_language_and_more_are_passed_over() -> None:
    content = (
        "period,employer_share,note,FACE VALUE,Count,account\n"
        '2026-11,7.00,"hers, mostly",12.50,20,acc-1\n'
    )
    assert read(content) == [NOVEMBER]


def test_empty_rows_are_no_lines_but_count_as_places() -> None:
    assert read(f"{HEAD};;;;\r\n\r\nacc-1;20;12,50;7,00;2026-11\r\n;;;;\r\n") == [
        Line(4, "acc-1", 20, 1250, 700, "2026-11")
    ]


def test_a_negative_count_is_a_correction() -> None:
    for minus in ("-", "\N{MINUS SIGN}"):
        (line,) = read(f"{HEAD}acc-1;{minus}2;12,50;7,00;2026-11\n")
        assert isinstance(line, Line)
        assert line.count == -2


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (";20;12,50;7,00;2026-11", "account"),
        ("acc-1;vingt;12,50;7,00;2026-11", "count"),
        ("acc-1;20,5;12,50;7,00;2026-11", "count"),
        ("acc-1;20;12,505;7,00;2026-11", "face_value"),
        ("acc-1;20;-12,50;7,00;2026-11", "face_value"),
        ("acc-1;20;1e3;7,00;2026-11", "face_value"),
        ("acc-1;20;12,50;;2026-11", "employer_share"),
        ("acc-1;20;12,50", "line"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_are_read(row: str, place: str) -> None:
    bad, good = read(f"{HEAD}{row}\nacc-1;20;12,50;7,00;2026-11\n")
    assert isinstance(bad, Bad)
    assert (bad.line_no, bad.place) == (2, place)
    assert good == Line(3, "acc-1", 20, 1250, 700, "2026-11")


def test_a_quote_out_of_place_costs_its_own_line_only() -> None:
    bad, good = read(f'{HEAD}"acc"-1;20;12,50;7,00;2026-11\nacc-1;20;12,50;7,00;2026-11\n')
    assert isinstance(bad, Bad)
    assert (bad.line_no, bad.place) == (2, "line")
    assert good == Line(3, "acc-1", 20, 1250, 700, "2026-11")


def test_a_quote_that_is_never_closed_is_told() -> None:
    (bad,) = read(f'{HEAD}"acc-1;20;12,50;7,00;2026-11\nacc-1;20;12,50;7,00;2026-11\n')
    assert isinstance(bad, Bad)
    assert bad.place == "line"


@pytest.mark.parametrize(
    "content",
    ["", "acc-1;20;12,50;7,00;2026-11\n", "compte;nombre\n", HEAD.replace("Nombre", "Compte")],
)
def test_a_file_without_a_right_heading_is_refused(content: str) -> None:
    with pytest.raises(UsageError):
        read(content)


def test_json_lines_speak_in_cents() -> None:
    record = {
        "account": "acc-1", "count": 20, "face_value": 1250, "employer_share": 700,
        "period": "2026-11",
    }  # fmt: skip
    lines = [json.dumps(record), "", json.dumps(record | {"count": "20"}), "{", "[]"]
    first, second, third, fourth = read("\n".join(lines))
    assert first == Line(1, "acc-1", 20, 1250, 700, "2026-11")
    assert isinstance(second, Bad) and (second.line_no, second.place) == (3, "count")
    assert isinstance(third, Bad) and third.line_no == 4
    assert isinstance(fourth, Bad) and fourth.line_no == 5


def test_json_lines_refuse_a_fraction_of_a_cent() -> None:
    (bad,) = read('{"account":"a","count":1,"face_value":12.5,"employer_share":7,"period":"x"}')
    assert isinstance(bad, Bad) and bad.place == "face_value"


@given(st.binary(max_size=300))
def test_any_bytes_are_lines_or_a_clear_refusal(content: bytes) -> None:
    for prefix in (b"", HEAD.encode()):
        try:
            lines = read(prefix + content)
        except UsageError:
            continue
        assert all(isinstance(line, Line | Bad) for line in lines)
        assert all(line.line_no >= 1 for line in lines)


def test_a_heading_that_is_no_csv_is_refused_with_its_reason() -> None:
    with pytest.raises(UsageError, match="heading is not CSV"):
        read(b'"compte" x;nombre\n')


ROW = "acc-1;20;12,50;7,00;2026-11"


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + ROW).replace("\r\n", "\r").encode(),  # an old Macintosh
        b"\xef\xbb\xbf" + (HEAD + ROW).encode("cp1252"),  # a BOM before what is no UTF-8
        HEAD.encode() + ROW.replace("12,50", "12,50 €").encode("cp1252"),  # two programs
        b"\xff\xfe" + (HEAD + ROW).replace(";", "\t").encode("utf-16-le"),  # texte Unicode
        b"\xfe\xff" + (HEAD + ROW).encode("utf-16-be"),
    ],
)
def test_whatever_program_wrote_it_the_line_is_read(content: bytes) -> None:
    assert read(content) == [NOVEMBER]


def test_excels_own_word_for_the_separator_is_no_heading() -> None:
    assert read(f"sep=;\r\n{HEAD}{ROW}\r\n") == [Line(3, "acc-1", 20, 1250, 700, "2026-11")]


@pytest.mark.parametrize(
    "period", ["nov-26", "nov.-26", "Nov-26", "nov 2026", "2026-11-01", "2026-11-01 00:00:00"]
)
def test_months_that_excel_took_for_days_are_months_again(period: str) -> None:
    assert read(f"{HEAD}acc-1;20;12,50;7,00;{period}\n") == [NOVEMBER]


@pytest.mark.parametrize(
    ("period", "month"), [("févr-26", "2026-02"), ("août-26", "2026-08"), ("déc.-26", "2026-12")]
)
def test_french_months_have_accents(period: str, month: str) -> None:
    (line,) = read(f"{HEAD}acc-1;20;12,50;7,00;{period}\n".encode("cp1252"))
    assert isinstance(line, Line) and line.period == month


def test_a_count_may_be_shown_with_decimals_that_are_nothing() -> None:
    assert read(f"{HEAD}acc-1;20,00;12,50;7,00;2026-11\n") == [NOVEMBER]


def test_empty_columns_at_the_end_are_no_columns() -> None:
    heading = HEAD.replace("\r\n", ";;\r\n")
    assert read(f"{heading}{ROW}\r\n") == [NOVEMBER]
    assert read(f"{HEAD}{ROW};;\r\n") == [NOVEMBER]


def test_a_decimal_comma_between_commas_is_told_and_not_guessed() -> None:
    heading = "period,account,count,face_value,employer_share\n"
    (bad,) = read(f"{heading}2026-11,acc-1,20,12,7,50\n")
    assert isinstance(bad, Bad) and bad.why == "has 6 fields, the heading 5"


@pytest.mark.parametrize("name", ["acc\0", "acc 1", "é", "a" * 65, "acc\n1"])
def test_what_can_be_no_name_is_told_before_the_database_is_asked(name: str) -> None:
    (bad,) = read(f'{HEAD}"{name}";20;12,50;7,00;2026-11\n')
    assert isinstance(bad, Bad) and (bad.line_no, bad.place) == (2, "account")
    (bad,) = read(
        json.dumps(
            {"account": name, "count": 1, "face_value": 1, "employer_share": 1, "period": "2026-11"}
        )
    )
    assert isinstance(bad, Bad) and bad.place == "account"


@pytest.mark.parametrize("cell", ["(12,50)", "1.234,56", "1,234.56", "12,50-", "#REF!", "=A1"])
def test_amounts_that_could_mean_two_things_are_not_guessed(cell: str) -> None:
    (bad,) = read(f"{HEAD}acc-1;20;{cell};7,00;2026-11\n")
    assert isinstance(bad, Bad) and bad.place == "face_value"


def test_an_open_quote_is_told_with_how_far_it_reached() -> None:
    (bad,) = read(f'{HEAD}"acc-1;20;12,50;7,00;2026-11\n{ROW}\n{ROW}\n')
    assert isinstance(bad, Bad)
    assert bad.line_no == 2 and "read up to line 4" in bad.why


def test_a_quoted_field_may_hold_the_separator_and_an_end_of_line() -> None:
    heading = HEAD.replace("Période", "Période;Note")
    lines = read(f'{heading}{ROW};"une; note\r\nsuite"\r\n{ROW};\r\n')
    assert lines == [NOVEMBER, Line(4, "acc-1", 20, 1250, 700, "2026-11")]
