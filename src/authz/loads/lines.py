"""The lines of an order: what is wrong with one, what is only flagged, and what it comes to. Pure.

Shares outside 50 to 60 % and above the exemption are accepted with a flag, never refused: the face
value is the employer's to choose and the tax his own affair (LOD-03).
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from ledger.accounts import LOT_NO_MAX
from rules.facts import AccountStatus
from rules.parameters import Parameters

COUNT_MAX: Final = 1_000
FACE_MINOR_MAX: Final = 100_000
WORKING_DAYS_MAX: Final = 31
"""More titles of a month than it has days cannot be one for each meal worked (LOD-02)."""
LOTS_LOADED_MAX: Final = LOT_NO_MAX // 2
"""No load makes more lots of one person than this: the other numbers are kept for what 1 March
exchanges, a lot for each lot. A load a week comes here after 39 years."""
_PERIOD: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


class Flag(StrEnum):
    """What somebody should look at; the words of `load_lines.flags`."""

    SHARE_BELOW_RANGE = "SHARE_BELOW_RANGE"
    SHARE_ABOVE_RANGE = "SHARE_ABOVE_RANGE"
    SHARE_ABOVE_EXEMPTION = "SHARE_ABOVE_EXEMPTION"
    EXEMPTION_UNKNOWN = "EXEMPTION_UNKNOWN"
    MORE_THAN_A_MONTH = "MORE_THAN_A_MONTH"
    LIMITED_TO_UNSPENT = "LIMITED_TO_UNSPENT"


class Line(Struct, frozen=True):
    """So many titles for an account. A negative count takes back; amounts are cents of one title.

    `line_no` is its place in the order or file, from 1. `period` is the month worked, YYYY-MM.
    """

    line_no: int
    account: str
    count: int
    face_minor: int
    share_minor: int
    period: str

    @property
    def amount_minor(self) -> int:
        """What the line loads, or asks to take back, in cents."""
        return abs(self.count) * self.face_minor


class Bad(Struct, frozen=True):
    """Why a line cannot be taken; `place` is its field."""

    line_no: int
    place: str
    why: str


class Known(Struct, frozen=True):
    """The account of a line as the directory knows it; `lots` are all that its holder has."""

    holder_id: int
    account_no: int
    employer_no: int
    programme: str
    status: AccountStatus
    lots: int = 0


def fault_of(line: Line) -> Bad | None:
    """What is wrong with a line in itself."""
    faults = (
        ("count", line.count == 0, "no title at all"),
        ("count", abs(line.count) > COUNT_MAX, f"more than {COUNT_MAX} titles"),
        ("face_value", line.face_minor <= 0, "a title is worth more than nothing"),
        ("face_value", line.face_minor > FACE_MINOR_MAX, "no title is worth that much"),
        ("employer_share", line.share_minor < 0, "a share is not negative"),
        ("employer_share", line.share_minor > line.face_minor, "a share above the face value"),
        ("period", _PERIOD.fullmatch(line.period) is None, "a month is wanted, as 2026-11"),
    )
    for place, wrong, why in faults:
        if wrong:
            return Bad(line.line_no, place, why)
    return None


def fault_of_account(line: Line, known: Known | None, employer_no: int) -> Bad | None:
    """Vouchers are for the ordering employer's own people, as long as they are there (CRD-06)."""
    if known is None:
        return Bad(line.line_no, "account", "there is no such account")
    if known.employer_no != employer_no:
        return Bad(line.line_no, "account", "the account is of another employer")
    if known.status is AccountStatus.CLOSED:
        return Bad(line.line_no, "account", "the account is closed: loads are frozen")
    return None


def faults_of_lots(lines: Iterable[Line], known: Mapping[str, Known]) -> dict[int, Bad]:
    """The lines, of those that are good so far, for which their holder has no lot left."""
    lots: dict[int, int] = {}
    faults = {}
    for line in lines:
        account = known[line.account]
        taken = lots.get(account.holder_id, account.lots)
        if line.count > 0 and taken >= LOTS_LOADED_MAX:
            why = f"the person has {LOTS_LOADED_MAX} loads: there is no room for another"
            faults[line.line_no] = Bad(line.line_no, "account", why)
        lots[account.holder_id] = taken + (line.count > 0)
    return faults


def flags_of(line: Line, parameters: Parameters, titles: int) -> tuple[Flag, ...]:
    """What is unusual about a line by the rules of the day on which it is ordered.

    `titles` are all of its account for the month, with this line.

    The exemption goes by the year of issue, which is that of the payment: who orders in December
    and pays in January looks at the flag again. It is what the employer was told, and stays.
    """
    if line.count < 0:
        return ()
    low, high = parameters.employer_share_percent
    exempt = parameters.exempt_share_minor
    seen = {
        Flag.SHARE_BELOW_RANGE: line.share_minor * 100 < low * line.face_minor,
        Flag.SHARE_ABOVE_RANGE: line.share_minor * 100 > high * line.face_minor,
        Flag.SHARE_ABOVE_EXEMPTION: exempt is not None and line.share_minor > exempt,
        Flag.EXEMPTION_UNKNOWN: exempt is None,
        Flag.MORE_THAN_A_MONTH: titles > WORKING_DAYS_MAX,
    }
    return tuple(flag for flag, there in seen.items() if there)
