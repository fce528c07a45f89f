"""What the books tell of expired lots: what came back to them, what expired, what was asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from authz.vintages.plan import Arrival, Asked, Expired, History, Where
from ledger.accounts import House, lot_no_of
from ledger.transfers import Transfer

if TYPE_CHECKING:
    from ledger.journal import Tx

# Refunds, less what was taken again, and what holds that were voided or posted for less let fall
# free.
ARRIVALS: Final = """
    select t.holder_id, t.seq, t.credit_account as lot, t.at, true as refund,
        t.amount_minor - coalesce((
            select sum(b.amount_minor) from transfers b
            where b.holder_id = t.holder_id and b.about_seq = t.seq), 0)::bigint
    from transfers t
    where t.holder_id = any ($1) and t.kind = 'direct' and t.about_seq is not null
        and t.credit_account >= 4096 and t.debit_account <> $2
    union all
    select s.holder_id, s.seq, s.debit_account, s.at, false,
        h.amount_minor - case s.kind when 'post' then s.amount_minor else 0 end
    from transfers s join transfers h on h.holder_id = s.holder_id and h.seq = s.about_seq
    where s.holder_id = any ($1) and s.kind in ('post', 'void') and s.debit_account >= 4096
    order by holder_id, seq
"""
EXPIRED: Final = """
    select t.*, t.amount_minor - coalesce((
        select sum(b.amount_minor) from transfers b
        where b.holder_id = t.holder_id and b.about_seq = t.seq), 0)::bigint as left_minor
    from transfers t
    where t.holder_id = any ($1) and t.credit_account = $2 order by t.holder_id, t.seq
"""
ASKED: Final = """
    select r.holder_id, r.account_no, r.vintage, r.amount_minor, r.requested_on,
        r.employer_no as asked_of, o.employer_no, o.ordered_on, coalesce((
            select sum(m.amount_minor) from vintage_moves m
            where m.holder_id = r.holder_id and m.account_no = r.account_no
                and m.vintage = r.vintage and m.reason = 'REQUESTED'), 0)::bigint as done_minor
    from exchange_requests r join exchange_orders o on o.vintage = r.vintage
    where r.holder_id = any ($1)
"""


async def read_histories(
    tx: "Tx", holder_ids: Sequence[int], where: Mapping[int, Mapping[int, Where]]
) -> dict[int, History]:
    """The histories of these holders, who are locked. `where` is by holder and account."""
    arrivals = await _arrivals(tx, holder_ids)
    expired = await _expired(tx, holder_ids)
    asked = await _asked(tx, holder_ids, where)
    return {n: History(arrivals[n], expired[n], asked[n]) for n in holder_ids}


async def _arrivals(tx: "Tx", holder_ids: Sequence[int]) -> dict[int, dict[int, list[Arrival]]]:
    found: dict[int, dict[int, list[Arrival]]] = defaultdict(dict)
    for row in await tx.fetch(ARRIVALS, list(holder_ids), int(House.EXPIRED)):
        holder_id, _, lot, at, refund, minor = row
        if minor:
            lots = found[holder_id]
            lots.setdefault(lot_no_of(lot), []).append(Arrival(at, refund, minor))
    return found


async def _expired(tx: "Tx", holder_ids: Sequence[int]) -> dict[int, list[Expired]]:
    found: dict[int, list[Expired]] = defaultdict(list)
    for row in await tx.fetch(EXPIRED, list(holder_ids), int(House.EXPIRED)):
        if row["left_minor"]:
            movement = Transfer.from_row(row)
            lot_no = lot_no_of(movement.debit_account)
            found[movement.holder_id].append(Expired(movement, lot_no, row["left_minor"]))
    return found


async def _asked(
    tx: "Tx", holder_ids: Sequence[int], where: Mapping[int, Mapping[int, Where]]
) -> dict[int, dict[tuple[int, int], Asked]]:
    """Requests that were made in time, and that an employer of the account ordered in time.

    Who was asked may order, though the account has gone to another employer since.
    """
    found: dict[int, dict[tuple[int, int], Asked]] = defaultdict(dict)
    for row in await tx.fetch(ASKED, list(holder_ids)):
        place = where[row["holder_id"]].get(row["account_no"])
        if place is None or row["employer_no"] not in (row["asked_of"], place.employer_no):
            continue
        in_time = row["requested_on"] <= place.book.request_until(row["vintage"])
        if in_time and row["ordered_on"] <= place.book.order_until(row["vintage"]):
            asked, done = row["amount_minor"], row["done_minor"]
            left = None if asked is None else max(0, asked - done)
            found[row["holder_id"]][row["account_no"], row["vintage"]] = Asked(left)
    return found
