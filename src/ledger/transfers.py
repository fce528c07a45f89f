"""A movement of the books: one amount from one account to another, balanced by its shape.

There are four kinds. `direct` moves money at once. `hold` reserves it: the debit is pending, is no
longer available and waits for its one settlement. `post` settles a hold for at most its amount and
lets the rest fall free by the same row: held drops by the hold's amount, the posted amount goes
over, the difference is available again. `void` lets the whole hold fall free.

Money that has already moved is never un-written: it comes back by a `direct` movement the other
way that names the original in `about_seq` and counts for the original's `day` (REF-03, CAP-07).
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, Self

from msgspec import Struct
from msgspec.structs import astuple


class Movement(StrEnum):
    """How a movement moves; the words of `transfers.kind`."""

    DIRECT = "direct"
    HOLD = "hold"
    POST = "post"
    VOID = "void"


# Bound once: a movement is made for every purchase, and looking a member up costs as much again.
_DIRECT, _HOLD, _POST, _VOID = Movement.DIRECT, Movement.HOLD, Movement.POST, Movement.VOID


class Row(Protocol):
    """What a driver reads: values by the name of their column."""

    def __getitem__(self, name: str, /) -> Any:
        """The value of one column."""


class Transfer(Struct, frozen=True, gc=False):
    """One row of `transfers` but for `sql_tx`, its fields in the order of the table's columns.

    `seq` numbers the movements of a holder 1, 2, 3 ... without a gap. `day` is the civil day the
    movement counts for (the original's, where there is one); `at` is the instant, UTC.
    Make one with `direct`, `hold`, `post`, `void` or `give_back`.
    """

    holder_id: int
    seq: int
    kind: Movement
    debit_account: int
    credit_account: int
    amount_minor: int
    authorization_id: int | None
    about_seq: int | None
    day: date
    at: datetime

    def __post_init__(self) -> None:
        """Hold the laws of one row against our own mistakes; the table has the same as checks."""
        assert self.amount_minor > 0, "an amount is positive: the sides say the direction"
        assert self.debit_account != self.credit_account, "a movement has two accounts"
        assert self.holder_id > 0, "every movement is some holder's"
        assert self.seq > 0, "movements are numbered from 1"
        assert self.about_seq is None or 0 < self.about_seq < self.seq, "settling looks back"

    @classmethod
    def direct(
        cls,
        holder_id: int,
        seq: int,
        debit_account: int,
        credit_account: int,
        amount_minor: int,
        authorization_id: int | None,
        day: date,
        at: datetime,
    ) -> Self:
        """Money that moves at once: a purchase (0200), a load, an expiry, an exchange."""
        return cls(
            holder_id, seq, _DIRECT, debit_account, credit_account, amount_minor,
            authorization_id, None, day, at,
        )  # fmt: skip

    @classmethod
    def hold(
        cls,
        holder_id: int,
        seq: int,
        debit_account: int,
        credit_account: int,
        amount_minor: int,
        authorization_id: int | None,
        day: date,
        at: datetime,
    ) -> Self:
        """Money set aside (0100): not available any more, not yet gone."""
        return cls(
            holder_id, seq, _HOLD, debit_account, credit_account, amount_minor,
            authorization_id, None, day, at,
        )  # fmt: skip

    @classmethod
    def post(
        cls,
        hold: "Transfer",
        seq: int,
        amount_minor: int,
        authorization_id: int | None,
        at: datetime,
    ) -> Self:
        """The capture of a hold for at most its amount; the rest falls free (HLD-01)."""
        assert hold.kind is _HOLD, "only a hold is posted"
        assert amount_minor <= hold.amount_minor, "never more than was held"
        return cls(
            hold.holder_id, seq, _POST, hold.debit_account, hold.credit_account, amount_minor,
            authorization_id, hold.seq, hold.day, at,
        )  # fmt: skip

    @classmethod
    def void(cls, hold: "Transfer", seq: int, authorization_id: int | None, at: datetime) -> Self:
        """The release of a hold, always of all of it (REV-01, HLD-03)."""
        assert hold.kind is _HOLD, "only a hold is voided"
        return cls(
            hold.holder_id, seq, _VOID, hold.debit_account, hold.credit_account,
            hold.amount_minor, authorization_id, hold.seq, hold.day, at,
        )  # fmt: skip

    @classmethod
    def give_back(
        cls,
        original: "Transfer",
        seq: int,
        amount_minor: int,
        authorization_id: int | None,
        at: datetime,
        to_account: int | None = None,
    ) -> Self:
        """Posted money that returns, to where it came from unless `to_account` says otherwise.

        Elsewhere means a lot that took the place of an expired one (VIN-09) or the employer's
        suspense account (REF-05). `original` is a direct movement or a post.
        """
        assert original.kind is _DIRECT or original.kind is _POST, "only posted money returns"
        assert amount_minor <= original.amount_minor, "never more than the original"
        back_to = original.debit_account if to_account is None else to_account
        return cls(
            original.holder_id, seq, _DIRECT, original.credit_account, back_to, amount_minor,
            authorization_id, original.seq, original.day, at,
        )  # fmt: skip

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """A movement as it was read from the table."""
        fields = {name: row[name] for name in cls.__struct_fields__}
        fields["kind"] = Movement(fields["kind"])
        return cls(**fields)

    def as_row(self) -> tuple[Any, ...]:
        """The values of the row, in the table's order."""
        return astuple(self)
