"""What is forgotten, and when: keys of requests, and the facts that decisions were made on.

Movements and answers are kept: they are the accounts (ten years, L.123-22 Code de commerce). What
only serves repeats and disputes goes when it is old. Ages are by the real clock, never a test's.
"""

from typing import Final

import asyncpg
from msgspec import Struct

CHUNK: Final = 10_000
# The role that decides may not delete: these functions may, and refuse to touch what is young.
FORGET_KEYS: Final = "select forget_keys(clock_timestamp() - make_interval(days => $1), $2)"
FORGET_FACTS: Final = "select forget_facts(clock_timestamp() - make_interval(days => $1), $2)"


class Retention(Struct, frozen=True):
    """How many days what is kept.

    After `keys_days` (wire.md: 45) a repeat is a new request. After `facts_days` a decision can no
    more be explained or made again by the audit; its answer and its movements stay.
    """

    keys_days: int = 45
    facts_days: int = 400


USUAL: Final = Retention()


async def forget(pool: asyncpg.Pool, retention: Retention) -> dict[str, int]:
    """Forget what is older, in SQL transactions of a chunk each; how many of each."""
    return {
        "keys": await _forget(pool, FORGET_KEYS, retention.keys_days),
        "facts": await _forget(pool, FORGET_FACTS, retention.facts_days),
    }


async def _forget(pool: asyncpg.Pool, statement: str, days: int) -> int:
    total = 0
    while True:
        forgotten: int = await pool.fetchval(statement, days, CHUNK)
        total += forgotten
        if forgotten < CHUNK:
            return total
