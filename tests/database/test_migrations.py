"""The schema comes from nothing, twice and from two sides at once; a wrong one is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.types import TypeEngine

from authz.storage.database import ENGINE_ROLE, DatabaseError, connect
from authz.storage.schema import newest_revision, upgrade
from authz.storage.server_check import check
from ledger.schema import METADATA
from tests.database.roads import one

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


async def test_an_empty_database_is_brought_to_the_newest_schema(database_url: str) -> None:
    assert await upgrade(database_url) == (None, newest_revision())
    sql = await connect(database_url)
    try:
        await check(sql)
    finally:
        await sql.close()


async def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    await upgrade(database_url)
    assert await upgrade(database_url) == (newest_revision(), newest_revision())


async def test_two_upgrades_at_once_make_one_schema(database_url: str) -> None:
    await asyncio.gather(upgrade(database_url), upgrade(database_url))
    assert await one(database_url, "select count(*) from alembic_version") == 1
    assert await one(database_url, "select count(*) from control") == 1


async def test_without_a_schema_the_line_says_what_to_run(database_url: str) -> None:
    sql = await connect(database_url, role=None)
    try:
        with pytest.raises(DatabaseError, match=r"none at all.*millesime db upgrade") as refusal:
            await check(sql)
    finally:
        await sql.close()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("revision", "says"),
    [("9999", "9999 is newer than this version"), ("0001", "schema is 0001.*db upgrade")],
)
async def test_a_newer_or_an_older_schema_is_refused_in_one_line(
    database_url: str, revision: str, says: str
) -> None:
    await upgrade(database_url)
    if revision == newest_revision():
        pytest.skip("there is no older schema yet")
    await one(database_url, f"update alembic_version set version_num = '{revision}' returning 1")
    sql = await connect(database_url)
    try:
        with pytest.raises(DatabaseError, match=says) as refusal:
            await check(sql)
    finally:
        await sql.close()
    assert "\n" not in str(refusal.value)


async def test_a_newer_schema_is_not_upgraded(database_url: str) -> None:
    await upgrade(database_url)
    await one(database_url, "update alembic_version set version_num = '9999' returning 1")
    with pytest.raises(DatabaseError, match="install the newer version"):
        await upgrade(database_url)


@pytest.fixture
async def bystander(database_url: str) -> AsyncIterator[str]:
    """The URL as seen by a role that may log in, and nothing else."""
    await one(database_url, "create role bystander login")
    yield database_url.replace("//postgres@", "//bystander@")
    await one(database_url, "drop owned by bystander")
    await one(database_url, "drop role bystander")


async def test_who_may_not_make_the_schema_is_told_who_may(
    database_url: str, bystander: str
) -> None:
    await one(database_url, "grant all on schema public to bystander")
    with pytest.raises(DatabaseError) as refusal:
        await upgrade(bystander)
    assert str(refusal.value) == (
        "the schema could not be upgraded: permission denied to create role;"
        " run it as the owner of the database and its tables, with CREATEROLE"
    )
    assert await one(database_url, "select to_regclass('alembic_version')") is None


async def test_who_may_not_read_the_schema_is_told_who_may(
    database_url: str, bystander: str
) -> None:
    await upgrade(database_url)
    with pytest.raises(DatabaseError, match=r"table alembic_version; run it as the owner"):
        await upgrade(bystander)


async def test_the_tables_that_are_told_are_those_that_the_migrations_built(
    database_url: str,
) -> None:
    """`ledger.schema` says names, types, nullability and primary keys a second time."""
    await upgrade(database_url)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database_url)
    )
    async with engine.connect() as sql:
        for table in METADATA.sorted_tables:
            built = await sql.run_sync(_columns, table.name)
            said = {
                column.name: (_sql(column.type), bool(column.nullable), column.primary_key)
                for column in table.columns
            }
            assert said == built, table.name
    await engine.dispose()


def _sql(type_: TypeEngine[Any]) -> str:
    return str(type_.compile(dialect=DIALECT))


def _columns(sql: Connection, table: str) -> dict[str, tuple[str, bool, bool]]:
    inspector = inspect(sql)
    keys = inspector.get_pk_constraint(table)["constrained_columns"]
    return {
        column["name"]: (_sql(column["type"]), bool(column["nullable"]), column["name"] in keys)
        for column in inspector.get_columns(table)
    }


async def test_a_superuser_may_not_decide(database_url: str) -> None:
    await upgrade(database_url)
    sql = await connect(database_url, role=None)
    try:
        with pytest.raises(DatabaseError, match="superuser"):
            await check(sql)
    finally:
        await sql.close()


@pytest.mark.parametrize("table", ["transfers", "ledger_accounts", "authorizations"])
@pytest.mark.parametrize("privilege", ["update", "delete", "truncate"])
async def test_a_role_that_may_change_the_books_may_not_decide(
    database_url: str, table: str, privilege: str
) -> None:
    await upgrade(database_url)
    sql = await connect(database_url, role=None)
    try:
        await sql.execute(f"grant {privilege} on {table} to {ENGINE_ROLE}")
        await sql.execute(f"set role {ENGINE_ROLE}")
        with pytest.raises(DatabaseError, match=f"{privilege.upper()} {table}"):
            await check(sql)
    finally:
        await sql.close()


@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_database_that_forgets_is_refused(database_url: str, setting: str) -> None:
    await upgrade(database_url)
    sql = await connect(database_url)
    try:
        await sql.execute(f"set {setting} = off")
        with pytest.raises(DatabaseError, match=f"{setting} = off"):
            await check(sql)
    finally:
        await sql.close()
