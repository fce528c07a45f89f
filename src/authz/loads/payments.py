"""Matches payments with orders: the money comes in, the vouchers are there at once (R.3262-22).

Runs in the caller's SQL transaction: the employer's payment, a lot for each line, and the new
version of every holder, or nothing of it. A lot's vintage is the civil year of emission (VIN-01).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.loads import statements as sql
from authz.loads.lines import LOTS_LOADED_MAX
from authz.loads.reference import normalized
from authz.refusal import Refused, Unknown
from authz.state import LotInfo, Profile
from authz.storage.house import move_of_house
from authz.storage.reference import employer_of
from ledger import journal
from ledger.accounts import AccountRow, House, lot_account
from ledger.journal import Change, Locked
from ledger.transfers import Transfer
from rules.facts import AccountStatus, Origin
from rules.geography import civil_day, zone_of

if TYPE_CHECKING:
    from ledger.journal import Tx

_decode: Final = msgpack.Decoder(Profile).decode
_encode: Final = msgpack.Encoder().encode


class LineView(Struct, frozen=True):
    """A line as it stands. `booked_minor` is None until something was booked of it.

    `frozen` means that it was paid and not loaded, and is to be returned: the account had been
    closed, was full, or had gone to another employer.
    """

    line_no: int
    account: str
    count: int
    face_minor: int
    share_minor: int
    period: str
    flags: tuple[str, ...]
    booked_minor: int | None
    frozen: bool


class LoadView(Struct, frozen=True):
    """An order as it stands: PENDING, LOADED, or BOUNCED while its payment is to be made good."""

    load_no: int
    employer: str
    reference: str
    order_ref: str | None
    total_minor: int
    ordered_at: datetime
    paid_at: datetime | None
    state: str
    lines: tuple[LineView, ...]


async def find_load(tx: "Tx", load_no: int) -> LoadView:
    """Read an order. Raises Unknown."""
    row = await _load(tx, load_no)
    paid = row["paid_at"] is not None or row["total_minor"] == 0
    state = "BOUNCED" if row["bounced"] else "LOADED" if paid else "PENDING"
    return LoadView(
        row["load_no"],
        row["employer_id"],
        row["reference"],
        row["order_ref"],
        row["total_minor"],
        row["ordered_at"],
        row["paid_at"],
        state,
        tuple(_line(line) for line in await tx.fetch(sql.LINES, load_no)),
    )


async def pay(tx: "Tx", load_no: int, reference: str, amount_minor: int) -> None:
    """Take a payment for an order and load its vouchers. Raises Unknown and Refused.

    The payment of an order whose first payment bounced makes it good: nothing is loaded twice.
    """
    row = await _load(tx, load_no)
    _refuse_mismatch(row, reference, amount_minor)
    now = row["test_clock"] or datetime.now(UTC)
    day = civil_day(now, zone_of(employer_of(row["record"]).workplace.department))
    if row["bounced"]:
        await _make_good(tx, row, day, now)
        return
    if (stopped := await tx.fetchval(sql.STOPPED, row["employer_no"])) is not None:
        raise Refused("EMPLOYER_STOPPED", f"the payment of {stopped} bounced: no load before it")
    if await tx.fetchval(sql.ADD_PAYMENT, load_no, amount_minor, now) is None:
        raise Refused("ALREADY_PAID", "this load has been paid")
    await _deliver(tx, row, await tx.fetch(sql.LINES, load_no), day, now)


async def bounce(tx: "Tx", load_no: int, why: str) -> None:
    """The payment was taken back: no further loads, and nothing that was loaded is touched."""
    row = await _load(tx, load_no)
    now = row["test_clock"] or datetime.now(UTC)
    day = civil_day(now, zone_of(employer_of(row["record"]).workplace.department))
    if row["paid_at"] is None:
        raise Refused("NOT_PAID", "this load has not been paid")
    if await tx.fetchval(sql.ADD_BOUNCE, load_no, now, why) is None:
        raise Refused("ALREADY_BOUNCED", "the payment of this load bounced before")
    money = House.EMPLOYER_PREPAID, House.TRUST_CASH, row["total_minor"]
    await move_of_house(tx, *money, day, now)


async def _make_good(tx: "Tx", row: Any, day: date, now: datetime) -> None:
    # Of two payments at once, both of which saw the bounce, one makes it good.
    if await tx.fetchval(sql.SETTLE_BOUNCE, row["load_no"], now) is None:
        raise Refused("ALREADY_PAID", "this load has been paid")
    money = House.TRUST_CASH, House.EMPLOYER_PREPAID, row["total_minor"]
    await move_of_house(tx, *money, day, now)


async def _load(tx: "Tx", load_no: int) -> Any:
    row = await tx.fetchrow(sql.LOAD, load_no)
    if row is None:
        raise Unknown("there is no such load")
    return row


def _refuse_mismatch(row: Any, reference: str, amount_minor: int) -> None:
    given = normalized(reference)
    if given is None:
        raise Refused("REFERENCE_INVALID", "the check digits of the reference are wrong")
    if given != row["reference"]:
        raise Refused("REFERENCE_DIFFERS", "the reference is of another load")
    if row["total_minor"] == 0:
        raise Refused("NOTHING_TO_PAY", "this order only took vouchers back")
    if amount_minor != row["total_minor"]:
        total = row["total_minor"]
        raise Refused(
            "AMOUNT_DIFFERS", f"the load comes to {total} cents, paid were {amount_minor}"
        )


async def _deliver(tx: "Tx", load: Any, lines: Sequence[Any], day: date, now: datetime) -> None:
    by_holder: dict[int, list[Any]] = defaultdict(list)
    for line in lines:
        if line["count"] > 0:
            by_holder[line["holder_id"]].append(line)
    booked: list[tuple[Any, ...]] = []

    def build(locked: Locked) -> Change:
        holder_id = locked.running.holder_id
        desk = _Desk(locked, load["employer_no"], day, now)
        for line in by_holder[holder_id]:
            lot_no, minor = desk.load(line["account_no"], line["count"] * line["face_minor"])
            booked.append((holder_id, load["load_no"], line["line_no"], lot_no, minor, now))
        return desk.change()

    await journal.post_many(tx, list(by_holder), build)
    await tx.execute(sql.ADD_BOOKINGS, booked)


class _Desk:
    """One holder's new lots while an order is being delivered."""

    def __init__(self, locked: Locked, employer_no: int, day: date, at: datetime) -> None:
        self._employer_no = employer_no
        self._holder_id = locked.running.holder_id
        self._seq = locked.running.last_seq
        self._profile = _decode(locked.profile)
        self._lots = list(self._profile.lots)
        self._transfers: list[Transfer] = []
        self._opened: list[AccountRow] = []
        self._day, self._at = day, at

    def load(self, account_no: int, amount_minor: int) -> tuple[int | None, int]:
        """The lot and its cents; no lot where the account was closed since the order (CRD-06).

        Nor where it went to another employer (R.3262-6), or other loads took the holder's last lot:
        the money is to be returned to who paid it.
        """
        self._move(House.TRUST_CASH, House.EMPLOYER_PREPAID, amount_minor)
        held = self._profile.account(account_no)
        full = len(self._lots) >= LOTS_LOADED_MAX
        gone = held.employer_no != self._employer_no
        if full or gone or held.account.status is AccountStatus.CLOSED:
            self._move(House.EMPLOYER_PREPAID, House.RETURNED_TO_EMPLOYER, amount_minor)
            return None, 0
        lot_no, vintage = len(self._lots) + 1, self._day.year
        self._lots.append(
            LotInfo(lot_no, account_no, vintage, Origin.LOAD, self._day, paid_by=self._employer_no)
        )
        self._opened.append(AccountRow.lot(self._holder_id, lot_no, vintage, self._day, self._at))
        to = lot_account(self._holder_id, lot_no)
        self._move(House.EMPLOYER_PREPAID, to, amount_minor)
        return lot_no, amount_minor

    def change(self) -> Change:
        profile = _encode(replace(self._profile, lots=tuple(self._lots)))
        return Change(transfers=self._transfers, accounts=self._opened, profile=profile)

    def _move(self, debit: int, credit: int, amount_minor: int) -> None:
        self._seq += 1
        self._transfers.append(
            Transfer.direct(
                self._holder_id, self._seq, debit, credit, amount_minor, None, self._day, self._at
            )
        )


def _line(row: Any) -> LineView:
    held = _decode(row["profile"]).account(row["account_no"])
    return LineView(
        row["line_no"],
        held.account.account_id,
        row["count"],
        row["face_minor"],
        row["share_minor"],
        row["period"],
        tuple(row["flags"]),
        row["booked_minor"],
        row["booked_minor"] is not None and row["lot_no"] is None,
    )
