"""A backup is one that was restored and proved: a dump, and a copy of the cluster."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from authz import backup
from authz.audit.prove import Report, prove_all
from authz.commands.backup import run_drill
from authz.custody.keys import Secret
from authz.jobs.sealing import seal_books
from authz.postgres import Embedded, ensure_running, remove
from authz.requests import Kind
from authz.settlement.rollup import roll_up
from authz.storage import database, schema, server_check
from authz.usage import UsageError
from ledger.seal import SealKey
from tests.database.conftest import MakeDatabase
from tests.database.town import Town, town
from tests.road.people import Setting
from tests.rules.builders import BOOK

pytestmark = pytest.mark.timeout(120)

KEY = SealKey("seal-1", Secret(bytes(range(32))))
RULEBOOKS = {BOOK.version: BOOK}


@pytest.fixture
async def busy(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """Books with payments, roll-up and seals in them; proved afterwards."""
    await schema.upgrade(database_url)
    async with town(database_url, tmp_path, dict.fromkeys((1, 2), Setting())) as made:
        bought = await made.pay(1000)
        await made.about(Kind.REFUND, bought, 250)
        await made.pay(700, 2, Kind.HOLD)
        await roll_up(made.pool, made.book)
        await seal_books(made.pool, KEY, made.now)
        yield made
        await made.prove()


async def proved(url: str) -> Report:
    sql = await database.connect(url)
    try:
        await server_check.check(sql)
        async with sql.transaction(isolation="repeatable_read"):
            return await prove_all(sql, RULEBOOKS, seal_key=KEY)
    finally:
        await sql.close()


async def test_a_dump_restored_into_a_new_database_holds(
    busy: Town, database_url: str, tmp_path: Path
) -> None:
    before = await proved(database_url)
    backup.dump(database_url, tmp_path / "books.dump")
    assert (tmp_path / "books.dump").stat().st_mode & 0o077 == 0
    fresh = await backup.scratch_database(database_url)
    try:
        await backup.restore(tmp_path / "books.dump", fresh)
        after = await proved(fresh)
        with pytest.raises(UsageError, match="not empty"):
            await backup.restore(tmp_path / "books.dump", fresh)
    finally:
        await backup.drop_scratch(fresh, database_url)
    assert after.holds and after == before
    assert after.decisions == 2 and after.seals_verified


async def test_the_drill_names_what_is_broken_in_the_backup(busy: Town, database_url: str) -> None:
    assert (await run_drill(database_url, RULEBOOKS, KEY)).holds
    tamper = await asyncpg.connect(database_url)
    change = "update transfers set amount_minor = amount_minor + {} where (holder_id, seq) = (2, 2)"
    await tamper.execute(change.format(1))
    report = await run_drill(database_url, RULEBOOKS, KEY)
    await tamper.execute(change.format(-1))
    left = await tamper.fetch("select datname from pg_database where datname like '%drill%'")
    await tamper.close()
    assert not report.holds and "seals_hold" in report.broken
    assert left == []


@pytest.fixture
def copy_dir() -> Iterator[Path]:
    """Where a copy of the cluster goes; removed with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix="millesime-copy-"))
    folder.chmod(0o755)
    yield folder / "data"
    if (folder / "data").exists():
        remove(folder / "data")
    shutil.rmtree(folder)


async def test_a_copy_of_the_cluster_starts_and_holds(
    busy: Town, embedded: Embedded, database_url: str, copy_dir: Path
) -> None:
    before = await proved(database_url)
    await asyncio.to_thread(backup.base, database_url, copy_dir)
    name = database_url.split("@/")[1].split("?")[0]
    copy = await asyncio.to_thread(ensure_running, copy_dir, {"shared_buffers": "64MB"})
    try:
        assert copy.pid != embedded.pid
        assert await proved(copy.url_of(name)) == before
        with pytest.raises(UsageError, match="a cluster already"):
            backup.base(database_url, copy_dir)
    finally:
        await asyncio.to_thread(copy.stop)


@pytest.mark.parametrize("passed", [True, False])
async def test_books_on_a_younger_server_go_on_where_they_left_off(
    busy: Town, database_url: str, tmp_path: Path, copy_dir: Path, passed: bool
) -> None:
    """It has counted less than has written here; maybe more than what the jobs have passed."""
    await count_to(database_url, await counted(database_url) + 2_000)
    if passed:
        await roll_up(busy.pool, busy.book)
    marked = await busy.pool.fetchval("select below from pass_marks where name = 'roll-up'")
    await busy.pay(300)
    backup.dump(database_url, tmp_path / "books.dump")
    younger = await asyncio.to_thread(ensure_running, copy_dir, {"shared_buffers": "64MB"})
    try:
        await count_to(younger.url, 0 if passed else marked)
        fresh = await backup.scratch_database(younger.url)
        await backup.restore(tmp_path / "books.dump", fresh)
        pool = await database.open_pool(fresh, size=2)
        assert await counted(fresh) < await pool.fetchval("select max(sql_tx) from transfers")
        assert (await counted(fresh) < marked) is passed
        assert await roll_up(pool, busy.book) == {"movements": 1}
        there = Town(pool, busy.book, first_number=100)
        await there.pay(200, 2)
        assert await roll_up(pool, busy.book) == {"movements": 1}
        await pool.close()
        assert (await proved(fresh)).holds
    finally:
        await asyncio.to_thread(younger.stop)


