"""A holder's money while a batch is being decided: the row as read, and what was done to it."""

from datetime import date, timedelta
from typing import Final

from msgspec import msgpack

from authz.decide.counters import Counters
from authz.state import Holder, LotInfo
from ledger.accounts import lot_no_of
from ledger.balances import lot_effects, usage_effect
from ledger.transfers import Transfer
from rules.facts import Lot, Usage

_encode: Final = msgpack.Encoder().encode
_LONG_AGO: Final = date.min
USAGE_TAIL_DAYS: Final = 8
"""Days of voucher use kept in the holder's row; older days are summed from the books when asked."""


class Purse:
    """Working copy of one holder; requests of one batch see each other through it."""

    def __init__(self, holder: Holder) -> None:
        """Start from the row as it was read."""
        self.holder: Final = holder
        self.seq = holder.last_seq
        self.available = list(holder.lot_available)
        self.held = list(holder.lot_held)
        self.counters = holder.counters
        self.used = {(used.account_no, used.day): used.used_minor for used in holder.used}

    def next_seq(self) -> int:
        """The next number of this holder's books."""
        self.seq += 1
        return self.seq

    def lots_of(self, account_no: int) -> tuple[Lot, ...]:
        """The account's lots that still hold money."""
        return tuple(
            _lot(info, free)
            for info in self.holder.profile.lots
            if info.account_no == account_no and (free := self.available[info.lot_no - 1]) > 0
        )

    def usage(self, account_no: int, *, per_person: bool) -> tuple[Usage, ...]:
        """Voucher use by day, of the person or of the one account (P-CAP-SCOPE)."""
        days: dict[date, int] = {}
        for (account, day), used_minor in self.used.items():
            if per_person or account == account_no:
                days[day] = days.get(day, 0) + used_minor
        return tuple(Usage(day, used_minor) for day, used_minor in days.items())

    def take(
        self, account_no: int, lot_no: int, amount_minor: int, day: date, *, hold: bool
    ) -> None:
        """Take money from a lot, or hold it there; both count as used on that day (CAP-06)."""
        self.available[lot_no - 1] -= amount_minor
        assert self.available[lot_no - 1] >= 0, "the rules spent more than the lot had"
        if hold:
            self.held[lot_no - 1] += amount_minor
        key = (account_no, day)
        self.used[key] = self.used.get(key, 0) + amount_minor

    def move(self, transfer: Transfer, hold_minor: int = 0) -> None:
        """Let any movement of the books act on the lots and on the use of its day.

        `hold_minor` is the amount of the hold that a post or a void settles.
        """
        for lot, available_minor, held_minor in lot_effects(transfer, hold_minor):
            place = lot_no_of(lot) - 1
            self.available[place] += available_minor
            self.held[place] += held_minor
        if (effect := usage_effect(transfer, hold_minor)) is not None:
            lot, used_minor = effect
            account_no = self.holder.profile.lots[lot_no_of(lot) - 1].account_no
            key = (account_no, transfer.day)
            self.used[key] = self.used.get(key, 0) + used_minor

    def counters_of(self, card_ref: bytes) -> Counters:
        """What the credential of this reference has been through."""
        known = (each for each in self.counters if each.card_ref == card_ref)
        return next(known, None) or Counters(card_ref)

    def count(self, after: Counters) -> None:
        """Keep a credential's new counters, if they are new at all."""
        if after != self.counters_of(after.card_ref):
            others = (each for each in self.counters if each.card_ref != after.card_ref)
            self.counters = (*others, after)

    def row(self) -> tuple[object, ...]:
        """The holder's row after the batch, in the order of the type `holder_after`."""
        since, used = self.holder.usage_since, self.used
        if len(used) > USAGE_TAIL_DAYS:
            newest = max(day for _, day in used)
            since = max(since, newest - timedelta(days=USAGE_TAIL_DAYS))
        if since > _LONG_AGO:
            used = {key: minor for key, minor in used.items() if key[1] >= since}
        return (
            self.holder.holder_id,
            self.holder.version + 1,
            self.seq,
            since,
            _array([account_no for account_no, _ in used]),
            f"{{{','.join([day.isoformat() for _, day in used])}}}",
            _array(list(used.values())),
            _array(self.available),
            _array(self.held),
            # None: as they were.
            None if self.counters is self.holder.counters else _encode(self.counters),
        )


def _array(numbers: list[int]) -> str:
    """PostgreSQL's text of an array, from Python's own: only the brackets differ."""
    return f"{{{str(numbers)[1:-1]}}}"


def _lot(info: LotInfo, available_minor: int) -> Lot:
    return Lot(info.lot_no, info.vintage, info.origin, info.loaded_on, available_minor)
