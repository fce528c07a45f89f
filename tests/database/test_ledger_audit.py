"""The proof of the books: each law is broken once, and exactly that law is named."""

from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import pytest

from ledger.audit import VIOLATIONS_NAMED_MAX, audit_books
from ledger.laws import LAWS
from tests.database.books import a_small_world, books_url, tx

if TYPE_CHECKING:
    from ledger.journal import Tx

__all__ = ["books_url", "tx"]

FREE_OF_CHECKS = (
    "alter table transfers drop constraint transfers_amount_minor_check,"
    " drop constraint two_accounts, drop constraint looks_back,"
    " drop constraint debit_own_lot, drop constraint credit_own_lot,"
    " drop constraint transfers_kind_check, drop constraint settles_a_hold,"
    " drop constraint a_hold_names_nothing;"
    "drop index transfers_settle_once;"
    "alter table holders drop constraint lots_never_below_zero"
)


class Break(NamedTuple):
    """A way to break one law: what is done by SQL, the law, and what its violation says."""

    law: str
    sql: str
    says: str


# In the world of `a_small_world`, by number: 1 and 2 loads, 3 opening use, 4 bank leg, 5 purchase,
# 6 and 8 hold and post, 7 and 9 hold and void, 10 and 11 give-backs of 5 and 8, 12 returned,
# 13 expired, 14 exchange, 15 open hold.
BREAKS = (
    Break(
        "balanced_by_shape",
        "update transfers set amount_minor = -1500 where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: direct of -1500 from 110 to -8",
    ),
    Break(
        "balanced_by_shape",
        "update transfers set credit_account = debit_account where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: direct of 1500 from 110 to 110",
    ),
    Break(
        "balanced_by_shape",
        "update transfers set kind = 'gift' where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: gift of 1500 from 110 to -8",
    ),
    Break(
        "debits_equal_credits",
        "update transfers set debit_account = 77 where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: 1500 stands on an account outside the chart",
    ),
    Break(
        "debits_equal_credits",
        "update transfers set debit_account = 0 where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: 1500 stands on an account outside the chart",
    ),
    Break(
        "numbers_without_gap",
        "delete from transfers where (holder_id, seq) = (2, 4)",
        "holder 2: 14 movements from 1 to 15, the holder says 15",
    ),
    Break(
        "numbers_without_gap",
        "update holders set last_seq = 16 where holder_id = 2",
        "holder 2: 15 movements from 1 to 15, the holder says 16",
    ),
    Break(
        "numbers_without_gap",
        "insert into transfers select 9, seq, kind, debit_account, credit_account, amount_minor,"
        " authorization_id, about_seq, day, at from transfers where (holder_id, seq) = (2, 4)",
        "holder 9: 1 movements from 4 to 4, the holder says ",
    ),
    Break(
        "lots_are_opened",
        "delete from ledger_accounts where account_id = 2 * 4096 + 2",
        "holder 2 seq 2: lot account 8194 was never opened",
    ),
    Break(
        "holds_settle_once",
        # The row is kept in step and another hold is open, so that only the settling is wrong.
        "insert into transfers select holder_id, 16, kind, debit_account, credit_account,"
        " amount_minor, null, about_seq, day, at from transfers where (holder_id, seq) = (2, 9);"
        "update holders set last_seq = 16, lot_available[1] = lot_available[1] + 300,"
        " lot_held[1] = lot_held[1] - 300, usage_minor[2] = usage_minor[2] - 300"
        " where holder_id = 2",
        "holder 2 seq 7: a hold of 300 was settled 2 times, for up to 300",
    ),
    Break(
        "holds_settle_once",
        "update transfers set amount_minor = 299 where (holder_id, seq) = (2, 9)",
        "holder 2 seq 7: a hold of 300 was settled 1 times, for up to 299",
    ),
    Break(
        "holds_settle_once",
        "update transfers set amount_minor = 501 where (holder_id, seq) = (2, 8);"
        "update holders set lot_available[1] = lot_available[1] - 101,"
        " usage_minor[2] = usage_minor[2] + 101 where holder_id = 2",
        "holder 2 seq 6: a hold of 500 was settled 1 times, for up to 501",
    ),
    Break(
        "settlements_keep_to_their_hold",
        "update transfers set credit_account = -8 where (holder_id, seq) = (2, 9)",
        "holder 2 seq 9: a void that does not keep to hold 7",
    ),
    Break(
        "settlements_keep_to_their_hold",
        "update transfers set day = day - 400 where (holder_id, seq) = (2, 9);"
        "update holders set usage_minor[2] = usage_minor[2] + 300 where holder_id = 2",
        "holder 2 seq 9: a void that does not keep to hold 7",
    ),
    Break(
        "settlements_keep_to_their_hold",
        "update transfers set kind = 'void', about_seq = null, amount_minor = 1"
        " where (holder_id, seq) = (2, 4)",
        "holder 2 seq 4: a void that does not keep to any hold",
    ),
    Break(
        "give_backs_name_their_original",
        "update transfers set about_seq = null where (holder_id, seq) = (2, 10)",
        "holder 2 seq 10: money came back that does not follow from any original",
    ),
    Break(
        "give_backs_name_their_original",
        "update transfers set debit_account = -7 where (holder_id, seq) = (2, 10)",
        "holder 2 seq 10: money came back that does not follow from seq 5",
    ),
    Break(
        "give_backs_name_their_original",
        "update transfers set day = day - 400 where (holder_id, seq) = (2, 10);"
        "update holders set usage_minor[2] = usage_minor[2] + 250 where holder_id = 2",
        "holder 2 seq 10: money came back that does not follow from seq 5",
    ),
    Break(
        "give_backs_name_their_original",
        "update transfers set about_seq = 6 where (holder_id, seq) = (2, 11)",
        "holder 2 seq 11: money came back that does not follow from seq 6",
    ),
    Break(
        "give_backs_name_their_original",
        "update transfers set about_seq = 5 where (holder_id, seq) = (2, 15)",
        "holder 2 seq 15: money came back that does not follow from seq 5",
    ),
    Break(
        "give_backs_stay_within",
        "update transfers set amount_minor = 901 where (holder_id, seq) = (2, 10);"
        "update holders set lot_available[1] = lot_available[1] + 651,"
        " usage_minor[2] = usage_minor[2] - 651 where holder_id = 2",
        "holder 2 seq 5: 901 of 900 came back",
    ),
    Break(
        "lots_never_below_zero",
        # The load of the second lot is booked after the money has left it again.
        "update transfers set seq = 100 where (holder_id, seq) = (2, 2);"
        "update transfers set seq = 2 where (holder_id, seq) = (2, 12);"
        "update transfers set seq = 12 where (holder_id, seq) = (2, 100)",
        "holder 2 seq 2: lot 2 has -200 available and 0 held",
    ),
    Break(
        "lots_are_their_replay",
        "update holders set lot_available[2] = lot_available[2] + 1 where holder_id = 2",
        "holder 2 lot 2: the row says 3701 available and 0 held, the books 3700 and 0",
    ),
    Break(
        "lots_are_their_replay",
        "update holders set lot_held[1] = 0 where holder_id = 2",
        "holder 2 lot 1: the row says 1750 available and 0 held, the books 1750 and 600",
    ),
    Break(
        "usage_is_the_books",
        "update holders set usage_minor[2] = usage_minor[2] + 1 where holder_id = 2",
        "holder 2 on 2026-11-22: the row says 1551 used, the books 1550",
    ),
    Break(
        "usage_is_the_books",
        "update holders set usage_accounts = '{}', usage_days = '{}', usage_minor = '{}'"
        " where holder_id = 2",
        "holder 2 on 2026-11-21: the row says 0 used, the books 700",
    ),
    Break(
        "nothing_goes_astray",
        "update transfers set credit_account = 600 where (holder_id, seq) = (2, 13)",
        "holder 2: loaded 8000 is not balance 5450 + held 600 + spent 1650 + expired 0"
        " + lost 0 + returned 200",
    ),
)


