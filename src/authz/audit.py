"""The proof that answers and books agree: the ledger's laws, and every decision made again.

Holder by holder the books are replayed. Before each approval the replayed lots and the day's use
must be what the rules were shown; the rules, shown it again, must answer the same; and the books
must then move by just what was answered. All in one snapshot, beside a live engine if need be.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.bank.laws import LEGS_SLICE, check_legs
from authz.holders.withdrawals import WITHDRAWALS_ARE_NOTED
from authz.ids import public_id
from authz.outcomes import chip_of
from authz.requests import Kind
from authz.settlement.laws import LAWS as SETTLEMENT_LAWS
from authz.state import Profile
from ledger.accounts import HOLDER_ID_MAX, House, is_lot, lot_no_of
from ledger.audit import AuditReport, LawResult, check
from ledger.audit import audit as audit_books
from ledger.audit import audit_slice as audit_books_of
from ledger.balances import lot_effects, usage_effect
from ledger.rollup_check import TOTALS_ARE_THE_BOOKS
from ledger.seal import Head, SealKey
from ledger.seal_check import check_seals
from ledger.transfers import Kind as Movement
from ledger.transfers import Transfer
from rules.decision import Approved, Decision, Reason
from rules.facts import ChipUse, Facts
from rules.pipeline import decide
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_HOLDERS: Final = 2_000
DECIDED_BY_RULES: Final = frozenset({Kind.PURCHASE.value, Kind.HOLD.value})
"""What the rules decided; the rest follows from the payment that it is about."""
TOLD: Final = frozenset({Kind.ADVICE.value, Kind.REFUND_REVERSAL.value})
"""What may have happened without being asked, and so against the cap."""
UNDONE: Final = frozenset({Reason.ISSUER_DOWN.value, Reason.REVERSED_BEFORE_REQUEST.value})
"""Payments that waited for the bank too long, or were reversed meanwhile: time decided."""
VIOLATIONS_NAMED_MAX: Final = 5

HOLDERS: Final = """
    select holder_id, profile from holders where holder_id > $1 order by holder_id limit $2
"""
MOVEMENTS: Final = """
    select holder_id, seq, kind, debit_account, credit_account, amount_minor, authorization_id,
           about_seq, day, at
    from transfers where holder_id between $1 and $2 order by holder_id, seq
"""
DECIDED: Final = """
    select holder_id, authorization_id, account_no, kind, reason, requested_minor, eligible_minor,
           approved_minor, bank_minor, day, rulebook, facts
    from authorizations where holder_id between $1 and $2 order by holder_id, authorization_id
"""
WAITING: Final = """
    select holder_id, number from pending_payments where holder_id between $1 and $2
"""
LOST_KEYS: Final = """
    select count(*) over (), encode(k.key_hash, 'hex') from request_keys k
    left join authorizations a
        on a.holder_id = k.holder_id and a.authorization_id = k.authorization_id
    left join pending_payments p
        on p.holder_id = k.holder_id and p.number = k.authorization_id
    where a.holder_id is null and p.holder_id is null and k.holder_id <> 0 limit $1
"""

LAWS: Final[Mapping[str, str]] = {
    "facts_were_true": "what the rules were shown is what the books held at that moment",
    "decisions_repeat": "the same facts and rulebook give the same answer again",
    "answers_are_booked": "the books moved by what was answered: approvals whole, declines not",
    "movements_are_answered": "every movement of a payment belongs to a kept answer",
    "cap_is_kept": "nobody was allowed more vouchers on a day than that day's cap"
    " (what was advised or taken over counts apart)",
    "taps_pay_once": "no use of a chip was approved twice",
    "keys_name_an_answer": "every request key names an answer that is kept, or is a tombstone",
}

SEALS_HOLD: Final = "seals_hold"
SEALS_WORDS: Final = "what was sealed is still in the books, to the byte"

_decode_facts: Final = msgpack.Decoder(Facts).decode
_decode_profile: Final = msgpack.Decoder(Profile).decode
Progress = Callable[[int], None]


class Report(Struct, frozen=True):
    """The verdict on books and answers. `unread_rulebooks` could not be loaded for re-deciding.

    `seals_verified` is false where no key was there to verify them with. `forgotten` answers have
    lost their facts to retention and were not decided again.
    """

    books: AuditReport
    laws: tuple[LawResult, ...]
    decisions: int
    unread_rulebooks: tuple[str, ...]
    seals_verified: bool = False
    forgotten: int = 0

    @property
    def holds(self) -> bool:
        """Whether every law holds."""
        return self.books.holds and not any(law.violations for law in self.laws)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the laws that do not hold."""
        return (*self.books.broken, *(law.name for law in self.laws if law.violations))


