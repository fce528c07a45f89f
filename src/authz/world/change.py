"""Daily administration: one record comes in, or takes the place of the one of its name.

What is there keeps its money: `lots` and `used` of an account count when it is made, never again.
A record is a change where it says something else than what stands now, whatever was put before.
A change bites at the next batch: it moves the holder's version, or the epoch of the reference
tables.
"""

from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
from msgspec import UNSET
from msgspec.structs import replace

from authz.access.acts import note
from authz.credentials.change import By, Step, events_of, note_events
from authz.credentials.life import FINAL, own_credential, taken_into_use, with_pin_ref
from authz.custody.pan import PanDigester
from authz.custody.safe import Safe
from authz.holders.closures import closed, closed_of, note_closures
from authz.holders.contacts import keep_phone
from authz.refusal import Refused
from authz.state import Profile
from authz.storage.clock_row import civil_instant
from authz.world import statements as sql
from authz.world.fold import decode_profile, encode_profile
from authz.world.linked import is_linked_as, put_bank_card
from authz.world.load import PROGRAMMES, load_records
from authz.world.read import Placed
from authz.world.records import (
    AccountRecord,
    CardRecord,
    EmployerRecord,
    IssuerRecord,
    MerchantRecord,
    Record,
)
from authz.world.stage import Staged, decode_account, decode_card, stage
from ledger import journal
from ledger.journal import Change, Locked
from rules.facts import AccountStatus, Card, CardStatus, Token, TokenStatus

CREATED, CHANGED, UNCHANGED = "created", "changed", "unchanged"
PUT: Final = "PUT"
BY_RECORD: Final = By("ISSUER", "API", "its record says so")
"""What is kept of a card or token whose state a record changed."""

REFERENCE: Final = {
    IssuerRecord: "select record = $2::jsonb from issuer where $1 = 'issuer'",
    EmployerRecord: "select record = $2::jsonb from employers where employer_id = $1",
    MerchantRecord: """
        select record = $2::jsonb from merchants where acquirer || '/' || mid = $1
    """,
}
CHANGE_REFERENCE: Final = {
    IssuerRecord: "update issuer set record = $2 where $1 = 'issuer'",
    EmployerRecord: "update employers set record = $2 where employer_id = $1",
    MerchantRecord: "update merchants set record = $2 where acquirer || '/' || mid = $1",
}
NEW_CONTENT: Final = "update directory set content = $3 where kind = $1 and name = $2"
EMPLOYER_NO: Final = "select employer_no from employers where employer_id = $1"


async def put_record(
    tx: asyncpg.Connection,
    placed: Placed,
    digester: PanDigester,
    programmes: frozenset[str] = PROGRAMMES,
    safe: Safe | None = None,
) -> str:
    """Make the record or change it, in one SQL transaction; which of the three it was.

    Raises WorldError for a record that does not fit what is there, Refused for a change that
    no administration can make.
    """
    async with tx.transaction():
        await tx.execute(sql.ALONE)
        staged = stage(0, placed, digester, programmes, safe)
        if isinstance(placed.record, IssuerRecord | EmployerRecord | MerchantRecord):
            done = await _put_reference(tx, type(placed.record), staged)
        else:
            done = await _put_of_person(tx, placed.record, staged, safe)
        if done is None:
            await load_records(tx, [placed], digester, programmes=programmes, safe=safe)
        await note(tx)
        return done or CREATED


async def _put_reference(
    tx: asyncpg.Connection,
    kind: type[IssuerRecord | EmployerRecord | MerchantRecord],
    staged: Staged,
) -> str | None:
    same = await tx.fetchval(REFERENCE[kind], staged.name, staged.record)
    if same is None:
        return None
    if same:
        return UNCHANGED
    await tx.execute(CHANGE_REFERENCE[kind], staged.name, staged.record)
    await tx.execute(sql.NEXT_EPOCH)
    return CHANGED


async def _put_of_person(
    tx: asyncpg.Connection, record: Record, staged: Staged, safe: Safe | None
) -> str | None:
    holder_id = await tx.fetchval(sql.HOLDER_OF, staged.kind, staged.name)
    if holder_id is None:
        return None
    change = await _change_of(tx, record, staged)
    await journal.lock(tx, holder_id)
    linked = not isinstance(record, AccountRecord) or await is_linked_as(
        tx, holder_id, record, safe
    )
    changed: list[tuple[Profile, Profile]] = []

    def build(locked: Locked) -> Change | None:
        before = decode_profile(locked.profile)
        after = change(before)
        if linked and after == before:
            return None
        changed.append((before, after))
        return Change(profile=encode_profile(after))

    running = await journal.post_for_holder(tx, holder_id, build)
    if not changed:
        return UNCHANGED
    [(before, after)] = changed
    at = await civil_instant(tx, datetime.now(UTC))
    place = holder_id, running.version
    await note_events(tx, place, events_of(before, after), PUT, BY_RECORD, at)
    if isinstance(record, AccountRecord):
        await _keep_beside(tx, holder_id, record, after, safe, at)
    await tx.execute(NEW_CONTENT, staged.kind, staged.name, staged.content)
    return CHANGED


