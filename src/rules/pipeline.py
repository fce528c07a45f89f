"""The ordered rules and the two ways to run them: decide, and explain the very same decision."""

from rules import (
    card,
    chip,
    days,
    eligible,
    merchant,
    online,
    pin,
    place,
    purchase,
    tell,
    token,
)
from rules.case import Case, Rule, open_case
from rules.decision import Approved, Decision, Declined, Reason, Step, Trace
from rules.facts import Facts
from rules.payment import Payment, amount_is_covered, share, something_is_paid
from rules.rulebook import Rulebook
from rules.standing import standing_of
from rules.vouchers import take

CREDENTIAL: tuple[Rule, ...] = (
    Rule(purchase.amount_is_not_negative, "ELI-06", purchase.tell_amount),
    Rule(purchase.subtotal_is_not_negative, "ELI-01", purchase.tell_subtotal),
    Rule(card.card_is_known, "AUT-01", card.tell_known),
    Rule(card.card_is_not_expired, "AUT-01", card.tell_expiry),
    Rule(card.card_is_active, "CRD-02, CRD-03, TOK-07", card.tell_card),
    Rule(token.token_is_active, "TOK-01, TOK-05", token.tell_token),
    Rule(token.phone_is_itself, "TOK-08", token.tell_attestation),
    Rule(card.account_is_open, "CRD-06, R.3262-11", card.tell_account),
)
"""Is this a credential that may pay? Asked of account checks too (RULES, steps 1 and 3)."""

PRESENTED: tuple[Rule, ...] = (
    Rule(chip.chip_is_read, "AUT-01", chip.tell_read),
    Rule(chip.cryptogram_is_right, "AUT-01, EMV Book 2, 8.1", chip.tell_cryptogram),
    Rule(chip.chip_asks_its_issuer, "AUT-01, EMV Book 3, 9.3", chip.tell_asks),
    Rule(chip.tap_is_new, "AUT-01, EMV Book 2, 8.1", chip.tell_use),
    Rule(pin.pin_tries_are_left, "AUT-01, ISO 9564-1", pin.tell_tries),
    Rule(pin.pin_is_right, "AUT-01, ISO 9564-1", pin.tell_pin),
    Rule(token.phone_verified_its_holder, "TOK-09, TOK-10", token.tell_phone),
    Rule(chip.small_or_verified, "P-CONTACTLESS-NOCVM", chip.tell_small),
)
"""Who presents it? Asked where a chip or a PIN came, or should have come (RULES, step 3)."""

TYPE: tuple[Rule, ...] = (
    Rule(online.holder_is_verified, "AUT-01, API-01", online.tell_proof),
    Rule(purchase.entry_is_allowed, "AUT-01", purchase.tell_entry),
    Rule(purchase.currency_is_euro, "MER-04", purchase.tell_currency),
    Rule(purchase.type_is_purchase, "MER-04, L.3262-3 al. 2", purchase.tell_type),
)
"""May this be paid for in this way? Asked of everyone (RULES, step 4)."""

CIRCUMSTANCES: tuple[Rule, ...] = (
    Rule(merchant.merchant_is_known, "MER-01, L.3262-3", merchant.tell_known),
    Rule(merchant.merchant_is_in_france, "GEO-03", merchant.tell_country),
    Rule(merchant.merchant_is_eligible, "MER-01, R.3262-1-2 5°", merchant.tell_agreement),
    Rule(days.day_is_allowed, "DAY-03, DAY-04, R.3262-8", days.tell_day),
    Rule(place.place_is_allowed, "GEO-01, GEO-02, R.3262-9", place.tell_place),
    Rule(eligible.subtotal_is_sent_where_required, "ELI-03", eligible.tell_required),
    Rule(eligible.something_is_eligible, "ELI-01", eligible.tell_eligible),
    Rule(online.online_minimum_is_reached, "P-ONLINE-MIN, API-05", online.tell_minimum),
)
"""Where, when and what: asked of payments only (RULES, steps 5 to 9)."""

