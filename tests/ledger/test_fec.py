"""The eighteen columns of the FEC, as A.47 A-1 of the Livre des procédures fiscales wants them."""

from datetime import UTC, date, datetime
from typing import Final

import pytest

from ledger.accounts import CHART, House, lot_account, payable_account
from ledger.fec import COLUMNS, HEADER, PLAN, Booked, entry, euros, is_entry
from ledger.transfers import Transfer

AT = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
DAY = date(2026, 12, 30)
BOOKED_ON = date(2027, 1, 1)
LOT, SHOP = lot_account(5, 2), payable_account(7)

# Written down from the text of the article, not from our table.
NAMES: Final = (
    "JournalCode|JournalLib|EcritureNum|EcritureDate|CompteNum|CompteLib|CompAuxNum|CompAuxLib|"
    "PieceRef|PieceDate|EcritureLib|Debit|Credit|EcritureLet|DateLet|ValidDate|Montantdevise|"
    "Idevise"
)


def direct(debit: int, credit: int, amount_minor: int = 1250) -> Transfer:
    return Transfer.direct(5, 9, debit, credit, amount_minor, 77, DAY, AT)


def both(transfer: Transfer, number: int = 1) -> tuple[dict[str, str], dict[str, str]]:
    debit, credit = entry(Booked(transfer, BOOKED_ON), number)
    return read(debit), read(credit)


def read(line: str) -> dict[str, str]:
    assert line.endswith("\r\n")
    return dict(zip(NAMES.split("|"), line.rstrip("\r\n").split("\t"), strict=True))


def test_the_columns_are_those_of_the_article() -> None:
    assert NAMES.replace("|", "\t") + "\r\n" == HEADER
    assert len(COLUMNS) == 18


def test_a_purchase_is_two_lines_of_one_entry() -> None:
    debit, credit = both(direct(LOT, SHOP), 42)
    assert debit == {
        "JournalCode": "PA", "JournalLib": "Paiements par titres", "EcritureNum": "42",
        "EcritureDate": "20270101", "CompteNum": "467100",
        "CompteLib": "Titres-restaurant en circulation", "CompAuxNum": "T5",
        "CompAuxLib": "Porteur 5, lot 2", "PieceRef": "5-4d", "PieceDate": "20261230",
        "EcritureLib": "Paiement chez un commerçant", "Debit": "12,50", "Credit": "0,00",
        "EcritureLet": "", "DateLet": "", "ValidDate": "20270101", "Montantdevise": "",
        "Idevise": "",
    }  # fmt: skip
    assert (credit["Debit"], credit["Credit"]) == ("0,00", "12,50")
    assert (credit["CompteNum"], credit["CompAuxNum"]) == ("467200", "C7")
    assert credit["EcritureNum"] == "42"


@pytest.mark.parametrize(
    ("debit", "credit", "journal"),
    [
        (LOT, SHOP, "PA"),
        (SHOP, LOT, "PA"),
        (House.EMPLOYER_PREPAID, LOT, "EM"),
        (House.TRUST_CASH, House.EMPLOYER_PREPAID, "BQ"),
        (SHOP, House.TRUST_CASH, "BQ"),
        (SHOP, House.OWN_CASH, "BQ"),
        (LOT, House.EXPIRED, "OD"),
        (LOT, lot_account(5, 3), "OD"),
    ],
)
def test_each_movement_has_its_journal(debit: int, credit: int, journal: str) -> None:
    assert both(direct(debit, credit))[0]["JournalCode"] == journal


def test_holds_and_releases_are_no_entries_and_a_capture_is_for_its_amount() -> None:
    hold = Transfer.hold(5, 8, LOT, SHOP, 1000, 77, DAY, AT)
    post = Transfer.post(hold, 9, 400, 78, AT)
    void = Transfer.void(hold, 9, 78, AT)
    assert [is_entry(each) for each in (hold, post, void)] == [False, True, False]
    assert both(post)[0]["Debit"] == "4,00"


@pytest.mark.parametrize(("minor", "text"), [(1, "0,01"), (100, "1,00"), (123456789, "1234567,89")])
def test_cents_have_a_decimal_comma(minor: int, text: str) -> None:
    assert euros(minor) == text


def test_every_line_of_the_chart_has_a_number_of_the_plan() -> None:
    assert {each.kind for each in CHART} == set(PLAN)
    numbers = [compte.number for compte in PLAN.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(number.isdigit() and number[0] in "12345678" for number in numbers)
