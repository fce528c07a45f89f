"""The way into PostgreSQL: one session, or a pool of them, in the engine's role."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from authz.storage.clock_row import mark_as_engine
from authz.usage import UsageError

ENGINE_ROLE: Final = "millesime_engine"
CONNECT_TIMEOUT_S: Final = 10.0
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


class DatabaseError(UsageError):
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
    return f"cannot reach the database at {where}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its name where it says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
