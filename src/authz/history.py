"""Decisions as they were kept: found again, and explained from their own facts and rulebook."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.outcomes import APPROVALS
from authz.requests import Kind
from authz.state import Profile
from ledger.accounts import is_lot, lot_no_of
from ledger.queries import transfers_of_authorizations
from ledger.transfers import Kind as Movement
from rules.decision import Reason, Trace
from rules.facts import Facts
from rules.geography import PARIS, civil_day, zone_of
from rules.pipeline import explain
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

_decode_facts: Final = msgpack.Decoder(Facts).decode
_decode_profile: Final = msgpack.Decoder(Profile).decode

_COLUMNS: Final = """
    select a.holder_id, a.authorization_id, a.account_no, a.kind, a.at, a.day, a.reason,
           a.requested_minor, a.eligible_minor, a.approved_minor, a.bank_minor, a.balance_minor,
           a.usable_minor, a.approval_code, a.acquirer, a.terminal, a.mid, a.stan, a.transmitted,
           a.rrn, a.rulebook, a.facts, h.profile
    from authorizations a join holders h using (holder_id)
"""
_NEWEST_FIRST: Final = """
    and ($1::bigint is null or (a.authorization_id, a.holder_id) < ($1, $2::bigint))
    order by a.authorization_id desc, a.holder_id desc limit $3
"""
ONE: Final = _COLUMNS + "where a.holder_id = $1 and a.authorization_id = $2"
BY_REFERENCE: Final = (
    _COLUMNS + "where a.rrn = $4 and ($5::text is null or a.terminal = $5)" + _NEWEST_FIRST
)
BY_ACCOUNT: Final = (
    _COLUMNS
    + "where a.holder_id = $4 and a.account_no = $5 and ($6::text is null or a.rrn = $6)"
    + " and ($7::text is null or a.terminal = $7)"
    + _NEWEST_FIRST
)
ALL: Final = _COLUMNS + "where ($4::text is null or a.terminal = $4)" + _NEWEST_FIRST
ACCOUNT: Final = """
    select d.holder_id, h.profile from directory d join holders h using (holder_id)
    where d.kind = 'account' and d.name = $1
"""


class NoRulebook(LookupError):
    """The rulebook version that decided is not loaded here."""


class Kept(Struct, frozen=True):
    """One decision with what it took from each vintage. Amounts in cents, `at` in UTC."""

    holder_id: int
    authorization_id: int
    account_id: str
    kind: Kind
    at: datetime
    day: date | None
    reason: Reason
    requested_minor: int
    eligible_minor: int
    approved_minor: int
    bank_minor: int
    balance_minor: int
    usable_minor: int
    approval_code: str | None
    acquirer: str
    terminal: str
    mid: str
    stan: str
    transmitted: str
    rrn: str | None
    rulebook: str
    facts: bytes
    vouchers: tuple[tuple[int, int], ...]
    """Vintage, as it counted at that moment, and amount; oldest first."""

    @property
    def approved(self) -> bool:
        """Whether money was promised."""
        return self.reason in APPROVALS


class Filter(Struct, frozen=True):
    """What to look for; None means any."""

    rrn: str | None = None
    terminal: str | None = None
    account: str | None = None


async def find(
    tx: "Tx", holder_id: int, authorization_id: int, books: Iterable[Rulebook]
) -> Kept | None:
    """One decision, or None."""
    rows = await tx.fetch(ONE, holder_id, authorization_id)
    found = await _with_vouchers(tx, rows, books)
    return found[0] if found else None


async def search(
    tx: "Tx",
    wanted: Filter,
    books: Iterable[Rulebook],
    count_max: int,
    after: tuple[int, int] | None = None,
) -> list[Kept]:
    """Decisions newest first, at most `count_max`, behind the pair (holder, number) `after`."""
    number, holder = (after[1], after[0]) if after else (None, None)
    page = (number, holder, count_max)
    if wanted.account is not None:
        place = await _account(tx, wanted.account)
        if place is None:
            return []
        rows = await tx.fetch(BY_ACCOUNT, *page, *place, wanted.rrn, wanted.terminal)
    elif wanted.rrn is not None:
        rows = await tx.fetch(BY_REFERENCE, *page, wanted.rrn, wanted.terminal)
    else:
        rows = await tx.fetch(ALL, *page, wanted.terminal)
    return await _with_vouchers(tx, rows, books)


def trace(kept: Kept, books: Iterable[Rulebook]) -> Trace:
    """Run the rules again on the facts of the decision. Raises NoRulebook."""
    book = _book(kept.rulebook, books)
    if book is None:
        raise NoRulebook(f"rulebook {kept.rulebook} is not loaded")
    return explain(_decode_facts(kept.facts), book)


def _book(version: str, books: Iterable[Rulebook]) -> Rulebook | None:
    return next((book for book in books if book.version == version), None)


async def _account(tx: "Tx", name: str) -> tuple[int, int] | None:
    row = await tx.fetchrow(ACCOUNT, name)
    if row is None:
        return None
    held = _decode_profile(row["profile"]).accounts
    return row["holder_id"], next(
        each.account.account_no for each in held if each.account.account_id == name
    )


async def _with_vouchers(tx: "Tx", rows: list[Any], books: Iterable[Rulebook]) -> list[Kept]:
    holders = {row["holder_id"] for row in rows}
    moved: dict[tuple[int, int], dict[int, int]] = {}
    for t in await transfers_of_authorizations(tx, holders, [r["authorization_id"] for r in rows]):
        if is_lot(t.debit_account) and t.kind in (Movement.DIRECT, Movement.HOLD):
            lots = moved.setdefault((t.holder_id, t.authorization_id or 0), {})
            lot_no = lot_no_of(t.debit_account)
            lots[lot_no] = lots.get(lot_no, 0) + t.amount_minor
    books = tuple(books)
    return [
        _kept(row, moved.get((row["holder_id"], row["authorization_id"]), {}), books)
        for row in rows
    ]


def _kept(row: Any, lots: dict[int, int], books: Iterable[Rulebook]) -> Kept:
    profile = _decode_profile(row["profile"])
    fields = {name: row[name] for name in Kept.__struct_fields__ if name in row.keys()}  # noqa: SIM118 - a Record yields values
    fields["kind"], fields["reason"] = Kind(row["kind"]), Reason(row["reason"])
    account = next(
        held.account for held in profile.accounts if held.account.account_no == row["account_no"]
    )
    return Kept(
        account_id=account.account_id,
        vouchers=_by_vintage(row, lots, profile, _book(row["rulebook"], books)),
        **fields,
    )


def _by_vintage(
    row: Any, lots: dict[int, int], profile: Profile, book: Rulebook | None
) -> tuple[tuple[int, int], ...]:
    """A lot past its end counted as exchanged, even if that was booked later (VIN-06)."""
    vintages: dict[int, int] = {}
    day = _work_day(_decode_facts(row["facts"])) if lots else None
    for lot_no, amount_minor in lots.items():
        vintage = profile.lots[lot_no - 1].vintage
        if book is not None and day is not None:
            vintage = book.seen_as(vintage, day) or vintage
        vintages[vintage] = vintages.get(vintage, 0) + amount_minor
    return tuple(sorted(vintages.items()))


def _work_day(facts: Facts) -> date:
    zone = zone_of(facts.workplace.department) if facts.workplace else PARIS
    return civil_day(facts.now, zone)
