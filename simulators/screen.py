"""How a rush looks: a live panel while it lasts, and the decision table at its end."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from simulators import codes
from simulators.messages import LOCAL, masked
from simulators.story import Told
from simulators.tally import Tally
from simulators.terminal import Reply, euros
from simulators.traffic import Payment

PLAIN_WIDTH: Final = 120
"""Columns where nobody watches: a file, another program."""
REFRESH_S: Final = 0.2
PLAIN_REFRESH_S: Final = 2.0
BAR_WIDTH: Final = 40


def console_of(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; wide enough for tables where there is none."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


async def watched(console: Console, title: str, tally: Tally, work: Awaitable[None]) -> None:
    """Do the work; show the tally meanwhile, live on a terminal, else as a line now and then."""
    task = asyncio.ensure_future(work)
    try:
        if console.is_terminal:
            await _live(console, title, tally, task)
        else:
            await _plain(console, title, tally, task)
    finally:
        task.cancel()
    await task


async def _live(console: Console, title: str, tally: Tally, task: asyncio.Future[None]) -> None:
    with Live(dashboard(title, tally), console=console, auto_refresh=False) as live:
        while not task.done():
            await asyncio.wait([task], timeout=REFRESH_S)
            live.update(dashboard(title, tally), refresh=True)


async def _plain(console: Console, title: str, tally: Tally, task: asyncio.Future[None]) -> None:
    while not task.done():
        await asyncio.wait([task], timeout=PLAIN_REFRESH_S)
        console.print(f"{title}: {tally.done} of {tally.planned}, {_pace(tally)}")


def dashboard(title: str, tally: Tally) -> RenderableType:
    """Show everything at a glance: progress, decisions by code, money, pace."""
    bar = ProgressBar(total=max(1, tally.planned), completed=tally.done, width=BAR_WIDTH)
    top = Table.grid(padding=(0, 2))
    top.add_row(bar, f"[bold]{tally.done}[/] of {tally.planned} payments, {tally.seconds:.1f} s")
    return Panel(Group(top, "", _bars(tally), "", _money(tally), _pace(tally)), title=title)


def _bars(tally: Tally) -> Table:
    table = Table.grid(padding=(0, 2))
    for code, count in tally.by_code.most_common():
        colour = "green" if code in codes.APPROVALS else "red"
        share = count / max(1, tally.answered)
        block = f"[{colour}]{'█' * max(1, round(share * BAR_WIDTH))}[/]"
        table.add_row(f"[bold]{code}[/]", codes.meaning(code), f"{count:>6}", block)
    return table


def _money(tally: Tally) -> str:
    return (
        f"approved {tally.approved} of {tally.answered}, {euros(tally.approved_minor)};"
        f" repeats {tally.repeats}, answered otherwise {tally.repeats_differing};"
        f" unanswered {tally.unanswered}"
    )


def _pace(tally: Tally) -> str:
    quantiles = tally.latencies.summary_ms()
    shown = ", ".join(f"{name} {value:.1f}" for name, value in quantiles.items())
    return f"{tally.per_second:.0f} answers/s; latency in ms: {shown}"


def decision_table(tally: Tally) -> Table:
    """Count the decisions by code, each with the first payment that met it."""
    table = Table(title="Decisions", title_justify="left")
    for name in ("DE39", "meaning", "count", "share", "first example"):
        right = name in ("count", "share")
        table.add_column(name, justify="right" if right else "left", no_wrap=right)
    for code, count in tally.by_code.most_common():
        share = f"{100 * count / tally.answered:.1f} %"
        words = codes.meaning(code)
        table.add_row(code, words, str(count), share, example(*tally.examples[code]))
    return table


def example(payment: Payment, reply: Reply) -> str:
    """Say one payment in a line."""
    words = [masked(payment.card.pan)[-8:], euros(payment.amount_minor)]
    if payment.eligible_minor is not None:
        words.append(f"of which eligible {euros(payment.eligible_minor)}")
    words.append(f"at {payment.terminal.name}")
    if reply.code == codes.APPROVED_PARTIAL and reply.answer is not None:
        words.append(f"→ {euros(int(reply.answer['4']))}")
    return " ".join(words)


def story(scenes: Iterable[Told]) -> Table:
    """Show scene by scene what was asked and what was answered."""
    table = Table()
    for name in ("when", "what", "asked", "answer", "approved", "code"):
        right = name in ("asked", "approved")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "what")
    for told in scenes:
        code, answer = told.reply.code, told.reply.answer or {}
        approved = code in codes.APPROVALS
        table.add_row(
            f"{told.scene.at.astimezone(LOCAL):%a %d %b %H:%M}",
            told.scene.words,
            euros(told.scene.amount_minor),
            f"[{'green' if approved else 'red'}]{code} {codes.meaning(code)}[/]",
            euros(int(answer.get("4", "0"))) if approved else "",
            answer.get("38", ""),
        )
    return table


def closing(tally: Tally) -> str:
    """Sum up the rush in three lines."""
    means = ", ".join(f"{count} {name}" for name, count in tally.by_means.most_common())
    return f"{_money(tally)}\npaid with {means}{_chips(tally)}\n{_pace(tally)}"


def _chips(tally: Tally) -> str:
    """What the chips made of the answers, where any had something to look at."""
    if not tally.proved and not tally.forged:
        return ""
    return f"; chips knew {tally.proved} answers for their issuer's, {tally.forged} for another's"
