"""What must be true of a database before anything runs on it: server, schema, role, settings."""

from typing import Final

import asyncpg

from authz.storage import schema
from authz.storage.database import DatabaseError
from ledger import passes

# What stands aside for superusers and, from PostgreSQL 16 on, for pg_use_reserved_connections.
_ROOM: Final = """
    select sum(setting::bigint * case name when 'max_connections' then 1 else -1 end)::bigint
    from pg_settings
    where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""
_BOOKS: Final = ("transfers", "ledger_accounts", "authorizations", "request_keys", "acts")


async def check(connection: asyncpg.Connection) -> None:
    """Refuse to run on a wrong server, schema or role. Raises `DatabaseError`."""
    await schema.refuse_old_server(connection)
    found = await schema.revision(connection)
    schema.refuse_newer_schema(found)
    if found != schema.newest_revision():
        have = found or "none at all"
        raise DatabaseError(
            f"the database schema is {have}, this version needs {schema.newest_revision()}; "
            "run 'millesime db upgrade'"
        )
    await _refuse_passed_numbers(connection)
    await _refuse_powerful_role(connection)
    await _refuse_lossy_settings(connection)


async def refuse_too_few_sessions(connection: asyncpg.Connection, wanted: int) -> None:
    """Refuse to start workers of which the last would find no SQL connection left."""
    room = await connection.fetchval(_ROOM)
    if wanted > room:
        raise DatabaseError(
            f"the workers want {wanted} SQL connections, the database has room for {room}; "
            "raise its max_connections, or lower workers or lanes"
        )


async def _refuse_passed_numbers(connection: asyncpg.Connection) -> None:
    """Books of another server may be ahead of what this one counts; jobs would pass by new rows."""
    try:
        behind = await passes.is_behind(connection)
    except asyncpg.UndefinedColumnError:
        raise DatabaseError(schema.UNRELEASED) from None
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
