"""Payments as they were kept: found again, with all that was about them, and explained."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.decide.aftermath import bank_minor, spent_by_lot
from authz.decide.answering import NO_ACCOUNT
from authz.outcomes import APPROVALS
from authz.payments.progress import Step
from authz.requests import Kind, Request
from authz.state import Profile
from ledger.accounts import lot_no_of
from ledger.queries import transfers_of_authorizations
from ledger.transfers import Transfer
from rules.decision import Reason, Trace
from rules.facts import Facts
from rules.geography import PARIS, civil_day, zone_of
from rules.pipeline import decide, explain
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

_decode_facts: Final = msgpack.Decoder(Facts).decode
_decode_request: Final = msgpack.Decoder(Request).decode
_decode_profile: Final = msgpack.Decoder(Profile).decode

# What waits for the bank has no answer yet: what is null of it stands in its request.
_PAYMENTS: Final = """
    select a.*, h.profile, l.state as bank_state from (
        select holder_id, authorization_id, account_no, kind, at, day, reason, requested_minor,
               eligible_minor, approved_minor, bank_minor, balance_minor, usable_minor,
               approval_code, acquirer, terminal, mid, stan, transmitted, rrn, rulebook, facts,
               null::bytea as request
        from authorizations where about_id is null and kind <> 'INQUIRY'
        union all
        select holder_id, number, account_no, null, reserved_at, null, null, 0, 0, 0, bank_minor,
               0, 0, null, acquirer, terminal, null, stan, null, rrn, '', facts, request
        from pending_payments
    ) a
    join holders h using (holder_id)
    left join bank_legs l on l.holder_id = a.holder_id and l.number = a.authorization_id
    where true
"""
# Newest first, and behind the last one that was shown.
_PAGE: Final = """
    and ($1::bigint is null or (a.authorization_id, a.holder_id) < ($1, $2::bigint))
    order by a.authorization_id desc, a.holder_id desc limit $3
"""
_AMONG: Final = """
    and (a.holder_id, a.authorization_id) in (select * from unnest($1::bigint[], $2::bigint[]))
"""
NAMED: Final = _PAYMENTS + _AMONG
# A reversal of a refund is about the refund, and that about the payment.
WHOSE_STEP: Final = """
    select coalesce(r.about_id, a.about_id) from authorizations a
    left join authorizations r on r.holder_id = $1 and r.authorization_id = a.about_id
    where a.holder_id = $1 and a.authorization_id = $2
"""
BY_REFERENCE: Final = _PAYMENTS + "and a.rrn = $4 and ($5::text is null or a.terminal = $5)" + _PAGE
BY_ACCOUNT: Final = (
    _PAYMENTS
    + "and a.holder_id = $4 and a.account_no = $5 and ($6::text is null or a.rrn = $6)"
    + " and ($7::text is null or a.terminal = $7)"
    + _PAGE
)
ALL: Final = _PAYMENTS + "and ($4::text is null or a.terminal = $4)" + _PAGE
# What is about a refund (its reversal) is about the payment too.
ABOUT: Final = """
    select holder_id, authorization_id, about_id, kind, at, reason, approved_minor
    from authorizations where holder_id = any ($1) and about_id = any ($2)
    union all
    select u.holder_id, u.authorization_id, r.about_id, u.kind, u.at, u.reason, u.approved_minor
    from authorizations r
    join authorizations u on u.holder_id = r.holder_id and u.about_id = r.authorization_id
    where r.holder_id = any ($1) and r.about_id = any ($2) and r.kind = 'REFUND'
    order by 2
"""
ACCOUNT: Final = """
    select d.holder_id, h.profile from directory d join holders h using (holder_id)
    where d.kind = 'account' and d.name = $1