async def counted(url: str) -> int:
    """How many SQL transactions a server has counted."""
    sql = await asyncpg.connect(url)
    number: int = await sql.fetchval("select pg_current_xact_id()::text::bigint")
    await sql.close()
    return number


async def count_to(url: str, number: int) -> None:
    sql = await asyncpg.connect(url)
    while await sql.fetchval("select pg_current_xact_id()::text::bigint") < number:
        pass
    await sql.close()


def test_an_older_backup_is_never_overwritten(make_database: MakeDatabase, tmp_path: Path) -> None:
    (tmp_path / "books.dump").write_text("older")
    with pytest.raises(UsageError, match="never overwritten"):
        backup.dump(make_database(), tmp_path / "books.dump")
    assert (tmp_path / "books.dump").read_text() == "older"


async def test_a_dump_goes_where_a_relative_name_points_and_comes_back_from_there(
    calendar_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    backup.dump(calendar_url, Path("books.dump"))
    assert not Path("/books.dump").exists()
    made = (tmp_path / "books.dump").stat()
    assert made.st_size > 10_000
    assert made.st_mode & 0o777 == 0o600
    fresh = await backup.scratch_database(calendar_url)
    try:
        await backup.restore(Path("books.dump"), fresh)
    finally:
        await backup.drop_scratch(fresh, calendar_url)


def test_a_dump_that_came_out_empty_is_an_error_and_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(backup, "_run", lambda *_: None)
    with pytest.raises(UsageError, match="pg_dump wrote nothing"):
        backup.dump("postgresql://nobody@db/x", tmp_path / "books.dump")
    assert not (tmp_path / "books.dump").exists()


def a_program(folder: Path, said: str) -> Path:
    """A stand-in for one of PostgreSQL's programs, which writes where it was told to."""
    program = folder / "pg_stand_in"
    program.write_text(
        f"#!/bin/sh\nfor x; do case $x in --file=*) f=${{x#--file=}};; esac; done\n{said}\n"
    )
    program.chmod(0o755)
    return program


def test_a_dump_may_take_longer_than_a_command_of_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = a_program(tmp_path, 'sleep 0.3; echo whole > "$f"')
    monkeypatch.setattr(backup, "binary", lambda _name: slow)
    unhurried = subprocess.run

    def hurried(argv: list[str], *, timeout: float | None, **options: Any) -> object:
        return unhurried(argv, timeout=timeout and 0.1, **options)

    monkeypatch.setattr(subprocess, "run", hurried)
    backup.dump("postgresql://nobody@db/x", tmp_path / "books.dump")
    assert (tmp_path / "books.dump").read_text() == "whole\n"


def test_a_dump_that_is_cut_off_never_had_the_name_of_a_whole_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even while it is written: a SIGKILL leaves nobody who could tidy up."""
    seen: list[bool] = []

    def cut_off(*argv: object, **_options: object) -> None:
        seen.append((tmp_path / "books.dump").exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "run_as", cut_off)
    with pytest.raises(KeyboardInterrupt):
        backup.dump("postgresql://nobody@db/x", tmp_path / "books.dump")
    assert seen == [False]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_dump_left_is_named_and_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "books.dump.part").write_text("half")
    with pytest.raises(UsageError, match="one cut off"):
        backup.dump("postgresql://nobody@db/x", tmp_path / "books.dump")
    assert (tmp_path / "books.dump.part").read_text() == "half"


def test_a_copy_of_the_cluster_that_is_cut_off_leaves_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, copy_dir: Path
) -> None:
    def cut_off(*argv: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backup, "run_as", cut_off)
    with pytest.raises(KeyboardInterrupt):
        backup.base("postgresql://nobody@db/x", copy_dir)
    assert not list(copy_dir.rglob("cluster*"))


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://me:s%20t@db:5432/x?sslmode=require",
         "postgresql://me@db:5432/x?sslmode=require", "s t"),
        ("postgresql://me@db/x?password=s%20t&sslmode=require",
         "postgresql://me@db/x?sslmode=require", "s t"),
        ("postgresql://me@db/x?pass%77ord=s3cret", "postgresql://me@db/x", "s3cret"),
        ("postgresql://me:first@db/x?password=other", "postgresql://me@db/x", "first"),
        ("postgresql:///x?host=/run", "postgresql:///x?host=/run", None),
    ],
)  # fmt: skip
def test_a_password_is_in_no_command_line(url: str, shown: str, password: str | None) -> None:
    plain, environment = backup.without_password(url)
    assert plain == shown
    assert environment.get("PGPASSWORD") == password


def test_a_secret_that_only_a_command_line_could_carry_is_refused() -> None:
    with pytest.raises(UsageError, match="sslpassword") as refused:
        backup.without_password("postgresql://me@db/x?sslkey=/k&sslpassword=s3cret")
    assert "s3cret" not in str(refused.value)
