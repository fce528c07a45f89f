"""The one fake: a store in memory that keeps the promises of the real one, and breaks on command.

Versions are checked, keys are unique, a save is whole or nothing. `faults` are used up one by one,
by the next call of the method they are for.
"""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

from msgspec import msgpack
from msgspec.structs import replace

from authz.decide.counters import Counters
from authz.decide.topup import BankLeg, LegState
from authz.decide.writes import Writes
from authz.outcomes import Outcome, chip_of, later
from authz.requests import Kind, Request
from authz.state import Holder, KeptAnswer, PaymentName, Pending, State, UsedDay
from authz.storage.store import Conflict, HolderOf, InDoubt, Save, Store
from ledger.transfers import Transfer
from rules.decision import Reason
from rules.facts import Facts
from tests.authz.arrays import days, numbers
from tests.authz.builders import some_state

_decode_counters = msgpack.Decoder(tuple[Counters, ...]).decode
_decode_facts = msgpack.Decoder(Facts).decode
BANK = 110
"""The account of what holders' banks owe us, written down again."""
DECIDED = (
    "holder_id", "authorization_id", "account_no", "kind", "at", "day", "reason",
    "requested_minor", "eligible_minor", "approved_minor", "bank_minor", "balance_minor",
    "usable_minor", "approval_code", "acquirer", "terminal", "mid", "stan", "transmitted", "rrn",
    "rulebook", "facts", "about_id", "business_day",
)  # fmt: skip
"""The columns of `authorizations`, written down again."""