"""


class NoRulebook(LookupError):
    """The rulebook that decided is not loaded here, or none decided; the text says which."""


class Payment(Struct, frozen=True):
    """One payment with what became of it. Amounts in cents, `at` in UTC.

    `account_id` is None where the card was nobody's (ADV-01). `steps` are the payment's own answer
    and those about it, in order, `movements` what all of them moved. `vouchers` are what is held or
    spent of each vintage, as it counted when it was decided, oldest first, and `bank_left_minor`
    what of the bank card's part, `bank_minor`, is. While the bank is awaited there is no `reason`,
    and both are what it is asked for.
    """

    holder_id: int
    authorization_id: int
    account_id: str | None
    kind: Kind
    at: datetime
    day: date | None
    reason: Reason | None
    requested_minor: int
    eligible_minor: int
    approved_minor: int
    bank_minor: int
    bank_left_minor: int
    bank_state: str | None
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
    facts: Facts | None
    steps: tuple[Step, ...]
    movements: tuple[Transfer, ...]
    vouchers: tuple[tuple[int, int], ...]

    @property
    def approved(self) -> bool:
        """Whether money was promised."""
        return self.reason in APPROVALS

    @property
    def waits(self) -> bool:
        """Whether nothing is decided before the bank has had its word."""
        return self.reason is None


_AS_READ: Final = frozenset(Payment.__struct_fields__) - {
    "account_id", "bank_left_minor", "kind", "reason", "facts", "steps", "movements", "vouchers",
}  # fmt: skip


class PaymentName(Struct, frozen=True):
    """A payment; with `until` as it stood after the answer of that number, to be given again."""

    holder_id: int
    authorization_id: int
    until: int | None = None


class Filter(Struct, frozen=True):
    """What to look for; None means any. `rrn` is the order reference where `terminal` is empty."""

    rrn: str | None = None
    terminal: str | None = None
    account: str | None = None


async def find(
    tx: "Tx", holder_id: int, authorization_id: int, books: Sequence[Rulebook]
) -> Payment | None:
    """One payment, or None. `books` tell which vintage a lot counted as."""
    name = PaymentName(holder_id, authorization_id)
    return (await find_all(tx, [name], books)).get(name)


async def payment_about(tx: "Tx", holder_id: int, authorization_id: int) -> PaymentName | None:
    """The payment that a capture, refund, reversal or the like was about: books name these too."""
    number = await tx.fetchval(WHOSE_STEP, holder_id, authorization_id)
    return None if number is None else PaymentName(holder_id, number)


async def find_all(
    tx: "Tx", names: Collection[PaymentName], books: Sequence[Rulebook]
) -> dict[PaymentName, Payment]:
    """Those of these payments that there are: three statements, however many they are."""
    holders = [name.holder_id for name in names]
    numbers = [name.authorization_id for name in names]
    rows = await tx.fetch(NAMED, holders, numbers)
    stories = await _complete(tx, rows, books)
    return {
        name: _payment(stories[name.holder_id, name.authorization_id], books, name.until)
        for name in names
        if (name.holder_id, name.authorization_id) in stories
    }


async def search(
    tx: "Tx",
    wanted: Filter,
    books: Sequence[Rulebook],
    count_max: int,
    after: tuple[int, int] | None = None,
) -> list[Payment]:
    """Payments newest first, at most `count_max`, behind the pair (holder, number) `after`."""
    holder, number = after or (None, None)
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
    stories = await _complete(tx, rows, books)
    return [_payment(story, books) for story in stories.values()]


def trace(payment: Payment, books: Iterable[Rulebook]) -> Trace:
    """Run the rules again on the facts of the decision. Raises NoRulebook.

    Of what waits for the bank: what is decided if the bank approves.
    """
    if payment.facts is None:
        raise NoRulebook("no rules decided this: it had happened already")
    book = _book(payment.rulebook, books)
    if book is None:
        raise NoRulebook(f"rulebook {payment.rulebook} is not loaded")
    return explain(payment.facts, book)


def _book(version: str, books: Iterable[Rulebook]) -> Rulebook | None:
    return next((book for book in books if book.version == version), None)


async def _account(tx: "Tx", name: str) -> tuple[int, int] | None:
    row = await tx.fetchrow(ACCOUNT, name)
    if row is None:
        return None
    held = _decode_profile(row["profile"]).account_named(name)
    return row["holder_id"], held.account.account_no


async def _complete(
    tx: "Tx", rows: list[Any], books: Sequence[Rulebook]
) -> dict[tuple[int, int], "_Story"]:
    """Add to the rows of payments what was about them and what moved: two statements for all."""
    holders = list({row["holder_id"] for row in rows})
    stories = (_Story(row if row["request"] is None else _undecided(row, books)) for row in rows)
    names = {(s.row["holder_id"], s.row["authorization_id"]): s for s in stories}
    story_of = names.copy()
    for row in await tx.fetch(ABOUT, holders, [number for _, number in names]):
        story = names.get((row["holder_id"], row["about_id"]))
        if story is not None:
            story_of[row["holder_id"], row["authorization_id"]] = story
            story.steps.append(_step(row))
    numbers = [number for _, number in story_of]
    for transfer in await transfers_of_authorizations(tx, holders, numbers):
        assert transfer.authorization_id is not None, "it was asked for by that number"
        story = story_of.get((transfer.holder_id, transfer.authorization_id))
        if story is not None:
            story.movements.append(transfer)
    return names


class _Story:
    """A payment's row while the rest is gathered."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.steps = [_step(row)]
        self.movements: list[Transfer] = []

    def told(self, until: int | None) -> tuple[list[Step], list[Transfer]]:
        """The steps up to the answer of that number, or all, and what they moved."""
        if until is None:
            return self.steps, self.movements
        first, *later = self.steps
        steps = [first, *(step for step in later if step.number <= until)]
        numbers = {step.number for step in steps}
        return steps, [each for each in self.movements if each.authorization_id in numbers]


