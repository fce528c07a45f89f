"""The day: no Sunday and no public holiday without the employer's derogation (DAY-03, DAY-04)."""

from rules.calendar import holiday_in, holidays_on
from rules.case import Case
from rules.decision import Reason
from rules.facts import Derogation
from rules.parameters import HolidayBasis
from rules.words import weekday

SUNDAY = 6


def day_is_allowed(case: Case) -> Reason | None:
    """Require a day that is open to vouchers, or to the bank card alone (TOP-05)."""
    if is_open(case) or case.parameters.topup_on_blocked_day:
        return None
    return Reason.DAY_NOT_ALLOWED


def is_open(case: Case) -> bool:
    """Whether it is a working day, or the law or the employer opens it; both for both (DAY-04)."""
    is_sunday = case.day.weekday() == SUNDAY
    if not is_sunday and not holidays_on(case.day).somewhere:
        return True
    holiday = holiday_of(case)
    free = case.parameters.open_days[case.merchant_class]
    sunday_ok = not is_sunday or free.sunday or any(d.sunday for d in _derogations(case))
    holiday_ok = holiday is None or free.holiday or any(d.holiday for d in _derogations(case))
    return sunday_ok and holiday_ok


def holiday_of(case: Case) -> str | None:
    """Return the holiday of the applicable calendar (DAY-08): workplace's, merchant's or either."""
    basis = case.parameters.holiday_basis
    if basis is HolidayBasis.WORKPLACE:
        return _at_workplace(case)
    if basis is HolidayBasis.MERCHANT:
        return _at_merchant(case)
    return _at_workplace(case) or _at_merchant(case)


def _at_workplace(case: Case) -> str | None:
    place, parameters = case.facts.workplace, case.parameters
    if place is None:
        return holidays_on(case.day).national
    temple = place.good_friday
    if temple is None:
        temple = parameters.good_friday_if_unknown
    return holiday_in(
        case.day,
        place.department,
        temple=temple,
        saint_martin=parameters.saint_martin_abolition,
    )


def _at_merchant(case: Case) -> str | None:
    merchant, parameters = case.facts.merchant, case.parameters
    return holiday_in(
        case.day,
        None if merchant is None else merchant.department,
        temple=parameters.good_friday_if_unknown,
        saint_martin=parameters.saint_martin_abolition,
    )


def _derogations(case: Case) -> list[Derogation]:
    """Return the derogations that hold on the day; flags of several add up."""
    day = case.day
    return [
        derogation
        for derogation in case.facts.derogations
        if derogation.first <= day
        and (derogation.last is None or day <= derogation.last)
        and (derogation.dates is None or day in derogation.dates)
    ]


def tell_day(case: Case) -> str:
    """Say the day, where it is that day, the holiday, and what the derogations open."""
    words = [
        f"{weekday(case.day)} in {case.zone.key}",
        f"holiday: {holiday_of(case) or 'none'}",
    ]
    if not holidays_on(case.day).in_table:
        words.append("year outside the holiday table: only the eleven national days are known")
    free = case.parameters.open_days[case.merchant_class]
    if free.sunday or free.holiday:
        source = case.parameters.sources[f"open_days.{case.merchant_class.value}"]
        words.append(f"open without derogation ({source})")
    opened = sorted(
        {"sunday" for d in _derogations(case) if d.sunday}
        | {"holiday" for d in _derogations(case) if d.holiday}
    )
    words.append(f"derogation on this day: {' and '.join(opened) or 'none'}")
    if case.parameters.topup_on_blocked_day and not is_open(case):
        source = case.parameters.sources["topup_on_blocked_day"]
        words.append(f"only the bank card may pay ({source})")
    return "; ".join(words)
