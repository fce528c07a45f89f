"""The books as French accounting entries: fichier des écritures comptables (FEC). Pure.

Arrêté of 29 July 2013, article A.47 A-1 of the Livre des procédures fiscales: eighteen columns,
parted by tabs, dates as AAAAMMJJ, decimal commas, entries numbered without a gap in the order of
their validation. A hold and its release move nothing and are no entries. The first entry takes the
balances of the year before over; what earned or cost money goes to what is carried forward.

Which account of the plan comptable général each line of our chart becomes is our choice; an
accountant may choose otherwise in `PLAN`.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from msgspec import Struct

from ledger.accounts import AccountKind, House, is_lot, kind_of, lot_no_of
from ledger.names import authorization_of
from ledger.transfers import Movement, Transfer

COLUMNS: Final = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib",
    "CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit",
    "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
)  # fmt: skip
SEPARATOR: Final = "\t"
END: Final = "\r\n"
HEADER: Final = SEPARATOR.join(COLUMNS) + END


class Compte(Struct, frozen=True):
    """An account of the plan comptable général; `aux` begins the numbers of its members."""

    number: str
    name: str
    aux: str = ""


K = AccountKind
PLAN: Final[Mapping[AccountKind, Compte]] = {
    K.HOLDER_LOT: Compte("467100", "Titres-restaurant en circulation", "T"),
    K.MERCHANT_PAYABLE: Compte("467200", "Commerçants à rembourser", "C"),
    K.BANK_RECEIVABLE: Compte("467300", "Compléments à recevoir des cartes bancaires"),
    K.EXPIRED: Compte("467400", "Titres périmés, échangeables"),
    K.LOST: Compte("467500", "Titres perdus, à répartir (R.3262-14)"),
    K.PAPER: Compte("467600", "Titres convertis en papier"),
    K.CHARITY: Compte("467700", "Titres donnés à des associations"),
    K.UNREGISTERED: Compte("467800", "Commerçants inconnus, à rembourser"),
    K.EMPLOYER_PREPAID: Compte("419100", "Avances des employeurs"),
    K.RETURNED_TO_EMPLOYER: Compte("419700", "À rendre aux employeurs"),
    K.SUSPENSE: Compte("471000", "Compte d'attente"),
    K.TRUST_CASH: Compte("512100", "Banque, compte de titres-restaurant (L.3262-2)"),
    K.OWN_CASH: Compte("512200", "Banque, compte propre"),
    K.OPENING_SPEND: Compte("890000", "Bilan d'ouverture"),
    K.ISSUER_LOSS: Compte("658000", "Charges diverses de gestion courante"),
    K.FEES: Compte("706000", "Prestations de services"),
}
assert set(PLAN) == set(AccountKind), "every line of the chart has its account"

EMISSIONS: Final = "EM", "Émissions et retours"
PAYMENTS: Final = "PA", "Paiements par titres"
BANK: Final = "BQ", "Banque"
OTHERS: Final = "OD", "Opérations diverses"
OPENING: Final = "AN", "À nouveaux"
CARRIED_FORWARD: Final = Compte("110000", "Report à nouveau")
ON_THE_BALANCE_SHEET: Final = "12345"
"""The classes of the plan comptable général that a new year takes over, account by account."""


class Booked(Struct, frozen=True):
    """A movement with the civil day on which it was booked."""

    transfer: Transfer
    booked_on: date


def is_entry(transfer: Transfer) -> bool:
    """Whether money moved."""
    return transfer.kind in (Movement.DIRECT, Movement.POST)


def entry(booked: Booked, number: int) -> Iterator[str]:
    """The two lines of an entry. `number` counts the entries of a fiscal year from 1."""
    transfer = booked.transfer
    assert is_entry(transfer), "what only sets money aside is no entry"
    amount, nothing = euros(transfer.amount_minor), euros(0)
    yield _line(booked, number, transfer.debit_account, amount, nothing)
    yield _line(booked, number, transfer.credit_account, nothing, amount)


def is_taken_over(account_id: int) -> bool:
    """Whether a new year begins with the balance of this account."""
    return PLAN[kind_of(account_id)].number[0] in ON_THE_BALANCE_SHEET


def opening(account_id: int, balance_minor: int, first: date) -> str:
    """A line of the first entry of the year that begins on `first`: above zero is a debit."""
    compte = PLAN[kind_of(account_id)]
    return _opening(compte, _auxiliary(account_id, compte), balance_minor, first)


def opening_result(balance_minor: int, first: date) -> str:
    """Its last line: what all years before earned (below zero) or cost, whatever for."""
    return _opening(CARRIED_FORWARD, ("", ""), balance_minor, first)


def _opening(compte: Compte, aux: tuple[str, str], balance_minor: int, first: date) -> str:
    day = f"{first:%Y%m%d}"
    piece, words = f"{OPENING[0]}{first:%Y}", "Solde à nouveau"
    sides = euros(max(0, balance_minor)), euros(max(0, -balance_minor))
    return _row(OPENING, 1, day, compte, aux, (piece, day, words), sides)


def _line(booked: Booked, number: int, account_id: int, debit: str, credit: str) -> str:
    transfer, compte = booked.transfer, PLAN[kind_of(account_id)]
    rests_on = piece_of(transfer), f"{transfer.day:%Y%m%d}", _words(transfer)
    day, aux = f"{booked.booked_on:%Y%m%d}", _auxiliary(account_id, compte)
    return _row(journal_of(transfer), number, day, compte, aux, rests_on, (debit, credit))


def _row(
    journal: tuple[str, str],
    number: int,
    day: str,
    compte: Compte,
    aux: tuple[str, str],
    rests_on: tuple[str, str, str],
    sides: tuple[str, str],
) -> str:
    """The eighteen columns: journal, entry, account, what it rests on, debit and credit."""
    values = (
        *journal, str(number), day, compte.number, compte.name, *aux, *rests_on, *sides,
        "", "", day, "", "",
    )  # fmt: skip
    assert len(values) == len(COLUMNS)
    return SEPARATOR.join(values) + END


def euros(amount_minor: int) -> str:
    """Cents with a decimal comma: 1250 is `12,50`."""
    return f"{amount_minor // 100},{amount_minor % 100:02}"


def piece_of(transfer: Transfer) -> str:
    """What the entry rests on: the authorization by its public id, else the movement itself."""
    return authorization_of(transfer) or f"M{transfer.holder_id}-{transfer.seq}"


def journal_of(transfer: Transfer) -> tuple[str, str]:
    """Code and name of the journal, by what the movement touches."""
    kinds = {kind_of(transfer.debit_account), kind_of(transfer.credit_account)}
    if kinds & {K.TRUST_CASH, K.OWN_CASH}:
        return BANK
    if K.MERCHANT_PAYABLE in kinds:
        return PAYMENTS
    if kinds & {K.EMPLOYER_PREPAID, K.RETURNED_TO_EMPLOYER}:
        return EMISSIONS
    return OTHERS


def _auxiliary(account_id: int, compte: Compte) -> tuple[str, str]:
    """Whose part of a collective account: never a name, only our own number of the person."""
    if not compte.aux:
        return "", ""
    if is_lot(account_id):
        holder_id = account_id >> 12
        return f"{compte.aux}{holder_id}", f"Porteur {holder_id}, lot {lot_no_of(account_id)}"
    return f"{compte.aux}{-account_id}", f"Commerçant {-account_id}"


def _words(transfer: Transfer) -> str:
    if transfer.debit_account < 0 and transfer.credit_account in (House.TRUST_CASH, House.OWN_CASH):
        return "Remboursement au commerçant"
    if transfer.credit_account < 0 and transfer.debit_account in (House.TRUST_CASH, House.OWN_CASH):
        return "Virement au commerçant, rejeté"
    if transfer.about_seq is not None and transfer.kind is Movement.DIRECT:
        return f"Annulation ou remboursement du mouvement {transfer.about_seq}"
    if transfer.credit_account < 0:
        return "Paiement chez un commerçant"
    debit, credit = PLAN[kind_of(transfer.debit_account)], PLAN[kind_of(transfer.credit_account)]
    return f"{debit.name} à {credit.name}"
