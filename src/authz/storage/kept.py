"""A kept answer as it is read from its row."""

from typing import Any, Final

from msgspec import msgpack

from authz.outcomes import Outcome, chip_of, later
from authz.state import KeptAnswer
from rules.decision import Reason
from rules.facts import Facts

_decode_facts: Final = msgpack.Decoder(Facts).decode


def kept_answer(row: Any) -> KeptAnswer:
    """A row of a key and its answer.

    Without an answer it is a tombstone under nobody's name, and undecided under somebody's.
    """
    (fingerprint, reason, requested, approved, balance, usable, code, holder_id, number, day,
     facts) = row  # fmt: skip
    if reason is None and holder_id:
        return KeptAnswer(fingerprint, later((holder_id, number)))
    if reason is None:
        return KeptAnswer(fingerprint, Outcome(Reason.REVERSED_BEFORE_REQUEST))
    outcome = Outcome(
        Reason(reason), requested, approved, balance, usable, code, holder_id, number,
        business_day=day, chip=chip_of(_decode_facts(facts) if facts else None),
    )  # fmt: skip
    return KeptAnswer(fingerprint, outcome)
