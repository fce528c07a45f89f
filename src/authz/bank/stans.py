"""STANs of ours towards the bank: handed out by the database in blocks, none twice a day."""

from datetime import UTC, date, datetime
from typing import Final

import asyncpg

from authz.bank.words import Stamp

BLOCK: Final = 100
STAN_MAX: Final = 999_999
TAKE: Final = """
    insert into bank_stans as b (institution, day, next_stan) values ($1, $2, 1 + $3)
    on conflict (institution, day) do update set next_stan = b.next_stan + $3
        where b.next_stan + $3 <= $4 + 1
    returning next_stan - $3
"""


class NoStanLeft(Exception):
    """A million questions were asked today: the day has no other number."""


class Stans:
    """The numbers of one process; when it dies, those of its block stay unused."""

    def __init__(self, pool: asyncpg.Pool, institution: str) -> None:
        """`institution` is our DE32 towards the bank."""
        self._pool = pool
        self._institution = institution
        self._day = date.min
        self._next = 0
        self._end = 0

    async def stamps(self, count: int) -> list[Stamp]:
        """So many stamps of now, to the second, as DE7 tells it. Raises `NoStanLeft`."""
        stamps: list[Stamp] = []
        while len(stamps) < count:
            at = datetime.now(UTC).replace(microsecond=0)
            if self._day != at.date() or self._next == self._end:
                await self._take(at.date())
                continue
            stamps.append(Stamp(f"{self._next:06d}", at))
            self._next += 1
        return stamps

    async def _take(self, day: date) -> None:
        first = await self._pool.fetchval(TAKE, self._institution, day, BLOCK, STAN_MAX)
        if first is None:
            raise NoStanLeft("all STANs of the day are used")
        self._day, self._next, self._end = day, first, first + BLOCK
