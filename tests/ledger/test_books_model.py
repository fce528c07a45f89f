"""The books in memory against a plain model: whatever is thrown at them, the two agree."""

from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.accounts import House, lot_account, payable_account
from ledger.running import Running, after
from ledger.transfers import Movement, Transfer
from tests.ledger.books import Books
from tests.ledger.table import AT

LOTS = [lot_account(1, 1), lot_account(1, 2)]
SHOPS = [payable_account(7), int(House.UNREGISTERED)]
amounts = st.integers(1, 60)


class PlainRow:
    """A movement as the plain model keeps it: words and numbers, no structure of ours."""

    def __init__(self, verb: str, lot: int, shop: int, amount: int, about: int, day: int) -> None:
        self.verb, self.lot, self.shop = verb, lot, shop
        self.amount, self.about, self.day = amount, about, day


class BooksAgainstAPlainModel(RuleBasedStateMachine):
    """Every step is asked of the books and of a model that counts its whole history each time."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.running = Running(1, 0, 0, date(2026, 11, 1))
        self.rows: list[PlainRow] = []

    # The plain model: sums over all that ever happened, by definition.

    def open_holds(self, lot: int) -> int:
        settled = {row.about for row in self.rows if row.verb in ("post", "void")}
        return sum(
            row.amount
            for seq, row in enumerate(self.rows, 1)
            if row.verb == "hold" and row.lot == lot and seq not in settled
        )

    def free(self, lot: int) -> int:
        signs = {"load": 1, "back": 1, "buy": -1, "post": -1}
        moved = sum(signs.get(r.verb, 0) * r.amount for r in self.rows if r.lot == lot)
        return moved - self.open_holds(lot)

    def used(self, day: int) -> int:
        signs = {"buy": 1, "post": 1, "back": -1}
        spent = sum(signs.get(r.verb, 0) * r.amount for r in self.rows if r.day == day)
        settled = {row.about for row in self.rows if row.verb in ("post", "void")}
        held = [r for seq, r in enumerate(self.rows, 1) if r.verb == "hold" and seq not in settled]
        return spent + sum(row.amount for row in held if row.day == day)

    def may(self, row: PlainRow) -> bool:
        about = self.rows[row.about - 1] if row.about else None
        match row.verb:
            case "load":
                return True
            case "buy" | "hold":
                return row.amount <= self.free(row.lot)
            case "back":
                came_back = sum(
                    r.amount for r in self.rows if r.verb == "back" and r.about == row.about
                )
                return (
                    about is not None
                    and about.verb in ("buy", "post")
                    and about.shop == row.shop
                    and about.day == row.day
                    and came_back + row.amount <= about.amount
                )
            case _:
                return (
                    about is not None
                    and about.verb == "hold"
                    and (about.lot, about.shop, about.day) == (row.lot, row.shop, row.day)
                    and not any(
                        r.verb in ("post", "void") and r.about == row.about for r in self.rows
                    )
                    and row.amount <= about.amount
                    and (row.verb == "post" or row.amount == about.amount)
                )

    def step(self, row: PlainRow) -> None:
        seq = len(self.rows) + 1
        debit, credit, kind = {
            "load": (int(House.EMPLOYER_PREPAID), row.lot, Movement.DIRECT),
            "buy": (row.lot, row.shop, Movement.DIRECT),
            "back": (row.shop, row.lot, Movement.DIRECT),
            "hold": (row.lot, row.shop, Movement.HOLD),
            "post": (row.lot, row.shop, Movement.POST),
            "void": (row.lot, row.shop, Movement.VOID),
        }[row.verb]
        transfer = Transfer(
            1, seq, kind, debit, credit, row.amount, None, row.about or None,
            date(2026, 11, row.day), AT,
        )  # fmt: skip
        refusal = self.books.post(transfer)
        assert (refusal is None) == self.may(row), refusal
        if refusal is None:
            self.rows.append(row)
            holds = {n: r.amount for n, r in enumerate(self.rows, 1) if r.verb == "hold"}
            self.running = after(self.running, [transfer], holds, {1: 1, 2: 2})

    @initialize(amount=st.integers(100, 300))
    def load_once(self, amount: int) -> None:
        self.step(PlainRow("load", LOTS[0], 0, amount, 0, 1))

    @rule(lot=st.sampled_from(LOTS), amount=amounts)
    def load(self, lot: int, amount: int) -> None:
        self.step(PlainRow("load", lot, 0, amount, 0, 1))

    @rule(
        verb=st.sampled_from(["buy", "hold"]),
        lot=st.sampled_from(LOTS),
        shop=st.sampled_from(SHOPS),
        amount=amounts,
        day=st.integers(1, 2),
    )
    def spend(self, verb: str, lot: int, shop: int, amount: int, day: int) -> None:
        self.step(PlainRow(verb, lot, shop, amount, 0, day))

    @rule(
        verb=st.sampled_from(["post", "void", "back"]),
        data=st.data(),
        faithful=st.integers(0, 3),
        lot=st.sampled_from(LOTS),
        shop=st.sampled_from(SHOPS),
        amount=amounts,
    )
    def follow(
        self, verb: str, data: st.DataObject, faithful: int, lot: int, shop: int, amount: int
    ) -> None:
        """Settle or give back something; mostly what would be right, else anything."""
        about = data.draw(st.integers(1, len(self.rows)))
        row = self.rows[about - 1]
        if faithful == 0:
            self.step(PlainRow(verb, lot, shop, amount, about, 1))
        else:
            share = row.amount if faithful < 3 else max(1, row.amount // 2)
            self.step(PlainRow(verb, row.lot, row.shop or shop, share, about, row.day))

    @invariant()
    def no_lot_is_below_zero_and_all_say_the_same(self) -> None:
        for index, lot in enumerate(LOTS):
            balance = self.books.balance(lot)
            assert balance.available_minor == self.free(lot) >= 0
            assert balance.held_minor == self.open_holds(lot) >= 0
            if index < len(self.running.lot_available):
                assert self.running.lot_available[index] == self.free(lot)
                assert self.running.lot_held[index] == self.open_holds(lot)

    @invariant()
    def debits_are_credits(self) -> None:
        sums = self.books.balances.values()
        assert sum(b.debits_pending for b in sums) == sum(b.credits_pending for b in sums)
        assert sum(b.debits_posted for b in sums) == sum(b.credits_posted for b in sums)

    @invariant()
    def the_use_of_each_day_is_what_was_spent_or_held_for_it(self) -> None:
        days = zip(self.running.usage_days, self.running.usage_minor, strict=True)
        by_day = {1: 0, 2: 0}
        for day, minor in days:
            by_day[day.day] += minor
        assert by_day == {day: self.used(day) for day in (1, 2)}


TestBooksAgainstAPlainModel = BooksAgainstAPlainModel.TestCase
