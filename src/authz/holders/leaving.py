"""An employee leaves: the account is closed, its rest goes back to the employer (CRD-06).

Loads are frozen and tokens deleted; holds stay open, and what they let fall free later follows the
rest. A refund that comes after goes to the employer's suspense account (REF-05).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, msgpack

from authz.credentials.change import By, events_of, note_events
from authz.holders.closures import closed, note_closures
from authz.refusal import Unknown
from authz.state import Profile
from authz.vintages.job import settle
from authz.vintages.plan import Why
from ledger import journal
from ledger.journal import Change, Locked
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

ACCOUNT: Final = """
    select c.test_clock, d.holder_id from directory d cross join control c
    where d.kind = 'account' and d.name = $1
"""
CLOSE: Final = "CLOSE"
"""What is kept of a token that ends with the account."""
_decode: Final = msgpack.Decoder(Profile).decode
_encode: Final = msgpack.Encoder().encode


class Closed(Struct, frozen=True):
    """What went back to the employer now, and what holds keep open, in cents."""

    returned_minor: int
    held_minor: int


async def close_account(tx: "Tx", account: str, why: str, books: Mapping[str, Rulebook]) -> Closed:
    """Close for good, in the caller's SQL transaction; again changes nothing.

    Raises Unknown.
    """
    row = await tx.fetchrow(ACCOUNT, account)
    if row is None:
        raise Unknown("there is no such account")
    holder_id, now = row["holder_id"], row["test_clock"] or datetime.now(UTC)
    seen: list[Profile] = []

    def build(locked: Locked) -> Change | None:
        before = _decode(locked.profile)
        seen[:] = before, closed(before, account)
        return None if seen[1] == before else Change(profile=_encode(seen[1]))

    running = await journal.post_for_holder(tx, holder_id, build)
    before, after = seen
    place, by = (holder_id, running.version), By("EMPLOYER", "API", why)
    await note_events(tx, place, events_of(before, after), CLOSE, by, now)
    account_no = after.account_named(account).account.account_no
    await note_closures(tx, [(holder_id, account_no)], now, why)
    moves = await settle(tx, [holder_id], books, now)
    returned = sum(m.transfer.amount_minor for m in moves if m.why is Why.RETURNED)
    held = sum(running.lot_held[lot.lot_no - 1] for lot in after.lots_of(account_no))
    return Closed(returned, held)
