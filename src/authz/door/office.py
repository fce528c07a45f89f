"""Answers to what needs the database but no batch: reconciliations, the cutover, key changes.

Rare messages, each a task of its own on SQL connections that payments do not use. The deadline is
the payments' own: late, a first request gets 91, a repeat or an advice silence.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from time import monotonic
from typing import Final

import asyncpg
import structlog

from authz.custody.key_changes import NetworkKeys
from authz.door.network import CUTOVER, KEY_CHANGE
from authz.door.reconciliation import (
    IN_BALANCE,
    MANDATORY,
    OUT_OF_BALANCE,
    agrees,
    as_fields,
    totals_of,
)
from authz.iso8583 import numbers as de
from authz.iso8583.message import Message
from authz.iso8583.mti import is_refusable, request_class
from authz.metrics import Metrics
from authz.outcomes import Outcome
from authz.settlement.business_day import current_day, day_of, judge_cutover
from authz.settlement.closing import ADVANCE
from authz.storage.sessions import LOST
from rules.decision import Reason
from rules.geography import PARIS, civil_day

Reply = tuple[Outcome, Mapping[int, str]]
"""What was decided, and the fields of the answer beside those that every answer has."""
Done = Callable[[Outcome | None, Mapping[int, str]], None]

RECONCILIATIONS: Final = frozenset({"050", "052"})
NETWORK: Final = "080"
_CONTROL: Final = "select test_clock, business_day from control"

_log = structlog.get_logger()


class Office:
    """One for all connections of a process."""

    def __init__(
        self, pool: asyncpg.Pool, metrics: Metrics, keys: NetworkKeys | None = None
    ) -> None:
        """`pool` is any but the road's; without `keys` none are changed."""
        self._pool = pool
        self._keys = keys
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()

    def serves(self, message: Message) -> bool:
        """Whether this message is for the office."""
        family = request_class(message.mti)
        if family != NETWORK:
            return family in RECONCILIATIONS
        wish = message.fields.get(de.NETWORK_CODE)
        return wish == CUTOVER or (wish == KEY_CHANGE and self._keys is not None)

    def submit(self, message: Message, profile: str, deadline_s: float, done: Done) -> None:
        """Take a message in; `done` is told once, on the loop. `deadline_s` is monotonic."""
        serving = self._serve(message, profile, deadline_s, done)
        task = asyncio.get_running_loop().create_task(serving)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drained(self) -> None:
        """Wait until everything that was taken in has been answered."""
        await asyncio.gather(*self._tasks)

    async def _serve(self, message: Message, profile: str, deadline_s: float, done: Done) -> None:
        try:
            async with asyncio.timeout(max(0.0, deadline_s - monotonic())):
                outcome, more = await self.answer(message, profile)
        except (*LOST, asyncpg.PostgresError) as error:
            _log.warning("office_down", mti=message.mti, cause=type(error).__name__)
            done(Outcome(Reason.ISSUER_DOWN) if is_refusable(message.mti) else None, {})
        else:
            done(outcome, more)

    async def answer(self, message: Message, profile: str) -> Reply:
        """What a message gets. Raises what the database raises."""
        if request_class(message.mti) != NETWORK:
            return await self._reconcile(message)
        if message.fields.get(de.NETWORK_CODE) == CUTOVER or self._keys is None:
            return await self._cut_over(message)
        return await self._keys.take(message, profile), {}

    async def _cut_over(self, message: Message) -> Reply:
        if any(number not in message.fields for number in (7, 11, 15)):
            return Outcome(Reason.FORMAT), {}
        async with self._pool.acquire() as sql, sql.transaction():
            today, now = await _today(sql)
            wanted = message.fields[de.SETTLEMENT_DATE]
            reason, day = judge_cutover(wanted, today, civil_day(now, PARIS))
            if day != today:
                # Of two peers that cut over at once, the second finds the day moved already.
                await sql.execute(ADVANCE, day, today)
                _log.info("cutover", business_day=day.isoformat(), before=today.isoformat())
        return Outcome(reason, business_day=day if reason is Reason.APPROVED else None), {}

    async def _reconcile(self, message: Message) -> Reply:
        fields = message.fields
        if any(number not in fields for number in MANDATORY):
            return Outcome(Reason.FORMAT), {}
        async with self._pool.acquire() as sql:
            today, _ = await _today(sql)
            day = day_of(fields[de.SETTLEMENT_DATE], today)
            if day is None:
                return Outcome(Reason.FORMAT), {}
            ours = await totals_of(sql, fields[de.ACQUIRER], day)
        outcome = Outcome(Reason.APPROVED, business_day=day)
        if agrees(fields, ours):
            return outcome, {de.SETTLEMENT_CODE: IN_BALANCE}
        self._metrics.out_of_balance += 1
        _log.warning("out_of_balance", acquirer=fields[de.ACQUIRER], business_day=day.isoformat())
        return outcome, {de.SETTLEMENT_CODE: OUT_OF_BALANCE, **as_fields(ours)}


async def _today(sql: asyncpg.pool.PoolConnectionProxy) -> tuple[date, datetime]:
    """The settlement date, and the instant that it is."""
    row = await sql.fetchrow(_CONTROL)
    assert row is not None, "the control row is never taken away"
    test_clock, control_day = row
    now = test_clock or datetime.now(UTC)
    return current_day(control_day, now), now