class MemoryStore:
    """Everything a database would hold, in dictionaries."""

    def __init__(self, state: State | None = None) -> None:
        """Start from what `state` knows."""
        self.state = state or some_state()
        self.decided: list[dict[str, Any]] = []
        self.movements: list[tuple[Any, ...]] = []
        self.loose_ends: list[tuple[Any, ...]] = []
        self.calls: list[tuple[str, int]] = []
        """Every call with the number of its requests, or of its keys for a save."""
        self.faults: dict[str, deque[Exception]] = defaultdict(deque)
        self.poison: Callable[[dict[str, Any]], bool] = lambda row: False
        """A row of a decision that the database would choke on."""
        self.before_save: Callable[[], None] = lambda: None
        self.pending: dict[PaymentName, tuple[bytes, Pending]] = {}
        """Payments that wait for the bank, with the keys of their requests."""
        self.lost: Writes | None = None
        """A save whose connection broke before it arrived; it may still come."""

    def as_store(self) -> Store:
        """Itself, for whoever is written against the real one."""
        return cast(Store, self)

    def fail(self, method: str, *faults: Exception) -> None:
        """Let the next calls of `method` (load, save, commit, committed) fail with these."""
        self.faults[method].extend(faults)

    async def load(self, requests: Sequence[Request], holder_of: HolderOf) -> State:
        """What is known now, with the answers kept under these requests' keys."""
        self.calls.append(("load", len(requests)))
        self._fault("load")
        found = {r.card_ref: self.state.holder_of.get(r.card_ref) for r in requests}
        holder_of = {**{ref: n for ref, n in found.items() if n is not None}, **holder_of}
        wanted = set(holder_of.values())
        holders = {number: h for number, h in self.state.holders.items() if number in wanted}
        known = {ref: number for ref, number in holder_of.items() if number in holders}
        kept = self.state.kept
        return replace(
            self.state,
            holders=holders,
            holder_of=known,
            kept={r.key_hash: kept[r.key_hash] for r in requests if r.key_hash in kept},
            restamped=self._sent_before(requests),
            pending={name: pending for name, (_, pending) in self.pending.items()},
        )

    async def save(self, writes: Writes) -> None:
        """All of it or nothing; `InDoubt` as a fault of "save" means that it never arrived."""
        self.calls.append(("save", len(writes.keys)))
        self.before_save()
        if self.faults["save"] and isinstance(self.faults["save"][0], InDoubt):
            self.lost = writes
        self._fault("save")
        self.land(writes)
        # The answer to a commit that took place is lost on its way back.
        self._fault("commit")

    @asynccontextmanager
    async def exclusive(
        self, requests: Sequence[Request], holder_of: HolderOf
    ) -> AsyncIterator[tuple[State, Save]]:
        """Nothing moves in memory between two awaits, so that a lock has nothing to do."""
        self.calls.append(("exclusive", len(requests)))
        self._fault("exclusive")
        state = await self.load(requests, holder_of)
        save: Callable[[Writes], Awaitable[None]] = self.save
        yield state, save

    async def committed(self, writes: Writes) -> bool:
        """Whether this very save landed; if not, the new versions keep it from ever landing."""
        self.calls.append(("committed", len(writes.keys)))
        self._fault("committed")
        landed = all(key[0] in self.state.kept for key in writes.keys)
        if not landed:
            for number in writes.holders:
                holder = self.state.holders[number]
                self._put(replace(holder, version=holder.version + 1))
        return landed

    def land(self, writes: Writes) -> None:
        """Write a batch as the database does. Raises `Conflict`, or ValueError for poison."""
        afters = cast(list[tuple[Any, ...]], writes.afters)
        if any(self.state.holders[row[0]].version != row[1] - 1 for row in afters):
            raise Conflict("MV001")
        if any(row[0] in self.state.kept for row in writes.keys):
            raise Conflict("23505")
        rows = [dict(zip(DECIDED, row, strict=True)) for row in writes.decided]
        if any(_breaks_a_law(row) or self.poison(row) for row in rows):
            raise ValueError("a row that cannot be written")
        for after in afters:
            self._put(self._after(after))
        self.decided += rows
        self.movements += cast(list[tuple[Any, ...]], writes.movements)
        by_number = {row["authorization_id"]: row for row in rows}
        ever = {row["authorization_id"]: row for row in self.decided}
        for key in writes.keys:
            row = ever.get(cast(int, key[3]))  # a tombstone has none
            answer = _outcome(row) if row else Outcome(Reason.REVERSED_BEFORE_REQUEST)
            self.state.kept[cast(bytes, key[0])] = KeptAnswer(cast(bytes, key[1]), answer)
        self.loose_ends += cast(list[tuple[Any, ...]], writes.loose_ends)
        self._wait(writes)
        for name in [name for name in self.pending if name[1] in by_number]:
            key_hash, _ = self.pending.pop(name)
            kept = self.state.kept[key_hash]
            self.state.kept[key_hash] = KeptAnswer(kept.fingerprint, _outcome(by_number[name[1]]))

    def _wait(self, writes: Writes) -> None:
        """What was reserved has its key and its holds, and no answer yet."""
        for row in cast(list[tuple[Any, ...]], writes.reserved):
            holder_id, number, key_hash, account_no, bank_minor, request, facts = row[:7]
            leg = BankLeg(holder_id, number, LegState.RESERVED, bank_minor, bank_minor)
            moved = (Transfer(*each) for each in self.movements)
            holds = tuple(t for t in moved if t.authorization_id == number)
            name = holder_id, number
            self.pending[name] = key_hash, Pending(leg, account_no, request, facts, holds)
            fingerprint = self.state.kept[key_hash].fingerprint
            self.state.kept[key_hash] = KeptAnswer(fingerprint, later(name))

    def ask_the_bank(self, name: PaymentName) -> None:
        """The leg says so before the question leaves."""
        key_hash, pending = self.pending[name]
        asked = replace(pending.leg, state=LegState.ASKED)
        self.pending[name] = key_hash, replace(pending, leg=asked)

    def debits(self) -> dict[int, int]:
        """Cents taken or held by payments, by vintage of the lot."""
        taken: dict[int, int] = {}
        for row in self.movements:
            if row[3] == BANK or row[2] == "post":  # what is posted was held, and counted, before
                continue
            holder = self.state.holders[row[0]]
            lot = holder.profile.lots[(row[3] & 4095) - 1]
            signed = -row[5] if row[2] == "void" else row[5]
            taken[lot.vintage] = taken.get(lot.vintage, 0) + signed
        return {vintage: minor for vintage, minor in taken.items() if minor}

    def bank_minor(self) -> int:
        """Cents that bank cards pay, which no lot has a part in."""
        return sum(row[5] for row in self.movements if row[3] == BANK)

    def _fault(self, method: str) -> None:
        if self.faults[method]:
            raise self.faults[method].popleft()

    def _put(self, holder: Holder) -> None:
        self.state.holders[holder.holder_id] = holder

    def _after(self, row: tuple[Any, ...]) -> Holder:
        number, version, last_seq, since, accounts, used_days, minor, available, held, counters = (
            row
        )
        before = self.state.holders[number]
        return replace(
            before,
            version=version,
            last_seq=last_seq,
            usage_since=since,
            used=tuple(map(UsedDay, numbers(accounts), days(used_days), numbers(minor))),
            lot_available=tuple(numbers(available)),
            lot_held=tuple(numbers(held)),
            counters=before.counters if counters is None else _decode_counters(counters),
        )

    def _sent_before(self, requests: Sequence[Request]) -> dict[bytes, KeptAnswer]:
        return {
            request.key_hash: answer
            for request in requests
            if request.repeat and request.key_hash not in self.state.kept
            for answer in [*self._restamped(request), *self._overtaken(request)]
        }

    def _overtaken(self, request: Request) -> list[KeptAnswer]:
        """Tombstones of the same payment under another transmission time; kept for a day."""
        said = (request.acquirer, request.terminal, request.stan, request.purchase.amount_minor)
        return [
            self.state.kept[row[0]]
            for row in self.loose_ends
            if row[1:5] == said
            and row[5] in (b"", request.card_ref)
            and not self.state.kept[row[0]].outcome.holder_id
            and row[6] >= request.received_at - timedelta(hours=24)
            and row[7] is (request.kind is Kind.ADVICE)
        ]

    def _restamped(self, request: Request) -> list[KeptAnswer]:
        """The same payment under another transmission time, kept or none."""
        numbers = {
            row["authorization_id"]
            for row in self.decided
            if (row["acquirer"], row["terminal"], row["stan"], row["kind"])
            == (request.acquirer, request.terminal, request.stan, request.kind.value)
        }
        return [
            answer
            for answer in self.state.kept.values()
            if answer.outcome.authorization_id in numbers
            and answer.fingerprint == request.fingerprint
        ]


def _breaks_a_law(row: dict[str, Any]) -> bool:
    """`approved_within_asked`, written down again."""
    cleared = row["kind"] == "ADVICE" and row["about_id"] is not None
    over: bool = row["approved_minor"] > row["requested_minor"]
    return over and not cleared


def _outcome(row: dict[str, Any]) -> Outcome:
    return Outcome(
        Reason(row["reason"]),
        row["requested_minor"],
        row["approved_minor"],
        row["balance_minor"],
        row["usable_minor"],
        row["approval_code"],
        row["holder_id"],
        row["authorization_id"],
        business_day=row["business_day"],
        chip=chip_of(_decode_facts(row["facts"]) if row["facts"] else None),
    )
