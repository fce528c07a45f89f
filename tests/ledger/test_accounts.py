"""The numbers of accounts: what they say, and what is no account."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import (
    CHART,
    HOLDER_ID_MAX,
    LOT_NO_MAX,
    MERCHANT_NO_MAX,
    AccountKind,
    AccountRow,
    House,
    Side,
    holder_of,
    is_spending,
    kind_of,
    lot_account,
    lot_no_of,
    payable_account,
)

AT = datetime(2026, 11, 22, tzinfo=UTC)

holders = st.integers(1, HOLDER_ID_MAX)
lot_nos = st.integers(1, LOT_NO_MAX)
bigints = st.integers(-(2**63), 2**63 - 1)


@given(holders, lot_nos)
def test_a_lot_account_says_whose_and_which_lot_it_is(holder_id: int, lot_no: int) -> None:
    account_id = lot_account(holder_id, lot_no)
    assert account_id == holder_id * 4096 + lot_no
    assert (holder_of(account_id), lot_no_of(account_id)) == (holder_id, lot_no)
    assert kind_of(account_id) is AccountKind.HOLDER_LOT
    assert 4096 < account_id < 2**63


@given(st.integers(1, MERCHANT_NO_MAX))
def test_a_payable_account_belongs_to_no_holder(merchant_no: int) -> None:
    account_id = payable_account(merchant_no)
    assert account_id == -merchant_no
    assert kind_of(account_id) is AccountKind.MERCHANT_PAYABLE
    assert holder_of(account_id) == 0
    assert is_spending(account_id)


@given(bigints)
def test_every_number_is_one_kind_of_account_or_none(account_id: int) -> None:
    families = [
        account_id < 0,
        account_id in list(House),
        account_id >= 4097 and account_id % 4096 != 0,
    ]
    if any(families):
        assert families.count(True) == 1
        kind_of(account_id)
    else:
        with pytest.raises(ValueError, match="no such account"):
            kind_of(account_id)


@pytest.mark.parametrize("account_id", [0, 1, 99, 4095, 4096, 8192])
def test_numbers_between_the_families_are_no_accounts(account_id: int) -> None:
    with pytest.raises(ValueError, match="no such account"):
        kind_of(account_id)


@pytest.mark.parametrize(
    ("holder_id", "lot_no"), [(0, 1), (-1, 1), (HOLDER_ID_MAX + 1, 1), (1, 0), (1, 4096), (1, -1)]
)
def test_a_lot_outside_the_limits_is_our_mistake(holder_id: int, lot_no: int) -> None:
    with pytest.raises(AssertionError, match="no such"):
        lot_account(holder_id, lot_no)


@pytest.mark.parametrize("merchant_no", [0, -1, MERCHANT_NO_MAX + 1])
def test_a_merchant_outside_the_limits_is_our_mistake(merchant_no: int) -> None:
    with pytest.raises(AssertionError, match="no such merchant"):
        payable_account(merchant_no)


@pytest.mark.parametrize("account_id", [House.EXPIRED, -5, 4096])
def test_only_a_lot_has_a_lot_number(account_id: int) -> None:
    with pytest.raises(AssertionError, match="not a lot"):
        lot_no_of(account_id)


def test_the_chart_names_every_kind_once() -> None:
    assert sorted(entry.kind for entry in CHART) == sorted(AccountKind)
    assert len({entry.name for entry in CHART}) == len(CHART)


def test_what_the_issuer_has_or_loses_stands_on_the_debit_side() -> None:
    debit_side = {entry.kind for entry in CHART if entry.normal is Side.DEBIT}
    assert debit_side == {
        AccountKind.TRUST_CASH,
        AccountKind.BANK_RECEIVABLE,
        AccountKind.OWN_CASH,
        AccountKind.ISSUER_LOSS,
    }


def test_only_merchants_known_or_not_and_the_opening_use_are_spending() -> None:
    """The employers' suspense is none: what went there before, for such merchants, stays so."""
    spent = [House.UNREGISTERED, House.OPENING_SPEND]
    assert [house for house in House if is_spending(house)] == spent
    assert not is_spending(lot_account(1, 1))


def test_a_lot_is_opened_with_what_never_changes_of_it() -> None:
    row = AccountRow.lot(3, 2, 2027, date(2027, 3, 1), AT, from_vintage=2026)
    lot = (3, 3 * 4096 + 2, "HOLDER_LOT", 2027, "EXCHANGE", 2026, date(2027, 3, 1), AT)
    assert row.as_row() == lot
    assert AccountRow.lot(3, 1, 2026, date(2026, 3, 1), AT).origin == "LOAD"
    assert AccountRow.lot(3, 1, 2026, date(2026, 3, 1), AT, opening=True).origin == "OPENING"


def test_a_house_account_is_opened_under_nobody() -> None:
    row = AccountRow.house(House.EXPIRED, AT)
    assert row.as_row() == (0, 300, "EXPIRED", None, None, None, None, AT)
    with pytest.raises(AssertionError, match="under its holder"):
        AccountRow.house(lot_account(1, 1), AT)
