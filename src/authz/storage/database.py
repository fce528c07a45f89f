"""The way into PostgreSQL: sessions in the engine's role, the schema's age, what must be on."""

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from authz.storage.clock_row import mark_as_engine
from ledger import passes

ENGINE_ROLE: Final = "millesime_engine"
OLDEST_SERVER: Final = 150000
CONNECT_TIMEOUT_S: Final = 10.0
UNRELEASED: Final = "the schema is of a version that was never released; make the database anew"
_BOOKS: Final = ("transfers", "ledger_accounts", "authorizations", "request_keys", "acts")
# A plan made while a table was small must not read it whole when it has grown.
_HOT: Final = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
_QUERIES_MAX: Final = 1 << 62
"""A session is never replaced for its age: its prepared statements are what makes it fast."""
_SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do, in one line."""


def dsn(url: str) -> str:
    """The URL as asyncpg reads it. Raises `DatabaseError` for what is no PostgreSQL URL."""
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise DatabaseError("the database URL must start with postgresql://")
    return "postgresql" + url[len(scheme) :]


async def connect(
    url: str, *, role: str | None = ENGINE_ROLE, **options: Any
) -> asyncpg.Connection:
    """One SQL connection. Raises `DatabaseError`."""
    try:
        return await asyncpg.connect(dsn(url), server_settings=_session(role), **_limits(options))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise DatabaseError(_refusal(url, error)) from error


async def open_pool(
    url: str,
    *,
    size: int,
    statement_timeout_ms: int | None = None,
    answer_timeout_s: float | None = None,
    hot: bool = False,
) -> asyncpg.Pool:
    """A pool of exactly `size` SQL connections in the engine's role. Raises `DatabaseError`.

    `answer_timeout_s`: no answer for so long, to whatever statement, is a lost connection: a
    network that swallows everything must not hold a lane for ever. `hot` is for the road: its
    statements always go by index, whatever the statistics of the hour, and an engine lives by it.
    """
    try:
        return await asyncpg.create_pool(
            dsn(url),
            min_size=size,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=answer_timeout_s,
            max_inactive_connection_lifetime=0,
            max_queries=_QUERIES_MAX,
            reset=_keep_as_it_is,
            init=mark_as_engine if hot else None,
            server_settings=_session(ENGINE_ROLE, statement_timeout_ms) | (_HOT if hot else {}),
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise DatabaseError(_refusal(url, error)) from error


async def _keep_as_it_is(_connection: asyncpg.Connection) -> None:
    """Our statements leave nothing behind in a session: no round trip to clean up after them."""


def _session(role: str | None, statement_timeout_ms: int | None = None) -> dict[str, str]:
    settings = {"application_name": "millesime", "timezone": "UTC", "jit": "off"}
    if role is not None:
        settings["role"] = role
    if statement_timeout_ms is not None:
        settings["statement_timeout"] = str(statement_timeout_ms)
    return settings


def _limits(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeout": CONNECT_TIMEOUT_S, **options}


def _refusal(url: str, error: Exception) -> str:
    """One line that names the server without its password."""
    parts = urlsplit(url)
    where = parts.hostname or parse_qs(parts.query).get("host", ["the default socket"])[0]
    if isinstance(error, asyncpg.UndefinedObjectError | asyncpg.InvalidParameterValueError):
        return f"database at {where}: the role {ENGINE_ROLE} is missing; run 'millesime db upgrade'"
    return f"cannot reach the database at {where}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


async def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the schema forward; returns the revisions before and after. Raises `DatabaseError`."""
    try:
        before = await _revision_now(url)
        _refuse_newer_schema(before)
        await _migrate(url)
        await catch_up(url)
    except (DBAPIError, asyncpg.PostgresError, OSError) as error:
        raise DatabaseError(_not_upgraded(error)) from error
    return before, newest_revision()


async def _revision_now(url: str) -> str | None:
    connection = await _plain(url)
    try:
        await _refuse_old_server(connection)
        return await _revision(connection)
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
    words = f"the schema could not be upgraded: {_first_line(said)}"
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


async def check(connection: asyncpg.Connection) -> None:
    """Refuse to run on a wrong server, schema or role. Raises `DatabaseError`."""
    await _refuse_old_server(connection)
    revision = await _revision(connection)
    _refuse_newer_schema(revision)
    if revision != newest_revision():
        have = revision or "none at all"
        raise DatabaseError(
            f"the database schema is {have}, this version needs {newest_revision()}; "
            "run 'millesime db upgrade'"
        )
    await _refuse_passed_numbers(connection)
    await _refuse_powerful_role(connection)
    await _refuse_lossy_settings(connection)


async def _refuse_old_server(connection: asyncpg.Connection) -> None:
    version = int(await connection.fetchval("select current_setting('server_version_num')"))
    if version < OLDEST_SERVER:
        raise DatabaseError(
            f"PostgreSQL {version // 10000} is too old; "
            f"version {OLDEST_SERVER // 10000} or newer is needed"
        )


async def _revision(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("select version_num from alembic_version")
    return revision


def _refuse_newer_schema(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseError(
            f"the database schema {revision} is newer than this version of Millésime; "
            "install the newer version"
        )


async def _refuse_passed_numbers(connection: asyncpg.Connection) -> None:
    """Books of another server may be ahead of what this one counts; jobs would pass by new rows."""
    try:
        behind = await passes.is_behind(connection)
    except asyncpg.UndefinedColumnError:
        raise DatabaseError(UNRELEASED) from None
    if behind:
        raise DatabaseError("the books came from another server; run 'millesime db upgrade'")


async def _refuse_powerful_role(connection: asyncpg.Connection) -> None:
    """The role that decides must not be able to change the books (append-only by privilege)."""
    if await connection.fetchval("select rolsuper from pg_roles where rolname = current_user"):
        raise DatabaseError("the engine refuses to decide as a superuser; use its own role")
    for table in _BOOKS:
        for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
            if await connection.fetchval(
                "select has_table_privilege(current_user, $1, $2)", table, privilege
            ):
                raise DatabaseError(
                    f"the engine's role may {privilege} {table}; revoke it: books are append-only"
                )


async def _refuse_lossy_settings(connection: asyncpg.Connection) -> None:
    """An answer given before its commit is safe on disk could be lost by a crash."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        value = await connection.fetchval("select current_setting($1)", setting)
        if value in ("off", "local"):
            raise DatabaseError(f"the database runs with {setting} = {value}; turn it on")
