"""`millesime keys`: API keys of an installation, and its key file."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import astuple
from rich.console import Console
from rich.table import Table

from authz.access import key_store
from authz.access.api_keys import ApiKey, check_name
from authz.access.scopes import in_order, parse_scopes
from authz.commands import key_file
from authz.commands.options import Config, DatabaseUrl, DataDir
from authz.commands.saying import aside
from authz.commands.store import as_act, opened, settings_of, url_of
from authz.instants import within_reach
from authz.storage import schema
from authz.usage import UsageError

if TYPE_CHECKING:
    from ledger.journal import Tx

T = TypeVar("T")
CREATE: Final = "keys create"
ID_WIDTH: Final = len("mk_3f2a9c0b12de")
UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}

app = typer.Typer(
    help="API keys, and the key file.",
    epilog="Example: millesime keys create --scopes gateway --name shop-paris",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(key_file.app, name="file")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON line a key.")]
Expires = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN", help="A day (its last), an instant, or in: 90d, 12h (default: never)."
    ),
]


class Told(Struct, frozen=True):
    """A key as `--json` tells of it: nothing of its secret."""

    id: str
    name: str
    generation: int
    scopes: Sequence[str]
    proof_wanted: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    state: str


class Made(Told, frozen=True, kw_only=True):
    """A new key with its text, which is told this once."""

    key: str


@app.callback()
def _keys() -> None:
    """Who may talk to the service over HTTP; and the keys that it works with itself."""


@app.command(
    "create",
    epilog="Example: millesime keys create --scopes gateway --name shop-paris --expires 365d",
)
def create(
    scopes: Annotated[
        list[str],
        typer.Option(help="gateway, holder, employer, ops, auditor; several with commas."),
    ],
    name: Annotated[str | None, typer.Option(help="Who uses it (default: the key's id).")] = None,
    expires: Expires = None,
    no_proof: Annotated[
        bool, typer.Option("--no-proof", help="Its online payments need no holder's proof.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON line: what is kept of it, and `key`.")
    ] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Make an API key and print it: this once, since only its hash is kept."""
    wanted = key_store.Wanted(
        None if name is None else _good(check_name, name),
        _good(parse_scopes, scopes),
        not no_proof,
        _end(expires),
    )
    key, text = _in_store(
        database_url, data_dir, config, lambda tx: key_store.create_key(tx, wanted), CREATE
    )
    if as_json:
        _write(Made(*astuple(_told(key, key.created_at)), key=text))
        return
    _show([key], key.created_at)
    _tell(text)


@app.command("list", epilog="Example: millesime keys list --data-dir /srv/millesime")
def list_(
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Show every API key there ever was, by name; never its secret."""
    keys, now = _in_store(database_url, data_dir, config, key_store.all_keys)
    if as_json:
        for key in keys:
            _write(_told(key, now))
        return
    _show(keys, now, Console(highlight=False))


@app.command("rotate", epilog="Example: millesime keys rotate shop-paris --overlap 7d")
def rotate(
    name: Annotated[str, typer.Argument(help="The name of a live key.")],
    overlap: Annotated[str, typer.Option(help="How long the old key still counts.")] = "24h",
    expires: Expires = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Let a new key follow one: same name and scopes; the old one ends after the overlap."""
    both = _span(overlap)
    if both is None:
        raise UsageError(f"--overlap {overlap}: days, hours or minutes are wanted, as 7d, 24h, 30m")
    ends = _end(expires)
    new, text, old = _in_store(
        database_url,
        data_dir,
        config,
        lambda tx: key_store.rotate_key(tx, name, both, ends),
        "keys rotate",
        name,
    )
    _show([old, new], new.created_at)
    _tell(text)


@app.command("revoke", epilog="Example: millesime keys revoke mk_3f2a9c0b12de")
def revoke(
    key: Annotated[str, typer.Argument(help="A key's id, or a name: all its keys.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """End keys at once and for good: their next request is refused."""
    ended = _in_store(
        database_url, data_dir, config, lambda tx: key_store.revoke_keys(tx, key), "keys revoke"
    )
    aside(f"revoked: {', '.join(each.shown for each in ended)}")


def _in_store(
    database_url: str | None,
    data_dir: Path | None,
    config: Path | None,
    step: "Callable[[Tx], Awaitable[T]]",
    action: str | None = None,
    about: str = "",
) -> T:
    """Take a step in one SQL transaction, as an act where it is one. Raises UsageError."""
    settings = settings_of(database_url, data_dir, config)

    async def run(url: str) -> T:
        if settings.database_url is None:
            await schema.upgrade(url)
        taken = take(url)
        return await (taken if action is None else as_act(url, action, about, taken))

    async def take(url: str) -> T:
        try:
            async with opened(url) as sql, sql.transaction():
                return await step(sql)
        except key_store.KeyRefused as refused:
            raise UsageError(str(refused)) from None

    return asyncio.run(run(url_of(settings, new=action == CREATE)))


def _good(read: Callable[..., T], value: object) -> T:
    try:
        return read(value)
    except ValueError as refused:
        raise UsageError(str(refused)) from None


def _end(text: str | None) -> datetime | timedelta | None:
    """When a key ends: after a span, at the end of a day (UTC), or at an instant with its zone."""
    span = None if text is None else _span(text)
    if text is None or span is not None:
        return span
    try:
        if len(text) == len("2027-01-31"):
            day = date.fromisoformat(text) + timedelta(days=1)
            return within_reach(datetime.combine(day, time(), UTC))
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return within_reach(instant)
    except ValueError:
        pass
    raise UsageError(
        f"--expires {text}: a day (2027-01-31), an instant with its zone, or 90d, 12h is wanted"
    )


def _span(text: str) -> timedelta | None:
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not (number.isascii() and number.isdigit()) or len(number) > 5:
        return None
    return int(number) * UNITS[unit]


def _show(keys: Sequence[ApiKey], now: datetime, console: Console | None = None) -> None:
    table = Table(show_edge=False)
    # What other commands want to be told stays whole however narrow the terminal is.
    table.add_column("key", no_wrap=True, min_width=ID_WIDTH)
    for title in ("name", "scopes", "proof", "created", "ends", "state"):
        table.add_column(title, overflow="fold")
    for key in keys:
        table.add_row(
            key.shown,
            f"{key.name} ({key.generation})",
            " ".join(in_order(key.scopes)),
            "wanted" if key.proof_wanted else "not wanted",
            _minute(key.created_at),
            _minute(key.revoked_at or key.expires_at),
            key.standing(now).value,
        )
    (console or Console(stderr=True, highlight=False)).print(table)


def _told(key: ApiKey, now: datetime) -> Told:
    return Told(
        key.shown,
        key.name,
        key.generation,
        in_order(key.scopes),
        key.proof_wanted,
        key.created_at,
        key.expires_at,
        key.revoked_at,
        key.standing(now).value,
    )


def _write(told: Told) -> None:
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _minute(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def _tell(text: str) -> None:
    """The key alone on standard output, for scripts; what people read goes to standard error."""
    sys.stdout.write(text + "\n")
    sys.stderr.write("keep it in a safe place: it is not shown again\n")
