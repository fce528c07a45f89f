"""What a person could spend now: balance, cap and lots, nothing decided (ENQ-01, VIN-10)."""

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from rules.case import Case, open_case
from rules.days import is_open
from rules.facts import Facts, Lot
from rules.payment import share
from rules.rulebook import Rulebook


class Standing(Struct, frozen=True):
    """One account on the civil `day` in `zone`, in cents: `B`, cap, `U`, `H` and `min(B, H)`.

    `usable_minor` is 0 on a forbidden day. `lots` are the usable ones in debit order, expired ones
    of mode AUTO as they count after their exchange; `next_expiry` is the last day of the first.
    """

    day: date
    zone: str
    balance_minor: int
    cap_minor: int
    used_minor: int
    remaining_minor: int
    usable_minor: int
    lots: tuple[Lot, ...]
    next_expiry: date | None


def standing(facts: Facts, book: Rulebook) -> Standing:
    """Answer a balance inquiry: it holds nothing and promises nothing.

    Without a merchant the day is the workplace's, the cap that of the class with the lower one.
    """
    now = standing_of(open_case(facts, book))
    if not now.lots:
        return now
    return replace(now, next_expiry=book.vintage_end(now.lots[0].vintage))


def standing_of(case: Case) -> Standing:
    """Return the standing of a case, without its next expiry."""
    payment = share(case)
    return Standing(
        case.day,
        case.zone.key,
        payment.balance_minor,
        payment.cap_minor,
        payment.used_minor,
        payment.headroom_minor,
        min(payment.balance_minor, payment.headroom_minor) if is_open(case) else 0,
        payment.lots,
        None,
    )
