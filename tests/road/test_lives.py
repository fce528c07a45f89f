"""Random lives of payments on the pure road against a plain model: no difference in any cent."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import event, given, settings
from hypothesis import strategies as st

from authz.authorize import authorize
from authz.outcomes import Outcome
from authz.requests import Kind, Original, Request
from tests.authz.builders import BOOKS, again, numbers, some_holder, some_request, some_state
from tests.authz.memory_store import MemoryStore
from tests.road.memory import all_of

PARIS: Final = ZoneInfo("Europe/Paris")
MOMENTS: Final = tuple(
    datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)
    for text in (
        "2026-11-24T12:30", "2026-11-24T23:59:59", "2026-11-25T00:00", "2027-01-15T12:30",
        "2027-02-26T23:59:59", "2027-03-01T00:00", "2027-03-02T12:30",
    )
)  # fmt: skip
"""Weekdays around a midnight and a 1 March; people go through them in this order."""
CAP: Final = 2_500


class Model:
    """A person with vouchers of two years, as one would keep it on paper. Cents throughout."""

    def __init__(self, lots: dict[int, int]) -> None:
        self.lots, self.used, self.payments = lots, dict[date, int](), dict[int, dict[str, Any]]()
        self.stopped: set[int] = set()

    def pay(self, name: int, hold: bool, amount: int, part: bool, day: date) -> int:
        if name in self.payments:
            return int(self.payments[name]["approved"])
        if name in self.stopped:
            return 0
        most = self._room(day)
        approved = amount if amount <= most else most if part else 0
        self.payments[name] = {"day": day, "hold": hold, "approved": approved, "parts": []} | {
            "captured": not hold, "undone": False}  # fmt: skip
        self._take(self.payments[name], approved)
        return approved

    def reverse(self, name: int, left: int) -> int:
        if name not in self.payments:
            self.stopped.add(name)
            return 0
        self.payments[name]["undone"] |= left == 0
        return self._give_back(name, max(0, self._standing(name) - left))

    def cancel(self, name: int) -> int:
        if name not in self.payments or self.payments[name]["captured"]:
            return 0
        return self.reverse(name, 0) if self.payments[name]["approved"] else 0

    def expire(self, name: int) -> int:
        held = name in self.payments and not self.payments[name]["captured"]
        return self._give_back(name, self._standing(name)) if held else 0

    def capture(self, name: int, amount: int) -> int:
        paid = self.payments.get(name)
        if paid is None or paid["captured"] or amount > paid["approved"]:
            return 0
        standing = self._standing(name)
        if standing == 0 and not paid["undone"] and amount <= self._room(paid["day"]):
            self._take(paid, amount)
        elif amount <= standing:
            self._give_back(name, standing - amount)
        else:
            return 0
        paid["captured"] = True
        return amount

    def refund(self, name: int, amount: int) -> int:
        captured = bool(name in self.payments and self.payments[name]["captured"])
        good = captured and amount <= self._standing(name)
        return self._give_back(name, amount) if good else 0

    def _room(self, day: date) -> int:
        open_lots = sum(minor for year, minor in self.lots.items() if year <= day.year)
        return min(open_lots, CAP - self.used.get(day, 0))

    def _take(self, paid: dict[str, Any], amount: int) -> None:
        self.used[paid["day"]] = self.used.get(paid["day"], 0) + amount
        for year in sorted(self.lots):
            part = min(amount, self.lots[year])
            self.lots[year] -= part
            amount -= part
            paid["parts"] += [[year, part]]

    def of_two_years(self, name: int) -> bool:
        return len({year for year, part in self.payments[name]["parts"] if part}) > 1

    def _standing(self, name: int) -> int:
        return sum(part for _, part in self.payments[name]["parts"])

    def _give_back(self, name: int, amount: int) -> int:
        paid, left = self.payments[name], amount
        self.used[paid["day"]] = self.used.get(paid["day"], 0) - amount
        for entry in reversed(paid["parts"]):
            part = min(left, entry[1])
            entry[1] -= part
            self.lots[entry[0]] += part
            left -= part
        return amount


class Life:
    """The same person on the road: requests in, books in memory."""

    def __init__(self, lots: dict[int, int]) -> None:
        self.store = MemoryStore(some_state(some_holder(lots=tuple(lots.items()))))
        self.next_id, self.sent = numbers(), dict[int, Request]()

    def ask(self, request: Request) -> Outcome:
        verdict = authorize([request], all_of(self.store), BOOKS, self.next_id)
        if verdict.writes.keys:
            self.store.land(verdict.writes)
        return verdict.outcomes[0]

    def pay(self, name: int, hold: bool, amount: int, part: bool, now: datetime) -> int:
        if name in self.sent:
            return self.ask(again(self.sent[name], received_at=now)).approved_minor
        key = self._key(name)
        kind = Kind.HOLD if hold else Kind.PURCHASE
        self.sent[name] = some_request(
            amount, kind=kind, partial_ok=part, received_at=now, key_hash=key
        )
        return self.ask(self.sent[name]).approved_minor

    def about(self, kind: Kind, name: int, amount: int, now: datetime, left: int = 0) -> int:
        asked = some_request(
            amount, kind=kind, card_ref=b"", received_at=now, new_total_minor=left, mid="",
            about=Original(keys=(self._key(name),)),
        )  # fmt: skip
        outcome = self.ask(asked)
        return outcome.approved_minor if outcome.approved else 0

    def books(self) -> tuple[dict[int, int], dict[date, int]]:
        """Free money by vintage, and use by day, as the holder's row says."""
        (holder,) = self.store.state.holders.values()
        years = [lot.vintage for lot in holder.profile.lots]
        used = {entry.day: entry.used_minor for entry in holder.used if entry.used_minor}
        return dict(zip(years, holder.lot_available, strict=True)), used

    @staticmethod
    def _key(name: int) -> bytes:
        return b"payment" + name.to_bytes(9, "big")


