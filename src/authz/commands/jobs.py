"""`millesime jobs`: run one timer job by hand."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import typer

from authz.bank.desk import bank_desk
from authz.bank.desk import opened as line_is_up
from authz.bank.teller import BankDesk
from authz.bank.tls import refuse_unusable
from authz.batch.directory import Directory
from authz.batch.engine import Engine
from authz.commands.bank_options import Bank, BankTlsCa, BankTlsCert, BankTlsKey, BankTlsName
from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.commands.saying import say
from authz.commands.store import as_act, keys_at_hand, keys_of, pooled, url_of
from authz.custody.keys import KeyFile
from authz.custody.vault import Vault
from authz.ids import AuthorizationIds
from authz.instants import within_reach
from authz.jobs.timers import JOBS, Counts, Decide, Work
from authz.metrics import Metrics
from authz.senders.choice import notice_sender
from authz.settings import Settings, load
from authz.sources import rulebooks
from authz.storage.clock_row import civil_instant
from authz.storage.store import Store
from authz.usage import UsageError
from authz.vintages.job import FAILED
from rules.rulebook import Rulebook

ANSWER_TIMEOUT_S = 30.0
LINE_S = 5.0
NO_SETTINGS = ("name", "now")
"""What `jobs run` takes beside settings."""

app = typer.Typer(
    help="What is due at a date, done by hand.",
    epilog="Example: millesime jobs run roll-up",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _jobs() -> None:
    """A running engine runs them by itself; by hand they may run beside it."""


@app.command("list", epilog="Example: millesime jobs list")
def names() -> None:
    """What jobs there are."""
    for name, job in JOBS.items():
        say(f"{name:20} {job.words}")


@app.command(epilog="Example: millesime jobs run exchange-vintages --now 2027-03-01T00:05:00+01:00")
def run(
    name: Annotated[str, typer.Argument(help="One of `millesime jobs list`.")],
    now: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="ISO 8601 with its zone (default: the clock)."),
    ] = None,
    bank: Bank = None,
    bank_tls_ca: BankTlsCa = None,
    bank_tls_cert: BankTlsCert = None,
    bank_tls_key: BankTlsKey = None,
    bank_tls_name: BankTlsName = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    keys: Keys = None,
    config: Config = None,
) -> None:
    """Run one job until nothing is left that is due. Running it again changes nothing."""
    settings = load({flag: given for flag, given in locals().items() if flag not in NO_SETTINGS})
    if name not in JOBS:
        raise UsageError(f"there is no job {name!r}; there are: {', '.join(JOBS)}")
    books = rulebooks(settings.rulebook)
    url, held = url_of(settings), keys_at_hand(settings)
    work = run_job(url, name, books, now, settings, held)
    done = asyncio.run(as_act(url, "jobs run", name, work))
    for what, count in done.items():
        say(f"{what:16} {count:>14,}")
    if any(what.startswith(FAILED) for what in done) or (name == "audit" and done["broken"]):
        raise typer.Exit(1)


async def run_job(
    url: str,
    name: str,
    books: dict[str, Rulebook],
    now: str | None,
    settings: Settings,
    held: KeyFile | None = None,
) -> Counts:
    """Run a job with an engine of its own, made for it. Raises UsageError for what is no instant.

    Where a test clock is set, payments' movements carry it; `now` says what is due. `held` are the
    keys for the jobs that need one; only a job that talks to the bank is given a line to it.
    """
    at = None if now is None else _instant(now)
    signing = None if held is None or held.code_webhook is None else held.code_webhook.key
    async with pooled(url) as pool, AsyncExitStack() as parts:
        work = Work(
            pool,
            await _road(pool, books),
            books,
            at or await civil_instant(pool, datetime.now(UTC)),
            seal_key=None if held is None else held.seal_key(),
            retention=settings.retention,
            close_time=settings.settlement_close_time,
            rhythm=settings.rhythm,
            vault=None if held is None else Vault.of(held),
            audit_holders=settings.audit_slice_holders,
            notices=await notice_sender(settings, signing, parts),
            bank=await _bank(settings, pool, parts) if JOBS[name].asks_bank else None,
        )
        return await JOBS[name].run(work)


async def _road(pool: asyncpg.Pool, books: dict[str, Rulebook]) -> Decide:
    """An engine without batches: what a job asks at a time goes at a time."""
    node = await pool.fetchval("select nextval('node_nos')")
    ids = AuthorizationIds(node, lambda: time.time_ns() // 1_000_000)
    store = Store(pool, Directory(known_max=0), answer_timeout_s=ANSWER_TIMEOUT_S)
    engine = Engine(store, books, ids, Metrics())
    return lambda asked: engine.run(asked, {})


async def _bank(settings: Settings, pool: asyncpg.Pool, parts: AsyncExitStack) -> BankDesk | None:
    """A line to the bank that is up, if there is a bank. Raises UsageError where none comes up."""
    if settings.bank is None:
        return None
    refuse_unusable(settings)
    bank = await parts.enter_async_context(bank_desk(settings, keys_of(settings), pool))
    if bank is not None and not await line_is_up(bank, LINE_S):
        raise UsageError(f"the bank at {settings.bank} does not answer")
    return bank


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now {text!r} is no ISO 8601 instant") from None
    if instant.tzinfo is None:
        raise UsageError("--now needs its zone, as in 2027-03-01T00:05:00+01:00")
    try:
        return within_reach(instant)
    except ValueError as refused:
        raise UsageError(f"--now: {refused}") from None
