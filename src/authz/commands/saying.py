"""How a command speaks to people: what was asked for, and beside it what they should know.

Words are shown as they are: a bracket in a name is no markup, and nothing is broken at a width.
"""

from rich.console import Console
from rich.table import Table


def say(words: str | Table) -> None:
    """What was asked for, on standard output."""
    Console(highlight=False, markup=False, soft_wrap=True).print(words)


def aside(words: str) -> None:
    """What goes beside it, on standard error."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(words)
