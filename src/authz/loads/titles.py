"""How many titles an account has of a month worked, with each line of an order (LOD-02).

All that was ordered counts, paid or not yet, but what went back: corrections, by the whole titles
that they took, and lines that were frozen.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from authz.loads import statements as sql
from authz.loads.lines import Known, Line

if TYPE_CHECKING:
    from ledger.journal import Tx


async def titles_with(
    tx: "Tx",
    lines: Collection[Line],
    known: Mapping[str, Known],
    taken_back: Mapping[int, tuple[int, int]],
) -> dict[int, int]:
    """By line: the titles of its account and month, with this and those before it in the order.

    `taken_back` is what corrections took, by line: the lot and the cents.
    """
    holders = {known[line.account].holder_id for line in lines}
    rows = await tx.fetch(sql.TITLES, list(holders), list({line.period for line in lines}))
    counted = Counter({(row[0], row[1], row[2]): row[3] for row in rows})
    titles = {}
    for line in sorted(lines, key=lambda line: line.count > 0):  # corrections take at once
        account = known[line.account]
        month = account.holder_id, account.account_no, line.period
        _, back_minor = taken_back.get(line.line_no, (0, 0))
        counted[month] += line.count if line.count > 0 else -(back_minor // line.face_minor)
        titles[line.line_no] = counted[month]
    return titles
