"""The end of holds: who captured nothing within P-HOLD-TTL loses the hold (HLD-03).

Each hold is sent as a request of its own down the road of payments, under a key made of its name:
locks, versions, the kept answer and the proof are those of any other request about a payment.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, Final

import asyncpg
from msgspec import Struct, msgpack

from authz.identity import expiry_key
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from rules.facts import Facts, Purchase
from rules.geography import zone_of
from rules.rulebook import Rulebook

CHUNK: Final = 256
PATIENCE_S: Final = 30.0
"""How long the answer to one request is waited for; the next run asks again."""

# Open holds of old payments; what a partial reversal held anew stands under the reversal's number.
OPEN_HOLDS: Final = """
    select a.holder_id, a.authorization_id, a.day, a.facts, sum(t.amount_minor)::bigint as held
    from authorizations a
    join transfers t on t.holder_id = a.holder_id and t.kind = 'hold' and t.day = a.day
    where a.kind = 'HOLD' and a.approved_minor > 0 and a.day < $1
        and a.day >= $5 and (a.holder_id, a.authorization_id) > ($2, $3)
        and (t.authorization_id = a.authorization_id or exists (
            select 1 from authorizations r where r.holder_id = a.holder_id
                and r.about_id = a.authorization_id and r.authorization_id = t.authorization_id))
        and not exists (
            select 1 from transfers s where s.holder_id = t.holder_id and s.about_seq = t.seq
                and s.kind in ('post', 'void'))
    group by a.holder_id, a.authorization_id order by a.holder_id, a.authorization_id limit $4
"""

_decode_facts: Final = msgpack.Decoder(Facts).decode
Decide = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome | None]]]


class Hold(Struct, frozen=True):
    """A payment that still holds money. `facts` are what the rules saw when it was approved."""

    holder_id: int
    number: int
    day: date
    facts: Facts
    held_minor: int


def is_over(hold: Hold, books: Mapping[str, Rulebook], now: datetime) -> bool:
    """Whether the hold was placed so many days ago, by the clocks of its holder's workplace.

    The days granted are those that were in force when the hold was placed.
    """
    account, workplace = hold.facts.account, hold.facts.workplace
    assert account is not None, "an approved payment has its account"
    assert workplace is not None, "and its workplace"
    days = books[account.programme].on(hold.day).hold_days
    placed = hold.facts.now.astimezone(zone_of(workplace.department))
    return now >= placed + timedelta(days=days)  # the same time of day, also in summer


def expiry_of(hold: Hold, now: datetime) -> Request:
    """The request that lets a hold fall free; the same for the same hold, so that it is once."""
    key = expiry_key(hold.holder_id, hold.number)
    return Request(
        Kind.EXPIRY,
        Purchase(hold.held_minor),
        card_ref=b"",
        key_hash=key,
        fingerprint=key,
        acquirer="",
        terminal="",
        mid="",
        stan="",
        transmitted="",
        rrn=None,
        repeat=False,
        received_at=now,
        deadline_s=monotonic() + PATIENCE_S,
        about=Original(name=(hold.holder_id, hold.number)),
    )


async def expire_holds(
    pool: asyncpg.Pool,
    decide: Decide,
    books: Mapping[str, Rulebook],
    now: datetime,
    since: date = date.min,
) -> dict[str, int]:
    """Let every hold fall free whose time is over; how many did, and how many must wait.

    Payments of days before `since` are not looked at.
    """
    done = {"expired": 0, "unanswered": 0}
    async for holds in _open_holds(pool, now, since):
        over = [expiry_of(hold, now) for hold in holds if is_over(hold, books, now)]
        for outcome in await decide(over) if over else ():
            done["expired" if outcome is not None and outcome.approved else "unanswered"] += 1
    return done


async def _open_holds(pool: asyncpg.Pool, now: datetime, since: date) -> AsyncIterator[list[Hold]]:
    """Holds of days before today anywhere, in chunks: which are over is for `is_over` to say."""
    name = (0, 0)
    while rows := await pool.fetch(OPEN_HOLDS, now.date(), *name, CHUNK, since):
        yield [_hold(row) for row in rows]
        name = rows[-1]["holder_id"], rows[-1]["authorization_id"]


def _hold(row: Any) -> Hold:
    holder_id, number, day, facts, held_minor = row
    return Hold(holder_id, number, day, _decode_facts(facts), held_minor)
