"""A PostgreSQL of its own for a benchmark: databases with worlds, and the proof afterwards.

One server for all contestants: fsync and synchronous_commit on, a unix socket for each of them, the
product's own settings but for the WAL files that lie ready (`_age`).
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

import asyncpg
import msgspec

from authz.custody.keys import new_key_file, read_key_file
from authz.custody.vault import Vault
from authz.jobs.timers import JOBS
from authz.postgres import Embedded, ensure_running, remove
from authz.storage.clock_row import READ
from authz.storage.schema import upgrade
from benchmarks import linked, world

SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "min_wal_size",
    "checkpoint_timeout",
    "wal_buffers",
    "autovacuum",
)
TICK_S: Final = 2.0
WAL_READY_MIB: Final = 1024
_WAL_FILE_MIB: Final = 16
# A WAL file that is left must have something in it.
_FILL: Final = f"""
    do $$ begin
        for n in 1..{WAL_READY_MIB // _WAL_FILE_MIB} loop
            perform pg_logical_emit_message(false, 'age', ''), pg_switch_wal();
        end loop;
    end $$
"""


class Unproved(Exception):
    """The audit refused the books, or they disagree with the answers: no numbers."""


class Lab:
    """The server, its key file, and the databases made so far."""

    def __init__(self, directory: Path, server: Embedded) -> None:
        """`directory` takes keys and logs; it goes when the lab closes."""
        self.directory = directory
        self.server = server
        self.keys = directory / "keys.toml"
        self._digester = new_key_file(self.keys).digester()
        self._sizes: dict[str, world.Size] = {}
        self._runs = 0

    def next_run(self) -> int:
        """A number that no other run of this lab has: its frames are all new."""
        self._runs += 1
        return self._runs

    def url(self, name: str) -> str:
        """The URL of a database, as its owner."""
        return self.server.url_of(name)

    def make_world(self, name: str, size: world.Size) -> None:
        """A migrated database with a generated world, in which no job has anything left to do."""
        self.execute("postgres", f"create database {name} template template0")
        asyncio.run(upgrade(self.url(name)))
        asyncio.run(world.generate(self.url(name), size, self._digester))
        if size.linked:
            vault = Vault.of(read_key_file(self.keys))
            assert vault is not None, "a new key file has a key for card numbers"
            asyncio.run(linked.link(self.url(name), size.holders, vault))
        self._sizes[name] = size
        for job in JOBS:
            ended = self._millesime(name, "jobs", "run", job, "--keys", str(self.keys))
            if ended.returncode:
                raise RuntimeError(f"the job {job} failed: {ended.stderr[-500:]}")
        self.execute(name, "vacuum (analyze)")

    def _millesime(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "authz", *arguments, "--database-url", self.url(name)]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    def api_key(self, name: str) -> str:
        """A new API key for online payments; it goes with the database."""
        ended = self._millesime(name, "keys", "create", "--scopes", "gateway")
        found = re.search(r"mk_[0-9a-f]{12}_[0-9a-f]{64}", ended.stdout)
        if found is None:
            raise RuntimeError(f"no key was made: {ended.stderr[-500:]}")
        return found[0]

    def copy_world(self, name: str, source: str) -> None:
        """The same world once more, under another name."""
        self.execute("postgres", f"create database {name} template {source}")
        self._sizes[name] = self._sizes[source]

    def make_empty(self, name: str) -> None:
        """A database without anything."""
        self.execute("postgres", f"create database {name} template template0")

    def size(self, name: str) -> world.Size:
        """How large the world in a database is."""
        return self._sizes[name]

    def execute(self, name: str, statement: str) -> None:
        """Run one statement of ours."""

        async def run() -> None:
            sql = await asyncpg.connect(self.url(name))
            try:
                await sql.execute(statement)
            finally:
                await sql.close()

        asyncio.run(run())

    def clock(self, name: str) -> str:
        """Where the civil clock of a world stands."""
        instant: datetime = self.rows(name, READ)[0][0]
        return instant.isoformat()

    @contextmanager
    def ticking(self, name: str) -> Iterator[None]:
        """Let the civil clock of a world go on for the length of a block.

        Where it stands still, what looks for recent movements finds all that were ever made.
        """
        over = threading.Event()

        async def run() -> None:
            sql = await asyncpg.connect(self.url(name))
            said = monotonic()
            while not await asyncio.to_thread(over.wait, TICK_S):
                now = monotonic()
                passed, said = timedelta(seconds=now - said), now
                await sql.execute("update control set test_clock = test_clock + $1", passed)
            await sql.close()

        clock = threading.Thread(target=asyncio.run, args=(run(),))
        clock.start()
        try:
            yield
        finally:
            over.set()
            clock.join()

    def rows(self, name: str, query: str) -> list[Any]:
        """What a query of ours gives."""

        async def run() -> list[Any]:
            sql = await asyncpg.connect(self.url(name))
            try:
                return list(await sql.fetch(query))
            finally:
                await sql.close()

        return asyncio.run(run())

    def settings(self) -> dict[str, str]:
        """The server's settings that matter here, as they are in force."""
        rows = self.rows("postgres", "select name, current_setting(name) as value from pg_settings")
        return {row["name"]: row["value"] for row in rows if row["name"] in SETTINGS}

    def prove(self, name: str, approved: int) -> dict[str, Any]:
        """`millesime audit`, and as many approvals in the books as were answered. Else `Unproved`.

        An answer that was lost on its way is no fault: the books may know of more, never of less.
        """
        ended = self._millesime(name, "audit", "--json")
        if ended.returncode:
            raise Unproved(f"{name}: {ended.stdout[-2000:]} {ended.stderr[-2000:]}")
        report = msgspec.json.decode(ended.stdout)
        kept = self.rows(
            name, "select count(*) as n from authorizations where reason = 'APPROVED'"
        )[0]["n"]
        if kept < approved:
            raise Unproved(f"{name}: {approved} approvals were answered, {kept} are kept")
        laws = [
            law["name"] for law in (*report["report"]["books"]["laws"], *report["report"]["laws"])
        ]
        return {
            "holds": report["holds"],
            "laws": laws,
            "decisions_made_again": report["report"]["decisions"],
            "approved_answered": approved,
            "approved_kept": kept,
        }


def _age(lab: Lab) -> None:
    """Make WAL files ahead, as a server that has run for a while has them from its checkpoints.

    In a new one every 16 MB somebody makes one, and all that commit wait: eight times in a minute
    of lunch, for tens of milliseconds.
    """
    lab.execute("postgres", _FILL)
    lab.execute("postgres", "checkpoint")


@contextmanager
def opened() -> Iterator[Lab]:
    """A lab for the length of a block; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="millesime-bench-") as directory:
        data = Path(directory) / "data"
        data.mkdir()
        for path in (Path(directory), data):
            path.chmod(0o755)
        server = ensure_running(data, {"min_wal_size": f"{WAL_READY_MIB}MB"})
        try:
            lab = Lab(Path(directory), server)
            _age(lab)
            yield lab
        finally:
            server.stop()
            remove(data)
