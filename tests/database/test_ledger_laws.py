"""The books in memory and the proof over PostgreSQL are two tellings of the same laws.

Histories are drawn until the books in memory refuse a movement, or to their end. Written to the
database past all its checks, a history that was taken must be proved, and one that ends with a
refused movement must not: the two share no code.
"""

import asyncio
from collections import Counter
from datetime import date

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import journal
from ledger.accounts import AccountRow, House, lot_account, payable_account
from ledger.audit import audit_books
from ledger.journal import Locked
from ledger.running import Running, after
from ledger.transfers import Movement, Transfer
from tests.database.books import AT, LOADED, books_url
from tests.ledger.books import Books, Refusal

__all__ = ["books_url"]

WITHOUT_CHECKS = """
    alter table transfers drop constraint settles_a_hold, drop constraint a_hold_names_nothing;
    drop index transfers_settle_once;
    alter table holders drop constraint lots_never_below_zero,
        drop constraint usage_never_below_zero
"""

LOTS = (lot_account(1, 1), lot_account(1, 2))
SHOPS = (payable_account(7), int(House.UNREGISTERED))
PREPAID, EXPIRED = int(House.EMPLOYER_PREPAID), int(House.EXPIRED)

fresh = st.one_of(
    st.tuples(st.just(PREPAID), st.sampled_from(LOTS)),
    st.tuples(st.sampled_from(LOTS), st.sampled_from(SHOPS)),
    st.sampled_from([(LOTS[0], LOTS[1]), (LOTS[0], EXPIRED), (SHOPS[0], LOTS[0])]),
)
amounts = st.sampled_from([1, 30, 50, 100])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Transfer], Refusal | None]:
    """Movements of holder 1, and why the books refused the last of them, if they did."""
    books = Books()
    rows = [Transfer.direct(1, 1, PREPAID, LOTS[0], 200, None, date(2026, 11, 1), AT)]
    assert books.post(rows[0]) is None
    for _ in range(draw(st.integers(4, 20))):
        row = draw(movements(rows))
        refusal = books.post(row)
        if refusal is None:
            rows.append(row)
        elif draw(st.integers(0, 5)) == 0:
            return [*rows, row], refusal
    return rows, None


@st.composite
def movements(draw: st.DrawFn, rows: list[Transfer]) -> Transfer:
    """A next movement: something new, or what follows from an earlier one, right or nearly."""
    seq, about_seq = len(rows) + 1, None
    kind = draw(st.sampled_from(Movement))
    day = date(2026, 11, draw(st.integers(1, 2)))
    amount_minor = draw(amounts)
    if kind is Movement.HOLD or (kind is Movement.DIRECT and draw(st.booleans())):
        debit, credit = draw(fresh)
        about_seq = draw(st.sampled_from([None, None, None, 1])) if kind is Movement.HOLD else None
    else:
        wanted = [r for r in rows if (r.kind is Movement.HOLD) == (kind is not Movement.DIRECT)]
        about = draw(st.sampled_from(wanted or rows))
        about_seq = draw(st.sampled_from([about.seq] * 9 + [None]))
        debit, credit = about.debit_account, about.credit_account
        if kind is Movement.DIRECT:
            debit, credit = credit, debit
        share = draw(st.sampled_from([about.amount_minor] * 4 + [about.amount_minor // 2 or 1]))
        amount_minor = draw(st.sampled_from([share] * 9 + [share + 1]))
        day = draw(st.sampled_from([about.day] * 9 + [day]))
        if draw(st.integers(0, 9)) == 9:
            debit, credit = draw(fresh)
    return Transfer(1, seq, kind, debit, credit, amount_minor, None, about_seq, day, AT)


async def broken_laws(handle: "journal.Tx", rows: list[Transfer]) -> tuple[str, ...]:
    """The laws that these rows break, with a holder's row that says what they add up to."""
    named = {row.seq: row.amount_minor for row in rows}  # the last row may name what is no hold
    running = after(Running(1, 0, 0, date(2026, 11, 1)), rows, named, {1: 1, 2: 1})
    work = handle.transaction(isolation="repeatable_read")
    await work.start()
    try:
        await journal.open_holders(handle, [Locked(running, b"")])
        lots = [AccountRow.lot(1, lot_no, 2026, LOADED, AT) for lot_no in (1, 2)]
        await journal.open_accounts(handle, lots)
        await journal.post(handle, rows)
        return (await audit_books(handle)).broken
    finally:
        await work.rollback()


def test_the_proof_finds_what_the_books_refuse_and_nothing_else(books_url: str) -> None:
    seen: Counter[Refusal | None] = Counter()
    with asyncio.Runner() as runner:
        handle = runner.run(asyncpg.connect(books_url))
        outer = handle.transaction(isolation="repeatable_read")
        runner.run(outer.start())
        runner.run(handle.execute(WITHOUT_CHECKS))

        @settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
        @given(histories())
        def told_twice(history: tuple[list[Transfer], Refusal | None]) -> None:
            rows, refusal = history
            seen[refusal] += 1
            broken = runner.run(broken_laws(handle, rows))
            assert bool(broken) == (refusal is not None), (refusal, broken)

        try:
            told_twice()
        finally:
            runner.run(outer.rollback())
            runner.run(handle.close())
    # What the draws produce is tested too: most refusals came up, and many a good history.
    assert seen[None] >= 5, seen
    assert len(seen) >= 5, seen
