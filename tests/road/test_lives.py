"""Random lives of payments on the pure road against the plain model: no difference in any cent."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from authz.decide.authorize import authorize
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from authz.state import Credential, Holder, HolderAccount, LotInfo
from ledger.accounts import House
from rules.facts import Account, AccountStatus, Origin
from tests.authz.builders import (
    BOOKS,
    again,
    card_ref,
    numbers,
    some_holder,
    some_request,
    some_state,
)  # fmt: skip
from tests.authz.memory_store import MemoryStore
from tests.road.memory import all_of
from tests.road.paper import CAP, DEEP, ISSUER, Lot, Paid, Paper
from tests.rules.builders import CARD

PARIS: Final = ZoneInfo("Europe/Paris")
MOMENTS: Final = tuple(
    datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)
    for text in (
        "2026-11-24T12:30", "2026-11-24T23:59:59", "2026-11-25T00:00", "2027-01-15T12:30",
        "2027-02-26T23:59:59", "2027-03-01T00:00", "2027-03-02T12:30",
    )
)  # fmt: skip
"""Weekdays around a midnight and a 1 March; people go through them in this order."""
MARCH: Final = date(2027, 3, 1)
Deed = tuple[Any, ...]
ENORMOUS: Final = 1_000_000
"""Of a request whose own amount says nothing."""


class Life:
    """The same person on the road: requests in, books in memory."""

    def __init__(self, lots: dict[Lot, int]) -> None:
        self.store = MemoryStore(some_state(two_accounts(lots)))
        self._next_id, self._sent, self._refunds = numbers(), dict[int, Request](), list[bytes]()

    def pay(
        self, name: int, account: int, hold: bool, cents: int, part: bool, now: datetime
    ) -> int:
        if name in self._sent:
            return self._ask(again(self._sent[name], received_at=now)).approved_minor
        kind = Kind.HOLD if hold else Kind.PURCHASE
        self._sent[name] = some_request(
            cents, account, kind=kind, partial_ok=part, received_at=now, key_hash=self._key(name)
        )
        return self._ask(self._sent[name]).approved_minor

    def about(self, kind: Kind, name: int, cents: int, now: datetime, **more: Any) -> int:
        return self._about(kind, self._key(name), cents, now, **more)[1]

    def refund(self, name: int, cents: int, now: datetime) -> int:
        key, given = self._about(Kind.REFUND, self._key(name), cents, now)
        self._refunds += [key] * bool(given)
        return given

    def unrefund(self, nth: int, left: int, happened: bool, now: datetime) -> int:
        more = {"happened": happened, "new_total_minor": left}
        return self._about(Kind.REVERSAL, self._refunds[nth], ENORMOUS, now, **more)[1]

    def books(self) -> tuple[dict[Lot, int], dict[date, int]]:
        """Free money by lot, the issuer's pocket too, and use by day, as the books say."""
        (holder,) = self.store.state.holders.values()
        lots = [(lot.account_no, lot.vintage) for lot in holder.profile.lots]
        free = dict(zip(lots, holder.lot_available, strict=True))
        moved = [(row[3], row[4], row[5]) for row in self.store.movements]
        lost = sum(cents for debit, _, cents in moved if debit == House.ISSUER_LOSS)
        back = sum(cents for _, credit, cents in moved if credit == House.ISSUER_LOSS)
        used = Counter[date]()
        for entry in holder.used:
            used[entry.day] += entry.used_minor
        return free | {ISSUER: DEEP + back - lost}, +used

    def _about(
        self, kind: Kind, key: bytes, cents: int, now: datetime, **more: Any
    ) -> tuple[bytes, int]:
        named = Original(keys=(key,))
        asked = some_request(
            cents, kind=kind, card_ref=b"", received_at=now, mid="", about=named, **more
        )
        outcome = self._ask(asked)
        return asked.key_hash, outcome.approved_minor if outcome.approved else 0

    def _ask(self, request: Request) -> Outcome:
        verdict = authorize([request], all_of(self.store), BOOKS, self._next_id)
        if verdict.writes.keys:
            self.store.land(verdict.writes)
        return verdict.outcomes[0]

    @staticmethod
    def _key(name: int) -> bytes:
        return b"payment" + name.to_bytes(9, "big")


