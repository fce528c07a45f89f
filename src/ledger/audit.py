"""The proof of the books: every law of `ledger.laws` on every row, in one snapshot.

It may run beside a live engine: the caller begins a repeatable-read SQL transaction, in which the
books stand still. Which lot belongs to which account, and so whether the oldest vintage was spent
first (VIN-03), stands in the holder's profile, which the books never open: `authz` proves that.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.laws import LAWS, PLACE_ACCOUNTS, PLACES, TOTALS, Law

if TYPE_CHECKING:
    from ledger.journal import Tx

VIOLATIONS_NAMED_MAX: Final = 5

SNAPSHOTS: Final = ("repeatable read", "serializable")

# A `with` that names a table of its own name still reads the real one (PostgreSQL, SELECT).
_SLICED: Final = """{table} as (
        select * from {table} where holder_id > current_setting('audit.after')::bigint
            and holder_id <= current_setting('audit.last')::bigint
    )"""


def sliced(*tables: str) -> str:
    """Tables as a slice of holders sees them: a law that is said behind `with` this sees no others.

    The names are our own, never data.
    """
    return ", ".join(_SLICED.format(table=table) for table in tables)


SLICE: Final = "with " + sliced("holders", "transfers", "ledger_accounts")
SET_SLICE: Final = "select set_config('audit.after', $1, true), set_config('audit.last', $2, true)"
_WITH: Final = "with "
# Sorting a million movements in memory instead of on disk halves the time; gone with the snapshot.
MORE_MEMORY: Final = "select set_config('work_mem', '64MB', true)"


class LawResult(Struct, frozen=True):
    """What became of one law: how many rows were checked, and the first that break it, in words."""

    name: str
    words: str
    checked_rows: int
    violations: tuple[str, ...]


class AuditReport(Struct, frozen=True):
    """Every law with its result, and the totals of the books in cents.

    `moved_minor` is the sum of all amounts; each law of the loads in total reads
    `loaded = balance + held + spent + expired + lost + returned`.
    """

    laws: tuple[LawResult, ...]
    holders: int
    transfers: int
    moved_minor: int
    loaded_minor: int
    balance_minor: int
    held_minor: int
    spent_minor: int
    expired_minor: int
    lost_minor: int
    returned_minor: int

    @property
    def holds(self) -> bool:
        """Whether every law holds, and the totals with them."""
        return self.adds_up and not any(law.violations for law in self.laws)

    @property
    def adds_up(self) -> bool:
        """Whether all that was ever loaded is somewhere (RULES, what always holds)."""
        gone_minor = self.spent_minor + self.expired_minor + self.lost_minor + self.returned_minor
        return self.loaded_minor == self.balance_minor + self.held_minor + gone_minor

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the laws that do not hold."""
        return tuple(law.name for law in self.laws if law.violations)


async def audit_books(tx: "Tx") -> AuditReport:
    """Prove the books, in the caller's snapshot.

    Raises ValueError where the SQL transaction is not one: a law that reads twice would then see
    two states of a live engine and cry wolf.
    """
    if await tx.fetchval("show transaction_isolation") not in SNAPSHOTS:
        raise ValueError("an audit needs a repeatable-read SQL transaction")
    await tx.execute(MORE_MEMORY)
    laws = tuple([await check(tx, law) for law in LAWS])
    totals = await tx.fetchrow("with " + PLACES + TOTALS, 1, *PLACE_ACCOUNTS)
    assert totals is not None, "an aggregate is always one row"
    return AuditReport(laws, *totals)


async def audit_books_of(tx: "Tx", after: int, last: int) -> tuple[LawResult, ...]:
    """Every law for the holders above `after` and up to `last`, in the caller's snapshot."""
    await set_slice(tx, after, last)
    return tuple([await check(tx, law, SLICE) for law in LAWS])


async def set_slice(tx: "Tx", after: int, last: int) -> None:
    """Say which holders `SLICE` means, until the caller's SQL transaction ends."""
    await tx.execute(SET_SLICE, str(after), str(last))


async def check(tx: "Tx", law: Law, scope: str = "") -> LawResult:
    """Hold every row against one law, or those that tables of the same names in `scope` show."""
    statement = (law.given + law.statement).strip()
    if scope and statement.startswith(_WITH):
        statement = scope + ", " + statement.removeprefix(_WITH)
    elif scope:
        statement = scope + statement
    row = await tx.fetchrow(statement, VIOLATIONS_NAMED_MAX, *law.parameters)
    assert row is not None, "a law's statement is always one row"
    checked_rows, violations = row
    return LawResult(law.name, law.words, checked_rows, tuple(violations))
