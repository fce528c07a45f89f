"""The files of a payment run: as CSV, or as the order that a bank carries out.

Both are written from what the run noted of who pays and who is paid, so that the same run gives the
same file for ever, whatever became of the records since.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from authz.settlement.credit_transfer import Batch, Party, Payment, document
from authz.settlement.payables import Source
from authz.world.records import BankAccountRecord, IssuerRecord
from ledger.exports import csv_line

if TYPE_CHECKING:
    from ledger.journal import Tx

PREFIX: Final = "MILLESIME"
COLUMNS: Final = (
    "remittance", "execute_on", "last_day", "acquirer", "mid", "siret", "name",
    "voucher_minor", "bank_minor", "loss_minor", "total_minor", "currency", "iban", "bic",
)  # fmt: skip
RUN: Final = """
    select run_no, last_day, execute_on, payer, made_at from payment_runs where last_day = $1
"""
PARTS: Final = """
    select remittance_no, payee, voucher_minor, bank_minor, loss_minor
    from remittances where run_no = $1 order by remittance_no
"""
BY_NUMBER: Final = """
    select p.run_no, p.last_day, p.execute_on, p.payer, p.made_at,
        r.remittance_no, r.payee, r.voucher_minor, r.bank_minor, r.loss_minor
    from remittances r join payment_runs p using (run_no) where r.remittance_no = $1
"""


class DebtorAccount(StrEnum):
    """The issuer's account that a transfer leaves; one letter of its end-to-end id."""

    VOUCHERS = "V"
    BANK = "B"
    OWN = "O"


DEBTOR_ACCOUNTS: Final = {
    Source.VOUCHER: DebtorAccount.VOUCHERS,
    Source.BANK: DebtorAccount.BANK,
    Source.LOSS: DebtorAccount.OWN,
}


class Payee(Struct, frozen=True):
    """A merchant as it was when it was paid; empty once retention has taken it away."""

    acquirer: str = ""
    mid: str = ""
    name: str = ""
    siret: str | None = None
    iban: str | None = None
    bic: str | None = None


class Remittance(Struct, frozen=True):
    """What one merchant is paid in a run, in cents by whose money it is."""

    number: int
    payee: Payee
    by_source: dict[Source, int]

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(self.by_source.values())

    def end_to_end_id(self, debited: DebtorAccount) -> str:
        """What the payee's statement shows: by it the payment is found again."""
        return f"{PREFIX}{self.number:012d}{debited.value}"


class Run(Struct, frozen=True):
    """A payment run: all days up to `last_day`, which nobody else ever pays."""

    number: int
    last_day: date
    execute_on: date
    payer: IssuerRecord | None
    made_at: datetime
    remittances: tuple[Remittance, ...]

    @property
    def without_account(self) -> list[Remittance]:
        """Who is in the CSV and cannot be in the bank's order."""
        return [each for each in self.remittances if each.payee.iban is None]


async def run_of(tx: "Tx", last_day: date) -> Run | None:
    """The run that paid all days up to just this one."""
    row = await tx.fetchrow(RUN, last_day)
    if row is None:
        return None
    return _run(row, [_remittance(part) for part in await tx.fetch(PARTS, row["run_no"])])


async def find_payment(tx: "Tx", end_to_end_id: str) -> Run | None:
    """The run with the one payment that a bank names so; None where it is none of ours."""
    digits = end_to_end_id.strip().removeprefix(PREFIX)[:-1]
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) == 12 else 0
    row = await tx.fetchrow(BY_NUMBER, number)
    if row is None:
        return None
    found = _remittance(row)
    ids = {found.end_to_end_id(debited) for debited in DebtorAccount}
    return _run(row, [found]) if end_to_end_id.strip() in ids else None


def as_csv(run: Run) -> Iterator[str]:
    """Every merchant of the run, with an account or without."""
    yield csv_line(COLUMNS)
    for each in run.remittances:
        payee, parts = each.payee, (each.by_source[source] for source in Source)
        yield csv_line((
            each.number, run.execute_on, run.last_day, payee.acquirer, payee.mid, payee.siret,
            payee.name, *parts, each.total_minor, "EUR", payee.iban, payee.bic,
        ))  # fmt: skip


def as_credit_transfers(run: Run, payer: IssuerRecord) -> str:
    """The run as pain.001: a batch for each account of the issuer, a transfer for each merchant."""
    batches = [
        Batch(f"{PREFIX}-{run.number}-{debited.value}",
              Party(payer.name, account.iban, account.bic), run.execute_on, payments)
        for debited, account in _accounts(payer).items()
        if (payments := _payments(run, debited))
    ]  # fmt: skip
    return document(f"{PREFIX}-{run.number}", run.made_at, payer.name, batches)


def _accounts(payer: IssuerRecord) -> dict[DebtorAccount, BankAccountRecord]:
    return {
        DebtorAccount.VOUCHERS: payer.vouchers,
        DebtorAccount.BANK: payer.bank or payer.own,
        DebtorAccount.OWN: payer.own,
    }


def _payments(run: Run, debited: DebtorAccount) -> list[Payment]:
    """The transfers out of one account; money that may not be mixed goes by itself (L.3262-2)."""
    text = f"Titres-restaurant jusqu'au {run.last_day:%d/%m/%Y}"
    payments = []
    for each in run.remittances:
        parts = each.by_source.items()
        minor = sum(part for source, part in parts if DEBTOR_ACCOUNTS[source] is debited)
        if minor and each.payee.iban is not None:
            payee = Party(each.payee.name or each.payee.mid, each.payee.iban, each.payee.bic)
            said = f"{text} {each.payee.mid}"
            payments.append(Payment(each.end_to_end_id(debited), payee, minor, said))
    return payments


def _run(row: Iterable[Any], remittances: Sequence[Remittance]) -> Run:
    number, last_day, execute_on, payer, made_at = tuple(row)[:5]
    known = None if payer is None else msgspec.json.decode(payer, type=IssuerRecord)
    return Run(number, last_day, execute_on, known, made_at, tuple(remittances))


def _remittance(row: Iterable[Any]) -> Remittance:
    number, payee, *parts = tuple(row)[-5:]
    by_source = dict(zip(Source, parts, strict=True))
    return Remittance(number, msgspec.json.decode(payee, type=Payee), by_source)
