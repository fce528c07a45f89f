"""What a holder could spend now, for people to look at: nothing is locked, nothing written."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.decide.purse import Purse
from authz.state import Employer, Holder, HolderAccount, LotInfo, Profile, UsedDay
from authz.storage.reference import employer_of
from ledger.queries import usage_of
from rules.facts import Facts, Merchant, MerchantClass, Origin, Purchase
from rules.geography import civil_day, zone_of
from rules.parameters import ExchangeMode
from rules.rulebook import Rulebook
from rules.standing import Standing, standing
from rules.vouchers import debit_order

if TYPE_CHECKING:
    from ledger.journal import Tx

SHOWN_AFTER_EXPIRY: Final = timedelta(days=15)
"""How long an expired lot is still shown (VIN-10)."""

HOLDER_OF: Final = """
    select c.test_clock, h.* from directory d join holders h using (holder_id) cross join control c
    where d.kind = 'account' and d.name = $1
"""
# What is in the expired account of each lot: it went there and was not exchanged or lost since.
EXPIRED_OF: Final = """
    select lot_no, sum(case reason when 'EXPIRED' then amount_minor else -amount_minor end)::bigint
    from vintage_moves where holder_id = $1 and reason in ('EXPIRED', 'REQUESTED', 'LOST')
    group by lot_no