async def audit(
    tx: "Tx",
    rulebooks: Mapping[str, Rulebook],
    progress: Progress = lambda holders: None,
    seal_key: SealKey | None = None,
    published: Head | None = None,
) -> Report:
    """Prove everything, in the caller's repeatable-read SQL transaction.

    `rulebooks` are the known ones by version; `progress` is told how many holders are done. With
    `seal_key` the seals are proved too, `published` being a head that was kept elsewhere.
    """
    books = await audit_books(tx)
    proof = _Proof(rulebooks)
    last, done = 0, 0
    while rows := await tx.fetch(HOLDERS, last, CHUNK_HOLDERS):
        last = rows[-1][0]
        await _replay(tx, proof, rows)
        done += len(rows)
        progress(done)
    await proof.check_keys(tx)
    laws = [*proof.results(), *await check_legs(tx), await check(tx, TOTALS_ARE_THE_BOOKS)]
    laws += [await check(tx, law) for law in (*SETTLEMENT_LAWS, WITHDRAWALS_ARE_NOTED)]
    if seal_key is not None:
        seals = await check_seals(tx, seal_key, published)
        laws.append(LawResult(SEALS_HOLD, SEALS_WORDS, seals.blocks, seals.violations))
    return Report(
        books,
        tuple(laws),
        proof.decisions,
        tuple(sorted(proof.unread)),
        seal_key is not None,
        proof.forgotten,
    )


class Slice(Struct, frozen=True):
    """The verdict on some holders: how many, the last of them, and the laws that are broken."""

    holders: int
    last_holder: int
    broken: tuple[LawResult, ...]

    @property
    def violations(self) -> int:
        """How many were named; of each law no more than `VIOLATIONS_NAMED_MAX` are."""
        return sum(len(law.violations) for law in self.broken)


async def prove_slice(
    tx: "Tx", rulebooks: Mapping[str, Rulebook], after: int, holders_max: int
) -> Slice:
    """Prove the books of the next holders and every answer to them, in the caller's snapshot.

    Where fewer are left than `holders_max`, it is proved too that nothing is booked behind them.
    """
    rows = await tx.fetch(HOLDERS, after, holders_max)
    last = rows[-1][0] if rows else after
    proof = _Proof(rulebooks)
    if rows:
        await _replay(tx, proof, rows)
    books = await audit_books_of(tx, after, last if len(rows) == holders_max else HOLDER_ID_MAX)
    laws = (*books, *proof.results(), *await check_legs(tx, LEGS_SLICE))
    return Slice(len(rows), last, tuple(law for law in laws if law.violations))


async def _replay(tx: "Tx", proof: "_Proof", rows: Sequence[Any]) -> None:
    """Replay each of these holders; `rows` are their numbers, ascending, and their profiles."""
    first, last = rows[0][0], rows[-1][0]
    movements, decided = defaultdict(list), defaultdict(list)
    for row in await tx.fetch(MOVEMENTS, first, last):
        movements[row[0]].append(Transfer(*row))
    for row in await tx.fetch(DECIDED, first, last):
        decided[row[0]].append(row)
    waiting = defaultdict(set)
    for holder_id, number in await tx.fetch(WAITING, first, last):
        waiting[holder_id].add(number)
    for holder_id, profile in rows:
        _Replay(proof, holder_id, _decode_profile(profile)).run(
            movements[holder_id], decided[holder_id], frozenset(waiting[holder_id])
        )


