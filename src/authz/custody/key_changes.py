"""Keys that the network changed (0800/161): kept as they came, known to every process, for good.

A new key is kept wrapped under the zone master key, as it was sent: it is never in clear outside of
the security module. Every process looks twice a second, and the change is acknowledged only when
all of them had the time to, so that whoever hears yes may use the new key with any of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final, Protocol

import asyncpg
import structlog
from msgspec import Struct

from authz.access.rates import Buckets, Rate
from authz.door.network import KeyChange, key_change_of
from authz.hsm import KeyUse, SecurityModule
from authz.hsm.des import BLOCK
from authz.iso8583.message import Message
from authz.outcomes import Outcome
from authz.storage.sessions import LOST
from authz.usage import UsageError
from rules.decision import Reason

WRONG_RATE: Final = Rate(per_s=5 / 60, burst_max=5)
"""How many wrong changes of one profile's keys are looked at: nobody guesses at a check value."""
PROFILES_MAX: Final = 64
LOOK_EVERY_S: Final = 0.5
SPREAD_S: Final = 0.8
"""How long a change waits for the other processes before it is acknowledged."""

# What came before the last is still valid for a minute; what came before that is not.
RECENT: Final = """
    select profile, use, n, file_key, wrapped, check_value,
        extract(epoch from clock_timestamp() - changed_at)::float8 as age_s
    from (
        select *, row_number() over (partition by profile, use order by n desc) as place
        from network_keys
    ) as k where place <= 2 order by profile, use, n
"""
LAST: Final = """
    select n, wrapped, check_value from network_keys
    where profile = $1 and use = $2 order by n desc limit 1
"""
# What came once may have been heard by others, who could bring back a key that leaked: no key comes
# twice, neither later on nor for another use, and no part of one. The profile's keys share one zone
# master key, which wraps each block by itself: who heard two blocks can write one key in three.
SAID_BEFORE: Final = """
    select exists (
        select from network_keys, generate_series(1, length(wrapped), 8) as at
        where profile = $1 and substr(wrapped, at, 8) = any($2::bytea[])
    )
"""
# Two changes at once: one of them finds its number taken, and its sender repeats.
ADD: Final = """
    insert into network_keys (profile, use, n, file_key, wrapped, check_value, changed_at)
    values ($1, $2, $3, $4, $5, $6, clock_timestamp())
"""

_log = structlog.get_logger()


class KeptChange(Struct, frozen=True):
    """A change as it is kept; `file_key` names the key of the key file that it follows."""

    profile: str
    use: KeyUse
    n: int
    file_key: str
    wrapped: bytes
    check_value: bytes
    age_s: float


class KeyBook(Protocol):
    """Where changes are kept."""

    async def recent(self) -> list[KeptChange]:
        """The last two of each profile and use, the older first."""

    async def add(self, profile: str, file_key: str, change: KeyChange) -> bool:
        """Keep a change, unless it is the last one said again; false for a key that had its time.

        A key had its time if any block of it came before, whenever and for whatever use.
        """


def blocks_of(wrapped: bytes) -> list[bytes]:
    """The DES blocks of a wrapped key, of eight bytes each."""
    return [wrapped[at : at + BLOCK] for at in range(0, len(wrapped), BLOCK)]


class DatabaseBook:
    """Implements `KeyBook` over any pool but the road's."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """In the engine's role."""
        self._pool = pool

    async def recent(self) -> list[KeptChange]:
        """Read them."""
        return [KeptChange(**dict(row)) for row in await self._pool.fetch(RECENT)]

    async def add(self, profile: str, file_key: str, change: KeyChange) -> bool:
        """Keep one, in a SQL transaction of its own."""
        async with self._pool.acquire() as sql, sql.transaction():
            last = await sql.fetchrow(LAST, profile, change.use)
            said = change.wrapped, change.check_value
            if last is not None and (last["wrapped"], last["check_value"]) == said:
                return True
            if await sql.fetchval(SAID_BEFORE, profile, blocks_of(change.wrapped)):
                return False
            n = 1 if last is None else last["n"] + 1
            await sql.execute(ADD, profile, change.use, n, file_key, *said)
        return True


class NetworkKeys:
    """What one process knows of them; the security module has them in use."""

    def __init__(
        self,
        book: KeyBook,
        module: SecurityModule,
        spread_s: float = SPREAD_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Nothing is known before `catch_up`; `clock` is monotonic, in seconds."""
        self._book, self._module, self._spread_s, self._clock = book, module, spread_s, clock
        self._wrong = Buckets(WRONG_RATE, PROFILES_MAX)
        self._seen: dict[tuple[str, KeyUse], int] = {}

    async def take(self, message: Message, profile: str) -> Outcome:
        """A new key of the profile's network: kept, spread, in use. What is none changes nothing.

        After a few wrong ones nothing is looked at for a while. Raises what the database raises.
        """
        change = key_change_of(message)
        if change is None:
            return Outcome(Reason.FORMAT)
        if self._wrong.wait_s(profile, self._clock()):
            _log.warning("key_change", profile=profile, use=change.use, outcome="not looked at")
            return Outcome(Reason.SECURITY)
        file_key = self._module.file_key(profile, change.use)
        right = self._module.can_change_key(profile, change.use, change.wrapped, change.check_value)
        if file_key is None or not right or not await self._book.add(profile, file_key, change):
            self._wrong.take(profile, self._clock())
            _log.warning("key_change", profile=profile, use=change.use, outcome="refused")
            return Outcome(Reason.SECURITY)
        await asyncio.sleep(self._spread_s)
        await self.catch_up()
        return Outcome(Reason.APPROVED)

    async def catch_up(self) -> None:
        """Put to use what others took. Raises what the database raises, and UsageError."""
        for kept in await self._book.recent():
            name = kept.profile, kept.use
            if kept.n > self._seen.get(name, 0):
                self._seen[name] = kept.n
                self._put_to_use(kept)

    def _put_to_use(self, kept: KeptChange) -> None:
        """A key that the operator has put into the file since then counts more."""
        if self._module.file_key(kept.profile, kept.use) != kept.file_key:
            return
        sent = kept.profile, kept.use, kept.wrapped, kept.check_value
        if not self._module.change_key(*sent, kept.age_s):
            raise UsageError(
                f"the {kept.use} key of {kept.profile} was changed by the network under another"
                " zone master key than the key file has: put that one back, or give the key of"
                " the file another key_id"
            )
        _log.warning("key_change", profile=kept.profile, use=kept.use, outcome="taken", n=kept.n)

    async def keep_up(self) -> None:
        """Catch up twice a second, until cancelled. A database that is away is waited for."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.catch_up()
            except (*LOST, asyncpg.PostgresError) as error:
                _log.warning("keys_not_read", error=type(error).__name__)
            except UsageError as refused:
                _log.error("key_change", outcome="not for this key file", why=str(refused))

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Catch up now, and twice a second for the length of the block."""
        await self.catch_up()
        running = asyncio.create_task(self.keep_up())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
