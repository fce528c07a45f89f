"""What is forgotten, and when: keys, facts of decisions, and who people and merchants were.

Movements and answers are kept: they are the accounts (ten years, L.123-22 Code de commerce). What
only serves repeats and disputes goes when it is old. Ages are by the real clock, never a test's.
"""

from typing import Final

import asyncpg
from msgspec import Struct

from authz.bank.kept import forget_unused
from authz.jobs.erasure import forget_contacts, forget_merchants, forget_people

CHUNK: Final = 10_000
# The role that decides may not delete: these functions may, and refuse to touch what is young.
FORGET_KEYS: Final = "select forget_keys(clock_timestamp() - make_interval(days => $1), $2)"
FORGET_FACTS: Final = "select forget_facts(clock_timestamp() - make_interval(days => $1), $2)"
FORGET_WORDS: Final = "select forget_words(clock_timestamp() - make_interval(days => $1), $2)"
FORGET_STEPS: Final = "select forget_steps(clock_timestamp() - make_interval(days => $1), $2)"
FORGET_PAYEES: Final = "select forget_payees(clock_timestamp() - make_interval(days => $1), $2)"


class Retention(Struct, frozen=True):
    """How many days what is kept.

    After `keys_days` a repeat is a new request. After `facts_days` a decision can no
    more be explained or made again by the audit; its answer and its movements stay.
    """

    keys_days: int = 45
    facts_days: int = 400
    contacts_days: int = 90
    """After the last account was closed the telephone goes."""
    people_days: int = 1_826
    """Five years after it, names (art. 2224 Code civil), and what was told of them and why."""
    merchants_days: int = 3_653
    """Ten years after its agreement, or after its payment, a merchant's name and account."""


USUAL: Final = Retention()


async def forget(pool: asyncpg.Pool, retention: Retention) -> dict[str, int]:
    """Forget what is older, in SQL transactions of a chunk each; how many of each."""
    return {
        "keys": await _forget(pool, FORGET_KEYS, retention.keys_days),
        "facts": await _forget(pool, FORGET_FACTS, retention.facts_days),
        "bank_cards": await forget_unused(pool),
        "contacts": await forget_contacts(pool, retention.contacts_days),
        "people": await forget_people(pool, retention.people_days),
        "words": await _forget(pool, FORGET_WORDS, retention.people_days),
        "steps": await _forget(pool, FORGET_STEPS, retention.people_days),
        "merchants": await forget_merchants(pool, retention.merchants_days),
        "payees": await _forget(pool, FORGET_PAYEES, retention.merchants_days),
    }


async def _forget(pool: asyncpg.Pool, statement: str, days: int) -> int:
    total = 0
    while True:
        forgotten: int = await pool.fetchval(statement, days, CHUNK)
        total += forgotten
        if forgotten < CHUNK:
            return total
