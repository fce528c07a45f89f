"""API keys in the database: made, found, followed by the next one, revoked. No key is ever deleted.

A key counts by the clock of everything dated: the test clock where there is one. Of one name there
are two live keys at most: the one in use, and the one that takes its place.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from msgspec import Struct

from authz.access.acts import note
from authz.access.api_keys import ApiKey, Standing, draw_key
from authz.access.scopes import Scope, in_order
from authz.storage.clock_row import civil_instant

if TYPE_CHECKING:
    from ledger.journal import Tx

LIVE_MAX: Final = 2
FIND: Final = """
    select k.*, coalesce(c.test_clock, $2) as now
    from api_keys k cross join control c where k.key_id = any ($1)
"""
ALL: Final = "select * from api_keys order by name, generation"
OF_NAME: Final = "select * from api_keys where name = $1 order by generation"
ADD: Final = """
    insert into api_keys (key_id, name, generation, secret_hash, scopes, proof_wanted, created_at,
        expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
END: Final = "update api_keys set expires_at = $2 where key_id = $1"
REVOKE: Final = "update api_keys set revoked_at = $2 where key_id = $1 and revoked_at is null"


class KeyRefused(Exception):
    """Nothing was done: keys are not so; the text says why, and what to do instead."""


class Wanted(Struct, frozen=True):
    """A key that somebody asks for; it ends at an instant, after a span, or never."""

    name: str | None
    scopes: frozenset[Scope]
    proof_wanted: bool = True
    ends: datetime | timedelta | None = None


class Kept(Struct, frozen=True):
    """A key as it is kept, and whether it counts now."""

    key: ApiKey
    standing: Standing


async def find_keys(sql: "Tx", key_ids: Collection[str], now: datetime) -> dict[str, Kept]:
    """Those of these keys that there are, by their ids; whose secret came is not looked at."""
    found = {}
    for row in await sql.fetch(FIND, list(key_ids), now):
        key = _key(row)
        found[key.key_id] = Kept(key, key.standing(row["now"]))
    return found


async def all_keys(sql: "Tx") -> tuple[list[ApiKey], datetime]:
    """Every key there ever was, by name, and the instant that they count by."""
    return [_key(row) for row in await sql.fetch(ALL)], await civil_instant(sql, datetime.now(UTC))


async def create_key(tx: "Tx", wanted: Wanted) -> tuple[ApiKey, str]:
    """Make a key; its text is given this once. Raises KeyRefused for a name that is in use."""
    now, before = await civil_instant(tx, datetime.now(UTC)), await _of_name(tx, wanted.name)
    if _live(before, now):
        raise KeyRefused(
            f"a key named {wanted.name} is live: choose another name, or let a new one follow it"
            f" with 'millesime keys rotate {wanted.name}'"
        )
    return await _add(tx, wanted, now, len(before) + 1)


async def rotate_key(
    tx: "Tx", name: str, overlap: timedelta, ends: datetime | timedelta | None = None
) -> tuple[ApiKey, str, ApiKey]:
    """Let a new key follow the live one of this name, which ends after `overlap`.

    The new key, its text, and the old one as it is now. Raises KeyRefused.
    """
    now, before = await civil_instant(tx, datetime.now(UTC)), await _of_name(tx, name)
    live = _live(before, now)
    if not live:
        raise KeyRefused(
            f"there is no live key named {name}: make one with 'millesime keys create'"
        )
    if len(live) >= LIVE_MAX:
        raise KeyRefused(
            f"{name} has {LIVE_MAX} live keys already: revoke one of {_named(live)} first"
        )
    old = live[-1]
    ends_at = now + overlap if old.expires_at is None else min(old.expires_at, now + overlap)
    await tx.execute(END, old.key_id, ends_at)
    wanted = Wanted(name, old.scopes, old.proof_wanted, ends)
    new, text = await _add(tx, wanted, now, len(before) + 1)
    return new, text, _key(await tx.fetchrow(FIND, [old.key_id], now))


async def revoke_keys(tx: "Tx", named: str) -> list[ApiKey]:
    """Revoke one key by its id, or every live one of a name; at once and for good.

    Raises KeyRefused where there is nothing to revoke.
    """
    now = await civil_instant(tx, datetime.now(UTC))
    key_id = named.removeprefix("mk_").partition("_")[0]
    by_id = [_key(row) for row in await tx.fetch(FIND, [key_id], now)]
    known = by_id or await _of_name(tx, named)
    if not known:
        raise KeyRefused("there is no key of this id or name: see 'millesime keys list'")
    live = [key for key in known if key.standing(now) is not Standing.REVOKED]
    if not live:
        raise KeyRefused(f"{_named(known)}: revoked already")
    for key in live:
        await tx.execute(REVOKE, key.key_id, now)
    await note(tx, _named(live))
    return live


async def _add(tx: "Tx", wanted: Wanted, now: datetime, generation: int) -> tuple[ApiKey, str]:
    ends_at = now + wanted.ends if isinstance(wanted.ends, timedelta) else wanted.ends
    if ends_at is not None and ends_at <= now:
        raise KeyRefused(f"a key that ends at {ends_at:%Y-%m-%dT%H:%MZ} never counts")
    key, text = draw_key(
        secrets.token_bytes,
        wanted.name,
        wanted.scopes,
        now,
        generation=generation,
        proof_wanted=wanted.proof_wanted,
        expires_at=ends_at,
    )
    try:
        await tx.execute(
            ADD, key.key_id, key.name, key.generation, key.secret_hash, in_order(key.scopes),
            key.proof_wanted, key.created_at, key.expires_at,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise KeyRefused(
            f"somebody else makes a key named {key.name} just now: try again"
        ) from None
    await note(tx, key.shown)
    return key, text


async def _of_name(sql: "Tx", name: str | None) -> list[ApiKey]:
    return [] if name is None else [_key(row) for row in await sql.fetch(OF_NAME, name)]


def _live(keys: Sequence[ApiKey], now: datetime) -> list[ApiKey]:
    return [key for key in keys if key.standing(now) is Standing.LIVE]


def _named(keys: Sequence[ApiKey]) -> str:
    return " and ".join(key.shown for key in keys)


def _key(row: Any) -> ApiKey:
    return ApiKey(
        row["key_id"],
        row["name"],
        row["generation"],
        row["secret_hash"],
        frozenset(Scope(name) for name in row["scopes"]),
        row["proof_wanted"],
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
    )
