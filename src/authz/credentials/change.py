"""One change of a person's cards or tokens in one SQL transaction, and what is kept of it.

The holder's version moves with it, so that a decision which read the old state is made again: a
block bites at once. Every card and token whose state changed gets a row that nobody changes.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, msgpack

from authz.access.acts import note
from authz.custody.sealed_numbers import Row, keep
from authz.custody.vault import Sealed, Slot
from authz.refusal import Unknown
from authz.state import Profile
from ledger import journal
from ledger.journal import Change, Locked

if TYPE_CHECKING:
    from ledger.journal import Tx

Kind = Literal["card", "token"]

FIND: Final = """
    select d.holder_id, c.test_clock from directory d cross join control c
    where d.kind = $1 and d.name = $2
"""
NOTE: Final = """
    insert into credential_events (holder_id, version, n, kind, name, action, before, after,
        initiator, channel, reason, at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
EVENTS: Final = """
    select action, before, after, initiator, channel, reason, at from credential_events
    where holder_id = (select holder_id from directory where kind = $1 and name = $2)
        and kind = $1 and name = $2
    order by version
"""
PROFILE: Final = """
    select h.profile from directory d join holders h using (holder_id)
    where d.kind = $1 and d.name = $2
"""
ADDING: Final = "lock table directory in row exclusive mode"
NAME: Final = "insert into directory (kind, name, holder_id, content) values ($1, $2, $3, $4)"
CREDENTIAL: Final = "insert into credentials (card_ref, holder_id) values ($1, $2)"

decode: Final = msgpack.Decoder(Profile).decode
_encode: Final = msgpack.Encoder().encode


class By(Struct, frozen=True):
    """Who wanted it, by which way it came, and why."""

    initiator: str
    channel: str
    reason: str


class Event(Struct, frozen=True):
    """One row of a card's or token's life."""

    kind: Kind
    name: str
    before: str | None
    after: str


class Changed(Struct, frozen=True):
    """The person afterwards, whom it is about, and when it happened (UTC, by the clock)."""

    profile: Profile
    holder_id: int
    at: datetime


Step = Callable[[Profile], Profile]


async def change(tx: "Tx", kind: Kind, name: str, action: str, by: By, step: Step) -> Changed:
    """Carry one step out, and note that the act is done. Raises what `carry_out` raises."""
    done = await carry_out(tx, kind, name, action, by, step)
    await note(tx, name)
    return done


async def carry_out(tx: "Tx", kind: Kind, name: str, action: str, by: By, step: Step) -> Changed:
    """Carry one step out under the holder's lock.

    Raises Unknown, and whatever `step` raises; then nothing is changed.
    """
    row = await tx.fetchrow(FIND, kind, name)
    if row is None:
        raise Unknown(f"there is no such {kind}")
    holder_id, at = row["holder_id"], row["test_clock"] or datetime.now(UTC)
    seen: list[Profile] = []

    def build(locked: Locked) -> Change:
        before = decode(locked.profile)
        seen[:] = before, step(before)
        return Change(profile=_encode(seen[1]))

    running = await journal.post_for_holder(tx, holder_id, build)
    events = events_of(seen[0], seen[1], kind, name)
    await note_events(tx, (holder_id, running.version), events, action, by, at)
    return Changed(seen[1], holder_id, at)


async def note_events(
    tx: "Tx", place: tuple[int, int], events: Iterable[Event], action: str, by: By, at: datetime
) -> None:
    """Keep what became of cards and tokens; `place` is the holder and the version it has now."""
    who = (by.initiator, by.channel, by.reason, at)
    rows = [
        (*place, n, e.kind, e.name, action, e.before, e.after, *who)
        for n, e in enumerate(events, 1)
    ]
    await tx.executemany(NOTE, rows)


class Numbered(Struct, frozen=True):
    """The number of a new card or token: its reference, and sealed where numbers are kept."""

    card_ref: bytes
    sealed: Sealed | None


async def about_to_add(tx: "Tx") -> None:
    """Take what `add_credential` needs anyway, before the holder is locked.

    Who puts a record or loads a world takes the two in this order: nobody waits in a ring, nor
    with the holder locked for as long as a world takes.
    """
    await tx.execute(ADDING)


async def add_credential(tx: "Tx", kind: Kind, name: str, holder_id: int, number: Numbered) -> None:
    """Let a new card or token be found, after `about_to_add`.

    Raises asyncpg.UniqueViolationError for a known one.
    """
    await tx.execute(NAME, kind, name, holder_id, number.card_ref)
    await tx.execute(CREDENTIAL, number.card_ref, holder_id)
    if number.sealed is not None:
        await keep(tx, [Row(holder_id, Slot.card(number.card_ref), number.sealed)])


async def profile_of(tx: "Tx", kind: Kind, name: str) -> Profile:
    """The person who has this card or token. Raises Unknown."""
    stored = await tx.fetchval(PROFILE, kind, name)
    if stored is None:
        raise Unknown(f"there is no such {kind}")
    return decode(stored)


def events_of(
    before: Profile, after: Profile, kind: Kind | None = None, name: str = ""
) -> list[Event]:
    """What changed its state, in order, and the one that it was all about in any case. Pure."""
    then = dict(_states(before))
    return [
        Event(key[0], key[1], then.get(key), state)
        for key, state in _states(after)
        if then.get(key) != state or key == (kind, name)
    ]


def _states(profile: Profile) -> Iterable[tuple[tuple[Kind, str], str]]:
    for card in profile.cards:
        yield ("card", card.card_id), card.status.value
    for token in profile.tokens:
        yield ("token", token.token_id), token.status.value