def _undecided(row: Mapping[str, Any], books: Sequence[Rulebook]) -> dict[str, Any]:
    """What waits for the bank, as it was asked and as the rules see it until then."""
    request, facts = _decode_request(row["request"]), _decode_facts(row["facts"])
    known: dict[str, Any] = {
        "kind": request.kind.value,
        "mid": request.mid,
        "transmitted": request.transmitted,
        "requested_minor": request.purchase.amount_minor,
    }
    programme = facts.account.programme if facts.account else ""
    book = next((book for book in books if book.name == programme), None)
    if book is not None:
        seen = decide(facts, book)
        known |= {"day": seen.day, "eligible_minor": seen.eligible_minor, "rulebook": book.version}
    return {**row, **known}


def _step(row: Any) -> Step:
    reason = None if row["reason"] is None else Reason(row["reason"])
    number = row["authorization_id"]
    return Step(Kind(row["kind"]), row["at"], reason, row["approved_minor"], number)


def _payment(story: _Story, books: Sequence[Rulebook], until: int | None = None) -> Payment:
    row, (steps, movements) = story.row, story.told(until)
    profile = _decode_profile(row["profile"])
    facts = _decode_facts(row["facts"]) if row["facts"] else None
    vouchers = _by_vintage(movements, profile, facts, _book(row["rulebook"], books))
    return Payment(
        account_id=_account_id(profile, row["account_no"]),
        bank_left_minor=row["bank_minor"] if row["reason"] is None else bank_minor(movements),
        kind=Kind(row["kind"]),
        reason=story.steps[0].reason,
        facts=facts,
        steps=tuple(steps),
        movements=tuple(movements),
        vouchers=vouchers,
        **{name: row[name] for name in _AS_READ},
    )


def _account_id(profile: Profile, account_no: int) -> str | None:
    return None if account_no == NO_ACCOUNT else profile.account(account_no).account.account_id


def _by_vintage(
    movements: list[Transfer], profile: Profile, facts: Facts | None, book: Rulebook | None
) -> tuple[tuple[int, int], ...]:
    """A lot past its end counted as exchanged, even if that was booked later (VIN-06)."""
    vintages: dict[int, int] = {}
    for lot, amount_minor in spent_by_lot(movements).items():
        vintage = profile.lots[lot_no_of(lot) - 1].vintage
        if book is not None and facts is not None:
            vintage = book.seen_as(vintage, _work_day(facts)) or vintage
        vintages[vintage] = vintages.get(vintage, 0) + amount_minor
    return tuple(sorted(vintages.items()))


def _work_day(facts: Facts) -> date:
    zone = zone_of(facts.workplace.department) if facts.workplace else PARIS
    return civil_day(facts.now, zone)
