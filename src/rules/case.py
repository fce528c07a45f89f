"""One request on the table: its facts, the civil days that count and the parameters in force."""

from collections.abc import Callable
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct

from rules.decision import Reason
from rules.facts import Channel, Facts, Merchant, MerchantClass
from rules.geography import PARIS, ZONES, civil_day, zone_of
from rules.parameters import Parameters
from rules.rulebook import Rulebook


class Case(Struct, frozen=True, gc=False):
    """What every rule looks at. `day` is `D` (DAY-01) and rules cap and days.

    `work_day` is the workplace's civil day: usability, expiry and exchange of vouchers go by it
    (VIN-02). `parameters` are of `day`, `work_parameters` of `work_day`; `eligible_minor` is `E`.
    """

    facts: Facts
    zone: ZoneInfo
    day: date
    parameters: Parameters
    work_day: date
    work_parameters: Parameters
    merchant_class: MerchantClass
    eligible_minor: int


class Rule(Struct, frozen=True):
    """One rule: what must hold, the text that says so, and how to tell it of a case in words."""

    holds: Callable[[Case], Reason | None]
    source: str
    words: Callable[[Case], str]


def open_case(facts: Facts, book: Rulebook) -> Case:
    """Find the days and the parameters that rule these facts."""
    merchant, purchase, now = facts.merchant, facts.purchase, facts.now
    work_zone = PARIS if facts.workplace is None else zone_of(facts.workplace.department)
    zone = day_zone(merchant, purchase.channel, work_zone)
    day = work_day = civil_day(now, zone)
    parameters = work_parameters = book.on(day)
    if zone is not work_zone:
        work_day = civil_day(now, work_zone)
        work_parameters = book.on(work_day)
    amount_minor, subtotal_minor = purchase.amount_minor, purchase.eligible_minor
    return Case(
        facts,
        zone,
        day,
        parameters,
        work_day,
        work_parameters,
        # Without a known merchant the class with the lower cap and no open Sunday.
        MerchantClass.SHOP if merchant is None else merchant.merchant_class,
        # A subtotal above the amount counts as the amount (ELI-01).
        amount_minor if subtotal_minor is None else min(amount_minor, subtotal_minor),
    )


def day_zone(merchant: Merchant | None, channel: Channel, work_zone: ZoneInfo) -> ZoneInfo:
    """In whose legal time `D` is reckoned: the merchant's, else the workplace's (DAY-01)."""
    if merchant is None or channel is Channel.ECOMMERCE:
        return work_zone
    return ZONES.get(merchant.department, work_zone)
