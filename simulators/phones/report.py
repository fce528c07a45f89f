"""How the stories went: one row a step, how often it was tried, and what came back."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table

from simulators import codes
from simulators.phones.play import Progress
from simulators.phones.stage import Line

SMOOTH: Final = frozenset(
    {"APPROVED", "REQUIRE_CODE", "ACTIVE", "SENT", "SUSPENDED", "DELETED", "BLOCKED"}
)
"""Words of wallets and apps when all goes well."""


def table(lines: Iterable[Line]) -> Table:
    """Show what was tried, what should have come back and what did; the same steps together."""
    shown = Table(title="Phones", title_justify="left")
    for name in ("story", "step", "times", "expected", "got"):
        shown.add_column(name, justify="right" if name == "times" else "left")
    story = ""
    for line, times in _by_story(Counter(lines)):
        first, story = line.story != story, line.story
        if first and shown.row_count:
            shown.add_section()
        got = f"[{'green' if line.as_expected else 'red'}]{_told(line.got)}[/]"
        shown.add_row(story if first else "", line.step, str(times), _told(line.expected), got)
    return shown


def digest(lines: Iterable[Line]) -> Table:
    """Show of each story, in a row, what happened at the till and what was refused elsewhere."""
    shown = Table(title="Phones", title_justify="left")
    shown.add_column("story", no_wrap=True)
    shown.add_column("what happened")
    told: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        steps = told.setdefault(line.story, [])
        if line.at_till or line.got not in SMOOTH:
            colour = _colour(line, good=line.got in codes.APPROVALS)
            steps.append(f"{line.step} [{colour}]{line.got}[/]")
    for story, steps in told.items():
        shown.add_row(story, ", ".join(steps))
    return shown


def _colour(line: Line, *, good: bool) -> str:
    """A decline that had to be is yellow; red is what should not have been."""
    if not line.as_expected:
        return "bold red"
    return "green" if good else "yellow"


def closing(progress: Progress) -> RenderableType:
    """Sum up: how many steps came as expected, and whether the books agree."""
    wrong = sum(not line.as_expected for line in progress.lines)
    steps = f"{progress.people} people, {len(progress.lines)} steps"
    verdict = f"[red]{wrong} not as expected[/]" if wrong else "[green]all as expected[/]"
    broken = [f"[red]{each.law}[/]: broken at {each.where}" for each in progress.findings]
    books = broken or ["[green]the till's journal and the books agree, both ways[/]"]
    return Group(f"{steps}: {verdict}", *books)


def summary(progress: Progress) -> dict[str, object]:
    """Everything as plain values."""
    return {
        "people": progress.people,
        "steps": len(progress.lines),
        "as_expected": sum(line.as_expected for line in progress.lines),
        "differences": [
            {"story": each.story, "step": each.step, "expected": each.expected, "got": each.got}
            for each in progress.lines
            if not each.as_expected
        ],
        "findings": [f"{each.law}: {each.where}" for each in progress.findings],
    }


def _by_story(steps: Counter[Line]) -> list[tuple[Line, int]]:
    """Each story in one piece, in the order in which they were first told."""
    order = {line.story: place for place, line in reversed(list(enumerate(steps)))}
    return sorted(steps.items(), key=lambda step: order[step[0].story])


def _told(word: str) -> str:
    """Response codes with their meaning; other words speak for themselves."""
    return f"{word} {codes.meaning(word)}" if word in codes.MEANINGS else word
