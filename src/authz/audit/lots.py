"""Whether a person's lots are what the books opened and their orders loaded. Pure.

The rules see a lot by the profile: a vintage that is wrong there spends what has expired, an
account that is wrong pays with what is another's.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from msgspec import Struct

from authz.audit.replay import LOTS_AS_OPENED, Proof
from authz.state import LotInfo, Profile
from rules.facts import Origin


class Opened(Struct, frozen=True):
    """A lot as the books opened it, with the account and the employer of its line if it has one."""

    lot_no: int
    vintage: int
    origin: str
    from_vintage: int | None
    loaded_on: date
    account_no: int | None
    employer_no: int | None


def check_lots(proof: Proof, holder_id: int, profile: Profile, opened: Iterable[Opened]) -> None:
    """Hold each lot of the profile against what was opened, and that against the profile."""
    shown = {lot.lot_no: lot for lot in profile.lots}
    there = {each.lot_no: each for each in opened}
    for lot_no in sorted(shown.keys() | there.keys()):
        holds = lot_no in shown and lot_no in there and _agree(shown, there[lot_no])
        proof.check(LOTS_AS_OPENED, holds, f"holder {holder_id} lot {lot_no}")


def _agree(shown: Mapping[int, LotInfo], opened: Opened) -> bool:
    lot, exchanged = shown[opened.lot_no], opened.origin == "EXCHANGE"
    kept = lot.vintage, lot.from_vintage, lot.loaded_on
    if kept != (opened.vintage, opened.from_vintage, opened.loaded_on):
        return False
    if exchanged is not (lot.origin is Origin.EXCHANGE):
        return False
    whose = lot.account_no, lot.paid_by
    if opened.origin == "LOAD":
        return whose == (opened.account_no, opened.employer_no)
    if not exchanged:  # it came with its account, and no order paid it
        return lot.paid_by is None
    before = shown.get(lot.from_lot or 0)
    return before is not None and (*whose, lot.from_vintage, lot.loaded_on) == (
        before.account_no,
        before.paid_by,
        before.vintage,
        before.loaded_on,
    )
