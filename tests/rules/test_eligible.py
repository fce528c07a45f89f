"""The eligible amount: the subtotal bounds vouchers and top-up together."""

import pytest
from msgspec.structs import replace

from rules.decision import Approved, Reason
from rules.pipeline import decide
from tests.rules.builders import BOOK, SHOP, TOP_UP, some_facts


@pytest.mark.parametrize(
    ("subtotal", "reason", "voucher"),
    [
        (None, Reason.APPROVED, 1250),
        (1250, Reason.APPROVED, 1250),
        (1300, Reason.APPROVED, 1250),  # above the amount: the amount (ELI-01)
        (1, Reason.APPROVED_PARTIAL, 1),
        (0, Reason.NOTHING_ELIGIBLE, 0),
    ],
)
def test_the_subtotal_bounds_the_vouchers(
    subtotal: int | None, reason: Reason, voucher: int
) -> None:
    decision = decide(some_facts(1250, eligible_minor=subtotal, partial_ok=True), BOOK)
    assert decision.reason is reason
    assert (decision.voucher_minor if isinstance(decision, Approved) else 0) == voucher


def test_without_partial_approval_eligibility_is_the_reason_when_it_is_the_only_limit() -> None:
    """ELI-02: also where the bank card would pay the rest of what is eligible."""
    facts = some_facts(6000, eligible_minor=3200, top_up=TOP_UP)
    assert decide(facts, BOOK).reason is Reason.PARTIAL_NOT_SUPPORTED


def test_a_category_may_be_made_to_send_its_subtotal() -> None:
    """ELI-03: P-REQUIRE-SUBTOTAL, empty by default."""
    strict = BOOK.derive(require_subtotal_mccs=["5411"])
    assert decide(some_facts(merchant=SHOP), BOOK).reason is Reason.APPROVED
    assert decide(some_facts(merchant=SHOP), strict).reason is Reason.NOTHING_ELIGIBLE
    assert decide(some_facts(merchant=SHOP, eligible_minor=1250), strict).reason is Reason.APPROVED
    other = replace(SHOP, mcc="5499")
    assert decide(some_facts(merchant=other), strict).reason is Reason.APPROVED


@pytest.mark.parametrize(
    ("processing", "reason"),
    [
        ("00", Reason.APPROVED),
        ("01", Reason.TYPE_NOT_ALLOWED),
        ("09", Reason.TYPE_NOT_ALLOWED),
        ("17", Reason.TYPE_NOT_ALLOWED),
        ("20", Reason.INVALID_TRANSACTION),
    ],
)
def test_only_purchases_are_decided(processing: str, reason: Reason) -> None:
    """MER-04."""
    assert decide(some_facts(processing=processing), BOOK).reason is reason


def test_one_cent_is_a_valid_payment() -> None:
    """CAP-03, ELI-07: no minimum in store."""
    decision = decide(some_facts(1), BOOK)
    assert isinstance(decision, Approved)
    assert decision.voucher_minor == 1
