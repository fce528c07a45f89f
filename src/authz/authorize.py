"""THE HEART: requests and what is known in, outcomes and what to write out. Pure.

Requests are decided in the order of their arrival, each seeing what the ones before it took. The
rules decide; this module finds their facts and turns their decision into movements of the books.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, msgpack

from authz.ids import approval_code
from authz.outcomes import Outcome
from authz.purse import Purse
from authz.requests import Kind, Request
from authz.state import Employer, HolderAccount, KeptAnswer, KnownMerchant, State
from ledger.accounts import lot_account, payable_account
from ledger.transfers import Transfer
from rules.decision import Approved, Decision, Declined, Reason
from rules.facts import Card, Derogation, Facts, Token
from rules.parameters import CapScope
from rules.pipeline import decide
from rules.rulebook import Rulebook

Row = tuple[object, ...]
_encode_facts: Final = msgpack.Encoder().encode


class Writes(Struct, frozen=True):
    """What the save must write, all of it or nothing. Rows are in the order of their table."""

    read: dict[int, int]
    """Holder id to the version that was read: what every decision of the batch stands on."""
    afters: list[Row]
    keys: list[Row]
    decided: list[Row]
    movements: list[Row]


class Verdict(Struct, frozen=True):
    """The outcomes, one for each request in its order, and what makes them true."""

    outcomes: list[Outcome]
    writes: Writes


def authorize(
    requests: Sequence[Request],
    state: State,
    books: Mapping[str, Rulebook],
    next_id: Callable[[], int],
) -> Verdict:
    """Decide a batch.

    `books` maps a programme to its rulebook; `next_id` names new authorizations. Raises only for
    faults of ours (a holder that the state lacks, a programme without a rulebook).
    """
    clerk = _Clerk(state, books, next_id)
    outcomes = [clerk.answer(request) for request in requests]
    return Verdict(outcomes, clerk.writes())


class _Clerk:
    """One batch at work: purses as they stand, answers given so far, rows gathered."""

    def __init__(
        self, state: State, books: Mapping[str, Rulebook], next_id: Callable[[], int]
    ) -> None:
        self._state = state
        self._books = books
        self._next_id = next_id
        self._purses: dict[int, Purse] = {}
        self._kept = dict(state.kept)
        self._keys: list[Row] = []
        self._decided: list[Row] = []
        self._movements: list[Row] = []

    def answer(self, request: Request) -> Outcome:
        """AUT-01: the same key first, then the credential, then the rules."""
        kept = self._kept.get(request.key_hash)
        if kept is not None:
            return _replay(request, kept)
        holder_id = self._state.holder_of.get(request.card_ref)
        if holder_id is None:
            return _not_kept(request, Reason.UNKNOWN_CARD, "card_is_known")
        purse = self._purse(holder_id)
        found = _credential(purse, request.card_ref)
        if found is None:
            return _not_kept(request, Reason.UNKNOWN_CARD, "card_is_known")
        outcome = self._decide(request, purse, *found)
        self._kept[request.key_hash] = KeptAnswer(request.fingerprint, outcome)
        return outcome

    def writes(self) -> Writes:
        """All rows of the batch; keys in their own order, so that two processes cannot embrace."""
        purses = sorted(self._purses.values(), key=lambda purse: purse.holder.holder_id)
        return Writes(
            read={purse.holder.holder_id: purse.holder.version for purse in purses},
            afters=[purse.row() for purse in purses if purse.changed],
            keys=sorted(self._keys),
            decided=self._decided,
            movements=self._movements,
        )

    def _purse(self, holder_id: int) -> Purse:
        purse = self._purses.get(holder_id)
        if purse is None:
            purse = self._purses[holder_id] = Purse(self._state.holders[holder_id])
        return purse

    def _decide(
        self, request: Request, purse: Purse, card: Card, token: Token | None, held: HolderAccount
    ) -> Outcome:
        book = self._books[held.account.programme]
        merchant = self._state.merchants.get((request.acquirer, request.mid))
        employer = self._state.employers[held.employer_no]
        now = self._state.now or request.received_at
        facts = Facts(
            now=now,
            purchase=request.purchase,
            card=card,
            token=token,
            account=held.account,
            workplace=employer.workplace,
            derogations=_united(employer, held),
            merchant=merchant.facts if merchant else None,
            lots=purse.lots_of(card.account_no),
            usage=purse.usage(card.account_no, per_person=_per_person(book, now)),
        )
        decision = decide(facts, book)
        number = self._next_id()
        outcome = _outcome(decision, request, purse.holder.holder_id, number)
        if isinstance(decision, Approved) and merchant is not None:
            self._book(request, purse, card.account_no, decision, merchant, number, facts)
        self._keep(request, card.account_no, decision, outcome, book.version, facts)
        return outcome

    def _book(
        self,
        request: Request,
        purse: Purse,
        account_no: int,
        decision: Approved,
        merchant: KnownMerchant,
        number: int,
        facts: Facts,
    ) -> None:
        """One movement per lot, from the lot to what we owe the merchant."""
        hold = request.kind is Kind.HOLD
        make = Transfer.hold if hold else Transfer.direct
        payable = payable_account(merchant.merchant_no)
        holder_id = purse.holder.holder_id
        for debit in decision.debits:
            purse.take(account_no, debit.lot_no, debit.amount_minor, decision.day, hold=hold)
            transfer = make(
                holder_id=holder_id,
                seq=purse.next_seq(),
                debit_account=lot_account(holder_id, debit.lot_no),
                credit_account=payable,
                amount_minor=debit.amount_minor,
                authorization_id=number,
                day=decision.day,
                at=facts.now,
            )
            self._movements.append(transfer.as_row())

    def _keep(
        self,
        request: Request,
        account_no: int,
        decision: Decision,
        outcome: Outcome,
        rulebook: str,
        facts: Facts,
    ) -> None:
        self._keys.append(
            (
                request.key_hash,
                request.fingerprint,
                outcome.holder_id,
                outcome.authorization_id,
                facts.now,
            )
        )
        self._decided.append(
            (
                outcome.holder_id,
                outcome.authorization_id,
                account_no,
                request.kind.value,
                facts.now,
                decision.day,
                outcome.reason.value,
                outcome.requested_minor,
                decision.eligible_minor,
                outcome.approved_minor,
                decision.bank_minor if isinstance(decision, Approved) else 0,
                outcome.balance_minor,
                outcome.usable_minor,
                outcome.approval_code,
                request.acquirer,
                request.terminal,
                request.mid,
                request.stan,
                request.transmitted,
                request.rrn,
                rulebook,
                _encode_facts(facts),
                None,
            )
        )


def _replay(request: Request, kept: KeptAnswer) -> Outcome:
    """AUT-06: the stored answer for the same content, a conflict for another."""
    if kept.fingerprint != request.fingerprint:
        return _not_kept(request, Reason.DUPLICATE_CONFLICT, "key_has_one_content")
    stored = kept.outcome
    return Outcome(
        stored.reason,
        stored.requested_minor,
        stored.approved_minor,
        stored.balance_minor,
        stored.usable_minor,
        stored.approval_code,
        stored.holder_id,
        stored.authorization_id,
        stored.rule,
        replayed=True,
    )


def _not_kept(request: Request, reason: Reason, rule: str) -> Outcome:
    return Outcome(reason, requested_minor=request.purchase.amount_minor, rule=rule)


def _credential(purse: Purse, card_ref: bytes) -> tuple[Card, Token | None, HolderAccount] | None:
    """The card that pays, the token it was presented by, and the account behind it."""
    profile = purse.holder.profile
    for credential in profile.credentials:
        if credential.card_ref == card_ref:
            card = next(card for card in profile.cards if card.card_id == credential.card_id)
            token = None
            if credential.token_id is not None:
                token = next(t for t in profile.tokens if t.token_id == credential.token_id)
            held = next(a for a in profile.accounts if a.account.account_no == card.account_no)
            return card, token, held
    return None


def _per_person(book: Rulebook, now: datetime) -> bool:
    """P-CAP-SCOPE (CAP-08): the person's use of a day, or the account's alone."""
    return book.on(now.date()).cap_scope is CapScope.PERSON


def _united(employer: Employer, held: HolderAccount) -> tuple[Derogation, ...]:
    return employer.derogations + held.derogations if held.derogations else employer.derogations


def _outcome(decision: Decision, request: Request, holder_id: int, number: int) -> Outcome:
    match decision:
        case Approved():
            return Outcome(
                decision.reason,
                request.purchase.amount_minor,
                decision.voucher_minor + decision.bank_minor,
                decision.balance_minor,
                decision.usable_minor,
                approval_code(number),
                holder_id,
                number,
            )
        case Declined():
            return Outcome(
                decision.reason,
                requested_minor=max(0, request.purchase.amount_minor),
                holder_id=holder_id,
                authorization_id=number,
                rule=decision.rule,
            )