async def test_good_books_hold_and_add_up(tx: "Tx") -> None:
    await a_small_world(tx, holders=3)
    report = await audit_books(tx)
    assert report.broken == ()
    assert report.holds
    assert (report.holders, report.transfers) == (3, 45)
    assert report.loaded_minor == 3 * 8000
    assert (report.balance_minor, report.held_minor) == (3 * 5450, 3 * 600)
    assert report.spent_minor == 3 * (700 + 900 + 400 - 250 - 100)
    assert (report.expired_minor, report.lost_minor, report.returned_minor) == (300, 0, 600)
    assert all(law.checked_rows > 0 for law in report.laws), "a law that looks at nothing"


async def test_empty_books_hold(tx: "Tx") -> None:
    report = await audit_books(tx)
    assert report.holds
    assert [law.checked_rows for law in report.laws] == [0] * len(LAWS)


@pytest.mark.parametrize("damage", BREAKS, ids=[f"{b.law}-{n}" for n, b in enumerate(BREAKS)])
async def test_a_broken_law_is_named_and_no_other(tx: "Tx", damage: Break) -> None:
    await a_small_world(tx, holders=3)
    await tx.execute(FREE_OF_CHECKS)
    await tx.execute(damage.sql)
    report = await audit_books(tx)
    assert not report.holds
    violations = {law.name: law.violations for law in report.laws if law.violations}
    assert list(violations) == [damage.law], violations
    assert violations[damage.law][0] == damage.says


