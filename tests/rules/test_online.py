"""The holder's proof of an online purchase and the online minimum."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from rules.decision import Declined, Reason
from rules.facts import Channel, HolderProof
from rules.pipeline import decide, explain
from tests.rules.builders import BOOK, TUESDAY, some_facts

PROOF = HolderProof("acc-1", 2000, TUESDAY)


@pytest.mark.parametrize(
    ("proof", "amount_minor", "reason", "words"),
    [
        (PROOF, 2000, Reason.APPROVED, "agreed to this account"),
        (None, 2000, Reason.VERIFY_REQUIRED, "no proof"),
        (PROOF, 2001, Reason.VERIFY_REQUIRED, "20.00 at most"),
        (replace(PROOF, account_id="acc-2"), 2000, Reason.VERIFY_REQUIRED, "another account"),
        (
            replace(PROOF, expires_at=TUESDAY - timedelta(seconds=1)),
            2000,
            Reason.VERIFY_REQUIRED,
            "out of date",
        ),
    ],
)
def test_a_wanted_proof_binds_account_amount_and_time(
    proof: HolderProof | None, amount_minor: int, reason: Reason, words: str
) -> None:
    facts = some_facts(amount_minor, proof_wanted=True, proof=proof)
    assert decide(facts, BOOK).reason is reason
    (step,) = [s for s in explain(facts, BOOK).steps if s.rule == "holder_is_verified"]
    assert words in step.words


def test_where_no_proof_is_wanted_none_is_looked_at() -> None:
    facts = some_facts(2000, proof=replace(PROOF, account_id="acc-2"))
    assert decide(facts, BOOK).reason is Reason.APPROVED


@pytest.mark.parametrize(
    ("channel", "amount_minor", "eligible_minor", "reason"),
    [
        (Channel.ECOMMERCE, 150, None, Reason.APPROVED),
        (Channel.ECOMMERCE, 149, None, Reason.INVALID_AMOUNT),
        (Channel.ECOMMERCE, 2000, 149, Reason.INVALID_AMOUNT),
        (Channel.IN_STORE, 1, None, Reason.APPROVED),
    ],
)
def test_online_something_worth_a_payment_is_eligible(
    channel: Channel, amount_minor: int, eligible_minor: int | None, reason: Reason
) -> None:
    decision = decide(
        some_facts(amount_minor, eligible_minor=eligible_minor, channel=channel), BOOK
    )
    assert decision.reason is reason
    if isinstance(decision, Declined):
        assert decision.rule == "online_minimum_is_reached"
