"""A bulk file becomes orders: one for each employer whose accounts it names, all or none of them.

The same file twice is one import: what it was is kept under its digest and told again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from authz.loads import statements as sql
from authz.loads.files import read_file
from authz.loads.lines import Bad, Line
from authz.loads.once import Fate, once_a_file
from authz.loads.orders import BadLines, Order, accounts_of, place_order
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx


class Imported(Struct, frozen=True):
    """What became of a file. `kept` is false where nothing was: bad lines, or a trial run."""

    orders: tuple[Order, ...]
    bad: tuple[Bad, ...]
    kept: bool
    repeated: bool = False


async def import_file(
    tx: "Tx",
    content: bytes,
    books: Mapping[str, Rulebook],
    *,
    only_good: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Read, check and order. Raises UsageError for what is no file of loads.

    Bad lines keep the whole file out unless `only_good`; they are all told in any case.
    """

    async def work() -> Imported:
        return await _order_all(tx, content, books)

    def wanted(done: Imported) -> bool:
        return bool(done.orders) and not dry_run and (only_good or not done.bad)

    done, fate = await once_a_file(tx, b"loads", content, Imported, work, wanted)
    return replace(done, kept=fate is not Fate.UNDONE, repeated=fate is Fate.REPEATED)


async def _order_all(tx: "Tx", content: bytes, books: Mapping[str, Rulebook]) -> Imported:
    read = list(read_file(content))
    bad = [line for line in read if isinstance(line, Bad)]
    groups, strangers = await _by_employer(tx, [line for line in read if isinstance(line, Line)])
    bad += strangers
    orders = []
    for employer, lines in groups.items():
        try:
            async with tx.transaction():
                orders.append(await place_order(tx, employer, lines, books, only_good=True))
        except BadLines as refused:
            bad += refused.bad
    bad += [fault for order in orders for fault in order.bad]
    return Imported(tuple(orders), tuple(sorted(bad, key=lambda fault: fault.line_no)), kept=True)


async def _by_employer(tx: "Tx", lines: Sequence[Line]) -> tuple[dict[str, list[Line]], list[Bad]]:
    """An account knows its employer; a line of nobody's account is a bad one."""
    known = await accounts_of(tx, list({line.account for line in lines}))
    numbers = {account.employer_no for account in known.values()}
    names = {row[0]: row[1] for row in await tx.fetch(sql.EMPLOYER_IDS, list(numbers))}
    groups: dict[str, list[Line]] = defaultdict(list)
    strangers = []
    for line in lines:
        if (account := known.get(line.account)) is None:
            strangers.append(Bad(line.line_no, "account", "there is no such account"))
        else:
            groups[names[account.employer_no]].append(line)
    return groups, strangers
