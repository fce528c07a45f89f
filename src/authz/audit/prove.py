"""The proof that answers and books agree: the ledger's laws, and every decision made again.

Holder by holder the books are replayed (`replay.py`); what can be said as one statement is a law
beside its subject. All in one snapshot, beside a live engine if need be.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, msgpack

from authz.audit.laws import (
    KEYS_NAME_AN_ANSWER,
    PAYEES_ARE_THE_MERCHANTS,
    REVERSED_STAYS_REVERSED,
)
from authz.audit.lots import Opened, check_lots
from authz.audit.replay import Proof, Replay
from authz.bank.laws import LAWS as BANK_LAWS
from authz.holders.withdrawals import WITHDRAWALS_ARE_NOTED
from authz.loads import laws as loads
from authz.settlement.laws import LAWS as SETTLEMENT_LAWS
from authz.settlement.payables import ZONE
from authz.state import Profile
from authz.vintages.laws import MOVES_ARE_NOTED
from ledger.accounts import HOLDER_ID_MAX
from ledger.audit import (
    SLICE,
    AuditReport,
    LawResult,
    audit_books,
    audit_books_of,
    check,
    sliced,
)
from ledger.rollup_check import totals_are_the_books
from ledger.seal import Head, SealKey
from ledger.seal_check import check_seals
from ledger.transfers import Transfer
from rules.rulebook import Rulebook

if TYPE_CHECKING:
    from ledger.journal import Tx

CHUNK_HOLDERS: Final = 2_000

HOLDERS: Final = """
    select holder_id, profile from holders where holder_id > $1 order by holder_id limit $2
"""
MOVEMENTS: Final = """
    select holder_id, seq, kind, debit_account, credit_account, amount_minor, authorization_id,
           about_seq, day, at
    from transfers where holder_id between $1 and $2 order by holder_id, seq
"""
DECIDED: Final = """
    select holder_id, authorization_id, account_no, kind, reason, requested_minor, eligible_minor,
           approved_minor, bank_minor, day, rulebook, facts
    from authorizations where holder_id between $1 and $2 order by holder_id, authorization_id
"""
# A correction is booked with a lot too, and takes from it.
OPENED: Final = """
    select a.holder_id, (a.account_id & 4095)::int, a.vintage, a.origin, a.from_vintage,
        a.loaded_on, l.account_no, o.employer_no
    from ledger_accounts a
    left join load_bookings b on b.holder_id = a.holder_id and b.lot_no = a.account_id & 4095
        and b.amount_minor > 0 and b.holder_id between $1 and $2
    left join load_lines l on l.holder_id = b.holder_id and l.load_no = b.load_no
        and l.line_no = b.line_no
    left join loads o on o.load_no = b.load_no
    where a.holder_id between $1 and $2 and a.kind = 'HOLDER_LOT'
"""
WAITING: Final = """
    select holder_id, number from pending_payments where holder_id between $1 and $2
"""
# These look at one holder at a time, so a slice of holders can be held against them.
LAWS_OF_HOLDERS: Final = (
    REVERSED_STAYS_REVERSED,
    PAYEES_ARE_THE_MERCHANTS,
    *BANK_LAWS,
    *loads.LAWS_OF_HOLDERS,
    MOVES_ARE_NOTED,
)
THEIR_TABLES: Final = (
    "authorizations",
    "bank_legs",
    "bank_notices",
    "pending_payments",
    "load_lines",
    "load_bookings",
    "vintage_moves",
)
THEIR_SLICE: Final = ", ".join((SLICE, sliced(*THEIR_TABLES)))
LAWS_OF_ALL: Final = (
    KEYS_NAME_AN_ANSWER,
    totals_are_the_books(ZONE),
    *SETTLEMENT_LAWS,
    WITHDRAWALS_ARE_NOTED,
    *loads.LAWS_OF_ALL,
)
SEALS_HOLD: Final = "seals_hold"
SEALS_WORDS: Final = "what was sealed is still in the books, to the byte"

_decode_profile: Final = msgpack.Decoder(Profile).decode
Progress = Callable[[int], None]


class Report(Struct, frozen=True):
    """The verdict on books and answers. `unread_rulebooks` could not be loaded for re-deciding.

    `seals_verified` is false where no key was there to verify them with. `forgotten` answers have
    lost their facts to retention and were not decided again.
    """

    books: AuditReport
    laws: tuple[LawResult, ...]
    decisions: int
    unread_rulebooks: tuple[str, ...]
    seals_verified: bool = False
    forgotten: int = 0

    @property
    def holds(self) -> bool:
        """Whether every law holds."""
        return self.books.holds and not any(law.violations for law in self.laws)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the laws that do not hold."""
        return (*self.books.broken, *(law.name for law in self.laws if law.violations))


