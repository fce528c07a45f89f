"""A person's money kept on paper: the plain model that random lives are held against. Cents.

It takes nothing from what it checks. A lot is (account, year); the pocket of the issuer counts as
the newest of all. What is taken is taken oldest first, what comes back comes back newest first.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

Lot = tuple[int, int]
ISSUER: Lot = (9, 9999)
CAP, DEEP = 2_500, 10**9


@dataclass
class Paid:
    """A payment: its money by lot, what it held last, and what reversals let stand at most."""

    account: int
    day: date
    captured: bool
    approved: int = 0
    held: int = 0
    most: int = DEEP
    parts: Counter[Lot] = field(default_factory=Counter)


class Paper:
    """What each deed moves; 0 where it is refused or finds nothing."""

    def __init__(self, lots: dict[Lot, int]) -> None:
        self.lots, self.used = Counter({ISSUER: DEEP} | lots), Counter[date]()
        self.paid, self.stopped = dict[int, Paid](), set[int]()
        self.refunds = list[tuple[Paid, Counter[Lot], list[int]]]()

    def pay(self, name: int, account: int, hold: bool, cents: int, part: bool, day: date) -> int:
        if name in self.paid or name in self.stopped:
            return self.paid[name].approved if name in self.paid else 0
        paid = self.paid[name] = Paid(account, day, captured=not hold)
        room = self.room(paid, day)
        paid.approved = paid.held = cents if cents <= room else room * part
        return self.move(paid, paid.approved, sorted(x for x in self.lots if x[0] == account))

    def reverse(self, name: int, left: int) -> int:
        if name not in self.paid:
            self.stopped.add(name)
            return 0
        paid = self.paid[name]
        paid.most = min(paid.most, left)
        return self.give_back(paid, paid.parts.total() - left)

    def expire(self, name: int) -> int:
        paid = self.paid.get(name)
        return self.give_back(paid, paid.parts.total()) if paid and not paid.captured else 0

    def cancel(self, name: int) -> int:
        paid = self.paid.get(name)
        return self.reverse(name, 0) if paid and paid.approved and not paid.captured else 0

    def capture(self, name: int, cents: int, today: date) -> int:
        paid = self.paid.get(name)
        if paid is None or paid.captured or cents > min(paid.held, paid.most):
            return 0
        if not paid.parts.total():  # too late: only if there is money, and the day has room
            if not paid.most or cents > self.room(paid, today):
                return 0
            self.move(paid, cents, sorted(x for x in self.lots if x[0] == paid.account))
        self.give_back(paid, paid.parts.total() - cents)
        paid.captured = True
        return cents

    def refund(self, name: int, cents: int) -> int:
        paid = self.paid.get(name)
        if paid is None or not paid.captured or cents > paid.parts.total():
            return 0
        before = paid.parts.copy()
        self.give_back(paid, cents)
        self.refunds.append((paid, before - paid.parts, [cents]))
        return cents

    def unrefund(self, nth: int, left: int, happened: bool) -> int:
        paid, given, undone = self.refunds[nth]
        wanted = max(0, min(undone[0] - left, paid.most - paid.parts.total()))
        had = Counter[Lot]()
        for lot in sorted(given):
            had[lot] = min(wanted - had.total(), given[lot], self.lots[lot])
        lost, vouchers = wanted - had.total(), had.total() - had[ISSUER]
        if not happened and (lost or vouchers > max(0, CAP - self.used[paid.day])):
            return 0
        given.subtract(had)
        for lot, cents in (had + Counter({ISSUER: lost})).items():
            self.move(paid, cents, [lot])
        undone[0] -= wanted
        return wanted

    def room(self, paid: Paid, today: date) -> int:
        own = [lot for lot in self.lots if lot[0] == paid.account and lot[1] <= today.year]
        return max(0, min(sum(self.lots[lot] for lot in own), CAP - self.used[paid.day]))

    def give_back(self, paid: Paid, cents: int) -> int:
        left = paid.parts.total() - max(0, cents)
        paid.held = left or paid.held
        return -self.move(paid, -max(0, cents), sorted(paid.parts, reverse=True))

    def move(self, paid: Paid, cents: int, lots: list[Lot]) -> int:
        """Out of these lots in their order into the payment; below zero, back into them."""
        left = cents
        for lot in lots:
            part = min(left, self.lots[lot]) if cents > 0 else max(left, -paid.parts[lot])
            self.lots[lot], paid.parts[lot] = self.lots[lot] - part, paid.parts[lot] + part
            self.used[paid.day], left = self.used[paid.day] + part * (lot != ISSUER), left - part
        return cents