def test_every_law_is_broken_by_a_test() -> None:
    assert {damage.law for damage in BREAKS} == {law.name for law in LAWS}


async def test_a_lot_that_holds_less_than_nothing_is_found(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    await tx.execute(FREE_OF_CHECKS)
    await tx.execute(
        "insert into transfers select holder_id, again, kind, debit_account, credit_account,"
        " amount_minor, null, about_seq, day, at"
        " from transfers, generate_series(16, 18) as again where seq = 9"
    )
    violations = {law.name: law.violations for law in (await audit_books(tx)).laws}
    assert violations["lots_never_below_zero"] == (
        "holder 1 seq 18: lot 1 has 2650 available and -300 held",
    )


@pytest.mark.parametrize("side", ["debit_account", "credit_account"])
async def test_a_movement_of_another_holders_lot_is_found(tx: "Tx", side: str) -> None:
    await a_small_world(tx, holders=3)
    await tx.execute(FREE_OF_CHECKS)
    await tx.execute(f"update transfers set {side} = 12289 where (holder_id, seq) = (2, 4)")
    law = (await audit_books(tx)).laws[0]
    assert law.name == "balanced_by_shape"
    assert len(law.violations) == 1
    assert law.violations[0].startswith("holder 2 seq 4:")


async def test_only_the_first_violations_are_named_but_all_rows_are_checked(tx: "Tx") -> None:
    await a_small_world(tx, holders=8)
    await tx.execute("update holders set last_seq = 99")
    report = await audit_books(tx)
    law = next(law for law in report.laws if law.name == "numbers_without_gap")
    assert law.checked_rows == 8
    assert len(law.violations) == VIOLATIONS_NAMED_MAX
    assert law.violations[0].startswith("holder 1:")


async def test_a_refund_that_was_taken_back_may_be_given_again(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    # 10 gave back 250 of purchase 5; it is taken back whole, then all of 900 comes back.
    await tx.execute(
        "insert into transfers select holder_id, 16, kind, credit_account, debit_account, 250,"
        " null, 10, day, at from transfers where (holder_id, seq) = (1, 10);"
        "insert into transfers select holder_id, 17, kind, debit_account, credit_account, 900,"
        " null, 5, day, at from transfers where (holder_id, seq) = (1, 10);"
        "update holders set last_seq = 17, lot_available[1] = lot_available[1] + 650,"
        " usage_minor[2] = usage_minor[2] - 650"
    )
    assert (await audit_books(tx)).broken == ()


async def test_a_movement_that_took_a_refund_back_is_no_original(tx: "Tx") -> None:
    await a_small_world(tx, holders=1)
    await tx.execute(
        "insert into transfers select holder_id, 16, kind, credit_account, debit_account, 250,"
        " null, 10, day, at from transfers where (holder_id, seq) = (1, 10);"
        "insert into transfers select holder_id, 17, kind, debit_account, credit_account, 250,"
        " null, 16, day, at from transfers where (holder_id, seq) = (1, 10);"
        "update holders set last_seq = 17"
    )
    assert (await audit_books(tx)).broken == ("give_backs_stay_within",)


async def test_a_proof_outside_of_a_snapshot_is_refused(books_url: str) -> None:
    handle = await asyncpg.connect(books_url)
    try:
        with pytest.raises(ValueError, match="repeatable-read"):
            await audit_books(handle)
        async with handle.transaction():
            with pytest.raises(ValueError, match="repeatable-read"):
                await audit_books(handle)
        async with handle.transaction(isolation="repeatable_read", readonly=True):
            assert (await audit_books(handle)).holds
    finally:
        await handle.close()
