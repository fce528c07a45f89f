"""Vouchers of the card as paper: only for who works mainly outside (R.3262-1-2 6°, VIN-11).

Both have to say so: the employer, of its people, and the account, of its holder. Debited oldest
first, outside the daily cap. Paper of a year ends before the card's vouchers of it (P-PAPER-END):
what would be waste paper is refused, and newer vouchers are not taken in its place (VIN-03).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct, json

from authz.holders.withdrawals import Customer, customer_of, withdraw
from authz.refusal import Refused
from ledger.accounts import House
from rules.decision import Debit
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

NOTE: Final = """
    insert into paper_conversions
        (holder_id, last_seq, account_no, employer_no, amount_minor, converted_at)
    values ($1, $2, $3, $4, $5, $6)
"""


class Titles(Struct, frozen=True):
    """Paper of one year of issue, in cents, and the last day on which it is taken."""

    vintage: int
    amount_minor: int
    usable_until: date


class Converted(Struct, frozen=True):
    """What became paper, oldest first, and what is left on the card, in cents."""

    titles: tuple[Titles, ...]
    balance_minor: int


class _Employer(Struct):
    """The word of the employer's record that is asked for here."""

    paper: bool = False


_decode: Final = json.Decoder(_Employer).decode


async def convert(
    tx: "Tx", account: str, amount_minor: int, books: Mapping[str, Rulebook]
) -> Converted:
    """Turn so many cents into paper, in the caller's SQL transaction. Raises Unknown, Refused."""
    holder = await customer_of(tx, account, books)
    if not (holder.held.works_outside and _decode(holder.employer_record).paper):
        raise Refused("PAPER_NOT_ALLOWED", "paper is for who works mainly outside (VIN-11)")

    def fit(debits: Sequence[Debit]) -> None:
        ends = holder.book.paper_end
        ended = [debit.vintage for debit in debits if ends(debit.vintage) < holder.day]
        if ended:
            raise Refused("PAPER_ENDED", f"paper of {ended[0]} is not taken any more")

    done = await withdraw(tx, holder, amount_minor, House.PAPER, fit)
    numbers = holder.held.account.account_no, holder.held.employer_no
    await tx.execute(NOTE, holder.holder_id, done.last_seq, *numbers, amount_minor, holder.now)
    return Converted(_titles(holder, done.debits), done.left_minor)


def _titles(holder: Customer, debits: Sequence[Debit]) -> tuple[Titles, ...]:
    by_vintage: dict[int, int] = {}
    for debit in debits:
        by_vintage[debit.vintage] = by_vintage.get(debit.vintage, 0) + debit.amount_minor
    return tuple(
        Titles(vintage, minor, holder.book.paper_end(vintage))
        for vintage, minor in by_vintage.items()
    )
