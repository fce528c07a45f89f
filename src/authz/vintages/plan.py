"""Decides what becomes of a holder's vouchers whose last day has passed. Pure.

AUTO: what is free becomes a lot of the next vintage, year by year (VIN-06). ON_REQUEST: it expires,
is exchanged as far as it was asked for and ordered in time, and else is lost (VIN-07). NONE: it
expires and is lost (VIN-13). Money that comes back to an expired lot follows (VIN-08, VIN-09).

A lot has one successor, found by its number: what is planned twice moves once. Nothing is undone
when the clock is set back.
"""

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from authz.refusal import Refused
from authz.state import LotInfo, Profile
from ledger.accounts import LOT_NO_MAX, AccountRow, House, lot_account
from ledger.running import Running
from ledger.transfers import Transfer
from rules.facts import Origin
from rules.geography import civil_day
from rules.parameters import ExchangeMode
from rules.rulebook import Rulebook


class Why(StrEnum):
    """Why money left a lot or the expired account; the words of `vintage_moves.reason`."""

    EXCHANGED = "EXCHANGED"
    EXCHANGED_LATE = "EXCHANGED_LATE"
    EXPIRED = "EXPIRED"
    REQUESTED = "REQUESTED"
    LOST = "LOST"
    RETURNED = "RETURNED"


class Where(Struct, frozen=True):
    """Whose rules an account's vouchers follow: employer, civil day and zone of the workplace.

    What is free on a `closed` account goes back to the employer (CRD-06).
    """

    employer_no: int
    day: date
    zone: ZoneInfo
    book: Rulebook
    closed: bool = False


class Arrival(Struct, frozen=True):
    """Money that came free on a lot at an instant (UTC): refunded, or released from a hold."""

    at: datetime
    refund: bool
    amount_minor: int


class Expired(Struct, frozen=True):
    """A movement into the expired account, and what of it is still there."""

    movement: Transfer
    lot_no: int
    left_minor: int


class Asked(Struct, frozen=True):
    """A request that the employer ordered in time: so much may still be exchanged (None: all)."""

    left_minor: int | None


class History(Struct, frozen=True):
    """What the books tell of expired lots; where all is exchanged by itself none of it is needed.

    `arrivals` are by lot, oldest first; `asked` by account and vintage.
    """

    arrivals: Mapping[int, Sequence[Arrival]] = {}
    expired: Sequence[Expired] = ()
    asked: Mapping[tuple[int, int], Asked] = {}


class Move(Struct, frozen=True):
    """One movement with its reason. `lot_no` and `vintage` are those that expired."""

    transfer: Transfer
    account_no: int
    employer_no: int
    lot_no: int
    vintage: int
    why: Why

    def as_row(self) -> tuple[object, ...]:
        """The values of a row of `vintage_moves`, in the table's order."""
        t = self.transfer
        return (
            t.holder_id,
            t.seq,
            self.account_no,
            self.employer_no,
            self.lot_no,
            self.vintage,
            self.why.value,
            t.amount_minor,
            t.day,
        )


class Plan(Struct, frozen=True):
    """What is to be booked: the lots as they then are, those to open, and the movements."""

    lots: tuple[LotInfo, ...]
    opened: tuple[AccountRow, ...]
    moves: tuple[Move, ...]


NO_ROOM: Final = "NO_ROOM"
NO_HISTORY: Final = History()


def plan(
    running: Running,
    profile: Profile,
    where: Mapping[int, Where],
    at: datetime,
    history: History = NO_HISTORY,
) -> Plan:
    """What is due on the accounts in `where`, which is by account number. `at` is UTC.

    Raises Refused as NO_ROOM.
    """
    planner = _Planner(running, profile, where, at, history)
    planner.work()
    return Plan(tuple(planner.lots), tuple(planner.opened), tuple(planner.moves))


