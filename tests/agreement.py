"""Whether the bank's books and ours say the same, leg by leg, to the cent."""

import asyncio
from typing import Any

import asyncpg

OURS = """
    select number, state, left_minor - refunded_minor as standing
    from bank_legs where state not in ('RESERVED', 'ASKED')
"""
OPEN = """
    select (select count(*) from pending_payments)
        + (select count(*) from bank_notices where acknowledged_at is null)
"""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def reference(number: int) -> str:
    """What the bank calls a leg (DE37): written down again, for the test's own eyes."""
    text = ""
    for _ in range(12):
        text = _DIGITS[number % 36] + text
        number //= 36
    return text


async def nothing_open(url: str, within_s: float = 30) -> None:
    """Wait until no payment waits and the bank has acknowledged everything."""
    sql = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(within_s):
            while await sql.fetchval(OPEN):  # noqa: ASYNC110 - a table has no event
                await asyncio.sleep(0.1)
    finally:
        await sql.close()


async def disagreements(url: str, bank: dict[str, Any]) -> list[str]:
    """Every leg on which the two differ; `bank` is the summary of its books."""
    sql = await asyncpg.connect(url)
    try:
        rows = await sql.fetch(OURS)
    finally:
        await sql.close()
    ours = {reference(row["number"]): row["standing"] for row in rows}
    theirs = {leg["reference"]: leg["net"] for leg in bank["legs"]}
    return [
        f"{name}: ours {ours.get(name, 0)}, the bank's {theirs.get(name, 0)}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name, 0) != theirs.get(name, 0)
    ]