def two_accounts(lots: dict[Lot, int]) -> Holder:
    """One person with accounts 1 and 2, each with a card of its own."""
    plain = some_holder(lots=tuple((year, cents) for (_, year), cents in lots.items()))
    infos = tuple(
        LotInfo(number, account, year, Origin.LOAD, date(year, 1, 2))
        for number, (account, year) in enumerate(lots, 1)
    )
    accounts = tuple(
        HolderAccount(Account(n, f"acc-{n}", "fr-meal", AccountStatus.ACTIVE), 1) for n in (1, 2)
    )
    cards = tuple(replace(CARD, card_id=f"card-{n}", account_no=n) for n in (1, 2))
    credentials = tuple(Credential(card_ref(n), f"card-{n}") for n in (1, 2))
    profile = replace(
        plain.profile, accounts=accounts, cards=cards, credentials=credentials, lots=infos
    )
    return replace(plain, profile=profile)


CENTS = st.one_of(st.integers(1, 2_600), st.sampled_from([100, 300, 500, 900, 2_000, 2_500]))
NAMES, LEFT = st.integers(0, 3), st.sampled_from([0, 0, 0, 300, 1_000])
PAY = st.tuples(
    st.just("pay"), NAMES, st.sampled_from([1, 1, 2]), st.booleans(), CENTS, st.booleans()
)
REFUND = st.tuples(st.just("refund"), NAMES, CENTS)
UNREFUND = st.tuples(st.just("unrefund"), st.integers(0, 1), LEFT, st.booleans())
LATER = st.tuples(st.just("later"))
DEED = st.one_of(
    PAY, PAY, REFUND, UNREFUND, LATER,
    st.tuples(st.just("reverse"), NAMES, LEFT),
    st.tuples(st.just("capture"), NAMES, CENTS),
    st.tuples(st.sampled_from(["expire", "cancel"]), NAMES),
)  # fmt: skip


