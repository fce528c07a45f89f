"""The files that commands write: each is new, for a document is never overwritten."""

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

from authz.usage import UsageError


def new_or_stdout(output: Path | None) -> AbstractContextManager[IO[str]]:
    """A new file, closed with the block, or standard output. Raises UsageError."""
    return nullcontext(sys.stdout) if output is None else _new(output)


def text_to(output: Path | None, lines: Iterable[str]) -> None:
    """Write to a new file, or to standard output. Raises UsageError for a file that is there."""
    with new_or_stdout(output) as file:
        file.writelines(lines)


def refuse_taken(output: Path | None) -> None:
    """Say before the work that its file could not be written. Raises UsageError."""
    if output is not None:
        _new(output).close()
        output.unlink()


def _new(path: Path) -> IO[str]:
    try:
        return path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise UsageError(f"{path} is there already; an export is never overwritten") from None
    except OSError as refused:
        raise UsageError(f"{path}: cannot be written: {refused.strerror}") from None
