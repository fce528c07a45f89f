"""The schema's age: walked forward by Alembic, refused where a newer version was here."""

from importlib import resources
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from authz.storage.database import DatabaseError, connect, first_line
from ledger import passes

OLDEST_SERVER: Final = 150000
UNRELEASED: Final = "the schema is of a version that was never released; make the database anew"


async def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the schema forward; returns the revisions before and after. Raises `DatabaseError`."""
    try:
        before = await _revision_now(url)
        refuse_newer_schema(before)
        await _migrate(url)
        await catch_up(url)
    except (DBAPIError, asyncpg.PostgresError, OSError) as error:
        raise DatabaseError(_not_upgraded(error)) from error
    return before, newest_revision()


async def _revision_now(url: str) -> str | None:
    connection = await _plain(url)
    try:
        await refuse_old_server(connection)
        return await revision(connection)
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _plain(url))
    try:
        async with engine.begin() as sql:
            await sql.run_sync(_run_migrations)
    finally:
        await engine.dispose()


def _not_upgraded(error: Exception) -> str:
    """What the server said, and who may do it where that was somebody else."""
    said: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        # SQLAlchemy wraps it twice, and would show the whole statement.
        said = error.orig.__cause__ or error.orig
    words = f"the schema could not be upgraded: {first_line(said)}"
    if isinstance(said, asyncpg.InsufficientPrivilegeError):
        words += "; run it as the owner of the database and its tables, with CREATEROLE"
    return words


async def catch_up(url: str) -> None:
    """Let books that a dump brought from another server go on here. Raises `DatabaseError`."""
    connection = await _plain(url)
    try:
        await passes.catch_up(connection)
    except asyncpg.UndefinedColumnError:
        raise DatabaseError(UNRELEASED) from None
    finally:
        await connection.close()


async def _plain(url: str) -> asyncpg.Connection:
    return await connect(url, role=None)


def _run_migrations(connection: Connection) -> None:
    # Two upgrades at once: the second waits here and then finds nothing to do.
    connection.exec_driver_sql("select pg_advisory_xact_lock(5264720)")
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("authz") / "migrations"))
    return config


def newest_revision() -> str:
    """The schema revision that this code wants."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    assert head is not None
    return head


async def revision(connection: asyncpg.Connection) -> str | None:
    """The schema revision of a database, None where it has none."""
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("select version_num from alembic_version")
    return found


def refuse_newer_schema(found: str | None) -> None:
    """Raises `DatabaseError` where a newer version of Millésime was here."""
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseError(
            f"the database schema {found} is newer than this version of Millésime; "
            "install the newer version"
        )


async def refuse_old_server(connection: asyncpg.Connection) -> None:
    """Raises `DatabaseError` for a server that lacks what the schema needs."""
    version = int(await connection.fetchval("select current_setting('server_version_num')"))
    if version < OLDEST_SERVER:
        raise DatabaseError(
            f"PostgreSQL {version // 10000} is too old; "
            f"version {OLDEST_SERVER // 10000} or newer is needed"
        )