async def prove_all(
    tx: "Tx",
    rulebooks: Mapping[str, Rulebook],
    progress: Progress = lambda holders: None,
    seal_key: SealKey | None = None,
    published: Head | None = None,
) -> Report:
    """Prove everything, in the caller's repeatable-read SQL transaction.

    `rulebooks` are the known ones by version; `progress` is told how many holders are done. With
    `seal_key` the seals are proved too, `published` being a head that was kept elsewhere.
    """
    books = await audit_books(tx)
    proof = Proof(rulebooks)
    last, done = 0, 0
    while rows := await tx.fetch(HOLDERS, last, CHUNK_HOLDERS):
        last = rows[-1][0]
        await _replay(tx, proof, rows)
        done += len(rows)
        progress(done)
    said = (*LAWS_OF_HOLDERS, *LAWS_OF_ALL)
    laws = [*proof.results(), *[await check(tx, law) for law in said]]
    if seal_key is not None:
        seals = await check_seals(tx, seal_key, published)
        laws.append(LawResult(SEALS_HOLD, SEALS_WORDS, seals.blocks, seals.violations))
    return Report(
        books,
        tuple(laws),
        proof.decisions,
        tuple(sorted(proof.unread)),
        seal_key is not None,
        proof.forgotten,
    )


class Slice(Struct, frozen=True):
    """The verdict on some holders: how many, the last of them, and the laws that are broken."""

    holders: int
    last_holder: int
    broken: tuple[LawResult, ...]

    @property
    def violations(self) -> int:
        """How many were named; of each law no more than `VIOLATIONS_NAMED_MAX` are."""
        return sum(len(law.violations) for law in self.broken)


async def prove_slice(
    tx: "Tx", rulebooks: Mapping[str, Rulebook], after: int, holders_max: int
) -> Slice:
    """Prove the books of the next holders and every answer to them, in the caller's snapshot.

    Where fewer are left than `holders_max`, it is proved too that nothing is booked behind them.
    """
    rows = await tx.fetch(HOLDERS, after, holders_max)
    last = rows[-1][0] if rows else after
    proof = Proof(rulebooks)
    if rows:
        await _replay(tx, proof, rows)
    books = await audit_books_of(tx, after, last if len(rows) == holders_max else HOLDER_ID_MAX)
    said = [await check(tx, law, THEIR_SLICE) for law in LAWS_OF_HOLDERS]
    laws = (*books, *proof.results(), *said)
    return Slice(len(rows), last, tuple(law for law in laws if law.violations))


async def _replay(tx: "Tx", proof: Proof, rows: Sequence[Any]) -> None:
    """Replay each of these holders; `rows` are their numbers, ascending, and their profiles."""
    first, last = rows[0][0], rows[-1][0]
    movements, decided = defaultdict(list), defaultdict(list)
    for row in await tx.fetch(MOVEMENTS, first, last):
        movements[row[0]].append(Transfer(*row))
    for row in await tx.fetch(DECIDED, first, last):
        decided[row[0]].append(row)
    opened = defaultdict(list)
    for holder_id, *lot in await tx.fetch(OPENED, first, last):
        opened[holder_id].append(Opened(*lot))
    waiting = defaultdict(set)
    for holder_id, number in await tx.fetch(WAITING, first, last):
        waiting[holder_id].add(number)
    for holder_id, encoded in rows:
        profile = _decode_profile(encoded)
        check_lots(proof, holder_id, profile, opened[holder_id])
        Replay(proof, holder_id, profile).run(
            movements[holder_id], decided[holder_id], frozenset(waiting[holder_id])
        )
