"""Takes an order in: every line checked, the good ones kept, the whole pending until it is paid.

Runs in the caller's SQL transaction. A line with a negative count is a correction: it takes back at
once, from the lot of the same account, month and face value, what is still unspent (LOD-04).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.loads import statements as sql
from authz.loads.corrections import Correction, take_back
from authz.loads.lines import (
    Bad,
    Flag,
    Known,
    Line,
    fault_of,
    fault_of_account,
    faults_of_lots,
    flags_of,
)
from authz.loads.reference import reference_of
from authz.loads.titles import titles_with
from authz.refusal import Unknown
from authz.state import Profile
from authz.storage.reference import employer_of
from rules.geography import civil_day, zone_of
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

decode_profile: Final = msgpack.Decoder(Profile).decode


class BadLines(Exception):
    """Lines that cannot be taken, while all were wanted; nothing was kept."""

    def __init__(self, bad: Sequence[Bad]) -> None:
        """`bad` in the order of the lines."""
        super().__init__(f"{len(bad)} of the lines cannot be taken")
        self.bad = tuple(bad)


class Taken(Struct, frozen=True):
    """A line that was taken, with its flags. `taken_back_minor` is what a correction took."""

    line: Line
    flags: tuple[Flag, ...]
    taken_back_minor: int = 0


class Order(Struct, frozen=True):
    """An order as it was kept. `total_minor` is to be paid under `reference`."""

    load_no: int
    employer: str
    reference: str
    total_minor: int
    taken: tuple[Taken, ...]
    bad: tuple[Bad, ...]


class _Place(Struct, frozen=True):
    """Who orders, and when by the employer's own clock."""

    employer_no: int
    employer: str
    now: datetime
    day: date


async def accounts_of(tx: "Tx", names: Sequence[str]) -> dict[str, Known]:
    """The accounts of these names that there are."""
    found: dict[str, Known] = {}
    for row in await tx.fetch(sql.ACCOUNTS, list(names)):
        profile = decode_profile(row["profile"])
        for held in profile.accounts:
            if held.account.account_id == row["name"]:
                found[row["name"]] = Known(
                    row["holder_id"],
                    held.account.account_no,
                    held.employer_no,
                    held.account.programme,
                    held.account.status,
                    len(profile.lots),
                )
    return found


async def place_order(
    tx: "Tx",
    employer: str,
    lines: Sequence[Line],
    books: Mapping[str, Rulebook],
    *,
    order_ref: str | None = None,
    only_good: bool = False,
) -> Order:
    """Keep an order. Raises Unknown, and BadLines unless `only_good` and one is good."""
    place = await _place(tx, employer)
    known = await accounts_of(tx, [line.account for line in lines])
    faults = {line.line_no: _fault(line, known, place.employer_no) for line in lines}
    faults |= faults_of_lots((line for line in lines if faults[line.line_no] is None), known)
    good = [line for line in lines if faults[line.line_no] is None]
    corrections = [_correction(line, known) for line in good if line.count < 0]
    taken_back, unknown = await take_back(tx, corrections, place.employer_no, place.day, place.now)
    bad = sorted([*filter(None, faults.values()), *unknown], key=lambda b: b.line_no)
    lost = {fault.line_no for fault in unknown}
    good = [line for line in good if line.line_no not in lost]
    if bad and not (only_good and good):
        raise BadLines(bad)
    titles = await titles_with(tx, good, known, taken_back)
    taken = tuple(_taken(line, known, books, place.day, taken_back, titles) for line in good)
    return await _keep(tx, place, order_ref, taken, known, tuple(bad), taken_back)


async def _place(tx: "Tx", employer: str) -> _Place:
    row = await tx.fetchrow(sql.EMPLOYER, employer)
    if row is None:
        raise Unknown(f"there is no employer {employer}")
    now = row["test_clock"] or datetime.now(UTC)
    zone = zone_of(employer_of(row["record"]).workplace.department)
    return _Place(row["employer_no"], row["employer_id"], now, civil_day(now, zone))


def _fault(line: Line, known: Mapping[str, Known], employer_no: int) -> Bad | None:
    return fault_of(line) or fault_of_account(line, known.get(line.account), employer_no)


def _correction(line: Line, known: Mapping[str, Known]) -> Correction:
    account = known[line.account]
    return Correction(line, account.holder_id, account.account_no)


def _taken(
    line: Line,
    known: Mapping[str, Known],
    books: Mapping[str, Rulebook],
    day: date,
    taken_back: Mapping[int, tuple[int, int]],
    titles: Mapping[int, int],
) -> Taken:
    if line.count < 0:
        _, minor = taken_back[line.line_no]
        limited = minor < line.amount_minor
        return Taken(line, (Flag.LIMITED_TO_UNSPENT,) if limited else (), minor)
    parameters = books[known[line.account].programme].on(day)
    return Taken(line, flags_of(line, parameters, titles[line.line_no]))


async def _keep(
    tx: "Tx",
    place: _Place,
    order_ref: str | None,
    taken: tuple[Taken, ...],
    known: Mapping[str, Known],
    bad: tuple[Bad, ...],
    taken_back: Mapping[int, tuple[int, int]],
) -> Order:
    load_no = await tx.fetchval(sql.NEXT_LOAD)
    reference = reference_of(load_no)
    total = sum(each.line.amount_minor for each in taken if each.line.count > 0)
    head = (load_no, place.employer_no, reference, order_ref, total, place.now)
    await tx.execute(sql.ADD_LOAD, *head)
    await tx.execute(sql.ADD_LINES, [_row(load_no, each, known) for each in taken])
    booked = [
        (known[each.line.account].holder_id, load_no, each.line.line_no,
         taken_back[each.line.line_no][0], -each.taken_back_minor, place.now)
        for each in taken
        if each.line.count < 0
    ]  # fmt: skip
    await tx.execute(sql.ADD_BOOKINGS, booked)
    return Order(load_no, place.employer, reference, total, taken, bad)


def _row(load_no: int, taken: Taken, known: Mapping[str, Known]) -> tuple[Any, ...]:
    line, account = taken.line, known[taken.line.account]
    return (
        account.holder_id,
        load_no,
        line.line_no,
        account.account_no,
        line.count,
        line.face_minor,
        line.share_minor,
        line.period,
        [flag.value for flag in taken.flags],
    )
