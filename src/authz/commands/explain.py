"""`millesime explain`: the trace of one decision, in words."""

import asyncio
from typing import Annotated

import typer

from authz.commands.options import Config, DatabaseUrl, DataDir, RulebookFiles
from authz.commands.saying import say
from authz.commands.store import opened, settings_of, url_of
from authz.ids import parse_public_id, public_id
from authz.payments.history import NoRulebook, Payment, find, payment_about, trace
from authz.payments.telling import tell_wait
from authz.sources import rulebooks
from authz.usage import UsageError
from authz.wire.response_codes import RESPONSE_CODES
from rules.decision import Trace
from rules.rulebook import Rulebook


def explain(
    authorization_id: Annotated[str, typer.Argument(help="As the books and HTTP name it.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    rulebook: RulebookFiles = None,
    config: Config = None,
) -> None:
    """Run the rules again on the facts that were kept, and tell each step."""
    named = parse_public_id(authorization_id)
    if named is None:
        raise UsageError(f"{authorization_id!r} is not the id of an authorization")
    settings = settings_of(database_url, data_dir, config, rulebook=rulebook)
    books = tuple(rulebooks(settings.rulebook).values())
    payment, told = asyncio.run(_explain(url_of(settings), named, books))
    show(public_id(payment.holder_id, payment.authorization_id), payment, told)


explain.epilog = "Example: millesime explain 1f-3c0a51b2400"  # type: ignore[attr-defined]


async def _explain(
    url: str, named: tuple[int, int], books: tuple[Rulebook, ...]
) -> tuple[Payment, Trace]:
    async with opened(url) as sql:
        payment = await find(sql, *named, books)
        if payment is None and (about := await payment_about(sql, *named)) is not None:
            payment = await find(sql, about.holder_id, about.authorization_id, books)
    if payment is None:
        raise UsageError("there is no such authorization in this database")
    try:
        return payment, trace(payment, books)
    except NoRulebook as missing:
        raise UsageError(f"{missing}: name its file with --rulebook") from None


def show(name: str, payment: Payment, told: Trace) -> None:
    """Head, steps and verdict, a line each."""
    say(
        f"{name}: {_euros(payment.requested_minor)} asked at {payment.mid} ({payment.terminal})"
        f" on {payment.at.isoformat()}, rulebook {told.rulebook}"
    )
    for step in told.steps:
        say(f"  {'holds' if step.held else 'FAILS'}  {step.rule}: {step.words}  ({step.source})")
    if payment.reason is None:
        say(tell_wait(payment.bank_minor)[1])
        return
    code = RESPONSE_CODES[payment.reason]
    say(f"{payment.reason.value} ({code}): {_euros(payment.approved_minor)} approved")


def _euros(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02} EUR"