class _Planner:
    """One holder at work: lots and money as they stand while movements are added."""

    def __init__(
        self,
        running: Running,
        profile: Profile,
        where: Mapping[int, Where],
        at: datetime,
        history: History,
    ) -> None:
        self.lots = list(profile.lots)
        self.opened: list[AccountRow] = []
        self.moves: list[Move] = []
        self._holder_id = running.holder_id
        self._seq = running.last_seq
        self._available = list(running.lot_available)
        self._where = where
        self._at = at
        self._arrivals = {lot_no: list(came) for lot_no, came in history.arrivals.items()}
        self._expired = list(history.expired)
        self._asked = {key: asked.left_minor for key, asked in history.asked.items()}

    def work(self) -> None:
        """Lot by lot; a lot that is opened on the way comes last and has its turn too."""
        moves = -1
        while len(self.moves) > moves:
            moves = len(self.moves)
            for lot in self.lots:
                if lot.account_no in self._where and self._available[lot.lot_no - 1] > 0:
                    self._settle(lot)
            due, self._expired = self._expired, []
            for expired in due:
                self._redeem(expired)

    def _settle(self, lot: LotInfo) -> None:
        where, free_minor = self._where[lot.account_no], self._available[lot.lot_no - 1]
        if where.closed:
            self._direct(lot, House.RETURNED_TO_EMPLOYER, free_minor, Why.RETURNED)
            return
        last_day = where.book.vintage_end(lot.vintage)
        if where.day <= last_day:
            return
        match where.book.exchange_mode(lot.vintage):
            case ExchangeMode.AUTO:
                if where.day >= where.book.exchange_day(lot.vintage):
                    self._exchange_by_itself(lot, free_minor)
            case ExchangeMode.ON_REQUEST:
                self._settle_on_request(lot, free_minor)
            case ExchangeMode.NONE:
                self._expire(lot, free_minor)

    def _exchange_by_itself(self, lot: LotInfo, free_minor: int) -> None:
        to = self._exchange(lot, free_minor, Why.EXCHANGED)
        for arrival in self._arrived(lot, free_minor):
            self._came(to, arrival)

    def _settle_on_request(self, lot: LotInfo, free_minor: int) -> None:
        where = self._where[lot.account_no]
        for arrival in self._arrived(lot, free_minor):
            free_minor -= arrival.amount_minor
            day = civil_day(arrival.at, where.zone)
            why = _fate(day, lot.vintage, where.book, refund=arrival.refund)
            if why is Why.EXPIRED:
                self._expire(lot, arrival.amount_minor)
            else:
                self._came(self._exchange(lot, arrival.amount_minor, why), arrival)
        if free_minor:
            self._expire(lot, free_minor)

    def _arrived(self, lot: LotInfo, free_minor: int) -> Iterator[Arrival]:
        """What came to this lot after its last day and is still free, the newest first."""
        where = self._where[lot.account_no]
        last_day = where.book.vintage_end(lot.vintage)
        for arrival in reversed(self._arrivals.get(lot.lot_no, ())):
            part_minor = min(free_minor, arrival.amount_minor)
            if part_minor == 0 or civil_day(arrival.at, where.zone) <= last_day:
                return
            free_minor -= part_minor
            yield replace(arrival, amount_minor=part_minor)

    def _came(self, to: LotInfo, arrival: Arrival) -> None:
        """What came back stays so in the successor: that may have ended before it came (VIN-09)."""
        insort(self._arrivals.setdefault(to.lot_no, []), arrival, key=attrgetter("at"))

    def _exchange(self, lot: LotInfo, amount_minor: int, why: Why) -> LotInfo:
        to = self._successor(lot, late=why is Why.EXCHANGED_LATE)
        self._direct(lot, lot_account(self._holder_id, to.lot_no), amount_minor, why)
        self._available[to.lot_no - 1] += amount_minor
        return to

    def _expire(self, lot: LotInfo, amount_minor: int) -> None:
        movement = self._direct(lot, House.EXPIRED, amount_minor, Why.EXPIRED)
        self._expired.append(Expired(movement, lot.lot_no, amount_minor))

    def _redeem(self, expired: Expired) -> None:
        """Exchange what was asked for; after the last day of orders the rest is lost."""
        lot = self.lots[expired.lot_no - 1]
        if lot.account_no not in self._where:
            return
        where, left_minor = self._where[lot.account_no], expired.left_minor
        part_minor = self._granted(lot, left_minor)
        if part_minor:
            to = self._successor(lot, late=False)
            account = lot_account(self._holder_id, to.lot_no)
            self._back(lot, expired.movement, part_minor, account, Why.REQUESTED)
            self._available[to.lot_no - 1] += part_minor
        rest_minor = left_minor - part_minor
        if rest_minor and where.day > where.book.order_until(lot.vintage):
            self._back(lot, expired.movement, rest_minor, House.LOST, Why.LOST)

    def _granted(self, lot: LotInfo, left_minor: int) -> int:
        key = lot.account_no, lot.vintage
        if key not in self._asked:
            return 0
        asked_minor = self._asked[key]
        if asked_minor is None:
            return left_minor
        part_minor = min(left_minor, asked_minor)
        self._asked[key] = asked_minor - part_minor
        return part_minor

    def _successor(self, lot: LotInfo, *, late: bool) -> LotInfo:
        """The one lot that takes this lot's money; late money has a lot of its own.

        It keeps the day of the load: the order inside a vintage stays as it was (VIN-04).
        """
        for known in self.lots:
            if (known.from_lot, known.late) == (lot.lot_no, late):
                return known
        lot_no = len(self.lots) + 1
        if lot_no > LOT_NO_MAX:
            raise Refused(NO_ROOM, "this person has as many lots as there can be")
        vintage = lot.vintage + 1
        new = LotInfo(
            lot_no, lot.account_no, vintage, Origin.EXCHANGE, lot.loaded_on, lot.vintage,
            lot.lot_no, late, lot.paid_by,
        )  # fmt: skip
        self.lots.append(new)
        self._available.append(0)
        self.opened.append(
            AccountRow.lot(
                self._holder_id, lot_no, vintage, lot.loaded_on, self._at, from_vintage=lot.vintage
            )
        )
        return new

    def _direct(self, lot: LotInfo, to: int, amount_minor: int, why: Why) -> Transfer:
        self._seq += 1
        self._available[lot.lot_no - 1] -= amount_minor
        day, account = self._where[lot.account_no].day, lot_account(self._holder_id, lot.lot_no)
        transfer = Transfer.direct(
            self._holder_id, self._seq, account, to, amount_minor, None, day, self._at
        )
        self._note(lot, transfer, why)
        return transfer

    def _back(self, lot: LotInfo, expiry: Transfer, amount_minor: int, to: int, why: Why) -> None:
        """Out of the expired account, naming what went in: never more than that comes out."""
        self._seq += 1
        transfer = Transfer.give_back(expiry, self._seq, amount_minor, None, self._at, to)
        self._note(lot, transfer, why)

    def _note(self, lot: LotInfo, transfer: Transfer, why: Why) -> None:
        # Money goes back to who paid it (CRD-06), though the account has gone to another employer.
        employer_no = lot.paid_by or self._where[lot.account_no].employer_no
        self.moves.append(Move(transfer, lot.account_no, employer_no, lot.lot_no, lot.vintage, why))


def _fate(day: date, vintage: int, book: Rulebook, *, refund: bool) -> Why:
    """Who could not have asked any more is treated as having asked (VIN-08, VIN-09)."""
    if day > book.order_until(vintage):
        return Why.EXCHANGED_LATE
    if refund or day > book.request_until(vintage):
        return Why.EXCHANGED
    return Why.EXPIRED
