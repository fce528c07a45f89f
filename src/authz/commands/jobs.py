"""`millesime jobs`: run one timer job by hand."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer
from msgspec.structs import replace
from rich.console import Console

from authz import database
from authz.bank.desk import bank_desk
from authz.bank.desk import opened as line_is_up
from authz.bank.tls import refuse_unusable
from authz.clock_row import civil_instant
from authz.commands.bank_options import Bank, BankTlsCa, BankTlsCert, BankTlsKey, BankTlsName
from authz.commands.options import Config, DatabaseUrl, DataDir, Keys, RulebookFiles
from authz.commands.store import as_act, keys_at_hand, keys_of, opened, rulebooks_of, url_of
from authz.directory import Directory
from authz.engine import Engine
from authz.ids import AuthorizationIds
from authz.instants import within_reach
from authz.jobs import JOBS, Counts, Work
from authz.keys import Keys as KeyFile
from authz.metrics import Metrics
from authz.retention import USUAL, Retention
from authz.senders import notice_sender
from authz.settings import Settings, load
from authz.store import Store
from authz.usage import UsageError
from authz.vault import Vault
from authz.vintages.job import FAILED
from rules.rulebook import Rulebook

ANSWER_TIMEOUT_S = 30.0
LINE_S = 5.0
NO_SETTINGS = ("name", "now")
"""What `jobs run` takes beside settings."""

app = typer.Typer(
    help="What is due at a date, done by hand.", no_args_is_help=True, add_completion=False
)


@app.callback()
def _jobs() -> None:
    """A running engine runs them by itself; by hand they may run beside it."""


@app.command("list", epilog="Example: millesime jobs list")
def names() -> None:
    """What jobs there are."""
    say = Console(highlight=False, soft_wrap=True).print
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
    books = rulebooks_of(settings.rulebook)
    url, held = url_of(settings), keys_at_hand(settings)
    work = run_job(url, name, books, now, held, settings.retention, settings)
    done = asyncio.run(as_act(url, "jobs run", name, work))
    for what, count in done.items():
        Console(highlight=False, soft_wrap=True).print(f"{what:16} {count:>14,}")
    if any(what.startswith(FAILED) for what in done) or (name == "audit" and done["broken"]):
        raise typer.Exit(1)


async def run_job(
    url: str,
    name: str,
    books: dict[str, Rulebook],
    now: str | None,
    held: KeyFile | None = None,
    retention: Retention = USUAL,
    settings: Settings | None = None,
) -> Counts:
    """Run a job with an engine of its own, made for it. Raises UsageError for what is no instant.

    Where a test clock is set, payments' movements carry it; `now` says what is due. `held` are the
    keys for the jobs that need one, `settings` lead to the bank, for the job that talks to it.
    """
    at = None if now is None else _instant(now)
    async with opened(url):  # refuses a wrong schema or role, with one line
        pass
    pool = await database.open_pool(url, size=2)
    try:
        node = await pool.fetchval("select nextval('node_nos')")
        ids = AuthorizationIds(node, lambda: time.time_ns() // 1_000_000)
        store = Store(pool, Directory(known_max=0), answer_timeout_s=ANSWER_TIMEOUT_S)
        engine = Engine(store, books, ids, Metrics())
        due = at or await civil_instant(pool, datetime.now(UTC))
        work = Work(pool, lambda asked: engine.run(asked, {}), books, due)
        work = replace(work, retention=retention)
        if settings is not None:
            work = replace(work, close_time=settings.settlement_close_time)
            work = replace(work, audit_holders=settings.audit_slice_holders)
        if held is not None:
            work = replace(work, seal_key=held.seal_key(), vault=Vault.of(held))
        async with AsyncExitStack() as parts:
            if settings is not None:
                work = await _telling(work, settings, held, parts)
                if JOBS[name].asks_bank and settings.bank is not None:
                    work = await _asking_bank(work, settings, parts)
            return await JOBS[name].run(work)
    finally:
        await pool.close()


async def _telling(
    work: Work, settings: Settings, held: KeyFile | None, parts: AsyncExitStack
) -> Work:
    """With what leads to holders."""
    signing = None if held is None or held.code_webhook is None else held.code_webhook.key
    return replace(work, notices=await notice_sender(settings, signing, parts))


async def _asking_bank(work: Work, settings: Settings, parts: AsyncExitStack) -> Work:
    """With a line to the bank that is up. Raises UsageError where none comes about."""
    refuse_unusable(settings)
    desk = bank_desk(settings, keys_of(settings), work.pool)
    bank = await parts.enter_async_context(desk)
    if bank is not None and not await line_is_up(bank, LINE_S):
        raise UsageError(f"the bank at {settings.bank} does not answer")
    return replace(work, bank=bank)


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
