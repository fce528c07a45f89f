"""An advice tells what already happened: it is posted and never decided again (ADV-01, ADV-02)."""

from datetime import date, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from rules.cap import used_on
from rules.case import day_zone, open_case
from rules.days import is_open
from rules.decision import Debit
from rules.facts import Facts, Merchant, Purchase
from rules.geography import PARIS, civil_day
from rules.rulebook import Rulebook
from rules.vouchers import take, usable_lots

LATE_MAX: Final = timedelta(days=7)
"""ADV-02: a terminal's date older than this is not believed."""


class Advised(Struct, frozen=True):
    """How an advice is posted, in cents: `debits` from vouchers, `loss_minor` on the issuer.

    `overruns` names the laws that the offline payment broke; somebody has to look (ADV-01).
    """

    day: date
    debits: tuple[Debit, ...]
    voucher_minor: int
    loss_minor: int
    overruns: tuple[str, ...]


def post_advice(facts: Facts, book: Rulebook, month_day: str | None) -> Advised:
    """Debit `min(B, amount)`, put the rest on the issuer's loss; never the bank card.

    `month_day` is the terminal's local date, MMDD (DE13).
    """
    case = open_case(facts, book)
    day = _day_of(month_day, case.day)
    case = replace(case, day=day, parameters=book.on(day))
    amount_minor = facts.purchase.amount_minor
    lots = usable_lots(facts.lots, case.work_day, case.work_parameters)
    voucher_minor = min(amount_minor, sum(lot.available_minor for lot in lots))
    overruns = []
    cap_minor = case.parameters.cap[case.merchant_class]
    if used_on(facts.usage, day) + voucher_minor > cap_minor:
        overruns.append("CAP_OVERRUN")
    if not is_open(case):
        overruns.append("DAY_OVERRUN")
    return Advised(
        day,
        take(lots, voucher_minor),
        voucher_minor,
        amount_minor - voucher_minor,
        tuple(overruns),
    )


def post_unknown(
    now: datetime, purchase: Purchase, merchant: Merchant | None, month_day: str | None
) -> Advised:
    """An advice of a card that nobody issued: all of it is the issuer's loss, on the day it tells.

    Without a workplace, Paris stands where the merchant does not say the legal time (DAY-01).
    """
    received = civil_day(now, day_zone(merchant, purchase.channel, PARIS))
    return Advised(_day_of(month_day, received), (), 0, purchase.amount_minor, ())


def _day_of(month_day: str | None, received: date) -> date:
    """The terminal's day where it can be believed, else the day of receipt (ADV-02)."""
    if month_day is None:
        return received
    for year in (received.year, received.year - 1):
        try:
            day = date(year, int(month_day[:2]), int(month_day[2:]))
        except ValueError:
            continue
        if received - LATE_MAX <= day <= received:
            return day
    return received
