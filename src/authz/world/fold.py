"""What new records mean for one person: the profile and the movements of the books. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct, msgpack
from msgspec.structs import replace

from authz.holders.closures import closed, closed_of
from authz.state import Credential, HolderAccount, LotInfo, Profile
from authz.world.read import WorldError
from authz.world.records import LotRecord, UsedRecord
from authz.world.stage import AccountDraft, decode_account, decode_card, decode_token
from ledger.accounts import LOT_NO_MAX, AccountRow, House, lot_account
from ledger.journal import Change
from ledger.running import Running, after
from ledger.transfers import Transfer
from rules.facts import AccountStatus, Origin

LONG_AGO: Final = date(1, 1, 1)
"""`usage_since` of a new holder: nothing has left the row for the books yet."""

encode_profile: Final = msgpack.Encoder().encode
decode_profile: Final = msgpack.Decoder(Profile).decode


class Part(Struct, frozen=True):
    """A staged row of a person: its `body`, whom it belongs to, its card reference and PIN."""

    kind: str
    parent: str
    card_ref: bytes | None
    body: bytes
    employer_no: int | None
    pin_ref: bytes | None = None


def new_running(holder_id: int) -> Running:
    """The figures of a person before the first movement."""
    return Running(holder_id, version=0, last_seq=0, usage_since=LONG_AGO)


def fold(running: Running, profile: Profile, parts: Iterable[Part], at: datetime) -> Change:
    """Accounts, then cards, then tokens, as `parts` come; booked at the instant `at` (UTC)."""
    clerk = _Clerk(running, profile, at)
    for part in parts:
        match part.kind:
            case "account":
                clerk.add_account(part)
            case "card":
                clerk.add_card(part)
            case _:
                clerk.add_token(part)
    return clerk.change()


def figures(running: Running, change: Change) -> Running:
    """The figures of a new person once the change is booked."""
    return after(running, change.transfers, {}, change.account_of)


def closures_of(holder_id: int, change: Change, parts: Iterable[Part]) -> list[tuple[int, int]]:
    """The person's closed accounts by number, where one of these parts came closed."""
    drafts = (decode_account(part.body) for part in parts if part.kind == "account")
    if all(draft.account.status is not AccountStatus.CLOSED for draft in drafts):
        return []
    assert change.profile is not None, "folding always writes a profile"
    return [(holder_id, number) for number in closed_of(decode_profile(change.profile))]


class _Clerk:
    """One person at work: what is there, and what is gathered to be booked."""

    def __init__(self, running: Running, profile: Profile, at: datetime) -> None:
        self._holder_id = running.holder_id
        self._seq = running.last_seq
        self._at = at
        self._person = profile.person
        self._accounts = list(profile.accounts)
        self._cards = list(profile.cards)
        self._tokens = list(profile.tokens)
        self._credentials = list(profile.credentials)
        self._lots = list(profile.lots)
        self._transfers: list[Transfer] = []
        self._opened: list[AccountRow] = []

    def change(self) -> Change:
        profile = Profile(
            self._person,
            tuple(self._accounts),
            tuple(self._cards),
            tuple(self._tokens),
            tuple(self._credentials),
            tuple(self._lots),
        )
        for held in self._accounts:
            if held.account.status is AccountStatus.CLOSED:
                profile = closed(profile, held.account.account_id)
        account_of = {lot.lot_no: lot.account_no for lot in self._lots}
        return Change(
            transfers=self._transfers,
            accounts=self._opened,
            account_of=account_of,
            profile=encode_profile(profile),
        )

    def add_account(self, part: Part) -> None:
        draft = decode_account(part.body)
        assert part.employer_no is not None, "the employer was looked up"
        account_no = 1 + max((held.account.account_no for held in self._accounts), default=0)
        account = replace(draft.account, account_no=account_no)
        self._accounts.append(
            HolderAccount(
                account,
                part.employer_no,
                draft.derogations,
                draft.works_outside,
                draft.geo_scope,
            )
        )
        # A lot of nothing would be a line without a movement: it is left out.
        lots = [self._load(account_no, lot) for lot in draft.lots if lot.amount]
        self._spend_before(account_no, lots, draft)

    def add_card(self, part: Part) -> None:
        card = decode_card(part.body)
        account_no = next(
            held.account.account_no
            for held in self._accounts
            if held.account.account_id == part.parent
        )
        self._cards.append(replace(card, account_no=account_no))
        assert part.card_ref is not None
        self._credentials.append(Credential(part.card_ref, card.card_id, None, part.pin_ref))

    def add_token(self, part: Part) -> None:
        token = decode_token(part.body)
        self._tokens.append(token)
        assert part.card_ref is not None
        self._credentials.append(Credential(part.card_ref, token.card_id, token.token_id))

    def _load(self, account_no: int, lot: LotRecord) -> LotInfo:
        loaded_on = lot.loaded_on or date(lot.vintage, 1, 1)
        info = self._open(account_no, lot.vintage, loaded_on)
        self._fund(info, lot.amount, loaded_on)
        return info

    def _open(self, account_no: int, vintage: int, loaded_on: date) -> LotInfo:
        if len(self._lots) >= LOT_NO_MAX:
            raise WorldError(f"person {self._person}: more than {LOT_NO_MAX} lots")
        info = LotInfo(len(self._lots) + 1, account_no, vintage, Origin.LOAD, loaded_on)
        self._lots.append(info)
        self._opened.append(
            AccountRow.lot(self._holder_id, info.lot_no, vintage, loaded_on, self._at, opening=True)
        )
        return info

    def _fund(self, lot: LotInfo, amount_minor: int, day: date) -> None:
        """The employer pays, and the money becomes vouchers (R.3262-22)."""
        to = lot_account(self._holder_id, lot.lot_no)
        self._move(House.TRUST_CASH, House.EMPLOYER_PREPAID, amount_minor, day)
        self._move(House.EMPLOYER_PREPAID, to, amount_minor, day)

    def _spend_before(self, account_no: int, lots: Sequence[LotInfo], draft: AccountDraft) -> None:
        """Opening spends go through the oldest lot, loaded with as much for the purpose."""
        used = [entry for entry in draft.used if entry.amount]
        if used:
            oldest = min(lots, key=_age, default=None) or self._open_for(account_no, used)
            from_lot = lot_account(self._holder_id, oldest.lot_no)
            for entry in used:
                self._fund(oldest, entry.amount, entry.day)
                self._move(from_lot, House.OPENING_SPEND, entry.amount, entry.day)

    def _open_for(self, account_no: int, used: Sequence[UsedRecord]) -> LotInfo:
        first = min(entry.day for entry in used)
        return self._open(account_no, first.year, first)

    def _move(self, debit: int, credit: int, amount_minor: int, day: date) -> None:
        self._seq += 1
        self._transfers.append(
            Transfer.direct(
                self._holder_id, self._seq, debit, credit, amount_minor, None, day, self._at
            )
        )


def _age(lot: LotInfo) -> tuple[int, date, int]:
    return lot.vintage, lot.loaded_on, lot.lot_no
