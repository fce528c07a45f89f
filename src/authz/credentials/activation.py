"""Taking a card into use: its last four digits, and how often they may be tried (CRD-02).

Four digits are ten thousand guesses: after a few wrong ones the card waits for a day. A try counts
only when it was wrong, and must therefore be committed.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from authz.credentials import life
from authz.credentials.change import FIND, By, Changed, change, decode
from authz.credentials.life import CardAction, Unsuitable
from authz.refusal import Refused, Unknown

if TYPE_CHECKING:
    from ledger.journal import Tx

TRIES_MAX: Final = 5
PATIENCE: Final = timedelta(days=1)

LOCK: Final = "select profile from holders where holder_id = $1 for update"
# All of them are numbered; those of the last day count, by a clock that may go back.
TRIES: Final = """
    select coalesce(max(n), 0) as last,
        count(*) filter (where tried_at > $3 and tried_at <= $4) as recent
    from card_activation_tries where holder_id = $1 and card = $2
"""
TRIED: Final = """
    insert into card_activation_tries (holder_id, card, n, tried_at) values ($1, $2, $3, $4)
"""


async def activate(tx: "Tx", card_id: str, last4: str, by: By) -> Changed | None:
    """Take the card into use; None for wrong digits, which count: commit them.

    Raises Unknown, StateMismatch, and Refused for a card that waits after so many wrong digits.
    """
    row = await tx.fetchrow(FIND, "card", card_id)
    if row is None:
        raise Unknown("there is no such card")
    holder_id, at = row["holder_id"], row["test_clock"] or datetime.now(UTC)
    profile = decode(await tx.fetchval(LOCK, holder_id))
    tries = await tx.fetchrow(TRIES, holder_id, card_id, at - PATIENCE, at)
    assert tries is not None, "it counts"
    try:
        life.activate(profile, card_id, last4)
    except Unsuitable:
        if tries["recent"] < TRIES_MAX:
            await tx.execute(TRIED, holder_id, card_id, tries["last"] + 1, at)
            return None
    if tries["recent"] >= TRIES_MAX:
        why = "wrong digits were tried too often: the card waits for a day"
        raise Refused("ACTIVATION_TRIES", why)
    step = partial(life.activate, card_id=card_id, last4=last4)
    return await change(tx, "card", card_id, CardAction.ACTIVATE.value, by, step)