RULES = CREDENTIAL + PRESENTED + TYPE + CIRCUMSTANCES
"""Every rule before the money, in the order in which the first failure wins (AUT-01)."""

_ORDER = {rule.holds.__name__: place for place, rule in enumerate(RULES)}

MONEY = (amount_is_covered, something_is_paid)
"""The rules of the money, asked of a shared payment (RULES, steps 14 and 15)."""

_PLAIN = tuple(rule.holds for rule in CREDENTIAL + TYPE)
_PROVED = tuple(rule.holds for rule in CREDENTIAL + PRESENTED + TYPE)
_CIRCUMSTANCES = tuple(rule.holds for rule in CIRCUMSTANCES)


def decide(facts: Facts, book: Rulebook) -> Decision:
    """Answer a purchase, or an account check (amount zero), by the rules in force at its instant.

    Never raises for anything a person could do; `day` of the answer is always known.
    """
    case = open_case(facts, book)
    for holds in _PROVED if _is_presented(facts) else _PLAIN:
        if (reason := holds(case)) is not None:
            return _declined(case, reason, holds.__name__)
    if facts.purchase.amount_minor == 0:
        return _checked(case)
    for holds in _CIRCUMSTANCES:
        if (reason := holds(case)) is not None:
            return _declined(case, reason, holds.__name__)
    payment = share(case)
    for suffices in MONEY:
        if (reason := suffices(case, payment)) is not None:
            return _declined(case, reason, suffices.__name__)
    return _approved(case, payment)


def explain(facts: Facts, book: Rulebook) -> Trace:
    """Run the same rules on the same facts and keep each step, in words, with its source."""
    case, steps = open_case(facts, book), []
    is_check = facts.purchase.amount_minor == 0
    first = CREDENTIAL + (PRESENTED if _is_presented(facts) else ()) + TYPE
    for rule in first if is_check else first + CIRCUMSTANCES:
        reason = rule.holds(case)
        name = rule.holds.__name__
        steps.append(Step(name, rule.source, reason is None, rule.words(case)))
        if reason is not None:
            return Trace(book.version, tuple(steps), _declined(case, reason, name))
    if is_check:
        steps.append(tell.account_check())
        return Trace(book.version, tuple(steps), _checked(case))
    payment = share(case)
    steps += tell.sharing(case, payment)
    decision: Decision = _approved(case, payment)
    for suffices in MONEY:
        reason = suffices(case, payment)
        steps.append(tell.outcome(suffices.__name__, case, payment, reason))
        if reason is not None:
            decision = _declined(case, reason, suffices.__name__)
            break
    return Trace(book.version, tuple(steps), decision)


def came_to(rule: str, decision: Decision) -> bool:
    """Whether a decision looked at this rule: no earlier one was broken."""
    if isinstance(decision, Approved) or decision.rule not in _ORDER:
        return True
    return _ORDER[decision.rule] >= _ORDER[rule]


def _is_presented(facts: Facts) -> bool:
    """Whether more than a number was presented, or should have been."""
    return facts.tap is not None or facts.pin is not None or facts.purchase.chip_wanted


def _declined(case: Case, reason: Reason, rule: str) -> Declined:
    return Declined(reason, rule, case.day, max(0, case.eligible_minor))


def _checked(case: Case) -> Approved:
    """Approve an account check: nothing to book; the balances are told as of now (ELI-06)."""
    now = standing_of(case)
    return Approved(Reason.APPROVED, case.day, 0, 0, 0, (), now.balance_minor, now.usable_minor)


def _approved(case: Case, payment: Payment) -> Approved:
    voucher_minor, bank_minor = payment.voucher_minor, payment.bank_minor
    is_full = voucher_minor + bank_minor == case.facts.purchase.amount_minor
    balance_minor = payment.balance_minor - voucher_minor
    return Approved(
        Reason.APPROVED if is_full else Reason.APPROVED_PARTIAL,
        case.day,
        case.eligible_minor,
        voucher_minor,
        bank_minor,
        take(payment.lots, voucher_minor),
        balance_minor,
        0 if payment.closed else min(balance_minor, payment.headroom_minor - voucher_minor),
    )