async def _change_of(tx: asyncpg.Connection, record: Record, staged: Staged) -> Step:
    match record:
        case AccountRecord():
            employer_no = await tx.fetchval(EMPLOYER_NO, record.employer)
            return _AccountChange(record, staged, employer_no)
        case CardRecord():
            return _CardChange(record, staged)
        case _:
            raise Refused("UNCHANGEABLE", "tokens are changed by their own operations")


async def _keep_beside(
    tx: asyncpg.Connection,
    holder_id: int,
    record: AccountRecord,
    after: Profile,
    safe: Safe | None,
    at: datetime,
) -> None:
    """What an account has outside of the profile: since when it is closed, and its links."""
    closures = [(holder_id, number) for number in closed_of(after)]
    await note_closures(tx, closures, at, BY_RECORD.reason)
    await put_bank_card(tx, holder_id, record, safe)
    if record.phone and safe:
        await keep_phone(tx, safe, holder_id, record.phone)


class _AccountChange:
    """Status, employer, derogations and top-up of an account; never its person, never its money.

    One that is closed stays so. What is left on it goes back with the next run of the vintages.
    """

    def __init__(self, record: AccountRecord, staged: Staged, employer_no: int | None) -> None:
        if employer_no is None:
            raise Refused("UNKNOWN_EMPLOYER", f"there is no employer {record.employer}")
        assert staged.body is not None
        self._record, self._draft = record, decode_account(staged.body)
        self._employer_no = employer_no

    def __call__(self, profile: Profile) -> Profile:
        if profile.person != self._record.person:
            raise Refused("PERSON_IS_FIXED", "vouchers are personal: the person stays")
        changed = replace(profile, accounts=tuple(map(self._changed, profile.accounts)))
        if self._record.status is not AccountStatus.CLOSED:
            return changed
        return closed(changed, self._record.id)

    def _changed(self, held: Any) -> Any:
        account, wanted = held.account, self._draft.account
        if account.account_id != wanted.account_id:
            return held
        if account.programme != wanted.programme:
            raise Refused("PROGRAMME_IS_FIXED", "an account stays in its programme")
        if account.status is AccountStatus.CLOSED and wanted.status is not account.status:
            raise Refused("STATUS_IS_FINAL", "an account that is closed stays so")
        top_up, linked = wanted.top_up, self._record.topup
        if linked is UNSET:  # the holder's own business, as long as nobody speaks of it
            top_up = account.top_up
        elif top_up is not None and linked:
            top_up = replace(top_up, verified=linked.verified)  # its card is there, or comes now
        return replace(
            held,
            account=replace(wanted, account_no=account.account_no, top_up=top_up),
            employer_no=self._employer_no,
            derogations=self._draft.derogations,
            works_outside=self._draft.works_outside,
            geo_scope=self._draft.geo_scope,
        )


class _CardChange:
    """Status, expiry, kind and PIN of a card; never its number, never its account."""

    def __init__(self, record: CardRecord, staged: Staged) -> None:
        assert staged.body is not None
        self._record, self._wanted, self._ref = record, decode_card(staged.body), staged.card_ref
        self._pin_ref = staged.pin_ref

    def __call__(self, profile: Profile) -> Profile:
        before = profile.card(self._record.id)
        self._check(profile, before)
        after = replace(self._wanted, account_no=before.account_no, replaces=before.replaces)
        if before.status is CardStatus.ISSUED and after.status is CardStatus.ACTIVE:
            profile = taken_into_use(profile, before.card_id)  # whoever says so (CRD-04)
        changed = profile.with_card(after)
        if after.status is CardStatus.BLOCKED and before.status is not CardStatus.BLOCKED:
            tokens = (self._remembered(token) for token in profile.tokens)
            changed = replace(changed, tokens=tuple(tokens))
        kept = own_credential(profile, before.card_id).pin_ref
        if self._pin_ref in (None, kept):
            return changed
        return with_pin_ref(changed, self._record.id, self._pin_ref)

    def _check(self, profile: Profile, before: Card) -> None:
        account = profile.account(before.account_no).account
        number = own_credential(profile, before.card_id).card_ref
        if account.account_id != self._record.account:
            raise Refused("ACCOUNT_IS_FIXED", "a card stays with its account")
        if number != self._ref:
            raise Refused("NUMBER_IS_FIXED", "another number is another card")
        if before.status in FINAL and self._wanted.status is not before.status:
            raise Refused("STATUS_IS_FINAL", f"a card that is {before.status.value} stays so")

    def _remembered(self, token: Token) -> Token:
        """A token that was active when its card was blocked may do more than others (TOK-07)."""
        if token.card_id != self._record.id:
            return token
        return replace(token, active_before_block=token.status is TokenStatus.ACTIVE)
