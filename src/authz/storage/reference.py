"""Merchants and workplaces, kept in memory for as long as nobody changes a reference table.

Every batch reads the epoch in `control`; when it moved, what was kept is forgotten. A merchant that
is not registered is remembered too, until the next epoch, so that it costs one look-up only.
"""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field, json

from authz.state import Employer, KnownMerchant
from rules.facts import Derogation, GeoScope, Merchant, MerchantClass, Workplace

if TYPE_CHECKING:
    from ledger.journal import Tx

READ_MERCHANTS: Final = """
    select m.acquirer, m.mid, m.merchant_no, m.record
    from unnest($1::text[], $2::text[]) as wanted (acquirer, mid)
    join merchants m on m.acquirer = wanted.acquirer and m.mid = wanted.mid
"""
READ_EMPLOYERS: Final = """
    select employer_no, record from employers where employer_no = any ($1)
"""
UNKNOWN_MAX: Final = 10_000
"""Unregistered merchants remembered; a flood of invented ones cannot fill the memory."""


class DerogationRecord(Struct):
    """A derogation as a world file writes it; both ends are included."""

    sunday: bool
    holiday: bool
    first: date = field(name="from")
    last: date | None = field(name="to", default=None)
    dates: tuple[date, ...] | None = None

    def facts(self) -> Derogation:
        """As the rules see it."""
        return Derogation(self.first, self.last, self.sunday, self.holiday, self.dates)


class _MerchantRecord(Struct):
    merchant_class: MerchantClass = field(name="class")
    mcc: str
    department: str
    country: str
    affiliated: bool
    agreement_from: date | None = None
    agreement_to: date | None = None


class _EmployerRecord(Struct):
    department: str
    commune: str | None = None
    good_friday: bool | None = None
    geo_scope: GeoScope = GeoScope.DEPT_AND_NEIGHBOURS
    derogations: tuple[DerogationRecord, ...] = ()


_decode_merchant: Final = json.Decoder(_MerchantRecord).decode
_decode_employer: Final = json.Decoder(_EmployerRecord).decode

MerchantKey = tuple[str, str]


class Tables:
    """The reference tables of one epoch, as far as they were asked for."""

    def __init__(self, epoch: int) -> None:
        """Knows nothing yet. What it learns is read after the epoch was, and so is no older."""
        self.epoch: Final = epoch
        self.merchants: Final[dict[MerchantKey, KnownMerchant]] = {}
        self.employers: Final[dict[int, Employer]] = {}
        self._unknown: Final[set[MerchantKey]] = set()

    async def learn_merchants(self, tx: "Tx", keys: Iterable[MerchantKey]) -> None:
        """Read the merchants that are not known yet; one statement, or none."""
        missing = [k for k in set(keys) if k not in self.merchants and k not in self._unknown]
        if not missing:
            return
        rows = await tx.fetch(READ_MERCHANTS, [k[0] for k in missing], [k[1] for k in missing])
        for row in rows:
            self.merchants[row["acquirer"], row["mid"]] = _merchant(row)
        if len(self._unknown) < UNKNOWN_MAX:
            self._unknown.update(key for key in missing if key not in self.merchants)

    async def learn_employers(self, tx: "Tx", numbers: Iterable[int]) -> None:
        """Read the employers that are not known yet; one statement, or none."""
        missing = [number for number in set(numbers) if number not in self.employers]
        if missing:
            for row in await tx.fetch(READ_EMPLOYERS, missing):
                self.employers[row["employer_no"]] = employer_of(row["record"])


class Reference:
    """The reference tables as one process last saw them.

    Batches at work at the same time may have read different epochs: each keeps to the tables of its
    own, and only the newest are remembered.
    """

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._newest = Tables(-1)

    def tables(self, epoch: int) -> Tables:
        """The tables for a batch that read this epoch."""
        if epoch > self._newest.epoch:
            self._newest = Tables(epoch)
        return self._newest if epoch == self._newest.epoch else Tables(epoch)


def _merchant(row: Any) -> KnownMerchant:
    record = _decode_merchant(row["record"])
    return KnownMerchant(
        row["merchant_no"],
        Merchant(
            record.merchant_class,
            record.mcc,
            record.department,
            record.country,
            record.affiliated,
            record.agreement_from,
            record.agreement_to,
        ),
    )


def employer_of(record_json: str) -> Employer:
    """Workplace and derogations of an employer's stored record."""
    record = _decode_employer(record_json)
    return Employer(
        Workplace(record.department, record.commune, record.good_friday, record.geo_scope),
        tuple(derogation.facts() for derogation in record.derogations),
    )
