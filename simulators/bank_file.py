"""The bank's books on disk: one line for each change, durable before anybody is told of it.

A line that a killed bank did not finish was told to nobody: it is cut off when the file is opened.
"""

import os
from collections.abc import Callable
from pathlib import Path

Halfway = Callable[[], None]
"""Called when half of a line is written: a script may end the process there."""


class BookFile:
    """An append-only file of whole lines."""

    def __init__(self, path: Path) -> None:
        """Look at it, or make it; `lines` are those that were whole."""
        self._path = path
        with path.open("a+b") as file:
            file.seek(0)
            found = file.read()
            whole = found.rfind(b"\n") + 1
            self.lines = found[:whole].splitlines()
            file.truncate(whole)
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # a new file is there only when its folder says so
        finally:
            os.close(folder)

    def append(self, line: bytes, halfway: Halfway = lambda: None) -> None:
        """Add a line; it is durable when this returns."""
        middle = len(line) // 2
        with self._path.open("ab", buffering=0) as file:
            file.write(line[:middle])
            halfway()
            file.write(line[middle:] + b"\n")
            os.fsync(file.fileno())
