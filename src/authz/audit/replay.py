"""One holder's books replayed, and each answer looked at where it was given. Pure.

Before each approval the replayed lots and the day's use must be what the rules were shown; the
rules, shown it again, must answer the same; and the books must then move by just what was answered.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from msgspec import msgpack

from authz.ids import public_id
from authz.outcomes import chip_of
from authz.requests import Kind
from authz.state import Profile
from ledger.accounts import House, is_lot, lot_account, lot_no_of
from ledger.audit import VIOLATIONS_NAMED_MAX, LawResult
from ledger.balances import lot_effects, usage_effect
from ledger.transfers import Movement, Transfer
from rules.decision import Approved, Decision, Reason
from rules.facts import ChipUse, Facts
from rules.pipeline import decide
from rules.rulebook import Rulebook

DECIDED_BY_RULES: Final = frozenset({Kind.PURCHASE.value, Kind.HOLD.value})
"""What the rules decided; the rest follows from the payment that it is about."""
TOLD: Final = frozenset({Kind.ADVICE.value, Kind.REFUND_REVERSAL.value})
"""What may have happened without being asked, and so against the cap."""
UNDONE: Final = frozenset({Reason.ISSUER_DOWN.value, Reason.REVERSED_BEFORE_REQUEST.value})
"""Payments that waited for the bank too long, or were reversed meanwhile: time decided."""

LOTS_AS_OPENED: Final = "lots_are_as_opened"
REPLAYED: Final[Mapping[str, str]] = {
    LOTS_AS_OPENED: "the rules are shown each lot as it was opened: its vintage, its day, whose it"
    " is and who paid it",
    "facts_were_true": "what the rules were shown is what the books held at that moment",
    "decisions_repeat": "the same facts and rulebook give the same answer again",
    "answers_are_booked": "the books moved by what was answered: approvals whole, declines not",
    "debits_are_decided": "an approval is booked on its day, from the lots and the bank card that"
    " the rules chose (VIN-03)",
    "movements_are_answered": "every movement of a payment belongs to a kept answer",
    "cap_is_kept": "nobody was allowed more vouchers on a day than that day's cap"
    " (what was advised or taken over counts apart)",
    "taps_pay_once": "no use of a chip was approved twice",
}

_decode_facts: Final = msgpack.Decoder(Facts).decode


class Proof:
    """The laws with what was found against them so far."""

    def __init__(self, rulebooks: Mapping[str, Rulebook]) -> None:
        self.rulebooks = rulebooks
        self.unread: set[str] = set()
        self.decisions = 0
        self.forgotten = 0
        self._checked = dict.fromkeys(REPLAYED, 0)
        self._violations: dict[str, list[str]] = {name: [] for name in REPLAYED}

    def check(self, law: str, holds: bool, place: str) -> None:
        """Count one row under a law; `place` names it if the law is broken there."""
        self._checked[law] += 1
        if not holds and len(self._violations[law]) < VIOLATIONS_NAMED_MAX:
            self._violations[law].append(place)

    def results(self) -> tuple[LawResult, ...]:
        """One line for each law."""
        return tuple(
            LawResult(name, words, self._checked[name], tuple(self._violations[name]))
            for name, words in REPLAYED.items()
        )


class Replay:
    """One holder, from the first movement to the last."""

    def __init__(self, proof: Proof, holder_id: int, profile: Profile) -> None:
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
        self._taken: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._days: dict[int, set[date]] = defaultdict(set)

    def run(
        self, movements: list[Transfer], decided: list[Any], waiting: frozenset[int] = frozenset()
    ) -> None:
        """Replay the books and look at each answer where it was given.

        `waiting` are the payments that wait for the bank: their vouchers are held, no more.
        """
        answers = {row["authorization_id"]: row for row in decided}
        moved: dict[int, int] = {}
        decisions: dict[int, Decision | None] = {}
        for transfer in movements:
            number = transfer.authorization_id
            if number is not None and number not in moved:
                moved[number] = 0
                known = number in answers or number in waiting
                self._proof.check("movements_are_answered", known, self._at(number))
                if number in answers:
                    # A bank leg alone is booked when the bank has spoken, not when it was decided.
                    true_facts = is_lot(transfer.debit_account)
                    decisions[number] = self._look(answers[number], true_facts=true_facts)
            told = number in answers and answers[number]["kind"] in TOLD
            effect_minor = self._move(transfer, told=told)
            if number is not None and number in answers:
                kind = answers[number]["kind"]
                if kind != Kind.CAPTURE.value or effect_minor > 0:  # what falls free is not taken
                    moved[number] += effect_minor
            if transfer.credit_account == House.OPENING_SPEND:
                self._given[transfer.day] += transfer.amount_minor
        for number, row in answers.items():
            if number not in moved:
                decisions[number] = self._look(row, true_facts=False)
            if isinstance(decision := decisions[number], Approved):
                self._proof.check(
                    "debits_are_decided", self._is_taken(decision, number), self._at(number)
                )
            booked = abs(moved.get(number, 0)) == row["approved_minor"]
            self._proof.check("answers_are_booked", booked, self._at(number))
        self._check_cap()

    def _at(self, number: int) -> str:
        return f"authorization {public_id(self._holder_id, number)}"

    def _look(self, row: Any, *, true_facts: bool) -> Decision | None:
        """Decide again, where that can be; `true_facts`: the replay stands just before it."""
        if row["kind"] not in DECIDED_BY_RULES or row["reason"] in UNDONE:
            return None
        if not row["facts"]:  # every decision of the rules was kept with its facts
            self._proof.forgotten += 1
            return None
        facts = _decode_facts(row["facts"])
        place = self._at(row["authorization_id"])
        if true_facts:
            self._proof.check("facts_were_true", self._agrees(facts, row), place)
        if row["approved_minor"] and (use := chip_of(facts)) is not None:
            self._proof.check("taps_pay_once", self._is_first(facts, use), place)
        book = self._proof.rulebooks.get(row["rulebook"])
        if book is None:
            self._proof.unread.add(row["rulebook"])
            return None
        self._proof.decisions += 1
        decision = decide(facts, book)
        self._proof.check("decisions_repeat", _same(decision, row), place)
        return decision

    def _is_taken(self, decision: Approved, number: int) -> bool:
        """Whether what this answer moved by itself is what was decided, account by account."""
        chosen: dict[int, int] = defaultdict(int)
        for debit in decision.debits:
            chosen[lot_account(self._holder_id, debit.lot_no)] += debit.amount_minor
        if decision.bank_minor:
            chosen[House.BANK_RECEIVABLE] = decision.bank_minor
        taken = {account: minor for account, minor in self._taken[number].items() if minor}
        return taken == chosen and self._days[number] <= {decision.day}

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

    def _move(self, transfer: Transfer, *, told: bool) -> int:
        """Let a movement act; what it means for its own answer, in cents (0: only set aside).

        `told`: it happened without being asked, so what it spends is given, not decided.
        """
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
            self._given[transfer.day] += max(0, used_minor) if told else 0
        if (number := transfer.authorization_id) is not None:
            self._follow(number, transfer, hold_minor)
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

    def _follow(self, number: int, transfer: Transfer, hold_minor: int) -> None:
        """Keep what an answer took by itself, from where, and for which day."""
        taken = self._taken[number]
        if transfer.kind == Movement.VOID:
            taken[transfer.debit_account] -= hold_minor
        elif transfer.kind == Movement.POST:
            taken[transfer.debit_account] += transfer.amount_minor - hold_minor
        elif transfer.about_seq is None:
            taken[transfer.debit_account] += transfer.amount_minor
        self._days[number].add(transfer.day)

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
