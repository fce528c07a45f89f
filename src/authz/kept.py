"""A kept answer as it is read from its row."""

from typing import Any

from authz.outcomes import Outcome
from authz.state import KeptAnswer
from rules.decision import Reason


def kept_answer(row: Any) -> KeptAnswer:
    """A row of a key and its answer; without one it is a tombstone."""
    fingerprint, reason, requested, approved, balance, usable, code, holder_id, number, day = row
    if reason is None:
        return KeptAnswer(fingerprint, Outcome(Reason.REVERSED_BEFORE_REQUEST))
    outcome = Outcome(
        Reason(reason), requested, approved, balance, usable, code, holder_id, number,
        business_day=day,
    )  # fmt: skip
    return KeptAnswer(fingerprint, outcome)
