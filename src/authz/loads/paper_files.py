"""Bulk files of paper: account and amount a line, each turned into paper as one would be."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from authz.holders.paper import convert
from authz.loads.lines import Bad
from authz.loads.once import Fate, once_a_file
from authz.loads.table import Row, cents_of, name_of, rows_of, text_of
from authz.refusal import Refused, Unknown
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

COLUMNS: Final[Mapping[str, str]] = {
    "account": "account",
    "compte": "account",
    "amount": "amount",
    "montant": "amount",
}


class Wish(Struct, frozen=True):
    """A line of the file: so many cents of an account as paper."""

    line_no: int
    account: str
    amount_minor: int


class PaperRun(Struct, frozen=True):
    """What became of a file's lines; nothing of it is kept where `kept` is false."""

    converted: tuple[Wish, ...]
    bad: tuple[Bad, ...]
    kept: bool = True
    repeated: bool = False


async def convert_file(
    tx: "Tx",
    content: bytes,
    books: Mapping[str, Rulebook],
    *,
    only_good: bool = False,
    dry_run: bool = False,
) -> PaperRun:
    """Convert what a file says. Raises UsageError for what is no such file.

    A bad line keeps the whole file out unless `only_good`; all of them are told in any case.
    """

    async def work() -> PaperRun:
        return await _convert_all(tx, content, books)

    def wanted(run: PaperRun) -> bool:
        return bool(run.converted) and not dry_run and (only_good or not run.bad)

    run, fate = await once_a_file(tx, b"paper", content, PaperRun, work, wanted)
    kept, repeated = fate is not Fate.UNDONE, fate is Fate.REPEATED
    return PaperRun(run.converted, run.bad, kept, repeated)


def read_wishes(content: bytes) -> Iterator[Wish | Bad]:
    """The lines of a file, each or why not. Raises UsageError."""
    for row in rows_of(text_of(content), COLUMNS):
        yield row if isinstance(row, Bad) else _wish(row)


async def _convert_all(tx: "Tx", content: bytes, books: Mapping[str, Rulebook]) -> PaperRun:
    converted, bad = [], []
    for line in read_wishes(content):
        if isinstance(line, Bad):
            bad.append(line)
            continue
        try:
            async with tx.transaction():
                await convert(tx, line.account, line.amount_minor, books)
        except (Refused, Unknown) as refused:
            bad.append(Bad(line.line_no, "account", str(refused)))
        else:
            converted.append(line)
    return PaperRun(tuple(converted), tuple(bad))


def _wish(row: Row) -> Wish | Bad:
    account, minor = name_of(row.cells["account"]), cents_of(row.cells["amount"])
    if account is None:
        return Bad(row.line_no, "account", "is no name")
    if not minor:
        return Bad(row.line_no, "amount", "is no amount in euros, as 12,50")
    return Wish(row.line_no, account, minor)
