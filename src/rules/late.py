"""Vouchers taken later for a day that was: only funds and that day's cap may refuse (HLD-03).

Everything else was decided when the payment was approved: a capture is no new purchase, and its own
day is not judged (DAY-09).
"""

from datetime import date

from msgspec.structs import replace

from rules.case import open_case
from rules.decision import Debit, Reason
from rules.facts import Facts
from rules.payment import amount_is_covered, share
from rules.rulebook import Rulebook
from rules.vouchers import take


def cover_late(facts: Facts, book: Rulebook, day: date) -> tuple[Debit, ...] | Reason:
    """Which lots pay, of those usable at `facts.now`, under the cap of `day`; or why none may.

    `facts` are the payment's own with the lots and the use of today, and without a bank.
    """
    case = replace(open_case(facts, book), day=day, parameters=book.on(day))
    payment = share(case)
    reason = amount_is_covered(case, payment)
    return take(payment.lots, payment.voucher_minor) if reason is None else reason
