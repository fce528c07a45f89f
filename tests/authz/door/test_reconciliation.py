"""An acquirer's figures beside ours, without a database."""

import pytest
from msgspec.structs import replace

from authz.door.reconciliation import AMOUNTS, COUNTS, Totals, agrees, as_fields, told_totals
from authz.iso8583.numbers import NET

OURS = Totals(
    credits=1, debits=3, debit_reversals=1, authorizations=2,
    credits_minor=500, debits_minor=3000, debit_reversals_minor=1250,
)  # fmt: skip


def test_our_figures_as_fields_are_read_as_the_same_figures() -> None:
    fields = as_fields(OURS)
    assert (fields[76], fields[88], fields[NET]) == (
        "0000000003", "0000000000003000", "D0000000000001250",
    )  # fmt: skip
    assert told_totals(fields) == OURS
    assert agrees(fields, OURS)


def test_more_that_came_back_than_was_paid_is_a_net_credit() -> None:
    fields = as_fields(Totals(credits=1, credits_minor=700))
    assert fields[NET] == "C0000000000000700"


@pytest.mark.parametrize("number", [*COUNTS, *AMOUNTS])
def test_one_more_in_any_field_is_out_of_balance(number: int) -> None:
    fields = as_fields(OURS)
    fields[number] = f"{int(fields[number]) + 1:0{len(fields[number])}d}"
    assert not agrees(fields, OURS)


def test_a_net_of_the_other_sign_is_out_of_balance() -> None:
    assert not agrees({**as_fields(OURS), NET: "C0000000000001250"}, OURS)


@pytest.mark.parametrize("sign", ["C", "D"])
def test_a_net_of_nothing_has_no_side(sign: str) -> None:
    nothing = replace(OURS, debits_minor=1750)
    assert agrees({**as_fields(nothing), NET: f"{sign}{0:016d}"}, nothing)
