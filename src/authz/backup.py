"""Backups by PostgreSQL's own programs: a dump that any server can take, a copy of the cluster.

A backup that was never restored is a hope: `drill` restores one and proves its books. Keys are not
in the database and so in no backup: the key file is kept by itself.
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import asyncpg

from authz.postgres import binary
from authz.postgres.account import Account, run_as
from authz.postgres.binaries import installation, usable_by
from authz.postgres.place import SHELTER, place_of, private_directory
from authz.storage import database, schema
from authz.usage import UsageError

# Roles belong to a server and not to a database, so that no dump holds them.
ROLE: Final = (
    """
    do $$ begin
        create role millesime_engine nologin;
    exception when duplicate_object or unique_violation then null;
    end $$
    """,
    "grant millesime_engine to current_user",
)
EMPTY: Final = "select count(*) = 0 from pg_class where relnamespace = 'public'::regnamespace"


def dump(url: str, path: Path) -> None:
    """Write a dump of one snapshot to a new file, mode 600. Raises UsageError.

    It has its name only when it is whole: whatever cuts it off leaves no file that looks like one.
    """
    path = Path(_whole(path))
    draft = path.with_name(f"{path.name}.part")
    if path.exists():
        raise UsageError(f"{path} is there already; a backup is never overwritten")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise UsageError(f"{draft} is there: a dump under way, or one cut off; remove it") from None
    try:
        _run("pg_dump", url, "--format=custom", "--no-owner", f"--file={draft}")
        if not draft.stat().st_size:
            raise UsageError(f"pg_dump wrote nothing into {path}")
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


async def restore(path: Path, url: str) -> None:
    """Put a dump into an empty database, whole or not at all. Raises UsageError."""
    sql = await database.connect(url, role=None)
    try:
        if not await sql.fetchval(EMPTY):
            raise UsageError("the database is not empty; a backup is restored into a new one")
        for statement in ROLE:
            await sql.execute(statement)
    finally:
        await sql.close()
    _run(
        "pg_restore",
        url,
        "--no-owner",
        "--single-transaction",
        "--exit-on-error",
        _whole(path),
    )
    await schema.catch_up(url)


def base(url: str, data_dir: Path) -> None:
    """Copy the whole cluster, while it runs, into a new data directory. Raises UsageError.

    `millesime serve --data-dir` and `audit --data-dir` then run on the copy.
    """
    place = place_of(data_dir)
    if place.cluster.exists():
        raise UsageError(f"{data_dir} holds a cluster already; name a new directory")
    draft = place.home / f"cluster.new-{os.getpid()}"
    private_directory(draft, place.account)
    program = usable_by(place.account, installation(), SHELTER) / "pg_basebackup"
    arguments = [f"--pgdata={draft}", "--wal-method=stream", "--checkpoint=fast"]
    try:
        _must(program, url, arguments, place.account)
        draft.rename(place.cluster)
    finally:  # of a copy that is whole, nothing is there any more under this name
        shutil.rmtree(draft, ignore_errors=True)


async def scratch_database(url: str) -> str:
    """Make an empty database beside the one of `url`, for a drill; its URL."""
    name = f"millesime_drill_{secrets.token_hex(4)}"
    await _administer(url, f"create database {name} template template0")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


async def drop_scratch(url: str, beside: str) -> None:
    """Throw a drill's database away; `beside` is the URL of one that stays."""
    name = urlsplit(url).path.lstrip("/")
    if not name.startswith("millesime_drill_"):
        raise UsageError("only a drill's own database is dropped")
    await _administer(beside, f"drop database {name} with (force)")


async def _administer(url: str, command: str) -> None:
    sql = await database.connect(url, role=None)
    try:
        await sql.execute(command)
    except asyncpg.PostgresError as refused:
        raise UsageError(f"a drill needs a role that may create databases: {refused}") from None
    finally:
        await sql.close()


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """The URL as a command line may show it, and the password as the environment hides it.

    Raises UsageError for `sslpassword`, which no environment takes:
    https://www.postgresql.org/docs/current/libpq-envars.html
    """
    parts = urlsplit(database.dsn(url))
    asked = dict(parse_qsl(parts.query))
    if "sslpassword" in asked:
        raise UsageError(
            "sslpassword in the database URL would stand in the process list:"
            " use a client key without a passphrase, mode 600"
        )
    # The authority's counts first, as it does to asyncpg, by which everything else connects.
    given = asked.get("password") if parts.password is None else unquote(parts.password)
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(x for x in parts.query.split("&") if not _names_password(x))
    shown = f"postgresql://{user.partition(':')[0]}{at}{host}{parts.path}{'?' * bool(query)}{query}"
    return shown, {} if given is None else {"PGPASSWORD": given}


def _names_password(parameter: str) -> bool:
    return unquote(parameter.partition("=")[0]) == "password"


def _run(program: str, url: str, *arguments: str) -> None:
    _must(binary(program), url, arguments, None)


def _must(program: Path, url: str, arguments: Sequence[str], account: Account | None) -> None:
    """Run it to its end, however long: the books of years take the time they take."""
    plain, environment = without_password(url)
    argv: list[str | Path] = [program, f"--dbname={plain}", "--no-password", *arguments]
    done = run_as(account, argv, environment=environment, seconds_max=None)
    if done.returncode:
        raise UsageError(f"{program.name}: {_last_line(done.stderr)}")


def _whole(path: Path) -> str:
    """As the programs can find it, which run at the root of all directories."""
    return str(path.absolute())


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1] if lines else "failed without a word"