def scene(name: int, cents: int, other: int) -> list[list[Deed]]:
    """Stories that chance alone hardly tells: each deed needs the one before it."""
    half = cents // 2
    held: Deed = ("pay", name, 1, True, cents, True)
    paid: Deed = ("pay", name, 1, False, cents, True)
    spent: Deed = ("pay", (name + 1) % 4, 1, False, other, True)
    full: Deed = ("pay", (name + 2) % 4, 1, False, CAP, True)
    undone: list[Deed] = [("unrefund", -1, 0, False), ("unrefund", -1, 0, True)]
    return [
        [held, ("expire", name), ("later",), ("capture", name, min(cents, other))],
        [held, ("expire", name), spent, ("capture", name, cents), ("refund", name, cents)],
        [held, ("reverse", name, half), ("capture", name, max(1, half - other // 9))],
        [held, ("cancel", name)],
        [paid, ("refund", name, cents), spent, *undone],
        [("later",), paid, ("refund", name, cents), full, *undone],
        [paid, ("refund", name, cents), ("later",), spent, *undone, ("refund", name, cents)],
    ]


SCENE = st.builds(scene, NAMES, CENTS, CENTS).flatmap(st.sampled_from)
LIFE = st.lists(st.one_of(DEED.map(lambda deed: [deed]), SCENE), min_size=6, max_size=20).map(
    lambda parts: [deed for part in parts for deed in part]
)
LOTS = st.fixed_dictionaries(
    {
        (1, 2026): st.sampled_from([300, 800, 2_500, 4_000]),
        (1, 2027): st.sampled_from([500, 9_000]),
        (2, 2026): st.sampled_from([700, 9_000]),
    }
)


def lived(
    lots: dict[Lot, int], moment: int, deeds: list[Any]
) -> Iterator[tuple[str, Paper, Paper, int, date]]:
    """Live on paper and on the road, and compare; each deed with the paper before and after it."""
    paper, life = Paper(dict(lots)), Life(lots)
    for verb, *rest in deeds:
        now = MOMENTS[moment]
        if verb == "later":
            moment = min(moment + 1, len(MOMENTS) - 1)
            continue
        if verb == "unrefund" and max(0, rest[0]) >= len(paper.refunds):
            continue
        before = deepcopy(paper)
        expected, done = play(paper, life, verb, rest, now)
        assert done == expected, (verb, rest)
        assert life.books() == (dict(paper.lots), +paper.used), (verb, rest)
        yield verb, before, paper, expected, now.astimezone(PARIS).date()


def play(paper: Paper, life: Life, verb: str, rest: Any, now: datetime) -> tuple[int, int]:
    """What the deed moves on paper, and on the road."""
    day = now.astimezone(PARIS).date()
    match verb, rest:
        case "pay", [name, account, hold, cents, part]:
            asked = name, account, hold, cents, part
            return paper.pay(*asked, day), life.pay(*asked, now)
        case "reverse", [name, left]:
            undone = life.about(Kind.REVERSAL, name, ENORMOUS, now, new_total_minor=left)
            return paper.reverse(name, left), undone
        case "capture", [name, cents]:
            return paper.capture(name, cents, day), life.about(Kind.CAPTURE, name, cents, now)
        case "refund", [name, cents]:
            return paper.refund(name, cents), life.refund(name, cents, now)
        case "unrefund", [nth, left, happened]:
            return paper.unrefund(nth, left, happened), life.unrefund(nth, left, happened, now)
        case "expire", [name]:
            return paper.expire(name), life.about(Kind.EXPIRY, name, ENORMOUS, now)
        case _:
            return paper.cancel(rest[0]), life.about(Kind.CANCEL, rest[0], ENORMOUS, now)


REDUCED_AFTER_ITS_END: Final[list[Deed]] = [
    ("pay", 1, 1, True, 302, True),
    ("expire", 1),
    ("reverse", 1, 300),
    ("capture", 1, 301),
]
"""A hold that had fallen free was reduced: a late capture takes no more than that left."""


@settings(max_examples=200)
@given(LOTS, st.sampled_from(range(len(MOMENTS))), LIFE)
@example({(1, 2026): 4_000, (1, 2027): 500, (2, 2026): 700}, 0, REDUCED_AFTER_ITS_END)
def test_a_random_life_is_kept_as_on_paper(
    lots: dict[Lot, int], moment: int, deeds: list[Any]
) -> None:
    assert sum(1 for _ in lived(lots, moment, deeds)) <= len(deeds)


def cases(verb: str, before: Paper, after: Paper, moved: int, today: date) -> Iterator[str]:
    """What has just happened, in the words of `EVERY_CASE`."""
    yield f"{verb}: {'moves' if moved else 'moves nothing'}"
    if verb == "pay" and len(before.paid) == len(after.paid):
        yield "a repeat is answered again" if moved else "a tombstone stops it"
    if (
        verb == "pay"
        and today >= MARCH
        and any(
            year == 2026 and after.lots[account, year] < free
            for (account, year), free in before.lots.items()
        )
    ):
        yield "vouchers of 2026 pay in March"
    if verb == "capture" and moved:
        (was,) = (p for n, p in before.paid.items() if p.captured is not after.paid[n].captured)
        yield "a late capture" if not was.parts.total() else "a capture in time"
        if was.most < was.approved:
            yield "a capture of what was left"
    if any(len(+paid.parts) > 1 for paid in after.paid.values()):
        yield "a payment of two years"
    if len({paid.account for paid in standing(after) if paid.day == today}) > 1:
        yield "both accounts on one day"
    if after.lots[ISSUER] != before.lots[ISSUER]:
        yield "the issuer loses" if after.lots[ISSUER] < before.lots[ISSUER] else "and has it back"
    if any(cents > CAP for cents in after.used.values()):
        yield "over the cap"
    if any(after.used[day] != before.used[day] for day in after.used if day < today):
        yield "a day that was"


def standing(paper: Paper) -> list[Paid]:
    return [paid for paid in paper.paid.values() if paid.parts.total()]


VERBS: Final = ("pay", "reverse", "capture", "refund", "unrefund", "expire", "cancel")
EVERY_CASE: Final = {
    "a repeat is answered again", "a tombstone stops it", "vouchers of 2026 pay in March",
    "a late capture", "a capture in time", "a capture of what was left", "a payment of two years",
    "both accounts on one day", "the issuer loses", "and has it back", "over the cap",
    "a day that was",
    *(f"{verb}: {what}" for verb in VERBS for what in ("moves", "moves nothing")),
}  # fmt: skip


def test_the_lives_hold_every_case() -> None:
    """A model finds no difference where nothing happens: what the generator makes is looked at."""
    seen = Counter[str]()

    @settings(max_examples=500, derandomize=True, database=None)
    @given(LOTS, st.sampled_from(range(len(MOMENTS))), LIFE)
    def live(lots: dict[Lot, int], moment: int, deeds: list[Any]) -> None:
        for step in lived(lots, moment, deeds):
            seen.update(cases(*step))

    live()
    assert set(seen) == EVERY_CASE, seen


def test_the_moments_cross_a_midnight_and_a_first_of_march() -> None:
    days = [moment.astimezone(PARIS).date() for moment in MOMENTS]
    assert days[1] + timedelta(days=1) == days[2]
    assert days[4] < MARCH == days[5]
    assert list(MOMENTS) == sorted(MOMENTS)
