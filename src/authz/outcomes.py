"""What the road answers: the decision as it stands in the books."""

from datetime import date
from typing import Final

from msgspec import Struct

from authz.ids import approval_code
from authz.requests import Request
from rules.decision import Approved, Decision, Reason
from rules.facts import ChipUse, CryptogramCheck, Facts

APPROVALS: Final = frozenset({Reason.APPROVED, Reason.APPROVED_PARTIAL})
AMBIGUOUS: Final = "AMBIGUOUS_ORIGINAL"
"""The alarm of a request that could be about more than one payment, and so is about none."""

DISPUTED: Final = "ADVICE_ABOVE_PAYMENT"
"""The alarm of an advice that tells of more than was approved and not reversed (ADV-03)."""


class Outcome(Struct, frozen=True, gc=False):
    """The answer to one request, in cents, with the fields that a replay must give again.

    `requested_minor` is `A`; `approved_minor` is zero for a decline. `balance_minor` and
    `usable_minor` are what was left after it. `holder_id` and `authorization_id` name the kept
    decision, or are zero where nothing is kept (unknown card, conflict, fault). `rule` names the
    broken rule of a decline. `poison` marks a request that our own code or the database choked on.
    `business_day` is the settlement date that a kept decision counts for. `alarm` names what
    somebody has to look at: a loss, a broken law, an original that could be more than one.
    `chip` is the use of a chip that the answer authenticates itself to.
    """

    reason: Reason
    requested_minor: int = 0
    approved_minor: int = 0
    balance_minor: int = 0
    usable_minor: int = 0
    approval_code: str | None = None
    holder_id: int = 0
    authorization_id: int = 0
    rule: str = ""
    replayed: bool = False
    poison: bool = False
    business_day: date | None = None
    alarm: str = ""
    chip: ChipUse | None = None

    @property
    def approved(self) -> bool:
        """Whether money was promised."""
        return self.reason in APPROVALS


def outcome_of(decision: Decision, request: Request, holder_id: int, number: int) -> Outcome:
    """The answer that a decision of the rules is."""
    amount_minor = request.purchase.amount_minor
    if isinstance(decision, Approved):
        return Outcome(
            decision.reason,
            amount_minor,
            decision.voucher_minor + decision.bank_minor,
            decision.balance_minor,
            decision.usable_minor,
            approval_code(number),
            holder_id,
            number,
        )
    return Outcome(
        decision.reason,
        max(0, amount_minor),
        holder_id=holder_id,
        authorization_id=number,
        rule=decision.rule,
    )


def chip_of(facts: Facts | None) -> ChipUse | None:
    """The use of a chip that an answer authenticates itself to: of a right cryptogram only."""
    if facts is None or facts.tap is None or facts.tap.check is not CryptogramCheck.GOOD:
        return None
    return facts.tap.use


class Later(Outcome, frozen=True, gc=False):
    """No answer yet: it depends on a payment, named here, that waits for the bank.

    Whoever has nobody to wait for it must be silent; no peer is told (ARCHITECTURE, corner 4). Its
    reason is for nobody's ears: whoever took it for an answer would at least not hear an approval.
    """


class Reserved(Later, frozen=True, gc=False):
    """No answer yet: vouchers are set aside, the bank is asked next (ARCHITECTURE, corner 13)."""

    bank_minor: int = 0


def unknown(request: Request) -> Outcome:
    """Nothing moves, for no payment is meant that we could move."""
    return Outcome(Reason.ORIGINAL_NOT_FOUND, request.purchase.amount_minor)


def ambiguous(request: Request) -> Outcome:
    """Nothing moves, for more than one payment could be meant; somebody must look."""
    return Outcome(Reason.ORIGINAL_NOT_FOUND, request.purchase.amount_minor, alarm=AMBIGUOUS)


def overtaken(request: Request) -> Outcome:
    """What happened was reversed before it came: it is heard, and nothing of it stands (REV-01)."""
    return Outcome(Reason.APPROVED, request.purchase.amount_minor, alarm=DISPUTED)


def later(payment: tuple[int, int]) -> Later:
    """It depends on this payment, named by holder and number."""
    holder_id, number = payment
    return Later(Reason.ISSUER_DOWN, holder_id=holder_id, authorization_id=number)


def reserved(payment: tuple[int, int], bank_minor: int) -> Reserved:
    """The bank is to be asked for so many cents of this payment, named by holder and number."""
    holder_id, number = payment
    return Reserved(
        Reason.ISSUER_DOWN,
        holder_id=holder_id,
        authorization_id=number,
        bank_minor=bank_minor,
    )


def refusal(request: Request) -> Outcome | None:
    """What a request gets that cannot be served: 91, or silence where 91 would be a lie.

    To a repeat 91 would say "declined" of something that may stand approved, and what already
    happened is not undone by it (ARCHITECTURE, corner 7).
    """
    return Outcome(Reason.ISSUER_DOWN) if request.refusable else None
