"""What a process tree and a database have used so far: processor time, memory, WAL, rows."""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _STIME, _CUTIME, _CSTIME = 1, 11, 12, 13, 14
"""Places in /proc/PID/stat behind the name (proc(5))."""
FLUSHED_S: Final = 1.2
"""PostgreSQL's backends hand in their counts at most once a second."""

READ: Final = """
    select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal_bytes,
           (select wal_fpi from pg_stat_wal) as full_pages,
           (select num_timed + num_requested from pg_stat_checkpointer) as checkpoints,
           (select tup_inserted + tup_updated + tup_deleted from pg_stat_database
            where datname = current_database()) as rows
"""


class Books(Struct, frozen=True):
    """What one database has written so far."""

    wal_bytes: int
    full_pages: int
    checkpoints: int
    rows: int


def cpu_s(pid: int) -> float:
    """Processor seconds of a process, its living descendants and its children that ended."""
    stats = {child: fields for child in _processes() if (fields := _stat(child)) is not None}
    if pid not in stats:
        return 0.0
    ticks = sum(int(stats[pid][place]) for place in (_CUTIME, _CSTIME))
    for member in _tree(pid, {child: int(fields[_PPID]) for child, fields in stats.items()}):
        ticks += sum(int(stats[member][place]) for place in (_UTIME, _STIME))
    return ticks / TICKS_A_SECOND


def busy_s() -> float:
    """Processor seconds that everybody together has used on this machine."""
    user, nice, system, _idle, _iowait, irq, softirq = (
        int(word) for word in Path("/proc/stat").read_text().split()[1:8]
    )
    return (user + nice + system + irq + softirq) / TICKS_A_SECOND


def children_s() -> float:
    """Processor seconds of our own children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants, shared pages counted once for each."""
    stats = {child: fields for child in _processes() if (fields := _stat(child)) is not None}
    tree = _tree(pid, {child: int(fields[_PPID]) for child, fields in stats.items()})
    return sum(int(stats[member][21]) for member in tree if member in stats) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def written(url: str) -> Books:
    """What the database has written so far, once its processes have handed in their counts."""

    async def read() -> Any:
        await asyncio.sleep(FLUSHED_S)
        sql = await asyncpg.connect(url)
        try:
            return await sql.fetchrow(READ)
        finally:
            await sql.close()

    row = asyncio.run(read())
    return Books(**{name: int(row[name]) for name in Books.__struct_fields__})


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """The fields behind the name, which may itself hold blanks and parentheses."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _tree(root: int, parent_of: dict[int, int]) -> set[int]:
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parent_of.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return tree
