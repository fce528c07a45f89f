"""What is owed to each merchant, by settlement date, source of the money and vintage.

Added up from the books by the roll-up, behind its mark. Voucher money, a bank's money and the
issuer's own never mix (L.3262-2): each is summed and paid by itself.
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from authz.storage.rows import columns
from ledger.accounts import House
from ledger.passes import Portion
from rules.rulebook import FIRST_VINTAGE, Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

ZONE: Final = "Europe/Paris"


class Source(StrEnum):
    """Whose money a merchant is paid with; the words of `payable_days.source`."""

    VOUCHER = "VOUCHER"
    BANK = "BANK"
    LOSS = "LOSS"


# Days in the portion, for whom a vintage may count as another one.
DAYS: Final = """
    select distinct day from transfers
    where sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))
        and sql_tx < $4 and sql_tx <> all ($5)
"""
# What comes back counts where the original counted, whatever account it goes to (VIN-09, REF-05),
# and was presented when that was (VIN-12); so does what is taken again of it. Payments to merchants
# are no answer to anybody and have no authorization. By holder, since what is looked up for
# neighbours lies together.
ADD: Final = """
    with written as materialized (
        select holder_id, kind, debit_account, credit_account, amount_minor, authorization_id,
            about_seq, day, at
        from transfers
        where sql_tx >= $1 and (sql_tx >= $2 or sql_tx = any ($3))
            and sql_tx < $4 and sql_tx <> all ($5)
            and kind in ('direct', 'post') and authorization_id is not null
            and (credit_account < 0 or debit_account < 0)
        order by holder_id
    ), moved as (
        select t.holder_id, t.day,
            case when t.credit_account < 0 then t.amount_minor else -t.amount_minor end as minor,
            case when t.credit_account < 0 then -t.credit_account else -t.debit_account end
                as merchant_no,
            case when t.credit_account < 0 then coalesce(p.debit_account, t.debit_account)
                else coalesce(o.debit_account, t.credit_account) end as from_account,
            coalesce(a.business_day, (t.at at time zone $6)::date) as business_day,
            s.business_day as sold_on
        from written t
        left join transfers o on o.holder_id = t.holder_id and o.seq = t.about_seq
        left join transfers p on p.holder_id = t.holder_id and p.seq = o.about_seq
            and t.kind = 'direct'
        left join authorizations a
            on a.holder_id = t.holder_id and a.authorization_id = t.authorization_id
        left join authorizations s on s.holder_id = t.holder_id and t.kind = 'direct'
            and s.authorization_id =
                case when t.credit_account < 0 then p.authorization_id else o.authorization_id end
    )
    insert into payable_days as was
        (merchant_no, business_day, source, vintage, presented_on, minor)
    select m.merchant_no, m.business_day,
        case when m.from_account = $7 then 'BANK' when m.from_account = $8 then 'LOSS'
            else 'VOUCHER' end as source,
        coalesce(c.counted, l.vintage, 0) as vintage,
        coalesce(m.sold_on, m.business_day) as presented_on, sum(m.minor)
    from moved m
    left join ledger_accounts l
        on l.holder_id = m.from_account >> 12 and l.account_id = m.from_account
        and m.from_account >= 4096
    left join unnest($9::smallint[], $10::date[], $11::smallint[]) as c (vintage, day, counted)
        on c.vintage = l.vintage and c.day = m.day
    group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
    on conflict (merchant_no, business_day, source, vintage, presented_on)
        do update set minor = was.minor + excluded.minor
"""
# What no payment settled yet. Late is what was presented after the last day of its vintage
# (VIN-12); those days come as $2, $3.
OPEN: Final = """
    select p.merchant_no, p.source, p.vintage, e.last,
        coalesce(sum(p.minor - p.settled_minor)
            filter (where e.last is null or p.presented_on <= e.last), 0)::bigint,
        coalesce(sum(p.minor - p.settled_minor)
            filter (where p.presented_on > e.last), 0)::bigint
    from payable_days p
    left join unnest($2::smallint[], $3::date[]) as e (vintage, last) on e.vintage = p.vintage
    where p.minor <> p.settled_minor and p.business_day <= $1
    group by 1, 2, 3, 4 order by 1, 2, 3