class _Proof:
    """The laws with what was found against them so far."""

    def __init__(self, rulebooks: Mapping[str, Rulebook]) -> None:
        self.rulebooks = rulebooks
        self.unread: set[str] = set()
        self.decisions = 0
        self.forgotten = 0
        self._checked = dict.fromkeys(LAWS, 0)
        self._violations: dict[str, list[str]] = {name: [] for name in LAWS}

    def check(self, law: str, holds: bool, place: str) -> None:
        """Count one row under a law; `place` names it if the law is broken there."""
        self._checked[law] += 1
        if not holds and len(self._violations[law]) < VIOLATIONS_NAMED_MAX:
            self._violations[law].append(place)

    async def check_keys(self, tx: "Tx") -> None:
        """Keys are checked in one statement."""
        self._checked["keys_name_an_answer"] = await tx.fetchval(
            "select count(*) from request_keys"
        )
        for _, key in await tx.fetch(LOST_KEYS, VIOLATIONS_NAMED_MAX):
            self._violations["keys_name_an_answer"].append(f"key {key}")

    def results(self) -> tuple[LawResult, ...]:
        """One line for each law."""
        return tuple(
            LawResult(name, words, self._checked[name], tuple(self._violations[name]))
            for name, words in LAWS.items()
        )


class _Replay:
    """One holder, from the first movement to the last."""

    def __init__(self, proof: _Proof, holder_id: int, profile: Profile) -> None:
        self._proof = proof
        self._holder_id = holder_id
        self._account_of = {lot.lot_no: lot.account_no for lot in profile.lots}
        self._available: dict[int, int] = defaultdict(int)
        self._used: dict[tuple[int, date], int] = defaultdict(int)
        self._given: dict[date, int] = defaultdict(int)
        self._holds: dict[int, int] = {}
        self._held_by: dict[int, int | None] = {}
        self._uses: set[tuple[str, str, int]] = set()
        self._backs: set[int] = set()

    def run(
        self, movements: list[Transfer], decided: list[Any], waiting: frozenset[int] = frozenset()
    ) -> None:
        """Replay the books and look at each answer where it was given.

        `waiting` are the payments that wait for the bank: their vouchers are held, no more.
        """
        answers = {row["authorization_id"]: row for row in decided}
        moved: dict[int, int] = {}
        for transfer in movements:
            number = transfer.authorization_id
            if number is not None and number not in moved:
                moved[number] = 0
                known = number in answers or number in waiting
                self._proof.check("movements_are_answered", known, self._at(number))
                if number in answers:
                    # A bank leg alone is booked when the bank has spoken, not when it was decided.
                    self._look(answers[number], true_facts=is_lot(transfer.debit_account))
            effect_minor = self._move(transfer)
            if number is not None and number in answers:
                kind = answers[number]["kind"]
                if kind != Kind.CAPTURE.value or effect_minor > 0:  # what falls free is not taken
                    moved[number] += effect_minor
                if kind in TOLD:
                    self._given[transfer.day] += transfer.amount_minor
            if transfer.credit_account == House.OPENING_SPEND:
                self._given[transfer.day] += transfer.amount_minor
        for number, row in answers.items():
            if number not in moved:
                self._look(row, true_facts=False)
            booked = abs(moved.get(number, 0)) == row["approved_minor"]
            self._proof.check("answers_are_booked", booked, self._at(number))
        self._check_cap()

    def _at(self, number: int) -> str:
        return f"authorization {public_id(self._holder_id, number)}"

    def _look(self, row: Any, *, true_facts: bool) -> None:
        """Decide again; `true_facts` where the replay stands just before this answer."""
        if row["kind"] not in DECIDED_BY_RULES or row["reason"] in UNDONE:
            return
        if not row["facts"]:  # every decision of the rules was kept with its facts
            self._proof.forgotten += 1
            return
        facts = _decode_facts(row["facts"])
        place = self._at(row["authorization_id"])
        if true_facts:
            self._proof.check("facts_were_true", self._agrees(facts, row), place)
        if row["approved_minor"] and (use := chip_of(facts)) is not None:
            self._proof.check("taps_pay_once", self._is_first(facts, use), place)
        book = self._proof.rulebooks.get(row["rulebook"])
        if book is None:
            self._proof.unread.add(row["rulebook"])
            return
        self._proof.decisions += 1
        self._proof.check("decisions_repeat", _same(decide(facts, book), row), place)

    def _is_first(self, facts: Facts, use: ChipUse) -> bool:
        """Whether no payment before was approved on this use of this chip."""
        assert facts.card is not None, "only a known card is approved"
        chip = facts.card.card_id if facts.token is None else facts.token.token_id
        first = (chip, use.sequence, use.atc) not in self._uses
        self._uses.add((chip, use.sequence, use.atc))
        return first

    def _agrees(self, facts: Facts, row: Any) -> bool:
        account_no = row["account_no"]
        lots = {
            lot_no: minor
            for lot_no, minor in self._available.items()
            if minor and self._account_of.get(lot_no) == account_no
        }
        shown = {lot.lot_no: lot.available_minor for lot in facts.lots}
        shown_used = sum(u.used_minor for u in facts.usage if u.day == row["day"])
        book = self._proof.rulebooks.get(row["rulebook"])
        per_person = book is None or book.cap_per_person
        used = sum(
            minor
            for (account, day), minor in self._used.items()
            if day == row["day"] and (per_person or account == account_no)
        )
        return lots == shown and used == shown_used

    def _move(self, transfer: Transfer) -> int:
        """Let a movement act; what it means for its own answer, in cents (0: only set aside)."""
        hold_minor = 0
        if transfer.kind == Movement.HOLD:
            self._holds[transfer.seq] = transfer.amount_minor
            self._held_by[transfer.seq] = transfer.authorization_id
        elif transfer.kind in (Movement.POST, Movement.VOID) and transfer.about_seq is not None:
            hold_minor = self._holds.get(transfer.about_seq, 0)
        for lot, available_minor, _ in lot_effects(transfer, hold_minor):
            self._available[lot_no_of(lot)] += available_minor
        if (effect := usage_effect(transfer, hold_minor)) is not None:
            lot, used_minor = effect
            account_no = self._account_of.get(lot_no_of(lot), 0)
            self._used[account_no, transfer.day] += used_minor
        if transfer.kind == Movement.VOID:
            return -hold_minor
        if transfer.kind == Movement.DIRECT and transfer.about_seq is not None:
            if transfer.about_seq in self._backs:  # what was given back is taken again
                return transfer.amount_minor
            self._backs.add(transfer.seq)
            return -transfer.amount_minor
        if transfer.kind == Movement.POST and transfer.about_seq is not None:
            own = self._held_by.get(transfer.about_seq) == transfer.authorization_id
            return transfer.amount_minor - (hold_minor if own else 0)
        return transfer.amount_minor

    def _check_cap(self) -> None:
        """The highest cap of any class bounds the day of the person (CAP-08).

        What was given, not decided, counts apart: advices, and the history of another system.
        """
        days: dict[date, int] = defaultdict(int)
        for (_, day), minor in self._used.items():
            days[day] += minor
        for day, minor in days.items():
            caps = [_cap(book, day, self._account_of) for book in self._proof.rulebooks.values()]
            self._proof.check(
                "cap_is_kept",
                not caps or minor - self._given[day] <= max(caps),
                f"holder {self._holder_id} on {day}",
            )


def _cap(book: Rulebook, day: date, account_of: Mapping[int, int]) -> int:
    parameters = book.on(day)
    accounts = len(set(account_of.values()))
    times = 1 if book.cap_per_person else accounts
    return max(parameters.cap.values()) * times


def _same(decision: Decision, row: Any) -> bool:
    approved = (0, 0)
    if isinstance(decision, Approved):
        approved = (decision.voucher_minor + decision.bank_minor, decision.bank_minor)
    answered = (row["reason"], row["day"], row["eligible_minor"])
    return (
        decision.reason.value,
        decision.day,
        decision.eligible_minor,
    ) == answered and approved == (row["approved_minor"], row["bank_minor"])