"""
EMPLOYER: Final = "select record from employers where employer_no = $1"

_decode_profile: Final = msgpack.Decoder(Profile).decode


class LotView(Struct, frozen=True):
    """A lot as it counts today. `expired_minor` is past its last day and no longer spendable.

    `exchange_until` is the last day to ask for its exchange (R.3262-1-2 2°): None where it is
    exchanged by itself, or not at all.
    """

    vintage: int
    origin: Origin
    from_vintage: int | None
    available_minor: int
    held_minor: int
    expired_minor: int
    expires_on: date
    exchange_until: date | None
    loaded_on: date
    lot_no: int


class AccountView(Struct, frozen=True):
    """An account, its lots oldest first, and what today allows."""

    held: HolderAccount
    person: str
    lots: tuple[LotView, ...]
    standing: Standing
    resets_at: datetime
    now: datetime


class FoundAccount(Struct, frozen=True):
    """What was read: the person's row, the account in question and its employer.

    `expired` is what stands in the expired account, in cents by lot.
    """

    now: datetime
    holder: Holder
    held: HolderAccount
    employer: Employer
    expired: Mapping[int, int] = {}


async def find_account(tx: "Tx", name: str) -> FoundAccount | None:
    """Read an account by its outside name, as of the test clock where one is set."""
    row = await tx.fetchrow(HOLDER_OF, name)
    if row is None:
        return None
    holder = _holder(row)
    held = holder.profile.account_named(name)
    employer = employer_of(await tx.fetchval(EMPLOYER, held.employer_no))
    now = row["test_clock"] or datetime.now(UTC)
    day = civil_day(now, zone_of(employer.workplace.department))
    expired = {row[0]: row[1] for row in await tx.fetch(EXPIRED_OF, holder.holder_id)}
    return FoundAccount(now, await _with_day(tx, holder, day), held, employer, expired)


def account_view(found: FoundAccount, book: Rulebook) -> AccountView:
    """Compute what the holder may be told. Pure."""
    place = found.employer.workplace
    zone = zone_of(place.department)
    day = civil_day(found.now, zone)
    account_no = found.held.account.account_no
    purse = Purse(found.holder)
    facts = Facts(
        now=found.now,
        purchase=Purchase(amount_minor=0),
        account=found.held.account,
        workplace=place,
        derogations=found.employer.derogations + found.held.derogations,
        # The day and the cap that a restaurant near the workplace would go by.
        merchant=Merchant(MerchantClass.RESTAURANT, "", place.department, "FR", True, None),
        lots=purse.lots_of(account_no),
        usage=purse.usage(account_no, per_person=book.cap_per_person),
    )
    lots: dict[tuple[int, int], LotView] = {}
    for info in found.holder.profile.lots_of(account_no):
        for view in _lot_views(info, _Money.of(info, purse, found.expired), day, book):
            key = _root(info, found.holder.profile.lots), view.vintage
            lots[key] = _added(lots[key], view) if key in lots else view
    return AccountView(
        found.held,
        found.holder.profile.person,
        tuple(sorted(lots.values(), key=_turn)),
        standing(facts, book),
        datetime.combine(day + timedelta(days=1), time(), zone),
        found.now,
    )


class _Money(Struct, frozen=True):
    """What is in a lot, and what went from it into the expired account and is still there."""

    available_minor: int
    held_minor: int
    expired_minor: int

    @classmethod
    def of(cls, info: LotInfo, purse: Purse, expired: Mapping[int, int]) -> "_Money":
        index = info.lot_no - 1
        return cls(purse.available[index], purse.held[index], expired.get(info.lot_no, 0))


def _root(info: LotInfo, lots: Sequence[LotInfo]) -> int:
    """The lot that was loaded, however often its rest was exchanged."""
    while info.from_lot is not None:
        info = lots[info.from_lot - 1]
    return info.lot_no


def _added(one: LotView, other: LotView) -> LotView:
    """One line for what was exchanged and booked and what was exchanged and was not yet."""
    return replace(
        one,
        available_minor=one.available_minor + other.available_minor,
        held_minor=one.held_minor + other.held_minor,
        expired_minor=one.expired_minor + other.expired_minor,
    )


def _lot_views(info: LotInfo, money: _Money, day: date, book: Rulebook) -> list[LotView]:
    """One line, or two when the free part was exchanged and the held part was not (VIN-08).

    A lot that has nothing left is shown until the end of its vintage.
    """
    available_minor, held_minor = money.available_minor, money.held_minor
    ends, seen_as = book.vintage_end(info.vintage), book.seen_as(info.vintage, day)
    if day <= ends:
        return [_line(info, book, available_minor, held_minor)]
    lines = []
    if seen_as is not None and available_minor:
        lines.append(_line(info, book, available_minor, exchanged_to=seen_as))
        available_minor = 0
    expired_minor = available_minor + money.expired_minor
    if day > ends + SHOWN_AFTER_EXPIRY and day >= book.exchange_day(info.vintage):
        expired_minor = 0
    if held_minor or expired_minor:
        lines.append(_line(info, book, 0, held_minor, expired_minor))
    return lines


def _line(
    info: LotInfo,
    book: Rulebook,
    available_minor: int,
    held_minor: int = 0,
    expired_minor: int = 0,
    exchanged_to: int | None = None,
) -> LotView:
    vintage = exchanged_to or info.vintage
    on_request = book.exchange_mode(vintage) is ExchangeMode.ON_REQUEST
    return LotView(
        vintage=vintage,
        origin=Origin.EXCHANGE if exchanged_to else info.origin,
        from_vintage=exchanged_to - 1 if exchanged_to else info.from_vintage,
        available_minor=available_minor,
        held_minor=held_minor,
        expired_minor=expired_minor,
        expires_on=book.vintage_end(vintage),
        exchange_until=book.request_until(vintage) if on_request else None,
        loaded_on=info.loaded_on,
        lot_no=info.lot_no,
    )


def _turn(lot: LotView) -> tuple[int, bool, date, int]:
    return debit_order(lot.vintage, lot.origin, lot.loaded_on, lot.lot_no)


def _holder(row: Any) -> Holder:
    used = zip(row["usage_accounts"], row["usage_days"], row["usage_minor"], strict=True)
    return Holder(
        row["holder_id"],
        row["version"],
        row["last_seq"],
        row["usage_since"],
        tuple(UsedDay(*entry) for entry in used),
        tuple(row["lot_available"]),
        tuple(row["lot_held"]),
        _decode_profile(row["profile"]),
    )


async def _with_day(tx: "Tx", holder: Holder, day: date) -> Holder:
    """A day that has left the holder's row is summed from the books."""
    if day >= holder.usage_since:
        return holder
    account_of = {lot.lot_no: lot.account_no for lot in holder.profile.lots}
    totals: dict[int, int] = {}
    for row in await usage_of(tx, [holder.holder_id], day, day):
        account_no = account_of[row.lot_no]
        totals[account_no] = totals.get(account_no, 0) + row.used_minor
    summed = tuple(UsedDay(number, day, minor) for number, minor in totals.items())
    return replace(holder, used=holder.used + summed)
