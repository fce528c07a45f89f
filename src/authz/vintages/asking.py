"""The exchange on request: the employee asks, the employer orders (R.3262-5 al. 3, R.3262-12).

Both are rows with a date. Whoever comes second sets the exchange off; whoever comes too late is
told so, and what nobody exchanged is lost after the last day of orders (VIN-07).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, msgpack

from authz.refusal import Refused, Unknown
from authz.state import Profile
from authz.storage.reference import employer_of
from authz.vintages.job import settle, settle_apart
from authz.vintages.plan import Why
from rules.geography import civil_day, zone_of
from rules.parameters import ExchangeMode
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

NOT_ON_REQUEST: Final = "NOT_ON_REQUEST"
"""Vouchers of this vintage are not exchanged on request, or not yet."""
TOO_LATE: Final = "TOO_LATE"
"""The last day for it has passed."""
ALREADY_REQUESTED: Final = "ALREADY_REQUESTED"
"""The account asked for this vintage before, for another amount."""

ACCOUNT: Final = """
    select c.test_clock, h.holder_id, h.profile from directory d join holders h using (holder_id)
    cross join control c where d.kind = 'account' and d.name = $1
"""
EMPLOYER: Final = """
    select c.test_clock, e.employer_no, e.record from employers e cross join control c
    where e.employer_id = $1
"""
EMPLOYER_RECORD: Final = "select record from employers where employer_no = $1"
ASK: Final = """
    insert into exchange_requests (
        holder_id, account_no, vintage, amount_minor, requested_on, employer_no)
    values ($1, $2, $3, $4, $5, $6) on conflict do nothing
"""
ASKED: Final = """
    select amount_minor, requested_on from exchange_requests
    where holder_id = $1 and account_no = $2 and vintage = $3
"""
DONE: Final = """
    select coalesce(sum(amount_minor), 0)::bigint from vintage_moves
    where holder_id = $1 and account_no = $2 and vintage = $3 and reason = 'REQUESTED'
"""
ORDER: Final = """
    insert into exchange_orders (employer_no, vintage, ordered_on)
    values ($1, $2, $3) on conflict do nothing
"""
WHO_ASKED: Final = "select distinct holder_id from exchange_requests where vintage = $1"

_decode: Final = msgpack.Decoder(Profile).decode


class Exchanged(Struct, frozen=True):
    """What was asked for or ordered on `day` and is exchanged by now, in cents.

    The rest waits for the other side or its time.
    """

    day: date
    exchanged_minor: int


async def request_exchange(
    tx: "Tx",
    account: str,
    vintage: int,
    amount_minor: int | None,
    books: Mapping[str, Rulebook],
) -> Exchanged:
    """The employee asks for so much of a vintage (None: all), once.

    The same again, while there is time, is told as it stands since the first. Runs in the caller's
    SQL transaction. Raises Unknown, and Refused as NOT_ON_REQUEST, TOO_LATE, ALREADY_REQUESTED or
    NO_ROOM.
    """
    row = await tx.fetchrow(ACCOUNT, account)
    if row is None:
        raise Unknown("there is no such account")
    held = _decode(row["profile"]).account_named(account)
    now, book = row["test_clock"] or datetime.now(UTC), books[held.account.programme]
    day = _day(await tx.fetchval(EMPLOYER_RECORD, held.employer_no), now)
    _refuse_wrong_time(book, vintage, day, book.request_until(vintage))
    name = row["holder_id"], held.account.account_no, vintage
    await tx.execute(ASK, *name, amount_minor, day, held.employer_no)
    asked = await tx.fetchrow(ASKED, *name)
    assert asked is not None, "it stands, since now or since before"
    if asked["amount_minor"] != amount_minor:
        what = "all of it" if asked["amount_minor"] is None else f"{asked['amount_minor']} cents"
        raise Refused(ALREADY_REQUESTED, f"{what} was asked for on {asked['requested_on']}")
    await settle(tx, [row["holder_id"]], books, now)
    return Exchanged(asked["requested_on"], await tx.fetchval(DONE, *name))


async def order_exchange(
    tx: "Tx", employer: str, vintage: int, books: Mapping[str, Rulebook], programme: str
) -> Exchanged:
    """The employer orders the exchange for all who asked in time.

    The exchange of a holder who has no room for a lot waits, and is in the log. Raises Unknown, and
    Refused as NOT_ON_REQUEST or TOO_LATE.
    """
    row = await tx.fetchrow(EMPLOYER, employer)
    if row is None:
        raise Unknown("there is no such employer")
    now, book = row["test_clock"] or datetime.now(UTC), books[programme]
    day = _day(row["record"], now)
    _refuse_wrong_time(book, vintage, day, book.order_until(vintage))
    await tx.execute(ORDER, row["employer_no"], vintage, day)
    holders = [asked["holder_id"] for asked in await tx.fetch(WHO_ASKED, vintage)]
    moves, _ = await settle_apart(tx, holders, books, now)  # one who has no room stops nobody
    return Exchanged(day, sum(m.transfer.amount_minor for m in moves if m.why is Why.REQUESTED))


def _day(record: str, now: datetime) -> date:
    return civil_day(now, zone_of(employer_of(record).workplace.department))


def _refuse_wrong_time(book: Rulebook, vintage: int, day: date, until: date) -> None:
    mode = book.exchange_mode(vintage)
    if mode is not ExchangeMode.ON_REQUEST:
        raise Refused(NOT_ON_REQUEST, f"vouchers of {vintage} are exchanged in mode {mode.value}")
    if day <= book.vintage_end(vintage):
        raise Refused(NOT_ON_REQUEST, f"vouchers of {vintage} have not expired yet")
    if day > until:
        raise Refused(TOO_LATE, f"the last day was {until.isoformat()}")
