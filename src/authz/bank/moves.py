"""The steps of legs that are taken off the road, written down: who led which leg where, and why.

Those of a batch go with its save (`decide/legs.py`); every step is a row of its own, for good.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from authz.decide.topup import Event, LegState

if TYPE_CHECKING:
    from ledger.journal import Tx

NOTE: Final = "insert into bank_leg_moves select * from unnest($1::bank_leg_moves[])"

Place = tuple[int, int, datetime]
"""Holder and number of a leg, and when it moved (UTC)."""


async def note_moves(
    tx: "Tx", places: Sequence[Place], state: LegState, event: Event, why: str, who: str
) -> None:
    """Note that these legs came to `state` by `event`."""
    rows = [
        (holder_id, number, state.value, event.value, why, who, at)
        for holder_id, number, at in places
    ]
    await tx.execute(NOTE, rows)
