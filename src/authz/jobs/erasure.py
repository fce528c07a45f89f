"""Forgets who somebody was, and touches no cent: names, numbers and telephones of people who left.

What stays is what the accounts need: holders and movements by number. Someone has left when every
account is closed and nothing is held or left on them (GDPR art. 5(1)(e), CNIL). Cards and phones
keep the issuer's own numbers for them; by these nobody is known once the rest is gone.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import asyncpg
from msgspec import msgpack
from msgspec.structs import replace

from authz.state import Profile
from ledger import journal
from ledger.journal import Change, Locked
from rules.facts import AccountStatus

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_PEOPLE: Final = 200
GONE: Final = "gone "
"""What a forgotten name begins with. No record can be called so: names hold no blank."""

# Who closed an account so long ago and is not forgotten yet; whether all are closed is looked at
# under the lock.
LEFT: Final = """
    select c.holder_id from closures c
    join directory d on d.holder_id = c.holder_id and d.kind = 'person'
    where c.holder_id > $1 and not starts_with(d.name, $2) and (not $5 or exists (
        select 1 from sealed_numbers s where s.holder_id = c.holder_id and s.kind = 'PHONE'))
    group by c.holder_id
    having max(c.closed_at) < clock_timestamp() - make_interval(days => $3)
    order by c.holder_id limit $4
"""
CLOSED: Final = """
    select holder_id, profile, lot_available, lot_held from holders
    where holder_id = any ($1) order by holder_id for update
"""
RENAME: Final = """
    update directory set name = $3, content = '' where kind = $1 and name = $2
"""
FORGET_PHONES: Final = """
    delete from sealed_numbers where holder_id = any ($1) and kind = 'PHONE'
"""
# Who is gone hears nothing more.
KEEP_SILENT: Final = """
    update holder_notices set told_at = clock_timestamp()
    where holder_id = any ($1) and told_at is null
"""
FORGET_NUMBERS: Final = "delete from sealed_numbers where holder_id = any ($1)"
# A merchant whose agreement ended so long ago and who is owed nothing.
FORGET_MERCHANTS: Final = """
    update merchants m
    set record = m.record || '{"name": "", "siret": null, "iban": null, "bic": null}'
    where (m.record ->> 'agreement_to')::date
            < (clock_timestamp() - make_interval(days => $1))::date
        and (m.record ->> 'name' <> '' or m.record ->> 'siret' is not null
            or m.record ->> 'iban' is not null or m.record ->> 'bic' is not null)
        and not exists (
            select 1 from payable_days p
            where p.merchant_no = m.merchant_no and p.minor <> p.settled_minor)
"""

Step = Callable[["Tx", Sequence[int]], Awaitable[int]]
"""What is done to some who left, in the SQL transaction in which they are locked; a count."""

_decode: Final = msgpack.Decoder(Profile).decode
_encode: Final = msgpack.Encoder().encode


async def forget_contacts(pool: asyncpg.Pool, days: int) -> int:
    """Forget the telephones of people who left so many days ago; how many."""
    return await _of_who_left(pool, days, _forget_phones, with_phone=True)


async def forget_people(pool: asyncpg.Pool, days: int) -> int:
    """Forget the people who left so many days ago; how many."""
    return await _of_who_left(pool, days, _forget_names)


async def forget_merchants(pool: asyncpg.Pool, days: int) -> int:
    """Forget name, SIRET and account of merchants that ended so many days ago; how many."""
    return _count(await pool.execute(FORGET_MERCHANTS, days))


def forgotten(profile: Profile, holder_id: int) -> Profile:
    """The profile without a name of the person, of an account or of a phone. Pure."""
    accounts = tuple(
        replace(
            held,
            account=replace(held.account, account_id=_gone(holder_id, held.account.account_no)),
        )
        for held in profile.accounts
    )
    tokens = tuple(replace(token, device="") for token in profile.tokens)
    return replace(profile, person=_gone(holder_id), accounts=accounts, tokens=tokens)


async def _of_who_left(
    pool: asyncpg.Pool, days: int, step: Step, *, with_phone: bool = False
) -> int:
    done = last = 0
    while True:
        async with pool.acquire() as tx, tx.transaction():
            rows = await tx.fetch(LEFT, last, GONE, days, CHUNK_PEOPLE, with_phone)
            if not rows:
                return done
            last = rows[-1][0]
            locked = await tx.fetch(CLOSED, [row[0] for row in rows])
            gone = [row[0] for row in locked if _has_left(row)]
            done += await step(tx, gone)


def _has_left(row: asyncpg.Record) -> bool:
    statuses = {held.account.status for held in _decode(row["profile"]).accounts}
    empty = not any(row["lot_available"]) and not any(row["lot_held"])
    return empty and statuses == {AccountStatus.CLOSED}


async def _forget_phones(tx: "Tx", holder_ids: Sequence[int]) -> int:
    return _count(await tx.execute(FORGET_PHONES, holder_ids))


async def _forget_names(tx: "Tx", holder_ids: Sequence[int]) -> int:
    renamed: list[tuple[str, str, str]] = []

    def build(locked: Locked) -> Change:
        holder_id, before = locked.running.holder_id, _decode(locked.profile)
        after = forgotten(before, holder_id)
        renamed.append(("person", before.person, after.person))
        for old, new in zip(before.accounts, after.accounts, strict=True):
            renamed.append(("account", old.account.account_id, new.account.account_id))
        return Change(profile=_encode(after))

    await journal.post_many(tx, holder_ids, build)
    await tx.executemany(RENAME, renamed)
    await tx.execute(FORGET_NUMBERS, holder_ids)
    await tx.execute(KEEP_SILENT, holder_ids)
    return len(holder_ids)


def _gone(holder_id: int, account_no: int | None = None) -> str:
    return f"{GONE}{holder_id}" if account_no is None else f"{GONE}{holder_id}/{account_no}"


def _count(done: str) -> int:
    return int(done.rpartition(" ")[2])