AMOUNTS = st.one_of(st.integers(1, 2_600), st.sampled_from([100, 200, 300, 500, 900]))
NAMES = st.integers(0, 2)
DEEDS = st.one_of(
    st.tuples(st.just("pay"), NAMES, AMOUNTS, st.booleans(), st.booleans()),
    st.tuples(st.just("pay"), NAMES, AMOUNTS, st.just(True), st.just(False)),
    st.tuples(st.just("reverse"), NAMES, st.sampled_from([0, 0, 300, 1_000])),
    st.tuples(st.just("capture"), NAMES, AMOUNTS),
    st.tuples(st.just("refund"), NAMES, AMOUNTS),
    st.tuples(st.sampled_from(["expire", "cancel"]), NAMES),
    st.tuples(st.just("later")),
)
LOTS = st.fixed_dictionaries(
    {2026: st.sampled_from([300, 800, 4_000]), 2027: st.sampled_from([500, 9_000])}
)


@settings(max_examples=200)
@given(LOTS, st.sampled_from(range(len(MOMENTS))), st.lists(DEEDS, min_size=12, max_size=40))
def test_a_random_life_is_kept_as_on_paper(
    lots: dict[int, int], moment: int, deeds: list[Any]
) -> None:
    model, life = Model(dict(lots)), Life(lots)
    for verb, *rest in deeds:
        now = MOMENTS[moment]
        if verb == "later":
            moment = min(moment + 1, len(MOMENTS) - 1)
            continue
        expected, done = play(model, life, verb, rest, now)
        event(f"{verb}: {'moves' if expected else 'moves nothing'}")
        if any(model.of_two_years(name) for name in model.payments):
            event("a payment of two years")
        assert done == expected, (verb, rest)
        free, used = life.books()
        assert free == model.lots
        assert used == {day: minor for day, minor in model.used.items() if minor}


def play(model: Model, life: Life, verb: str, rest: list[Any], now: datetime) -> tuple[int, int]:
    """What the deed moves on paper, and on the road."""
    day = now.astimezone(PARIS).date()
    match verb, rest:
        case "pay", [name, amount, hold, part]:
            return (
                model.pay(name, hold, amount, part, day),
                life.pay(name, hold, amount, part, now),
            )
        case "reverse", [name, left]:
            return (
                model.reverse(name, left),
                life.about(Kind.REVERSAL, name, 1_000_000, now, left),
            )
        case "capture", [name, amount]:
            return model.capture(name, amount), life.about(Kind.CAPTURE, name, amount, now)
        case "refund", [name, amount]:
            return model.refund(name, amount), life.about(Kind.REFUND, name, amount, now)
        case "expire", [name]:
            return model.expire(name), life.about(Kind.EXPIRY, name, 1_000_000, now)
        case _:
            return model.cancel(rest[0]), life.about(Kind.CANCEL, rest[0], 1_000_000, now)


def test_the_moments_cross_a_midnight_and_a_first_of_march() -> None:
    days = [moment.astimezone(PARIS).date() for moment in MOMENTS]
    assert days[1] + timedelta(days=1) == days[2]
    assert days[4] < date(2027, 3, 1) == days[5]
    assert list(MOMENTS) == sorted(MOMENTS)
