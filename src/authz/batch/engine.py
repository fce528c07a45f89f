"""One batch, one SQL transaction: load, decide, save, and only then the outcomes.

First without locks: read, decide in memory, save if nothing moved. If something did, once more with
the locks taken first. A batch that nobody can decide or write is cut in halves until the request
that poisons it stands alone. Whatever happens, every request gets one outcome, or None: silence.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

import asyncpg
import structlog
from msgspec.structs import replace

from authz.decide.authorize import Verdict, authorize
from authz.decide.writes import Writes
from authz.faults import place_of
from authz.ids import public_id
from authz.metrics import Metrics
from authz.outcomes import Outcome, refusal
from authz.requests import Kind, Request
from authz.state import State
from authz.storage.store import Conflict, HolderOf, InDoubt, Store, StoreDown
from rules.decision import Reason
from rules.rulebook import Rulebook

Outcomes = list[Outcome | None]
SETTLE_PAUSE_S: Final = 0.05

_log = structlog.get_logger()


class Engine:
    """Decides and books batches. Holds the clock of deadlines; the civil clock comes with State."""

    def __init__(
        self,
        store: Store,
        books: Mapping[str, Rulebook],
        next_id: Callable[[], int],
        metrics: Metrics,
        bank_open: Callable[[], bool] = lambda: False,
    ) -> None:
        """`books` maps a programme to its rulebook; `next_id` names new authorizations.

        `bank_open` says whether a bank leg could be asked now.
        """
        self._bank_open = bank_open
        self._store = store
        self._books = books
        self._next_id = next_id
        self._metrics = metrics

    async def run(self, requests: Sequence[Request], holder_of: HolderOf) -> Outcomes:
        """Outcomes in the order of the requests. Does not raise."""
        started = monotonic()
        outcomes = await self._attempt(requests, holder_of)
        self._metrics.batch(len(requests), monotonic() - started)
        for request, outcome in zip(requests, outcomes, strict=True):
            if outcome is not None and outcome.alarm:
                self._raise_alarm(request, outcome)
        return outcomes

    def _raise_alarm(self, request: Request, outcome: Outcome) -> None:
        """Count the alarms of an answer and log its id, so that somebody looks at it."""
        name = public_id(outcome.holder_id, outcome.authorization_id)
        for alarm in outcome.alarm.split():
            self._metrics.incidents[alarm] += 1
        _log.error("alarm", alarm=outcome.alarm, kind=request.kind.value, authorization=name)

    async def _attempt(self, requests: Sequence[Request], holder_of: HolderOf) -> Outcomes:
        try:
            return await self._optimistic(requests, holder_of)
        except Conflict:
            self._metrics.conflicts += 1
        except StoreDown:
            return _refuse(requests)
        except Exception as error:  # noqa: BLE001 - our bug, or a row refused: find whose
            return await self._bisect(requests, holder_of, error)
        return await self._again(requests, holder_of)

    async def _optimistic(self, requests: Sequence[Request], holder_of: HolderOf) -> Outcomes:
        state = await self._store.load(requests, holder_of)
        verdict, outcomes = self._decide(requests, state)
        if verdict.writes.keys:
            try:
                await self._store.save(verdict.writes)
            except InDoubt:
                return await self._settle(requests, outcomes, verdict.writes)
        return outcomes

    async def _again(self, requests: Sequence[Request], holder_of: HolderOf) -> Outcomes:
        """The second attempt holds the locks; if keys still collide, each request goes alone."""
        try:
            return await self._locked(requests, holder_of)
        except Conflict:
            self._metrics.conflicts += 1
        except StoreDown:
            return _refuse(requests)
        except Exception as error:  # noqa: BLE001 - as above
            return await self._bisect(requests, holder_of, error)
        if len(requests) == 1:
            return _refuse(requests)
        return [
            outcome
            for request in requests
            for outcome in await self._again([request], _part(holder_of, [request]))
        ]

    async def _locked(self, requests: Sequence[Request], holder_of: HolderOf) -> Outcomes:
        outcomes: Outcomes = []
        verdict: Verdict | None = None
        try:
            async with self._store.exclusive(requests, holder_of) as (state, save):
                verdict, outcomes = self._decide(requests, state)
                if verdict.writes.keys:
                    await save(verdict.writes)
        except InDoubt:
            assert verdict is not None
            return await self._settle(requests, outcomes, verdict.writes)
        return outcomes

    def _decide(self, requests: Sequence[Request], state: State) -> tuple[Verdict, Outcomes]:
        """Decide those that are still waited for; the others are refused and change nothing."""
        now = monotonic()
        wanted = [r if r.deadline_s > now else _too_late(r) for r in requests]
        timely = [request for request in wanted if request is not None]
        if self._bank_open():
            state = replace(state, bank_open=True)
        verdict = authorize(timely, state, self._books, self._next_id)
        decided = iter(verdict.outcomes)
        outcomes: Outcomes = [
            next(decided) if want is not None else refusal(asked)
            for asked, want in zip(requests, wanted, strict=True)
        ]
        return verdict, outcomes

    async def _settle(
        self, requests: Sequence[Request], outcomes: Outcomes, writes: Writes
    ) -> Outcomes:
        """A commit in doubt: ask the database until it knows, or until nobody waits any more."""
        self._metrics.in_doubt += 1
        last_s = max(request.deadline_s for request in requests)
        while True:
            try:
                committed = await self._store.committed(writes)
            except StoreDown as error:
                if monotonic() > last_s:
                    _log.error("commit_unknown", requests=len(requests), cause=str(error))
                    return [None] * len(requests)
                await asyncio.sleep(SETTLE_PAUSE_S)
            else:
                _log.warning("commit_settled", requests=len(requests), committed=committed)
                return outcomes if committed else _refuse(requests)

    async def _bisect(
        self, requests: Sequence[Request], holder_of: HolderOf, error: Exception
    ) -> Outcomes:
        """Something in the batch is poison: halve until it stands alone."""
        if len(requests) == 1:
            self._metrics.poisoned += 1
            _log.error("request_poisons", error=type(error).__name__, where=_where(error))
            return [Outcome(Reason.SYSTEM, poison=True)]
        middle = len(requests) // 2
        left, right = requests[:middle], requests[middle:]
        return [
            *await self._attempt(left, _part(holder_of, left)),
            *await self._attempt(right, _part(holder_of, right)),
        ]


def _too_late(request: Request) -> Request | None:
    """Nobody waits for it any more; what waited for the bank has to be settled all the same."""
    return replace(request, late=True) if request.kind is Kind.FINISH else None


def _refuse(requests: Sequence[Request]) -> Outcomes:
    return [refusal(request) for request in requests]


def _part(holder_of: HolderOf, requests: Sequence[Request]) -> dict[bytes, int]:
    """The holders of these requests alone."""
    return {r.card_ref: holder_of[r.card_ref] for r in requests if r.card_ref in holder_of}


def _where(error: Exception) -> str:
    """The place of a fault in words that carry no value: an SQL state or a line of our code."""
    if isinstance(error, asyncpg.PostgresError):
        return f"SQLSTATE {error.sqlstate}"
    return place_of(error)