"""
SETTLE: Final = """
    update payable_days p set settled_minor = p.minor
    from unnest($2::bigint[], $3::text[], $4::smallint[], $5::date[])
        as paid (merchant_no, source, vintage, last)
    where p.merchant_no = paid.merchant_no and p.source = paid.source
        and p.vintage = paid.vintage and p.business_day <= $1
        and (paid.last is null or p.presented_on <= paid.last)
        and p.minor <> p.settled_minor
"""


class _Open(Struct, frozen=True):
    """What is open of one merchant, source and vintage; its row of `OPEN`."""

    merchant_no: int
    source: str
    vintage: int
    ends_on: date | None
    in_time_minor: int
    late_minor: int


class Owed(Struct, frozen=True):
    """What is owed to a merchant and was not paid yet, by source, in cents.

    Below zero where more came back than was paid: it waits for the next sales. `withheld_minor`
    was presented after the last day of its vintage and is not payable (VIN-12).
    """

    merchant_no: int
    voucher_minor: int
    bank_minor: int
    loss_minor: int
    withheld_minor: int

    @property
    def payable(self) -> dict[Source, int]:
        """What can be paid now, the sources that owe nothing left out."""
        by_source = {
            Source.VOUCHER: self.voucher_minor,
            Source.BANK: self.bank_minor,
            Source.LOSS: self.loss_minor,
        }
        return {source: minor for source, minor in by_source.items() if minor > 0}


class Payables:
    """Adds payables up beside the totals of the roll-up, in its SQL transaction."""

    def __init__(self, book: Rulebook) -> None:
        """`book` says as which vintage a lot counted on a day, and until when it is presented."""
        self._book = book

    async def add(self, tx: "Tx", portion: Portion) -> None:
        """Add the movements of one portion of the roll-up; no row of it leaves the database."""
        days = [row[0] for row in await tx.fetch(DAYS, *portion.whole)]
        house = int(House.BANK_RECEIVABLE), int(House.ISSUER_LOSS)
        await tx.execute(ADD, *portion.whole, ZONE, *house, *self._counted(days))

    async def owed(self, tx: "Tx", last_day: date) -> list[Owed]:
        """What every merchant is owed and was not paid, for all days up to `last_day`.

        Reads what is open, not what was settled: it costs what a week costs, whatever the history.
        """
        by_merchant: dict[int, list[_Open]] = {}
        for part in await self._open(tx, last_day):
            by_merchant.setdefault(part.merchant_no, []).append(part)
        return [_owed(merchant_no, parts) for merchant_no, parts in by_merchant.items()]

    async def settle(self, tx: "Tx", last_day: date, paid: Iterable[Owed]) -> None:
        """Note as settled what is being paid of these, in the snapshot that told what is owed."""
        sources = {(each.merchant_no, source.value) for each in paid for source in each.payable}
        rows = [
            (part.merchant_no, part.source, part.vintage, part.ends_on)
            for part in await self._open(tx, last_day)
            if (part.merchant_no, part.source) in sources
        ]
        await tx.execute(SETTLE, last_day, *columns(rows))

    async def _open(self, tx: "Tx", last_day: date) -> list[_Open]:
        vintages = list(range(FIRST_VINTAGE, last_day.year + 1))
        ends = [self._book.presentation_end(vintage) for vintage in vintages]
        return [_Open(*row) for row in await tx.fetch(OPEN, last_day, vintages, ends)]

    def _counted(self, days: Iterable[date]) -> tuple[list[int], list[date], list[int]]:
        """Vintages that count as another one on some of these days, and as which.

        A lot past its end counted as exchanged, even if that was booked later (VIN-06).
        """
        vintages: list[int] = []
        on: list[date] = []
        counted: list[int] = []
        for day in days:
            for vintage in range(FIRST_VINTAGE, day.year + 1):
                seen = self._book.seen_as(vintage, day)
                if seen is not None and seen != vintage:
                    vintages.append(vintage)
                    on.append(day)
                    counted.append(seen)
        return vintages, on, counted


def _owed(merchant_no: int, parts: Iterable[_Open]) -> Owed:
    """Late sales are withheld, less what came back of them; all else is owed, whenever it moved."""
    owed_minor = dict.fromkeys(Source, 0)
    withheld_minor = 0
    for part in parts:
        owed_minor[Source(part.source)] += part.in_time_minor
        withheld_minor += part.late_minor
    voucher, bank, loss = (owed_minor[source] for source in Source)
    return Owed(merchant_no, voucher, bank, loss, withheld_minor)
